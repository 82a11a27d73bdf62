package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
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

	// FailedCredentials are those that one address may send at once: see [limits.NewFailures]. Authenticate refuses the
	// others.
	FailedCredentials int

	// OnLimited is told whose rate is used up of each request that is refused; nil for nobody.
	OnLimited func(class string)
}

// queueTime is how long a request waits for its turn: what is left of its time is for the work.
func (d *Deps) queueTime() time.Duration { return d.RequestTimeout / 2 }

// Load returns how many requests may be worked on at once, 0 without a limit, and how many are queued.
func (a *API) Load() (limit, queued int) { return a.inFlight.Load() }

// shed rejects what is too much at once before anything else is done for it, so that the rest is done in time. A
// request whose body still has to arrive takes its slot later, in [begin]: otherwise callers who send slowly would have
// all slots.
func (a *API) shed(next http.Handler) http.Handler {
	if a.inFlight == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if row := a.row(r); row.exempt || row.streams {
			next.ServeHTTP(w, r)
			return
		}
		s := web.NewSlot(w, a.inFlight)
		defer s.Leave()
		var ok bool
		if r.ContentLength != 0 {
			r, ok = web.WithSlot(r, s), !a.inFlight.Full()
		} else {
			ok = s.Enter(r.Context())
		}
		if !ok {
			web.WriteProblem(w, overloaded())
			return
		}
		next.ServeHTTP(s, r)
	})
}

// begin takes the slot of a request whose body has arrived, and returns the problem of one that is too many, or too
// late.
func begin(ctx context.Context) *web.Problem {
	s := web.SlotFrom(ctx)
	switch {
	case s == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return web.LateBody()
	case !s.Enter(ctx):
		return overloaded()
	}
	return nil
}

// overloaded is the problem of a request that is too many.
func overloaded() *web.Problem {
	p := web.NewProblem(http.StatusServiceUnavailable, game.ErrOverloaded.Code, game.ErrOverloaded.Message)
	p.Extras = map[string]any{"outcome": game.OutcomeNone}
	p.Header = http.Header{"Retry-After": {web.RetryAfter}}
	return p
}

// rate counts the request and tells its caller in the header how many more there may be. It returns the problem of one
// that is too many.
func (a *API) rate(h http.Header, c game.Caller) *web.Problem {
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
	return web.NewProblem(http.StatusTooManyRequests, "rate_limited", "Rate limit exceeded. Retry after the time in "+
		"Retry-After; GET "+basePath+"/limits returns the rates.")
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

type limitsOut struct{ Body game.Limits }

func (a *API) getLimits(ctx context.Context, _ *struct{}) (*limitsOut, error) {
	l := game.DocumentLimits()
	r := &l.Requests
	r.InFlight, r.Queue = a.Limits.InFlight, limits.QueueFactor*a.Limits.InFlight
	r.BodyBytes, r.SessionBodyBytes = web.MaxBody, maxSessionBody
	r.HeaderBytes, r.HeaderLines, r.RequestIDBytes = a.Limits.HeaderBytes, web.MaxHeaderLines, web.MaxRequestID
	r.PathBytes, r.QueryBytes = web.MaxPath, web.MaxQuery
	l.Timeouts = game.TimeoutLimits{
		Request: a.RequestTimeout.Seconds(), Queue: a.queueTime().Seconds(), Header: a.Limits.ReadTimeout.Seconds(),
		Body:     a.Limits.ReadTimeout.Seconds(),
		Response: a.Limits.WriteTimeout.Seconds(), Idle: a.Limits.IdleTimeout.Seconds(),
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
