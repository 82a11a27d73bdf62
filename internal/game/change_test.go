package game_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// seatRace lets players of two processes race for seats, and returns how each try ended by its code, "" for a seat.
func seatRace(t *testing.T, p [2]process, id game.SessionID, players [2][]game.PlayerID) map[string]int {
	t.Helper()
	var mu sync.Mutex
	codes := map[string]int{}
	together(t, 2*len(players[0]), func(i int) error {
		_, seated, err := p[i%2].sessions.Join(p[i%2].ctx, id, nil, game.JoinRequest{PlayerID: players[i%2][i/2]})
		e := &game.Error{}
		if err != nil && !errors.As(err, &e) {
			return err
		}
		code := e.Code
		if err == nil && !seated {
			code = "seated already"
		}
		mu.Lock()
		defer mu.Unlock()
		codes[code]++
		return nil
	})
	return codes
}

func TestSeatsAreSoldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := [2]process{w.start(), w.start()}
	players := [2][]game.PlayerID{make([]game.PlayerID, 50), make([]game.PlayerID, 50)}
	together(t, 100, func(n int) error {
		c, err := p[n%2].players.Create(w.ctx, game.Profile{Username: fmt.Sprintf("player-%d", n)}, game.Idempotency{})
		players[n%2][n/2] = c.Document.ID
		return err
	})
	room := p[0].open(t, 10, "")
	equal(t, map[string]int{"": 10, "session_full": 90}, seatRace(t, p, room.ID, players))
	got, err := p[0].sessions.Get(w.ctx, room.ID)
	ok(t, err)
	held := ids(got.Members, func(m game.Member) game.PlayerID { return m.PlayerID })
	slices.Sort(held)
	if len(slices.Compact(held)) != 10 || got.Version != 11 {
		t.Errorf("%d seats are held at version %d", len(held), got.Version)
	}

	// One player at every door at once takes one seat.
	room = p[0].open(t, 10, "")
	same := slices.Repeat([]game.PlayerID{players[0][0]}, 20)
	equal(t, map[string]int{"": 1, "seated already": 39}, seatRace(t, p, room.ID, [2][]game.PlayerID{same, same}))
	p[0].quiet(t)
	p[1].quiet(t)
}

// Each of many changes is one version, and none is lost between two processes.
func TestChangesAreNotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := []process{w.start(), w.start()}
	ada := p[0].register(t, w.ctx, "Ada")
	const each = 20
	together(t, 2*each, func(i int) error {
		_, err := p[i%2].players.Edit(w.ctx, ada.ID, nil, func(f game.Profile) (game.Profile, error) {
			n, _ := f.Attributes["n"].Any().(float64)
			f.Attributes = game.Attributes{"n": game.NumberValue(n + 1)}
			return f, nil
		})
		return err
	})
	got, err := p[0].players.Get(w.ctx, ada.ID)
	ok(t, err)
	if got.Attributes["n"] != game.NumberValue(2*each) || got.Version != 1+2*each {
		t.Errorf("%v of %d edits at version %d", got.Attributes["n"].Any(), 2*each, got.Version)
	}
}

// stale fails every replacement as if another process had always been faster.
func (w world) stale(each func(n int)) game.Store {
	n := 0
	return faulty(w.store, func(op string) error {
		if op != "ReplaceSession" {
			return nil
		}
		n++
		each(n)
		return fmt.Errorf("session: %w", game.ErrStale) // engines may wrap
	})
}

func TestChangeGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	room := w.start().open(t, 2, "")
	gone := errors.New("the client hung up")

	ctx, cancel := context.WithCancelCause(w.ctx)
	p := w.start(w.stale(func(n int) {
		if n == 4 {
			cancel(gone)
		}
	}))
	_, err := p.sessions.Move(ctx, room.ID, nil, game.Move{Status: "cancelled"})
	e := rejected(t, err, game.ErrOverloaded) // the store is well: it is others who are in the way
	equal(t, map[string]any{"outcome": game.OutcomeNone}, e.Extras)
	if !errors.Is(err, gone) {
		t.Errorf("the cause is lost: %v", err)
	}
	p.quiet(t)

	late, stop := context.WithTimeout(w.ctx, 20*time.Millisecond)
	defer stop()
	p = w.start(w.stale(func(int) {}))
	_, err = p.sessions.Move(late, room.ID, nil, game.Move{Status: "cancelled"})
	var named *game.Error // the deadline may have come while the store was read
	if !errors.As(err, &named) || named.Kind != game.Unavailable {
		t.Fatalf("got %v", err)
	}
	equal(t, map[string]any{"outcome": game.OutcomeNone}, named.Extras)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the cause is lost: %v", err)
	}
	got, err := p.sessions.Get(w.ctx, room.ID)
	ok(t, err)
	equal(t, room, got)
}

