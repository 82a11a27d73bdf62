package game_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// key returns what makes a request with a key and a body recognisable.
func key(k, body string) game.Idempotency {
	return game.Idempotency{Key: k, Route: "POST /sessions", Body: []byte(body)}
}

// creator creates a document in a process and returns its id.
type creator func(p process, ctx context.Context, i game.Idempotency) (id string, replayed bool, err error)

func createSession(p process, ctx context.Context, i game.Idempotency) (string, bool, error) {
	c, err := p.sessions.Create(ctx, game.SessionRequest{Settings: game.Settings{MaxPlayers: 2}}, i)
	return string(c.Document.ID), c.Replayed, err
}

func createPlayer(p process, ctx context.Context, i game.Idempotency) (string, bool, error) {
	c, err := p.players.Create(ctx, game.Profile{Username: "Ada"}, i)
	return string(c.Document.ID), c.Replayed, err
}

// eachNoun runs a test for players and for sessions.
func eachNoun(t *testing.T, test func(*testing.T, creator, func(world) int)) {
	t.Helper()
	t.Run("player", func(t *testing.T) {
		t.Parallel()
		test(t, createPlayer, func(w world) int {
			found, err := w.store.Players(w.ctx, game.PlayerQuery{Project: "p", Limit: 100})
			ok(t, err)
			return len(found.Items)
		})
	})
	t.Run("session", func(t *testing.T) {
		t.Parallel()
		test(t, createSession, func(w world) int {
			found, err := w.store.Sessions(w.ctx, game.SessionQuery{Project: "p", Limit: 100})
			ok(t, err)
			return len(found.Items)
		})
	})
}

func TestReplay(t *testing.T) {
	t.Parallel()
	eachNoun(t, func(t *testing.T, create creator, count func(world) int) {
		w := newWorld(t)
		p := w.start()
		first, replayed, err := create(p, w.ctx, key("k", "body"))
		if ok(t, err); replayed {
			t.Error("the first try is a replay")
		}
		w.clock.add(game.IdempotencyTTL - time.Millisecond)
		for _, process := range []process{p, w.start()} {
			again, replayed, err := create(process, w.ctx, key("k", "body"))
			if ok(t, err); again != first || !replayed {
				t.Errorf("the retry made %s after %s, replayed is %t", again, first, replayed)
			}
		}
		_, _, err = create(p, w.ctx, key("k", "another body"))
		rejected(t, err, game.ErrIdempotencyKeyReuse)
		if n := count(w); n != 1 {
			t.Errorf("there are %d documents", n)
		}
		p.quiet(t)
	})
}

func TestReplayAnswersThePresentDocument(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	create := func() game.Created[game.Session] {
		c, err := p.sessions.Create(p.ctx, game.SessionRequest{Settings: game.Settings{MaxPlayers: 2}}, key("k", "b"))
		ok(t, err)
		return c
	}
	v := create().Document
	moved, err := p.sessions.Move(p.ctx, v.ID, nil, game.Move{Status: "cancelled"})
	ok(t, err)
	equal(t, game.Created[game.Session]{Document: moved, Replayed: true}, create())
}

// A key is the caller's own, for one route, and good for a day.
func TestKeyScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	first, _, err := createSession(p, w.ctx, key("k", "b"))
	ok(t, err)
	other := key("k", "b")
	other.Route = "POST /players"
	for name, tt := range map[string]struct {
		ctx context.Context
		i   game.Idempotency
	}{
		"another key":   {w.ctx, key("K", "b")},
		"no key":        {w.ctx, game.Idempotency{}},
		"another route": {w.ctx, other},
		"another caller": {
			game.WithCaller(w.ctx, game.Caller{Project: "p", Scope: game.ScopeServer, Name: "other"}), key("k", "b"),
		},
		"another project": {
			game.WithCaller(w.ctx, game.Caller{Project: "q", Scope: game.ScopeServer, Name: "test"}), key("k", "b"),
		},
	} {
		id, replayed, err := createSession(p, tt.ctx, tt.i)
		if ok(t, err); replayed || id == first {
			t.Errorf("%s: replayed is %t", name, replayed)
		}
	}
	w.clock.add(game.IdempotencyTTL)
	id, replayed, err := createSession(p, w.ctx, key("k", "another body"))
	if ok(t, err); replayed || id == first {
		t.Errorf("after a day: replayed is %t", replayed)
	}
	again, replayed, err := createSession(p, w.ctx, key("k", "another body"))
	if ok(t, err); !replayed || again != id {
		t.Errorf("in the next day: replayed is %t", replayed)
	}
}

