package game_test

import (
	"reflect"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/game/gametest"
)

// TestCopies compares copies of documents in which every field is set, and looks for what they share.
func TestCopies(t *testing.T) {
	t.Parallel()
	p, s := gametest.Filled[game.Player](), gametest.Filled[game.Session]()
	wantCopy(t, p, p.Copy())
	wantCopy(t, s, s.Copy())
	wantCopy(t, game.Player{}, (&game.Player{}).Copy())
	wantCopy(t, game.Session{}, (&game.Session{}).Copy())
}

func wantCopy[D any](t *testing.T, d, copied D) {
	t.Helper()
	if !reflect.DeepEqual(d, copied) {
		t.Errorf("the copy of\n%+v\nis\n%+v", d, copied)
	}
	shared(t, reflect.ValueOf(d), reflect.ValueOf(copied), reflect.TypeFor[D]().Name())
}

// shared reports what two values share that can be changed in place.
func shared(t *testing.T, a, b reflect.Value, path string) {
	t.Helper()
	switch a.Kind() { //nolint:exhaustive // the other kinds are copied
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if a.IsNil() {
			return
		}
		if a.Pointer() == b.Pointer() {
			t.Errorf("the copy shares %s", path)
		}
	}
	switch a.Kind() { //nolint:exhaustive // the other kinds have nothing inside, and values of maps are scalars
	case reflect.Pointer:
		shared(t, a.Elem(), b.Elem(), path)
	case reflect.Struct:
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.IsExported() {
				shared(t, a.Field(i), b.Field(i), path+"."+f.Name)
			}
		}
	case reflect.Slice:
		for i := range a.Len() {
			shared(t, a.Index(i), b.Index(i), path+"[]")
		}
	}
}
