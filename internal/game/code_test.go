package game_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"game-session-manager/internal/game"
)

func private(s *game.Session) { s.Visibility = game.VisibilityPrivate }

// code gives a session the join code 7KQ2MX, which was used uses times of most, 0 for any number.
func code(uses, most int) func(*game.Session) {
	return func(s *game.Session) {
		s.JoinCode = &game.JoinCode{Code: "7KQ2MX", Uses: uses}
		if most > 0 {
			s.JoinCode.MaxUses = &most
		}
	}
}

func TestJoinCodeForms(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"7KQ2MX": "7KQ2MX", "7kq2mx": "7KQ2MX", "7kq-2mx": "7KQ2MX", " 7KQ 2MX": "7KQ2MX", "oIl0o1": "011001", "": "",
	} {
		if got := game.NormalJoinCode(sent); got != want {
			t.Errorf("%q is read as %q, want %q", sent, got, want)
		}
	}
	seen := map[rune]bool{}
	for range 1000 {
		c := game.NewJoinCode()
		if len(c) != game.JoinCodeLength || strings.ContainsAny(c, "ILOU") || c != game.NormalJoinCode(c) {
			t.Fatalf("made the code %q", c)
		}
		for _, r := range c {
			seen[r] = true
		}
	}
	if len(seen) != 32 {
		t.Errorf("codes have %d different characters", len(seen))
	}
}

