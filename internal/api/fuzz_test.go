package api_test

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
)

// FuzzBody reads bodies as the API does: whatever is accepted is UTF-8, and reads the same after it was written.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		`{"username":"alice","display_name":"Alice"}`,
		`{"username":"a","username":"b"}`, `{"Username":"alice"}`, `{"username":"\ud800"}`, "{\"username\":\"\xff\"}",
		`{"attributes":{"mmr":1200,"ok":true,"x":"y","big":9007199254740993}}`,
		`{"suspended_until":"2026-01-02T03:04:05Z","status":"suspended"}`, `null`, `[]`, `{`, ``, `{"attributes":{"a":{}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var tree any
		if api.Unmarshal(body, &tree) != nil {
			return
		}
		var p game.Profile
		if api.Unmarshal(body, &p) != nil {
			return
		}
		if !utf8.Valid(body) {
			t.Fatalf("accepted %q, which is not UTF-8", body)
		}
		written, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("writing what was read from %q: %v", body, err)
		}
		var again game.Profile
		if err := api.Unmarshal(written, &again); err != nil {
			t.Fatalf("reading %q again: %v", written, err)
		}
		if _ = p.Validate(); p.Username != again.Username || len(p.Attributes) != len(again.Attributes) {
			t.Fatalf("%q reads as another profile: %+v, %+v", body, p, again)
		}
	})
}

// FuzzMergePatch patches settings: what comes out is either refused or valid to write, and an empty patch changes nothing.
func FuzzMergePatch(f *testing.F) {
	for _, s := range []string{`{}`, `{"attributes":{"a":null}}`, `{"max_players":3,"teams":{"red":2}}`, `{"name":null}`, `[]`, `1`, `{"teams":5}`} {
		f.Add([]byte(s))
	}
	base := game.Settings{MaxPlayers: 4, Attributes: game.Attributes{"a": game.NumberValue(1)}, Teams: map[string]int{"red": 1}}
	f.Fuzz(func(t *testing.T, patch []byte) {
		var tree any
		if api.Unmarshal(patch, &tree) != nil {
			return
		}
		got, err := api.PatchSettings(base, patch)
		if err != nil {
			if e := (*game.Error)(nil); !errors.As(err, &e) {
				t.Fatalf("%q: %v is no error for a caller", patch, err)
			}
			return
		}
		if _, err := json.Marshal(got); err != nil {
			t.Fatalf("%q makes settings that cannot be written: %v", patch, err)
		}
		same, err := api.PatchSettings(got, []byte(`{}`))
		if err != nil || same.MaxPlayers != got.MaxPlayers || len(same.Attributes) != len(got.Attributes) {
			t.Fatalf("an empty patch changed %+v to %+v: %v", got, same, err)
		}
	})
}

// FuzzAttributeFilter reads values of attribute filters: a quoted value is a string, and what JSON reads as a number or a
// boolean is one.
func FuzzAttributeFilter(f *testing.F) {
	for _, s := range []string{`1200`, `"1200"`, `true`, `"true"`, `dust2`, `"`, `1e400`, `9007199254740993`, `null`, `{}`, `-0`, ``} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := api.ParseAttributes(map[string]string{"k": text})
		if err != nil {
			return
		}
		var quoted string
		if json.Unmarshal([]byte(text), &quoted) == nil && len(text) > 0 && text[0] == '"' {
			if got["k"] != game.StringValue(quoted) {
				t.Fatalf("%q reads as %v", text, got["k"])
			}
		}
		var flag bool
		if json.Unmarshal([]byte(text), &flag) == nil && text != "null" && got["k"] != game.BoolValue(flag) {
			if _, isBool := got["k"].Any().(bool); !isBool {
				t.Fatalf("%q reads as %v", text, got["k"])
			}
		}
	})
}
