package game_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

// attributes returns that many small ones.
func attributes(n int) game.Attributes {
	a := game.Attributes{}
	for i := range n {
		a[fmt.Sprintf("key-%d", i)] = game.NumberValue(float64(i))
	}
	return a
}

// sized returns one attribute of that many bytes: its key and its value as JSON.
func sized(bytes int) game.Attributes {
	return game.Attributes{"k": game.StringValue(strings.Repeat("v", bytes-len("k")))}
}

func TestParseValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want any // nil where it is rejected
		out  string
	}{
		{`""`, "", `""`},
		{`"a b"`, "a b", `"a b"`},
		{`"\u0041\n"`, "A\n", `"A\n"`},
		{`"1"`, "1", `"1"`},
		{`true`, true, `true`},
		{` false `, false, `false`},
		{`0`, 0.0, `0`},
		{`-0`, 0.0, `0`},
		{`-0.0e5`, 0.0, `0`},
		{`1.50`, 1.5, `1.5`},
		{`1e3`, 1000.0, `1000`},
		{`9007199254740991`, float64(1<<53 - 1), `9007199254740991`},
		{`-9007199254740991`, -float64(1<<53 - 1), `-9007199254740991`},
		{`9007199254740991.0`, float64(1<<53 - 1), `9007199254740991`},
		{`5e-324`, 5e-324, `5e-324`},

		{`9007199254740992`, nil, ""},
		{`9007199254740993`, nil, ""}, // another number as a float64
		{`-9007199254740992`, nil, ""},
		{`1e300`, nil, ""},
		{`1e400`, nil, ""},
		{`-1e400`, nil, ""},
		{`null`, nil, ""},
		{`[]`, nil, ""},
		{`{}`, nil, ""},
		{``, nil, ""},
		{`NaN`, nil, ""},
		{`+1`, nil, ""},
		{`01`, nil, ""},
		{`'a'`, nil, ""},
		{`a`, nil, ""},
		{`"a`, nil, ""},
		{`1 2`, nil, ""},
		{`1]`, nil, ""},
		{`"a"}`, nil, ""},
		{`true,`, nil, ""},
		{`1x`, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			v, err := game.ParseValue(tt.in)
			if tt.want == nil {
				if err == nil {
					t.Errorf("accepted as %v", v.Any())
				}
				return
			}
			ok(t, err)
			equal(t, tt.want, v.Any())
			b, err := json.Marshal(v)
			ok(t, err)
			equal(t, tt.out, string(b))
		})
	}
}

func TestValueComparison(t *testing.T) {
	t.Parallel()
	if game.StringValue("1") == game.NumberValue(1) || game.StringValue("true") == game.BoolValue(true) ||
		game.NumberValue(0) == game.BoolValue(false) || game.StringValue("") == game.BoolValue(false) {
		t.Error("values of different types are equal")
	}
	if game.NumberValue(math.Copysign(0, -1)) != game.NumberValue(0) || math.Signbit(game.NumberValue(math.Copysign(0,
		-1)).Any().(float64)) {
		t.Error("-0 is another number than 0")
	}
	if (game.Value{}) != game.StringValue("") {
		t.Error("the zero value is not the empty string")
	}
	var v game.Value
	if err := json.Unmarshal([]byte(`[]`), &v); err == nil {
		t.Error("a list is read as a value")
	}
}

func TestAttributesLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 64)
	tests := []struct {
		name       string
		attributes game.Attributes
		fields     []string
	}{
		{"none", nil, nil},
		{"as many as fit", attributes(8), nil},
		{"one more", attributes(9), []string{"attributes"}},
		{"as large as fits", sized(200), nil},
		{"one byte more", sized(201), []string{"attributes"}},
		{"longest key", game.Attributes{long: {}}, nil},
		{"longer key", game.Attributes{long + "k": {}}, []string{"attributes"}},
		{"empty key", game.Attributes{"": {}}, []string{"attributes"}},
		{"key with a dot", game.Attributes{"a.b": {}}, []string{"attributes"}},
		{"key with a dollar", game.Attributes{"$set": {}}, []string{"attributes"}},
		{"key in another script", game.Attributes{"ä": {}}, []string{"attributes"}},
		{"value with U+0000", game.Attributes{"a": game.StringValue("x\x00")}, []string{"attributes.a"}},
		{"value that is no UTF-8", game.Attributes{"a": game.StringValue("\xff")}, []string{"attributes.a"}},
		{"value with lines", game.Attributes{"a": game.StringValue("x\ny\t")}, nil},
		{"not a number", game.Attributes{"a": game.NumberValue(math.NaN())}, []string{"attributes.a"}},
		{"infinity", game.Attributes{"a": game.NumberValue(math.Inf(-1))}, []string{"attributes.a"}},
		// A number that is stored but cannot be read again would make its document unreadable.
		{"largest number", game.Attributes{"a": game.NumberValue(1<<53 - 1)}, nil},
		{"larger number", game.Attributes{"a": game.NumberValue(1 << 53)}, []string{"attributes.a"}},
		{"everything at once", game.Attributes{
			"$": {}, "-a": game.StringValue("\x00"), "b": game.StringValue("\xff"), "é": {},
			"z":   game.NumberValue(math.Inf(1)),
			"big": game.StringValue(strings.Repeat("x", 200)), "1": {}, "2": {}, "3": {},
		}, []string{"attributes", "attributes", "attributes", "attributes.-a", "attributes.b", "attributes.z"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.attributes.ProblemsWithin(8, 200)
			if tt.fields == nil {
				ok(t, err)
			} else {
				invalid(t, err, tt.fields...)
			}
		})
	}
}

// What a client sent may be a secret, so that no message repeats it.
func TestValuesAreNotInMessages(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	broken := secret + "\x00"
	errs := []error{
		game.Profile{
			Username: broken, DisplayName: broken, Identities: map[string]string{"a": broken, broken: "b"},
			Attributes: game.Attributes{"a": game.StringValue(broken), broken: {}}, Status: game.PlayerStatus(broken),
			SuspensionReason: broken,
		}.Validate(),
		game.SessionRequest{
			Settings: game.Settings{
				Name: broken, Mode: broken, Map: broken, Region: broken, Visibility: game.Visibility(broken),
				Teams:      map[string]int{broken: 1},
				Attributes: game.Attributes{"a": game.StringValue(broken), broken: {}},
			},
			Status: game.SessionStatus(broken), HostID: new(game.PlayerID(broken)),
			Connection: &game.Connection{Address: broken, Protocol: broken},
		}.Validate(),
		game.Move{
			Status: game.SessionStatus(broken), EndReason: game.EndReason(broken),
			Result: game.Result(broken),
		}.Validate(),
		game.JoinRequest{
			PlayerID: game.PlayerID(broken), Team: broken, Attributes: game.Attributes{broken: {}},
		}.Validate(),
	}
	for _, err := range errs {
		e := rejected(t, err, game.ErrValidation)
		if told := fmt.Sprintf("%s %+v %v", e.Error(), e.Fields, e.Extras); strings.Contains(told, secret) {
			t.Errorf("a value is repeated: %s", told)
		}
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	// Objects nested so deeply, with a number in the middle.
	nested := func(depth int) string { return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) }
	tests := []struct {
		in   string
		want game.Result
		bad  bool
	}{
		{in: `null`, want: ""},
		{in: `{}`, want: `{}`},
		{in: ` { "b" : [ 1.0 , true , null , "x" ] , "a" : { } } `, want: `{"a":{},"b":[1,true,null,"x"]}`},
		{in: `{"n":1e2,"m":0.10}`, want: `{"m":0.1,"n":100}`},
		{in: `{"n":-0,"m":[-0.0]}`, want: `{"m":[0],"n":0}`}, // equal results are equal bytes
		{in: `{"n":9007199254740991}`, want: `{"n":9007199254740991}`},
		{in: `{"s":"\u00e9\ud83d\ude00"}`, want: `{"s":"é😀"}`},
		{in: nested(15), want: game.Result(nested(15))},

		{in: nested(16), bad: true},
		{in: `{"n":9007199254740992}`, bad: true},
		{in: `{"a":[{"n":1e999}]}`, bad: true},
		{in: `{"s":"\u0000"}`, bad: true},
		{in: `{"a":["\u0000"]}`, bad: true},
		{in: `{"\u0000":1}`, bad: true},
		{in: `[]`, bad: true},
		{in: `"x"`, bad: true},
		{in: `1`, bad: true},
		{in: `true`, bad: true},
		{in: strings.Repeat("[", 20000), bad: true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%.40s", tt.in), func(t *testing.T) {
			t.Parallel()
			var r game.Result
			err := json.Unmarshal([]byte(tt.in), &r)
			if tt.bad {
				if err == nil {
					t.Errorf("accepted as %s", r)
				}
				return
			}
			ok(t, err)
			equal(t, tt.want, r)
			b, err := json.Marshal(r)
			ok(t, err)
			if want := cmp.Or(string(tt.want), "null"); string(b) != want {
				t.Errorf("is written as %s, want %s", b, want)
			}
		})
	}
}

