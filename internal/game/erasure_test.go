package game_test

import (
	"fmt"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// lateRequests is how many longest requests an erasure may be overlooked for: that which makes the mark, a join that
// has seen the player, the others of its batch, and a write that is still on its way.
const lateRequests = 4

// grace is how long after a player's creation the mark of its erasure stays, if it is erased within a day: longer than
// any request may go on that saw the player before, and than the claim of its creation lives.
const grace = game.IdempotencyTTL + lateRequests*maxRequest

// marks lists the ids of the players whose erasure is under way.
func (w world) marks(tb testing.TB) []game.PlayerID {
	tb.Helper()
	found, err := w.store.Players(w.ctx, game.PlayerQuery{Erasing: true, Limit: 200})
	ok(tb, err)
	return ids(found.Items, playerID)
}

// seats lists the sessions in which the player has a place.
func (w world) seats(tb testing.TB, who game.PlayerID) []game.SessionID {
	tb.Helper()
	member := game.Where{game.Is(game.FieldMember, who)}
	found, err := w.store.Sessions(w.ctx, game.SessionQuery{Project: "p", Where: member, Limit: 500})
	ok(tb, err)
	return ids(found.Items, sessionID)
}

// ada returns a profile full of what must go.
func ada() game.Profile {
	return game.Profile{
		Username: "Ada", DisplayName: "Ada Lovelace", Identities: map[string]string{"steam": "7656"},
		Attributes: game.Attributes{"mail": game.StringValue("ada@example.com")}, Status: "suspended",
		SuspendedUntil:   new(t0),
		SuspensionReason: "spam",
	}
}

func TestErasure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	c, err := p.players.Create(w.ctx, ada(), game.Idempotency{})
	ok(t, err)
	id, eve := c.Document.ID, p.register(t, w.ctx, "Eve").ID

	seated := func(v game.Session) game.Session {
		_, _, err := p.sessions.Join(
			w.ctx, v.ID, nil,
			game.JoinRequest{PlayerID: id, Attributes: game.Attributes{"skin": game.StringValue("fox")}},
		)
		ok(t, err)
		return p.join(t, v.ID, eve)
	}
	hosted := p.join(t, p.open(t, 2, id).ID, eve)
	guest := seated(p.open(t, 3, ""))
	over := seated(p.open(t, 3, ""))
	over, err = p.sessions.Move(w.ctx, over.ID, nil, game.Move{Status: "cancelled"})
	ok(t, err)

	w.clock.add(time.Second)
	erasedAt := w.clock.Now()
	ok(t, p.players.Erase(w.ctx, id, nil))

	// For every caller the player is gone at once.
	_, err = p.players.Get(w.ctx, id)
	rejected(t, err, game.ErrPlayerNotFound)
	_, err = p.players.Edit(w.ctx, id, nil, named("x"))
	rejected(t, err, game.ErrPlayerNotFound)
	_, _, err = p.sessions.Join(w.ctx, guest.ID, nil, game.JoinRequest{PlayerID: id})
	rejected(t, err, game.ErrPlayerNotFound)
	_, err = p.sessions.Create(w.ctx, game.SessionRequest{Settings: full(), HostID: &id}, game.Idempotency{})
	rejected(t, err, game.ErrPlayerNotFound)
	rejected(t, p.players.Erase(w.ctx, id, nil), game.ErrPlayerNotFound)
	// the latter is for background work, and not a caller's to ask
	for _, q := range []game.PlayerQuery{{}, {Erasing: true}} {
		all, err := p.players.List(w.ctx, q, "", 0)
		ok(t, err)
		equal(t, []game.PlayerID{eve}, ids(all.Items, playerID))
	}

	// Its names are free.
	_, err = p.players.Create(w.ctx, ada(), game.Idempotency{})
	ok(t, err)

	// What is left of it is the mark.
	left, err := w.store.Player(w.ctx, "p", id)
	ok(t, err)
	equal(t, game.Player{
		ID: id, Project: "p", Version: 2, CreatedAt: t0, UpdatedAt: erasedAt,
		ErasingSince: &erasedAt, SweepSince: &erasedAt,
		Profile: game.Profile{Identities: map[string]string{}, Attributes: game.Attributes{}},
	}, left)

	// Its seats are free, and the opaque id stays in the session that has ended.
	checkSwept(t, p, hosted, guest, over, id, eve)
	equal(t, []game.SessionID{over.ID}, w.seats(t, id))

	// The mark goes when no request can be left that saw the player, and no claim on its id.
	w.clock.add(grace - erasedAt.Sub(t0))
	ok(t, p.players.Tend(w.ctx))
	equal(t, []game.PlayerID{id}, w.marks(t))
	w.clock.add(time.Millisecond)
	ok(t, p.players.Tend(w.ctx))
	equal(t, []game.PlayerID{}, w.marks(t))
	_, err = w.store.Player(w.ctx, "p", id)
	rejected(t, err, game.ErrPlayerNotFound)
	checkSwept(t, p, hosted, guest, over, id, eve)
	p.quiet(t)
}

