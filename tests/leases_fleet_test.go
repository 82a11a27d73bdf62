package tests_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sort"
	"time"

	"game-session-manager/client"
)

// any returns a process, whether it is at work or not: its clients cannot know.
func (f *fleet) any() *fleetServer { return f.processes[rand.IntN(len(f.processes))].current.Load() }

// beat sends the heartbeats of some sessions until the test is over.
func (f *fleet) beat(some []*fleetSession) {
	turns := time.NewTicker(fleetBeat)
	defer turns.Stop()
	for {
		now := time.Now()
		f.send(slices.DeleteFunc(slices.Clone(some), func(s *fleetSession) bool {
			return s.over || !s.dies.IsZero() && len(s.beats) > 0 && now.After(s.dies)
		}))
		select {
		case <-f.over:
			return
		case <-turns.C:
		}
	}
}

// send sends a request with the heartbeats of sessions to one process after the other, until one acknowledges it.
func (f *fleet) send(some []*fleetSession) {
	if len(some) == 0 {
		return
	}
	beats := make([]client.Heartbeat, len(some))
	for i, s := range some {
		beats[i] = client.Heartbeat{SessionID: s.ID}
	}
	for {
		p := f.any()
		ctx, cancel := context.WithTimeout(f.ctx, fleetTimeout)
		sent := time.Now()
		results, err := p.beats.Sessions.Heartbeats(ctx, beats)
		cancel()
		if err == nil {
			f.requests.Add(1)
			f.note(some, results, acked{sent, time.Now()})
			return
		}
		if e := (*client.Error)(nil); errors.As(err, &e) && e.Status != http.StatusServiceUnavailable {
			f.violate("heartbeats: %v", err)
			return
		}
		f.retries.Add(1)
		select {
		case <-f.over:
			return
		case <-time.After(rand.N(fleetRetry)):
		}
	}
}

// note records what a response says of each session.
func (f *fleet) note(some []*fleetSession, results []client.HeartbeatResult, b acked) {
	if len(results) != len(some) {
		f.violate("%d results of %d heartbeats", len(results), len(some))
		return
	}
	for i, r := range results {
		s := some[i]
		switch {
		case r.SessionID != s.ID:
			f.violate("the result of session %s is of %s", s.ID, r.SessionID)
		case errors.Is(r.Err, client.ErrSessionEnded): // verify judges whether it may have
			s.over = true
		case errors.Is(r.Err, client.ErrStoreUnavailable): // not acknowledged
		case r.Err != nil || r.Liveness != client.Live || r.Status != client.StatusOpen:
			f.violate("a heartbeat of session %s: %+v", s.ID, r)
		default:
			s.beats = append(s.beats, b)
		}
	}
}

// visits returns pairs of a player and sessions that it joins and leaves.
func (f *fleet) visits(players int) []visit {
	all := make([]visit, players)
	for i := range all {
		all[i].player = f.players[len(f.players)-1-i].ID
		for n := 1; n < len(f.sessions); n += fleetVisited {
			all[i].sessions = append(all[i].sessions, f.sessions[n].ID)
		}
	}
	return all
}

type visit struct {
	player   client.PlayerID
	sessions []client.SessionID
}

// visit joins and leaves sessions until the test is over. Requests may fail for whatever the processes suffer.
func (f *fleet) visit(v visit) {
	for f.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(f.ctx, fleetTimeout)
		c, id := f.any().beats.Sessions, v.sessions[rand.IntN(len(v.sessions))]
		var err error
		if rand.IntN(3) > 0 {
			_, err = c.Join(ctx, id, client.JoinRequest{PlayerID: v.player})
		} else {
			err = c.Leave(ctx, id, v.player)
		}
		cancel()
		e := (*client.Error)(nil)
		if errors.As(err, &e) && e.Status >= 500 && e.Status != http.StatusServiceUnavailable {
			f.violate("a player who comes or goes: %v", err)
		}
		select {
		case <-f.over:
			return
		case <-time.After(rand.N(fleetRetry)):
		}
	}
}

// fleetFigures are what verify found.
type fleetFigures struct {
	created                          time.Duration
	disturbed, settled               time.Time // the last disturbance, and when nothing more was to expire
	events, revived                  int
	stale, expired                   int // times, of sessions whose heartbeats stopped
	staleAlive, expiredAlive         int // of others, which missed heartbeats
	soonestStale, soonestExpired     time.Duration
	latestExpired, longestStaleAlive time.Duration
	gap                              time.Duration // the longest time between acknowledged heartbeats of those alive
}