// Who may take a seat in which session, and what that does to the code.
func TestJoinsWithCodes(t *testing.T) {
	t.Parallel()
	type changes = []func(*game.Session)
	expired := func(s *game.Session) { s.JoinCode.ExpiresAt = new(later(60)) }
	alive := func(s *game.Session) { s.JoinCode.ExpiresAt = new(later(61)) }
	with := func(code string, players ...int) game.Party {
		return game.Party{Seats: asking("", players...), Code: code}
	}
	required, invalid := game.ErrJoinCodeRequired, game.ErrInvalidJoinCode
	alone, both, partial := with("7KQ2MX", 2), with("7KQ2MX", 2, 3), with("7KQ2MX", 2, 3, 4)
	partial.Partial = true
	for name, tt := range map[string]struct {
		session changes // beside the host, player 1
		party   game.Party
		by      int // 0 for a server
		uses    int
		left    []int // who is left out
		want    *game.Error
	}{
		"public":                    {nil, with("", 2), 2, 0, nil, nil},
		"public, with the code":     {changes{code(0, 0)}, with("7kq2mx", 2), 2, 1, nil, nil},
		"public, without":           {changes{code(0, 0)}, with("", 2), 2, 0, nil, nil},
		"public, wrong code":        {changes{code(0, 0)}, with("7KQ2MY", 2), 2, 0, nil, invalid},
		"public, no code":           {nil, alone, 2, 0, nil, invalid},
		"private":                   {changes{private, code(0, 0)}, alone, 2, 1, nil, nil},
		"private, without":          {changes{private, code(0, 0)}, with("", 2), 2, 0, nil, required},
		"private, no code":          {changes{private}, with("", 2), 2, 0, nil, required},
		"private, wrong code":       {changes{private, code(0, 0)}, with("7KQ2MY", 2), 2, 0, nil, invalid},
		"private, a server":         {changes{private}, with("", 2), 0, 0, nil, nil},
		"private, a server, wrong":  {changes{private, code(0, 0)}, with("0", 2), 0, 0, nil, invalid},
		"private, a member":         {changes{private, seat(2, "disconnected", "", 1)}, with("", 2), 2, 0, nil, nil},
		"private, a member, old":    {changes{private, seat(2, "joined", "", 1)}, with("OLDOLD", 2), 2, 0, nil, nil},
		"private, a reservation":    {changes{private, seat(2, "reserved", "", 1)}, with("", 2), 2, 0, nil, nil},
		"private, by the host":      {changes{private}, with("", 2), 1, 0, nil, nil},
		"private, by a member":      {changes{private, seat(3, "joined", "", 1)}, with("", 2), 3, 0, nil, required},
		"private, a party":          {changes{private, code(0, 0)}, both, 2, 2, nil, nil},
		"private, a party, without": {changes{private, code(0, 0)}, with("", 2, 3), 2, 0, nil, required},
		"private says no more":      {changes{private, locked, maxPlayers(1)}, with("", 2), 2, 0, nil, required},
		"locked":                    {changes{locked, code(0, 0)}, alone, 2, 0, nil, game.ErrSessionLocked},
		"expired":                   {changes{private, code(0, 0), expired}, alone, 2, 0, nil, invalid},
		"before it expires":         {changes{private, code(0, 0), alive}, alone, 2, 1, nil, nil},
		"the last use":              {changes{private, code(2, 3)}, alone, 2, 3, nil, nil},
		"used up":                   {changes{private, code(3, 3)}, alone, 2, 3, nil, invalid},
		"used up, joined by it":     {changes{code(3, 3), seat(2, "joined", "", 1)}, alone, 2, 3, nil, nil},
		"too few uses for all":      {changes{private, code(1, 3)}, with("7KQ2MX", 2, 3, 4), 2, 1, nil, invalid},
		"too few uses, partial":     {changes{private, code(1, 3)}, partial, 2, 3, []int{4}, nil},
		"a member costs no use":     {changes{code(0, 1), seat(2, "joined", "", 1)}, both, 2, 1, nil, nil},
		"nobody got in":             {changes{code(0, 3), maxPlayers(2)}, both, 2, 0, nil, game.ErrSessionFull},
		"a long text":               {nil, with(strings.Repeat("A", 33), 2), 2, 0, nil, game.ErrValidation},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			before, old := snapshot(s), s.JoinCode
			by := game.PlayerID("")
			if tt.by != 0 {
				by = player(tt.by)
			}
			result, _, err := s.JoinParty(tt.party, by, nil, later(60))
			if s.JoinCode != nil && s.JoinCode.Uses != tt.uses {
				t.Errorf("%d uses, want %d", s.JoinCode.Uses, tt.uses)
			}
			if tt.want != nil {
				rejected(t, err, tt.want)
				equal(t, before, s)
				return
			}
			ok(t, err)
			if old != nil && old == s.JoinCode && tt.uses != before.JoinCode.Uses {
				t.Error("the code of the session before was changed in place")
			}
			var left []int
			for i, one := range result {
				if one.Err != nil {
					rejected(t, one.Err, game.ErrInvalidJoinCode)
					left = append(left, i+2)
				}
			}
			equal(t, tt.left, left)
		})
	}
}

func TestSetJoinCode(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	changed := []game.Change{game.SettingsChanged{Fields: []string{"join_code"}}}
	done, err := s.SetJoinCode("AAAAAA", game.JoinCodeRequest{ExpiresIn: new(60), MaxUses: new(2)}, later(1))
	ok(t, err)
	equal(t, changed, done)
	equal(t, &game.JoinCode{Code: "AAAAAA", ExpiresAt: new(later(61)), MaxUses: new(2)}, s.JoinCode)
	_, err = s.SetJoinCode("BBBBBB", game.JoinCodeRequest{}, later(2))
	ok(t, err)
	equal(t, &game.JoinCode{Code: "BBBBBB"}, s.JoinCode)
	for _, n := range []int{-1, 0, 2592001} {
		_, err := s.SetJoinCode("CCCCCC", game.JoinCodeRequest{ExpiresIn: &n, MaxUses: &n}, later(2))
		if e := rejected(t, err, game.ErrValidation); len(e.Fields) != 2 {
			t.Errorf("%d: %v", n, e.Fields)
		}
	}
	done, err = s.RemoveJoinCode()
	ok(t, err)
	equal(t, changed, done)
	done, err = s.RemoveJoinCode()
	if ok(t, err); len(done) > 0 || s.JoinCode != nil {
		t.Errorf("removed again: %v", done)
	}

	// A session that ends frees its code, however it ends.
	for name, end := range map[string]func(*game.Session) error{
		"moved": func(s *game.Session) error {
			_, err := s.Move(game.Move{Status: game.StatusCancelled}, later(3))
			return err
		},
		"expired": func(s *game.Session) error {
			_, err := s.Expire(game.ReasonIdleTimeout, later(3))
			return err
		},
		"in time": func(s *game.Session) error {
			s.MaxDuration = 1
			s.Elapse(later(3), later(0), 0)
			return nil
		},
	} {
		s := newSession(t, code(1, 2))
		if ok(t, end(&s)); s.JoinCode != nil || !s.Status.Terminal() {
			t.Errorf("%s: the session is %s with the code %+v", name, s.Status, s.JoinCode)
		}
		_, err := s.SetJoinCode("AAAAAA", game.JoinCodeRequest{}, later(4))
		rejected(t, err, game.ErrSessionEnded)
	}
}

