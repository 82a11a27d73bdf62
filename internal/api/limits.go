package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

// What the target and the header of a request may have. The size of the header is the server's to keep.
const (
	maxPath        = 1 << 10 // bytes, as they are sent
	maxQuery       = 4 << 10 // bytes, as they are sent
	maxHeaderLines = 100
)

// Limits are the bounds that are configured.
type Limits struct {
	Rates    map[limits.Class]limits.Rate // of callers
	InFlight int                          // requests that are worked on at once; 0 for no limit
	Memory   int64                        // bytes that requests hold at once of large documents; 0 for no limit

	// What the server keeps that the API is served by, to be told.
	HeaderBytes  int
	ReadTimeout  time.Duration // for the header of a request, and again for its body
	WriteTimeout time.Duration // from a header read to the answer taken
	IdleTimeout  time.Duration // between requests

	// FailedCredentials are those that one address may send at once: see [limits.NewFailures]. Authenticate refuses the others.
	FailedCredentials int

	// OnLimited is told whose rate is used up of each request that is refused; nil for nobody.
	OnLimited func(class string)
}

// queueTime is how long a request waits for its turn: what is left of its time is for the work.
func (d *Deps) queueTime() time.Duration { return d.RequestTimeout / 2 }

// Load returns how many requests may be worked on at once, 0 without a limit, and how many are queued.
func (a *API) Load() (limit, queued int) { return a.inFlight.Load() }

// exempt reports whether a path is not counted among the requests that are worked on: those by which the service is watched, which must
// answer when nothing else does, and pages that are written as they are.
func exempt(path string) bool {
	switch path {
	case "/livez", "/readyz", "/health", "/health/detailed":
		return true
	}
	return isPage(path)
}

// shed answers what is too much at once before anything else is done for it, so that the rest is answered in time. A request whose
// body still has to arrive takes its slot later, in [API.begin]: otherwise callers who send slowly would have all slots.
func (a *API) shed(mux *http.ServeMux, next http.Handler) http.Handler {
	if a.inFlight == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if exempt(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		s := &slot{ResponseWriter: w, among: a.inFlight}
		defer s.leave()
		inner := r
		var ok bool
		if r.ContentLength != 0 {
			inner, ok = r.WithContext(context.WithValue(r.Context(), slotKey{}, s)), !a.inFlight.Full()
		} else {
			ok = s.enter(r.Context())
		}
		if !ok {
			_, r.Pattern = mux.Handler(r) // for whoever measures
			a.writeProblem(w, overloaded(r.Context()))
			return
		}
		defer func() { r.Pattern = inner.Pattern }()
		next.ServeHTTP(s, inner)
	})
}

// begin takes the slot of a request whose body has arrived, and returns the problem of one that is too many, or too late.
func (a *API) begin(ctx context.Context) *Problem {
	s, ok := ctx.Value(slotKey{}).(*slot)
	switch {
	case !ok:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return lateBody(ctx)
	case !s.enter(ctx):
		return overloaded(ctx)
	}
	return nil
}

// overloaded is the problem of a request that is too many.
func overloaded(ctx context.Context) *Problem {
	p := newProblem(ctx, http.StatusServiceUnavailable, game.ErrOverloaded.Code, game.ErrOverloaded.Message)
	p.Extras = map[string]any{"outcome": game.OutcomeNone}
	p.header = http.Header{"Retry-After": {retryAfter}}
	return p
}

// slot is the one that a request has among those that are worked on. It ends where the answer is written, so that callers who
// do not take their answers have none. One goroutine uses it.
type slot struct {
	http.ResponseWriter
	among *limits.Concurrency
	held  bool
}

type slotKey struct{}

func (s *slot) enter(ctx context.Context) bool {
	s.held = s.among.Enter(ctx)
	return s.held
}

func (s *slot) leave() {
	if s.held {
		s.held = false
		s.among.Leave()
	}
}

// Write implements [http.ResponseWriter].
func (s *slot) Write(b []byte) (int, error) {
	s.leave()
	return s.ResponseWriter.Write(b) //nolint:wrapcheck // a writer passes errors on as they are
}