// verify compares what became of each session with what was acknowledged.
func (f *fleet) verify() {
	f.t.Helper()
	const readers = 8
	c := f.processes[0].current.Load().api.Sessions
	sessions, failures := map[client.SessionID]client.Session{}, make([]error, readers)
	for v, err := range c.All(f.t.Context(), client.SessionFilter{Limit: 100, Members: client.MembersFull}) {
		must(f.t, err)
		sessions[v.ID] = v
	}
	together(readers, func(reader int) {
		for i := reader; i < len(f.sessions) && failures[reader] == nil; i += readers {
			failures[reader] = f.verifySession(c, f.sessions[i], sessions[f.sessions[i].ID])
		}
	})
	if err := errors.Join(failures...); err != nil {
		f.t.Error(err)
	}
	for _, v := range f.violations {
		f.t.Error(v)
	}
	for _, p := range f.processes {
		p.current.Load().terminate(f.t)
	}
	// This compares the events of all sessions with their versions.
	db(f.t, 0, []string{"check", "--database-url", f.database}, "0 findings")
}

func (f *fleet) verifySession(c *client.Sessions, s *fleetSession, v client.Session) error {
	if v.ID != s.ID {
		f.violate("session %s is not there", s.ID)
		return nil
	}
	if err := sound(v); err != nil {
		f.violate("session %s: %v", s.ID, err)
	}
	expired := v.Status == client.StatusExpired && v.EndReason == client.ReasonLeaseExpired
	if !s.dies.IsZero() && !expired {
		f.violate("session %s, which has no heartbeats since %v, is %s: %s", s.ID, s.dies, v.Status, v.EndReason)
	}
	if v.Version == leased && v.Status == client.StatusOpen && v.Liveness == client.Live {
		return nil // nothing else has happened to it
	}
	var events []client.Event
	for e, err := range c.AllOfTimeline(f.t.Context(), s.ID, client.TimelineFilter{Limit: 100}) {
		if err != nil {
			return err
		}
		events = append(events, e)
	}
	slices.Reverse(events)
	if int64(len(events)) < v.Version {
		f.violate("session %s is at version %d and has %d events", s.ID, v.Version, len(events))
	}
	f.mu.Lock()
	f.figures.events += len(events)
	f.mu.Unlock()
	f.verifyTimeline(s, events)
	return nil
}

// leased is the version of a session that was created and has had a heartbeat.
const leased = 2

// verifyTimeline checks that each version has an event, that the session ended at most once, and that each time it
// turned stale or ended has a reason.
func (f *fleet) verifyTimeline(s *fleetSession, events []client.Event) {
	var staleSince time.Time
	ended := 0
	for i, e := range events {
		if e.Version != int64(i+1) {
			f.violate("session %s: event %d is of version %d", s.ID, i, e.Version)
			return
		}
		if ended > 0 {
			f.violate("session %s: version %d follows its end", s.ID, e.Version)
		}
		for _, c := range e.Changes {
			switch {
			case c.Type == "liveness_changed" && string(c.To) == string(client.Stale):
				staleSince = e.At
				f.judge(s, e.At, fleetStale, "stale")
			case c.Type == "liveness_changed":
				f.revived(s, staleSince, e.At)
			case c.Type == "status_changed":
				ended++
				f.judge(s, e.At, fleetExpire, "expired")
				if c.To != client.StatusExpired || c.Reason != string(client.ReasonLeaseExpired) {
					f.violate("session %s ended as %s, %s", s.ID, c.To, c.Reason)
				}
			}
		}
	}
	if ended > 1 {
		f.violate("session %s ended %d times", s.ID, ended)
	}
}

const (
	// clockFuzz is how far the times of the test and of the server may differ: both are of one clock, in milliseconds.
	clockFuzz = 20 * time.Millisecond
	// commit is the longest time from a decision to the event that tells of it, without a pause between the two.
	commit = 3 * time.Second
)