// coded starts a process whose first codes are those given.
func (w world) coded(first ...string) process {
	p := w.start()
	p.sessions.UseCodes(codesFrom(first...))
	return p
}

// codesFrom returns a function that returns the codes, and then random ones.
func codesFrom(first ...string) func() string {
	var n atomic.Int64
	return func() string {
		if i := int(n.Add(1)) - 1; i < len(first) {
			return first[i]
		}
		return game.NewJoinCode()
	}
}

// A code that another session has is replaced by another one, for new sessions and for old ones, and in batches.
func TestJoinCodesAreUnique(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.coded("AAAAAA", "AAAAAA", "AAAAAA", "BBBBBB", "AAAAAA", "BBBBBB", "CCCCCC")
	ada := p.register(t, p.ctx, "ada").ID
	lobby := game.SessionRequest{Settings: game.Settings{MaxPlayers: 4}, HostID: &ada, JoinCode: true}
	var made []string
	for range 2 {
		c, err := p.sessions.Create(p.ctx, lobby, game.Idempotency{})
		ok(t, err)
		made = append(made, c.Document.JoinCode.Code)
	}
	plain := p.open(t, 4, ada)
	_, rotated, err := p.sessions.RotateJoinCode(p.ctx, plain.ID, nil, game.JoinCodeRequest{})
	ok(t, err)
	equal(t, []string{"AAAAAA", "BBBBBB", "CCCCCC"}, append(made, rotated.Code))

	always := w.coded(slices.Repeat([]string{"AAAAAA"}, 100)...)
	_, _, err = always.sessions.RotateJoinCode(p.ctx, plain.ID, nil, game.JoinCodeRequest{})
	rejected(t, err, game.ErrOverloaded)
	_, err = always.sessions.Create(p.ctx, lobby, game.Idempotency{})
	rejected(t, err, game.ErrOverloaded)
	v, err := p.sessions.Get(p.ctx, plain.ID)
	ok(t, err)
	equal(t, "CCCCCC", v.JoinCode.Code)
}

// A rotation that clashes does not disturb the changes that are written together with it, and is tried again.
func TestClashInABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	holder := w.coded("AAAAAA")
	held := holder.open(t, 4, "")
	_, _, err := holder.sessions.RotateJoinCode(w.ctx, held.ID, nil, game.JoinCodeRequest{})
	ok(t, err)
	b := newBusy(t, w, 8, nil)
	b.sessions.UseCodes(codesFrom("AAAAAA", "BBBBBB"))
	before := b.rename(t, b.ctx, "before")
	rotated := b.wait(t, func() (game.Session, error) {
		v, _, err := b.sessions.RotateJoinCode(b.ctx, b.room.ID, nil, game.JoinCodeRequest{})
		return v, err
	})
	after := b.rename(t, b.ctx, "after")
	close(b.gate.open)
	ok(t, <-b.first)
	ok(t, (<-before).err)
	ok(t, (<-after).err)
	r := <-rotated
	ok(t, r.err)
	equal(t, "BBBBBB", r.v.JoinCode.Code)
	v, err := b.sessions.Get(b.ctx, b.room.ID)
	ok(t, err)
	if v.JoinCode.Code != "BBBBBB" || v.Name != "after" || v.Version != 5 {
		t.Errorf("the session is %+v", v)
	}
	b.quiet(t)
}

