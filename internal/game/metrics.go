package game

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of requests for stored metrics.
const (
	MinMetricsStep   = 15 * time.Second // how often a replica writes
	MaxMetricsStep   = 24 * time.Hour
	MaxMetricsRange  = 7 * 24 * time.Hour // every request reads all samples of its range
	MaxMetricsPoints = 1000               // of each replica

	defaultMetricsRange  = time.Hour
	defaultMetricsPoints = 240
	metricsPage          = 1000

	// metricsItems is the maximum number of points in a page. Each takes less than 1 KiB, so that a page is smaller
	// than MaxPageBytes.
	metricsItems = 1000
)

// MetricsSample is what one replica did in a period, with its state at the end of it.
type MetricsSample struct {
	At        time.Time `json:"at" doc:"The end of the period."`
	Replica   string    `json:"replica" doc:"The process that wrote it, unique among those on one database."`
	ExpiresAt time.Time `json:"expires_at" doc:"When it may be removed."`

	// Amounts in the period.
	Seconds      float64 `json:"seconds" doc:"How long the period was."`
	Requests     int64   `json:"requests" doc:"Requests to the API, without probes and pages."`
	ClientErrors int64   `json:"client_errors" doc:"Requests with a 4xx response."`
	Errors       int64   `json:"errors" doc:"Requests with a 5xx response."`
	Latency      Latency `json:"latency" doc:"How long requests took: bounds and counts of buckets."`

	// The state at the end of the period. Each replica counts the documents of the whole database; counts may stop at
	// [CountBound].
	Sessions    map[SessionStatus]int64 `json:"sessions" doc:"Live sessions in the whole database by their status; all sessions in older samples."`
	Members     int64                   `json:"members" doc:"Seats held in live sessions, in the whole database."`
	Players     int64                   `json:"players" doc:"Players in the whole database."`
	MemoryBytes int64                   `json:"memory_bytes" doc:"Memory of the process."`
	Goroutines  int64                   `json:"goroutines" doc:"Goroutines of the process."`
	Pool        *Pool                   `json:"pool" doc:"The connections to the database; absent from older samples."`
}

// MetricsPoint is what one replica did in one step of a range.
type MetricsPoint struct {
	At           time.Time               `json:"at" doc:"The start of the step."`
	Replica      string                  `json:"replica" doc:"The process that processed the requests."`
	Seconds      float64                 `json:"seconds" doc:"The duration that the amounts cover: about a step, or less if the replica did not run throughout."`
	Requests     int64                   `json:"requests" doc:"Requests to the API, without probes and pages."`
	ClientErrors int64                   `json:"client_errors" doc:"Requests with a 4xx response."`
	Errors       int64                   `json:"errors" doc:"Requests with a 5xx response."`
	LatencyMS    MetricsQuantiles        `json:"latency_ms"`
	LiveSessions int64                   `json:"live_sessions" doc:"Live sessions at the end of the step, of each status up to 1,000,000, in the whole database."`
	Sessions     map[SessionStatus]int64 `json:"sessions" doc:"Live sessions by status at the end of the step, of each up to 1,000,000, in the whole database."`
	Members      int64                   `json:"members" doc:"Seats held in the live sessions that were counted, in the whole database, at the end of the step."`
	Players      int64                   `json:"players" doc:"Players stored, at the end of the step; the embedded database counts at most 1,000,000."`
	MemoryBytes  int64                   `json:"memory_bytes" doc:"Memory of the process, at the end of the step."`
	Goroutines   int64                   `json:"goroutines" doc:"At the end of the step."`
	Pool         *Pool                   `json:"pool" doc:"The connections to the database, of the embedded one those that read, at the end of the step; null in older samples."`
}

// MetricsQuantiles are the times in milliseconds within which a share of the requests finished; nil if there were none.
type MetricsQuantiles struct {
	P50 *float64 `json:"p50" doc:"Half of the requests finished within it; null if there were none."`
	P95 *float64 `json:"p95" doc:"95 % of the requests finished within it; null if there were none."`
	P99 *float64 `json:"p99" doc:"99 % of the requests finished within it; null if there were none."`
}

// MetricsRange is a request for a range of time. The zero value is the last hour.
type MetricsRange struct {
	From time.Time     // zero for an hour before To
	To   time.Time     // zero for now
	Step time.Duration // in whole seconds; zero for one that gives about 240 points
	// Cursor is the NextCursor of the previous page; empty for the first.
	Cursor string
}

// SystemMetrics is the result for a [MetricsRange].
type SystemMetrics struct {
	From        time.Time      `json:"from" doc:"The start of the range, moved back to the start of a step."`
	To          time.Time      `json:"to" doc:"The end of the range, moved forward to the end of a step."`
	StepSeconds int64          `json:"step_seconds" doc:"How long a step is."`
	Items       []MetricsPoint `json:"items" nullable:"false" doc:"By time, and by replica within a step. Steps in which a replica stored nothing are left out."`
	NextCursor  *string        `json:"next_cursor" doc:"Continues where there are more than a thousand points; null on the last page."`
}