// claims remembers what is claimed.
type claims struct {
	game.Store
	seen *[]game.Claim
}

func (c claims) Claim(ctx context.Context, claim game.Claim, now time.Time) (game.Claim, error) {
	*c.seen = append(*c.seen, claim)
	return c.Store.Claim(ctx, claim, now)
}

func TestClaimHoldsNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var seen []game.Claim
	p := w.start(claims{w.store, &seen})
	id, _, err := createSession(p, w.ctx, key("hunter2", "swordfish"))
	ok(t, err)
	_, _, err = createSession(p, w.ctx, key("hunter3", "swordfish"))
	ok(t, err)
	if len(seen) != 2 || seen[0].DocumentID != id || seen[0].ExpiresAt != t0.Add(game.IdempotencyTTL) {
		t.Fatalf("claimed was %+v", seen)
	}
	if told := seen[0].Key + seen[0].Fingerprint; strings.Contains(told, "hunter2") ||
		strings.Contains(told, "swordfish") {
		t.Errorf("the claim contains the key or the body: %s", told)
	}
	if seen[0].Fingerprint == seen[1].Fingerprint {
		t.Error("equal bodies under two keys have the same fingerprint")
	}
}

// Between the claim and the document the process crashes, the store fails, or its response is lost.
func TestCrashBetweenClaimAndDocument(t *testing.T) {
	t.Parallel()
	eachNoun(t, func(t *testing.T, create creator, count func(world) int) {
		w := newWorld(t)
		broken := w.failing("CreateSession", errDown, errDown)
		if strings.HasSuffix(t.Name(), "player") {
			broken = w.failing("CreatePlayer", errDown, errDown)
		}
		p := w.start(broken)
		for range 2 {
			_, _, err := create(p, w.ctx, key("k", "b"))
			rejected(t, err, game.ErrStoreUnavailable)
		}
		if n := count(w); n != 0 {
			t.Fatalf("there are %d documents", n)
		}
		_, _, err := create(w.start(), w.ctx, key("k", "another"))
		rejected(t, err, game.ErrIdempotencyKeyReuse)
		id, replayed, err := create(w.start(), w.ctx, key("k", "b"))
		if ok(t, err); replayed {
			t.Error("the try that made the document is a replay")
		}
		again, replayed, err := create(p, w.ctx, key("k", "b"))
		if ok(t, err); !replayed || again != id {
			t.Errorf("the key is stuck: %s after %s, replayed is %t", again, id, replayed)
		}
		if n := count(w); n != 1 {
			t.Errorf("there are %d documents", n)
		}
	})
}

// lossy loses the response to the first creation, which succeeds.
type lossy struct {
	game.Store
	lost *sync.Once
}

func (l lossy) CreateSession(ctx context.Context, s game.Session, events ...game.Event) (err error) {
	err = l.Store.CreateSession(ctx, s, events...)
	l.lost.Do(func() { err = game.Unanswered(game.OutcomeUnknown, errors.New("connection reset")) })
	return err
}

func TestLostAnswerOfACreation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(lossy{w.store, new(sync.Once)})
	first, _, err := createSession(p, w.ctx, key("k", "b"))
	if err != nil {
		rejected(t, err, game.ErrStoreUnavailable)
	}
	id, replayed, err := createSession(p, w.ctx, key("k", "b"))
	if ok(t, err); !replayed || first != "" && id != first {
		t.Errorf("the retry made %s, replayed is %t", id, replayed)
	}
	found, err := w.store.Sessions(w.ctx, game.SessionQuery{Project: "p", Limit: 9})
	if ok(t, err); len(found.Items) != 1 {
		t.Errorf("there are %d sessions", len(found.Items))
	}
}

// The first try has claimed the key, and a second overtakes it. Both came to one document, and neither is rejected: not
// with the failure that engines tell the rules, and not because the name is taken, by the document itself.
func TestOvertakenCreation(t *testing.T) {
	t.Parallel()
	eachNoun(t, func(t *testing.T, create creator, count func(world) int) {
		w := newWorld(t)
		g := w.gated("CreateSession")
		if strings.HasSuffix(t.Name(), "player") {
			g = w.gated("CreatePlayer")
		}
		slow := w.start(g)
		type outcome struct {
			id       string
			replayed bool
			err      error
		}
		returned := make(chan outcome)
		go func() {
			id, replayed, err := create(slow, w.ctx, key("k", "b"))
			returned <- outcome{id, replayed, err}
		}()
		<-g.arrived
		id, replayed, err := create(w.start(), w.ctx, key("k", "b"))
		close(g.open)
		if ok(t, err); replayed {
			t.Error("the try that made the document is a replay")
		}
		a := <-returned
		if ok(t, a.err); !a.replayed || a.id != id {
			t.Errorf("the overtaken try made %s after %s, replayed is %t", a.id, id, a.replayed)
		}
		if n := count(w); n != 1 {
			t.Errorf("there are %d documents", n)
		}
	})
}