// Unwrap lets [http.ResponseController] reach the connection.
func (s *slot) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// rate counts the request and tells its caller in the header how many more there may be. It returns the problem of one that
// is too many.
func (a *API) rate(h http.Header, c game.Caller, r *http.Request) *Problem {
	class, name := classOf(c)
	if class == "" {
		return nil
	}
	d := a.callers.Take(class, name)
	if d.Allowed {
		d.SetHeaders(h)
		return nil
	}
	a.limited(h, d)
	return newProblem(r.Context(), http.StatusTooManyRequests, "rate_limited", "You ask more often than you may. Wait as long as Retry-After says; GET "+basePath+"/limits tells the rates.")
}

// limited tells the caller of a request that is refused when to come back, and the operator that there was one.
func (a *API) limited(h http.Header, d limits.Decision) {
	d.SetHeaders(h)
	if a.Limits.OnLimited != nil {
		a.Limits.OnLimited(string(d.Class()))
	}
}

// classOf returns whose rate a caller has, and the name by which it is counted; no class for one without a limit.
func classOf(c game.Caller) (class limits.Class, name string) {
	switch {
	case c == game.Anonymous(): // many who have nothing to be told apart by
	case c.Scope == game.ScopePlayer:
		return limits.Player, string(c.Player)
	case c.Scope != "":
		return limits.Server, c.Name
	}
	return "", ""
}

// oversized refuses targets and headers that no client of ours needs, nil for those that are fine.
func oversized(r *http.Request) *Problem {
	if n := len(r.URL.EscapedPath()); n > maxPath {
		return uriTooLong(r.Context(), "path", maxPath)
	}
	if n := len(r.URL.RawQuery); n > maxQuery {
		return uriTooLong(r.Context(), "query", maxQuery)
	}
	lines := 0
	for _, values := range r.Header {
		lines += len(values)
	}
	if lines > maxHeaderLines {
		return newProblem(r.Context(), http.StatusRequestHeaderFieldsTooLarge, "too_many_headers", fmt.Sprintf("The request has more than %d header lines.", maxHeaderLines))
	}
	return nil
}

func uriTooLong(ctx context.Context, part string, most int) *Problem {
	p := newProblem(ctx, http.StatusRequestURITooLong, "uri_too_long", fmt.Sprintf("The %s has more than %d bytes.", part, most))
	p.Extras = map[string]any{"max_bytes": most}
	return p
}

type limitsOut struct{ Body game.Limits }

func (a *API) getLimits(ctx context.Context, _ *struct{}) (*limitsOut, error) {
	l := game.DocumentLimits()
	r := &l.Requests
	r.InFlight, r.Queue = a.Limits.InFlight, limits.QueueFactor*a.Limits.InFlight
	r.BodyBytes, r.SessionBodyBytes = maxBody, maxSessionBody
	r.HeaderBytes, r.HeaderLines, r.RequestIDBytes = a.Limits.HeaderBytes, maxHeaderLines, maxRequestID
	r.PathBytes, r.QueryBytes = maxPath, maxQuery
	l.Timeouts = game.TimeoutLimits{
		Request: a.RequestTimeout.Seconds(), Queue: a.queueTime().Seconds(), Header: a.Limits.ReadTimeout.Seconds(), Body: a.Limits.ReadTimeout.Seconds(),
		Answer: a.Limits.WriteTimeout.Seconds(), Idle: a.Limits.IdleTimeout.Seconds(),
	}
	l.Rates = make(map[string]game.RateLimit)
	tell := func(class limits.Class, r limits.Rate) {
		if r.Limited() {
			l.Rates[string(class)] = game.RateLimit{PerSecond: r.PerSecond, Burst: r.Burst}
		}
	}
	if game.CallerFrom(ctx) != game.Anonymous() {
		for class, r := range a.Limits.Rates {
			tell(class, r)
		}
		tell(limits.FailedCredentials, limits.AddressRate(a.Limits.FailedCredentials))
		tell(limits.FailedKey, limits.KeyRate(a.Limits.FailedCredentials))
	}
	return &limitsOut{l}, nil
}
