package game_test

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/game/gametest"
)

// The limits in the tags, from which the contract comes, are those that the rules keep: what is one beyond is wrong,
// and what is at the limit is not.
func TestLimitsOfFields(t *testing.T) {
	t.Parallel()
	settings := game.Settings{MaxPlayers: game.MaxPlayers}
	host := game.PlayerID("0190a000-0000-7000-8000-000000000001")
	connection := &game.Connection{Address: "203.0.113.7", Port: 1}
	keepsLimits(t, game.Profile{Username: "someone", Status: game.PlayerSuspended})
	keepsLimits(t, game.SessionRequest{Settings: settings, Connection: connection})
	early := timeouts(0)
	early.StaleAfter = 5 // below every value of expire_after
	keepsLimits(t, game.SessionEdit{Settings: settings, Timeouts: early, Connection: connection})
	keepsLimits(t, game.Move{Status: game.StatusEnded, Connection: connection})
	keepsLimits(t, game.JoinRequest{PlayerID: host})
	keepsLimits(t, game.MemberEdit{})
	keepsLimits(t, game.ServerRequest{Connection: connection})
	keepsLimits(t, game.KeyRequest{Name: "key", Scope: game.ScopeRead})
	keepsLimits(t, game.TokenRequest{ExpiresIn: 60})
}

type validator interface{ Validate() error }

// keepsLimits tries the limits of every field of a body, which is valid itself.
func keepsLimits[B validator](t *testing.T, body B) {
	t.Helper()
	if err := body.Validate(); err != nil {
		t.Fatal(err)
	}
	tried := 0
	try := func(path string, reach func(reflect.Value) reflect.Value, value any, valid bool) {
		tried++
		changed := body
		at := reach(reflect.ValueOf(&changed).Elem())
		at.Set(reflect.ValueOf(value).Convert(at.Type()))
		if named := names(changed.Validate(), path); named == valid {
			t.Errorf("%T with %s of %.50v: wrong is %t", body, path, fmt.Sprint(value), named)
		}
	}
	limitsOf(reflect.TypeFor[B](), "", func(v reflect.Value) reflect.Value { return v }, try)
	if tried == 0 {
		t.Errorf("%T has no limits", body)
	}
}

// limitsOf calls the function with values at the limits of each field, and beyond.
func limitsOf(
	t reflect.Type, prefix string, reach func(reflect.Value) reflect.Value,
	try func(path string, reach func(reflect.Value) reflect.Value, value any, valid bool),
) {
	for _, f := range game.Properties(t) {
		path := prefix + f.Name
		field := func(v reflect.Value) reflect.Value { return f.Of(reach(v)) }
		each := func(value any, valid bool) { try(path, field, value, valid) }
		switch f.Type.Kind() {
		case reflect.String:
			limitsOfText(f.Tag, each)
			if f.Tag.Get("enum") != "" || slicesOfValues(f.Type) {
				each("no_such_value", false)
			}
		case reflect.Int, reflect.Int64:
			limitsOfNumber(f.Tag, each)
		case reflect.Map:
			limitsOfMap(f, each)
		case reflect.Pointer:
			switch f.Type {
			case reflect.TypeFor[*int]():
				limitsOfNumber(f.Tag, func(value any, valid bool) { each(new(value.(int)), valid) })
			case reflect.TypeFor[*game.Connection]():
				limitsOf(f.Type.Elem(), path+".", func(v reflect.Value) reflect.Value {
					of := field(v)
					c := reflect.New(f.Type.Elem())
					c.Elem().Set(of.Elem())
					of.Set(c)
					return c.Elem()
				}, try)
			}
		default:
		}
	}
}

// slicesOfValues reports whether a type has a few values, which the contract lists.
func slicesOfValues(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[game.PlayerStatus](), reflect.TypeFor[game.SessionStatus](), reflect.TypeFor[game.EndReason](),
		reflect.TypeFor[game.Visibility](), reflect.TypeFor[game.Scope](), reflect.TypeFor[game.MemberStatus]():
		return true
	}
	return false
}