// Metrics reads the stored metrics of the system.
type Metrics struct {
	store MetricsStore
	now   func() time.Time
}

// NewMetrics returns the metrics in a store.
func NewMetrics(d Deps) *Metrics { return &Metrics{store: d.Store, now: d.Now} }

// System returns the metrics of a range, which is widened to whole steps, so that no point covers only a part of its
// step. A page has at most 1,000 points. It returns ErrValidation, or ErrForbidden unless the caller is an admin,
// because the metrics cover all projects.
func (m *Metrics) System(ctx context.Context, r MetricsRange) (SystemMetrics, error) {
	if err := CallerFrom(ctx).mayAdminister(); err != nil {
		return SystemMetrics{}, err
	}
	asked := r
	r, after, err := r.continued(m.now())
	if err != nil {
		return SystemMetrics{}, err
	}
	if err := TakeRoom(ctx, MaxPageBytes); err != nil {
		return SystemMetrics{}, err
	}
	steps := metricsSteps{step: r.Step, after: after, items: []MetricsPoint{}}
	q := MetricsQuery{From: r.From, To: r.To, Limit: metricsPage}
	if q.From.Before(after.At) {
		q.From = after.At
	}
	for more := true; more && len(steps.items) <= metricsItems; {
		samples, err := m.store.Metrics(ctx, q)
		if err != nil {
			return SystemMetrics{}, err
		}
		for _, s := range samples {
			steps.add(s)
			q.After = s.Position()
		}
		more = len(samples) == q.Limit
	}
	s := SystemMetrics{From: r.From, To: r.To, StepSeconds: int64(r.Step / time.Second), Items: steps.end()}
	if len(s.Items) > metricsItems {
		s.Items = s.Items[:metricsItems]
		last := s.Items[metricsItems-1]
		position := fmt.Sprintf(metricsCursor,
			r.From.UnixMilli(), r.To.UnixMilli(), r.Step/time.Second, last.At.UnixMilli(), last.Replica)
		s.NextCursor = new(encodeTextCursor(position, asked.filters()))
	}
	return s, nil
}

// metricsCursor is the format of a cursor: the range with its defaults set, and the last point.
const (
	metricsCursor      = "%d %d %d %d %s"
	metricsCursorParts = 5
)

// filters returns what a cursor belongs to.
func (r MetricsRange) filters() any {
	r.Cursor = ""
	return r
}

// continued returns the range with its defaults set, and the position of the last point of the previous page.
func (r MetricsRange) continued(now time.Time) (MetricsRange, MetricsPosition, error) {
	text, err := decodeTextCursor(r.Cursor, r.filters())
	if err != nil {
		return MetricsRange{}, MetricsPosition{}, err
	}
	if text == "" {
		r, err = r.resolve(now)
		return r, MetricsPosition{}, err
	}
	parts := strings.SplitN(text, " ", metricsCursorParts)
	var numbers [metricsCursorParts - 1]int64
	for i := range numbers {
		if numbers[i], err = strconv.ParseInt(parts[min(i, len(parts)-1)], 10, 64); err != nil {
			return MetricsRange{}, MetricsPosition{}, errInvalidCursor()
		}
	}
	r.From, r.To = time.UnixMilli(numbers[0]).UTC(), time.UnixMilli(numbers[1]).UTC()
	r.Step = time.Duration(numbers[2]) * time.Second
	last := MetricsPosition{At: time.UnixMilli(numbers[3]).UTC(), Replica: parts[len(parts)-1]}
	// Anybody can make a cursor, so its range is checked like that of a request.
	span := r.To.Sub(r.From)
	if len(parts) != metricsCursorParts || last.At.Before(r.From) || !last.At.Before(r.To) ||
		r.Step < MinMetricsStep || r.Step > MaxMetricsStep ||
		span > MaxMetricsRange+2*r.Step || span > (MaxMetricsPoints+2)*r.Step {
		return MetricsRange{}, MetricsPosition{}, errInvalidCursor()
	}
	return r, last, nil
}

