package game_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/storetest"
)

// tick lets time pass, second by second, and has the process apply what it does.
func (p process) tick(tb testing.TB, seconds int) (sum game.Tick) {
	tb.Helper()
	for range seconds {
		p.clock.add(time.Second)
		t, err := p.sessions.Tick(tb.Context())
		ok(tb, err)
		sum.Stale += t.Stale
		sum.Expired += t.Expired
	}
	return sum
}

// beat sends a heartbeat of a server.
func (p process) beat(tb testing.TB, id game.SessionID) game.HeartbeatReply {
	tb.Helper()
	l, err := p.sessions.Heartbeat(p.ctx, game.Heartbeat{SessionID: id})
	ok(tb, err)
	return l
}

func (p process) read(tb testing.TB, id game.SessionID) game.Session {
	tb.Helper()
	v, err := p.sessions.Get(p.ctx, id)
	ok(tb, err)
	return v
}

// changesOf returns the types of all changes of a session, the first first.
func (w world) changesOf(tb testing.TB, id game.SessionID) (all []game.ChangeType) {
	tb.Helper()
	events, err := w.store.Timeline(tb.Context(), game.TimelineQuery{
		Project: "p", Subject: game.Subject{Kind: game.SubjectSession, ID: string(id)}, Limit: 1000,
	})
	ok(tb, err)
	for i := len(events) - 1; i >= 0; i-- {
		for _, c := range events[i].Changes {
			all = append(all, game.TypeOf(c))
		}
	}
	return all
}

// A lease begins with the first heartbeat. Heartbeats change no version. Without them the session turns stale, which a
// heartbeat undoes, and expires.
func TestLeaseOfASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	v := p.open(t, 4, "")
	p.tick(t, 60)
	if v = p.read(t, v.ID); v.Leased || v.Liveness != game.Live || v.Version != 1 {
		t.Fatalf("before the first heartbeat: %+v", v)
	}
	l := p.beat(t, v.ID)
	equal(t, game.HeartbeatReply{
		SessionID: v.ID, Status: "open", Version: 2, Liveness: game.Live, Fence: 1,
		NextDeadline: w.clock.Now().Add(30 * time.Second), ExpiresAt: w.clock.Now().Add(time.Hour),
	}, l)
	for range 10 {
		p.tick(t, 20)
		if l = p.beat(t, v.ID); l.Version != 2 {
			t.Fatalf("a heartbeat made version %d", l.Version)
		}
	}
	if sum := p.tick(t, 29); sum.Stale != 0 {
		t.Error("stale before its time")
	}
	if sum := p.tick(t, 2); sum.Stale != 1 {
		t.Error("not stale in time")
	}
	v = p.read(t, v.ID)
	if v.Liveness != game.Stale || v.Version != 3 {
		t.Fatalf("without heartbeats: %+v", v)
	}
	ada := p.register(t, p.ctx, "Ada").ID
	_, _, err := p.sessions.Join(p.ctx, v.ID, nil, game.JoinRequest{PlayerID: ada})
	equal(t, map[string]any{"session_status": game.StatusOpen, "liveness": game.Stale},
		rejected(t, err, game.ErrSessionNotJoinable).Extras)
	if l = p.beat(t, v.ID); l.Liveness != game.Live || l.Version != 4 {
		t.Fatalf("revived: %+v", l)
	}
	p.join(t, v.ID, ada)
	if sum := p.tick(t, 3602); sum.Stale != 1 || sum.Expired != 1 {
		t.Errorf("without heartbeats for an hour: %+v", sum)
	}
	v = p.read(t, v.ID)
	if v.Status != game.StatusExpired || v.EndReason != game.ReasonLeaseExpired {
		t.Fatalf("expired: %+v", v)
	}
	_, err = p.sessions.Heartbeat(p.ctx, game.Heartbeat{SessionID: v.ID})
	rejected(t, err, game.ErrSessionEnded)
	equal(t, []game.ChangeType{
		"session_created", "lease_started", "liveness_changed", "liveness_changed", "member_joined", "liveness_changed",
		"status_changed",
	}, w.changesOf(t, v.ID))
	left, err := w.store.ExportLeases(t.Context(), "", 10)
	ok(t, err)
	equal(t, []game.Lease{}, left)
}

