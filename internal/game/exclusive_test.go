package game_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func exclusive(s *game.Session) { s.Exclusive = true }

// Who has its exclusive place in a session.
func TestExclusivePlaces(t *testing.T) {
	t.Parallel()
	type changes = []func(*game.Session)
	own := func(s *game.Session) { s.Members[len(s.Members)-1].SelfReserved = true }
	for name, tt := range map[string]struct {
		session changes // beside the host, player 1
		want    []int
	}{
		"not exclusive": {changes{seat(2, "joined", "", 1)}, nil},
		"joined":        {changes{exclusive, seat(2, "joined", "", 1)}, []int{1, 2}},
		"disconnected":  {changes{exclusive, seat(2, "disconnected", "", 1)}, []int{1, 2}},
		"reserved":      {changes{exclusive, seat(2, "reserved", "", 1), seat(3, "joined", "", 2)}, []int{1, 3}},
		"own":           {changes{exclusive, seat(2, "reserved", "", 1), own}, []int{1, 2}},
		"in progress":   {changes{exclusive, in("in_progress")}, []int{1}},
		"ended":         {changes{exclusive, seat(2, "joined", "", 1), in("ended")}, nil},
		"expired":       {changes{exclusive, in("expired")}, nil},
	} {
		s := newSession(t, tt.session...)
		var want []game.PlayerID
		for _, n := range tt.want {
			want = append(want, player(n))
		}
		if got := s.ExclusivePlaces(); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		before := newSession(t, exclusive)
		beside := slices.DeleteFunc(slices.Clone(want), func(id game.PlayerID) bool { return id == player(1) })
		if got := s.ExclusivePlacesBeside(&before); !slices.Equal(got, beside) {
			t.Errorf("%s: beside the host's: got %v, want %v", name, got, beside)
		}
	}
}

// Only a player itself takes its place by a reservation.
func TestSelfReserved(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		by   game.PlayerID
		self bool
	}{"server": {"", false}, "host": {player(1), false}, "itself": {player(2), true}} {
		s := newSession(t, exclusive)
		_, _, err := s.JoinParty(game.Party{Seats: asking("", 2), Reserve: true}, tt.by, nil, later(1))
		ok(t, err)
		m, err := s.Member(player(2))
		ok(t, err)
		if m.Status != game.SeatReserved || m.SelfReserved != tt.self {
			t.Errorf("by %s: the member is %s, and reserved by itself is %t", name, m.Status, m.SelfReserved)
		}
		_, err = s.Join(game.JoinRequest{PlayerID: player(2)}, later(2))
		ok(t, err)
		if m, _ = s.Member(player(2)); m.Status != game.SeatJoined || m.SelfReserved {
			t.Errorf("by %s: after the confirmation the member is %+v", name, m)
		}
	}
}

func TestExclusiveIsFixed(t *testing.T) {
	t.Parallel()
	for _, is := range []bool{true, false} {
		for _, status := range game.SessionStatuses() {
			s := newSession(t, in(status), func(s *game.Session) { s.Exclusive = is })
			before := snapshot(s)
			e := edit(before.Settings)
			e.Exclusive = !is
			_, err := s.Edit(e)
			invalid(t, err, "exclusive")
			equal(t, before, s)
			e.Exclusive = is
			_, err = s.Edit(e)
			ok(t, err)
		}
	}
}

// arena is two exclusive sessions, with a player in the first.
type arena struct {
	process
	in, to game.Session
	who    game.PlayerID
}

func newArena(tb testing.TB, w world, before ...game.Store) arena {
	tb.Helper()
	a := arena{process: w.start(before...)}
	a.in, a.to = a.openExclusive(tb, ""), a.openExclusive(tb, "")
	a.who = a.register(tb, a.ctx, "alice").ID
	a.join(tb, a.in.ID, a.who)
	return a
}

func (p process) openExclusive(tb testing.TB, host game.PlayerID) game.Session {
	tb.Helper()
	c, err := p.sessions.Create(p.ctx, exclusiveRequest(host), game.Idempotency{})
	ok(tb, err)
	return c.Document
}

