package game_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// suspends returns an edit that suspends until a time, nil for no end.
func suspends(until *time.Time) func(game.Profile) (game.Profile, error) {
	return func(f game.Profile) (game.Profile, error) {
		f.Status, f.SuspendedUntil, f.SuspensionReason = game.PlayerSuspended, until, "spam"
		return f, nil
	}
}

func activates(f game.Profile) (game.Profile, error) {
	f.Status = game.PlayerActive
	return f, nil
}

// sweeping lists the ids of the players whose seats are being swept.
func (w world) sweeping(tb testing.TB) []game.PlayerID {
	tb.Helper()
	found, err := w.store.Players(w.ctx, game.PlayerQuery{Sweeping: true, Limit: 200})
	ok(tb, err)
	return ids(found.Items, playerID)
}

func TestPlayerElapse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		until *time.Time
		now   time.Time
		lifts bool
	}{
		"without an end": {nil, later(1e9), false},
		"before its end": {new(later(10)), later(10).Add(-time.Millisecond), false},
		"at its end":     {new(later(10)), later(10), true},
		"after its end":  {new(later(10)), later(11), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlayer(t, game.Profile{Username: "Ada"})
			f, _ := suspends(tt.until)(p.Profile)
			_, err := p.Edit(f, t0)
			ok(t, err)
			equal(t, &t0, p.SweepSince)
			before := p
			if changed := len(p.Elapse(tt.now)) > 0; changed != tt.lifts {
				t.Fatalf("changed is %t", changed)
			}
			if canPlay := p.CanPlay(tt.now) == nil; canPlay != tt.lifts || (before.CanPlay(tt.now) == nil) != canPlay {
				t.Errorf("the rule says %t", canPlay)
			}
			if !tt.lifts {
				equal(t, before, p)
				return
			}
			equal(t, newPlayer(t, game.Profile{Username: "Ada"}), p)
		})
	}
}

// The seats of who becomes suspended are to be swept, once, and not those of who may take new ones.
func TestPlayerSweepSince(t *testing.T) {
	t.Parallel()
	active := func(p *game.Player) game.Profile { f, _ := activates(p.Profile); return f }
	until := func(s int) func(p *game.Player) game.Profile {
		return func(p *game.Player) game.Profile { f, _ := suspends(new(later(s)))(p.Profile); return f }
	}
	renamed := func(p *game.Player) game.Profile { f := p.Profile; f.DisplayName += "x"; return f }
	p := newPlayer(t, game.Profile{Username: "Ada"})
	for i, step := range []struct {
		edit   func(*game.Player) game.Profile
		status game.PlayerStatus
		since  *time.Time
	}{
		{renamed, "active", nil},
		{until(100), "suspended", new(later(1))},
		{renamed, "suspended", new(later(1))},
		{until(200), "suspended", new(later(1))},
		{active, "active", nil},
		{until(300), "suspended", new(later(5))},
		{until(3), "active", nil}, // which has ended
		{until(4), "active", nil},
		{until(300), "suspended", new(later(8))},
	} {
		_, err := p.Edit(step.edit(&p), later(i))
		ok(t, err)
		equal(t, step.since, p.SweepSince)
		if p.Status != step.status {
			t.Errorf("step %d: the player is %s", i, p.Status)
		}
	}
}

// A player who is created as suspended has no seats to sweep.
func TestCreateSuspended(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	f, _ := suspends(new(later(10)))(game.Profile{Username: "Eve"})
	c, err := p.players.Create(p.ctx, f, game.Idempotency{})
	ok(t, err)
	equal(t, "suspended", string(c.Document.Status))
	equal(t, []game.PlayerID{}, p.sweeping(t))
}

