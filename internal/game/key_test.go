package game_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// goodSecret is the shortest that there may be.
const goodSecret = "abcdefghijklmnopqrstuvwxyz_-0123"

func TestParseSecret(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"gsm_a_" + goodSecret, "gsm_0123456789_" + strings.ToUpper(goodSecret),
		"gsm_" + strings.Repeat("k", game.MaxKeyID) + "_" + goodSecret,
		"gsm_a_" + strings.Repeat("_", game.MinKeySecret), "gsm_a_" + strings.Repeat("-", game.MaxKeySecret),
	} {
		s, isKey := game.ParseSecret(good)
		if !isKey || s.Reveal() != good {
			t.Errorf("%q is read as %q, %v", good, s.Reveal(), isKey)
		}
		if shown := fmt.Sprint(s, &s) + fmt.Sprintf("%s %v", s, s); strings.Contains(shown, good) ||
			strings.Contains(shown, good[len(good)-20:]) {
			t.Errorf("%s shows the secret", shown)
		}
	}
	for _, bad := range []string{
		"", "gsm", "gsm_", "gsm_a", "gsm_a_", "gsm__" + goodSecret, "gsm_a_" + goodSecret[1:], "GSM_a_" + goodSecret,
		" gsm_a_" + goodSecret,
		"gsm_a_" + goodSecret + " ", "gsm_a_" + goodSecret + "\n", "gsm_A_" + goodSecret, "gsm_a-b_" + goodSecret,
		"gsm_ä_" + goodSecret,
		"gsm_a_" + goodSecret + "é", "gsm_a_" + goodSecret + "\x00", "gsm_a_" + goodSecret + "=", "sgm_a_" + goodSecret,
		"a_" + goodSecret,
		"gsm_" + strings.Repeat("k", game.MaxKeyID+1) + "_" + goodSecret,
		"gsm_a_" + strings.Repeat("x", game.MaxKeySecret+1),
	} {
		if s, isKey := game.ParseSecret(bad); isKey || s != (game.Secret{}) {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	for _, seed := range []string{
		"", "gsm_", "gsm_a_" + goodSecret, "gsm_a_b_" + goodSecret, "gsm_\x00_" + goodSecret,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, isKey := game.ParseSecret(text)
		if !isKey {
			return
		}
		if s.Reveal() != text || !game.ValidKeyID(s.ID) || strings.ContainsAny(text, " \r\n\x00") {
			t.Errorf("%q is read as %q of key %q", text, s.Reveal(), s.ID)
		}
		if k := game.StaticKey(s, "x"); !k.Opens(s, t0) {
			t.Errorf("%q does not open its own key", text)
		}
	})
}

func parsed(tb testing.TB, text string) game.Secret {
	tb.Helper()
	s, isKey := game.ParseSecret(text)
	if !isKey {
		tb.Fatalf("%q is no key", text)
	}
	return s
}

func TestKeyOpens(t *testing.T) {
	t.Parallel()
	right := parsed(t, "gsm_abc_"+goodSecret)
	whole := game.StaticKey(right, "from the configuration")
	equal(t, game.Caller{Project: game.DefaultProject, Scope: game.ScopeAdmin, Name: "key:abc"}, whole.Caller())
	with := func(change func(*game.Key)) game.Key {
		k := whole
		change(&k)
		return k
	}
	for name, test := range map[string]struct {
		key    game.Key
		secret game.Secret
		want   bool
	}{
		"right":              {whole, right, true},
		"another secret":     {whole, parsed(t, "gsm_abc_"+goodSecret+"x"), false},
		"another end":        {whole, parsed(t, "gsm_abc_"+goodSecret[:31]+"4"), false},
		"another id":         {whole, parsed(t, "gsm_abd_"+goodSecret), false},
		"no secret":          {whole, game.Secret{ID: "abc"}, false},
		"no key":             {game.Key{}, right, false},
		"no key, no secret":  {game.Key{}, game.Secret{}, false},
		"a key without hash": {with(func(k *game.Key) { k.Hash = "" }), right, false},
		"a hash cut short":   {with(func(k *game.Key) { k.Hash = k.Hash[:42] }), right, false},
		"expires later":      {with(func(k *game.Key) { k.ExpiresAt = new(later(1)) }), right, true},
		"expires now":        {with(func(k *game.Key) { k.ExpiresAt = new(t0) }), right, false},
		"expired":            {with(func(k *game.Key) { k.ExpiresAt = new(later(-1)) }), right, false},
		"retires later": {
			with(func(k *game.Key) { k.RetiresAt, k.ExpiresAt = new(later(1)), new(later(2)) }), right, true,
		},
		"retired": {
			with(func(k *game.Key) { k.RetiresAt, k.ExpiresAt = new(t0), new(later(2)) }), right, false,
		},
		"retired, no expiry": {with(func(k *game.Key) { k.RetiresAt = new(t0) }), right, false},
		"expired, to retire": {
			with(func(k *game.Key) { k.RetiresAt, k.ExpiresAt = new(later(1)), new(t0) }), right, false,
		},
		"revoked": {with(func(k *game.Key) { k.RevokedAt = new(t0) }), right, false},
		// by a clock that is ahead
		"revoked elsewhen": {with(func(k *game.Key) { k.RevokedAt = new(later(60)) }), right, false},
		"revoked and expires": {
			with(func(k *game.Key) { k.RevokedAt, k.ExpiresAt = new(t0), new(later(9)) }), right, false,
		},
	} {
		if got := test.key.Opens(test.secret, t0); got != test.want {
			t.Errorf("%s: opens is %v", name, got)
		}
	}
}

