package top

import (
	"math"
	"slices"
	"strings"

	"game-session-manager/internal/game"
)

// panel is a short list of figures under a title, most important first. A low screen shows only the first ones above
// the tables, and the rest below.
type panel struct {
	title string
	facts []fact
}

// fact is a line of a panel. Names have at most 11 columns, values 7.
type fact struct {
	name, value string
	mood        mood
}

func (f Figures) panels() []panel {
	return []panel{{
		"REQUESTS", f.requestFacts(),
	}, {"GAME", f.gameFacts()}, {"STORE", f.storeFacts()}, {"PROCESS", f.processFacts()}}
}

func (f Figures) requestFacts() []fact {
	r := f.Requests
	return []fact{
		{"rate", rate(f.Rate(r.Done)), calm},
		{"5xx", rate(f.Rate(r.Failed)), badIf(f.Rate(r.Failed), bad)},
		{"p99", r.quantile(.99), calm},
		{"p95", r.quantile(.95), calm},
		{"p50", r.quantile(.50), calm},
		{"4xx", rate(f.Rate(r.Refused)), badIf(f.Rate(r.Refused), odd)},
		{"in flight", f.gauge(count, inFlight), calm},
	}
}

func (f Figures) gameFacts() []fact {
	var live []fact
	sum, known := 0.0, false
	for _, s := range game.LiveStatuses() {
		live = append(live, fact{string(s), f.gauge(count, sessions, string(s)), calm})
		n, ok := f.value(sessions, string(s))
		sum, known = sum+n, known || ok
	}
	if !known {
		sum = math.NaN()
	}
	first := []fact{{
		"players", f.gauge(count, players), calm,
	}, {"members", f.gauge(count, members), calm}, {"sessions", count(sum), calm}}
	return slices.Concat(first, live, f.leaseFacts())
}

// leaseFacts tell of heartbeats, and of the sessions that lack them.
func (f Figures) leaseFacts() []fact {
	if _, ok := f.sum(leasesRenewed); !ok { // an older server
		return nil
	}
	return []fact{
		{"heartbeats", rate(f.rate(f.Renewed.Added)), calm},
		{"went stale", count(f.Stale.Total), badIf(f.Stale.Added, odd)},
		{"expired", count(f.Expired.Total), badIf(f.Expired.Added, odd)},
	}
}

func (f Figures) storeFacts() []fact {
	var all []fact
	add := func(name, value string, m mood) { all = append(all, fact{name, value, m}) }
	if up, ok := f.value(storeUp); ok && up == 0 {
		add("database", "away", bad)
	}
	add("operations", rate(f.Rate(f.Operated.Done)), calm)
	add("failed", rate(f.Rate(f.Operated.Failed)), badIf(f.Rate(f.Operated.Failed), bad))
	add("p99", f.Operated.quantile(.99), calm)
	if f.Commits.Total > 0 {
		add("commits", rate(f.Rate(f.Commits.Done)), calm)
		add("commit p99", f.Commits.quantile(.99), calm)
	}
	if f.Commanded.Total > 0 {
		add("commands", rate(f.Rate(f.Commanded.Done)), calm)
		add("command p99", f.Commanded.quantile(.99), calm)
	}
	if _, ok := f.value(poolConnections, "in_use"); ok {
		waiting, _ := f.value(poolConnections, "waiting")
		add("pool in use", f.gauge(count, poolConnections, "in_use"), calm)
		add("waiting", count(waiting), badIf(waiting, odd))
		add("idle", f.gauge(count, poolConnections, "idle"), calm)
	}
	if f.Commits.Total > 0 {
		add("per commit", shortNumber(f.Writes), calm)
	}
	if bytes, ok := f.sum(storeSize); ok { // the database and its write-ahead log
		add("size", size(bytes), calm)
	}
	if free, ok := f.value(diskFree); ok {
		add("disk free", size(free), badIf(1-free/lowDisk, odd))
	}
	return all
}

// lowDisk is the free space, in bytes, below which it is shown as bad.
const lowDisk = 256 << 20

