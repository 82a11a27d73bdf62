package storetest

import (
	"context"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func claims() []check {
	return []check{
		{"first wins", firstClaimWins},
		{"expired is replaced", expiredClaim},
		{"purge", purgeClaims},
		{"one holder", oneHolder},
	}
}

func newClaim() game.Claim {
	return filled(game.Claim{
		Key: "key-" + newID(), Fingerprint: "print-" + newID(), DocumentID: newID(), ExpiresAt: now().Add(time.Hour),
	})
}

func fillClaims(ctx context.Context, s game.Store, i int) error {
	if i%4 != 0 {
		return nil
	}
	c := newClaim()
	if i%3 == 0 {
		c.ExpiresAt = now().Add(-time.Minute)
	}
	_, err := s.Claim(ctx, c, now().Add(-time.Hour))
	return err
}

// wantHeld tries to store a claim and checks which claim is held.
func wantHeld(t *testing.T, s game.Store, c game.Claim, at time.Time, wanted game.Claim) {
	t.Helper()
	held, err := s.Claim(t.Context(), c, at)
	must(t, err)
	want(t, held, wanted)
}

func firstClaimWins(t *testing.T, s game.Store) {
	first, second := newClaim(), newClaim()
	second.Key = first.Key
	wantHeld(t, s, first, now(), first)
	wantHeld(t, s, second, now(), first)
	wantHeld(t, s, first, now(), first)
	other := newClaim()
	wantHeld(t, s, other, now(), other)
}

func expiredClaim(t *testing.T, s game.Store) {
	first, second := newClaim(), newClaim()
	second.Key, second.ExpiresAt = first.Key, first.ExpiresAt.Add(time.Hour)
	wantHeld(t, s, first, now(), first)
	wantHeld(t, s, second, first.ExpiresAt.Add(-time.Millisecond), first)
	wantHeld(t, s, second, first.ExpiresAt.Add(time.Millisecond), second)
	wantHeld(t, s, first, now(), second)
}

func purgeClaims(t *testing.T, s game.Store) {
	at := now()
	var fresh []game.Claim
	for i := range 10 {
		c := newClaim()
		c.ExpiresAt = at.Add(time.Duration(i-7)*time.Minute + time.Second) // seven have expired at that time
		if c.ExpiresAt.After(at) {
			fresh = append(fresh, c)
		}
		wantHeld(t, s, c, at.Add(-time.Hour), c)
	}
	for _, wanted := range []int{5, 2, 0} {
		n, err := s.PurgeClaims(t.Context(), at, 5)
		must(t, err)
		if n != wanted {
			t.Errorf("purged %d claims, want %d", n, wanted)
		}
	}
	for _, c := range fresh {
		rival := newClaim()
		rival.Key = c.Key
		wantHeld(t, s, rival, at, c)
	}
	for range 12 {
		c := newClaim()
		wantHeld(t, s, c, at, c)
	}
	total, err := game.PurgeClaims(t.Context(), s, at.Add(2*time.Hour))
	must(t, err)
	if total != 15 {
		t.Errorf("purged %d claims, want 15", total)
	}
}

func oneHolder(t *testing.T, s game.Store) {
	const rivals = 100
	key, at := newClaim().Key, now()
	held := make([]game.Claim, rivals)
	for _, err := range together(rivals, func(i int) (err error) {
		c := newClaim()
		c.Key = key
		held[i], err = s.Claim(t.Context(), c, at)
		return err
	}) {
		must(t, err)
	}
	for _, c := range held {
		want(t, c, held[0])
	}
}
