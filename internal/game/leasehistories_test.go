package game_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"game-session-manager/internal/game"
)

// The times of leases in these histories, in seconds.
const (
	stale  = 5
	expire = 20
	skew   = 2 // of the clocks
)

// leaseHistory is two processes with different clocks on one store, and what a client knows of its sessions.
type leaseHistory struct {
	world
	tb        testing.TB
	real      time.Time // of the clients
	processes [2]*leaseProcess
	sessions  []*leasedSession
}

type leaseProcess struct {
	process
	own     *clock
	ahead   time.Duration
	paused  bool
	hearing time.Time // since when it has been at work without interruption
	last    time.Time // tick
}

type leasedSession struct {
	id      game.SessionID
	hosted  bool
	beat    time.Time // the last heartbeat that was accepted; zero for none
	ended   bool
	stale   bool
	version int64
}

func newLeaseHistory(tb testing.TB, t *rapid.T) *leaseHistory {
	h := &leaseHistory{world: newWorld(tb), tb: tb, real: t0}
	for i := range h.processes {
		ahead := time.Duration(rapid.IntRange(0, skew).Draw(t, "ahead")) * time.Second
		h.processes[i] = &leaseProcess{ahead: ahead}
		h.begin(i)
	}
	p := h.processes[0]
	for i := range 3 {
		host := game.PlayerID("")
		if i > 0 {
			host = p.register(tb, h.ctx, fmt.Sprintf("host-%d", i)).ID
		}
		c, err := p.sessions.Create(h.ctx, game.SessionRequest{
			Settings: game.Settings{MaxPlayers: 2, Name: "room"},
			TimeoutRequest: game.TimeoutRequest{
				StaleAfter: new(stale), ExpireAfter: new(expire), HostGrace: new(3), DisconnectGrace: new(9),
				EmptyTimeout: new(0),
			},
			HostID: nilIfEmpty(host),
		}, game.Idempotency{})
		if err != nil {
			t.Fatal(err)
		}
		h.sessions = append(h.sessions, &leasedSession{id: c.Document.ID, hosted: host != "", version: 1})
	}
	return h
}

func nilIfEmpty(id game.PlayerID) *game.PlayerID {
	if id == "" {
		return nil
	}
	return &id
}

// begin starts a process, for the first time or after a crash.
func (h *leaseHistory) begin(i int) {
	p := h.processes[i]
	p.own = &clock{now: h.real.Add(p.ahead)}
	w := h.world
	w.clock = p.own
	p.process = w.startSkewed(skew * time.Second)
	p.paused, p.hearing, p.last = false, time.Time{}, time.Time{}
}

func (h *leaseHistory) draw(t *rapid.T) (*leasedSession, *leaseProcess) {
	s := rapid.SampledFrom(h.sessions).Draw(t, "session")
	var awake []*leaseProcess
	for _, p := range h.processes {
		if !p.paused {
			awake = append(awake, p)
		}
	}
	if len(awake) == 0 {
		t.Skip("no process is awake")
	}
	return s, rapid.SampledFrom(awake).Draw(t, "process")
}

func (h *leaseHistory) Beat(t *rapid.T) {
	s, p := h.draw(t)
	l, err := p.process.sessions.Heartbeat(h.ctx, game.Heartbeat{SessionID: s.id})
	if s.ended {
		rejected(t, err, game.ErrSessionEnded)
		return
	}
	if errors.Is(err, game.ErrSessionEnded) && s.mayHaveExpired(h.real) {
		return
	}
	if err != nil || l.Liveness != game.Live {
		t.Fatalf("a heartbeat: %+v, %v", l, err)
	}
	s.beat = h.real
}

// mayHaveExpired reports whether the session can have expired, by the clock that is furthest ahead.
func (s *leasedSession) mayHaveExpired(now time.Time) bool {
	return !s.beat.IsZero() && now.Sub(s.beat) >= expire*time.Second
}

func (h *leaseHistory) Join(t *rapid.T) {
	s, p := h.draw(t)
	who := h.processes[0].register(h.tb, h.ctx, fmt.Sprintf("guest-%d", h.ids.Load())).ID
	_, _, err := p.process.sessions.Join(h.ctx, s.id, nil, game.JoinRequest{PlayerID: who})
	if e := (*game.Error)(nil); err != nil && (!errors.As(err, &e) || game.KindOf(err) == game.Unavailable) {
		t.Fatal(err)
	}
}