// A member that joins again sends heartbeats when it is ready to: those before it left do not disconnect it.
func TestLeaseOfAMemberThatJoinsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	ada, bob := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Bob").ID
	v := p.open(t, 4, ada)
	p.join(t, v.ID, bob)
	status := func() game.MemberStatus {
		v := p.read(t, v.ID)
		return v.Members[1].Status
	}
	for _, tt := range []struct {
		goes func()
		then game.MemberStatus // stale_after after it came back
	}{
		{func() { // a new seat has no lease yet
			_, err := p.sessions.Leave(p.ctx, v.ID, nil, bob)
			ok(t, err)
		}, game.SeatJoined},
		{func() {
			_, err := p.sessions.EditMember(p.ctx, v.ID, nil, bob, func(e game.MemberEdit) (game.MemberEdit, error) {
				e.Status = game.SeatDisconnected
				return e, nil
			})
			ok(t, err)
		}, game.SeatDisconnected},
	} {
		p.tick(t, 60)
		_, err := p.sessions.MemberHeartbeat(p.ctx, v.ID, nil, bob)
		ok(t, err)
		p.tick(t, 20)
		tt.goes()
		p.tick(t, 5)
		p.join(t, v.ID, bob)
		if p.tick(t, 29); status() != game.SeatJoined {
			t.Error("disconnected for heartbeats that it sent before it joined again")
		}
		if p.tick(t, 2); status() != tt.then {
			t.Errorf("later it is %s, want %s", status(), tt.then)
		}
		p.join(t, v.ID, bob)
	}
}

// A member joins by a process whose clock is ahead, and sends its only heartbeat to another. That is not the heartbeat
// of an earlier seat.
func TestLeaseOfAMemberWithClocksApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.startSkewed(5 * time.Second)
	w.clock = &clock{now: w.clock.Now().Add(4 * time.Second)}
	ahead := w.startSkewed(5 * time.Second)
	ada, bob := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Bob").ID
	v := p.open(t, 4, ada)
	ahead.join(t, v.ID, bob)
	_, err := p.sessions.MemberHeartbeat(p.ctx, v.ID, nil, bob)
	ok(t, err)
	if p.tick(t, 60); p.read(t, v.ID).Members[1].Status != game.SeatDisconnected {
		t.Error("connected for ever after one heartbeat")
	}
}

// The first heartbeat of a server is under way while another takes over. It is rejected, and begins no lease: the new
// server has sent no heartbeat.
func TestFirstHeartbeatThatIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.gated("RenewLeases")
	p := w.start()
	former := w.start(g.Store)
	v := p.open(t, 4, "")
	p.tick(t, 1)
	done := make(chan error)
	go func() {
		_, err := former.sessions.Heartbeat(former.ctx, game.Heartbeat{SessionID: v.ID, Fence: &v.Fence})
		done <- err
	}()
	<-g.arrived
	_, err := p.sessions.AttachServer(p.ctx, v.ID, nil, game.ServerRequest{})
	ok(t, err)
	close(g.open)
	rejected(t, <-done, game.ErrStaleFence)
	p.tick(t, 3700)
	if v = p.read(t, v.ID); v.Leased || v.Liveness != game.Live || v.Status != game.StatusOpen {
		t.Errorf("without a heartbeat that was accepted: %+v", v)
	}
	p.beat(t, v.ID)
	if sum := p.tick(t, 31); sum.Stale != 1 {
		t.Error("not stale after the heartbeats of the new server")
	}
}

// startBlind starts a process that, while blind is set, does not find the sessions that are due.
func (w world) startBlind(blind *bool) process {
	return w.start(faulty(w.store, func(called string) error {
		if *blind && called == "DueSessions" {
			return errDown
		}
		return nil
	}))
}

