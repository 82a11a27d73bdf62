package game_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// keyring is the rules about keys in a process, and its clock.
func keyring(tb testing.TB) (*game.Keys, process) {
	tb.Helper()
	p := newWorld(tb).start()
	return p.keys(), p
}

// keys returns the rules about keys, on the world's store or on what is put before it.
func (p process) keys(before ...game.Store) *game.Keys {
	d := game.Deps{Store: p.store, Now: p.clock.Now, NewID: func() string { return "" }, MaxRequest: maxRequest}
	for _, s := range before {
		d.Store = s
	}
	return game.NewKeys(d)
}

// issue makes a key of scope server.
func (p process) issue(tb testing.TB, expires *time.Time) (game.Key, game.Secret) {
	tb.Helper()
	k, secret, err := p.keys().Create(
		p.ctx, game.KeyRequest{Name: "a key", Scope: game.ScopeServer, ExpiresAt: expires},
	)
	ok(tb, err)
	return k, secret
}

func TestCreateKey(t *testing.T) {
	t.Parallel()
	keys, p := keyring(t)
	expires := time.Date(2026, time.March, 2, 1, 0, 0, 123456789, time.FixedZone("east", 3600))
	k, secret, err := keys.Create(p.ctx, game.KeyRequest{Name: "ops", Scope: game.ScopeRead, ExpiresAt: &expires})
	ok(t, err)
	again := parsed(t, secret.Reveal())
	if again != secret || secret.ID != k.ID || !k.Opens(again, t0) {
		t.Errorf("%v does not open %+v", again, k)
	}
	want := game.Key{
		ID: k.ID, Project: "p", Name: "ops", Scope: game.ScopeRead, Hash: k.Hash, Version: 1, CreatedAt: t0,
		ExpiresAt: new(time.Date(2026, time.March, 2, 0, 0, 0, 123e6, time.UTC)),
	}
	equal(t, want, k)
	got, err := keys.Get(p.ctx, k.ID)
	ok(t, err)
	equal(t, k, got)
	if other, twin := p.issue(t, nil); other.ID == k.ID || twin == secret || other.Hash == k.Hash {
		t.Error("two keys are the same")
	}

	_, _, err = keys.Create(p.ctx, game.KeyRequest{})
	invalid(t, err, "name", "scope")
	_, _, err = p.keys(faultyKeys{p.store}).Create(p.ctx, game.KeyRequest{Name: "ops", Scope: game.ScopeRead})
	rejected(t, err, game.ErrStoreUnavailable)
}

// faultyKeys is a store that takes no keys.
type faultyKeys struct{ game.Store }

func (faultyKeys) CreateKey(context.Context, game.Key, ...game.Event) error { return errDown }

func (faultyKeys) ReplaceKey(context.Context, game.Key, game.Key, ...game.Event) error {
	return errDown
}

func TestKeysNeedAnAdmin(t *testing.T) {
	t.Parallel()
	keys, p := keyring(t)
	k, _ := p.issue(t, nil)
	for _, scope := range []game.Scope{"", game.ScopeRead, game.ScopeServer, game.ScopePlayer, "root"} {
		ctx := game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: scope, Player: player(1)})
		_, secret, err := keys.Create(ctx, game.KeyRequest{Name: "mine", Scope: game.ScopeAdmin})
		rejected(t, err, game.ErrForbidden)
		equal(t, "", secret.ID)
		_, err = keys.Get(ctx, k.ID)
		rejected(t, err, game.ErrForbidden)
		_, err = keys.List(ctx, "", 0)
		rejected(t, err, game.ErrForbidden)
		_, err = keys.Revoke(ctx, k.ID)
		rejected(t, err, game.ErrForbidden)
		_, _, err = keys.Rotate(ctx, k.ID, 0)
		rejected(t, err, game.ErrForbidden)
	}
	got, err := keys.Get(p.ctx, k.ID)
	ok(t, err)
	equal(t, k, got)
}

