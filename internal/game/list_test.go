package game_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

func TestCursor(t *testing.T) {
	t.Parallel()
	attributes := game.AttributeFilter{"b": {game.NumberValue(1)}, "a": {game.BoolValue(true)}}
	where := append(attributes.Where(), game.Is("mode", "ctf"))
	filters := game.SessionQuery{Project: "p", Where: where}
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	cursor := game.EncodeCursor(id, filters)

	got, err := game.DecodeCursor(cursor, filters)
	ok(t, err)
	equal(t, id, got)
	got, err = game.DecodeCursor("", filters)
	ok(t, err)
	equal(t, "", got)

	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	ok(t, err)
	flipped := append([]byte{}, raw...)
	flipped[23] ^= 1
	for name, bad := range map[string]string{
		"of others":       game.EncodeCursor(id, game.SessionQuery{Project: "q", Where: where}),
		"of none":         game.EncodeCursor(id, game.SessionQuery{}),
		"of a player":     game.EncodeCursor(id, game.PlayerQuery{Project: "p"}),
		"another hash":    base64.RawURLEncoding.EncodeToString(flipped),
		"short":           base64.RawURLEncoding.EncodeToString(raw[:23]),
		"long":            base64.RawURLEncoding.EncodeToString(append(raw, 0)),
		"padded":          base64.URLEncoding.EncodeToString(append(raw, 0)),
		"another text":    "not a cursor!",
		"an id":           id,
		"without its end": cursor[:len(cursor)-1],
		"very long":       strings.Repeat("A", 1<<16),
		"a space":         " ",
		"U+0000":          "\x00",
		"of half a byte":  cursor + "A",
	} {
		_, err := game.DecodeCursor(bad, filters)
		if e := rejected(t, err, game.ErrValidation); len(e.Fields) != 1 || e.Fields[0].Field != "cursor" {
			t.Errorf("%s: the fields are %+v", name, e.Fields)
		}
	}
}

func FuzzCursor(f *testing.F) {
	filters := game.PlayerQuery{Project: "p"}
	f.Add(game.EncodeCursor(testID(1), filters))
	f.Add(game.EncodeCursor(testID(1), game.PlayerQuery{}))
	f.Add("")
	f.Add("AAAA")
	f.Add(strings.Repeat("_", 32))
	f.Fuzz(func(t *testing.T, cursor string) {
		id, err := game.DecodeCursor(cursor, filters)
		if err != nil {
			rejected(t, err, game.ErrValidation)
			return
		}
		if cursor == "" {
			equal(t, "", id)
			return
		}
		if !game.ValidID(id) {
			t.Fatalf("%q is accepted as the id %q", cursor, id)
		}
		// The base64 of the standard library reads past line ends.
		if want := game.EncodeCursor(id, filters); strings.NewReplacer("\r", "", "\n", "").Replace(cursor) != want {
			t.Errorf("%q is accepted as %q", cursor, want)
		}
	})
}
