package auth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
)

const (
	hour = time.Hour
	day  = 24 * hour
)

func TestFirstKeySignsAtOnce(t *testing.T) {
	t.Parallel()
	c, s := &clock{now: t0}, openStore(t)
	a := newProcess(t, s, secretKey, c)
	_, err := a.Mint(player, time.Minute)
	wantError(t, err, game.ErrStoreUnavailable)
	_, err = a.JWKS()
	wantError(t, err, game.ErrStoreUnavailable)
	_, err = a.Verify(t.Context(), newProcess(t, nil, "", c).mint(t, time.Minute))
	wantError(t, err, game.ErrStoreUnavailable) // and not that the token is wrong

	a.refresh(t)
	a.takes(t, a.mint(t, time.Minute))
	a.refresh(t)
	if n := len(a.kids(t)); n != 1 {
		t.Errorf("there are %d keys", n)
	}
	keys, err := s.SigningKeys(t.Context())
	must(t, err)
	if k := keys[0]; k.CreatedAt != t0 || k.ExpiresAt != t0.Add(32*day+hour) {
		t.Errorf("the key is from %v to %v", k.CreatedAt, k.ExpiresAt)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	c, s := &clock{now: t0}, openStore(t)
	p := newProcess(t, s, secretKey, c)
	p.refresh(t)
	first := p.kid(t)

	c.add(30*day - time.Minute)
	p.refresh(t)
	if kids := p.kids(t); !slices.Equal(kids, []string{first}) {
		t.Fatalf("before its time there is another key: %v", kids)
	}
	c.add(time.Minute)
	p.refresh(t)
	kids := p.kids(t)
	if len(kids) != 2 || p.kid(t) != first {
		t.Fatalf("the next key is to be published and not to sign: %v, %v signs", kids, p.kid(t))
	}
	second := kids[0]
	if second == first {
		second = kids[1]
	}
	c.add(hour - time.Second)
	p.refresh(t)
	if p.kid(t) != first {
		t.Error("the next key signs before everybody has had time to learn of it")
	}
	last := p.mint(t, game.MaxTokenLife)
	c.add(time.Second)
	p.refresh(t)
	if p.kid(t) != second {
		t.Error("the next key does not sign")
	}
	c.add(day - 2*time.Second)
	p.refresh(t)
	p.takes(t, last)
	c.add(time.Second)
	p.refresh(t)
	if len(p.kids(t)) != 2 {
		t.Error("a key is gone before what it signed has expired")
	}
	c.add(2*day + hour)
	p.refresh(t)
	if kids := p.kids(t); !slices.Equal(kids, []string{second}) {
		t.Errorf("after its end the first key is still there: %v", kids)
	}
	stored, err := s.SigningKeys(t.Context())
	must(t, err)
	if len(stored) != 1 {
		t.Errorf("%d keys are stored", len(stored))
	}
}

// TestLongPause starts a process on keys that were not rotated.
func TestLongPause(t *testing.T) {
	t.Parallel()
	for _, pause := range []time.Duration{30*day + 2*hour, 31*day + time.Minute, 33 * day, 400 * day} {
		c, s := &clock{now: t0}, openStore(t)
		newProcess(t, s, secretKey, c).refresh(t)
		c.add(pause)
		p := newProcess(t, s, secretKey, c)
		p.refresh(t)
		token := p.mint(t, game.MaxTokenLife)
		for range 25 { // hours
			p.refresh(t)
			p.takes(t, token)
			c.add(hour - 3*time.Minute)
		}
	}
}

func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	c, s := &clock{now: t0}, openStore(t)
	a, b := newProcess(t, s, secretKey, c), newProcess(t, s, secretKey, c)
	var wg sync.WaitGroup
	for _, p := range []process{a, b} {
		wg.Go(func() {
			if err := p.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c.add(5 * time.Second)
	a.takes(t, b.mint(t, time.Minute))
	b.takes(t, a.mint(t, time.Minute))
	a.refresh(t)
	b.refresh(t)
	if a.kid(t) != b.kid(t) {
		t.Error("two processes that know the same keys sign by different ones")
	}
	if !slices.Equal(a.kids(t), b.kids(t)) {
		t.Error("two processes publish different keys")
	}
}

// TestUnknownKeyIsReadSeldom sends tokens with unknown keys.
func TestUnknownKeyIsReadSeldom(t *testing.T) {
	t.Parallel()
	c := &clock{now: t0}
	s := &broken{SigningKeyStore: openStore(t)}
	p := newProcess(t, s, secretKey, c)
	p.refresh(t)
	foreign := newProcess(t, nil, "", c).mint(t, hour)
	c.add(5 * time.Second)
	before := s.asked()
	for range 100 {
		_, err := p.Verify(t.Context(), foreign)
		wantError(t, err, game.ErrUnauthenticated)
	}
	if n := s.asked() - before; n != 1 {
		t.Errorf("the store was asked %d times", n)
	}
	c.add(5 * time.Second)
	s.fail(game.ErrStoreUnavailable)
	_, err := p.Verify(t.Context(), foreign)
	wantError(t, err, game.ErrStoreUnavailable) // it might be good
	p.takes(t, p.mint(t, time.Minute))          // by a key that is known
	s.fail(nil)
	c.add(5 * time.Second)
	_, err = p.Verify(t.Context(), foreign)
	wantError(t, err, game.ErrUnauthenticated)
}

func TestAnotherSecretKey(t *testing.T) {
	t.Parallel()
	c, s := &clock{now: t0}, openStore(t)
	before := newProcess(t, s, secretKey, c)
	before.refresh(t)
	old := before.mint(t, hour)

	after := newProcess(t, s, "quite another secret of the operator's", c)
	after.refresh(t)
	after.refresh(t)
	after.takes(t, old)
	if after.kid(t) == before.kid(t) || len(after.kids(t)) != 2 {
		t.Error("it signs by a key that it cannot have")
	}
	log := after.log.String()
	if n := strings.Count(log, "level=WARN"); n != 1 || !strings.Contains(log, "GSM_SECRET_KEY") ||
		!strings.Contains(log, before.kid(t)) {
		t.Errorf("the log has %d warnings, of one that says what to do:\n%s", n, log)
	}
	wantNone(t, log, old, "quite another secret")
	c.add(time.Minute)
	before.refresh(t)
	before.takes(t, after.mint(t, time.Minute))
}

func TestDamagedKeys(t *testing.T) {
	t.Parallel()
	c, s := &clock{now: t0}, openStore(t)
	first := newProcess(t, s, secretKey, c)
	first.refresh(t)
	keys, err := s.SigningKeys(t.Context())
	must(t, err)
	good := keys[0]
	swapped, short, foreign := good, good, good
	swapped.ID = strings.Repeat("A", 43) // the sealed key is another's, and so is the public one
	short.ID, short.PublicKey = strings.Repeat("B", 43), "AAAA"
	foreign.ID, foreign.PublicKey = strings.Repeat("C", 43), base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for _, k := range []game.SigningKey{swapped, short, foreign} {
		must(t, s.CreateSigningKey(t.Context(), k))
	}
	p := newProcess(t, s, secretKey, c)
	p.refresh(t)
	p.refresh(t)
	if kids := p.kids(t); !slices.Equal(kids, []string{good.ID}) {
		t.Errorf("published are %v", kids)
	}
	if n := strings.Count(p.log.String(), "level=WARN"); n != 3 {
		t.Errorf("%d warnings:\n%s", n, p.log)
	}
}

func TestTooManyKeys(t *testing.T) {
	t.Parallel()
	c, s := &clock{now: t0}, openStore(t)
	for i := range game.MaxSigningKeys { // each start has another secret key
		newProcess(t, s, fmt.Sprintf("%040d", i), c).refresh(t)
	}
	p := newProcess(t, s, secretKey, c)
	if err := p.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "GSM_SECRET_KEY") {
		t.Errorf("got %v", err)
	}
	_, err := p.Mint(player, time.Minute)
	wantError(t, err, game.ErrStoreUnavailable)
}

func TestRefreshFails(t *testing.T) {
	t.Parallel()
	c := &clock{now: t0}
	s := &broken{SigningKeyStore: openStore(t)}
	p := newProcess(t, s, secretKey, c)
	s.fail(game.ErrStoreUnavailable.Because(errors.New("down")))
	wantError(t, p.Refresh(t.Context()), game.ErrStoreUnavailable)
	s.fail(nil)
	p.refresh(t)
	token := p.mint(t, hour)
	s.fail(game.ErrStoreUnavailable)
	wantError(t, p.Refresh(t.Context()), game.ErrStoreUnavailable)
	p.takes(t, token)
	p.takes(t, p.mint(t, hour))
}

func TestWithoutSecretKey(t *testing.T) {
	t.Parallel()
	c := &clock{now: t0}
	p := newProcess(t, openStore(t), "", c)
	p.refresh(t)
	_, err := p.Mint(player, time.Minute)
	wantError(t, err, game.ErrNoTokens)
	_, err = p.Ticket(seated(), playerID)
	wantError(t, err, game.ErrNoTokens)
	_, err = p.JWKS()
	wantError(t, err, game.ErrNoTokens)
	_, err = p.Verify(t.Context(), newProcess(t, nil, "", c).mint(t, time.Minute))
	wantError(t, err, game.ErrUnauthenticated)

	_, err = auth.NewSigner(
		auth.SignerDeps{Store: openStore(t), Secret: strings.Repeat("x", auth.MinSecretKey-1), Now: c.Now},
	)
	if err == nil {
		t.Error("a short secret key is taken")
	}
}

// TestOwnKey is a service without authentication.
func TestOwnKey(t *testing.T) {
	t.Parallel()
	c := &clock{now: t0}
	p, other := newProcess(t, nil, "", c), newProcess(t, nil, "", c)
	for range 3 {
		p.refresh(t)
		p.takes(t, p.mint(t, game.MaxTokenLife))
		_, err := other.Verify(t.Context(), p.mint(t, hour))
		wantError(t, err, game.ErrUnauthenticated)
		c.add(365 * day)
	}
}

// TestSealed looks at what is stored.
func TestSealed(t *testing.T) {
	t.Parallel()
	c, s := &clock{now: t0}, openStore(t)
	newProcess(t, s, secretKey, c).refresh(t)
	keys, err := s.SigningKeys(t.Context())
	must(t, err)
	sealed, err := base64.RawURLEncoding.DecodeString(keys[0].Sealed)
	must(t, err)
	if len(sealed) != 12+32+16 {
		t.Errorf("the sealed key has %d bytes, of a nonce, a seed and a tag", len(sealed))
	}
	for i := range sealed { // whatever is changed, it does not open
		damaged := slices.Clone(sealed)
		damaged[i] ^= 1
		if auth.Opens(secretKey, keys[0].ID, keys[0].PublicKey, damaged) {
			t.Errorf("with byte %d changed it opens", i)
		}
	}
	if !auth.Opens(secretKey, keys[0].ID, keys[0].PublicKey, sealed) ||
		auth.Opens(secretKey, keys[0].ID+"x", keys[0].PublicKey, sealed) {
		t.Error("it opens for its own id only")
	}
}

// What was signed by keys that are retired is rejected by every process, and each continues with another.
func TestRetire(t *testing.T) {
	t.Parallel()
	docs, c := openStore(t), &clock{now: t0}
	one, other := newProcess(t, docs, secretKey, c), newProcess(t, docs, secretKey, c)
	one.refresh(t)
	other.refresh(t)
	token, kid := one.mint(t, time.Hour), one.kid(t)
	other.takes(t, token)
	n, err := auth.Retire(t.Context(), docs)
	must(t, err)
	if n != 1 {
		t.Errorf("%d are retired", n)
	}
	one.refresh(t)
	other.refresh(t)
	for _, p := range []process{one, other} {
		_, err := p.Verify(t.Context(), token)
		wantError(t, err, auth.ErrWrong)
		if slices.Contains(p.kids(t), kid) {
			t.Error("a retired key is published")
		}
		one.takes(t, p.mint(t, time.Hour))
	}
	broken := &broken{SigningKeyStore: docs}
	broken.fail(game.ErrStoreUnavailable)
	_, err = auth.Retire(t.Context(), broken)
	wantError(t, err, game.ErrStoreUnavailable)
}
