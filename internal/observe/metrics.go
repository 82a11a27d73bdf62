package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"game-session-manager/internal/game"
)

// NewRegistry returns a registry with the metrics of the Go runtime, of the process and of the build.
func NewRegistry(version string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gsm_build_info", Help: "Always 1; the version is the label.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	return reg
}

// Commits returns what an engine that commits writes in groups calls after each commit.
func Commits(reg prometheus.Registerer) func(size int, took time.Duration) {
	sizes := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gsm_store_commit_size", Help: "Writes that were committed together.", Buckets: prometheus.ExponentialBuckets(1, 2, 11),
	})
	durations := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "gsm_store_commit_duration_seconds",
		Help:    "Time that a group of writes took, with its commit.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	})
	reg.MustRegister(sizes, durations)
	return func(size int, took time.Duration) {
		sizes.Observe(float64(size))
		durations.Observe(took.Seconds())
	}
}

// Commands returns what an engine calls after each command to its server: a line at debug level, at warning level if it
// failed, and a metric.
func Commands(log *slog.Logger, reg prometheus.Registerer) func(context.Context, game.Command) {
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "gsm_store_command_duration_seconds",
		Help:    "Time that a command to the database's server took, with the way there and back.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"command", "result"})
	reg.MustRegister(durations)
	return func(ctx context.Context, c game.Command) {
		level, result := slog.LevelDebug, "ok"
		if c.Failure != "" {
			level, result = slog.LevelWarn, c.Failure
		}
		durations.WithLabelValues(c.Name, result).Observe(c.Took.Seconds())
		log.LogAttrs(ctx, level, "database command",
			slog.String("command", c.Name), slog.String("collection", c.Collection),
			slog.String("result", result), slog.Float64("duration_ms", float64(c.Took.Microseconds())/1000))
	}
}

// Pool returns a collector of the connections of an engine to its server.
func Pool(read func() game.Pool) prometheus.Collector {
	return &pool{read, prometheus.NewDesc("gsm_store_pool_connections",
		"Connections to the database's server: in_use, idle, and waiting for calls that wait for one.", []string{"state"}, nil)}
}

type pool struct {
	read        func() game.Pool
	connections *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (p *pool) Describe(c chan<- *prometheus.Desc) { c <- p.connections }

// Collect implements [prometheus.Collector].
func (p *pool) Collect(c chan<- prometheus.Metric) {
	now := p.read()
	for state, n := range map[string]int64{"in_use": now.InUse, "idle": now.Idle, "waiting": now.Waiting} {
		c <- prometheus.MustNewConstMetric(p.connections, prometheus.GaugeValue, float64(n), state)
	}
}

const (
	statsAge     = 10 * time.Second // how old the counts of a scrape may be
	statsTimeout = 3 * time.Second
)

// Population returns a collector of how many players, sessions and members are stored. It asks the store at most once in
// ten seconds, however often it is scraped, and leaves its metrics out while the store does not answer.
func Population(store game.Store, log *slog.Logger, now func() time.Time) prometheus.Collector {
	return &population{
		store: store, log: log, now: now,
		players:  prometheus.NewDesc(playersStored, "Players stored.", nil, nil),
		members:  prometheus.NewDesc(seatsHeld, "Seats held in live sessions.", nil, nil),
		sessions: prometheus.NewDesc(sessionsStored, "Sessions stored, by status.", []string{"status"}, nil),
	}
}

type population struct {
	store                      game.Store
	log                        *slog.Logger
	now                        func() time.Time
	players, members, sessions *prometheus.Desc

	mu     sync.Mutex
	latest game.Stats
	failed bool
	asked  time.Time
}

// Describe implements [prometheus.Collector].
func (p *population) Describe(c chan<- *prometheus.Desc) {
	c <- p.players
	c <- p.members
	c <- p.sessions
}

// Collect implements [prometheus.Collector].
func (p *population) Collect(c chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.asked) > statsAge {
		ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
		defer cancel()
		s, err := p.store.Stats(ctx)
		if err != nil {
			p.log.Warn("counting what is stored", Cause(err))
		}
		p.latest, p.failed, p.asked = s, err != nil, now
	}
	if p.failed {
		return
	}
	c <- prometheus.MustNewConstMetric(p.players, prometheus.GaugeValue, float64(p.latest.Players))
	c <- prometheus.MustNewConstMetric(p.members, prometheus.GaugeValue, float64(p.latest.Members))
	for _, status := range game.SessionStatuses() {
		c <- prometheus.MustNewConstMetric(p.sessions, prometheus.GaugeValue, float64(p.latest.Sessions[status]), string(status))
	}
}