// Whoever loses its seat and the code while it joins by the code hears of the code, as if it had come later.
func TestJoinByCodeThatIsTakenAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.coded("AAAAAA")
	ada, bob, eve := p.register(t, p.ctx, "ada").ID, p.register(t, p.ctx, "bob").ID, p.register(t, p.ctx, "eve").ID
	c, err := p.sessions.Create(p.ctx, game.SessionRequest{
		Settings: game.Settings{MaxPlayers: 4}, HostID: &ada, JoinCode: true,
	}, game.Idempotency{})
	ok(t, err)
	v := p.join(t, c.Document.ID, bob)
	taken := false
	slow := w.start(faulty(w.store, func(called string) error {
		if called == "Player" && !taken { // it has found the session
			taken = true
			_, err := p.sessions.RemoveJoinCode(p.ctx, v.ID, nil)
			ok(t, err)
			_, err = p.sessions.Leave(p.ctx, v.ID, nil, bob)
			ok(t, err)
		}
		return nil
	}))
	_, _, err = slow.sessions.JoinByCode(playing(t, bob), game.Party{
		Seats: []game.JoinRequest{{PlayerID: eve}}, Code: "AAAAAA", Reserve: true,
	})
	rejected(t, err, game.ErrInvalidJoinCode)
	equal(t, true, taken)
}

// A party joins by the code; wrong, old and foreign codes and those of ended sessions are all the same error.
func TestJoinByCode(t *testing.T) {
	t.Parallel()
	p := newWorld(t).coded("AAAAAA", "BBBBBB")
	ada, bob := p.register(t, p.ctx, "ada").ID, p.register(t, p.ctx, "bob").ID
	as := func(id game.PlayerID) game.Caller {
		return game.Caller{Project: "p", Scope: game.ScopePlayer, Player: id}
	}
	asBob := game.WithCaller(t.Context(), as(bob))
	c, err := p.sessions.Create(p.ctx, game.SessionRequest{
		Settings: game.Settings{MaxPlayers: 4, Visibility: game.VisibilityPrivate}, HostID: &ada, JoinCode: true,
	}, game.Idempotency{})
	ok(t, err)
	join := func(caller game.Caller, code string) error {
		_, _, err := p.sessions.JoinByCode(
			game.WithCaller(t.Context(), caller),
			game.Party{Seats: []game.JoinRequest{{PlayerID: bob}}, Code: code},
		)
		return err
	}
	for _, wrong := range []string{"", "BBBBBB", "AAAAA", "AAAAAAA", "ÄAAAAA", "!!!!!!"} {
		rejected(t, join(as(bob), wrong), game.ErrInvalidJoinCode)
	}
	rejected(t, join(game.Caller{Project: "elsewhere", Scope: game.ScopeServer}, "AAAAAA"), game.ErrInvalidJoinCode)
	rejected(t, join(game.Caller{Project: "p", Scope: game.ScopeRead}, "AAAAAA"), game.ErrForbidden)
	rejected(t, join(as(ada), "AAAAAA"), game.ErrForbidden) // seats of others need one's own, or rather a reservation
	seen, err := p.sessions.Get(asBob, c.Document.ID)
	if ok(t, err); seen.JoinCode != nil {
		t.Errorf("a stranger sees the code %+v", seen.JoinCode)
	}
	ok(t, join(as(bob), "aaaaaa"))
	ok(t, join(as(bob), "aaaaaa"))
	seen, err = p.sessions.Get(asBob, c.Document.ID)
	ok(t, err)
	equal(t, &game.JoinCode{Code: "AAAAAA", Uses: 1}, seen.JoinCode)
	read, err := p.sessions.Get(
		game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: game.ScopeRead}), c.Document.ID,
	)
	if ok(t, err); read.JoinCode != nil {
		t.Errorf("a key of scope read sees the code %+v", read.JoinCode)
	}
	_, _, err = p.sessions.RotateJoinCode(asBob, c.Document.ID, nil, game.JoinCodeRequest{})
	rejected(t, err, game.ErrNotHost)
	_, err = p.sessions.RemoveJoinCode(asBob, c.Document.ID, nil)
	rejected(t, err, game.ErrNotHost)
	_, _, err = p.sessions.RotateJoinCode(
		game.WithCaller(t.Context(), as(ada)), c.Document.ID, nil, game.JoinCodeRequest{},
	)
	ok(t, err)
	_, err = p.sessions.Leave(asBob, c.Document.ID, nil, bob)
	ok(t, err)
	rejected(t, join(as(bob), "AAAAAA"), game.ErrInvalidJoinCode)
	_, err = p.sessions.Move(p.ctx, c.Document.ID, nil, game.Move{Status: game.StatusCancelled})
	ok(t, err)
	rejected(t, join(as(bob), "BBBBBB"), game.ErrInvalidJoinCode)
}

