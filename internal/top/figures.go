package top

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/wrap"
)

// Figures describe the time between two moments.
type Figures struct {
	Moment // the later one
	// Seconds is the time between the moments, 0 if there is only one.
	Seconds float64

	Requests   Row   // to the API only: probes are frequent and fast, and would hide its latency
	Routes     []Row // with the probes
	Operated   Row   // all store operations
	Operations []Row
	Commanded  Row // all commands to MongoDB
	Commands   []Row
	Commits    Row
	Writes     float64 // average number of writes in a commit; NaN without a commit
	CPU        float64 // share of one processor; NaN if unknown

	Renewed Counter // leases, by heartbeats
	Stale   Counter // sessions that turned stale
	Expired Counter // sessions whose lease expired
}

// Counter is a counter of the process. Both are NaN if it is unknown.
type Counter struct {
	Total float64 // since the start of the process
	Added float64 // between the two moments
}

// Row counts requests, operations or commands of one kind.
type Row struct {
	Method  string // of a route
	Name    string
	Total   int64 // since the start of the process
	Done    int64 // between the two moments, like the following counts
	Refused int64 // of Done: 4xx, or a conflict in the store
	Failed  int64 // of Done: 5xx, or a store that failed
	Latency game.Latency
}

// unmatched is the route label of requests that match no route.
const unmatched = "unmatched"

// Between returns the figures between two moments of one address. Counters that decreased, because gsm was restarted,
// count from zero, as in Prometheus. Without an earlier moment there are no rates.
func Between(before *Moment, now Moment) Figures {
	f := Figures{Moment: now, Seconds: elapsed(before, now)}
	if before == nil {
		before = &now
	}
	if restarted(before, now) {
		before = &Moment{}
	}
	f.Routes = rows(before.timed[requests], now.timed[requests], routeOf)
	f.Operations = rows(before.timed[operations], now.timed[operations], operationOf)
	f.Commands = rows(before.timed[commands], now.timed[commands], commandOf)
	api := slices.DeleteFunc(slices.Clone(f.Routes), func(r Row) bool {
		return r.Name != unmatched && !strings.HasPrefix(r.Name, "/api/")
	})
	f.Requests, f.Operated, f.Commanded = total(api), total(f.Operations), total(f.Commands)
	all := func(map[string]string) Row { return Row{} }
	f.Commits = total(rows(before.timed[commits], now.timed[commits], all))
	groups := total(rows(before.timed[commitSizes], now.timed[commitSizes], all))
	writes := since(sumOf(before.timed[commitSizes]), sumOf(now.timed[commitSizes]))
	f.Writes = writes / float64(groups.Done) // NaN without commits
	f.Renewed, f.Stale = counterOf(before, now, leasesRenewed), counterOf(before, now, turnedStale)
	f.Expired = counterOf(before, now, leaseExpired)
	f.CPU = math.NaN()
	if cpu, ok := now.value(cpuSeconds); ok && f.Seconds > 0 {
		earlier, _ := before.value(cpuSeconds)
		f.CPU = since(earlier, cpu) / f.Seconds
	}
	return f
}

// Rate returns n per second, or NaN without an earlier moment.
func (f Figures) Rate(n int64) float64 { return f.rate(float64(n)) }

func (f Figures) rate(n float64) float64 {
	if f.Seconds <= 0 {
		return math.NaN()
	}
	return n / f.Seconds
}

// Uptime returns the time since the start of the process, or 0 if unknown. The difference of the two clocks makes it
// inexact.
func (f Figures) Uptime() time.Duration {
	if start, ok := f.start(); ok {
		return max(f.At.Sub(start), 0)
	}
	return 0
}

// startSlack is the largest difference between two start times of one process. Linux counts them from the boot time,
// which changes when the clock is set.
const startSlack = 2 * time.Second

func restarted(before *Moment, now Moment) bool {
	a, known := before.start()
	b, ok := now.start()
	return known && ok && b.Sub(a).Abs() > startSlack
}

// elapsed returns the seconds in which the counters grew from before to now. For a new process it is at most the
// process's age.
func elapsed(before *Moment, now Moment) float64 {
	if before == nil {
		return 0
	}
	d := now.At.Sub(before.At)
	if start, ok := now.start(); ok && restarted(before, now) {
		d = min(d, max(now.At.Sub(start), time.Second))
	}
	return d.Seconds()
}

// since returns the increase of a counter.
func since(before, now float64) float64 {
	if now < before {
		return now
	}
	return now - before
}