// checkSwept holds what three sessions are after one player is erased: one that it hosted, one where it was a guest,
// and one that has ended.
func checkSwept(t *testing.T, p process, hosted, guest, over game.Session, erased, other game.PlayerID) {
	t.Helper()
	now := later(1)
	hosted, guest, over = snapshot(hosted), snapshot(guest), snapshot(over)
	hosted.Members, hosted.HostID, hosted.Fence = hosted.Members[1:], &other, hosted.Fence+1
	guest.Members = guest.Members[1:]
	over.Members[0].Attributes = game.Attributes{}
	if over.Members[0].PlayerID != erased {
		t.Fatal("the first member is another")
	}
	for _, want := range []game.Session{hosted, guest, over} {
		want.Version, want.UpdatedAt = want.Version+1, now
		got, err := p.sessions.Get(p.ctx, want.ID)
		ok(t, err)
		equal(t, want, got)
	}
}

// A join that saw the player before the erasure and writes after the first sweep is swept away before the mark goes.
func TestErasureSweepsLateJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id := p.register(t, w.ctx, "Ada").ID
	room := p.open(t, 2, "")
	g := w.gated("ReplaceSession")
	slow := w.start(g)
	returned := make(chan error)
	go func() {
		_, _, err := slow.sessions.Join(w.ctx, room.ID, nil, game.JoinRequest{PlayerID: id})
		returned <- err
	}()
	<-g.arrived
	ok(t, p.players.Erase(w.ctx, id, nil))
	ok(t, p.players.Tend(w.ctx)) // finds nothing to sweep
	w.clock.add(maxRequest)
	close(g.open)
	ok(t, <-returned)
	equal(t, []game.SessionID{room.ID}, w.seats(t, id))

	w.clock.add(grace)
	ok(t, p.players.Tend(w.ctx))
	equal(t, []game.SessionID{}, w.seats(t, id))
	equal(t, []game.PlayerID{}, w.marks(t))
}

// A session that the player was about to host is swept too.
func TestErasureSweepsLateSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id := p.register(t, w.ctx, "Ada").ID
	g := w.gated("CreateSession")
	returned := make(chan error)
	go func() {
		_, err := w.start(g).sessions.Create(
			w.ctx, game.SessionRequest{Settings: full(), HostID: &id}, game.Idempotency{},
		)
		returned <- err
	}()
	<-g.arrived
	ok(t, p.players.Erase(w.ctx, id, nil))
	close(g.open)
	ok(t, <-returned)
	ok(t, p.players.Tend(w.ctx))
	all, err := p.sessions.List(w.ctx, game.SessionQuery{}, "", 0)
	ok(t, err)
	if got := all.Items[0]; got.HostID != nil || len(got.Members) != 0 {
		t.Errorf("the session has the host %v and the members %v", got.HostID, got.Members)
	}
}

// The process dies right behind the mark, at any of the calls that follow; another one on the same store goes on.
func TestErasureGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	for survived := range 4 {
		t.Run(fmt.Sprintf("after %d more calls", survived), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.start()
			id := p.register(t, w.ctx, "Ada").ID
			rooms := []game.Session{p.open(t, 2, id), p.open(t, 2, id)}

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
			ok(t, dying.players.Erase(w.ctx, id, nil)) // the mark is what was asked for
			if len(w.seats(t, id)) == 0 {
				t.Fatal("the process did not die before the end of its sweep")
			}
			equal(t, []game.PlayerID{id}, w.marks(t))

			next := w.start()
			ok(t, next.players.Tend(w.ctx))
			equal(t, []game.SessionID{}, w.seats(t, id))
			equal(t, []game.PlayerID{id}, w.marks(t))
			w.clock.add(grace + time.Millisecond)
			ok(t, next.players.Tend(w.ctx))
			equal(t, []game.PlayerID{}, w.marks(t))
			for _, room := range rooms {
				got, err := next.sessions.Get(w.ctx, room.ID)
				ok(t, err)
				if got.HostID != nil || got.Status != "open" {
					t.Errorf("the session is %s with the host %v", got.Status, got.HostID)
				}
			}
		})
	}
}

