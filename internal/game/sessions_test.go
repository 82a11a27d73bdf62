package game_test

import (
	"errors"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func TestSessionsCreate(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada := p.register(t, p.ctx, "Ada")
	eve, err := p.players.Create(
		p.ctx, game.Profile{Username: "Eve", Status: "suspended", SuspendedUntil: new(later(10))}, game.Idempotency{},
	)
	ok(t, err)
	create := func(host *game.PlayerID) (game.Session, error) {
		c, err := p.sessions.Create(p.ctx, game.SessionRequest{Settings: full(), HostID: host}, game.Idempotency{})
		if c.Replayed {
			t.Error("a creation without a key is a replay")
		}
		return c.Document, err
	}
	v, err := create(&ada.ID)
	ok(t, err)
	got, err := p.sessions.Get(p.ctx, v.ID)
	ok(t, err)
	equal(t, v, got)
	if v.Version != 1 || v.Project != "p" || *v.HostID != ada.ID || v.Members[0].PlayerID != ada.ID {
		t.Errorf("the session is %+v", v)
	}
	_, err = create(nil)
	ok(t, err)
	_, err = create(new(player(99)))
	rejected(t, err, game.ErrPlayerNotFound)
	_, err = create(&eve.Document.ID)
	rejected(t, err, game.ErrPlayerSuspended)
	p.clock.add(10 * time.Second)
	_, err = create(&eve.Document.ID)
	ok(t, err)
	_, err = p.sessions.Create(p.ctx, game.SessionRequest{}, game.Idempotency{})
	invalid(t, err, "max_players")
}

// The version grows by one with each change, and neither with what changes nothing nor with what is rejected.
func TestSessionsVersions(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada, eve := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Eve").ID
	v := p.open(t, 2, ada)
	rename := func(s game.SessionEdit) (game.SessionEdit, error) {
		s.Name = "den"
		return s, nil
	}
	steps := []struct {
		name     string
		do       func() (game.Session, error)
		changed  bool
		rejected *game.Error
	}{
		{"join", func() (game.Session, error) { return p.join(t, v.ID, eve), nil }, true, nil},
		{"join again", func() (game.Session, error) { return p.join(t, v.ID, eve), nil }, false, nil},
		{"edit", func() (game.Session, error) { return p.sessions.Edit(p.ctx, v.ID, nil, rename) }, true, nil},
		{"edit nothing", func() (game.Session, error) { return p.sessions.Edit(p.ctx, v.ID, nil, rename) }, false, nil},
		{"edit with fewer seats", func() (game.Session, error) {
			return p.sessions.Edit(p.ctx, v.ID, nil, func(s game.SessionEdit) (game.SessionEdit, error) {
				s.MaxPlayers = 1
				return s, nil
			})
		}, false, game.ErrSeatsTaken},
		{"start", func() (game.Session, error) {
			return p.sessions.Move(p.ctx, v.ID, nil, game.Move{Status: "in_progress"})
		}, true, nil},
		{"start again", func() (game.Session, error) {
			return p.sessions.Move(p.ctx, v.ID, nil, game.Move{Status: "in_progress"})
		}, false, nil},
		{"cancel", func() (game.Session, error) {
			return p.sessions.Move(
				p.ctx, v.ID, nil, game.Move{Status: "cancelled"},
			)
		}, false, game.ErrInvalidTransition},
		{"leave", func() (game.Session, error) { return p.sessions.Leave(p.ctx, v.ID, nil, ada) }, true, nil},
		{"leave again", func() (game.Session, error) { return p.sessions.Leave(p.ctx, v.ID, nil, ada) }, false, nil},
		{"end", func() (game.Session, error) {
			return p.sessions.Move(p.ctx, v.ID, nil, game.Move{Status: "ended", Result: `{"n":1}`})
		}, true, nil},
		{"end again", func() (
			game.Session, error,
		) {
			return p.sessions.Move(p.ctx, v.ID, nil, game.Move{Status: "ended"})
		}, false, nil},
		{"leave after the end", func() (
			game.Session, error,
		) {
			return p.sessions.Leave(p.ctx, v.ID, nil, eve)
		}, false, game.ErrSessionEnded},
	}
	last := v
	for _, step := range steps {
		p.clock.add(time.Second)
		got, err := step.do()
		if step.rejected != nil {
			rejected(t, err, step.rejected)
		} else if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		stored, err := p.sessions.Get(p.ctx, v.ID)
		ok(t, err)
		if step.rejected == nil {
			equal(t, stored, got) // the answer is what the change left
		}
		if !step.changed {
			equal(t, last, stored)
		} else if stored.Version != last.Version+1 || stored.UpdatedAt != p.clock.Now() {
			t.Errorf(
				"%s: version %d after %d, updated at %v", step.name, stored.Version, last.Version, stored.UpdatedAt,
			)
		}
		last = stored
	}
	p.quiet(t)
}

func TestSessionsConditions(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada := p.register(t, p.ctx, "Ada").ID
	v := p.open(t, 2, ada)
	no := errors.New("no")
	never := func(seen game.Session) error {
		equal(t, v, seen)
		return no
	}
	_, edit := p.sessions.Edit(p.ctx, v.ID, never, func(s game.SessionEdit) (game.SessionEdit, error) {
		return edit(full()), nil
	})
	_, move := p.sessions.Move(p.ctx, v.ID, never, game.Move{Status: "in_progress"})
	_, leave := p.sessions.Leave(p.ctx, v.ID, never, ada)
	_, own := p.sessions.Edit(p.ctx, v.ID, nil, func(s game.SessionEdit) (game.SessionEdit, error) { return s, no })
	for name, err := range map[string]error{"edit": edit, "move": move, "leave": leave, "the edit's own": own} {
		if !errors.Is(err, no) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	got, err := p.sessions.Get(p.ctx, v.ID)
	ok(t, err)
	equal(t, v, got)
	for name, err := range map[string]error{
		"get":  func() error { _, err := p.sessions.Get(p.ctx, "nope"); return err }(),
		"move": func() error { _, err := p.sessions.Move(p.ctx, "nope", nil, game.Move{Status: "open"}); return err }(),
	} {
		if !errors.Is(err, game.ErrSessionNotFound) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func TestSessionsJoin(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada, eve := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Eve").ID
	v := p.open(t, 2, "")
	join := func(id game.SessionID, who game.PlayerID) (bool, error) {
		_, seated, err := p.sessions.Join(p.ctx, id, nil, game.JoinRequest{PlayerID: who})
		return seated, err
	}
	seated, err := join(v.ID, ada)
	if ok(t, err); !seated {
		t.Error("the first join is no new seat")
	}
	seated, err = join(v.ID, ada)
	if ok(t, err); seated {
		t.Error("the second join is a new seat")
	}
	_, err = join(v.ID, "nobody")
	invalid(t, err, "player_id")
	_, err = join(v.ID, player(99))
	rejected(t, err, game.ErrPlayerNotFound)
	_, err = join("nope", eve)
	rejected(t, err, game.ErrSessionNotFound)

	_, err = p.players.Edit(p.ctx, eve, nil, func(f game.Profile) (game.Profile, error) {
		f.Status = "suspended"
		return f, nil
	})
	ok(t, err)
	seated, err = join(v.ID, eve)
	rejected(t, err, game.ErrPlayerSuspended)
	if seated {
		t.Error("a rejected join is a new seat")
	}
	_, err = p.players.Edit(p.ctx, eve, nil, func(f game.Profile) (game.Profile, error) {
		f.Status = "active"
		return f, nil
	})
	ok(t, err)
	_, err = join(v.ID, eve)
	ok(t, err)
	seated, err = join(v.ID, p.register(t, p.ctx, "Bob").ID)
	rejected(t, err, game.ErrSessionFull)
	if seated {
		t.Error("a rejected join is a new seat")
	}
	p.quiet(t)
}

func TestSessionsList(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada := p.register(t, p.ctx, "Ada").ID
	eve := p.register(t, p.ctx, "Eve").ID
	make1 := func(host *game.PlayerID, change func(*game.Settings)) game.Session {
		s := full()
		change(&s)
		c, err := p.sessions.Create(p.ctx, game.SessionRequest{Settings: s, HostID: host}, game.Idempotency{})
		ok(t, err)
		return c.Document
	}
	plain := make1(nil, func(*game.Settings) {})
	other := make1(&ada, func(s *game.Settings) {
		s.Mode, s.Map, s.Region, s.Visibility = "dm", "cave", "us", "public"
	})
	third := make1(&eve, func(s *game.Settings) {
		s.Locked, s.Attributes = false, game.Attributes{"rank": game.StringValue("7"), "x": game.BoolValue(true)}
	})
	p.join(t, third.ID, ada)
	done := make1(nil, func(s *game.Settings) { s.MaxPlayers = 3 })
	_, err := p.sessions.Move(p.ctx, done.ID, nil, game.Move{Status: "cancelled"})
	ok(t, err)

	for name, tt := range map[string]struct {
		where game.Where
		want  []game.Session
	}{
		"all":        {nil, []game.Session{done, third, other, plain}},
		"status":     {game.Where{game.Is(game.FieldStatus, "cancelled")}, []game.Session{done}},
		"mode":       {game.Where{game.Is("mode", "dm")}, []game.Session{other}},
		"map":        {game.Where{game.Is("map", "cave")}, []game.Session{other}},
		"region":     {game.Where{game.Is("region", "us")}, []game.Session{other}},
		"visibility": {game.Where{game.Is(game.FieldVisibility, "public")}, []game.Session{other}},
		"host":       {game.Where{game.Is(game.FieldHost, ada)}, []game.Session{other}},
		"member":     {game.Where{game.Is(game.FieldMember, ada)}, []game.Session{third, other}},
		"free seats": {game.Where{game.AtLeast(game.FieldFreeSeats, 7)}, []game.Session{other, plain}},
		"attributes": {
			game.AttributeFilter{"rank": {game.NumberValue(7)}}.Where(),
			[]game.Session{done, other, plain},
		},
		"both": {append(game.AttributeFilter{
			"rank": {game.StringValue("7")},
			"x":    {game.BoolValue(true)},
		}.Where(), game.Is(game.FieldStatus, "open")), []game.Session{third}},
		"nothing": {game.Where{game.Is("mode", "dm"), game.Is("map", "canyon")}, nil},
	} {
		var got []game.SessionID
		cursor := ""
		for page := 0; page == 0 || cursor != ""; page++ {
			l, err := p.sessions.List(p.ctx, game.SessionQuery{Where: tt.where}, cursor, 1)
			ok(t, err)
			got, cursor = append(got, ids(l.Items, sessionID)...), l.NextCursor
		}
		if want := ids(tt.want, sessionID); len(want)+len(got) > 0 {
			t.Run(name, func(t *testing.T) { equal(t, want, got) })
		}
	}

	first, err := p.sessions.List(p.ctx, game.SessionQuery{}, "", 1)
	ok(t, err)
	_, err = p.sessions.List(p.ctx, game.SessionQuery{Where: game.Where{game.Is("mode", "dm")}}, first.NextCursor, 1)
	invalid(t, err, "cursor")
	_, err = p.sessions.List(p.ctx, game.SessionQuery{}, "", 101)
	invalid(t, err, "limit")
	odd := game.AttributeFilter{"a": {game.StringValue("\x00")}}.Where()
	_, err = p.sessions.List(p.ctx, game.SessionQuery{Where: odd}, "", 1)
	invalid(t, err, "attributes.a")
}
