package observe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/game"
	"game-session-manager/internal/report"
)

// maxGroups is the number of groups of failures that are remembered. A new group replaces the one seen longest ago.
const maxGroups = 100

// Errors records failures: each gets an id, a log line and a count. Failures with the same fingerprint form a group,
// which remembers its latest occurrence. As an [http.Handler] it serves the groups as JSON.
type Errors struct {
	log   *slog.Logger
	now   func() time.Time
	newID func() string
	total *prometheus.CounterVec

	mu     sync.Mutex
	groups map[string]*report.Group
}

// NewErrors returns an Errors without failures.
func NewErrors(log *slog.Logger, reg prometheus.Registerer, now func() time.Time, newID func() string) *Errors {
	total := counters(reg, "gsm_errors_total",
		"Failures that operators should know of, by code. /debug/errors of the ops listener tells the latest.",
		[]string{"code"}, report.FailureCodes()...)
	return &Errors{log: log, now: now, newID: newID, total: total, groups: make(map[string]*report.Group)}
}

// Report counts and logs a failure and returns its id, which may be shown to the caller. Messages are logged without
// quoted text, ids and passwords of URLs.
func (e *Errors) Report(ctx context.Context, f report.Failure) string {
	o := report.Sample{
		ErrorID: e.newID(), RequestID: game.RequestIDFrom(ctx), RunID: game.RunIDFrom(ctx),
		Message: cut(mask(f.Err.Error()), maxMessage), Causes: causes(f.Err),
	}
	if p := (*report.Panic)(nil); errors.As(f.Err, &p) {
		o.Stack = cut(p.Stack, maxStack)
	}
	mark := fingerprint(f, o.Causes)
	e.total.WithLabelValues(string(f.Code)).Inc()
	e.remember(f, mark, o)

	where := slog.String("route", f.Route)
	if f.Task != "" {
		where = slog.String("task", f.Task)
	}
	attrs := []slog.Attr{
		slog.String("code", string(f.Code)), slog.String("error_id", o.ErrorID), slog.String("fingerprint", mark),
		where,
		slog.String("error", o.Message), slog.Any("causes", o.Causes),
	}
	if o.Stack != "" {
		attrs = append(attrs, slog.String("stack", o.Stack))
	}
	e.log.LogAttrs(ctx, severity(f.Code), "failure", attrs...)
	return o.ErrorID
}

// severity returns ERROR for failures that a person must look at, and WARN for those that end without help.
func severity(code report.FailureCode) slog.Level {
	if code == report.FailureStoreSlow || code == report.FailureBackground || code == report.FailureComponent ||
		code == report.FailureIssuer {
		return slog.LevelWarn
	}
	return slog.LevelError
}

func (e *Errors) remember(f report.Failure, mark string, o report.Sample) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now().UTC()
	g := e.groups[mark]
	if g == nil {
		if len(e.groups) >= maxGroups {
			oldest := slices.MinFunc(e.list(), func(x, y report.Group) int { return x.LastSeen.Compare(y.LastSeen) })
			delete(e.groups, oldest.Fingerprint)
		}
		g = &report.Group{Fingerprint: mark, Code: f.Code, Route: f.Route, Task: f.Task, FirstSeen: now}
		e.groups[mark] = g
	}
	g.Count, g.LastSeen, g.Sample = g.Count+1, now, o
}

// list returns a copy of the groups. The caller holds the lock.
func (e *Errors) list() []report.Group {
	all := make([]report.Group, 0, len(e.groups))
	for _, g := range e.groups {
		all = append(all, *g)
	}
	return all
}

// ServeHTTP implements [http.Handler]. The groups come in order of their last failure, newest first.
func (e *Errors) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	all := e.list()
	e.mu.Unlock()
	slices.SortFunc(all, func(x, y report.Group) int {
		return cmp.Or(y.LastSeen.Compare(x.LastSeen), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(report.Groups{Errors: all}) // the caller may be gone
}
