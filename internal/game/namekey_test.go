package game_test

import (
	"testing"

	"game-session-manager/internal/game"
)

// TestNameKey has names that are found alike, and others that are not.
func TestNameKey(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"Zoë", "ZOË", "zoe\u0308", "  zoë "},
		{"Straße", "STRASSE", "strasse", "\uff33traße"},
		{"ΣΊΣΥΦΟΣ", "σίσυφος", "Σίσυφος"},
		{"Ǆ", "ǆ", "dž"},
		{"ﬁsh", "FISH"},
		{"a  b", "A\u00a0b"},
		{"山田太郎"},
		{"Zoe"},
		{"Łukasz"},
		{"Lukasz"},
		{"ㅋㅋ"},
	} {
		key := game.NameKey(same[0])
		for _, other := range same {
			if got := game.NameKey(other); got != key {
				t.Errorf("%q is found as %q, %q as %q", other, got, same[0], key)
			}
		}
		if again := game.NameKey(key); again != key {
			t.Errorf("the key %q of %q has the key %q", key, same[0], again)
		}
	}
	if game.NameKey("Zoe") == game.NameKey("Zoë") || game.NameKey("Łukasz") == game.NameKey("Lukasz") {
		t.Error("accents do not count")
	}
}
