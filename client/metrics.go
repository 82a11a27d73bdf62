package client

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"game-session-manager/internal/game"
)

// What the metrics are made of. Each is exactly what the server writes.
type (
	// SystemMetrics is what the replicas of the service did in a range of time.
	SystemMetrics = game.SystemMetrics
	// MetricsRange selects it. The zero value is the last hour.
	MetricsRange = game.MetricsRange
	// MetricsPoint is what one replica did in one step of time.
	MetricsPoint = game.MetricsPoint
	// MetricsQuantiles are milliseconds within which shares of the requests were answered.
	MetricsQuantiles = game.MetricsQuantiles
	// MetricsPool counts connections to the database.
	MetricsPool = game.Pool
)

// Metrics are the calls about what the service did. Take it from a [Client].
type Metrics struct{ c *Client }

// System returns the stored metrics of a range of time, from its cursor on, which the server widens to whole steps.
// Steps are of whole seconds. It goes through all pages, and returns [ErrValidation].
func (s *Metrics) System(ctx context.Context, r MetricsRange) (SystemMetrics, error) {
	var whole SystemMetrics
	for {
		page, err := s.page(ctx, r)
		if err != nil {
			return SystemMetrics{}, err
		}
		page.Items = append(whole.Items, page.Items...)
		if whole = page; whole.NextCursor == nil {
			return whole, nil
		}
		r.Cursor = *whole.NextCursor
	}
}

func (s *Metrics) page(ctx context.Context, r MetricsRange) (SystemMetrics, error) {
	v := url.Values{}
	setTime(v, "from", r.From)
	setTime(v, "to", r.To)
	set(v, "cursor", r.Cursor)
	if r.Step != 0 {
		v.Set("step", strconv.FormatInt(int64(r.Step/time.Second), 10))
	}
	q := read(basePath+"/metrics/system", v)
	if r.Step%time.Second != 0 {
		q.err = errors.New("MetricsRange: Step must be of whole seconds")
	}
	return fetch[SystemMetrics](ctx, s.c, q)
}

func setTime(v url.Values, name string, t time.Time) {
	if !t.IsZero() {
		v.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}
