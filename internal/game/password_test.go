package game_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
)

const (
	oldHash game.PasswordHash = "$argon2id$old"
	newHash game.PasswordHash = "$argon2id$new"
)

// locks gives a session the hash of a password.
func locks(h game.PasswordHash) func(*game.Session) {
	return func(s *game.Session) { s.PasswordHash, s.HasPassword = h, true }
}

// Who may take a seat in a session with a password. The rule never verifies one itself.
func TestJoinsWithPasswords(t *testing.T) {
	t.Parallel()
	type changes = []func(*game.Session)
	with := func(password string, players ...int) game.Party {
		return game.Party{Seats: asking("", players...), Password: password}
	}
	byCode := with("x", 2)
	byCode.Code = "7KQ2MX"
	partial := with("x", 2, 3)
	partial.Partial = true
	waiting := func(p game.Party) game.Party { p.Wait = true; return p }
	banned := func(s *game.Session) { s.Bans = []game.Ban{{PlayerID: player(2)}} }
	crowd := func(s *game.Session) {
		for i := range game.MaxWaiting {
			waits(100+i, "")(s)
		}
	}
	notJoinable, inTeam := game.ErrSessionNotJoinable, game.Party{Seats: asking("red", 2), Password: "x"}
	right, wrong := with("x", 2).Verified(newHash, true), with("x", 2).Verified(newHash, false)
	for name, tt := range map[string]struct {
		session    changes // beside the host, player 1
		party      game.Party
		by         int               // 0 for a server
		want       error             // nil if all are seated, or left out of a partial party
		unverified game.PasswordHash // against which the password is to be verified first
	}{
		"none set":              {nil, with("x", 2), 2, nil, ""},
		"none set, private":     {changes{private}, with("x", 2), 2, game.ErrJoinCodeRequired, ""},
		"missing":               {changes{locks(newHash)}, with("", 2), 2, game.ErrWrongPassword, ""},
		"missing, private":      {changes{private, locks(newHash)}, with("", 2), 2, game.ErrWrongPassword, ""},
		"not verified":          {changes{locks(newHash)}, with("x", 2), 2, nil, newHash},
		"not verified, a party": {changes{locks(newHash)}, with("x", 2, 3), 2, nil, newHash},
		"not verified, partial": {changes{locks(newHash)}, partial, 2, nil, newHash},
		"right":                 {changes{locks(newHash)}, right, 2, nil, ""},
		"right, private":        {changes{private, locks(newHash)}, right, 2, nil, ""},
		"wrong":                 {changes{locks(newHash)}, wrong, 2, game.ErrWrongPassword, ""},
		"right for the one before": {
			changes{locks(newHash)}, with("x", 2).Verified(oldHash, true), 2, nil, newHash,
		},
		"wrong for the one before": {
			changes{locks(newHash)}, with("x", 2).Verified(oldHash, false), 2, nil, newHash,
		},
		"wrong, removed since": {nil, wrong, 2, nil, ""},
		"by code":              {changes{locks(newHash), code(0, 0)}, byCode, 2, nil, ""},
		"by a wrong code":      {changes{locks(newHash)}, byCode, 2, game.ErrInvalidJoinCode, ""},
		"a server":             {changes{locks(newHash)}, with("", 2), 0, nil, ""},
		"reserved by the host": {changes{locks(newHash)}, with("", 2), 1, nil, ""},
		"reserved by a member": {
			changes{locks(newHash), seat(3, "joined", "", 1)}, with("", 2), 3, game.ErrWrongPassword, "",
		},
		"a member":        {changes{locks(newHash), seat(2, "disconnected", "", 1)}, with("", 2), 2, nil, ""},
		"a member, wrong": {changes{locks(newHash), seat(2, "joined", "", 1)}, wrong, 2, nil, ""},
		"a reservation":   {changes{locks(newHash), seat(2, "reserved", "", 1)}, with("", 2), 2, nil, ""},

		// What the password does not decide is found out without it.
		"full":              {changes{locks(newHash), maxPlayers(1)}, with("x", 2), 2, game.ErrSessionFull, ""},
		"full, right":       {changes{locks(newHash), maxPlayers(1)}, right, 2, game.ErrSessionFull, ""},
		"full, wrong":       {changes{locks(newHash), maxPlayers(1)}, wrong, 2, game.ErrSessionFull, ""},
		"full, missing":     {changes{locks(newHash), maxPlayers(1)}, with("", 2), 2, game.ErrSessionFull, ""},
		"full, waits":       {changes{locks(newHash), maxPlayers(1)}, waiting(with("x", 2)), 2, nil, newHash},
		"full, waits wrong": {changes{locks(newHash), maxPlayers(1)}, waiting(wrong), 2, game.ErrWrongPassword, ""},
		"full, waits right": {changes{locks(newHash), maxPlayers(1)}, waiting(right), 2, nil, ""},
		"full of waiters": {
			changes{locks(newHash), maxPlayers(1), crowd}, waiting(with("x", 2)), 2, game.ErrWaitListFull, "",
		},
		"waits already":   {changes{locks(newHash), maxPlayers(1), waits(2, "")}, waiting(wrong), 2, nil, ""},
		"others wait":     {changes{locks(newHash), waits(3, "")}, with("x", 2), 2, game.ErrSessionFull, ""},
		"banned":          {changes{locks(newHash), banned}, with("x", 2), 2, game.ErrPlayerBanned, ""},
		"locked":          {changes{locks(newHash), locked}, with("x", 2), 2, game.ErrSessionLocked, ""},
		"ended":           {changes{in(game.StatusEnded)}, with("x", 2), 2, game.ErrSessionEnded, ""},
		"starting":        {changes{locks(newHash), in(game.StatusStarting)}, with("x", 2), 2, notJoinable, ""},
		"no such team":    {changes{locks(newHash)}, inTeam, 2, game.ErrValidation, ""},
		"a large party":   {changes{locks(newHash), maxPlayers(2)}, with("x", 2, 3), 2, game.ErrSessionFull, ""},
		"one is banned":   {changes{locks(newHash), banned}, with("x", 3, 2), 3, game.ErrPlayerBanned, ""},
		"room for one":    {changes{locks(newHash), maxPlayers(2)}, partial, 2, nil, newHash},
		"room for nobody": {changes{locks(newHash), maxPlayers(1)}, partial, 2, nil, ""},

		"a long text":      {nil, with(strings.Repeat("ä", 129), 2), 2, game.ErrValidation, ""},
		"the longest text": {nil, with(strings.Repeat("ä", 128), 2), 2, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			before := snapshot(s)
			by := game.PlayerID("")
			if tt.by != 0 {
				by = player(tt.by)
			}
			_, _, err := s.JoinParty(tt.party, by, nil, later(60))
			if got := game.Unverified(err); got != tt.unverified {
				t.Errorf("to be verified against %q, want %q", got, tt.unverified)
			}
			if tt.unverified == "" {
				if !errors.Is(err, tt.want) {
					t.Errorf("got error %v, want %v", err, tt.want)
				}
			}
			if err != nil {
				equal(t, before, s)
			}
		})
	}
}