// An admin of another project cannot tell a key that is there from one that is not.
func TestKeysOfOtherProjects(t *testing.T) {
	t.Parallel()
	keys, p := keyring(t)
	k, _ := p.issue(t, nil)
	stranger := as(t.Context(), "q")
	for _, id := range []game.KeyID{k.ID, "nothing"} {
		_, get := keys.Get(stranger, id)
		_, revoke := keys.Revoke(stranger, id)
		_, _, rotate := keys.Rotate(stranger, id, time.Hour)
		for _, err := range []error{get, revoke, rotate} {
			rejected(t, err, game.ErrKeyNotFound)
			equal(t, game.KeyNotFound(id).Error(), err.Error())
		}
	}
	list, err := keys.List(stranger, "", 0)
	ok(t, err)
	equal(t, []game.Key{}, list.Items)
	got, err := keys.Get(p.ctx, k.ID)
	ok(t, err)
	equal(t, k, got)
}

func TestListKeys(t *testing.T) {
	t.Parallel()
	keys, p := keyring(t)
	var want []game.KeyID
	for range 7 {
		k, _ := p.issue(t, nil)
		want = append(want, k.ID)
	}
	slices.Sort(want)
	_, err := keys.Revoke(p.ctx, want[3])
	ok(t, err)
	want = reversed(want)
	for _, limit := range []int{1, 3, 7, 50} {
		var got []game.KeyID
		cursor := ""
		for range want {
			page, err := keys.List(p.ctx, cursor, limit)
			ok(t, err)
			got = append(got, ids(page.Items, func(k game.Key) game.KeyID { return k.ID })...)
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		equal(t, want, got)
	}
	page, err := keys.List(p.ctx, "", 2)
	ok(t, err)
	_, err = keys.List(as(t.Context(), "q"), page.NextCursor, 2)
	invalid(t, err, "cursor")
	for _, cursor := range []string{"x", "AAAA", page.NextCursor + "A", page.NextCursor[1:]} {
		_, err = keys.List(p.ctx, cursor, 2)
		invalid(t, err, "cursor")
	}
	_, err = keys.List(p.ctx, "", 101)
	invalid(t, err, "limit")
}

func TestRevokeKey(t *testing.T) {
	t.Parallel()
	keys, p := keyring(t)
	k, secret := p.issue(t, nil)
	p.clock.add(time.Minute)
	revoked, err := keys.Revoke(p.ctx, k.ID)
	ok(t, err)
	if revoked.RevokedAt == nil || !revoked.RevokedAt.Equal(later(60)) || revoked.Version != 2 ||
		revoked.Opens(secret, p.clock.Now()) {
		t.Errorf("revoked to %+v", revoked)
	}
	p.clock.add(time.Minute)
	again, err := keys.Revoke(p.ctx, k.ID)
	ok(t, err)
	equal(t, revoked, again)

	expiring, _ := p.issue(t, new(later(180)))
	p.clock.add(time.Minute)
	over, err := keys.Revoke(p.ctx, expiring.ID)
	ok(t, err)
	equal(t, expiring, over)
	_, err = keys.Revoke(p.ctx, "nothing")
	rejected(t, err, game.ErrKeyNotFound)
}

func TestRotateKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		expires *time.Time // of the old key
		overlap time.Duration
		want    *time.Time
	}{
		"with an overlap":           {nil, time.Hour, new(later(3600))},
		"without one":               {nil, 0, new(t0)},
		"expires later":             {new(later(7200)), time.Hour, new(later(3600))},
		"expires within":            {new(later(60)), time.Hour, new(later(60))},
		"with the longest overlap":  {nil, game.MaxKeyOverlap, new(t0.Add(game.MaxKeyOverlap))},
		"expires just then already": {new(later(3600)), time.Hour, new(later(3600))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, p := keyring(t)
			old, oldSecret := p.issue(t, test.expires)
			fresh, secret, err := keys.Rotate(p.ctx, old.ID, test.overlap)
			ok(t, err)
			if fresh.ID == old.ID || fresh.Name != old.Name || fresh.Scope != old.Scope ||
				fresh.Project != old.Project || !fresh.Opens(secret, t0) {
				t.Errorf("%+v was made in the place of %+v", fresh, old)
			}
			equal(t, test.expires, fresh.ExpiresAt)
			got, err := keys.Get(p.ctx, old.ID)
			ok(t, err)
			equal(t, test.want, got.End())
			equal(t, test.expires, got.ExpiresAt)
			if got.RevokedAt != nil || got.Opens(oldSecret, *test.want) ||
				!got.Opens(oldSecret, test.want.Add(-time.Millisecond)) {
				t.Errorf("the old key is %+v, want it to end at %v", got, test.want)
			}
		})
	}
}