// A heartbeat that arrives when the office of the host has just passed on, by time alone, is rejected only if it names
// the fence of before or comes from the former host.
func TestHeartbeatAtTheEndOfHostGrace(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		asHost, withFence bool
		want              *game.Error
	}{
		"a server's": {false, false, nil}, "with the fence": {false, true, game.ErrStaleFence},
		"of the former host": {true, false, game.ErrNotHost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			blind := false
			p := w.startBlind(&blind)
			ada, bob := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Bob").ID
			v := p.open(t, 4, ada)
			p.join(t, v.ID, bob)
			p.beat(t, v.ID)
			p.tick(t, 31) // the host counts as disconnected
			for blind = true; p.read(t, v.ID).Fence == v.Fence && w.clock.Now().Before(later(62)); {
				w.clock.add(time.Second) // the process is at work, but does not find the session
				if _, err := p.sessions.Tick(t.Context()); !errors.Is(err, errDown) {
					t.Fatal(err)
				}
			}
			b, ctx := game.Heartbeat{SessionID: v.ID}, p.ctx
			if tt.withFence {
				b.Fence = &v.Fence
			}
			if tt.asHost {
				ctx = playing(t, ada)
			}
			l, err := p.sessions.Heartbeat(ctx, b)
			if tt.want != nil {
				rejected(t, err, tt.want)
				return
			}
			ok(t, err)
			if l.Liveness != game.Live {
				t.Errorf("after the heartbeat: %+v", l)
			}
		})
	}
}

// However late the background work finds that another host is due, the lease of the crashed one ends nothing.
func TestAnotherHostIsDueBeforeTheLeaseExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	blind := false
	p := w.startBlind(&blind)
	ada, eve := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Eve").ID
	r := game.SessionRequest{HostID: &ada, Settings: game.Settings{MaxPlayers: 4}}
	r.ExpireAfter = new(65) // host_grace ends 60 after the last heartbeat
	c, err := p.sessions.Create(p.ctx, r, game.Idempotency{})
	ok(t, err)
	v := c.Document
	p.join(t, v.ID, eve)
	p.beat(t, v.ID)
	p.tick(t, 31)
	for blind = true; w.clock.Now().Before(later(75)); w.clock.add(time.Second) {
		if _, err := p.sessions.Tick(t.Context()); !errors.Is(err, errDown) {
			t.Fatal(err)
		}
	}
	if v = p.read(t, v.ID); v.Status != game.StatusOpen || *v.HostID != eve || v.Liveness != game.Live {
		t.Errorf("with Eve as the next host: %+v", v)
	}
}

// A session that players host and that has lost its host can have no heartbeats. The next who joins becomes host and
// revives it.
func TestStaleSessionWithoutHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	ada, bob := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Bob").ID
	v := p.open(t, 4, ada)
	p.beat(t, v.ID)
	_, err := p.sessions.Leave(p.ctx, v.ID, nil, ada)
	ok(t, err)
	p.tick(t, 31)
	if v = p.read(t, v.ID); v.Liveness != game.Stale || v.HostID != nil {
		t.Fatalf("without a host: %+v", v)
	}
	v = p.join(t, v.ID, bob)
	if v.Liveness != game.Live || v.HostID == nil || *v.HostID != bob {
		t.Errorf("with a member: %+v", v)
	}
	p.tick(t, 29)
	if v = p.read(t, v.ID); v.Liveness != game.Live {
		t.Errorf("without a fresh lease: %+v", v)
	}
}

