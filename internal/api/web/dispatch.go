package web

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Dispatch passes requests to the routes of a mux. Requests that are malformed or match no route get a problem
// document. The pattern of the request must be set.
func Dispatch(mux *http.ServeMux, maxIdempotencyKey int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := Check(r, r.Pattern != "", maxIdempotencyKey); p != nil {
			WriteProblem(w, p)
			return
		}
		arrived := func() {
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // fails only without a connection, in tests
		}
		if r.Body == http.NoBody {
			arrived()
		}
		r.Body = arriving{r.Body, arrived}
		mux.ServeHTTP(&dispatched{ResponseWriter: w, request: r}, r)
	})
}

// arriving is a request body that clears the read deadline at its end. net/http continues to read from the connection,
// to notice when the client goes away, and would treat an expired deadline as that: it would cancel this request and
// all later ones on the connection.
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
	return n, err //nolint:wrapcheck // a reader passes errors on as they are
}

// dispatched replaces the plain text that the mux writes if it has no route, its redirects to cleaned paths, and the
// not-found pages of file handlers.
type dispatched struct {
	http.ResponseWriter
	request  *http.Request
	replaced bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *dispatched) WriteHeader(status int) {
	switch {
	case status == http.StatusTemporaryRedirect,
		status == http.StatusNotFound && w.Header().Get("Content-Type") != ProblemType:
		w.Header().Del("Location")
		w.Header()["Content-Security-Policy"] = NoContent
		w.replace(NewProblem(http.StatusNotFound, "not_found", "No route matches this path. /docs lists the routes."))
	case status == http.StatusMethodNotAllowed && w.request.Pattern == "":
		w.replace(NewProblem(
			status, "method_not_allowed", "The method is not allowed. This path allows: "+w.Header().Get("Allow")+".",
		))
	default:
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *dispatched) replace(p *Problem) {
	w.replaced = true
	WriteProblem(w.ResponseWriter, p)
}

// Write implements [http.ResponseWriter].
func (w *dispatched) Write(b []byte) (int, error) {
	if w.replaced {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b) //nolint:wrapcheck // a writer passes errors on as they are
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *dispatched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