func exclusiveRequest(host game.PlayerID) game.SessionRequest {
	r := game.SessionRequest{Settings: game.Settings{MaxPlayers: 10}, Fixed: game.Fixed{Exclusive: true}}
	if host != "" {
		r.HostID = &host
	}
	return r
}

// asPlayer returns the context of a player.
func (p process) asPlayer(id game.PlayerID) context.Context {
	return game.WithCaller(p.ctx, game.Caller{Project: "p", Scope: game.ScopePlayer, Player: id})
}

// elsewhere checks that an error names the other session of the player.
func (a arena) elsewhere(tb testing.TB, err error) {
	tb.Helper()
	e := rejected(tb, err, game.ErrPlayerInOtherSession)
	if e.Extras["session_id"] != a.in.ID || e.Extras["player_id"] != a.who {
		tb.Errorf("the error has %v, want session %s and player %s", e.Extras, a.in.ID, a.who)
	}
}

// Every way into an exclusive session is closed while the player is in another.
func TestExclusiveWaysIn(t *testing.T) {
	t.Parallel()
	a := newArena(t, newWorld(t))
	alice := game.JoinRequest{PlayerID: a.who}
	_, _, err := a.sessions.Join(a.ctx, a.to.ID, nil, alice)
	a.elsewhere(t, err)
	_, err = a.sessions.Create(a.ctx, exclusiveRequest(a.who), game.Idempotency{})
	a.elsewhere(t, err)
	_, err = a.sessions.Create(a.ctx, exclusiveRequest(a.who), game.Idempotency{Key: "k"})
	a.elsewhere(t, err)
	reserve := game.Party{Seats: []game.JoinRequest{alice}, Reserve: true}
	_, _, err = a.sessions.JoinParty(a.asPlayer(a.who), a.to.ID, nil, reserve)
	a.elsewhere(t, err)

	_, _, err = a.sessions.JoinParty(a.ctx, a.to.ID, nil, reserve) // by a server
	ok(t, err)
	_, _, err = a.sessions.Join(a.ctx, a.to.ID, nil, alice)
	a.elsewhere(t, err)
	confirm := func(e game.MemberEdit) (game.MemberEdit, error) {
		e.Status = game.SeatJoined
		return e, nil
	}
	_, err = a.sessions.EditMember(a.ctx, a.to.ID, nil, a.who, confirm)
	a.elsewhere(t, err)

	a.join(t, a.in.ID, a.who)     // where it is already
	common := a.open(t, 5, a.who) // not exclusive
	a.join(t, common.ID, a.who)
	if v, err := a.store.Session(a.ctx, "p", a.to.ID); err != nil || v.Members[0].Status != game.SeatReserved {
		t.Errorf("the reservation is gone: %+v, %v", v.Members, err)
	}
	wantFindings(t, a.inspect(t, false))

	_, err = a.sessions.Leave(a.ctx, a.in.ID, nil, a.who)
	ok(t, err)
	_, err = a.sessions.EditMember(a.ctx, a.to.ID, nil, a.who, confirm)
	ok(t, err)
}

