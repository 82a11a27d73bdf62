package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/game"
)

const (
	statsAge     = 10 * time.Second // how old the counts of a scrape may be
	statsTimeout = 3 * time.Second  // how long the store may take
	statsGrace   = time.Second      // and how much longer to give up
)

// Population returns a collector of how many players, sessions and members are stored. It asks the store at most once in
// ten seconds, however often it is scraped, and waits no more than four seconds for it, so that a store that hangs does
// not keep the other metrics away. While the store does not answer, only gsm_store_up is told.
func Population(store game.Store, log *slog.Logger, now func() time.Time) prometheus.Collector {
	return &population{
		store: store, log: log, now: now,
		up:       prometheus.NewDesc("gsm_store_up", "1 if the database answered when it was last asked, at most ten seconds ago; else 0.", nil, nil),
		players:  prometheus.NewDesc(playersStored, "Players stored.", nil, nil),
		members:  prometheus.NewDesc(seatsHeld, "Seats held in live sessions.", nil, nil),
		sessions: prometheus.NewDesc(sessionsStored, "Sessions stored, by status.", []string{"status"}, nil),
	}
}

type population struct {
	store                          game.Store
	log                            *slog.Logger
	now                            func() time.Time
	up, players, members, sessions *prometheus.Desc

	mu     sync.Mutex
	asked  time.Time
	asking chan struct{} // closed when the store has answered
	latest game.Stats
	ok     bool
}

// Describe implements [prometheus.Collector].
func (p *population) Describe(c chan<- *prometheus.Desc) {
	c <- p.up
	c <- p.players
	c <- p.members
	c <- p.sessions
}

// Collect implements [prometheus.Collector].
func (p *population) Collect(c chan<- prometheus.Metric) {
	s, ok := p.look()
	if !ok {
		c <- prometheus.MustNewConstMetric(p.up, prometheus.GaugeValue, 0)
		return
	}
	c <- prometheus.MustNewConstMetric(p.up, prometheus.GaugeValue, 1)
	c <- prometheus.MustNewConstMetric(p.players, prometheus.GaugeValue, float64(s.Players))
	c <- prometheus.MustNewConstMetric(p.members, prometheus.GaugeValue, float64(s.Members))
	for _, status := range game.SessionStatuses() {
		c <- prometheus.MustNewConstMetric(p.sessions, prometheus.GaugeValue, float64(s.Sessions[status]), string(status))
	}
}

// look returns what the store answered last, and asks it first if that was long ago.
func (p *population) look() (game.Stats, bool) {
	p.mu.Lock()
	if p.asking == nil && p.now().Sub(p.asked) > statsAge {
		p.asked, p.asking = p.now(), make(chan struct{})
		go p.ask(p.asking)
	}
	asking := p.asking
	p.mu.Unlock()
	if asking != nil {
		late := time.NewTimer(statsTimeout + statsGrace)
		defer late.Stop()
		select {
		case <-asking:
		case <-late.C:
			return game.Stats{}, false
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest, p.ok
}

// ask asks the store. It ends when the store answers, at the latest when a store that keeps its promises gives up.
func (p *population) ask(answered chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	s, err := p.store.Stats(ctx)
	if err != nil {
		p.log.Warn("counting what is stored", Cause(err))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest, p.ok, p.asking = s, err == nil, nil
	close(answered)
}
