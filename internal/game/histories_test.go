package game_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"game-session-manager/internal/game"
)

// history runs random operations on one session, through the services of two processes on one database, and compares
// each step with the rule applied to the document before it.
type history struct {
	w       world
	p       [2]process
	players []game.PlayerID
	v       game.Session // as it is stored
}

// step is one operation: the call of the service, and the rule on a plain value whose result it must have.
type step struct {
	name string
	ask  func(process) (game.Session, error)
	rule func(*game.Session, time.Time) (bool, error)
}

func (h *history) draw(t *rapid.T) step {
	id, ctx := h.v.ID, h.w.ctx
	who := rapid.SampledFrom(h.players).Draw(t, "who")
	switch name := rapid.SampledFrom([]string{
		"join", "join", "leave", "edit", "move", "set host", "edit member",
	}).Draw(t, "op"); name {
	case "join":
		j := game.JoinRequest{PlayerID: who, Team: rapid.SampledFrom([]string{"", "red"}).Draw(t, "team")}
		return step{name, func(p process) (game.Session, error) {
			v, _, err := p.sessions.Join(ctx, id, nil, j)
			return v, err
		}, func(v *game.Session, now time.Time) (bool, error) {
			_, done, err := v.JoinParty(game.Party{Seats: []game.JoinRequest{j}}, "", nil, now)
			return did(done, err)
		}}
	case "leave":
		return step{
			name, func(p process) (game.Session, error) { return p.sessions.Leave(ctx, id, nil, who) },
			func(v *game.Session, now time.Time) (bool, error) { return did(v.Leave(who, now)) },
		}
	case "set host":
		return step{
			name, func(p process) (game.Session, error) { return p.sessions.SetHost(ctx, id, nil, who) },
			func(v *game.Session, _ time.Time) (bool, error) { return did(v.SetHost(who)) },
		}
	case "edit member":
		t := game.MemberEdit{
			MemberSettings: game.MemberSettings{
				Team: rapid.SampledFrom([]string{"", "red"}).Draw(t, "team"), Attributes: dressed(drawSkin(t)),
			},
			Status: rapid.SampledFrom([]game.MemberStatus{"", "joined", "disconnected"}).Draw(t, "connection"),
		}
		return step{name, func(p process) (game.Session, error) {
			return p.sessions.EditMember(ctx, id, nil, who, func(game.MemberEdit) (game.MemberEdit, error) {
				return t, nil
			})
		}, func(v *game.Session, now time.Time) (bool, error) { return did(v.EditMember(who, t, now)) }}
	case "edit":
		s := drawSettings(t)
		return step{name, func(p process) (game.Session, error) {
			return p.sessions.Edit(ctx, id, nil, func(game.SessionEdit) (game.SessionEdit, error) {
				return edit(s), nil
			})
		}, func(v *game.Session, _ time.Time) (bool, error) { return did(v.Edit(edit(s))) }}
	}
	m := game.Move{Status: rapid.SampledFrom(game.SessionStatuses()).Draw(t, "to")}
	return step{
		"move", func(p process) (game.Session, error) { return p.sessions.Move(ctx, id, nil, m) },
		func(v *game.Session, now time.Time) (bool, error) { return did(v.Move(m, now)) },
	}
}

func (h *history) run(t *rapid.T, s step) {
	h.w.clock.add(time.Second)
	want := snapshot(h.v)
	changed, wantErr := s.rule(&want, h.w.clock.Now())
	if changed {
		want.Version, want.UpdatedAt = h.v.Version+1, h.w.clock.Now()
	}
	got, err := s.ask(h.p[rapid.IntRange(0, 1).Draw(t, "process")])
	if wantErr != nil {
		if !errors.Is(err, wantErr) {
			t.Fatalf("%s: the error is %v, want %v", s.name, err, wantErr)
		}
	} else {
		ok(t, err)
		equal(t, want, got)
	}
	stored, err := h.p[0].sessions.Get(h.w.ctx, h.v.ID)
	ok(t, err)
	equal(t, want, stored)
	if stored.Version != h.v.Version && stored.Version != h.v.Version+1 {
		t.Fatalf("version %d follows %d", stored.Version, h.v.Version)
	}
	checkHost(t, stored)
	h.v = stored
}

func TestStoredHistories(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := [2]process{w.start(), w.start()}
	var players []game.PlayerID
	for n := range 4 {
		players = append(players, p[0].register(t, w.ctx, fmt.Sprintf("player-%d", n)).ID)
	}
	rapid.Check(t, func(t *rapid.T) {
		c, err := p[0].sessions.Create(
			w.ctx, game.SessionRequest{Settings: drawSettings(t), HostID: &players[0]}, game.Idempotency{},
		)
		ok(t, err)
		h := history{w: w, p: p, players: players, v: c.Document}
		for range rapid.IntRange(1, 12).Draw(t, "steps") { // few, because each is on the disk when it answers
			h.run(t, h.draw(t))
		}
	})
	p[0].quiet(t)
	p[1].quiet(t)
}
