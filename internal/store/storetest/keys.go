package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func keys() []check {
	return []check{
		{"create and read", createKey},
		{"not found", keyNotFound},
		{"exists", keyExists},
		{"replace", replaceKey},
		{"replace refused", replaceKeyRefused},
		{"delete", deleteKey},
		{"project", keysOfProjects},
		{"values", keyValues},
		{"by id", listKeys},
		{"one replace wins", oneKeyReplaceWins},
		{"one id", oneKeyID},
	}
}

func signingKeys() []check {
	return []check{
		{"create, list and delete", signingKeysKept},
		{"first create wins", firstSigningKeyCounts},
		{"bounded", boundedSigningKeys},
		{"created concurrently", signingKeyAtOnce},
	}
}

// newKey returns an API key with a new id and every field set.
func newKey() game.Key {
	at, id := now(), newID()
	return filled(game.Key{
		ID: game.KeyID("k" + id[24:] + id[9:13]), Project: project, Name: "Zoë's server", Scope: game.ScopeServer,
		Hash: "hash-" + id, Version: 1, CreatedAt: at, ExpiresAt: later(at), RetiresAt: later(at.Add(time.Second)),
		RevokedAt: later(*later(at)), LastUsedAt: later(at.Add(-time.Hour)),
	})
}

// plainKey returns an API key that does not expire and is not revoked.
func plainKey() game.Key {
	k := newKey()
	k.ExpiresAt, k.RetiresAt, k.RevokedAt, k.LastUsedAt = nil, nil, nil, nil
	return k
}

// newSigningKey returns a signing key with a new id and every field set.
func newSigningKey() game.SigningKey {
	at, id := now(), newID()
	return filled(game.SigningKey{
		ID: "Kid_-" + id, PublicKey: "public-" + id, Sealed: "sealed-" + id, CreatedAt: at, ExpiresAt: *later(at),
	})
}

func fillKeys(ctx context.Context, s game.Store, i int) error {
	if i%20 != 0 {
		return nil
	}
	k := newKey()
	if i%3 == 0 {
		k = plainKey()
	}
	k.Project = oneOfTwo(i)
	return s.CreateKey(ctx, k)
}

func fillSigningKeys(ctx context.Context, s game.Store, i int) error {
	if i >= 5 {
		return nil
	}
	return s.CreateSigningKey(ctx, newSigningKey())
}

func idOfKey(k game.Key) string { return string(k.ID) }

func keysIn(s game.Store) func(context.Context, string, int) ([]game.Key, error) {
	return func(ctx context.Context, after string, limit int) ([]game.Key, error) {
		return s.ExportKeys(ctx, game.KeyID(after), limit)
	}
}

// wantKey checks the stored key.
func wantKey(t *testing.T, s game.Store, wanted game.Key) {
	t.Helper()
	got, err := s.Key(t.Context(), wanted.ID)
	must(t, err)
	want(t, got, wanted)
}

func wantNoKey(t *testing.T, s game.Store, id game.KeyID) {
	t.Helper()
	_, err := s.Key(t.Context(), id)
	wantError(t, err, game.ErrKeyNotFound)
}

// wantKeys checks the keys of a project and their order.
func wantKeys(t *testing.T, s game.Store, p game.ProjectID, wanted ...game.Key) {
	t.Helper()
	found, err := s.Keys(t.Context(), game.KeyQuery{Project: p, Limit: 100})
	must(t, err)
	want(t, found, append([]game.Key{}, wanted...))
}

func createKey(t *testing.T, s game.Store) {
	for _, k := range []game.Key{newKey(), plainKey()} {
		must(t, s.CreateKey(t.Context(), k))
		wantKey(t, s, k)
	}
}

func keyNotFound(t *testing.T, s game.Store) {
	k := newKey()
	wantNoKey(t, s, k.ID)
	wantError(t, s.ReplaceKey(t.Context(), k, k), game.ErrKeyNotFound)
	wantKeys(t, s, project)
}

func keyExists(t *testing.T, s game.Store) {
	k := newKey()
	must(t, s.CreateKey(t.Context(), k))
	for _, p := range []game.ProjectID{project, "elsewhere"} {
		other := plainKey()
		other.ID, other.Project = k.ID, p
		wantError(t, s.CreateKey(t.Context(), other), game.ErrExists)
	}
	wantKey(t, s, k)
	wantKeys(t, s, "elsewhere")
}

