package api_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	jsonpatch "github.com/evanphx/json-patch/v5"

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
		`{"suspended_until":"2026-01-02T03:04:05Z","status":"suspended"}`, `null`, `[]`, `{`, ``,
		`{"attributes":{"a":{}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, wrong := api.ReadProfile(body)
		if len(wrong) > 0 {
			return
		}
		if !utf8.Valid(body) {
			t.Fatalf("accepted %q, which is not UTF-8", body)
		}
		if !json.Valid(body) {
			t.Fatalf("accepted %q, which is not JSON", body)
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("accepted %q: %v", body, err)
		}
		written, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("writing what was read from %q: %v", body, err)
		}
		again, wrong := api.ReadProfile(withoutDefaults(t, written))
		if rewritten, _ := json.Marshal(again); len(wrong) > 0 || !bytes.Equal(rewritten, written) {
			t.Fatalf("%q reads as another profile: %s, %s, %v", body, written, rewritten, wrong)
		}
	})
}

// withoutDefaults returns an object without what is null or empty.
func withoutDefaults(t *testing.T, object []byte) []byte {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(object, &members); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil || v == "" })
	short, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return short
}

// FuzzMergePatch patches settings as json-patch does: what is accepted means the same, and an empty patch changes
// nothing.
func FuzzMergePatch(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"attributes":{"a":null}}`, `{"max_players":3,"teams":{"red":2}}`, `{"name":null}`,
		`[]`, `1`, `{"teams":5}`, `{"max_players":6.0,"teams":{"red":20e-1}}`, `{"min_players":1e400}`,
		`{"connection":{"port":2}}`, `{"connection":null}`, `{"attributes":null,"teams":null}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, patch []byte) {
		base := game.SessionEdit{
			Settings: game.Settings{
				MaxPlayers: 4, Attributes: game.Attributes{"a": game.NumberValue(1)}, Teams: map[string]int{"red": 1},
			},
			Connection: &game.Connection{Address: "localhost", Port: 1},
		}
		before, err := json.Marshal(base)
		if err != nil {
			t.Fatal(err)
		}
		got, wrong := api.PatchSettings(base, patch)
		if after, _ := json.Marshal(base); !bytes.Equal(before, after) {
			t.Fatalf("%q changed what it is merged into to %s", patch, after)
		}
		if len(wrong) > 0 {
			return
		}
		written, err := json.Marshal(got)
		if err != nil {
			t.Fatalf("%q makes settings that cannot be written: %v", patch, err)
		}
		if merged, err := jsonpatch.MergePatch(before, patch); err != nil {
			t.Fatalf("%q was accepted, and is no patch: %v", patch, err)
		} else if want := new(game.SessionEdit); json.Unmarshal(merged, want) == nil {
			if want, _ := json.Marshal(want); !bytes.Equal(want, written) {
				t.Fatalf("%q makes %s, want %s", patch, written, want)
			}
		}
		same, _ := api.PatchSettings(got, []byte(`{}`))
		if again, _ := json.Marshal(same); !bytes.Equal(again, written) {
			t.Fatalf("an empty patch changed %s to %s", written, again)
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
			if json.Unmarshal([]byte(text), &quoted) != nil ||
				!slices.Equal(got["k"], []game.Value{game.StringValue(quoted)}) {
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