// Everything that takes a player out of a session lets it into another.
func TestExclusiveWaysOut(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]func(a arena) error{
		"leave": func(a arena) error {
			_, err := a.sessions.Leave(a.asPlayer(a.who), a.in.ID, nil, a.who)
			return err
		},
		"kick": func(a arena) error {
			_, err := a.sessions.Kick(a.ctx, a.in.ID, nil, a.who, "afk", nil)
			return err
		},
		"ban": func(a arena) error {
			_, err := a.sessions.Ban(a.ctx, a.in.ID, nil, a.who, game.BanRequest{})
			return err
		},
		"end": func(a arena) error {
			_, err := a.sessions.Move(a.ctx, a.in.ID, nil, game.Move{Status: game.StatusCancelled})
			return err
		},
		"purge": func(a arena) error { return a.sessions.Purge(a.ctx, a.in.ID, nil) },
		"time-out": func(a arena) error {
			party := game.Party{Seats: []game.JoinRequest{{PlayerID: a.who}}, Reserve: true}
			if _, err := a.sessions.Leave(a.ctx, a.in.ID, nil, a.who); err != nil {
				return err
			}
			if _, _, err := a.sessions.JoinParty(a.asPlayer(a.who), a.in.ID, nil, party); err != nil {
				return err
			}
			_, _, err := a.sessions.Join(a.ctx, a.to.ID, nil, party.Seats[0])
			if !errors.Is(err, game.ErrPlayerInOtherSession) {
				return errors.Join(errors.New("a reservation of its own does not count"), err)
			}
			a.clock.add(time.Minute)
			_, err = a.sessions.Edit(a.ctx, a.in.ID, nil, renamed("time has come"))
			return err
		},
		"suspension": func(a arena) error {
			set := func(status game.PlayerStatus) error {
				_, err := a.players.Edit(a.ctx, a.who, nil, func(p game.Profile) (game.Profile, error) {
					p.Status = status
					return p, nil
				})
				return err
			}
			return errors.Join(set(game.PlayerSuspended), set(game.PlayerActive))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArena(t, newWorld(t))
			ok(t, out(a))
			a.join(t, a.to.ID, a.who)
			wantFindings(t, a.inspect(t, false))
		})
	}
	t.Run("erasure", func(t *testing.T) {
		t.Parallel()
		a := newArena(t, newWorld(t))
		ok(t, a.players.Erase(a.ctx, a.who, nil))
		if found, err := a.store.ExclusivePlaces(a.ctx, "p", []game.PlayerID{a.who}); len(found) > 0 || err != nil {
			t.Errorf("an erased player has the places %v, %v", found, err)
		}
	})
}

// Of a party nobody is seated, or all but those who are elsewhere. Reservations by others do not count.
func TestExclusiveParty(t *testing.T) {
	t.Parallel()
	a := newArena(t, newWorld(t))
	bob, carol := a.register(t, a.ctx, "bob").ID, a.register(t, a.ctx, "carol").ID
	dave := a.register(t, a.ctx, "dave").ID
	a.join(t, a.in.ID, carol)
	party := game.Party{}
	for _, id := range []game.PlayerID{bob, a.who, carol, dave} {
		party.Seats = append(party.Seats, game.JoinRequest{PlayerID: id})
	}
	_, _, err := a.sessions.JoinParty(a.ctx, a.to.ID, nil, party)
	a.elsewhere(t, err)
	if v, err := a.store.Session(a.ctx, "p", a.to.ID); err != nil || len(v.Members) > 0 {
		t.Fatalf("members %v, %v", v.Members, err)
	}

	party.Partial = true
	v, seated, err := a.sessions.JoinParty(a.ctx, a.to.ID, nil, party)
	ok(t, err)
	equal(t, []game.PlayerID{bob, dave}, ids(v.Members, func(m game.Member) game.PlayerID { return m.PlayerID }))
	for i, out := range []bool{false, true, true, false} {
		if got := errors.Is(seated[i].Err, game.ErrPlayerInOtherSession); got != out || seated[i].New == out {
			t.Errorf("player %d: %+v", i, seated[i])
		}
	}

	// Bob brings Alice and Carol, who stay where they are.
	party.Seats = party.Seats[:3]
	_, seated, err = a.sessions.JoinParty(a.asPlayer(bob), a.to.ID, nil, party)
	ok(t, err)
	for i, s := range seated {
		if s.Err != nil {
			t.Errorf("player %d is left out: %v", i, s.Err)
		}
	}
}

// Of the changes that wait together only those are refused whose players are elsewhere, and the others are one write.
func TestExclusiveBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := newArena(t, w)
	g := w.gated("ReplaceSession")
	writes := &counted{Store: g}
	b := busy{process: w.start(writes), room: a.to, gate: g, writes: writes, first: make(chan error, 1)}
	go func() {
		_, err := b.sessions.Edit(b.ctx, b.room.ID, nil, renamed("first"))
		b.first <- err
	}()
	<-g.arrived
	var waiting []<-chan result
	dave := a.register(t, a.ctx, "dave").ID
	_, _, err := a.sessions.Join(a.ctx, a.in.ID, nil, game.JoinRequest{PlayerID: dave})
	ok(t, err)
	bob, carol := a.register(t, a.ctx, "bob").ID, a.register(t, a.ctx, "carol").ID
	for _, who := range []game.PlayerID{bob, a.who, carol, dave} {
		waiting = append(waiting, b.wait(t, func() (game.Session, error) {
			v, _, err := b.sessions.Join(b.ctx, b.room.ID, nil, game.JoinRequest{PlayerID: who})
			return v, err
		}))
	}
	close(g.open)
	ok(t, <-b.first)
	ok(t, (<-waiting[0]).err)
	a.elsewhere(t, (<-waiting[1]).err)
	last := <-waiting[2]
	ok(t, last.err)
	if len(last.v.Members) != 2 || last.v.Version != 4 {
		t.Errorf("%d members at version %d, want 2 at 4", len(last.v.Members), last.v.Version)
	}
	a.who = dave
	a.elsewhere(t, (<-waiting[3]).err)
	if writes.n != 3 { // the first, all four, and those who are not elsewhere
		t.Errorf("%d writes, want 3", writes.n)
	}
	b.quiet(t)
}