// A suspension frees the seats in live sessions at once, and another member becomes host. Sessions that have ended do
// not change.
func TestSuspensionFreesSeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	ada, eve := p.register(t, w.ctx, "Ada").ID, p.register(t, w.ctx, "Eve").ID
	hosted := p.join(t, p.open(t, 2, ada).ID, eve)
	running := p.join(t, p.open(t, 2, eve).ID, ada)
	_, err := p.sessions.Move(w.ctx, running.ID, nil, game.Move{Status: "in_progress"})
	ok(t, err)
	over := p.open(t, 2, ada)
	over, err = p.sessions.Move(w.ctx, over.ID, nil, game.Move{Status: "cancelled"})
	ok(t, err)

	w.clock.add(time.Second)
	got, err := p.players.Edit(w.ctx, ada, nil, suspends(nil))
	ok(t, err)
	if got.Version != 2 || got.SweepSince != nil {
		t.Errorf("callers see %+v", got)
	}
	equal(t, []game.SessionID{over.ID}, w.seats(t, ada))
	for _, id := range []game.SessionID{hosted.ID, running.ID} {
		v, err := p.sessions.Get(w.ctx, id)
		ok(t, err)
		if len(v.Members) != 1 || v.HostID == nil || *v.HostID != eve || v.UpdatedAt != later(1) {
			t.Errorf("the session is %+v", v)
		}
	}
	v, err := p.sessions.Get(w.ctx, over.ID)
	ok(t, err)
	equal(t, over, v)

	// The sweep ends when no request can be left, by no version of its own.
	w.clock.add(lateRequests * maxRequest)
	ok(t, p.players.FreeSeats(w.ctx))
	equal(t, []game.PlayerID{ada}, w.sweeping(t))
	w.clock.add(time.Millisecond)
	ok(t, p.players.FreeSeats(w.ctx))
	equal(t, []game.PlayerID{}, w.sweeping(t))
	now, err := p.players.Get(w.ctx, ada)
	ok(t, err)
	equal(t, got, now)
	p.quiet(t)
}

// overtaken lets a join, or the creation of a session, read the player before something happens to it, and write
// afterwards.
func overtaken(t *testing.T, w world, op string, request func(process) error, happens func()) {
	t.Helper()
	g := w.gated(op)
	returned := make(chan error)
	go func() { returned <- request(w.start(g)) }()
	<-g.arrived
	happens()
	close(g.open)
	ok(t, <-returned)
}

// A request that saw the player before its suspension, and writes after the first sweep, is swept too.
func TestSuspensionSweepsLateRequests(t *testing.T) {
	t.Parallel()
	for op, request := range map[string]func(process, game.PlayerID, game.SessionID) error{
		"ReplaceSession": func(p process, id game.PlayerID, room game.SessionID) error {
			_, _, err := p.sessions.Join(p.ctx, room, nil, game.JoinRequest{PlayerID: id})
			return err
		},
		"CreateSession": func(p process, id game.PlayerID, _ game.SessionID) error {
			_, err := p.sessions.Create(p.ctx, game.SessionRequest{Settings: full(), HostID: &id}, game.Idempotency{})
			return err
		},
	} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.start()
			id, room := p.register(t, w.ctx, "Ada").ID, p.open(t, 2, "").ID
			overtaken(t, w, op, func(p process) error { return request(p, id, room) }, func() {
				_, err := p.players.Edit(w.ctx, id, nil, suspends(nil))
				ok(t, err)
			})
			if len(w.seats(t, id)) != 1 {
				t.Fatal("the request was not late")
			}
			ok(t, w.start().players.FreeSeats(w.ctx)) // in another process
			equal(t, []game.SessionID{}, w.seats(t, id))
		})
	}
}

// Who is active again keeps the seats that it takes, however late a sweep is that began before.
func TestLiftedSuspensionKeepsNewSeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id, room := p.register(t, w.ctx, "Ada").ID, p.open(t, 2, "").ID
	_, err := p.players.Edit(w.ctx, id, nil, suspends(nil))
	ok(t, err)
	overtaken(t, w, "Sessions", func(p process) error { return p.players.FreeSeats(w.ctx) }, func() {
		_, err := p.players.Edit(w.ctx, id, nil, activates)
		ok(t, err)
		p.join(t, room, id)
	})
	ok(t, p.players.FreeSeats(w.ctx))
	equal(t, []game.SessionID{room}, w.seats(t, id))
}

// The process dies right behind the suspension, at any of the calls that follow; another one goes on.
func TestSuspensionGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	for survived := range 5 {
		t.Run(fmt.Sprintf("after %d more calls", survived), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.start()
			id := p.register(t, w.ctx, "Ada").ID
			p.open(t, 2, id)
			p.open(t, 2, id)
			marked, calls := false, 0
			dying := w.start(faulty(w.store, func(op string) error {
				if marked {
					if calls++; calls > survived {
						return errDown
					}
				}
				marked = marked || op == "ReplacePlayer"
				return nil
			}))
			_, err := dying.players.Edit(w.ctx, id, nil, suspends(nil))
			ok(t, err)
			if len(w.seats(t, id)) == 0 {
				t.Fatal("the process did not die before the end of its sweep")
			}
			ok(t, w.start().players.FreeSeats(w.ctx))
			equal(t, []game.SessionID{}, w.seats(t, id))
		})
	}
}

