package game_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// calls counts the operations of a store by their methods.
type calls struct {
	game.Store
	mu sync.Mutex
	of map[string]int
}

func counting(s game.Store) *calls {
	c := &calls{of: map[string]int{}}
	c.Store = faulty(s, func(method string) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.of[method]++
		return nil
	})
	return c
}

// since returns the operations since the last call.
func (c *calls) since() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.of
	c.of = map[string]int{}
	return of
}

// here and elsewhere are two processes, of which the first counts what it asks of the store.
func newTwo(t *testing.T) (here, elsewhere process, asked *calls) {
	t.Helper()
	w := newWorld(t)
	asked = counting(w.store)
	return w.start(asked), w.start(), asked
}

func (p process) rename(t *testing.T, id game.SessionID, name string) game.Session {
	t.Helper()
	v, err := p.sessions.Edit(p.ctx, id, nil, renamed(name))
	ok(t, err)
	return v
}

func TestChangeBeginsWithTheLastSeen(t *testing.T) {
	t.Parallel()
	here, elsewhere, asked := newTwo(t)
	room := here.open(t, 2, "")
	asked.since()

	here.rename(t, room.ID, "one")
	equal(t, map[string]int{"ReplaceSession": 1}, asked.since())
	here.rename(t, room.ID, "two")
	equal(t, map[string]int{"ReplaceSession": 1}, asked.since())

	_, err := elsewhere.sessions.Edit(elsewhere.ctx, room.ID, nil, func(e game.SessionEdit) (game.SessionEdit, error) {
		e.Map = "dust"
		return e, nil
	})
	ok(t, err)
	v := here.rename(t, room.ID, "three")
	if v.Version != 5 || v.Map != "dust" {
		t.Errorf("the change of another process is lost: %+v", v)
	}
	equal(t, map[string]int{"Session": 1, "ReplaceSession": 2}, asked.since())
	here.rename(t, room.ID, "four")
	equal(t, map[string]int{"Session": 1, "ReplaceSession": 1}, asked.since()) // others change it, too

	here.clock.add(time.Minute)
	here.rename(t, room.ID, "five")
	equal(t, map[string]int{"Session": 1, "ReplaceSession": 1}, asked.since())
	here.rename(t, room.ID, "six")
	equal(t, map[string]int{"ReplaceSession": 1}, asked.since())
}

func TestNothingIsRefusedByTheLastSeen(t *testing.T) {
	t.Parallel()
	here, elsewhere, _ := newTwo(t)
	alice, bob := here.register(t, here.ctx, "alice").ID, here.register(t, here.ctx, "bob").ID
	carol := here.register(t, here.ctx, "carol").ID
	room := here.open(t, 2, alice)
	here.join(t, room.ID, bob)

	_, _, err := here.sessions.Join(here.ctx, room.ID, nil, game.JoinRequest{PlayerID: carol})
	rejected(t, err, game.ErrSessionFull)
	_, err = elsewhere.sessions.Leave(elsewhere.ctx, room.ID, nil, bob)
	ok(t, err)
	here.join(t, room.ID, carol) // there is a seat again

	here.rename(t, room.ID, "here")
	there := elsewhere.rename(t, room.ID, "elsewhere")
	current := func(v game.Session) error {
		if v.Version != there.Version {
			return game.ErrVersionMismatch
		}
		return nil
	}
	v, err := here.sessions.Edit(here.ctx, room.ID, current, renamed("here again"))
	ok(t, err)
	equal(t, there.Version+1, v.Version)
	_, err = here.sessions.Edit(here.ctx, room.ID, current, renamed("too late"))
	rejected(t, err, game.ErrVersionMismatch)

	// What is equal to the document as this process saw it may be another by now.
	elsewhere.rename(t, room.ID, "elsewhere again")
	equal(t, "here again", here.rename(t, room.ID, "here again").Name)
	stored, err := elsewhere.sessions.Get(elsewhere.ctx, room.ID)
	ok(t, err)
	equal(t, "here again", stored.Name)
}