func limitsOfText(tag reflect.StructTag, try func(value any, valid bool)) {
	if n, ok := limitIn(tag, "maxLength"); ok {
		try(strings.Repeat("a", n), true)
		try(strings.Repeat("a", n+1), false)
	}
	if n, ok := limitIn(tag, "minLength"); ok {
		try(strings.Repeat("a", n), true)
		try(strings.Repeat("a", n-1), false)
	}
	if pattern := tag.Get("pattern"); pattern != "" {
		for _, c := range "aZ0_-.+ é" {
			s := "aaa" + string(c)
			try(s, regexp.MustCompile(pattern).MatchString(s))
		}
	}
}

func limitsOfNumber(tag reflect.StructTag, try func(value any, valid bool)) {
	if n, ok := limitIn(tag, "minimum"); ok {
		try(n, true)
		try(n-1, false)
	}
	if n, ok := limitIn(tag, "maximum"); ok {
		try(n, true)
		try(n+1, false)
	}
}

func limitsOfMap(f game.Property, try func(value any, valid bool)) {
	value := func() reflect.Value {
		v := reflect.New(f.Type.Elem()).Elem()
		switch v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Int:
			v.SetInt(1)
		default:
		}
		return v
	}
	with := func(value reflect.Value, keys ...string) any {
		m := reflect.MakeMap(f.Type)
		for _, key := range keys {
			m.SetMapIndex(reflect.ValueOf(key), value)
		}
		return m.Interface()
	}
	if n, ok := limitIn(f.Tag, "maxProperties"); ok {
		var keys []string
		for i := range n {
			keys = append(keys, fmt.Sprint("k", i))
		}
		try(with(value(), keys...), true)
		try(with(value(), append(keys, "more")...), false)
	}
	if pattern := f.Tag.Get("keys"); pattern != "" {
		for _, key := range []string{
			"", "a b", "é", "a.b", "A-z_9", strings.Repeat("k", 32), strings.Repeat("k", 33), strings.Repeat("k", 64),
			strings.Repeat("k", 65),
		} {
			try(with(value(), key), regexp.MustCompile(pattern).MatchString(key))
		}
	}
	var tag strings.Builder
	for _, limit := range strings.Split(f.Tag.Get("values"), ",") {
		name, n, _ := strings.Cut(limit, "=")
		fmt.Fprintf(&tag, "%s:%q ", name, n)
	}
	within := func(v any, valid bool) { try(with(reflect.ValueOf(v), "key"), valid) }
	limitsOfText(reflect.StructTag(tag.String()), within)
	limitsOfNumber(reflect.StructTag(tag.String()), within)
}

func limitIn(tag reflect.StructTag, name string) (int, bool) {
	n, err := strconv.Atoi(tag.Get(name))
	return n, err == nil
}

// names reports whether an error says that a field, or something in it, is wrong.
func names(err error, field string) bool {
	var e *game.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, f := range e.Fields {
		if f.Field == field || strings.HasPrefix(f.Field, field+".") {
			return true
		}
	}
	return false
}

// Documents differ when any of their fields does.
func TestSame(t *testing.T) {
	t.Parallel()
	tellsApart[game.Profile](t)
	tellsApart[game.Settings](t)
	tellsApart[game.MemberSettings](t)
	tellsApart[game.Connection](t)
	tellsApart[game.Session](t)
	at := time.UnixMilli(1).UTC()
	elsewhere := at.In(time.FixedZone("", 3600))
	a, b := game.Profile{SuspendedUntil: &at}, game.Profile{SuspendedUntil: &elsewhere, Attributes: game.Attributes{}}
	if !game.Same(a, b) {
		t.Error("the same moment, and no attributes, differ")
	}
}

func tellsApart[D any](t *testing.T) {
	t.Helper()
	var none D
	if !game.Same(gametest.Filled[D](), gametest.Filled[D]()) {
		t.Errorf("%T differs from itself", none)
	}
	for path, d := range gametest.Each[D]() {
		if game.Same(d, none) || game.Same(none, d) {
			t.Errorf("%T%s makes no difference", d, path)
		}
	}
}