// judge records that a session turned stale, or expired, and reports whether it may have done so: at some time until
// then, there had been no heartbeat for so long, and a process had been at work for stale_after. The process may have
// been paused between its decision and the event.
func (f *fleet) judge(s *fleetSession, at time.Time, after time.Duration, what string) {
	explained := false
	for since := time.Duration(0); since <= longestPause+commit && !explained; since += clockFuzz / 2 {
		explained = s.unheard(at.Add(-since), after) && f.wasUp(at.Add(-since), fleetStale)
	}
	last := s.lastBefore(at)
	if !explained {
		f.violate("session %s turned %s at %v: its last heartbeat before was acknowledged %v before, and the "+
			"processes were at work %s", s.ID, what, at, at.Sub(last.at), f.uptimes())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	g, age := &f.figures, at.Sub(last.sent)
	switch dead := !s.dies.IsZero() && at.After(s.dies); {
	case what == "stale" && dead:
		g.stale++
		g.soonestStale = shortest(g.soonestStale, age)
	case what == "stale":
		g.staleAlive++
	case dead:
		g.expired++
		g.soonestExpired, g.latestExpired = shortest(g.soonestExpired, age), max(g.latestExpired, age)
	default:
		g.expiredAlive++
	}
}

// shortest returns the shorter of two durations, of which the first is zero where there is none.
func shortest(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// revived reports a session that was stale although a heartbeat was sent and acknowledged meanwhile. One that crossed
// with the decision may not have undone it.
func (f *fleet) revived(s *fleetSession, since, until time.Time) {
	for _, b := range s.beats {
		if b.sent.After(since.Add(longestPause+commit)) && b.at.Before(until.Add(-clockFuzz)) {
			f.violate("session %s was stale from %v to %v, and had a heartbeat at %v", s.ID, since, until, b.at)
			break
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.figures.revived++
	f.figures.longestStaleAlive = max(f.figures.longestStaleAlive, until.Sub(since))
}

// lastBefore returns the last heartbeat that was acknowledged before a time.
func (s *fleetSession) lastBefore(at time.Time) acked {
	i := sort.Search(len(s.beats), func(i int) bool { return s.beats[i].at.After(at) })
	if i == 0 {
		return acked{}
	}
	return s.beats[i-1]
}

// unheard reports whether, at a time, no heartbeat that was sent within a period had been acknowledged.
func (s *fleetSession) unheard(at time.Time, period time.Duration) bool {
	return at.Sub(s.lastBefore(at).sent) >= period-clockFuzz
}

// wasUp reports whether, at a time, one of the processes had been at work for a period.
func (f *fleet) wasUp(at time.Time, period time.Duration) bool {
	return slices.ContainsFunc(f.processes, func(p *fleetProcess) bool {
		return slices.ContainsFunc(p.up, func(u uptime) bool {
			return at.Sub(u.from) >= period-clockFuzz && (u.to.IsZero() || !at.After(u.to.Add(clockFuzz)))
		})
	})
}

func (f *fleet) uptimes() (text string) {
	for i, p := range f.processes {
		for _, u := range p.up {
			text += fmt.Sprintf("%d: %s to %s; ", i, u.from.Format("05.000"), u.to.Format("05.000"))
		}
	}
	return text
}

// report prints the figures.
func (f *fleet) report(begin time.Time) {
	f.t.Helper()
	g := f.figures
	alive, beats := 0, 0
	for _, s := range f.sessions {
		beats += len(s.beats)
		if !s.dies.IsZero() {
			continue
		}
		alive++
		for i := 1; i < len(s.beats); i++ {
			g.gap = max(g.gap, s.beats[i].at.Sub(s.beats[i-1].sent))
		}
	}
	tenth := func(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
	f.t.Logf("%s: %d processes, %d kills, %d long pauses, %d of them of all, in %v; %d sessions created in %v; "+
		"%d events checked in %v", underTest.name, len(f.processes), f.kills, f.pauses, f.pausesOfAll,
		tenth(g.disturbed.Sub(begin)), len(f.sessions), tenth(g.created), g.events, tenth(time.Since(g.settled)))
	f.t.Logf("%d heartbeats acknowledged in %d requests, %d requests sent again; the longest time without one %v",
		beats, f.requests.Load(), f.retries.Load(), tenth(g.gap))
	f.t.Logf("without heartbeats: %d sessions turned stale, the first after %v, and %d expired, after %v to %v, "+
		"the last %v after the last disturbance", g.stale, tenth(g.soonestStale), g.expired, tenth(g.soonestExpired),
		tenth(g.latestExpired), tenth(g.settled.Sub(g.disturbed)))
	f.t.Logf("with heartbeats: of %d sessions, those that missed some turned stale %d times, were revived %d times "+
		"after at most %v, and %d expired", alive, g.staleAlive, g.revived, tenth(g.longestStaleAlive), g.expiredAlive)
}