// What a process that died has left in sessions that are over, the first sweep of another one removes, and not the
// last.
func TestErasureOfWhatIsOverGoesOnSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id, room := p.register(t, w.ctx, "Ada").ID, p.open(t, 2, "").ID
	j := game.JoinRequest{PlayerID: id, Attributes: game.Attributes{"skin": game.StringValue("fox")}}
	_, _, err := p.sessions.Join(w.ctx, room, nil, j)
	ok(t, err)
	_, err = p.sessions.Move(w.ctx, room, nil, game.Move{Status: "cancelled"})
	ok(t, err)
	ok(t, w.start(w.failing("Sessions", errDown)).players.Erase(w.ctx, id, nil))
	next := w.start()
	for range 2 {
		ok(t, next.players.FreeSeats(w.ctx))
		got, err := p.sessions.Get(w.ctx, room)
		ok(t, err)
		equal(t, game.Attributes{}, got.Members[0].Attributes)
	}
}

// The process dies in the middle of the last steps; the mark is the last to go.
func TestErasureEndsWithItsMark(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"Players", "Sessions", "Session", "ReplaceSession", "DeletePlayer"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.start()
			id := p.register(t, w.ctx, "Ada").ID
			room := p.open(t, 2, "")
			p.join(t, room.ID, id)
			blind := w.start(w.failing("Sessions", errDown))
			ok(t, blind.players.Erase(w.ctx, id, nil)) // leaves the seat to be swept
			w.clock.add(grace + time.Millisecond)

			rejected(t, w.start(w.failing(op, errDown)).players.Tend(w.ctx), game.ErrStoreUnavailable)
			equal(t, []game.PlayerID{id}, w.marks(t))
			ok(t, p.players.Tend(w.ctx))
			equal(t, []game.PlayerID{}, w.marks(t))
			equal(t, []game.SessionID{}, w.seats(t, id))
		})
	}
}

func TestErasureUnanswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.start().register(t, w.ctx, "Ada").ID
	rejected(t, w.start(w.failing("ReplacePlayer", errDown)).players.Erase(w.ctx, id, nil), game.ErrStoreUnavailable)
	_, err := w.start().players.Get(w.ctx, id)
	ok(t, err)
	rejected(t, w.start().players.Erase(w.ctx, player(99), nil), game.ErrPlayerNotFound)
	equal(t, []game.PlayerID{}, w.marks(t))
}

// There are more seats, and more erasures, than one page of a list has, in several projects, and one sweep fails.
func TestErasureOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id := p.register(t, w.ctx, "Ada").ID
	together(t, 2*game.MaxLimit+1, func(int) error {
		_, err := p.sessions.Create(w.ctx, game.SessionRequest{Settings: full(), HostID: &id}, game.Idempotency{})
		return err
	})
	together(t, game.MaxLimit+1, func(n int) error {
		mark := game.Player{ID: player(5000 + n), Project: game.ProjectID(fmt.Sprintf("p-%d", n%3)), Version: 2}
		mark.EraseAt(t0)
		return w.store.CreatePlayer(w.ctx, mark)
	})
	if n := len(w.seats(t, id)); n != 2*game.MaxLimit+1 {
		t.Fatalf("the player has %d seats", n)
	}
	ok(t, p.players.Erase(w.ctx, id, nil))
	equal(t, []game.SessionID{}, w.seats(t, id))

	w.clock.add(grace + time.Millisecond)
	rejected(t, w.start(w.failing("Sessions", errDown)).players.Tend(w.ctx), game.ErrStoreUnavailable)
	if left := w.marks(t); len(left) != 1 {
		t.Errorf("one sweep failed and %d marks are left", len(left))
	}
	ok(t, p.players.Tend(w.ctx))
	equal(t, []game.PlayerID{}, w.marks(t))
}

// The mark of a player whose creation cannot be retried any more goes when no request can be left that saw the player.
func TestErasureOfAnOldPlayer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id := p.register(t, w.ctx, "Ada").ID
	w.clock.add(2 * game.IdempotencyTTL)
	ok(t, p.players.Erase(w.ctx, id, nil))
	w.clock.add(lateRequests * maxRequest)
	ok(t, p.players.Tend(w.ctx))
	equal(t, []game.PlayerID{id}, w.marks(t))
	w.clock.add(time.Millisecond)
	ok(t, p.players.Tend(w.ctx))
	equal(t, []game.PlayerID{}, w.marks(t))
}

