package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
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
	admin  context.Context //nolint:containedctx // may manage the key
}

func newStoredKey(t *testing.T) storedKey {
	t.Helper()
	k := storedKey{now: &clock{now: t0}, docs: openStore(t)}
	k.rules = game.NewKeys(
		game.Deps{Store: k.docs, Now: k.now.Now, NewID: func() string { return "" }, MaxRequest: time.Second},
	)
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
		wrong := strings.Repeat(fmt.Sprint(cached), 10)
		for again, want := range []int{1, 0} {
			known := cost("gsm_"+string(k.ID)+"_"+wrong, auth.ErrWrong)
			unknown := cost("gsm_nosuchkey_"+wrong, auth.ErrWrong)
			if known != want || unknown != want {
				t.Errorf("cached %t, again %d: a wrong secret costs %d reads for a known id and %d for another",
					cached, again, known, unknown)
			}
		}
		if !cached {
			cost(k.secret.Reveal(), nil)
		}
	}
	if n := cost(k.secret.Reveal(), nil); n != 0 {
		t.Errorf("a key that is cached costs %d reads", n)
	}
	k.now.add(5 * time.Second)
	if n := cost(k.secret.Reveal(), nil); n != 1 {
		t.Errorf("a key that was cached for five seconds costs %d reads", n)
	}
	_, err := k.rules.Revoke(k.admin, k.ID)
	must(t, err)
	k.now.add(5 * time.Second)
	for again, want := range []int{1, 0} {
		if n := cost(k.secret.Reveal(), auth.ErrWrong); n != want {
			t.Errorf("again %d: a revoked key costs %d reads", again, n)
		}
	}
	k.now.add(time.Minute)
	if n := cost(k.secret.Reveal(), auth.ErrWrong); n != 1 {
		t.Errorf("a minute later a revoked key costs %d reads", n)
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

// atOnce is how many keys are looked up at the same time.
const atOnce = 8

// Many guesses at once are looked up no more often than many one after the other, but for those that are looked up at
// the same time, and a good key many times at once passes.
func TestManyKeysAtOnce(t *testing.T) {
	t.Parallel()
	const most = 10
	k := newStoredKey(t)
	slow := &slowKeys{KeyStore: k.docs, let: make(chan struct{})}
	guard := auth.Guard{
		Keys: auth.NewKeys(slow, k.rules, nil, k.now.Now), Failures: limits.NewFailures(most, k.now.Now),
	}
	ask := func(from, credential string) error {
		_, err := guard.Caller(t.Context(), netip.MustParseAddr(from), sends(credential))
		return err
	}
	var all sync.WaitGroup
	for i := range 256 {
		all.Go(func() { _ = ask("192.0.2.1", guess(i)) })
		all.Go(func() {
			if err := ask("192.0.2.2", k.secret.Reveal()); err != nil {
				t.Error(err)
			}
		})
	}
	for slow.reads.Load() < atOnce { // until all that may be looked up at the same time are
		runtime.Gosched()
	}
	close(slow.let)
	all.Wait()
	if n := slow.reads.Load(); n > most+limits.SpareLookups+atOnce {
		t.Errorf("%d reads were made", n)
	}
}

// guess is a key that nobody has.
func guess(i int) string { return fmt.Sprintf("gsm_wrong%d_%s", i, strings.Repeat("x", 52)) }

// Whoever is behind one address with others passes whatever these do: their keys have ended or are mistyped, their
// tokens have expired, and they go on to send them. Nobody is told to wait but by a flood of guesses, which is
// bounded.
func TestNeighboursAreLetIn(t *testing.T) {
	t.Parallel()
	const most = 3
	k := newStoredKey(t)
	counted := &countingKeys{KeyStore: k.docs}
	p := newProcess(t, k.docs, secretKey, k.now)
	p.refresh(t)
	tokens, err := auth.NewPlayers(p.Signer, nil)
	must(t, err)
	guard := auth.Guard{
		Keys: auth.NewKeys(counted, k.rules, nil, k.now.Now), Tokens: tokens,
		Failures: limits.NewFailures(most, k.now.Now),
	}
	ask := func(h http.Header) error {
		_, err := guard.Caller(t.Context(), netip.MustParseAddr("192.0.2.1"), h)
		return err
	}
	_, revoked, err := k.rules.Create(k.admin, game.KeyRequest{Name: "revoked", Scope: game.ScopeServer})
	must(t, err)
	_, err = k.rules.Revoke(k.admin, revoked.ID)
	must(t, err)
	mistyped := k.secret.Reveal()[:len(k.secret.Reveal())-1] + "-"
	expired := make([]string, 1000)
	for i := range expired {
		expired[i] = p.mint(t, time.Minute)
	}
	k.now.add(2 * time.Minute)
	for i, token := range expired {
		wantError(t, ask(sends(token)), auth.ErrWrong)
		wantError(t, ask(sends(revoked.Reveal())), auth.ErrWrong)
		wantError(t, ask(sends("undefined")), auth.ErrWrong)
		wantError(t, ask(http.Header{"Authorization": {"Basic dTpw"}}), auth.ErrWrong)
		if i < 2*most { // a mistyped key is rate limited at some time, and the others are not
			wantError(t, ask(sends(mistyped)), auth.ErrWrong)
		} else {
			_ = ask(sends(mistyped))
		}
	}
	if counted.reads != 2 {
		t.Errorf("%d reads were made for two keys that are wrong", counted.reads)
	}
	for range 100 {
		must(t, ask(sends(p.mint(t, time.Minute))))
	}
	must(t, ask(sends(k.secret.Reveal()))) // though its id is limited
	wantError(t, ask(sends(guess(0))), auth.ErrWrong)

	before := counted.reads
	var limited *limits.RefusedError
	for i := range 1000 {
		err := ask(sends(guess(i)))
		if i > most+limits.SpareLookups && !errors.As(err, &limited) {
			t.Fatalf("guess %d got %v", i, err)
		}
	}
	if n := counted.reads - before; n > most+limits.SpareLookups {
		t.Errorf("a thousand guesses cost %d reads", n)
	}
	must(t, ask(sends(p.mint(t, time.Minute))))
	must(t, ask(sends(k.secret.Reveal())))
}

// Many servers that start at once behind one address wait for each other and are let in.
func TestManyGoodKeysAtOnce(t *testing.T) {
	t.Parallel()
	k := newStoredKey(t)
	guard := auth.Guard{Keys: auth.NewKeys(k.docs, k.rules, nil, k.now.Now), Failures: limits.NewFailures(1, k.now.Now)}
	secrets := make([]game.Secret, 100)
	for i := range secrets {
		var err error
		_, secrets[i], err = k.rules.Create(k.admin, game.KeyRequest{Name: "eu", Scope: game.ScopeServer})
		must(t, err)
	}
	var all sync.WaitGroup
	for _, s := range secrets {
		all.Go(func() {
			if _, err := guard.Caller(t.Context(), netip.MustParseAddr("192.0.2.1"), sends(s.Reveal())); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// Without authentication a request needs no credential, and one that is sent is still checked.
func TestCredentialsWithoutAuthentication(t *testing.T) {
	t.Parallel()
	k := newStoredKey(t)
	p := newProcess(t, nil, "", k.now)
	tokens, err := auth.NewPlayers(p.Signer, nil)
	must(t, err)
	guard := auth.Guard{Keys: auth.NewKeys(k.docs, k.rules, nil, k.now.Now), Tokens: tokens, Open: true}
	for _, test := range []struct {
		header http.Header
		want   game.Caller
		err    error
	}{
		{nil, game.Anonymous(), nil},
		{sends(k.secret.Reveal()), k.Caller(), nil},
		{
			sends(p.mint(t, time.Minute)),
			game.Caller{Project: "arena", Scope: game.ScopePlayer, Player: playerID, Name: "player"},
			nil,
		},
		{sends(guess(0)), game.Caller{}, auth.ErrWrong},
		{sends("undefined"), game.Caller{}, auth.ErrWrong},
		{http.Header{"Authorization": {""}}, game.Caller{}, auth.ErrWrong},
	} {
		if got, err := guard.Caller(t.Context(), netip.Addr{}, test.header); got != test.want ||
			!errors.Is(err, test.err) {
			t.Errorf("%v: got %+v, %v", test.header, got, err)
		}
	}
}

// A wrong secret takes the same way whether there is a key with its id or not: what it allocates, which no clock can
// blur, is the same. That shows no step left out for one of them, such as a copy of the key. It does not show how two
// hashes are compared: TestSecretsAreComparedInConstantTime in package game holds that to the source.
func TestWrongKeysTakeTheSameWork(t *testing.T) { //nolint:paralleltest // it counts allocations
	k := newStoredKey(t)
	static, _ := game.ParseSecret("gsm_static_" + strings.Repeat("s", 52))
	keys := auth.NewKeys(k.docs, k.rules, []game.Key{game.StaticKey(static, "first")}, k.now.Now)
	_, _, err := keys.Caller(t.Context(), k.secret) // which caches it
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
	read, err := k.docs.Key(t.Context(), k.ID)
	if err != nil || testing.AllocsPerRun(100, func() { read.Opens(static, t0) }) !=
		testing.AllocsPerRun(100, func() { none.Opens(static, t0) }) {
		t.Errorf("a key that was read is compared in another way than none: %v", err)
	}
}

func TestUseOfKeysIsRecorded(t *testing.T) {
	t.Parallel()
	k := newStoredKey(t)
	keys := auth.NewKeys(k.docs, k.rules, nil, k.now.Now)
	use := func(want time.Time) {
		t.Helper()
		_, _, err := keys.Caller(t.Context(), k.secret)
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
