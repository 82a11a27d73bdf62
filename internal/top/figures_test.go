package top

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBetween(t *testing.T) {
	t.Parallel()
	a, b := looks(t)
	f := Between(&a, b)
	if f.Seconds != 2 || f.CPU != .25 || f.Uptime() != 3*time.Hour+12*time.Minute || f.Writes != 3 {
		t.Errorf("%v s, CPU %v, up %v, %v writes in a commit", f.Seconds, f.CPU, f.Uptime(), f.Writes)
	}
	if f.Renewed != (Counter{12 * 50, 2 * 50}) || f.Stale != (Counter{12, 2}) || f.Expired != (Counter{7, 0}) {
		t.Errorf("leases: %v renewed, %v turned stale, %v expired", f.Renewed, f.Stale, f.Expired)
	}
	for _, c := range []struct {
		what                         string
		row                          Row
		total, done, refused, failed int64
	}{
		{"requests", f.Requests, 12*(1112+151+20) + 400, 2 * (1112 + 151 + 20), 2 * (10 + 20), 2},
		{"operations", f.Operated, 12 * 1115, 2 * 1115, 2 * 14, 2},
		{"commits", f.Commits, 12 * 60, 2 * 60, 0, 0},
		{"a route", find(t, f.Routes, "/api/v1/players/{player_id}"), 12 * 1112, 2 * 1112, 2 * 10, 0},
		{"an idle route", find(t, f.Routes, "/api/v1/sessions"), 400, 0, 0, 0},
		{"an operation", find(t, f.Operations, "replace_session"), 12 * 5, 2 * 5, 2 * 4, 2},
	} {
		if r := c.row; r.Total != c.total || r.Done != c.done || r.Refused != c.refused || r.Failed != c.failed {
			t.Errorf("%s: %d in all, %d done, %d refused, %d failed", c.what, r.Total, r.Done, r.Refused, r.Failed)
		}
	}
	// 1010 of 1112 requests took at most 1 ms.
	p50, _ := find(t, f.Routes, "/api/v1/players/{player_id}").Latency.Quantile(.5)
	if math.Abs(p50-.001*556/1010) > 1e-9 {
		t.Errorf("p50 is %v s", p50)
	}
}

func find(t testing.TB, rows []Row, name string) Row {
	t.Helper()
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no row %s in %+v", name, rows)
	}
	return rows[i]
}

func TestFirstMomentHasNoRates(t *testing.T) {
	t.Parallel()
	_, b := looks(t)
	f := Between(nil, b)
	if !math.IsNaN(f.Rate(1)) || !math.IsNaN(f.CPU) || f.Requests.Done != 0 || f.Requests.Total == 0 {
		t.Errorf("rate %v, CPU %v, %+v", f.Rate(1), f.CPU, f.Requests)
	}
}

// After a restart, all counts of the server are new.
func TestRestart(t *testing.T) {
	t.Parallel()
	a, _ := looks(t)
	for what, c := range map[string]struct {
		count   int
		start   time.Time
		at      time.Time
		seconds float64
		done    int64
	}{
		"counts are smaller":    {1, noon().Add(-time.Second), noon(), 1, 1283 + 400},
		"counts have overtaken": {20, noon().Add(-time.Second), noon(), 1, 20*1283 + 400},
		"it was away long":      {1, noon().Add(50 * time.Second), noon().Add(time.Minute), 10, 1283 + 400},
		"its clock is ahead":    {1, noon().Add(time.Hour), noon(), 1, 1283 + 400},
		"the clock was set, no restart": {
			12, noon().Add(-3*time.Hour - 12*time.Minute + time.Second), noon(), 2, 2 * 1283,
		},
	} {
		f := Between(&a, moment(t, busy(c.count, c.start), c.at))
		if f.Seconds != c.seconds || f.Requests.Done != c.done || f.CPU < 0 {
			t.Errorf(
				"%s: %d in %v s, want %d in %v s; CPU %v", what, f.Requests.Done, f.Seconds, c.done, c.seconds, f.CPU,
			)
		}
	}
	// Without a start time, decreased counters show a restart.
	silent := func(n int) string {
		return strings.Replace(busy(n, noon()), "process_start_time_seconds", "something_else", 1)
	}
	before := moment(t, silent(10), noon().Add(-time.Second))
	// and POST /sessions stood still
	if f := Between(&before, moment(t, silent(1), noon())); f.Requests.Done != 1283 || f.Uptime() != 0 {
		t.Errorf("without a start: %d, up %v", f.Requests.Done, f.Uptime())
	}
}

func TestSort(t *testing.T) {
	t.Parallel()
	a, b := looks(t)
	routes := Between(&a, b).Routes
	for by, want := range map[Sort]string{
		ByRate: "/api/v1/players/{player_id} /readyz /api/v1/sessions/{session_id}/members/{player_id} unmatched " +
			"/api/v1/sessions",
		ByErrors: "/api/v1/sessions/{session_id}/members/{player_id} unmatched /api/v1/players/{player_id} /readyz " +
			"/api/v1/sessions",
		ByP99: "/api/v1/sessions/{session_id}/members/{player_id} /api/v1/players/{player_id} /readyz unmatched " +
			"/api/v1/sessions",
		ByRoute: "/api/v1/players/{player_id} /api/v1/sessions /api/v1/sessions/{session_id}/members/{player_id} " +
			"/readyz unmatched",
	} {
		var got []string
		for _, r := range by.apply(routes) {
			got = append(got, r.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("by %s: %v", by, got)
		}
	}
	seen := map[Sort]bool{}
	for s := ByRate; !seen[s]; s = s.Next() {
		seen[s] = true
	}
	if len(seen) != 4 {
		t.Errorf("the key goes through %v", seen)
	}
}

func TestMongoDB(t *testing.T) {
	t.Parallel()
	text := func(n int) string {
		var e exposition
		e.line("gsm_build_info", 1)
		e.kind(commands, "histogram")
		for i, result := range []string{"ok", "timeout", "network", "other", "11000"} {
			e.histogram(commands, `command="findAndModify",result="`+result+`"`, (i+1)*n, 0, 0)
		}
		return e.text.String()
	}
	a := moment(t, text(1), noon().Add(-time.Second))
	f := Between(&a, moment(t, text(2), noon()))
	if r := f.Commanded; r.Total != 30 || r.Done != 15 || r.Failed != 9 || r.Refused != 5 {
		t.Errorf("%+v", r)
	}
	drawn := Screen{Figures: f}.Text()
	for _, want := range []string{"MONGODB COMMAND", "commands", "command p99"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("no %s in\n%s", want, drawn)
		}
	}
	if strings.Contains(drawn, "commit") {
		t.Errorf("MongoDB has no group commit:\n%s", drawn)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "<html>", "go_goroutines 3\n", "gsm_build_info{"} {
		if _, err := Read(strings.NewReader(text), noon()); !errors.Is(err, ErrNotGSM) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Text from the server cannot contain terminal escapes.
func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain": "plain", "é ok": "é ok", "a\x1b[31mred\x1b[0m": "a [31mred [0m", "two\nlines\r\tand": "two lines and",
		"\u202eback\u200b": "back", "\u009b1m": "1m", "": "",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	m := moment(t, "gsm_build_info{version=\"1\x1b[2J\"} 1\n", noon())
	if got := m.build["version"]; got != "1 [2J" {
		t.Errorf("the version is %q", got)
	}
}