func TestKeyRequest(t *testing.T) {
	t.Parallel()
	good := game.KeyRequest{Name: "ops", Scope: game.ScopeAdmin}
	with := func(change func(*game.KeyRequest)) game.KeyRequest {
		r := good
		change(&r)
		return r
	}
	for _, scope := range game.KeyScopes() {
		ok(t, with(func(r *game.KeyRequest) { r.Scope = scope }).Validate())
	}
	ok(t, with(func(r *game.KeyRequest) { r.ExpiresAt = new(later(-1)) }).Validate()) // Create knows the time
	ok(t, with(func(r *game.KeyRequest) { r.Name = strings.Repeat("ж", game.MaxKeyName) }).Validate())
	for field, bad := range map[string][]game.KeyRequest{
		"name": {
			with(func(r *game.KeyRequest) { r.Name = "" }), with(func(r *game.KeyRequest) { r.Name = "a\nb" }),
			with(func(r *game.KeyRequest) { r.Name = "\xff" }),
			with(func(r *game.KeyRequest) { r.Name = strings.Repeat("x", game.MaxKeyName+1) }),
		},
		"scope": {
			with(func(r *game.KeyRequest) { r.Scope = "" }),
			with(func(r *game.KeyRequest) { r.Scope = game.ScopePlayer }),
			with(func(r *game.KeyRequest) { r.Scope = "Admin" }),
		},
		"expires_at": {
			with(func(r *game.KeyRequest) { r.ExpiresAt = new(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)) }),
		},
	} {
		for _, r := range bad {
			invalid(t, r.Validate(), field)
		}
	}
	invalid(t, game.KeyRequest{
		ExpiresAt: new(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)),
	}.Validate(), "expires_at", "name", "scope")
}

func TestValidProject(t *testing.T) {
	t.Parallel()
	for _, good := range []game.ProjectID{
		"default", "a", "0", "-", "tanks-2", game.ProjectID(strings.Repeat("p", game.MaxProjectID)),
	} {
		if !game.ValidProject(good) {
			t.Errorf("%q is rejected", good)
		}
	}
	for _, bad := range []game.ProjectID{
		"", "A", "a b", "a_b", "ä", "a/b", "a\x00", game.ProjectID(strings.Repeat("p", game.MaxProjectID+1)),
	} {
		if game.ValidProject(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestKeyStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key  game.Key
		now  time.Time
		want game.KeyStatus
	}{
		{game.Key{}, later(1e9), "active"},
		{game.Key{ExpiresAt: new(later(10))}, later(9), "active"},
		{game.Key{ExpiresAt: new(later(10))}, later(10), "expired"},
		{game.Key{RetiresAt: new(later(10))}, later(10), "expired"},
		{game.Key{ExpiresAt: new(later(20)), RetiresAt: new(later(10))}, later(10), "expired"},
		{game.Key{RevokedAt: new(later(1))}, later(1), "revoked"},
		{game.Key{RevokedAt: new(later(1)), ExpiresAt: new(later(10))}, later(10), "revoked"},
	} {
		if got := tt.key.Status(tt.now); got != tt.want || (got == game.KeyActive) == tt.key.Inactive(tt.now) {
			t.Errorf("%+v at %v is %s, want %s", tt.key, tt.now, got, tt.want)
		}
	}
}