func replaceKey(t *testing.T, s game.Store) {
	old := plainKey()
	must(t, s.CreateKey(t.Context(), old))
	next := newKey()
	next.ID, next.Version, next.Scope = old.ID, 2, game.ScopeRead
	must(t, s.ReplaceKey(t.Context(), old, next))
	wantKey(t, s, next)

	last := next
	last.Version, last.RevokedAt = 3, nil
	must(t, s.ReplaceKey(t.Context(), next, last))
	wantKey(t, s, last)
	wantKeys(t, s, project, last)
}

func replaceKeyRefused(t *testing.T, s game.Store) {
	old := plainKey()
	must(t, s.CreateKey(t.Context(), old))
	next := old
	next.Version, next.RevokedAt = 2, later(old.CreatedAt)
	must(t, s.ReplaceKey(t.Context(), old, next))
	late := old
	late.Version, late.Name = 2, "late"
	wantError(t, s.ReplaceKey(t.Context(), old, late), game.ErrStale)
	wantKey(t, s, next)
}

func deleteKey(t *testing.T, s game.Store) {
	k, other := newKey(), newKey()
	must(t, s.CreateKey(t.Context(), k))
	must(t, s.CreateKey(t.Context(), other))
	stale := k
	stale.Version++
	wantError(t, s.DeleteKey(t.Context(), stale), game.ErrStale)
	wantKey(t, s, k)
	must(t, s.DeleteKey(t.Context(), k))
	must(t, s.DeleteKey(t.Context(), k))
	wantNoKey(t, s, k.ID)
	wantError(t, s.ReplaceKey(t.Context(), k, k), game.ErrKeyNotFound)
	wantKeys(t, s, project, other)
	must(t, s.CreateKey(t.Context(), k))
	wantKey(t, s, k)
}

// keysOfProjects checks that keys are read by id alone, and changed by id and project.
func keysOfProjects(t *testing.T, s game.Store) {
	k := newKey()
	k.Project = "elsewhere"
	must(t, s.CreateKey(t.Context(), k))
	wantKey(t, s, k)
	wantKeys(t, s, project)
	wantKeys(t, s, "elsewhere", k)

	mine := k
	mine.Project = project
	next := mine
	next.Version = 2
	wantError(t, s.ReplaceKey(t.Context(), mine, next), game.ErrKeyNotFound)
	must(t, s.DeleteKey(t.Context(), mine))
	wantKey(t, s, k)
}

func keyValues(t *testing.T, s game.Store) {
	east := time.FixedZone("east", 5*3600+1800)
	for i, str := range texts() {
		k := plainKey()
		k.Name, k.Hash = str, str
		k.Project = game.ProjectID([]string{"a", "0-0", strings.Repeat("p", game.MaxProjectID)}[i%3])
		must(t, s.CreateKey(t.Context(), k))
		wantKey(t, s, k)

		next := k
		next.Version = 1<<53 - 1
		at := k.CreatedAt.Add(time.Duration(i)*time.Second + 999*time.Microsecond).In(east)
		next.LastUsedAt = &at
		must(t, s.ReplaceKey(t.Context(), k, next))
		kept := at.UTC().Truncate(time.Millisecond)
		next.LastUsedAt = &kept
		wantKey(t, s, next)
		got, err := s.Key(t.Context(), k.ID)
		must(t, err)
		if got.CreatedAt.Location() != time.UTC || got.LastUsedAt.Location() != time.UTC {
			t.Errorf("the times of %+v are not in UTC", got)
		}

		*got.LastUsedAt = time.Time{} // must not be shared with the store
		wantKey(t, s, next)
	}
}

func listKeys(t *testing.T, s game.Store) {
	var all []game.Key
	for i, id := range []game.KeyID{"m", "a", "z9", "0", "aa", "9z", "z", "a0", "b"} {
		k := plainKey()
		k.ID = id
		if i%4 == 3 {
			k.Project = "elsewhere"
		}
		must(t, s.CreateKey(t.Context(), k))
		all = append(all, k)
	}
	for _, p := range []game.ProjectID{project, "elsewhere", "nowhere"} {
		for _, after := range []game.KeyID{"", "z", "aa", "0", "y"} {
			for _, limit := range []int{1, 3, 100} {
				q := game.KeyQuery{Project: p, After: after, Limit: limit}
				found, err := s.Keys(t.Context(), q)
				must(t, err)
				if want(t, found, selectedKeys(all, q)); t.Failed() {
					t.Fatalf("by %+v", q)
				}
			}
		}
	}
}

func selectedKeys(all []game.Key, q game.KeyQuery) []game.Key {
	match := func(k game.Key) bool { return k.Project == q.Project && (q.After == "" || k.ID < q.After) }
	return selected(all, q.Limit, match, idOfKey).Items
}

