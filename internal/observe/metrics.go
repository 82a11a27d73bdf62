package observe

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"game-session-manager/internal/game"
)

// Meter is what observers of the service measure with.
type Meter struct {
	Metrics prometheus.Registerer
	Traces  *Traces // nil for no traces
	Now     func() time.Time
}

// NewRegistry returns a registry with the metrics of the Go runtime, of the process and of the build.
func NewRegistry(s Service) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	promauto.With(reg).NewGauge(prometheus.GaugeOpts{
		Name: "gsm_build_info", Help: "Always 1; the labels describe the build.",
		ConstLabels: prometheus.Labels{"version": s.Version, "go_version": runtime.Version(), "engine": s.Engine},
	}).Set(1)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// counter returns a registered counter.
func counter(reg prometheus.Registerer, name, help string) prometheus.Counter {
	return promauto.With(reg).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

// counters returns registered counters. Those whose labels are known begin at 0, so that the first count shows as an
// increase.
func counters[L ~string](
	reg prometheus.Registerer, name, help string, labels []string, known ...L,
) *prometheus.CounterVec {
	all := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	for _, label := range known {
		all.WithLabelValues(string(label))
	}
	return all
}

// Resolution of native histograms.
const (
	nativeFactor  = 1.1 // largest growth from one bucket to the next, up to nativeBuckets
	nativeBuckets = 100 // per series
)

// seconds returns the options of a histogram of durations, with classic buckets and a native histogram. A full native
// histogram gets coarser instead of being reset, because a reset would also reset the classic buckets, which [Sampler]
// reads.
func seconds(name, help string, buckets ...float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets,
	}
}

// Commits returns the function that an engine calls after each group commit. The metrics are vectors so that they stay
// absent for engines without group commits.
func Commits(reg prometheus.Registerer) func(size int, took time.Duration) {
	sizes := promauto.With(reg).NewHistogramVec(prometheus.HistogramOpts{
		Name: "gsm_store_commit_size", Help: "Writes committed together.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 11),
	}, nil)
	durations := promauto.With(reg).NewHistogramVec(seconds("gsm_store_commit_duration_seconds",
		"Time that a group of writes took, with its commit.",
		.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5), nil)
	return func(size int, took time.Duration) {
		sizes.WithLabelValues().Observe(float64(size))
		durations.WithLabelValues().Observe(took.Seconds())
	}
}

// Commands returns the function that an engine calls after each command to its server. It writes a line at debug
// level, or at warning level for a failure, and adds a metric and a span in the trace of the caller.
func Commands(log *slog.Logger, m Meter) func(context.Context, game.Command) {
	durations := promauto.With(m.Metrics).NewHistogramVec(seconds("gsm_store_command_duration_seconds",
		"Duration of a command to the database server, including the network.",
		.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5), []string{"command", "result"})
	return func(ctx context.Context, c game.Command) {
		m.Traces.command(ctx, c, m.Now())
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

// readings is a collector of metrics that are read when they are scraped.
type readings struct {
	gauges, counters []*prometheus.Desc
	read             func(set func(d *prometheus.Desc, n float64, labels ...string))
}

// Describe implements [prometheus.Collector].
func (r readings) Describe(c chan<- *prometheus.Desc) {
	for _, d := range slices.Concat(r.gauges, r.counters) {
		c <- d
	}
}

// Collect implements [prometheus.Collector].
func (r readings) Collect(c chan<- prometheus.Metric) {
	r.read(func(d *prometheus.Desc, n float64, labels ...string) {
		kind := prometheus.GaugeValue
		if slices.Contains(r.counters, d) {
			kind = prometheus.CounterValue
		}
		c <- prometheus.MustNewConstMetric(d, kind, n, labels...)
	})
}

// Memory returns a collector of how an engine uses its memory of documents. It collects nothing of an engine without
// one.
func Memory(engine game.Store) prometheus.Collector {
	reads := prometheus.NewDesc("gsm_store_memory_reads_total",
		"Reads of a player or a session by its id: from memory (hit), or from the file (miss).",
		[]string{"result"}, nil)
	evicted := prometheus.NewDesc(
		"gsm_store_memory_evicted_total", "Documents that left memory because it was full.", nil, nil,
	)
	documents := prometheus.NewDesc("gsm_store_memory_documents", "Documents in memory.", nil, nil)
	bytes := prometheus.NewDesc("gsm_store_memory_bytes",
		"About how much memory the documents in it take (used), and may take (limit).", []string{"of"}, nil)
	remembering, ok := engine.(interface{ Recalled() game.Recalled })
	return readings{
		gauges: []*prometheus.Desc{documents, bytes}, counters: []*prometheus.Desc{reads, evicted},
		read: func(set func(*prometheus.Desc, float64, ...string)) {
			if !ok {
				return
			}
			m := remembering.Recalled()
			set(reads, float64(m.Hits), "hit")
			set(reads, float64(m.Misses), "miss")
			set(evicted, float64(m.Evicted))
			set(documents, float64(m.Documents))
			set(bytes, float64(m.Bytes), "used")
			set(bytes, float64(m.Limit), "limit")
		},
	}
}

// Engine returns a collector of the engine's connections, and of the disk space if the engine reports it.
func Engine(engine game.Store) prometheus.Collector {
	connections := prometheus.NewDesc(poolConnections, "Connections to the database, of the embedded one those "+
		"that read: in_use, idle, and waiting for calls that wait for one.", []string{"state"}, nil)
	size := prometheus.NewDesc(
		"gsm_store_size_bytes", "Size of the embedded database's files: the database itself, and its log (wal).",
		[]string{"file"}, nil,
	)
	free := prometheus.NewDesc(
		"gsm_store_disk_free_bytes", "Free space on the disk of the embedded database.", nil, nil,
	)
	pooled, hasPool := engine.(interface{ Pool() game.Pool })
	embedded, hasSpace := engine.(interface {
		Space(context.Context) (game.Space, error)
	})
	all := []*prometheus.Desc{connections, size, free}
	return readings{gauges: all, read: func(set func(*prometheus.Desc, float64, ...string)) {
		if hasPool {
			p := pooled.Pool()
			set(connections, float64(p.InUse), "in_use")
			set(connections, float64(p.Idle), "idle")
			set(connections, float64(p.Waiting), "waiting")
		}
		if !hasSpace {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
		defer cancel()
		s, err := embedded.Space(ctx)
		set(size, float64(s.DatabaseBytes), "database")
		set(size, float64(s.LogBytes), "wal")
		if err == nil { // the health report covers problems with the disk
			set(free, float64(s.FreeBytes))
		}
	}}
}