// However many race, a code of a few uses seats so many.
func TestUsesInARace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := [2]process{w.coded("AAAAAA"), w.start()}
	ada := p[0].register(t, w.ctx, "ada").ID
	room := p[0].open(t, 40, ada)
	_, _, err := p[0].sessions.RotateJoinCode(w.ctx, room.ID, nil, game.JoinCodeRequest{MaxUses: new(5)})
	ok(t, err)
	var wg sync.WaitGroup
	results := make([]error, 20)
	for i := range results {
		id := p[0].register(t, w.ctx, fmt.Sprint("player-", i)).ID
		wg.Go(func() {
			_, _, results[i] = p[i%2].sessions.JoinByCode(
				w.ctx, game.Party{Seats: []game.JoinRequest{{PlayerID: id}}, Code: "AAAAAA"},
			)
		})
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, game.ErrInvalidJoinCode) {
			t.Error(err)
		}
	}
	v, err := p[1].sessions.Get(w.ctx, room.ID)
	ok(t, err)
	if won != 5 || v.JoinCode.Uses != 5 || len(v.Members) != 6 {
		t.Errorf("%d joined, %d uses, %d members", won, v.JoinCode.Uses, len(v.Members))
	}
}

// Uses count new seats, whatever parties come and whoever leaves.
func TestUsesHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 6).Draw(rt, "max_uses")
		s := newSession(t, private, code(0, most), maxPlayers(rapid.IntRange(2, 8).Draw(rt, "max_players")))
		taken := 0
		for n := range rapid.IntRange(1, 20).Draw(rt, "steps") {
			who := rapid.Permutation([]int{2, 3, 4, 5, 6}).Draw(rt, "who")[:rapid.IntRange(1, 3).Draw(rt, "party")]
			if rapid.Bool().Draw(rt, "leave") {
				_, err := s.Leave(player(who[0]), later(n))
				ok(rt, err)
				continue
			}
			before := len(s.Members)
			p := game.Party{Seats: asking("", who...), Code: "7KQ2MX", Partial: rapid.Bool().Draw(rt, "partial")}
			_, _, err := s.JoinParty(p, player(who[0]), nil, later(n))
			if err != nil && len(s.Members) != before {
				rt.Fatalf("%d of %d members after %v", before, len(s.Members), err)
			}
			if taken += len(s.Members) - before; s.JoinCode.Uses != taken || taken > most {
				rt.Fatalf("%d seats were taken by a code with %d uses of %d", taken, s.JoinCode.Uses, most)
			}
		}
	})
}