// An edit names the password and not what it is, and a session that ends has none.
func TestEditPassword(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	edit := game.SessionEdit{Settings: s.Settings, Fixed: s.Fixed, Timeouts: s.Timeouts}
	for _, h := range []game.PasswordHash{oldHash, newHash, "", newHash} {
		edit.PasswordHash = h
		done, err := s.Edit(edit)
		ok(t, err)
		equal(t, []game.Change{game.SettingsChanged{Fields: []string{"password"}}}, done)
		if s.PasswordHash != h || s.HasPassword != (h != "") {
			t.Errorf("the session has %q, %t", s.PasswordHash, s.HasPassword)
		}
		done, err = s.Edit(edit)
		if ok(t, err); len(done) > 0 {
			t.Errorf("the same password changed %v", done)
		}
	}
	_, err := s.Move(game.Move{Status: game.StatusCancelled}, later(1))
	if ok(t, err); s.PasswordHash != "" || s.HasPassword {
		t.Errorf("a session that has ended has %q, %t", s.PasswordHash, s.HasPassword)
	}
}

// meanwhile is a hasher that does something after each verification.
type meanwhile struct {
	game.PasswordHasher
	do func()
}

func (m *meanwhile) Verify(ctx context.Context, h game.PasswordHash, password string) (bool, error) {
	right, err := m.PasswordHasher.Verify(ctx, h, password)
	m.do()
	return right, err
}