// A host that crashes is replaced, and a fresh lease begins, so that the others are not locked into a dead lobby.
func TestCrashedHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	ada, eve := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Eve").ID
	v := p.open(t, 4, ada)
	p.join(t, v.ID, eve)
	asAda, asEve := playing(t, ada), playing(t, eve)
	first, err := p.sessions.Heartbeat(asAda, game.Heartbeat{SessionID: v.ID})
	ok(t, err)
	_, err = p.sessions.Heartbeat(asEve, game.Heartbeat{SessionID: v.ID})
	rejected(t, err, game.ErrNotHost)

	p.tick(t, 31)
	v = p.read(t, v.ID)
	if v.Liveness != game.Stale || v.Members[0].Status != game.SeatDisconnected || *v.HostID != ada {
		t.Fatalf("after stale_after: %+v", v)
	}
	p.tick(t, 31)
	v = p.read(t, v.ID)
	if v.Liveness != game.Live || *v.HostID != eve || v.Fence != first.Fence+1 || len(v.Members) != 2 {
		t.Fatalf("after host_grace: %+v", v)
	}
	// The old host gets its seat back, and not its office.
	_, err = p.sessions.Heartbeat(asAda, game.Heartbeat{SessionID: v.ID, Fence: &first.Fence})
	rejected(t, err, game.ErrNotHost)
	_, _, err = p.sessions.Join(asAda, v.ID, nil, game.JoinRequest{PlayerID: ada})
	ok(t, err)
	if v = p.read(t, v.ID); *v.HostID != eve || v.Members[0].Status != game.SeatJoined {
		t.Fatalf("after its return: %+v", v)
	}
	// The fresh lease must be kept too.
	p.tick(t, 20)
	if v = p.read(t, v.ID); v.Liveness != game.Live {
		t.Fatal("the fresh lease was not a full one")
	}
	p.tick(t, 12)
	if v = p.read(t, v.ID); v.Liveness != game.Stale || v.Members[1].Status != game.SeatDisconnected {
		t.Fatalf("after the second crash: %+v", v)
	}
}

// playing returns the context of a player.
func playing(tb testing.TB, id game.PlayerID) context.Context {
	tb.Helper()
	return game.WithCaller(tb.Context(), game.Caller{
		Project: "p", Scope: game.ScopePlayer, Name: "player:" + string(id), Player: id,
	})
}

// A server that was paused can neither change the session nor keep its lease alive after another has taken over.
func TestFence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	v := p.open(t, 4, "")
	old := p.beat(t, v.ID).Fence
	v, err := p.sessions.AttachServer(p.ctx, v.ID, nil, game.ServerRequest{
		Connection: &game.Connection{Address: "10.0.0.2", Port: 7777},
	})
	ok(t, err)
	if v.Fence != old+1 || v.ServerSince == nil || v.Connection.Address != "10.0.0.2" {
		t.Fatalf("attached: %+v", v)
	}
	_, err = p.sessions.Heartbeat(p.ctx, game.Heartbeat{SessionID: v.ID, Fence: &old})
	equal(t, map[string]any{"fence": v.Fence}, rejected(t, err, game.ErrStaleFence).Extras)
	_, err = p.sessions.Move(p.ctx, v.ID, game.AtFence(old), game.Move{Status: game.StatusStarting})
	rejected(t, err, game.ErrStaleFence)
	_, err = p.sessions.Heartbeat(p.ctx, game.Heartbeat{SessionID: v.ID, Fence: &v.Fence})
	ok(t, err)

	// A heartbeat that read the session before the take-over and writes after it is rejected by the lease.
	late := game.Lease{
		Project: "p", Session: v.ID, State: game.LeaseLive, Fence: old, BeatAt: w.clock.Now().Add(time.Minute),
		DueAt: w.clock.Now().Add(time.Hour),
	}
	renewed, err := w.store.RenewLeases(t.Context(), []game.Lease{late})
	ok(t, err)
	equal(t, []bool{false}, renewed)
}