func (h *leaseHistory) Leave(t *rapid.T) {
	s, p := h.draw(t)
	v, err := p.process.sessions.Get(h.ctx, s.id)
	if err != nil || len(v.Members) == 0 || v.Status.Terminal() {
		t.Skip("nobody to leave")
	}
	who := rapid.SampledFrom(v.Members).Draw(t, "member").PlayerID
	if _, err = p.process.sessions.Leave(h.ctx, s.id, nil, who); err != nil && !errors.Is(err, game.ErrSessionEnded) {
		t.Fatal(err)
	}
}

func (h *leaseHistory) Pause(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "process")
	h.processes[i].paused = !h.processes[i].paused
}

func (h *leaseHistory) Crash(t *rapid.T) { h.begin(rapid.IntRange(0, 1).Draw(t, "process")) }

// Pass lets time pass, in which each process that is not paused looks at what is due every second.
func (h *leaseHistory) Pass(t *rapid.T) {
	for range rapid.IntRange(1, expire+stale).Draw(t, "seconds") {
		h.real = h.real.Add(time.Second)
		for _, p := range h.processes {
			p.own.set(h.real.Add(p.ahead))
			if p.paused {
				continue
			}
			if _, err := p.process.sessions.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
			if p.hearing.IsZero() || h.real.Sub(p.last) > stale*time.Second/2 {
				p.hearing = h.real
			}
			p.last = h.real
		}
		h.Check(t)
	}
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// Check holds what is true at any time.
func (h *leaseHistory) Check(t *rapid.T) {
	for _, s := range h.sessions {
		v, err := h.store.Session(t.Context(), "p", s.id)
		if err != nil {
			t.Fatal(err)
		}
		if v.Version < s.version || s.ended && v.Version != s.version {
			t.Fatalf("version %d follows %d, ended is %t", v.Version, s.version, s.ended)
		}
		worse := !s.ended && v.Status.Terminal() || !s.stale && v.Liveness == game.Stale
		s.version, s.ended, s.stale = v.Version, v.Status.Terminal(), v.Liveness == game.Stale
		if worse && !h.heardLong() {
			t.Fatalf("the session became %s and %s by a process that has just begun to hear", v.Liveness, v.Status)
		}
		if len(v.Members) > v.MaxPlayers {
			t.Fatalf("%d members of %d", len(v.Members), v.MaxPlayers)
		}
		if s.beat.IsZero() {
			if v.Leased || v.Liveness != game.Live || s.ended {
				t.Fatalf("without any heartbeat: %+v", v)
			}
			continue
		}
		silent := h.real.Sub(s.beat)
		if silent < stale*time.Second && (v.Liveness != game.Live || s.ended) {
			t.Fatalf("%s after a heartbeat the session is %s and %s", silent, v.Liveness, v.Status)
		}
		if s.ended && v.EndReason != game.ReasonLeaseExpired || s.ended && silent < expire*time.Second && !s.hosted {
			t.Fatalf("%s after a heartbeat the session ended: %s", silent, v.EndReason)
		}
		if s.hosted || s.ended {
			continue // a new host has a fresh lease
		}
		if h.noticed(silent, stale) && v.Liveness == game.Live {
			t.Fatalf("%s after a heartbeat the session is live", silent)
		}
		if h.noticed(silent, expire) {
			t.Fatalf("%s after a heartbeat the session has not expired", silent)
		}
	}
}

// heardLong reports whether a process has heard from clients for long enough to judge.
func (h *leaseHistory) heardLong() bool {
	return slices.ContainsFunc(h.processes[:], func(p *leaseProcess) bool {
		return !p.paused && h.real.Sub(p.hearing) >= stale*time.Second
	})
}

// noticed reports whether a process must have noticed that no heartbeat came for a time, counted anew by stale_after
// since the process last began to hear. It may take the difference of the clocks, twice, and one look.
func (h *leaseHistory) noticed(silent time.Duration, after int) bool {
	const late = (2*skew + 1) * time.Second
	return slices.ContainsFunc(h.processes[:], func(p *leaseProcess) bool {
		return !p.paused && p.last.Equal(h.real) && silent > time.Duration(after)*time.Second+late &&
			h.real.Sub(p.hearing) > stale*time.Second+late
	})
}

func TestLeaseHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rt.Repeat(rapid.StateMachineActions(newLeaseHistory(t, rt)))
	})
}
