package auth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
)

// A hash opens with its password alone, and what is no hash of this kind is an error.
func TestPasswords(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords()
	h, err := p.Hash(t.Context(), "öpen sesame")
	if err != nil || !strings.HasPrefix(string(h), "$argon2id$v=19$m=19456,t=2,p=1$") || len(h) != 97 {
		t.Fatalf("hashed to %q, %v", h, err)
	}
	if again, err := p.Hash(t.Context(), "öpen sesame"); err != nil || again == h {
		t.Errorf("hashed again to %q, %v", again, err)
	}
	for password, want := range map[string]bool{
		"öpen sesame": true, "open sesame": false, "öpen sesame ": false, "": false,
	} {
		if got, err := p.Verify(t.Context(), h, password); err != nil || got != want {
			t.Errorf("%q is right: %t, %v", password, got, err)
		}
	}
	weaker := game.PasswordHash(strings.Replace(string(h), "t=2", "t=1", 1))
	if right, err := p.Verify(t.Context(), weaker, "öpen sesame"); err != nil || right {
		t.Errorf("the parameters do not count: %t, %v", right, err)
	}
	for _, change := range [][2]string{
		{"m=19456", "m=19457"},
		{"m=19456", "m=0"},
		{"t=2", "t=0"},
		{"t=2", "t=21"},
		{"p=1", "p=0"},
		{"p=1", "p=256"},
		{"v=19", "v=16"},
		{"argon2id", "argon2i"},
		{string(h[80:]), string(h[80 : len(h)-1])},
		{"$m=", "m="},
		{string(h), ""},
	} {
		bad := game.PasswordHash(strings.Replace(string(h), change[0], change[1], 1))
		if right, err := p.Verify(t.Context(), bad, "öpen sesame"); right || err == nil {
			t.Errorf("%s instead of %s: %t, %v", change[1], change[0], right, err)
		}
	}
}

// A hash by the reference implementation of argon2 opens with its password:
//
//	printf 'öpen sesame' | argon2 'sixteen bytes ok' -id -t 2 -k 19456 -p 1 -l 32
func TestPasswordOfTheReference(t *testing.T) {
	t.Parallel()
	const reference = "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw" +
		"$Xno1Yv4MzdgnIG3Nj+uRwiE/UrsfraVwaq8GQmEGtr4"
	for password, want := range map[string]bool{"öpen sesame": true, "öpen sesam": false} {
		if got, err := auth.NewPasswords().Verify(t.Context(), reference, password); err != nil || got != want {
			t.Errorf("%q is right: %t, %v", password, got, err)
		}
	}
}

// Whoever waits for others until its time is over is told that nothing happened, and the others go on.
func TestPasswordsAtOnce(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	release := p.Occupy()
	_, err := p.Hash(over, "x")
	e := (*game.Error)(nil)
	if !errors.Is(err, game.ErrOverloaded) || !errors.As(err, &e) || e.Extras["outcome"] != "none" {
		t.Errorf("got %v", err)
	}
	if _, err := p.Verify(over, "$argon2id$", "x"); errors.Is(err, game.ErrOverloaded) {
		t.Errorf("waits for a hash that it cannot read: %v", err)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if _, err := p.Hash(t.Context(), "x"); err != nil {
				t.Error(err)
			}
		})
	}
	release()
	all.Wait()
}