// resolve returns the range with its defaults set and widened to whole steps, or ErrValidation.
func (r MetricsRange) resolve(now time.Time) (MetricsRange, error) {
	if r.To.IsZero() {
		r.To = now
	}
	if r.From.IsZero() {
		r.From = r.To.Add(-defaultMetricsRange)
	}
	span := r.To.Sub(r.From)
	var p problems
	p.check(span > 0, "from", "must be before to, which defaults to now")
	p.check(span <= MaxMetricsRange, "from", "must be at most %d hours before to", int(MaxMetricsRange.Hours()))
	// JSON has no times beyond the year 9999, and the range may be widened.
	p.check(1970 <= r.From.Year() && r.To.Year() < 9999, "to", "must be, with from, in the years 1970 to 9998")
	if whole := r.Step%time.Second == 0; r.Step != 0 && (!whole || r.Step < MinMetricsStep || r.Step > MaxMetricsStep) {
		p.add("step", "must be %d to %d whole seconds", int(MinMetricsStep.Seconds()), int(MaxMetricsStep.Seconds()))
	} else if r.Step != 0 && span <= MaxMetricsRange {
		p.check(span <= MaxMetricsPoints*r.Step,
			"step", "is too short: the range must have at most %d steps", MaxMetricsPoints)
	}
	if err := p.err(); err != nil {
		return MetricsRange{}, err
	}
	if r.Step == 0 {
		r.Step = defaultStep(span)
	}
	r.From = r.From.UTC().Truncate(r.Step)
	if end := r.To.UTC().Truncate(r.Step); end.Before(r.To) {
		r.To = end.Add(r.Step)
	} else {
		r.To = end
	}
	return r, nil
}

// defaultStep returns the shortest round step that divides the span into at most defaultMetricsPoints.
func defaultStep(span time.Duration) time.Duration {
	for _, step := range []time.Duration{
		MinMetricsStep, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
		15 * time.Minute, 30 * time.Minute,
	} {
		if span <= defaultMetricsPoints*step {
			return step
		}
	}
	return time.Hour // 168 points in the longest range
}

// metricsSteps merges samples, in the order of time, into one point for each step and replica.
type metricsSteps struct {
	step  time.Duration
	after MetricsPosition // the last point of the previous page
	begin time.Time       // of the current step
	sums  map[string]MetricsSample
	items []MetricsPoint
}

func (m *metricsSteps) add(s MetricsSample) {
	if begin := s.At.Truncate(m.step); m.sums == nil || !begin.Equal(m.begin) {
		m.end()
		m.begin, m.sums = begin, make(map[string]MetricsSample)
	}
	if sum, ok := m.sums[s.Replica]; ok {
		s = sum.plus(s)
	}
	m.sums[s.Replica] = s
}

// end completes the current step and returns all points.
func (m *metricsSteps) end() []MetricsPoint {
	for _, replica := range slices.Sorted(maps.Keys(m.sums)) {
		if m.begin.Equal(m.after.At) && replica <= m.after.Replica {
			continue
		}
		m.items = append(m.items, m.sums[replica].point(m.begin))
	}
	m.sums = nil
	return m.items
}

// plus merges a sample with the next one of its replica. Amounts are added. The state is that of the later sample: its
// numbers fit each other, unlike means.
func (s MetricsSample) plus(next MetricsSample) MetricsSample {
	next.Seconds += s.Seconds
	next.Requests += s.Requests
	next.ClientErrors += s.ClientErrors
	next.Errors += s.Errors
	next.Latency = s.Latency.Plus(next.Latency)
	return next
}

func (s MetricsSample) point(at time.Time) MetricsPoint {
	p := MetricsPoint{
		At: at, Replica: s.Replica, Seconds: roundToThousandths(s.Seconds),
		Requests: s.Requests, ClientErrors: s.ClientErrors, Errors: s.Errors,
		LatencyMS: MetricsQuantiles{P50: s.milliseconds(0.5), P95: s.milliseconds(0.95), P99: s.milliseconds(0.99)},
		Sessions:  s.Sessions, Members: s.Members, Players: s.Players, MemoryBytes: s.MemoryBytes,
		Goroutines: s.Goroutines, Pool: s.Pool,
	}
	for status, n := range s.Sessions {
		if !status.Terminal() {
			p.LiveSessions += n
		}
	}
	return p
}

func (s MetricsSample) milliseconds(q float64) *float64 {
	seconds, ok := s.Latency.Quantile(q)
	if !ok {
		return nil
	}
	return new(roundToThousandths(seconds * 1000))
}

// roundToThousandths removes rounding errors of the arithmetic.
func roundToThousandths(f float64) float64 { return math.Round(f*1000) / 1000 }

// Position returns the position of the sample in a list.
func (s MetricsSample) Position() MetricsPosition {
	return MetricsPosition{At: s.At, Replica: s.Replica}
}

// String returns a text whose order is the order of the list.
func (p MetricsPosition) String() string { return fmt.Sprintf("%015d %s", p.At.UnixMilli(), p.Replica) }

// positionOf parses a position: the zero one for another text than [MetricsPosition.String] returns.
func positionOf(text string) MetricsPosition {
	at, replica, _ := strings.Cut(text, " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return MetricsPosition{}
	}
	return MetricsPosition{At: time.UnixMilli(ms).UTC(), Replica: replica}
}

// PurgeMetrics removes expired samples and returns how many. It is for background work.
func PurgeMetrics(ctx context.Context, store MetricsStore, now time.Time) (int, error) {
	return purgeAll(ctx, now, store.PurgeMetrics)
}
