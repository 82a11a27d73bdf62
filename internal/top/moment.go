package top

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"game-session-manager/internal/game"
)

// Metrics that are shown. Any of them may be missing: older servers have fewer, and engines differ.
const (
	buildInfo       = "gsm_build_info"
	requests        = "gsm_http_request_duration_seconds"
	inFlight        = "gsm_http_requests_in_flight"
	players         = "gsm_players"
	members         = "gsm_members"
	sessions        = "gsm_sessions"
	operations      = "gsm_store_operation_duration_seconds"
	commands        = "gsm_store_command_duration_seconds"
	commits         = "gsm_store_commit_duration_seconds"
	commitSizes     = "gsm_store_commit_size"
	poolConnections = "gsm_store_pool_connections"
	storeUp         = "gsm_store_up"
	storeSize       = "gsm_store_size_bytes"
	diskFree        = "gsm_store_disk_free_bytes"
	taskRuns        = "gsm_background_run_duration_seconds"
	leasesRenewed   = "gsm_leases_renewed_total"
	turnedStale     = "gsm_sessions_turned_stale_total"
	leaseExpired    = "gsm_sessions_lease_expired_total"

	cpuSeconds = "process_cpu_seconds_total"
	memory     = "process_resident_memory_bytes"
	openFiles  = "process_open_fds"
	started    = "process_start_time_seconds"
	heap       = "go_memstats_heap_alloc_bytes"
	goroutines = "go_goroutines"
)

// ErrNotGSM reports that the response has no metrics of gsm.
var ErrNotGSM = errors.New("the address does not serve gsm's ops listener")

// Moment is the state of one gsm's metrics at one time.
type Moment struct {
	At time.Time // on the local clock

	build  map[string]string
	values map[series]float64
	timed  map[string][]timing
}

// series identifies a gauge or a counter. label holds its label values, in the order of their names.
type series struct{ name, label string }

// timing is a histogram with all observations so far.
type timing struct {
	labels map[string]string
	counts game.Latency
	sum    float64
}

// Read parses a moment in the Prometheus text format. It returns [ErrNotGSM] for text without gsm's metrics.
func Read(r io.Reader, at time.Time) (Moment, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return Moment{}, fmt.Errorf("%w: %w", ErrNotGSM, err)
	}
	m := Moment{At: at, values: make(map[series]float64), timed: make(map[string][]timing)}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			m.add(name, metric)
		}
	}
	if m.build == nil {
		return Moment{}, ErrNotGSM
	}
	return m, nil
}

func (m *Moment) add(name string, metric *dto.Metric) {
	labels := make(map[string]string)
	var values []string
	for _, l := range metric.GetLabel() {
		labels[l.GetName()] = clean(l.GetValue())
		values = append(values, clean(l.GetValue()))
	}
	key := series{name, strings.Join(values, ",")}
	switch {
	case name == buildInfo:
		m.build = labels
	case metric.Histogram != nil:
		m.timed[name] = append(
			m.timed[name], timing{labels, countsOf(metric.GetHistogram()), metric.GetHistogram().GetSampleSum()},
		)
	case metric.Gauge != nil:
		m.values[key] = metric.GetGauge().GetValue()
	case metric.Counter != nil:
		m.values[key] = metric.GetCounter().GetValue()
	case metric.Untyped != nil:
		m.values[key] = metric.GetUntyped().GetValue()
	}
}

// countsOf returns the count of each bucket. In the text format, counts are cumulative.
func countsOf(h *dto.Histogram) game.Latency {
	var l game.Latency
	var before uint64
	for _, b := range h.GetBucket() {
		if math.IsInf(b.GetUpperBound(), 1) { // game.Latency has it implicitly
			continue
		}
		l.Bounds = append(l.Bounds, b.GetUpperBound())
		l.Counts = append(l.Counts, increase(before, b.GetCumulativeCount()))
		before = b.GetCumulativeCount()
	}
	l.Counts = append(l.Counts, increase(before, h.GetSampleCount()))
	return l
}

// increase returns the difference of cumulative counts, 0 if they decrease: the text may be invalid.
func increase(before, now uint64) int64 {
	return int64(min(max(now, before)-before, math.MaxInt64))
}

// value returns a gauge or a counter, and false if it is missing.
func (m Moment) value(name string, label ...string) (float64, bool) {
	v, ok := m.values[series{name, strings.Join(label, ",")}]
	return v, ok && !math.IsNaN(v)
}

// sum returns the sum of a gauge over its labels, and false if it is missing.
func (m Moment) sum(name string) (sum float64, ok bool) {
	for key, v := range m.values {
		if key.name == name {
			sum, ok = sum+v, true
		}
	}
	return sum, ok
}

// start returns the start time of the process on its own clock, and false if it is missing.
func (m Moment) start() (time.Time, bool) {
	v, ok := m.value(started)
	return time.UnixMilli(int64(v * 1000)), ok && v > 0 && v < math.MaxInt32*2
}

// clean makes text safe for a terminal: it removes line breaks and control characters.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(slices.Collect(strings.FieldsSeq(s)), " ")
}