func TestDocumentsAreForgottenWhenThereAreMany(t *testing.T) {
	t.Parallel()
	here, _, asked := newTwo(t)
	const size = 15 << 10
	first := here.open(t, 2, "")
	for range game.RecentBytes/size + 1 {
		_, err := here.sessions.Create(here.ctx, game.SessionRequest{Settings: game.Settings{
			MaxPlayers: 2, Attributes: game.Attributes{"a": game.StringValue(strings.Repeat("x", size))},
		}}, game.Idempotency{})
		ok(t, err)
	}
	asked.since()
	here.rename(t, first.ID, "first")
	equal(t, map[string]int{"Session": 1, "ReplaceSession": 1}, asked.since())
	if n := here.sessions.RecentBytes(); n > game.RecentBytes || n < game.RecentBytes/2 {
		t.Errorf("%d bytes are remembered", n)
	}
}

// The end of freeing a player's seats makes no version, so what is remembered must not bring the mark back.
func TestErasureAfterASuspensionCompletes(t *testing.T) {
	t.Parallel()
	here, elsewhere, _ := newTwo(t)
	p := here.register(t, here.ctx, "alice")
	_, err := here.players.Edit(here.ctx, p.ID, nil, suspends(nil))
	ok(t, err)
	here.clock.add(4*maxRequest - time.Second)
	_, err = here.players.Edit(here.ctx, p.ID, nil, func(f game.Profile) (game.Profile, error) {
		f.DisplayName = "Alice"
		return f, nil
	})
	ok(t, err)
	here.clock.add(2 * time.Second)
	ok(t, elsewhere.players.FreeSeats(elsewhere.ctx)) // for the last time
	ok(t, here.players.Erase(here.ctx, p.ID, nil))
	for range 3 {
		here.clock.add(2 * 24 * time.Hour)
		ok(t, elsewhere.players.Tend(elsewhere.ctx))
	}
	left, err := elsewhere.store.ExportPlayers(elsewhere.ctx, "", 10)
	ok(t, err)
	if len(left) > 0 {
		t.Errorf("what is left of the player is %+v", left)
	}
}

func TestForgetting(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{
		"ten seconds later": 10 * time.Second, "a clock goes back": -time.Hour,
	} {
		here, _, _ := newTwo(t)
		host := here.register(t, here.ctx, "alice").ID
		_, err := here.players.Edit(here.ctx, host, nil, func(f game.Profile) (game.Profile, error) {
			f.DisplayName = "Alice"
			return f, nil
		})
		ok(t, err)
		here.open(t, 2, host)
		if here.sessions.RecentBytes() == 0 || here.players.RecentBytes() == 0 {
			t.Errorf("%s: nothing is remembered", name)
		}
		here.clock.add(by)
		ok(t, here.players.FreeSeats(here.ctx))
		if s, p := here.sessions.RecentBytes(), here.players.RecentBytes(); s+p > 0 {
			t.Errorf("%s: %d and %d bytes are remembered", name, s, p)
		}
	}
}

func TestEndedSessionsAreNotRemembered(t *testing.T) {
	t.Parallel()
	here, _, _ := newTwo(t)
	room := here.open(t, 2, "")
	if here.sessions.RecentBytes() == 0 {
		t.Error("a new session is not remembered")
	}
	_, err := here.sessions.Move(here.ctx, room.ID, nil, game.Move{
		Status: game.StatusEnded, EndReason: game.ReasonForceTerminated,
	})
	ok(t, err)
	if n := here.sessions.RecentBytes(); n > 0 {
		t.Errorf("%d bytes are remembered", n)
	}
}

// Whatever a document may have many of is weighed.
func TestLargeDocumentsAreNotRemembered(t *testing.T) {
	t.Parallel()
	here, _, _ := newTwo(t)
	text := game.Attributes{"a": game.StringValue(strings.Repeat("x", 4000))}
	host := here.register(t, here.ctx, "alice").ID
	room := here.open(t, 1, host)
	for i := range 20 {
		who := here.register(t, here.ctx, fmt.Sprint("waits", i)).ID
		_, _, err := here.sessions.JoinParty(here.ctx, room.ID, nil, game.Party{
			Seats: []game.JoinRequest{{PlayerID: who, Attributes: text}}, Wait: true,
		})
		ok(t, err)
	}
	if n := here.sessions.RecentBytes(); n > 0 {
		t.Errorf("%d bytes are remembered", n)
	}
}