// Suspensions that have ended are lifted by a change with a version of its own, in every project and however many
// they are.
func TestLiftSuspensions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	var last game.PlayerID
	for n := range game.MaxLimit + 3 {
		f, _ := suspends(new(later(10)))(game.Profile{Username: fmt.Sprintf("player-%d", n)})
		ctx := as(w.ctx, game.ProjectID(fmt.Sprintf("p-%d", n%3)))
		c, err := p.players.Create(ctx, f, game.Idempotency{})
		ok(t, err)
		last = c.Document.ID
	}
	ctx := as(w.ctx, game.ProjectID(fmt.Sprintf("p-%d", (game.MaxLimit+2)%3)))
	w.clock.add(10*time.Second - time.Millisecond)
	ok(t, p.players.LiftSuspensions(t.Context()))
	got, err := p.players.Get(ctx, last)
	ok(t, err)
	equal(t, game.PlayerSuspended, got.Status)
	blind := w.start(w.failing("EndedSuspensions", errDown)).players
	rejected(t, blind.LiftSuspensions(t.Context()), game.ErrStoreUnavailable)
	w.clock.add(time.Millisecond)
	mute := w.start(w.failing("ReplacePlayer", errDown)).players
	rejected(t, mute.LiftSuspensions(t.Context()), game.ErrStoreUnavailable)
	together(t, 2, func(int) error { return w.start().players.LiftSuspensions(t.Context()) })
	for n := range 3 {
		ctx := as(w.ctx, game.ProjectID(fmt.Sprintf("p-%d", n)))
		suspended := game.Where{game.Is(game.FieldStatus, game.PlayerSuspended)}
		l, err := p.players.List(ctx, game.PlayerQuery{Where: suspended}, "", 0)
		ok(t, err)
		equal(t, []game.PlayerID{}, ids(l.Items, playerID))
	}
	got, err = p.players.Get(ctx, last)
	ok(t, err)
	cleared := got.SuspendedUntil == nil && got.SuspensionReason == ""
	if got.Status != game.PlayerActive || !cleared || got.Version != 2 || got.UpdatedAt != later(10) {
		t.Errorf("lifted: %+v", got)
	}
	ok(t, p.players.LiftSuspensions(t.Context()))
	again, err := p.players.Get(ctx, last)
	ok(t, err)
	equal(t, got, again)
	p.quiet(t)
}

// A change of who has served its time lifts the suspension first: the condition is judged after that, and so is the
// rule.
func TestChangeAfterASuspension(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id := p.register(t, w.ctx, "Ada").ID
	_, err := p.players.Edit(w.ctx, id, nil, suspends(new(later(10))))
	ok(t, err)
	w.clock.add(10 * time.Second)
	at := func(version int64) game.Condition[game.Player] {
		return func(p game.Player) error {
			if p.Version != version || p.Status != game.PlayerActive {
				return game.ErrVersionMismatch
			}
			return nil
		}
	}
	_, err = p.players.Edit(w.ctx, id, at(2), named("x"))
	rejected(t, err, game.ErrVersionMismatch)
	self := game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: game.ScopePlayer, Player: id})
	got, err := p.players.Edit(self, id, at(3), named("x"))
	ok(t, err)
	if got.Version != 4 || got.Status != game.PlayerActive {
		t.Errorf("got %+v", got)
	}
	equal(t, []game.PlayerID{}, w.sweeping(t))

	_, err = p.players.Edit(w.ctx, id, nil, suspends(new(later(20))))
	ok(t, err)
	w.clock.add(10 * time.Second)
	_, err = w.start(w.failing("ReplacePlayer", game.ErrStale, game.ErrStale)).players.Edit(w.ctx, id, nil, named("y"))
	ok(t, err)
	ok(t, p.players.Erase(w.ctx, id, nil))
	ok(t, p.players.LiftSuspensions(w.ctx))
}