func FuzzParseValue(f *testing.F) {
	for _, seed := range []string{
		`""`, `"é\u0000"`, `true`, `0`, `-0`, `1.5e-7`, `9007199254740991`, `9007199254740993`, `1e400`, `1e-400`,
		`null`,
		`[1]`, `1]`,
		`"\ud800"`, "\"\xff\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := game.ParseValue(s)
		if err != nil {
			return
		}
		b, err := json.Marshal(v)
		ok(t, err)
		again, err := game.ParseValue(string(b))
		ok(t, err)
		if again != v {
			t.Errorf("%q is read as %v, and written and read as %v", s, v.Any(), again.Any())
		}
		if !json.Valid([]byte(s)) {
			t.Errorf("%q is no JSON and read as %v", s, v.Any())
		}
	})
}

func FuzzResult(f *testing.F) {
	for _, seed := range []string{
		`null`, `{}`, `{"b":1,"a":[true,null,"x",-0,1e-7]}`, `{"a":{"a":{"a":{}}}}`, `{"a":9007199254740993}`,
		`{"a":"\u0000"}`, `[]`,
		`{"<":">&\u2028"}`, `{"a":1,"a":2}`, "{\"\xff\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var first, second game.Result
		if json.Unmarshal(b, &first) != nil {
			return
		}
		written, err := json.Marshal(first)
		ok(t, err)
		ok(t, json.Unmarshal(written, &second))
		if first != second {
			t.Errorf("%q is read as %q, and written and read as %q", b, first, second)
		}
		if first != "" && string(written) != string(first) {
			t.Errorf("%q is stored as %q and written as %q", b, first, written)
		}
	})
}

func TestFilterValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]game.Value{
		"1200":              {game.NumberValue(1200), game.StringValue("1200")},
		"1200.0":            {game.NumberValue(1200), game.StringValue("1200.0")},
		"true":              {game.BoolValue(true), game.StringValue("true")},
		"ranked":            {game.StringValue("ranked")},
		"null":              {game.StringValue("null")},
		"":                  {game.StringValue("")},
		"76561198000000001": {game.StringValue("76561198000000001")}, // no session has this number
		`"1200"`:            {game.StringValue("1200")},
		`"=1"`:              {game.StringValue("=1")},
		"=1200":             {game.NumberValue(1200)},
		"=false":            {game.BoolValue(false)},
		`="1200"`:           {game.StringValue("1200")},
	} {
		got, err := game.ParseFilterValue(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]error{
		`"`: game.ErrNoFilterValue, `"a`: game.ErrNoFilterValue, "=": game.ErrNoFilterValue,
		"=a":    game.ErrNoFilterValue,
		"={}":   game.ErrNoFilterValue,
		"=null": game.ErrNoFilterValue, "=1e400": game.ErrInexactNumber, "=9007199254740993": game.ErrInexactNumber,
	} {
		if _, err := game.ParseFilterValue(text); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", text, err, want)
		}
	}
}