func TestRacingCreations(t *testing.T) {
	t.Parallel()
	eachNoun(t, func(t *testing.T, create creator, count func(world) int) {
		w := newWorld(t)
		processes := []process{w.start(), w.start()}
		var mu sync.Mutex
		found, first := map[string]int{}, 0
		together(t, 40, func(i int) error {
			id, replayed, err := create(processes[i%2], w.ctx, key("k", "b"))
			mu.Lock()
			defer mu.Unlock()
			found[id]++
			if !replayed {
				first++
			}
			return err
		})
		if len(found) != 1 || first != 1 || count(w) != 1 {
			t.Errorf("there are %d documents by %v, %d tries say that they made it", count(w), found, first)
		}
	})
}

// A creation that is rejected leaves the key to a retry that is not.
func TestRefusedCreation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	ada := p.register(t, w.ctx, "ada")
	_, _, err := createPlayer(p, w.ctx, key("k", "b"))
	rejected(t, err, game.ErrUsernameTaken)
	_, _, err = createPlayer(p, w.ctx, key("k", "b"))
	rejected(t, err, game.ErrUsernameTaken)
	_, err = p.players.Edit(w.ctx, ada.ID, nil, func(f game.Profile) (game.Profile, error) {
		f.Username = "eve"
		return f, nil
	})
	ok(t, err)
	id, replayed, err := createPlayer(p, w.ctx, key("k", "b"))
	if ok(t, err); replayed || id == string(ada.ID) {
		t.Errorf("the retry made %s, replayed is %t", id, replayed)
	}

	// What is not valid is rejected before a key is claimed.
	_, err = p.sessions.Create(w.ctx, game.SessionRequest{}, key("fresh", "b"))
	rejected(t, err, game.ErrValidation)
	_, _, err = createSession(p, w.ctx, key("fresh", "another"))
	ok(t, err)
}

func TestClaimUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, err := createSession(w.start(w.failing("Claim", errDown)), w.ctx, key("k", "b"))
	rejected(t, err, game.ErrStoreUnavailable)
	_, _, err = createSession(w.start(), w.ctx, key("k", "b"))
	ok(t, err)
	_, _, err = createSession(w.start(w.failing("Session", errDown)), w.ctx, key("k", "b"))
	rejected(t, err, game.ErrStoreUnavailable)
}

// batches is a store of claims of which so many have expired.
type batches struct {
	game.ClaimStore
	left *int
	err  error
}

func (b batches) PurgeClaims(_ context.Context, _ time.Time, limit int) (int, error) {
	n := min(*b.left, limit)
	*b.left -= n
	if *b.left == 0 {
		return n, b.err
	}
	return n, nil
}

func TestPurgeClaims(t *testing.T) {
	t.Parallel()
	for _, left := range []int{0, 1, 1000, 1001, 3000} {
		n, err := game.PurgeClaims(t.Context(), batches{left: new(left)}, t0)
		if ok(t, err); n != left {
			t.Errorf("%d of %d claims are purged", n, left)
		}
	}
	n, err := game.PurgeClaims(t.Context(), batches{left: new(1500), err: errDown}, t0)
	if rejected(t, err, game.ErrStoreUnavailable); n != 1500 {
		t.Errorf("%d claims are purged", n)
	}

	w := newWorld(t)
	p := w.start()
	_, _, err = createSession(p, w.ctx, key("old", "b"))
	ok(t, err)
	w.clock.add(time.Hour)
	young, _, err := createSession(p, w.ctx, key("young", "b"))
	ok(t, err)
	n, err = game.PurgeClaims(w.ctx, w.store, t0.Add(game.IdempotencyTTL))
	if ok(t, err); n != 1 {
		t.Errorf("%d claims are purged", n)
	}
	id, replayed, err := createSession(p, w.ctx, key("young", "b"))
	if ok(t, err); !replayed || id != young {
		t.Error("a claim that has not expired is purged")
	}
}