// One rule admits all callers that are players, whatever the credential.
func TestAdmit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	ada, eve, gone := p.register(t, w.ctx, "Ada").ID, p.register(t, w.ctx, "Eve").ID, p.register(t, w.ctx, "Mallory").ID
	_, err := p.players.Edit(w.ctx, eve, nil, suspends(new(later(10))))
	ok(t, err)
	ok(t, p.players.Erase(w.ctx, gone, nil))
	admit := func(p process, c game.Caller, reads game.PlayerID) error {
		return p.players.Admit(context.Background(), c, reads)
	}
	self := func(id game.PlayerID) game.Caller {
		return game.Caller{Project: "p", Scope: game.ScopePlayer, Player: id}
	}
	acting := func(id game.PlayerID) game.Caller {
		c, err := game.Caller{Project: "p", Scope: game.ScopeServer}.As(id)
		ok(t, err)
		return c
	}
	for name, as := range map[string]func(game.PlayerID) game.Caller{"itself": self, "a server": acting} {
		ok(t, admit(p, as(ada), ""))
		e := rejected(t, admit(p, as(eve), ""), game.ErrPlayerSuspended)
		equal(t, map[string]any{"suspended_until": later(10)}, e.Extras)
		rejected(t, admit(p, as(eve), ada), game.ErrPlayerSuspended)
		if err := admit(p, as(eve), eve); err != nil {
			t.Errorf("%s does not read the player: %v", name, err)
		}
		for _, id := range []game.PlayerID{gone, player(99)} {
			rejected(t, admit(p, as(id), ""), game.ErrPlayerUnknown)
			rejected(t, admit(p, as(id), id), game.ErrPlayerUnknown)
		}
	}
	elsewhere := self(ada)
	elsewhere.Project = "q"
	rejected(t, admit(p, elsewhere, ""), game.ErrPlayerUnknown)
	down := w.start(w.failing("Player", errDown))
	for _, scope := range []game.Scope{game.ScopeAdmin, game.ScopeServer, game.ScopeRead, ""} {
		ok(t, admit(down, game.Caller{Project: "p", Scope: scope}, "")) // without a read
	}
	w.clock.add(time.Second) // nobody is remembered for so long
	e := rejected(t, admit(down, self(ada), ""), game.ErrStoreUnavailable)
	equal(t, map[string]any{"outcome": "none"}, e.Extras)
	w.clock.add(9 * time.Second) // nobody has lifted it yet
	ok(t, admit(p, self(eve), ""))
}

// Who was admitted is not read again for a moment. What this process changes it knows at once, however a read runs
// beside the change; what others change it knows after that moment.
func TestAdmitRemembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, there := w.start(), w.start()
	id := here.register(t, w.ctx, "Ada").ID
	self := game.Caller{Project: "p", Scope: game.ScopePlayer, Player: id}
	admit := func(p process) error { return p.players.Admit(w.ctx, self, "") }
	reads := 0
	counted := w.start(faulty(w.store, func(op string) error {
		if op == "Player" {
			reads++
		}
		return nil
	}))
	for range 5 {
		ok(t, admit(counted))
	}
	w.clock.add(499 * time.Millisecond)
	ok(t, admit(counted))
	equal(t, 1, reads)

	ok(t, admit(here))
	_, err := there.players.Edit(w.ctx, id, nil, suspends(nil))
	ok(t, err)
	rejected(t, admit(there), game.ErrPlayerSuspended)
	w.clock.add(500 * time.Millisecond)
	rejected(t, admit(here), game.ErrPlayerSuspended)
	_, err = there.players.Edit(w.ctx, id, nil, activates)
	ok(t, err)
	ok(t, admit(here)) // the end is known at once

	for _, change := range []func(process) error{
		func(p process) error { _, err := p.players.Edit(w.ctx, id, nil, suspends(nil)); return err },
		func(p process) error { _, err := p.players.Edit(w.ctx, id, nil, activates); return err },
		func(p process) error { return p.players.Erase(w.ctx, id, nil) },
	} {
		slow := slowRead{w.store, new(atomic.Bool), make(chan struct{}), make(chan struct{})}
		p := w.start(slow)
		returned := make(chan error)
		go func() { returned <- admit(p) }()
		<-slow.read
		ok(t, change(p))
		close(slow.open)
		before := <-returned // which is as the player was
		now, err := w.store.Player(w.ctx, "p", id)
		ok(t, err)
		if good := now.Status == game.PlayerActive; (admit(p) == nil) != good || (before == nil) == good {
			t.Errorf("the player is %q; a request before got %v, and one after %v", now.Status, before, admit(p))
		}
	}
}

// slowRead blocks the first read of a player after the read: it is reported on read, and continues when open is closed.
type slowRead struct {
	game.Store
	begun      *atomic.Bool
	read, open chan struct{}
}

func (s slowRead) Player(ctx context.Context, project game.ProjectID, id game.PlayerID) (game.Player, error) {
	p, err := s.Store.Player(ctx, project, id)
	if s.begun.CompareAndSwap(false, true) {
		close(s.read)
		<-s.open
	}
	return p, err
}