// A place that was freed between the refusal and the look at who has it is tried again.
func TestExclusiveFreedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	who, host := p.register(t, p.ctx, "alice").ID, p.register(t, p.ctx, "bob").ID
	v := p.openExclusive(t, "")
	taken := game.ErrPlayerInOtherSession
	v2, _, err := w.start(w.failing("ReplaceSession", taken, taken)).sessions.
		Join(p.ctx, v.ID, nil, game.JoinRequest{PlayerID: who})
	if ok(t, err); len(v2.Members) != 1 {
		t.Errorf("members %v", v2.Members)
	}
	_, err = w.start(w.failing("CreateSession", taken, taken)).sessions.
		Create(p.ctx, exclusiveRequest(host), game.Idempotency{})
	ok(t, err)

	// Nobody waits for ever, and what was not written is known not to be.
	ctx, cancel := context.WithTimeout(p.ctx, 50*time.Millisecond)
	defer cancel()
	always := w.start(faulty(w.store, func(called string) error {
		if called == "ReplaceSession" || called == "CreateSession" {
			return taken
		}
		return nil
	})).sessions
	dave := p.register(t, p.ctx, "dave").ID
	_, _, err = always.Join(ctx, v.ID, nil, game.JoinRequest{PlayerID: dave})
	unwritten := func(err error) {
		t.Helper()
		e := (*game.Error)(nil)
		if !errors.As(err, &e) || e.Kind != game.Unavailable || e.Extras["outcome"] != game.OutcomeNone {
			t.Errorf("got error %v", err)
		}
	}
	unwritten(err)
	_, err = always.Create(ctx, exclusiveRequest(dave), game.Idempotency{})
	unwritten(err)
	down := faulty(w.failing("ReplaceSession", taken), func(called string) error {
		if called == "ExclusivePlaces" {
			return errDown
		}
		return nil
	})
	_, _, err = w.start(down).sessions.Join(p.ctx, v.ID, nil, game.JoinRequest{PlayerID: dave})
	unwritten(err)
}

// pretending is a store whose sessions are all exclusive, as one would be that has lost its index.
type pretending struct{ game.Store }

func (p pretending) ExportSessions(ctx context.Context, after game.SessionID, limit int) ([]game.Session, error) {
	found, err := p.Store.ExportSessions(ctx, after, limit)
	for i := range found {
		found[i].Exclusive = true
	}
	return found, err
}

func (p pretending) Session(ctx context.Context, of game.ProjectID, id game.SessionID) (game.Session, error) {
	v, err := p.Store.Session(ctx, of, id)
	v.Exclusive = true
	return v, err
}

func TestInspectionOfPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	alice, bob := p.register(t, p.ctx, "alice").ID, p.register(t, p.ctx, "bob").ID
	first, second, over := p.open(t, 3, alice), p.open(t, 3, bob), p.open(t, 3, bob)
	p.join(t, second.ID, alice)
	_, err := p.sessions.Move(p.ctx, over.ID, nil, game.Move{Status: game.StatusCancelled})
	ok(t, err)
	wantFindings(t, p.inspect(t, true))
	w.store = pretending{w.store}
	wantFindings(t, w.start().inspect(t, true), "sessions "+string(second.ID)+" is exclusive and has player "+
		string(alice)+", who is also in exclusive session "+string(first.ID))
}
