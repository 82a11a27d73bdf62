package client

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"game-session-manager/internal/game"
)

// The stored metrics and their parts, as the server writes them.
type (
	// SystemMetrics are the metrics of the service's replicas in a time range.
	SystemMetrics = game.SystemMetrics
	// MetricsRange selects a time range. The zero value is the last hour.
	MetricsRange = game.MetricsRange
	// MetricsPoint has the metrics of one replica in one step.
	MetricsPoint = game.MetricsPoint
	// MetricsQuantiles are quantiles of the request duration, in milliseconds.
	MetricsQuantiles = game.MetricsQuantiles
	// MetricsPool counts the connections to the database.
	MetricsPool = game.Pool
)

// Metrics groups the calls about stored metrics, for admins. Use the one of a [Client].
type Metrics struct{ c *Client }

// System returns the stored metrics of a time range, which the server extends to whole steps. The step must be whole
// seconds. System reads all pages, from the cursor of r on. It returns [ErrValidation] and [ErrForbidden].
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
		q.err = errors.New("MetricsRange: Step must be whole seconds")
	}
	return fetch[SystemMetrics](ctx, s.c, q)
}

func setTime(v url.Values, name string, t time.Time) {
	if !t.IsZero() {
		v.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}
