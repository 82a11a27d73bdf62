package sqlitestore_test

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/game/gametest"
	"game-session-manager/internal/store/sqlitestore"
)

// Every field of every document is stored and read again.
func TestFieldsAreStored(t *testing.T) {
	t.Parallel()
	storesFields[game.Player](t)
	storesFields[game.Session](t)
	storesFields[game.Key](t)
	storesFields[game.SigningKey](t)
	storesFields[game.MetricsSample](t)
	storesFields[game.Webhook](t)
	storesFields[game.Delivery](t)
}

func storesFields[D any](t *testing.T) {
	t.Helper()
	documents := map[string]D{"": gametest.Filled[D]()}
	for path, d := range gametest.Each[D]() {
		documents[path] = d
	}
	for path, d := range documents {
		got, err := sqlitestore.Coded(d)
		if err != nil || !reflect.DeepEqual(gametest.Normal(got), gametest.Normal(d)) {
			t.Errorf("%T%s: stored\n%+v\nread\n%+v\n%v", d, path, d, got, err)
		}
	}
}

// Claims have a column for each field.
func TestFieldsOfClaimsAreStored(t *testing.T) {
	t.Parallel()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "gsm.db"), sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	c := gametest.Filled[game.Claim]()
	if _, err := s.Claim(t.Context(), c, time.UnixMilli(0)); err != nil {
		t.Fatal(err)
	}
	got, err := s.ExportClaims(t.Context(), "", 2)
	if err != nil || !reflect.DeepEqual(got, []game.Claim{c}) {
		t.Errorf("stored\n%+v\nread\n%+v\n%v", c, got, err)
	}
}
