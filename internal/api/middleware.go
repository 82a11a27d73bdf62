package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

// requestIDHeader carries the id of a request, both ways.
const requestIDHeader = "X-Request-ID"

// actAsHeader names the player for whom a server acts.
const actAsHeader = "X-Act-As-Player"

// maxRequestID is how long a caller's request id may be.
const maxRequestID = 128

// identify gives the request its id, its deadline and its room in memory. It is the one place where the request is
// copied: what reads the request's pattern must be inside.
func (a *API) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !saneRequestID(id) {
			id = a.NewID()
		}
		w.Header().Set(requestIDHeader, id)
		ctx, cancel := context.WithTimeout(r.Context(), a.RequestTimeout)
		defer cancel()
		room := a.memory.Room()
		defer room.Leave() // when the response was taken: until then it is in memory
		ctx = game.WithRoom(game.WithRequestID(ctx, id), ownRoom{room})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// ownRoom is the room of a request in memory, as the rules know it.
type ownRoom struct{ *limits.Room }

// Fresh implements [game.Room].
func (r ownRoom) Fresh() game.Room { return ownRoom{r.Room.Fresh()} }

func saneRequestID(id string) bool {
	if len(id) == 0 || len(id) > maxRequestID {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// recover answers a panic as an internal error. It stands inside of what observes, so that the panic is logged and counted as the
// 500 that it became.
func (a *API) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
				panic(cause)
			}
			_, path, _ := strings.Cut(r.Pattern, " ")
			a.writeProblem(w, a.internalProblem(r.Context(), http.StatusInternalServerError,
				game.Failure{Code: game.FailurePanic, Route: path, Err: game.Caught(cause)}))
		}()
		next.ServeHTTP(w, r)
	})
}

// unmatched answers requests that cannot be routed, or that no route takes, in the form of every other problem.
func (a *API) unmatched(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		p := oversized(r)
		if p == nil {
			p = check(r, pattern != "")
		}
		if p != nil {
			r.Pattern = pattern // for whoever measures
			a.writeProblem(w, p)
			return
		}
		arrived := func() { _ = http.NewResponseController(w).SetReadDeadline(time.Time{}) } // of what has deadlines
		if r.Body == http.NoBody {
			arrived()
		}
		r.Body = arriving{r.Body, arrived}
		mux.ServeHTTP(&unmatchedWriter{ResponseWriter: w, api: a, request: r}, r)
	})
}

// misdirected answers what [LocalOnly] refuses.
func (a *API) misdirected(w http.ResponseWriter, r *http.Request) {
	a.writeProblem(w, newProblem(r.Context(), http.StatusForbidden, "cross_origin",
		"Without authentication the service answers its own machine only: not web pages of other origins, "+
			"another port too, and not under another host name than localhost or a loopback address. For a front end on another port turn "+
			"authentication on (GSM_AUTH=on) and list its origin in GSM_CORS_ORIGINS."))
}

// arriving is a body on its way. It ends one that breaks off with a byte that no JSON ends with, so that it is
// refused as the broken JSON that it is, even where what came of it is whole: huma would tell it as a fault of ours.
//
// At its end it lifts the deadline by which it had to arrive. net/http goes on to read from the connection, to notice
// that the caller has gone, and takes a deadline that passes for that: it would cancel this request, and all that
// follow on the connection.
type arriving struct {
	io.ReadCloser
	arrived func()
}

// Read implements [io.Reader].
func (b arriving) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.arrived()
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err //nolint:wrapcheck // a reader passes errors on as they are
	}
	if n < len(p) {
		p[n] = 0
		n++
	}
	return n, io.EOF
}

// unmatchedWriter replaces the plain text that the mux writes where it has no route, what it answers to paths that it would
// clean, and what the pages of the documentation say of files that are not there.
type unmatchedWriter struct {
	http.ResponseWriter
	api      *API
	request  *http.Request
	replaced bool
}

func (w *unmatchedWriter) WriteHeader(status int) {
	ctx := w.request.Context()
	routed := w.request.Pattern != ""
	switch {
	case status == http.StatusTemporaryRedirect, status == http.StatusNotFound && w.Header().Get("Content-Type") != problemType:
		w.replaced = true
		w.Header().Del("Location")
		w.Header()["Content-Security-Policy"] = noContent
		w.api.writeProblem(w.ResponseWriter, newProblem(ctx, http.StatusNotFound, "not_found", "Nothing is at this path. /docs lists what is."))
		return
	case status == http.StatusMethodNotAllowed && !routed:
		w.replaced = true
		w.api.writeProblem(w.ResponseWriter, newProblem(ctx, status, "method_not_allowed",
			"This path takes other methods: "+w.Header().Get("Allow")+"."))
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *unmatchedWriter) Write(b []byte) (int, error) {
	if w.replaced {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b) //nolint:wrapcheck // a writer passes errors on as they are
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *unmatchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
