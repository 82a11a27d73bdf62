package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"game-session-manager/internal/game"
)

// Shape is a search of a browser of lobbies or of a matchmaker, for benchmarks.
type Shape struct {
	Name  string
	Query game.SearchQuery
	Page  int // that is read, by the cursors of those before it; from 1
}

// Shapes returns the searches that benchmarks make. Each finds more than a page of those that [BrowserSession] returns.
func Shapes() []Shape {
	near := 1200.0
	mode, public := game.Is("mode", "ranked"), game.Is(game.FieldVisibility, game.VisibilityPublic)
	free, other := game.AtLeast(game.FieldFreeSeats, 2), game.Prefix("map", "map-1")
	mmr := game.Clause{
		Field: "attributes.mmr", Op: game.OpBetween,
		Values: []game.Value{game.NumberValue(1000), game.NumberValue(1400)},
	}
	by := func(orders ...game.Order) []game.Order { return orders }
	newest := game.Order{Field: "created_at", Desc: true}
	distance := game.Order{Field: "attributes.mmr", Near: &near}
	spread := game.Order{Field: game.FieldSpread, Start: "7a0000000000"}
	shapes := []Shape{
		{Name: "a mode with free seats", Query: game.SearchQuery{Where: game.Where{mode, public, free}}},
		{Name: "a range of an attribute", Query: game.SearchQuery{Where: game.Where{mmr, mode}}},
		{Name: "any of regions, not a map", Query: game.SearchQuery{Where: game.Where{
			{Any: []game.Clause{game.In("region", "eu", "us"), {Not: &other}}}, mode, free,
		}}},
		{Name: "the beginning of the name", Query: game.SearchQuery{Where: game.Where{game.Prefix("name", "room 12")}}},
		{Name: "counted", Query: game.SearchQuery{Where: game.Where{mode, public}, Count: game.MaxCount}},
		{Name: "the nearest", Query: game.SearchQuery{Where: game.Where{mode, mmr}, Order: by(distance, newest)}},
		{Name: "the fullest first", Query: game.SearchQuery{
			Where: game.Where{mode}, Order: by(game.Order{Field: game.FieldFreeSeats}, newest),
		}},
		{Name: "spread", Query: game.SearchQuery{Where: game.Where{mode, free}, Order: by(spread)}},
		{Name: "by name", Query: game.SearchQuery{Order: by(game.Order{Field: "name"})}},
		{
			Name:  "changed last, page 5",
			Query: game.SearchQuery{Order: by(game.Order{Field: "updated_at", Desc: true})}, Page: 5,
		},
	}
	for i := range shapes {
		q := &shapes[i].Query
		q.Project, q.Limit, q.Bytes, q.Work = project, game.DefaultLimit, game.MaxPageBytes, game.SearchTime
		q.Where = append(q.Where, game.WithObstacles())
		shapes[i].Page = max(1, shapes[i].Page)
	}
	return shapes
}

// BrowserSession returns an open session of mixed modes and attributes, always the same for the same source.
func BrowserSession(r *rand.Rand) game.Session {
	v := openSession(2 + r.IntN(14))
	v.HasPassword, v.JoinCode, v.Liveness = false, nil, game.Live
	v.Name = fmt.Sprint("room ", r.IntN(1e6))
	v.Mode = []string{"ranked", "duel", "coop", fmt.Sprint("mode-", r.IntN(1000))}[r.IntN(4)]
	v.Map, v.Region = fmt.Sprint("map-", r.IntN(20)), []string{"eu", "us", "asia", "sa"}[r.IntN(4)]
	v.UpdatedAt = v.CreatedAt.Add(time.Duration(r.IntN(1e6)) * time.Millisecond)
	v.Attributes = game.Attributes{
		"mmr": game.NumberValue(float64(r.IntN(3000))), "voice": game.BoolValue(r.IntN(2) == 0),
		"lang": game.StringValue([]string{"en", "de", "fr"}[r.IntN(3)]),
	}
	return v
}

// Browser measures the searches of [Shapes].
type Browser struct {
	Store game.Store
	// Fill stores so many sessions of [BrowserSession] in addition.
	Fill func(b *testing.B, n int, r *rand.Rand)
	// Ready waits until searches are as fast as they will be.
	Ready func(b *testing.B)
	// Floor reads what a search found, which was found by ids, in the least time that the database takes for it.
	Floor func(ctx context.Context, q game.SearchQuery, ids []game.SessionID) error
	// Slowest is the greatest acceptable 99th percentile among at most [browserUsual] sessions; 0 for any.
	Slowest time.Duration
	// Ratio is the greatest acceptable ratio to the floor; 0 for any. It is the median of those of single rounds, so
	// that a machine that is busy for a while slows both. A search may be too broad where the floor takes
	// [game.SearchTime].
	Ratio float64
	// Sorts reports whether the database sorts in memory what it finds for a query; nil if that is not known.
	Sorts func(ctx context.Context, q game.SearchQuery) (bool, error)
}

const (
	browserUsual  = 100_000
	browserRounds = 100
	browserLeast  = 5
	browserTime   = 10 * time.Second // after which there are no more rounds
	browserTries  = 3                // of what misses its target, because a busy machine is slow
)

