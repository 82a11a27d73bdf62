package game_test

import (
	"testing"

	"game-session-manager/internal/game"
)

// A player who is elsewhere does not get into an exclusive session for the moment until it is removed again, though
// the store would see the session without it.
func TestFleetingPlaces(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]func(b busy, who game.PlayerID) (game.Session, error){
		"leaves": func(b busy, who game.PlayerID) (game.Session, error) {
			return b.sessions.Leave(b.ctx, b.room.ID, nil, who)
		},
		"is banned": func(b busy, who game.PlayerID) (game.Session, error) {
			return b.sessions.Ban(b.ctx, b.room.ID, nil, who, game.BanRequest{})
		},
		"the end": func(b busy, _ game.PlayerID) (game.Session, error) {
			return b.sessions.Move(b.ctx, b.room.ID, nil, game.Move{Status: game.StatusCancelled})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := newArena(t, w)
			g := w.gated("ReplaceSession")
			b := busy{process: w.start(g), room: a.to, gate: g, first: make(chan error, 1)}
			go func() {
				_, err := b.sessions.Edit(b.ctx, b.room.ID, nil, renamed("first"))
				b.first <- err
			}()
			<-g.arrived
			bob := a.register(t, a.ctx, "bob").ID
			join := func(who game.PlayerID) <-chan result {
				return b.wait(t, func() (game.Session, error) {
					v, _, err := b.sessions.Join(b.ctx, b.room.ID, nil, game.JoinRequest{PlayerID: who})
					return v, err
				})
			}
			other, refused := join(bob), join(a.who)
			gone := b.wait(t, func() (game.Session, error) { return out(b, a.who) })
			close(g.open)
			ok(t, <-b.first)
			ok(t, (<-other).err)
			a.elsewhere(t, (<-refused).err)
			ok(t, (<-gone).err)
			b.quiet(t)
		})
	}
}

// A player is not told that it has the name or the identity of another, though the store would see it with the next one
// only.
func TestFleetingNames(t *testing.T) {
	t.Parallel()
	steam := func(subject string) func(*game.Profile) {
		return func(f *game.Profile) { f.Identities = map[string]string{"steam": subject} }
	}
	username := func(name string) func(*game.Profile) { return func(f *game.Profile) { f.Username = name } }
	for name, test := range map[string]struct {
		taken, free func(*game.Profile)
		err         *game.Error
	}{
		"username": {username("TAKEN"), username("ada2"), game.ErrUsernameTaken},
		"identity": {steam("1"), steam("2"), game.ErrIdentityTaken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := w.gated("ReplacePlayer")
			p := w.start(g)
			taken := game.Profile{Username: "taken", Identities: map[string]string{"steam": "1"}}
			_, err := p.players.Create(p.ctx, taken, game.Idempotency{})
			ok(t, err)
			ada := p.register(t, p.ctx, "ada").ID
			var results []chan error
			edit := func(change func(*game.Profile)) {
				done := make(chan error, 1)
				results = append(results, done)
				go func() {
					_, err := p.players.Edit(p.ctx, ada, nil, func(f game.Profile) (game.Profile, error) {
						change(&f)
						return f, nil
					})
					done <- err
				}()
			}
			edit(func(f *game.Profile) { f.DisplayName = "first" })
			<-g.arrived
			for i, change := range []func(*game.Profile){test.taken, test.free} {
				edit(change)
				eventually(t, "the change waits", func() bool { return p.players.Waiting("p", ada) == i+1 })
			}
			close(g.open)
			ok(t, <-results[0])
			rejected(t, <-results[1], test.err)
			ok(t, <-results[2])
			got, err := p.players.Get(p.ctx, ada)
			if ok(t, err); got.Version != 3 {
				t.Errorf("the player is %+v", got)
			}
			p.quiet(t)
		})
	}
}

// A join code of another session is not given to a caller, though the store would see the next one only.
func TestFleetingCodes(t *testing.T) {
	t.Parallel()
	b := newBusy(t, newWorld(t), 5, nil)
	theirs := b.start().open(t, 5, "")
	_, taken, err := b.start().sessions.RotateJoinCode(b.ctx, theirs.ID, nil, game.JoinCodeRequest{})
	ok(t, err)
	codes := []string{taken.Code, "AAAAAA", "BBBBBB"}
	b.sessions.UseCodes(func() string {
		defer func() { codes = codes[1:] }()
		return codes[0]
	})
	var waiting []<-chan result
	var made [2]game.JoinCode
	for i := range made {
		waiting = append(waiting, b.wait(t, func() (v game.Session, err error) {
			v, made[i], err = b.sessions.RotateJoinCode(b.ctx, b.room.ID, nil, game.JoinCodeRequest{})
			return v, err
		}))
	}
	close(b.gate.open)
	ok(t, <-b.first)
	for _, w := range waiting {
		ok(t, (<-w).err)
	}
	if made[0].Code != "BBBBBB" || made[1].Code != "AAAAAA" {
		t.Errorf("the codes are %+v", made)
	}
	b.quiet(t)
}
