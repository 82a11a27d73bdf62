package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"time"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/api/wire"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

// Limits are the configured limits.
type Limits struct {
	Rates    map[limits.Class]limits.Rate // of callers
	InFlight int                          // concurrent requests; 0 for no limit
	Streams  int                          // concurrent event streams; 0 for no limit
	Memory   int64                        // bytes of large documents that requests hold at once; 0 for no limit

	// Limits of the HTTP server, which GET /limits returns.
	HeaderBytes  int
	ReadTimeout  time.Duration // for the header of a request, and again for its body
	WriteTimeout time.Duration // from the end of the header to the end of the response
	IdleTimeout  time.Duration // between requests

	// FailedCredentials is how many wrong credentials one address may send at once: see [limits.NewFailures].
	// Authenticate rejects the others.
	FailedCredentials int

	// OnLimited is called with the class of each request that is rate limited. It may be nil.
	OnLimited func(class string)

	// How long sessions that are over, 0 for ever, and events are kept, which GET /limits returns.
	SessionRetention, EventRetention time.Duration
}

// queueTime bounds how long a request waits for a slot. The rest of its time is for the work.
func (d *Deps) queueTime() time.Duration { return d.RequestTimeout / 2 }

// Load returns how many requests may be processed at once, 0 for no limit, and how many are queued.
func (a *API) Load() (limit, queued int) { return a.inFlight.Load() }

// shed rejects requests beyond the concurrency limit before any work is done for them, so that the others finish in
// time. A request with a body takes its slot later, in [takeSlot]: otherwise clients that send slowly would hold all
// slots.
func (a *API) shed(next http.Handler) http.Handler {
	if a.inFlight == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if row := a.routeOf(r); row.exempt || row.streams {
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

// takeSlot takes the slot of a request whose body has arrived. It returns the problem of a request that gets no slot or
// whose body arrived too late.
func takeSlot(ctx context.Context) *web.Problem {
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

// overloaded returns the problem of a request beyond the concurrency limit.
func overloaded() *web.Problem {
	p := web.NewProblem(http.StatusServiceUnavailable, game.ErrOverloaded.Code, game.ErrOverloaded.Message)
	p.Extras = map[string]any{"outcome": game.OutcomeNone}
	p.Header = http.Header{"Retry-After": {web.RetryAfter}}
	return p
}

// limitRate counts a request of the caller and sets the headers that say how many more are allowed. It returns the
// problem of a request that is rate limited.
func (a *API) limitRate(h http.Header, c game.Caller) *web.Problem {
	class, name := classOf(c)
	if class == "" {
		return nil
	}
	d := a.callers.Take(class, name)
	if d.Allowed {
		d.SetHeaders(h)
		return nil
	}
	a.noteLimited(h, d)
	return web.NewProblem(http.StatusTooManyRequests, "rate_limited", "Rate limit exceeded. Retry after the time in "+
		"Retry-After; GET "+basePath+"/limits returns the rates.")
}

// noteLimited sets the headers that say when to retry a request that is rate limited, and reports it to OnLimited.
func (a *API) noteLimited(h http.Header, d limits.Decision) {
	d.SetHeaders(h)
	if a.Limits.OnLimited != nil {
		a.Limits.OnLimited(string(d.Class()))
	}
}

// classOf returns the caller's class of rate limit, and the name under which its requests are counted. The class is
// empty for a caller without a limit.
func classOf(c game.Caller) (class limits.Class, name string) {
	switch {
	case c == game.Anonymous(): // many callers, who cannot be distinguished
	case c.Scope == game.ScopePlayer:
		return limits.Player, string(c.Player)
	case c.Scope != "":
		return limits.Server, c.Name
	}
	return "", ""
}

func (a *API) getLimits(ctx context.Context, _ *struct{}) (*bodyOut[wire.Limits], error) {
	l := wire.Limits{Limits: game.DocumentLimits()}
	r := &l.Requests
	r.Streams = a.Limits.Streams
	r.PlayerStreams, r.KeyStreams = a.streams.Of(limits.Player), a.streams.Of(limits.Server)
	r.InFlight, r.Queue = a.Limits.InFlight, limits.QueueFactor*a.Limits.InFlight
	r.BodyBytes, r.SessionBodyBytes = web.MaxBody, maxSessionBody
	r.HeartbeatsBodyBytes, r.JoinBodyBytes = maxHeartbeatsBody, maxJoinBody
	r.HeaderBytes, r.HeaderLines, r.RequestIDBytes = a.Limits.HeaderBytes, web.MaxHeaderLines, web.MaxRequestID
	r.PathBytes, r.QueryBytes = web.MaxPath, web.MaxQuery
	r.IdempotencyKeyBytes, r.CredentialBytes = game.MaxIdempotencyKey, game.MaxCredential
	l.Timeouts = wire.TimeoutLimits{
		Request: a.RequestTimeout.Seconds(), Queue: a.queueTime().Seconds(), Header: a.Limits.ReadTimeout.Seconds(),
		Body:     a.Limits.ReadTimeout.Seconds(),
		Response: a.Limits.WriteTimeout.Seconds(), Idle: a.Limits.IdleTimeout.Seconds(),
	}
	l.Sessions.Timeouts = a.sessionTimeouts()
	l.Retention = game.RetentionLimits{
		Sessions: a.Limits.SessionRetention.Seconds(), Events: a.Limits.EventRetention.Seconds(),
	}
	l.Rates = make(map[string]wire.RateLimit)
	add := func(class limits.Class, r limits.Rate) {
		if r.Limited() {
			l.Rates[string(class)] = wire.RateLimit{PerSecond: r.PerSecond, Burst: r.Burst}
		}
	}
	if game.CallerFrom(ctx) != game.Anonymous() {
		for class, r := range a.Limits.Rates {
			add(class, r)
		}
		add(limits.WrongJoinCode, limits.JoinCodeRate())
		add(limits.WrongPassword, limits.PasswordRate())
		add(limits.FailedCredentials, limits.AddressRate(a.Limits.FailedCredentials))
		add(limits.FailedKey, limits.KeyRate(a.Limits.FailedCredentials))
	}
	return bodyResponse(l, nil)
}

// sessionTimeouts returns the timeouts of sessions by their names.
func (a *API) sessionTimeouts() map[string]game.SessionTimeout {
	defaults := reflect.ValueOf(a.Sessions.Timeouts(true))
	all := make(map[string]game.SessionTimeout)
	for i, r := range game.TimeoutRanges() {
		all[r.Name] = game.SessionTimeout{Default: int(defaults.Field(i).Int()), Min: r.Min, Max: r.Max}
	}
	return all
}