// counterOf returns a counter, summed up over its labels.
func counterOf(before *Moment, now Moment, name string) Counter {
	total, known := now.sum(name)
	if !known {
		return Counter{math.NaN(), math.NaN()}
	}
	earlier, _ := before.sum(name)
	return Counter{total, since(earlier, total)}
}

func sumOf(all []timing) (sum float64) {
	for _, t := range all {
		sum += t.sum
	}
	return sum
}

// rows returns the increases of histograms. Histograms with the same name are added up in one row.
func rows(before, now []timing, name func(labels map[string]string) Row) []Row {
	type id struct{ method, name string }
	found := make(map[id]*Row)
	for _, t := range now {
		row := name(t.labels)
		key := id{row.Method, row.Name}
		if found[key] == nil {
			found[key] = &Row{Method: row.Method, Name: row.Name}
		}
		added := growth(before, t)
		r, n := found[key], added.Total()
		r.Total += t.counts.Total()
		r.Done += n
		r.Refused += n * row.Refused
		r.Failed += n * row.Failed
		r.Latency = r.Latency.Plus(added)
	}
	all := make([]Row, 0, len(found))
	for _, r := range found {
		all = append(all, *r)
	}
	slices.SortFunc(all, ByRoute.compare)
	return all
}

// growth returns the increase of one histogram, or all of it after a restart.
func growth(before []timing, now timing) game.Latency {
	l := game.Latency{Bounds: now.counts.Bounds, Counts: slices.Clone(now.counts.Counts)}
	for _, b := range before {
		if !maps.Equal(b.labels, now.labels) || !slices.Equal(b.counts.Bounds, l.Bounds) {
			continue
		}
		for i, n := range b.counts.Counts {
			if n > l.Counts[i] {
				return now.counts
			}
			l.Counts[i] -= n
		}
	}
	return l
}

func total(all []Row) (sum Row) {
	for _, r := range all {
		sum.Total, sum.Done = sum.Total+r.Total, sum.Done+r.Done
		sum.Refused, sum.Failed = sum.Refused+r.Refused, sum.Failed+r.Failed
		sum.Latency = sum.Latency.Plus(r.Latency)
	}
	return sum
}

// routeOf returns the row of a request, with Refused or Failed set to 1 if the request counts as such.
func routeOf(labels map[string]string) Row {
	r := Row{Method: labels["method"], Name: labels["route"]}
	switch {
	case strings.HasPrefix(labels["status"], "4"):
		r.Refused = 1
	case strings.HasPrefix(labels["status"], "5"):
		r.Failed = 1
	}
	return r
}

// operationOf is routeOf for store operations.
func operationOf(labels map[string]string) Row {
	r := Row{Name: labels["operation"]}
	switch result := wrap.Result(labels["result"]); {
	case result == wrap.OK:
	case result.Failed():
		r.Failed = 1
	default:
		r.Refused = 1
	}
	return r
}

// commandOf is routeOf for commands. An error code of the server counts as refused, because most are violations of a
// unique index.
func commandOf(labels map[string]string) Row {
	r := Row{Name: labels["command"]}
	switch labels["result"] {
	case "ok":
	case "timeout", "network", "other":
		r.Failed = 1
	default:
		r.Refused = 1
	}
	return r
}

// Sort is the order of rows.
type Sort string

// Orders of rows. All but ByRoute are descending.
const (
	ByRate   Sort = "rate"
	ByErrors Sort = "errors"
	ByP99    Sort = "p99"
	ByRoute  Sort = "route"
)

// Next returns the order after s, for the key that changes it.
func (s Sort) Next() Sort {
	all := []Sort{ByRate, ByErrors, ByP99, ByRoute}
	return all[(slices.Index(all, s)+1)%len(all)]
}

// compare compares two rows. Equal rows are ordered by their total, so that idle rows keep their places.
func (s Sort) compare(a, b Row) int {
	first := 0
	switch s {
	case ByRate:
		first = cmp.Compare(b.Done, a.Done)
	case ByErrors:
		first = cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.Refused, a.Refused), cmp.Compare(b.Done, a.Done))
	case ByP99:
		x, _ := a.Latency.Quantile(.99)
		y, _ := b.Latency.Quantile(.99)
		first = cmp.Compare(y, x)
	case ByRoute:
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Method, b.Method))
	}
	return cmp.Or(first, cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Method, b.Method))
}

func (s Sort) apply(all []Row) []Row {
	all = slices.Clone(all)
	slices.SortFunc(all, s.compare)
	return all
}
