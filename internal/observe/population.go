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
	askedAge     = 10 * time.Second // oldest result that a scrape may show
	statsTimeout = 3 * time.Second  // of a store call
	statsGrace   = time.Second      // how long to wait after the timeout of the call
)

// Population returns a collector of whether the store is reachable, and of the numbers of stored players, live
// sessions and members. It calls the store for each at most once in ten seconds, however often it is scraped, and
// waits at most four seconds, so that a hanging store does not block the other metrics. The ping alone decides whether
// the store is reachable; counts that the store does not return are left out.
func Population(store game.Store, log *slog.Logger, now func() time.Time) prometheus.Collector {
	ping := &recently[game.Facts]{now: now, ask: func(ctx context.Context) (game.Facts, error) {
		f, err := store.Ping(ctx)
		if err != nil {
			log.Warn("asking the database whether it can be reached", Cause(err))
		}
		return f, err
	}}
	counts := &recently[game.Stats]{now: now, ask: func(ctx context.Context) (game.Stats, error) {
		s, err := store.Stats(ctx, game.CountBound)
		if err != nil {
			log.Warn("counting what is stored", Cause(err))
		}
		return s, err
	}}
	up := prometheus.NewDesc("gsm_store_up",
		"1 if the database could be reached when last asked, at most ten seconds ago; else 0.", nil, nil)
	players := prometheus.NewDesc(
		playersStored, "Players stored. The embedded database counts to 1,000,000.", nil, nil,
	)
	members := prometheus.NewDesc(seatsHeld, "Seats held in the live sessions that were counted.", nil, nil)
	sessions := prometheus.NewDesc(
		sessionsStored, "Live sessions, by status, of each up to 1,000,000.", []string{"status"}, nil,
	)
	bounded := prometheus.NewDesc("gsm_counts_bounded",
		"1 if the count of players or of the sessions of a status stopped because there are more; else 0.", nil, nil)
	all := []*prometheus.Desc{up, players, members, sessions, bounded}
	return readings{gauges: all, read: func(set func(*prometheus.Desc, float64, ...string)) {
		one := func(yes bool) float64 {
			if yes {
				return 1
			}
			return 0
		}
		ctx, cancel := context.WithTimeout(context.Background(), statsTimeout+statsGrace)
		defer cancel()
		counts.begin() // runs during the ping
		_, reached := ping.look(ctx)
		set(up, one(reached))
		s, ok := counts.look(ctx)
		if !ok {
			return
		}
		set(players, float64(s.Players))
		set(members, float64(s.Members))
		set(bounded, one(s.Bounded))
		for status, n := range s.Sessions {
			set(sessions, float64(n), string(status))
		}
	}}
}

// recently caches the result of a call for askedAge.
type recently[T any] struct {
	ask func(context.Context) (T, error)
	now func() time.Time

	mu     sync.Mutex
	asked  time.Time
	asking chan struct{} // closed when the call returns; nil while no call is running
	latest T
	ok     bool
}

// begin starts the call unless the last result is recent. It returns a channel that is closed when the call returns,
// or nil if there is a recent result.
func (r *recently[T]) begin() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asking == nil && r.now().Sub(r.asked) > askedAge {
		r.asked, r.asking = r.now(), make(chan struct{})
		go r.run(r.asking)
	}
	return r.asking
}

// look returns the latest result and whether there is one. It waits for a running call until the context ends.
func (r *recently[T]) look(ctx context.Context) (T, bool) {
	if asking := r.begin(); asking != nil {
		select {
		case <-asking:
		case <-ctx.Done():
			var none T
			return none, false
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest, r.ok
}

// run makes the call. It returns when the store does, or at the latest when the call times out.
func (r *recently[T]) run(answered chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	latest, err := r.ask(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest, r.ok, r.asking = latest, err == nil, nil
	close(answered)
}