func TestRotateKeyRefused(t *testing.T) {
	t.Parallel()
	keys, p := keyring(t)
	k, _ := p.issue(t, nil)
	for _, overlap := range []time.Duration{-1, game.MaxKeyOverlap + 1} {
		_, _, err := keys.Rotate(p.ctx, k.ID, overlap)
		invalid(t, err, "overlap")
	}
	_, err := keys.Revoke(p.ctx, k.ID)
	ok(t, err)
	expired, _ := p.issue(t, new(later(60)))
	p.clock.add(time.Minute)
	for _, id := range []game.KeyID{k.ID, expired.ID} {
		_, _, err = keys.Rotate(p.ctx, id, time.Hour)
		rejected(t, err, game.ErrKeyInactive)
	}
	list, err := keys.List(p.ctx, "", 0)
	ok(t, err)
	if len(list.Items) != 2 {
		t.Errorf("%d keys, want the two that were made", len(list.Items))
	}
}

// Two rotations at once leave two new keys, and an old one that ends.
func TestRotateKeyTogether(t *testing.T) {
	t.Parallel()
	_, p := keyring(t)
	k, _ := p.issue(t, nil)
	together(t, 4, func(int) error { // through rules that take no turns with each other
		_, _, err := p.keys().Rotate(p.ctx, k.ID, time.Hour)
		return err
	})
	got, err := p.keys().Get(p.ctx, k.ID)
	ok(t, err)
	equal(t, new(later(3600)), got.RetiresAt)
	equal(t, int64(2), got.Version)
}

// A caller that did not receive the response to a rotation rotates again, and gets an equivalent key. The old key never
// ends later than after the first rotation, and earlier only if requested.
func TestRotateKeyAgain(t *testing.T) {
	t.Parallel()
	for _, expires := range []*time.Time{nil, new(later(86400))} {
		keys, p := keyring(t)
		old, _ := p.issue(t, expires)
		for i, test := range []struct {
			overlap time.Duration
			want    time.Time // the end of the old key
		}{
			{time.Hour, later(3600)},
			{time.Hour, later(3600)},
			{30 * time.Minute, later(1800 + 2*60)},
			{2 * time.Hour, later(1800 + 2*60)},
			{0, later(4 * 60)},
		} {
			fresh, secret, err := keys.Rotate(p.ctx, old.ID, test.overlap)
			ok(t, err)
			equal(t, expires, fresh.ExpiresAt)
			if fresh.RetiresAt != nil || !fresh.Opens(secret, later(3*3600)) {
				t.Errorf("rotation %d returned %+v", i+1, fresh)
			}
			got, err := keys.Get(p.ctx, old.ID)
			ok(t, err)
			equal(t, &test.want, got.End())
			equal(t, expires, got.ExpiresAt)
			p.clock.add(time.Minute)
		}
		_, _, err := keys.Rotate(p.ctx, old.ID, time.Hour)
		rejected(t, err, game.ErrKeyInactive)
	}
}

