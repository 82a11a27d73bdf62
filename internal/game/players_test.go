package game_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// named returns an edit that changes the display name.
func named(s string) func(game.Profile) (game.Profile, error) {
	return func(f game.Profile) (game.Profile, error) {
		f.DisplayName = s
		return f, nil
	}
}

func TestPlayersCreateAndEdit(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	p.clock.add(999 * time.Microsecond) // is cut
	ada := p.register(t, p.ctx, "Ada")
	equal(t, game.Player{
		ID: ada.ID, Project: "p", Version: 1, CreatedAt: t0, UpdatedAt: t0, LastSeenAt: &t0,
		Profile: game.Profile{
			Username: "Ada", DisplayName: "Ada", Status: "active", Identities: map[string]string{},
			Attributes: game.Attributes{},
		},
	}, ada)

	p.clock.add(time.Second)
	edited, err := p.players.Edit(p.ctx, ada.ID, nil, named("Countess"))
	ok(t, err)
	want := ada
	want.DisplayName, want.Version, want.UpdatedAt = "Countess", 2, later(1)
	equal(t, want, edited)

	// What changes nothing is no version and no time.
	p.clock.add(time.Second)
	again, err := p.players.Edit(p.ctx, ada.ID, nil, named("Countess"))
	ok(t, err)
	equal(t, want, again)

	// What is rejected is none either.
	rejection := errors.New("not today")
	_, err = p.players.Edit(p.ctx, ada.ID, func(game.Player) error { return rejection }, named("x"))
	if !errors.Is(err, rejection) {
		t.Errorf("the condition's error is lost: %v", err)
	}
	_, err = p.players.Edit(p.ctx, ada.ID, nil, func(f game.Profile) (game.Profile, error) {
		return game.Profile{}, rejection
	})
	if !errors.Is(err, rejection) {
		t.Errorf("the edit's error is lost: %v", err)
	}
	_, err = p.players.Edit(p.ctx, ada.ID, nil, named("\n"))
	invalid(t, err, "display_name")
	_, err = p.players.Create(p.ctx, game.Profile{Username: "x"}, game.Idempotency{})
	invalid(t, err, "username")

	got, err := p.players.Get(p.ctx, ada.ID)
	ok(t, err)
	equal(t, want, got)
	p.quiet(t)
}

func TestPlayersConditions(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada := p.register(t, p.ctx, "Ada")
	at := func(version int64) game.Condition[game.Player] {
		return func(p game.Player) error {
			if p.Version != version {
				return game.ErrVersionMismatch.With("version", p.Version)
			}
			return nil
		}
	}
	_, err := p.players.Edit(p.ctx, ada.ID, at(1), named("one"))
	ok(t, err)
	_, err = p.players.Edit(p.ctx, ada.ID, at(1), named("two"))
	e := rejected(t, err, game.ErrVersionMismatch)
	equal(t, map[string]any{"version": int64(2)}, e.Extras)
	// A condition is checked even if nothing would change.
	_, err = p.players.Edit(p.ctx, ada.ID, at(1), named("one"))
	rejected(t, err, game.ErrVersionMismatch)
	rejected(t, p.players.Erase(p.ctx, ada.ID, at(1)), game.ErrVersionMismatch)
	ok(t, p.players.Erase(p.ctx, ada.ID, at(2)))
}

func TestPlayersUniqueNames(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	create := func(username, steam string) error {
		f := game.Profile{Username: username}
		if steam != "" {
			f.Identities = map[string]string{"steam": steam}
		}
		_, err := p.players.Create(p.ctx, f, game.Idempotency{})
		return err
	}
	ok(t, create("Ada", "1"))
	rejected(t, create("aDA", ""), game.ErrUsernameTaken)
	rejected(t, create("Eve", "1"), game.ErrIdentityTaken)
	ok(t, create("Eve", "2"))

	named := game.PlayerQuery{Where: game.Where{game.Prefix(game.FieldUsername, "EVE")}}
	eve, err := p.players.List(p.ctx, named, "", 0)
	ok(t, err)
	if len(eve.Items) != 1 {
		t.Fatalf("%d players are found", len(eve.Items))
	}
	id := eve.Items[0].ID
	_, err = p.players.Edit(p.ctx, id, nil, func(f game.Profile) (game.Profile, error) {
		f.Username = "ADA"
		return f, nil
	})
	rejected(t, err, game.ErrUsernameTaken)
	_, err = p.players.Edit(p.ctx, id, nil, func(f game.Profile) (game.Profile, error) {
		f.Identities = map[string]string{"steam": "1"}
		return f, nil
	})
	rejected(t, err, game.ErrIdentityTaken)
	got, err := p.players.Get(p.ctx, id)
	ok(t, err)
	equal(t, eve.Items[0], got)

	// Another case of one's own name is nobody else's.
	_, err = p.players.Edit(p.ctx, id, nil, func(f game.Profile) (game.Profile, error) {
		f.Username = "EVE"
		return f, nil
	})
	ok(t, err)
	_, err = p.players.Create(
		as(p.ctx, "q"), game.Profile{Username: "Ada", Identities: map[string]string{"steam": "1"}}, game.Idempotency{},
	)
	ok(t, err)
}