// One heartbeat that is rejected does not fail the others.
func TestHeartbeatsOfMany(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	a, b, over := p.open(t, 4, ""), p.open(t, 4, ""), p.open(t, 4, "")
	_, err := p.sessions.Move(p.ctx, over.ID, nil, game.Move{Status: game.StatusCancelled})
	ok(t, err)
	results, err := p.sessions.Heartbeats(p.ctx, []game.Heartbeat{
		{SessionID: a.ID},
		{SessionID: game.SessionID(testID(99))},
		{SessionID: over.ID},
		{SessionID: b.ID, Fence: new(int64(7))},
		{SessionID: a.ID},
		{SessionID: "x"},
	})
	ok(t, err)
	for i, want := range []*game.Error{
		nil, game.ErrSessionNotFound, game.ErrSessionEnded, game.ErrStaleFence, game.ErrValidation, game.ErrValidation,
	} {
		if got := results[i].Err; want == nil {
			ok(t, got)
		} else {
			rejected(t, got, want)
		}
	}
	for _, caller := range []game.Caller{{}, {Project: "p", Scope: game.ScopeRead}} {
		_, err := p.sessions.Heartbeats(game.WithCaller(t.Context(), caller), []game.Heartbeat{{SessionID: a.ID}})
		rejected(t, err, game.ErrForbidden)
	}
}

// After a pause of the process, or an outage of the database, every lease and every disconnected member has a full
// stale_after to be heard again.
func TestNothingEndsForThePauseOfTheService(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]func(p process){
		"paused": func(p process) { p.clock.add(2 * time.Hour) },
		"without its database": func(p process) {
			for range 7200 {
				p.clock.add(time.Second)
				if _, err := p.sessions.Tick(t.Context()); err == nil {
					t.Fatal("the outage did not show")
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			away := storetest.Failing(w.store, storetest.Fault{
				Operation: "DueSessions", From: 11, Calls: 7200, Err: game.ErrStoreUnavailable,
			}, storetest.Fault{
				Operation: "DueLeases", From: 11, Calls: 7200, Err: game.ErrStoreUnavailable,
			})
			p := w.start(w.store)
			if name != "paused" {
				p = w.start(away)
			}
			ada, eve := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Eve").ID
			v := p.open(t, 4, ada)
			p.join(t, v.ID, eve)
			p.beat(t, v.ID)
			_, err := p.sessions.EditMember(p.ctx, v.ID, nil, eve, func(e game.MemberEdit) (game.MemberEdit, error) {
				e.Status = game.SeatDisconnected
				return e, nil
			})
			ok(t, err)
			p.tick(t, 10)
			pause(p)
			p.tick(t, 25)
			if v = p.read(t, v.ID); v.Liveness != game.Live || len(v.Members) != 2 {
				t.Fatalf("killed for a pause of the service: %+v", v)
			}
			p.beat(t, v.ID)
			p.tick(t, 20)
			if v = p.read(t, v.ID); v.Liveness != game.Live || len(v.Members) != 1 {
				t.Fatalf("with a heartbeat, and without the member: %+v", v)
			}
			p.tick(t, 12)
			if v = p.read(t, v.ID); v.Liveness != game.Stale {
				t.Fatalf("without a heartbeat: %+v", v)
			}
		})
	}
}

// A process that has just started knows nothing about who kept in touch, so that requests that it processes do not end
// anything either.
func TestNothingEndsForARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	ada, eve := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Eve").ID
	v := p.open(t, 4, ada)
	p.join(t, v.ID, eve)
	disconnect := func(e game.MemberEdit) (game.MemberEdit, error) {
		e.Status = game.SeatDisconnected
		return e, nil
	}
	_, err := p.sessions.EditMember(p.ctx, v.ID, nil, ada, disconnect)
	ok(t, err)
	w.clock.add(time.Hour)
	fresh := w.start()
	v, err = fresh.sessions.Edit(p.ctx, v.ID, nil, func(e game.SessionEdit) (game.SessionEdit, error) {
		e.Locked = true
		return e, nil
	})
	ok(t, err)
	if *v.HostID != ada || len(v.Members) != 2 {
		t.Fatalf("a restart cost a seat or an office: %+v", v)
	}
	fresh.tick(t, 32)
	if v = p.read(t, v.ID); *v.HostID != eve || len(v.Members) != 1 {
		t.Fatalf("later: %+v", v)
	}
}