// Seats are swept again and again until no join can be late any more, and then no longer: a mark that waits for a claim
// to expire costs no reading of old sessions.
func TestErasureStopsSweeping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id := p.register(t, w.ctx, "Ada").ID
	ok(t, p.players.Erase(w.ctx, id, nil))
	unread := w.start(w.failing("Sessions", errDown)).players
	w.clock.add(lateRequests * maxRequest)
	rejected(t, unread.Tend(w.ctx), game.ErrStoreUnavailable)
	w.clock.add(time.Millisecond)
	ok(t, p.players.Tend(w.ctx)) // the last sweep
	ok(t, unread.Tend(w.ctx))
	equal(t, []game.PlayerID{id}, w.marks(t))
	w.clock.add(grace)
	ok(t, unread.Tend(w.ctx))
	equal(t, []game.PlayerID{}, w.marks(t))
}

// A retry of the request that made the player does not bring it back while it is being erased, and makes a new one when
// nothing of the old one is left.
func TestReplayOfAnErasedPlayer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	first, _, err := createPlayer(p, w.ctx, key("k", "b"))
	ok(t, err)
	ok(t, p.players.Erase(w.ctx, game.PlayerID(first), nil))
	for range 2 {
		_, _, err = createPlayer(p, w.ctx, key("k", "b"))
		rejected(t, err, game.ErrPlayerNotFound)
		ok(t, p.players.Tend(w.ctx))
	}
	w.clock.add(grace + time.Millisecond)
	ok(t, p.players.Tend(w.ctx))
	second, replayed, err := createPlayer(p, w.ctx, key("k", "b"))
	if ok(t, err); replayed || second == first {
		t.Errorf("the retry made %s after %s, replayed is %t", second, first, replayed)
	}
}

// What waits for a member's turn while it is erased finds the player gone and takes no seat.
func TestJoinAfterErasure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id := p.register(t, w.ctx, "Ada").ID
	room := p.open(t, 2, "")
	g := w.gated("Player")
	returned := make(chan error)
	go func() {
		_, _, err := w.start(g).sessions.Join(w.ctx, room.ID, nil, game.JoinRequest{PlayerID: id})
		returned <- err
	}()
	<-g.arrived
	ok(t, p.players.Erase(w.ctx, id, nil))
	close(g.open)
	rejected(t, <-returned, game.ErrPlayerNotFound)
	equal(t, []game.SessionID{}, w.seats(t, id))
}

// Two processes finish the same erasures at once.
func TestErasuresFinishTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	for n := range 5 {
		id := p.register(t, w.ctx, fmt.Sprintf("player-%d", n)).ID
		p.open(t, 2, id)
		ok(t, w.start(w.failing("Sessions", errDown)).players.Erase(w.ctx, id, nil))
	}
	w.clock.add(grace + time.Millisecond)
	together(t, 2, func(int) error { return w.start().players.Tend(w.ctx) })
	equal(t, []game.PlayerID{}, w.marks(t))
	ok(t, p.players.Tend(w.ctx))
}

// What waits behind an erasure, to be made by the same write, finds the player gone and brings nothing of it back.
func TestChangesBehindAnErasure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.start().register(t, w.ctx, "Ada").ID
	g := w.gated("ReplacePlayer")
	p := w.start(g)
	var returned []chan error
	begin := func(do func() error) {
		done := make(chan error, 1)
		returned = append(returned, done)
		go func() { done <- do() }()
	}
	edit := func(name string) func() error {
		return func() error {
			_, err := p.players.Edit(w.ctx, id, nil, named(name))
			return err
		}
	}
	begin(edit("first"))
	<-g.arrived
	erase := func() error { return p.players.Erase(w.ctx, id, nil) }
	for n, do := range []func() error{edit("second"), erase, edit("third"), erase} {
		begin(do)
		eventually(t, "the change waits", func() bool { return p.players.Waiting("p", id) == n+1 })
	}
	close(g.open)
	for n, done := range returned {
		if err := <-done; n <= 2 {
			ok(t, err)
		} else {
			rejected(t, err, game.ErrPlayerNotFound)
		}
	}
	left, err := w.store.Player(w.ctx, "p", id)
	ok(t, err)
	equal(t, game.Profile{Identities: map[string]string{}, Attributes: game.Attributes{}}, left.Profile)
	p.quiet(t)
}