func (f Figures) processFacts() []fact {
	all := []fact{
		{"CPU", percent(f.CPU), calm},
		{"memory", f.gauge(size, memory), calm},
		{"heap", f.gauge(size, heap), calm},
		{"goroutines", f.gauge(count, goroutines), calm},
		{"open files", f.gauge(count, openFiles), calm},
	}
	if runs := f.timed[taskRuns]; len(runs) > 0 {
		var failed int64
		for _, t := range runs {
			if t.labels["result"] != "ok" {
				failed += t.counts.Total()
			}
		}
		all = append(all, fact{"task errors", count(float64(failed)), badIf(float64(failed), odd)})
	}
	return all
}

// gauge formats a gauge of the later moment.
func (f Figures) gauge(write func(float64) string, name string, label ...string) string {
	v, ok := f.value(name, label...)
	if !ok {
		return none
	}
	return write(v)
}

func (r Row) quantile(q float64) string {
	s, ok := r.Latency.Quantile(q)
	if !ok {
		return none
	}
	return seconds(s)
}

// Widths of a panel, in columns.
const (
	panelWidth    = 18
	maxPanelWidth = 40
)

// panelLayout returns how many panels fit side by side, and the width of each and of the gaps.
func panelLayout(width, n int) (columns, each, gap int) {
	gap = 2
	if width >= 100 {
		gap = 4
	}
	columns = max(min((width+gap)/(panelWidth+gap), n), 1)
	return columns, min((width-gap*(columns-1))/columns, maxPanelWidth), gap
}

// drawPanels draws panels side by side, with at most that many lines each. Panels that do not fit form further
// sections.
func drawPanels(palette Palette, all []panel, width, most int) (sections [][]string) {
	columns, each, gap := panelLayout(width, len(all))
	for row := range slices.Chunk(all, columns) {
		high := 0
		for _, p := range row {
			high = max(high, min(len(p.facts), most))
		}
		lines := make([]string, high+1)
		for i := range lines {
			cells := make([]string, len(row))
			for j, p := range row {
				cells[j] = p.line(palette, i-1, each)
			}
			lines[i] = strings.TrimRight(strings.Join(cells, strings.Repeat(" ", gap)), " ")
		}
		sections = append(sections, lines)
	}
	return sections
}

// line returns line i of a panel; -1 is its title.
func (p panel) line(palette Palette, i, width int) string {
	switch {
	case i < 0:
		return palette.title(p.title) + " " + strings.Repeat("─", max(width-len(p.title)-1, 0))
	case i >= len(p.facts):
		return strings.Repeat(" ", width)
	}
	f := p.facts[i]
	room := max(width-len([]rune(f.value))-1, 0)
	return left(f.name, room) + " " + palette.tint(right(f.value, width-room-1), f.mood)
}

// rest returns the lines of the panels after the first most, and all lines of panels without a place.
func rest(all []panel, columns, most int) []panel {
	var left []panel
	for i, p := range all {
		if i < columns {
			p.facts = p.facts[min(most, len(p.facts)):]
		}
		if len(p.facts) > 0 {
			left = append(left, p)
		}
	}
	return left
}

// history holds the latest rates and latencies.
type history struct{ rates, p99s []float64 }

// historyLength is the number of values that a wide screen can show.
const historyLength = 240

func (h *history) add(f Figures) {
	p99, ok := f.Requests.Latency.Quantile(.99)
	if !ok {
		p99 = math.NaN()
	}
	h.rates = last(append(h.rates, f.Rate(f.Requests.Done)), historyLength)
	h.p99s = last(append(h.p99s, p99), historyLength)
}

func last(v []float64, n int) []float64 { return v[max(len(v)-n, 0):] }

// sparkline draws the latest values as bars of an eighth to eight eighths of the largest value, which it returns.
func sparkline(values []float64, width int) (line string, most float64) {
	values = last(values, max(width, 0))
	for _, v := range values {
		if v > most { // false for NaN
			most = v
		}
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", max(width-len(values), 0)))
	for _, v := range values {
		switch {
		case math.IsNaN(v):
			b.WriteByte(' ')
		case most == 0:
			b.WriteRune('▁')
		default:
			b.WriteRune([]rune("▁▂▃▄▅▆▇█")[int(math.Round(v/most*7))])
		}
	}
	return b.String(), most
}