// Whatever a process that crashed has left between the lease and the session, another finishes.
func TestLeasesAfterCrashes(t *testing.T) {
	t.Parallel()
	crash := errors.New("crash")
	for _, operation := range []string{"ReplaceLease", "ReplaceSession", "DeleteLease"} {
		for _, after := range []bool{false, true} {
			for call := 1; call <= 3; call++ {
				w := newWorld(t)
				p := w.start()
				v := p.open(t, 4, "")
				p.beat(t, v.ID)
				q := w.start(storetest.Failing(w.store, storetest.Fault{
					Operation: operation, From: call, Calls: 1 << 20, After: after,
					Err: game.ErrStoreUnavailable.Because(crash),
				}))
				for range 3700 / 10 {
					w.clock.add(time.Second)
					_, _ = q.sessions.Tick(t.Context()) // some fail
				}
				w.clock.add(time.Hour)
				p.tick(t, 40)
				v = p.read(t, v.ID)
				if v.Status != game.StatusExpired || v.EndReason != game.ReasonLeaseExpired {
					t.Errorf("%s %d, after %t: %+v", operation, call, after, v)
				}
				left, err := w.store.ExportLeases(t.Context(), "", 10)
				ok(t, err)
				equal(t, []game.Lease{}, left)
			}
		}
	}
}

// A heartbeat may tell which members are connected.
func TestPresence(t *testing.T) {
	t.Parallel()
	s := newSession(t, seat(2, "joined", "", 5), seat(3, "disconnected", "", 6), seat(4, "reserved", "", 7),
		seat(5, "joined", "", 95), servers)
	done, err := s.Presence([]game.PlayerID{player(1), player(3), player(99)}, "", later(100))
	ok(t, err)
	equal(t, []game.Change{game.MemberDisconnected{PlayerID: player(2)}, game.MemberReconnected{PlayerID: player(3)}},
		done)
	for i, want := range []game.MemberStatus{"joined", "disconnected", "joined", "reserved", "joined"} {
		if s.Members[i].Status != want {
			t.Errorf("member %d is %s, want %s", i+1, s.Members[i].Status, want)
		}
	}
	equal(t, new(later(220)), s.Members[1].Deadline)
	equal(t, new(later(100)), s.Members[2].ReconnectedAt)
	if again, err := s.Presence([]game.PlayerID{player(1), player(3)}, "", later(101)); len(again) > 0 || err != nil {
		t.Errorf("told again: %v, %v", again, err)
	}
	// Who tells it is connected.
	if done, _ := s.Presence([]game.PlayerID{}, player(1), later(102)); len(done) != 0 {
		t.Errorf("of nobody, by the host: %v", done)
	}
	_, err = (&game.Session{Status: game.StatusEnded}).Presence(nil, "", t0)
	rejected(t, err, game.ErrSessionEnded)
}