func TestKeyUsed(t *testing.T) {
	t.Parallel()
	keys, p := keyring(t)
	k, _ := p.issue(t, nil)
	stored := func() game.Key {
		t.Helper()
		got, err := keys.Get(p.ctx, k.ID)
		ok(t, err)
		return got
	}
	ok(t, keys.Used(t.Context(), k)) // by nobody's context
	first := stored()
	equal(t, new(t0), first.LastUsedAt)
	equal(t, int64(1), first.Version)

	p.clock.add(59 * time.Second)
	ok(t, keys.Used(t.Context(), first))
	equal(t, first, stored())

	p.clock.add(time.Second)
	ok(t, keys.Used(t.Context(), first))
	equal(t, new(later(60)), stored().LastUsedAt)

	// A key that was revoked since stays so, and one that is gone stays away.
	seen := stored()
	_, err := keys.Revoke(p.ctx, k.ID)
	ok(t, err)
	p.clock.add(time.Hour)
	ok(t, keys.Used(t.Context(), seen))
	if stored().RevokedAt == nil {
		t.Error("a use took a revocation back")
	}
	ok(t, p.store.DeleteKey(t.Context(), stored()))
	ok(t, keys.Used(t.Context(), seen))
	_, err = keys.Get(p.ctx, k.ID)
	rejected(t, err, game.ErrKeyNotFound)

	rejected(t, p.keys(faultyKeys{p.store}).Used(t.Context(), seen), game.ErrStoreUnavailable)
}

func TestPurgeKeys(t *testing.T) {
	t.Parallel()
	const kept = 30 * 24 * time.Hour
	keys, p := keyring(t)
	lasting, _ := p.issue(t, nil)
	retiring, _ := p.issue(t, nil)
	successor, _, err := keys.Rotate(p.ctx, retiring.ID, 2*time.Minute)
	ok(t, err)
	revoked, _ := p.issue(t, nil)
	expiring, _ := p.issue(t, new(later(60)))
	far, _ := p.issue(t, new(later(0).Add(2*kept)))
	theirs, _, err := keys.Create(
		as(t.Context(), "q"), game.KeyRequest{Name: "theirs", Scope: game.ScopeRead, ExpiresAt: new(later(60))},
	)
	ok(t, err)
	_, err = keys.Revoke(p.ctx, revoked.ID)
	ok(t, err)

	there := func(at time.Duration, want ...game.Key) {
		t.Helper()
		p.clock.add(at - p.clock.Now().Sub(t0))
		ok(t, keys.Purge(t.Context()))
		found, err := p.store.ExportKeys(t.Context(), "", 100)
		ok(t, err)
		wanted := ids(want, func(k game.Key) game.KeyID { return k.ID })
		slices.Sort(wanted)
		equal(t, wanted, ids(found, func(k game.Key) game.KeyID { return k.ID }))
	}
	there(kept-time.Millisecond, lasting, successor, retiring, revoked, expiring, far, theirs)
	there(kept, lasting, successor, retiring, expiring, far, theirs)
	there(kept+time.Minute-time.Millisecond, lasting, successor, retiring, expiring, far, theirs)
	there(kept+time.Minute, lasting, successor, retiring, far)
	there(kept+2*time.Minute-time.Millisecond, lasting, successor, retiring, far)
	there(kept+2*time.Minute, lasting, successor, far)
	there(3*kept, lasting, successor)
}

// Purging goes through more keys than a page, and is no worse off for others who purge or change keys meanwhile.
func TestPurgeManyKeys(t *testing.T) {
	t.Parallel()
	keys, p := keyring(t)
	together(t, 1100, func(i int) error {
		k := game.Key{ID: game.KeyID(fmt.Sprintf("k%04d", i)), Project: "p", Version: 1, CreatedAt: t0}
		if i%2 == 0 {
			k.RevokedAt = &t0
		}
		return p.store.CreateKey(t.Context(), k)
	})
	p.clock.add(31 * 24 * time.Hour)
	together(t, 2, func(int) error { return keys.Purge(t.Context()) })
	found, err := p.store.ExportKeys(t.Context(), "", 2000)
	ok(t, err)
	if len(found) != 550 || slices.ContainsFunc(found, func(k game.Key) bool { return k.RevokedAt != nil }) {
		t.Errorf("%d keys are left, want 550", len(found))
	}
}
