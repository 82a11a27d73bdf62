package observe_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"game-session-manager/internal/game"
	"game-session-manager/internal/observe"
)

func TestTicksAreCounted(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	ticked, purged := observe.Ticks(reg), observe.Purges(reg)
	ticked(game.Tick{})
	ticked(game.Tick{Sessions: 7, Leases: 5, Stale: 3, Expired: 1, Lag: 20 * time.Second})
	ticked(game.Tick{Sessions: 1, Lag: -time.Second}) // the clock was set
	purged(100)
	purged(0)
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"gsm_elapse_due_total", []string{"of", "session"}, 8},
		{"gsm_elapse_due_total", []string{"of", "lease"}, 5},
		{"gsm_sessions_turned_stale_total", nil, 3},
		{"gsm_sessions_lease_expired_total", nil, 1},
		{"gsm_sessions_purged_total", nil, 100},
	} {
		if got := testutil.ToFloat64(counter(t, reg, c.name, c.labels...)); got != c.want {
			t.Errorf("%s%v is %v, want %v", c.name, c.labels, got, c.want)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "gsm_elapse_lag_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 3 || h.GetSampleSum() != 20 {
			t.Errorf("%d looks were late by %v s in all, want 3 and 20", h.GetSampleCount(), h.GetSampleSum())
		}
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}