// Measure fills the store up to each of the numbers of sessions in GSM_TEST_SESSIONS (100,000), and prints the 50th and
// the 99th percentile of each search beside those of the floor, by turns. It fails if one misses its target.
func (m Browser) Measure(b *testing.B) {
	b.Helper()
	sizes := os.Getenv("GSM_TEST_SESSIONS")
	if sizes == "" {
		sizes = strconv.Itoa(browserUsual)
	}
	r, stored := rand.New(rand.NewPCG(1, 2)), 0 // always the same
	for _, size := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(size)
		must(b, err)
		begin := time.Now()
		m.Fill(b, n-stored, r)
		b.Logf("%d sessions were stored in %.1f s", n-stored, time.Since(begin).Seconds())
		stored = n
		var text strings.Builder
		w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
		_, _ = fmt.Fprintln(w,
			"search\tfound\tp50 ms\tp99 ms\tCPU ms\tfloor p50\tfloor p99\tfloor CPU\tratio\ttoo broad\tsorts\t")
		for _, s := range Shapes() {
			_, _ = fmt.Fprintf(w, "%s\t%s\t\n", s.Name, m.measure(b, s, n))
		}
		_ = w.Flush() // to a strings.Builder, which never fails
		b.Logf("among %d sessions:\n%s", n, text.String())
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

// measure returns the end of a row.
func (m Browser) measure(b *testing.B, s Shape, stored int) string {
	b.Helper()
	q := m.page(b, s)
	for try := 1; ; try++ {
		m.Ready(b)
		r := m.rounds(b, q)
		row := r.String()
		if m.Sorts != nil {
			sorts, err := m.Sorts(b.Context(), q)
			must(b, err)
			row += map[bool]string{true: "in memory"}[sorts]
		}
		slow := m.Slowest > 0 && stored <= browserUsual && r.own.part(99) >= m.Slowest
		far := m.Ratio > 0 && r.ratio() > m.Ratio
		refused := 2*r.refused > r.own.n() && r.floor.part(50) < game.SearchTime
		if !slow && !far && !refused {
			return row
		}
		if try == browserTries {
			b.Errorf("%s misses its target: %s", s.Name, row)
			return row
		}
	}
}

// page returns the query for the page of a shape. It is the first one if there are too few sessions, or the search is
// too broad.
func (m Browser) page(b *testing.B, s Shape) game.SearchQuery {
	b.Helper()
	q := s.Query
	for page := 1; page < s.Page; page++ {
		hits, err := m.Store.SearchSessions(b.Context(), q)
		if errors.Is(err, game.ErrTooBroad) {
			break
		}
		must(b, err)
		if q.After = hits.Next; !hits.More {
			q.After = nil
		}
	}
	return q
}

// rounds are searches, each beside one of the floor.
type rounds struct {
	own, floor timing
	found      int
	refused    int // because they were too broad
}

func (m Browser) rounds(b *testing.B, q game.SearchQuery) (r rounds) {
	b.Helper()
	var ids []game.SessionID
	search := func() {
		var hits game.Hits
		var err error
		r.own.measure(func() { hits, err = m.Store.SearchSessions(b.Context(), q) })
		if errors.Is(err, game.ErrTooBroad) && m.Slowest == 0 {
			r.refused++
			return
		}
		must(b, err)
		ids = sessionIDs(hits.Items)
		r.found = len(ids)
	}
	floor := func() { r.floor.measure(func() { must(b, m.Floor(b.Context(), q, ids)) }) }
	for begin := time.Now(); ; {
		n := r.own.n()
		if n == browserRounds || n >= browserLeast && time.Since(begin) > browserTime {
			return r
		}
		if n%2 == 0 { // neither always comes first
			search()
			floor()
		} else {
			floor()
			search()
		}
	}
}

// ratio returns the median of the ratios of the rounds.
func (r *rounds) ratio() float64 {
	all := make([]float64, r.own.n())
	for i := range all {
		all[i] = float64(r.own.took[i]) / float64(r.floor.took[i])
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

func (r *rounds) String() string {
	refused := ""
	if r.refused > 0 {
		refused = fmt.Sprintf("%d of %d", r.refused, r.own.n())
	}
	return fmt.Sprintf("%d\t%s\t%s\t%.2f\t%s\t", r.found, &r.own, &r.floor, r.ratio(), refused)
}

// timing is how long calls took.
type timing struct {
	took []time.Duration
	cpu  time.Duration // of this process, in all
}

func (t *timing) measure(call func()) {
	cpu, begin := cpuTime(), time.Now()
	call()
	t.took = append(t.took, time.Since(begin))
	t.cpu += cpuTime() - cpu
}

func (t *timing) n() int { return len(t.took) }

func (t *timing) part(percent int) time.Duration {
	return slices.Sorted(slices.Values(t.took))[(len(t.took)-1)*percent/100]
}

// String returns columns of the table.
func (t *timing) String() string {
	return fmt.Sprintf("%.2f\t%.2f\t%.2f", ms(t.part(50)), ms(t.part(99)), ms(t.cpu)/float64(len(t.took)))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
