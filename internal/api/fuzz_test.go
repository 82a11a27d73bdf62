package api_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
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
		`{"attributes":{"mmr":1.2e3,"x":9.007199254740993e15}}`, `{"username":4.0}`,
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
	for _, s := range []string{
		`{}`, `{"attributes":{"a":null}}`, `{"max_players":3,"teams":{"red":2}}`, `{"name":null}`,
		`[]`, `1`, `{"teams":5}`, `{"max_players":6.0,"teams":{"red":20e-1}}`, `{"min_players":1e400}`,
	} {
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

// FuzzWholeNumbers rewrites numbers: the JSON stays as valid as it was, and means the same.
func FuzzWholeNumbers(f *testing.F) {
	for _, s := range []string{
		`{"a":4.0,"b":[40e-1,"4.0",1e400],"c.0":-0.0}`, `4e0`, ` [1.5 , 2.0 ] `, `{"a":1.0,"a":2.0}`, `{"a":1.0`, "1.0\xff",
		`"1e5"`, `1.0 2.0`, `1e1000000`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := api.WholeNumbers(body)
		if valid := json.Valid(body); valid != json.Valid(got) {
			t.Fatalf("%q became %q", body, got)
		} else if !valid {
			return
		}
		var before, after any
		if json.Unmarshal(body, &before) != nil {
			return // a number that is out of range
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%q became %q: %v", body, got, err)
		}
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q became %q", body, got)
		}
		if again := api.WholeNumbers(got); string(again) != string(got) {
			t.Fatalf("%q became %q and then %q", body, got, again)
		}
	})
}

// FuzzAttributeFilter reads values of attribute filters, which mean the same in both forms: a quoted value is a
// string; any other is the string that it is, and what JSON reads it as.
func FuzzAttributeFilter(f *testing.F) {
	for _, s := range []string{
		`1200`, `"1200"`, `true`, `"true"`, `dust2`, `"`, `1e400`, `9007199254740993`, `null`,
		`{}`, `-0`, ``, `a:b`, ` 7`, `=1200`, `="a"`, `=`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := api.ParseAttributes(map[string]string{"k": text})
		plain, plainErr := api.ParseAttributes(nil, "k:"+text)
		if !reflect.DeepEqual(got, plain) || (err == nil) != (plainErr == nil) {
			t.Fatalf("%q reads as %v, %v, and in the plain form as %v, %v", text, got, err, plain, plainErr)
		}
		if err != nil {
			if !strings.HasPrefix(text, `"`) && !strings.HasPrefix(text, "=") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		var quoted string
		if strings.HasPrefix(text, `"`) {
			if json.Unmarshal([]byte(text), &quoted) != nil || !slices.Equal(got["k"], []game.Value{game.StringValue(quoted)}) {
				t.Fatalf("%q reads as %v", text, got["k"])
			}
			return
		}
		if strings.HasPrefix(text, "=") {
			if len(got["k"]) != 1 {
				t.Fatalf("%q reads as %v", text, got["k"])
			}
			return
		}
		if !slices.Contains(got["k"], game.StringValue(text)) {
			t.Fatalf("%q reads as %v, without the string", text, got["k"])
		}
		var flag bool
		if json.Unmarshal([]byte(text), &flag) == nil && strings.TrimSpace(text) != "null" && !slices.Contains(got["k"],
			game.BoolValue(flag)) {
			t.Fatalf("%q reads as %v", text, got["k"])
		}
	})
}
