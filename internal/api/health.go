package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
	"game-session-manager/internal/report"
)

// Check checks one component of the service.
type Check struct {
	Name string
	// Run returns details of the component, and an error if it is down. It must return when its context ends.
	Run func(context.Context) (game.Facts, error)
}

// checkTimeout bounds each check, so that a component that hangs is reported as down.
const checkTimeout = 2 * time.Second

const (
	statusOK   = "ok"
	statusDown = "down"
)

type healthBody struct {
	Status        string `json:"status" enum:"ok" doc:"ok: the process is running."`
	Version       string `json:"version"`
	UptimeSeconds int64  `json:"uptime_seconds"`
}

func (a *API) getHealth(context.Context, *struct{}) (*bodyOut[healthBody], error) {
	return bodyResponse(healthBody{Status: statusOK, Version: a.Version, UptimeSeconds: a.uptime()}, nil)
}

func (a *API) uptime() int64 { return int64(a.Now().Sub(a.started).Seconds()) }

type detailedHealth struct {
	Status        string                `json:"status" enum:"ok,down" doc:"down if a component is."`
	Version       string                `json:"version"`
	UptimeSeconds int64                 `json:"uptime_seconds"`
	Components    map[string]game.Facts `json:"components" doc:"Each has a status and a latency_ms, and details of its own."`
}

type detailedOut struct {
	Status     int
	RetryAfter string `header:"Retry-After"`
	Body       detailedHealth
}

func (a *API) getHealthDetailed(ctx context.Context, _ *struct{}) (*detailedOut, error) {
	if err := game.CallerFrom(ctx).MayOperate(); err != nil {
		return nil, err
	}
	out := &detailedOut{http.StatusOK, "", detailedHealth{
		Status: statusOK, Version: a.Version, UptimeSeconds: a.uptime(),
		Components: make(map[string]game.Facts, len(a.Checks)),
	}}

	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range a.Checks {
		wg.Go(func() {
			facts := a.check(ctx, c)
			mu.Lock()
			defer mu.Unlock()
			out.Body.Components[c.Name] = facts
			if facts["status"] != statusOK {
				out.Status, out.RetryAfter, out.Body.Status = http.StatusServiceUnavailable, web.RetryAfter, statusDown
			}
		})
	}
	wg.Wait()
	return out, nil
}

// check runs one check. It reports a failure to the operator, and returns the part of it that callers may see.
func (a *API) check(ctx context.Context, c Check) game.Facts {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	begin := a.Now()
	found, err := c.Run(ctx)
	facts := game.Facts{"status": statusOK, "latency_ms": float64(a.Now().Sub(begin).Microseconds()) / 1000}
	for name, value := range found {
		facts[name] = value
	}
	if err != nil {
		facts["status"], facts["detail"] = statusDown, "The check failed. The log says why."
		if named := (*game.Error)(nil); errors.As(err, &named) {
			facts["detail"] = named.Message
		}
		facts["error_id"] = a.Failed(ctx, report.Failure{Code: report.FailureComponent, Task: c.Name, Err: err})
	}
	return facts
}

type probe struct {
	Status string `json:"status" enum:"ok,stopping"`
}

type probeOut struct {
	Status     int
	RetryAfter string `header:"Retry-After"`
	Body       probe
}

func (a *API) getLivez(context.Context, *struct{}) (*probeOut, error) {
	return &probeOut{http.StatusOK, "", probe{statusOK}}, nil
}

// getReadyz succeeds while the database is down: callers then get 503 with Retry-After instead of a refused connection.
func (a *API) getReadyz(context.Context, *struct{}) (*probeOut, error) {
	if a.stopping.Load() {
		return &probeOut{http.StatusServiceUnavailable, web.RetryAfter, probe{"stopping"}}, nil
	}
	return &probeOut{http.StatusOK, "", probe{statusOK}}, nil
}