func oneKeyReplaceWins(t *testing.T, s game.Store) {
	k := plainKey()
	must(t, s.CreateKey(t.Context(), k))
	nexts := make([]game.Key, 50)
	results := together(len(nexts), func(i int) error {
		nexts[i] = k
		nexts[i].Version, nexts[i].LastUsedAt = 2, later(k.CreatedAt.Add(time.Duration(i)*time.Minute))
		return s.ReplaceKey(t.Context(), k, nexts[i])
	})
	wantOne(t, results, game.ErrStale)
	for i, err := range results {
		if err == nil {
			wantKey(t, s, nexts[i])
		}
	}
}

func oneKeyID(t *testing.T, s game.Store) {
	id := newKey().ID
	wantOne(t, together(50, func(i int) error {
		k := newKey()
		k.ID, k.Project = id, game.ProjectID(fmt.Sprint("project-", i))
		return s.CreateKey(t.Context(), k)
	}), game.ErrExists)
}

// wantSigningKeys checks all signing keys and their order.
func wantSigningKeys(t *testing.T, s game.Store, wanted ...game.SigningKey) {
	t.Helper()
	wanted = append([]game.SigningKey{}, wanted...)
	slices.SortFunc(wanted, func(a, b game.SigningKey) int { return strings.Compare(a.ID, b.ID) })
	found, err := s.SigningKeys(t.Context())
	must(t, err)
	want(t, found, wanted)
}

func signingKeysKept(t *testing.T, s game.Store) {
	wantSigningKeys(t, s)
	var all []game.SigningKey
	for _, prefix := range []string{"b", "_", "B", "-", "a", "9"} {
		k := newSigningKey()
		k.ID = prefix + k.ID
		must(t, s.CreateSigningKey(t.Context(), k))
		all = append(all, k)
	}
	wantSigningKeys(t, s, all...)

	exact := newSigningKey()
	exact.CreatedAt = exact.CreatedAt.Add(999 * time.Microsecond).In(time.FixedZone("east", 5*3600+1800))
	must(t, s.CreateSigningKey(t.Context(), exact))
	exact.CreatedAt = exact.CreatedAt.UTC().Truncate(time.Millisecond)
	wantSigningKeys(t, s, append(all, exact)...)

	must(t, s.DeleteSigningKey(t.Context(), exact.ID))
	must(t, s.DeleteSigningKey(t.Context(), exact.ID))
	must(t, s.DeleteSigningKey(t.Context(), all[2].ID))
	wantSigningKeys(t, s, slices.Delete(all, 2, 3)...)
}

func firstSigningKeyCounts(t *testing.T, s game.Store) {
	first, second := newSigningKey(), newSigningKey()
	second.ID = first.ID
	must(t, s.CreateSigningKey(t.Context(), first))
	must(t, s.CreateSigningKey(t.Context(), first))
	must(t, s.CreateSigningKey(t.Context(), second))
	wantSigningKeys(t, s, first)
	must(t, s.DeleteSigningKey(t.Context(), first.ID))
	must(t, s.CreateSigningKey(t.Context(), second))
	wantSigningKeys(t, s, second)
}

func boundedSigningKeys(t *testing.T, s game.Store) {
	all := make([]game.SigningKey, game.MaxSigningKeys+5)
	for _, err := range together(len(all), func(i int) error {
		all[i] = newSigningKey()
		all[i].ID = fmt.Sprintf("%03d", i)
		return s.CreateSigningKey(t.Context(), all[i])
	}) {
		must(t, err)
	}
	wantSigningKeys(t, s, all[:game.MaxSigningKeys]...)
}

func signingKeyAtOnce(t *testing.T, s game.Store) {
	id := newSigningKey().ID
	for _, err := range together(30, func(int) error {
		k := newSigningKey()
		k.ID = id
		return s.CreateSigningKey(t.Context(), k)
	}) {
		must(t, err)
	}
	found, err := s.SigningKeys(t.Context())
	must(t, err)
	if len(found) != 1 || found[0].ID != id {
		t.Errorf("found %+v, want one with id %s", found, id)
	}
}

func exportKeys(t *testing.T, s game.Store) {
	var all []game.Key
	for i := range 30 {
		k := newKey()
		if i%3 == 0 {
			k = plainKey()
		}
		k.ID = game.KeyID([]string{"z", "a", "0", "9"}[i%4]) + k.ID
		k.Project = game.ProjectID([]string{"one", "two"}[i%2])
		must(t, s.CreateKey(t.Context(), k))
		all = append(all, k)
	}
	wantExported(t, all, idOfKey, keysIn(s))
}