// The password that counts is the one that the session has when the player gets its seat.
func TestPasswordChangesWhileJoining(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	hasher := &meanwhile{PasswordHasher: auth.NewPasswords()}
	slow := game.NewSessions(game.Deps{
		Store: w.store, Now: w.clock.Now, NewID: func() string { return "" }, MaxRequest: maxRequest, Passwords: hasher,
	})
	for name, tt := range map[string]struct {
		next []string // the passwords that it gets, one after each verification
		sent string
		want error
	}{
		"stays":                {nil, "first", nil},
		"becomes another":      {[]string{"second"}, "first", game.ErrWrongPassword},
		"becomes this one":     {[]string{"second"}, "second", nil},
		"is removed":           {[]string{""}, "wrong", nil},
		"changes all the time": {[]string{"1", "2", "3", "4", "5", "6", "7"}, "first", game.ErrOverloaded},
	} {
		created, err := p.sessions.Create(
			p.ctx, game.SessionRequest{Settings: game.Settings{MaxPlayers: 4}, Password: "first"}, game.Idempotency{},
		)
		ok(t, err)
		v := created.Document
		if v.PasswordHash != "" || !v.HasPassword {
			t.Errorf("%s: created with %q, %t", name, v.PasswordHash, v.HasPassword)
		}
		who := p.register(t, p.ctx, "p-"+strings.ReplaceAll(name, " ", "-"))
		next := tt.next
		hasher.do = func() {
			if len(next) == 0 {
				return
			}
			h, err := p.sessions.NewPassword(p.ctx, v.ID, nil, next[0])
			ok(t, err)
			next = next[1:]
			_, err = p.sessions.Edit(p.ctx, v.ID, nil, func(e game.SessionEdit) (game.SessionEdit, error) {
				e.PasswordHash = h
				return e, nil
			})
			ok(t, err)
		}
		ctx := game.WithCaller(p.ctx, game.Caller{
			Project: game.CallerFrom(p.ctx).Project, Scope: game.ScopePlayer, Name: "player", Player: who.ID,
		})
		joined, _, err := slow.JoinParty(ctx, v.ID, nil, game.Party{
			Seats: []game.JoinRequest{{PlayerID: who.ID}}, Password: tt.sent,
		})
		if !errors.Is(err, tt.want) || tt.want == nil && (err != nil || len(joined.Members) != 1) {
			t.Errorf("%s: joined %d, %v, want %v", name, len(joined.Members), err, tt.want)
		}
		if joined.PasswordHash != "" {
			t.Errorf("%s: a player sees the hash", name)
		}
	}
}

// However joins and changes of the password interleave, nobody is seated by a password that the session does not have
// at that moment. Each change gives the session the name of its password, so that the result of a join shows which one
// it had.
func TestPasswordChangesBesideJoins(t *testing.T) {
	t.Parallel()
	const players, changes = 12, 8
	w := newWorld(t)
	processes := [2]process{w.start(), w.start()}
	p := processes[0]
	names := [2]string{"red door", "blue door"}
	created, err := p.sessions.Create(p.ctx, game.SessionRequest{
		Settings: game.Settings{MaxPlayers: players, Name: names[0]}, Password: names[0],
	}, game.Idempotency{})
	ok(t, err)
	id := created.Document.ID
	who := make([]context.Context, players)
	for i := range who {
		of := game.CallerFrom(p.ctx)
		of.Scope, of.Name = game.ScopePlayer, "player"
		of.Player = p.register(t, p.ctx, fmt.Sprint("player-", i)).ID
		who[i] = game.WithCaller(p.ctx, of)
	}

	var all sync.WaitGroup
	all.Go(func() {
		for i := range changes {
			name := names[(i+1)%2]
			h, err := p.sessions.NewPassword(p.ctx, id, nil, name)
			if err == nil {
				_, err = p.sessions.Edit(p.ctx, id, nil, func(e game.SessionEdit) (game.SessionEdit, error) {
					e.Name, e.PasswordHash = name, h
					return e, nil
				})
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	for i, ctx := range who {
		all.Go(func() {
			sent := names[i%2]
			for {
				v, _, err := processes[i/2%2].sessions.JoinParty(ctx, id, nil, game.Party{
					Seats: []game.JoinRequest{{PlayerID: game.CallerFrom(ctx).Player}}, Password: sent,
				})
				switch {
				case err == nil && v.Name != sent:
					t.Errorf("joined the session with the password %q by %q", v.Name, sent)
				case err == nil:
				case errors.Is(err, game.ErrWrongPassword):
					sent = names[0] // the last one
					continue
				case errors.Is(err, game.ErrOverloaded): // it changes too often
					continue
				default:
					t.Error(err)
				}
				return
			}
		})
	}
	all.Wait()
	v, err := p.sessions.Get(p.ctx, id)
	if ok(t, err); len(v.Members) != players || v.Name != names[0] {
		t.Errorf("%d are seated in %q, want %d in %q", len(v.Members), v.Name, players, names[0])
	}
}
