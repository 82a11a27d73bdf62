package api_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
)

// pageOf is a page of a list as it is shown.
type pageOf[D any] struct {
	Items      []D     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// What is written by hand are the bytes that the JSON package would write, of every field that there is, and nothing of
// what the package rejects. What is not UTF-8 is rejected, where the package replaces it in some places.
func TestWritten(t *testing.T) {
	t.Parallel()
	player, session := anything[game.Player](), anything[api.Session]()
	joined := anything[api.JoinedSession]()
	rapid.Check(t, func(t *rapid.T) {
		for _, v := range []any{player.Draw(t, "player"), session.Draw(t, "session"), joined.Draw(t, "joined")} {
			want, err := jsonv2.Marshal(v, jsonv2.Deterministic(true))
			got, gotErr := api.JSON(v)
			replaced := bytes.ContainsRune(want, utf8.RuneError)
			ok := gotErr == nil && err == nil && string(got) == string(want)
			if rejected := gotErr != nil && (err != nil || replaced); !ok && !rejected {
				t.Fatalf("wrote %q, %v; the package %q, %v", got, gotErr, want, err)
			}
		}
	})
}

// Pages are encoded before the rest of a response.
func TestPagesWritten(t *testing.T) {
	t.Parallel()
	for _, l := range []game.List[game.Session]{{}, {Items: make([]game.Session, 2), NextCursor: `a"b`}} {
		p, err := api.SessionPage(l, "none")
		if err != nil {
			t.Fatal(err)
		}
		b, err := api.JSON(p)
		var got pageOf[struct{}]
		if err != nil || json.Unmarshal(b, &got) != nil || got.Items == nil || len(got.Items) != len(l.Items) ||
			!reflect.DeepEqual(got.NextCursor, optional(l.NextCursor)) {
			t.Errorf("%+v is written as %s, %v", l, b, err)
		}
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Members are shown whole, as their ids, or not, and nothing else of a session is another thereby.
func TestMembersShown(t *testing.T) {
	t.Parallel()
	ids := []any{"p1", "p2"}
	v := game.Session{
		ID: "s", Settings: game.Settings{MaxPlayers: 5}, Members: []game.Member{{PlayerID: "p1"}, {PlayerID: "p2"}},
	}
	documents := map[string]map[string]any{}
	for _, show := range []string{"", "ids", "none"} {
		shown, err := api.SessionPage(game.List[game.Session]{Items: []game.Session{v}}, show)
		if err != nil {
			t.Fatal(err)
		}
		b, err := api.JSON(shown)
		var page pageOf[map[string]any]
		if err != nil || json.Unmarshal(b, &page) != nil || len(page.Items) != 1 {
			t.Fatalf("%q: %s, %v", show, b, err)
		}
		documents[show] = page.Items[0]
	}
	full, brief, none := documents[""], documents["ids"], documents["none"]
	if members, _ := full["members"].([]any); len(members) != 2 || !reflect.DeepEqual(brief["member_ids"], ids) {
		t.Errorf("full has %v, ids %v", full["members"], brief["member_ids"])
	}
	if full["seats_held"] != 2.0 || full["free_seats"] != 3.0 {
		t.Errorf("%v seats are held and %v free", full["seats_held"], full["free_seats"])
	}
	if waits, _ := full["wait_list"].([]any); waits == nil {
		t.Errorf("the wait list is %v", full["wait_list"])
	}
	delete(full, "members")
	delete(full, "wait_list")
	delete(brief, "member_ids")
	if !reflect.DeepEqual(full, none) || !reflect.DeepEqual(brief, none) {
		t.Errorf("besides members these differ:\n%v\n%v\n%v", full, brief, none)
	}
}

func TestPrefersMinimal(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "return=minimal": true, "Return = \"Minimal\"": true, "return=representation": false,
		"return": false,
		"respond-async, return=minimal; foo=bar, wait=10": true, "return=representation, return=minimal": false,
		`x="a, return=minimal"`: false, `x="a,b", return=minimal`: true, "minimal": false, "returns=minimal": false,
		"=,;": false,
	} {
		if got := api.PrefersMinimal(header); got != want {
			t.Errorf("%q: got %t", header, got)
		}
	}
}

// anything generates values with every field filled, some with what documents never have.
func anything[D any]() *rapid.Generator[D] {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(
		`[a-zA-Z0-9 _-]{0,40}`,
	), rapid.SampledFrom([]string{"\xff", "<&>", "a\"b\\c\x00\x1f\x7f", "\u2028é😀"}))
	number := rapid.OneOf(rapid.Float64(), rapid.Map(rapid.Int64(), func(n int64) float64 { return float64(n) }),
		rapid.SampledFrom([]float64{
			0, math.Copysign(0, -1), 1e15, -1e15, 999999999999999, 1e21, 1e-7, .5, math.MaxFloat64, math.Inf(1),
			math.NaN(),
		}))
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		at := time.UnixMilli(rapid.Int64Range(-1<<47, 1<<48).Draw(t, "ms")).UTC()
		if rapid.Bool().Draw(t, "elsewhere") {
			return at.In(time.FixedZone("", rapid.IntRange(-25*3600, 25*3600).Draw(t, "offset")))
		}
		return at
	})
	result := rapid.Custom(func(t *rapid.T) game.Result {
		b, err := json.Marshal(rapid.MapOf(text, text).Draw(t, "result"))
		if err != nil || rapid.Bool().Draw(t, "none") {
			return ""
		}
		return game.Result(b)
	})
	return rapid.MakeCustom[D](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{
			reflect.TypeFor[game.Value](): rapid.OneOf(
				rapid.Map(text, game.StringValue), rapid.Map(rapid.Bool(), game.BoolValue),
				rapid.Map(number, game.NumberValue)).AsAny(),
			reflect.TypeFor[time.Time]():   moment.AsAny(),
			reflect.TypeFor[game.Result](): result.AsAny(),
		},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{reflect.String: text.AsAny()},
	})
}
