package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

// countingKeys counts the reads of keys.
type countingKeys struct {
	game.KeyStore
	reads int
}

func (c *countingKeys) Key(ctx context.Context, id game.KeyID) (game.Key, error) {
	c.reads++
	return c.KeyStore.Key(ctx, id)
}

func sends(credential string) http.Header {
	return http.Header{"Authorization": {"Bearer " + credential}}
}

// storedKey is an API key in a store, with what it takes to work with it.
type storedKey struct {
	game.Key
	secret game.Secret
	now    *clock
	docs   game.Store
	rules  *game.Keys
	admin  context.Context //nolint:containedctx // whoever may manage the key
}

func newStoredKey(t *testing.T) storedKey {
	t.Helper()
	k := storedKey{now: &clock{now: t0}, docs: openStore(t)}
	k.rules = game.NewKeys(game.Deps{Store: k.docs, Now: k.now.Now, NewID: func() string { return "" }, MaxRequest: time.Second})
	k.admin = game.WithCaller(t.Context(), game.Caller{Project: game.DefaultProject, Scope: game.ScopeAdmin})
	var err error
	k.Key, k.secret, err = k.rules.Create(k.admin, game.KeyRequest{Name: "eu", Scope: game.ScopeServer})
	must(t, err)
	return k
}

// Whoever guesses learns nothing from the reads that a guess costs.
func TestWrongKeysCostTheSame(t *testing.T) {
	t.Parallel()
	k := newStoredKey(t)
	counted := &countingKeys{KeyStore: k.docs}
	guard := auth.Guard{Keys: auth.NewKeys(counted, k.rules, nil, k.now.Now)}
	wrong := strings.Repeat("x", 52)
	cost := func(credential string, want error) int {
		t.Helper()
		before := counted.reads
		_, err := guard.Caller(t.Context(), netip.Addr{}, sends(credential))
		if want != nil || err != nil {
			wantError(t, err, want)
		}
		return counted.reads - before
	}

	for _, cached := range []bool{false, true} {
		known := cost("gsm_"+string(k.ID)+"_"+wrong, auth.ErrWrong)
		unknown := cost("gsm_nosuchkey_"+wrong, auth.ErrWrong)
		if known != 1 || unknown != 1 {
			t.Errorf("cached %t: a wrong secret costs %d reads for a known id and %d for another", cached, known, unknown)
		}
		if !cached {
			cost(k.secret.Reveal(), nil)
		}
	}
	if n := cost(k.secret.Reveal(), nil); n != 0 {
		t.Errorf("a key that is remembered costs %d reads", n)
	}
	k.now.add(5 * time.Second)
	if n := cost(k.secret.Reveal(), nil); n != 1 {
		t.Errorf("a key that was remembered for five seconds costs %d reads", n)
	}
	_, err := k.rules.Revoke(k.admin, k.ID)
	must(t, err)
	k.now.add(5 * time.Second)
	if n := cost(k.secret.Reveal(), auth.ErrWrong); n != 1 {
		t.Errorf("a revoked key costs %d reads", n)
	}
}

// slowKeys has reads of keys wait.
type slowKeys struct {
	game.KeyStore
	reads atomic.Int64
	let   chan struct{}
}

func (s *slowKeys) Key(ctx context.Context, id game.KeyID) (game.Key, error) {
	s.reads.Add(1)
	<-s.let
	return s.KeyStore.Key(ctx, id)
}

// Many wrong keys at once are looked up no more often than many one after the other, and a good one many times at once passes.
func TestManyKeysAtOnce(t *testing.T) {
	t.Parallel()
	const most = 10
	k := newStoredKey(t)
	slow := &slowKeys{KeyStore: k.docs, let: make(chan struct{})}
	guard := auth.Guard{Keys: auth.NewKeys(slow, k.rules, nil, k.now.Now), Failures: limits.NewFailures(most, k.now.Now)}
	ask := func(from, credential string) error {
		_, err := guard.Caller(t.Context(), netip.MustParseAddr(from), sends(credential))
		return err
	}
	var all sync.WaitGroup
	var refusals atomic.Int64
	const many = 256
	for i := range many {
		all.Go(func() {
			refused := (*limits.RefusedError)(nil)
			if err := ask("192.0.2.1", fmt.Sprintf("gsm_wrong%d_%s", i, strings.Repeat("x", 52))); errors.As(err, &refused) {
				if refusals.Add(1) == many-most-limits.SpareLookups {
					close(slow.let)
				}
			}
		})
		all.Go(func() {
			if err := ask("192.0.2.2", k.secret.Reveal()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := slow.reads.Load(); n > most+limits.SpareLookups+1 {
		t.Errorf("%d reads were made", n)
	}
}

// A wrong secret takes the same way whether there is a key with its id or not: what it allocates, which no clock can blur, is
// the same. That shows no step left out for one of them, such as a copy of the key. It does not show how two hashes are compared:
// TestSecretsAreComparedInConstantTime in package game holds that to the source.
func TestWrongKeysTakeTheSameWork(t *testing.T) { //nolint:paralleltest // it counts allocations
	k := newStoredKey(t)
	static, _ := game.ParseSecret("gsm_static_" + strings.Repeat("s", 52))
	keys := auth.NewKeys(k.docs, k.rules, []game.Key{game.StaticKey(static, "first")}, k.now.Now)
	_, err := keys.Caller(t.Context(), k.secret) // which remembers it
	must(t, err)
	work := func(id game.KeyID) float64 {
		wrong, ok := game.ParseSecret("gsm_" + string(id) + "_" + strings.Repeat("x", 52))
		if !ok {
			t.Fatalf("%s is no id", id)
		}
		return testing.AllocsPerRun(100, func() {
			if _, right, _ := keys.Known(wrong); right {
				t.Error("taken")
			}
		})
	}
	unknown := work("nosuchkey")
	for _, id := range []game.KeyID{k.ID, "static"} {
		if known := work(id); known != unknown {
			t.Errorf("a wrong secret of key %s allocates %v times, of no key %v", id, known, unknown)
		}
	}
	var none game.Key
	if read, err := k.docs.Key(t.Context(), k.ID); err != nil || testing.AllocsPerRun(100, func() { read.Opens(static, t0) }) != testing.AllocsPerRun(100, func() { none.Opens(static, t0) }) {
		t.Errorf("a key that was read is compared in another way than none: %v", err)
	}
}

func TestUseOfKeysIsRecorded(t *testing.T) {
	t.Parallel()
	k := newStoredKey(t)
	keys := auth.NewKeys(k.docs, k.rules, nil, k.now.Now)
	use := func(want time.Time) {
		t.Helper()
		_, err := keys.Caller(t.Context(), k.secret)
		must(t, err)
		must(t, keys.Record(t.Context()))
		read, err := k.docs.Key(t.Context(), k.ID)
		must(t, err)
		if read.LastUsedAt == nil || !read.LastUsedAt.Equal(want) {
			t.Errorf("last used at %v, want %v", read.LastUsedAt, want)
		}
	}
	use(t0)
	k.now.add(30 * time.Second)
	use(t0) // once a minute is enough
	k.now.add(30 * time.Second)
	use(t0.Add(time.Minute))
}