// After a lost race, the condition and the rule are applied again to the document that the other process left.
func TestChangeReadsAgainAfterAConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fast := w.start()
	ada, eve := fast.register(t, w.ctx, "Ada").ID, fast.register(t, w.ctx, "Eve").ID
	room := fast.open(t, 1, "")
	g := w.gated("ReplaceSession")
	slow := w.start(g)
	returned := make(chan error)
	go func() {
		_, _, err := slow.sessions.Join(w.ctx, room.ID, nil, game.JoinRequest{PlayerID: ada})
		returned <- err
	}()
	<-g.arrived
	fast.join(t, room.ID, eve)
	close(g.open)
	rejected(t, <-returned, game.ErrSessionFull)

	g = w.gated("ReplaceSession")
	slow = w.start(g)
	go func() {
		_, err := slow.sessions.Move(w.ctx, room.ID, func(v game.Session) error {
			if v.Version != 2 {
				return game.ErrVersionMismatch
			}
			return nil
		}, game.Move{Status: "in_progress"})
		returned <- err
	}()
	<-g.arrived
	_, err := fast.sessions.Leave(w.ctx, room.ID, nil, eve)
	ok(t, err)
	close(g.open)
	rejected(t, <-returned, game.ErrVersionMismatch)
	slow.quiet(t)
}

func TestChangeTellsWhatTheStoreTells(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	room := w.start().open(t, 2, "")
	unknown := game.Unanswered(game.OutcomeUnknown, errors.New("connection reset"))
	p := w.start(w.failing("ReplaceSession", unknown))
	_, err := p.sessions.Move(w.ctx, room.ID, nil, game.Move{Status: "cancelled"})
	equal(t, map[string]any{"outcome": game.OutcomeUnknown}, rejected(t, err, game.ErrStoreUnavailable).Extras)
	p.quiet(t)
	p = w.start(w.failing("Session", errDown))
	_, err = p.sessions.Move(w.ctx, room.ID, nil, game.Move{Status: "cancelled"})
	rejected(t, err, game.ErrStoreUnavailable)
	p.quiet(t)
}

// A change that gives up while it waits for others that the store has completed meanwhile returns ErrOverloaded. It is
// not applied, although its batch goes on.
func TestWaitingBehindOthersIsAnOverload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	room := w.start().open(t, 2, "")
	type held struct{ arrived, open chan struct{} }
	write, read := held{make(chan struct{}), make(chan struct{})}, held{make(chan struct{}), make(chan struct{})}
	reads := 0 // by one goroutine after the other
	p := w.start(faulty(w.store, func(called string) error {
		switch called {
		case "ReplaceSession":
			if reads == 1 {
				close(write.arrived)
				<-write.open
			}
		case "Session":
			if reads++; reads == 3 {
				close(read.arrived)
				<-read.open
			}
		}
		return nil
	}))
	rename := func(ctx context.Context, name string) <-chan error {
		returned := make(chan error, 1)
		go func() {
			_, err := p.sessions.Edit(ctx, room.ID, nil, func(e game.SessionEdit) (game.SessionEdit, error) {
				e.Name = name
				return e, nil
			})
			returned <- err
		}()
		return returned
	}
	first := rename(w.ctx, "first")
	<-write.arrived
	ctx, cancel := context.WithCancel(w.ctx)
	second := rename(ctx, "second")
	for p.sessions.Waiting(room.Project, room.ID) == 0 {
		runtime.Gosched()
	}
	// What another process changes is read before each change.
	_, err := w.start().sessions.Edit(w.ctx, room.ID, nil, func(e game.SessionEdit) (game.SessionEdit, error) {
		e.Name = "elsewhere"
		return e, nil
	})
	ok(t, err)
	close(write.open)
	ok(t, <-first)
	<-read.arrived
	cancel()
	equal(t, map[string]any{"outcome": game.OutcomeNone}, rejected(t, <-second, game.ErrOverloaded).Extras)
	close(read.open)
	p.quiet(t)
	got, err := w.start().sessions.Get(w.ctx, room.ID)
	ok(t, err)
	equal(t, "first", got.Name)
}

func TestWaitingForABatchIsNoWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	room := w.start().open(t, 2, "")
	g := w.gated("ReplaceSession")
	p := w.start(g)
	returned := make(chan error)
	go func() {
		_, err := p.sessions.Move(w.ctx, room.ID, nil, game.Move{Status: "cancelled"})
		returned <- err
	}()
	<-g.arrived
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	_, err := p.sessions.Move(ctx, room.ID, nil, game.Move{Status: "in_progress"})
	equal(t, map[string]any{"outcome": game.OutcomeNone}, rejected(t, err, game.ErrStoreUnavailable).Extras)
	close(g.open)
	ok(t, <-returned)
	p.quiet(t)
}
