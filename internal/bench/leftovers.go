package bench

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	cleanTimeout = 30 * time.Second
	cleaners     = 8
	// mostKept bounds how many ids are remembered; what is beyond is left.
	mostKept = 1_000_000
)

// leftovers are what a run has created.
type leftovers struct {
	mu                sync.Mutex
	players, sessions []string
	over              int // created beyond what is remembered
}

func (l *leftovers) player(id string) { l.add(&l.players, id) }

func (l *leftovers) session(id string) { l.add(&l.sessions, id) }

func (l *leftovers) add(to *[]string, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.players)+len(l.sessions) >= mostKept {
		l.over++
		return
	}
	*to = append(*to, id)
}

// clean ends and removes the sessions and erases the players, as far as the time suffices and the key allows it.
func (l *leftovers) clean(ctx context.Context, a *api) *Left {
	ctx, cancel := context.WithTimeout(ctx, cleanTimeout)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	var ended, live, players atomic.Int64
	_ = together(cleaners, len(l.sessions), func(i int) error {
		switch removed, over := endSession(ctx, a, l.sessions[i]); {
		case removed:
		case over:
			ended.Add(1)
		default:
			live.Add(1)
		}
		return nil
	})
	_ = together(cleaners, len(l.players), func(i int) error {
		erase := remove("/players/" + l.players[i])
		if _, err := a.must(ctx, erase, http.StatusNoContent, http.StatusNotFound); err != nil {
			players.Add(1)
		}
		return nil
	})
	return &Left{Players: int(players.Load()) + l.over, Sessions: int(live.Load()), Ended: int(ended.Load())}
}

// endSession removes a session, which takes an admin, or ends it.
func endSession(ctx context.Context, a *api, id string) (removed, over bool) {
	path := "/sessions/" + id
	if r := a.send(ctx, remove(path+"?purge=true")); r.ok() {
		return true, true
	}
	if r := a.send(ctx, remove(path)); r.ok() || r.code == "session_ended" || r.status == http.StatusNotFound {
		return false, true
	}
	r := a.send(ctx, put(path, `{"status":"ended"}`))
	return false, r.ok() || r.code == "session_ended" || r.code == "invalid_state_transition"
}

// together does something so many times, shared by a few at once. It does all of them, unless one fails, whose error it
// returns.
func together(workers, times int, do func(i int) error) error {
	var next atomic.Int64
	var all sync.WaitGroup
	var once sync.Once
	var first error
	for range min(workers, times) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(times); i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					once.Do(func() { first = err })
					next.Store(int64(times))
				}
			}
		})
	}
	all.Wait()
	return first
}
