package game_test

import (
	"testing"

	"game-session-manager/internal/game"
)

func TestNamed(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	equal(t, []game.PlayerID(nil), s.Named())
	s.Bans = []game.Ban{{PlayerID: player(7)}, {PlayerID: player(5)}, {PlayerID: player(7)}}
	equal(t, []game.PlayerID{player(5), player(7)}, s.Named())
}

// What names an erased player goes from live and ended sessions. A suspension leaves the ban.
func TestForgetNamed(t *testing.T) {
	t.Parallel()
	for _, status := range game.SessionStatuses() {
		s := newSession(t, in(status))
		s.Bans = []game.Ban{{PlayerID: player(5)}, {PlayerID: player(7), Until: new(later(9))}}
		shared, before := s.Clone(), snapshot(s)
		equal(t, nil, s.Forget(player(5), game.RemovedSuspended, t0))
		equal(t, []game.Change{game.BanLifted{PlayerID: player(5)}}, s.Forget(player(5), game.RemovedErased, t0))
		equal(t, before.Bans[1:], s.Bans)
		equal(t, before, shared)
		equal(t, nil, s.Forget(player(5), game.RemovedErased, t0))
		s.Forget(player(7), game.RemovedErased, t0)
		equal(t, []game.PlayerID(nil), s.Named())
	}
}

// A suspended player stays banned; an erased one is no longer named by any session, live or ended, nor by those whose
// ban was under way during the erasure.
func TestSweepOfBans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id := p.register(t, w.ctx, "Eve").ID
	live, over := p.open(t, 2, ""), p.open(t, 2, "")
	for _, v := range []game.Session{live, over} {
		_, err := p.sessions.Ban(w.ctx, v.ID, nil, id, game.BanRequest{})
		ok(t, err)
	}
	_, err := p.sessions.Move(w.ctx, over.ID, nil, game.Move{Status: "cancelled"})
	ok(t, err)
	suspend := func(f game.Profile) (game.Profile, error) { f.Status = "suspended"; return f, nil }
	_, err = p.players.Edit(w.ctx, id, nil, suspend)
	ok(t, err)
	ok(t, p.players.FreeSeats(w.ctx))
	for _, v := range []game.Session{live, over} {
		got, err := p.sessions.Get(w.ctx, v.ID)
		ok(t, err)
		equal(t, []game.PlayerID{id}, got.Named())
	}

	late := p.open(t, 2, "")
	g := w.gated("ReplaceSession")
	returned := make(chan error)
	go func() {
		_, err := w.start(g).sessions.Ban(w.ctx, late.ID, nil, id, game.BanRequest{})
		returned <- err
	}()
	<-g.arrived
	ok(t, p.players.Erase(w.ctx, id, nil))
	close(g.open)
	ok(t, <-returned)
	ok(t, p.players.FreeSeats(w.ctx))
	for _, v := range []game.Session{live, over, late} {
		got, err := p.sessions.Get(w.ctx, v.ID)
		ok(t, err)
		equal(t, []game.Ban{}, got.Bans)
	}
	events, err := w.store.Timeline(w.ctx, game.TimelineQuery{
		Project: "p", Subject: game.Subject{Kind: "session", ID: string(over.ID)}, Limit: 1,
	})
	ok(t, err)
	equal(t, game.Changes{game.BanLifted{PlayerID: id}}, events[0].Changes)
}

// Bans of players who do not exist are found, and repaired, in live and ended sessions.
func TestInspectionOfBans(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	eve := p.register(t, p.ctx, "Eve").ID
	for _, status := range []game.SessionStatus{"open", "cancelled"} {
		v := p.open(t, 2, "")
		next := v
		next.Version, next.Bans = 2, []game.Ban{{PlayerID: eve}, {PlayerID: player(77)}}
		event := game.Event{
			Project: "p", Subject: game.Subject{Kind: "session", ID: string(v.ID)}, Version: 2, At: t0,
			Actor: game.Actor{Kind: "system", ID: "x"}, Changes: game.Changes{game.PlayerBanned{PlayerID: eve}},
		}
		ok(t, p.store.ReplaceSession(p.ctx, v, next, event))
		if status == "cancelled" {
			_, err := p.sessions.Move(p.ctx, v.ID, nil, game.Move{Status: status})
			ok(t, err)
		}
		finding := "sessions " + string(v.ID) + " has bans of players who do not exist: " + string(player(77))
		wantFindings(t, p.inspect(t, false), finding)
		wantFindings(t, p.inspect(t, true), finding+" (repaired)")
		wantFindings(t, p.inspect(t, false))
	}
}