// A member with heartbeats of its own is disconnected without them, and comes back with them.
func TestLeaseOfAMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	ada, eve := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Eve").ID
	v := p.open(t, 4, ada)
	p.join(t, v.ID, eve)
	beat := func() {
		t.Helper()
		l, err := p.sessions.MemberHeartbeat(playing(t, eve), v.ID, nil, eve)
		ok(t, err)
		equal(t, w.clock.Now().Add(30*time.Second), l.NextDeadline)
	}
	beat()
	p.tick(t, 25)
	beat()
	p.tick(t, 25)
	if v = p.read(t, v.ID); v.Members[1].Status != game.SeatJoined || v.Version != 2 {
		t.Fatalf("with heartbeats: %+v", v)
	}
	p.tick(t, 7)
	if v = p.read(t, v.ID); v.Members[1].Status != game.SeatDisconnected || v.Liveness != game.Live {
		t.Fatalf("without heartbeats: %+v", v)
	}
	beat()
	if v = p.read(t, v.ID); v.Members[1].Status != game.SeatJoined || v.Members[1].Deadline != nil {
		t.Fatalf("back: %+v", v)
	}
	// Coming back counts as contact, and a new seat does not inherit the lease of the old one.
	p.tick(t, 31)
	if v = p.read(t, v.ID); v.Members[1].Status != game.SeatDisconnected {
		t.Fatalf("without heartbeats again: %+v", v)
	}
	p.join(t, v.ID, eve)
	p.tick(t, 120)
	if v = p.read(t, v.ID); v.Members[1].Status != game.SeatJoined {
		t.Fatalf("it came back, and the lease was gone: %+v", v)
	}
	beat()
	p.tick(t, 20)
	_, err := p.sessions.Leave(p.ctx, v.ID, nil, eve)
	ok(t, err)
	p.join(t, v.ID, eve)
	p.tick(t, 60)
	if v = p.read(t, v.ID); v.Members[1].Status != game.SeatJoined {
		t.Fatalf("disconnected by the lease of an earlier seat: %+v", v)
	}
	beat()
	p.tick(t, 31+121)
	if v = p.read(t, v.ID); len(v.Members) != 1 {
		t.Fatalf("after disconnect_grace: %+v", v)
	}
	equal(t, []game.ChangeType{
		"session_created", "member_joined", "host_changed", "member_joined", "member_disconnected",
		"member_reconnected", "member_disconnected", "member_reconnected", "member_removed", "member_joined",
		"member_disconnected", "member_removed",
	}, w.changesOf(t, v.ID))
	_, err = p.sessions.MemberHeartbeat(playing(t, eve), v.ID, nil, eve)
	rejected(t, err, game.ErrMemberNotFound)
	_, err = p.sessions.MemberHeartbeat(playing(t, eve), v.ID, nil, ada)
	rejected(t, err, game.ErrNotHost)
	left, err := w.store.ExportLeases(t.Context(), "", 10)
	ok(t, err)
	equal(t, []game.Lease{}, left)
}

func TestPurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	v := p.open(t, 4, "")
	reader := game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: game.ScopeServer})
	rejected(t, p.sessions.Purge(reader, v.ID, nil), game.ErrForbidden)
	no := errors.New("no")
	if err := p.sessions.Purge(p.ctx, v.ID, func(game.Session) error { return no }); !errors.Is(err, no) {
		t.Errorf("the condition is not checked: %v", err)
	}
	for range 2 { // also where it is gone
		ok(t, p.sessions.Purge(p.ctx, v.ID, nil))
	}
	_, err := p.sessions.Get(p.ctx, v.ID)
	rejected(t, err, game.ErrSessionNotFound)
	equal(t, []game.ChangeType{"session_created", "status_changed", "session_purged"}, w.changesOf(t, v.ID))
}

// soleRoom is a room that notices concurrent use.
type soleRoom struct {
	t     *testing.T
	inUse *atomic.Bool
	given *atomic.Int64 // rooms that were handed out beside the first
}

func newSoleRoom(t *testing.T) soleRoom {
	t.Helper()
	return soleRoom{t, new(atomic.Bool), new(atomic.Int64)}
}

func (r soleRoom) use() {
	if !r.inUse.CompareAndSwap(false, true) {
		r.t.Error("a room is used concurrently")
		return
	}
	runtime.Gosched()
	r.inUse.Store(false)
}

func (r soleRoom) Take(context.Context, int) bool { r.use(); return true }
func (r soleRoom) Keep(int)                       { r.use() }
func (r soleRoom) Adopt(func())                   { r.use() }

func (r soleRoom) Fresh() game.Room {
	r.given.Add(1)
	return soleRoom{r.t, new(atomic.Bool), new(atomic.Int64)}
}

// The sessions of a batch are changed at the same time, each with a room of its own.
func TestRoomsOfHeartbeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	var beats []game.Heartbeat
	for range 100 {
		beats = append(beats, game.Heartbeat{SessionID: p.open(t, 4, "").ID})
	}
	room := newSoleRoom(t)
	results, err := p.sessions.Heartbeats(game.WithRoom(p.ctx, room), beats)
	ok(t, err)
	for _, r := range results {
		ok(t, r.Err)
	}
	if n := room.given.Load(); n < 100 {
		t.Errorf("%d rooms for 100 changes", n)
	}
}