// An edit may work on what it is handed, as decoding JSON into a struct does: maps are then changed in place.
func TestEditInPlace(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	c, err := p.players.Create(p.ctx, game.Profile{
		Username: "Ada", Attributes: game.Attributes{"a": game.NumberValue(1)},
		Identities: map[string]string{"steam": "1"},
		Status:     "suspended", SuspendedUntil: new(later(10)),
	}, game.Idempotency{})
	ok(t, err)
	edited, err := p.players.Edit(p.ctx, c.Document.ID, nil, func(f game.Profile) (game.Profile, error) {
		f.Attributes["a"], f.Identities["steam"], *f.SuspendedUntil = game.NumberValue(2), "2", later(20)
		return f, nil
	})
	ok(t, err)
	want := c.Document
	want.Version, want.SuspendedUntil = 2, new(later(20))
	want.Attributes, want.Identities = game.Attributes{"a": game.NumberValue(2)}, map[string]string{"steam": "2"}
	equal(t, want, edited)

	v, err := p.sessions.Create(p.ctx, game.SessionRequest{Settings: full()}, game.Idempotency{})
	ok(t, err)
	changed, err := p.sessions.Edit(p.ctx, v.Document.ID, nil, func(s game.SessionEdit) (game.SessionEdit, error) {
		s.Attributes["rank"], s.Teams["red"] = game.NumberValue(8), 3
		return s, nil
	})
	ok(t, err)
	if changed.Version != 2 || changed.Teams["red"] != 3 || changed.Attributes["rank"] != game.NumberValue(8) {
		t.Errorf("the edit is lost: %+v", changed)
	}
}

func TestProjectsAreApart(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada := p.register(t, p.ctx, "Ada")
	room := p.open(t, 2, ada.ID)
	for name, caller := range map[string]game.Caller{
		"an admin":           {Project: "q", Scope: game.ScopeAdmin},
		"the same player id": {Project: "q", Scope: game.ScopePlayer, Player: ada.ID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := game.WithCaller(t.Context(), caller)
			_, err := p.players.Get(ctx, ada.ID)
			rejected(t, err, game.ErrPlayerNotFound)
			_, err = p.players.Edit(ctx, ada.ID, nil, named("x"))
			rejected(t, err, game.ErrPlayerNotFound)
			rejected(t, p.players.Erase(ctx, ada.ID, nil), game.ErrPlayerNotFound)
			players, err := p.players.List(ctx, game.PlayerQuery{Project: "p"}, "", 0)
			ok(t, err)
			if len(players.Items) != 0 {
				t.Errorf("%d players of another project are listed", len(players.Items))
			}

			_, err = p.sessions.Get(ctx, room.ID)
			rejected(t, err, game.ErrSessionNotFound)
			_, err = p.sessions.Move(ctx, room.ID, nil, game.Move{Status: "cancelled"})
			rejected(t, err, game.ErrSessionNotFound)
			_, err = p.sessions.Leave(ctx, room.ID, nil, ada.ID)
			rejected(t, err, game.ErrSessionNotFound)
			_, _, err = p.sessions.Join(ctx, room.ID, nil, game.JoinRequest{PlayerID: ada.ID})
			rejected(t, err, game.ErrPlayerNotFound)
			sessions, err := p.sessions.List(ctx, game.SessionQuery{Project: "p"}, "", 0)
			ok(t, err)
			if len(sessions.Items) != 0 {
				t.Errorf("%d sessions of another project are listed", len(sessions.Items))
			}
		})
	}
}

func TestPlayersList(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	var all []game.PlayerID
	for i := range 7 {
		all = append(all, p.register(t, p.ctx, fmt.Sprintf("Player-%d", i)).ID)
	}
	p.register(t, p.ctx, "other")
	newest := reversed(all)
	q := game.PlayerQuery{Where: game.Where{game.Prefix(game.FieldUsername, "PLAYER-")}}

	first, err := p.players.List(p.ctx, q, "", 3)
	ok(t, err)
	equal(t, newest[:3], ids(first.Items, playerID))
	p.register(t, p.ctx, "player-late") // a newer one moves nothing
	second, err := p.players.List(p.ctx, q, first.NextCursor, 4)
	ok(t, err)
	equal(t, newest[3:], ids(second.Items, playerID))
	if second.NextCursor != "" {
		t.Error("the last page has a cursor")
	}

	// A cursor goes with its filters, in whatever case they are sent, and with its project.
	lower := game.PlayerQuery{Where: game.Where{game.Prefix(game.FieldUsername, "player-")}}
	_, err = p.players.List(p.ctx, lower, first.NextCursor, 3)
	ok(t, err)
	for _, other := range []game.Where{
		nil,
		{game.Prefix(game.FieldUsername, "player")},
		{game.Prefix(game.FieldUsername, "player-"), game.Is(game.FieldStatus, "active")},
	} {
		_, err = p.players.List(p.ctx, game.PlayerQuery{Where: other}, first.NextCursor, 3)
		invalid(t, err, "cursor")
	}
	_, err = p.players.List(as(p.ctx, "q"), q, first.NextCursor, 3)
	invalid(t, err, "cursor")

	for limit, good := range map[int]bool{0: true, 1: true, 100: true, 101: false, -1: false} {
		if _, err := p.players.List(p.ctx, q, "", limit); good {
			ok(t, err)
		} else {
			invalid(t, err, "limit")
		}
	}
	_, err = p.players.List(p.ctx, q, "garbage", 3)
	invalid(t, err, "cursor")
}
