package mongostore_test

import (
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
)

// TestMigrateNames has players from before display names were found.
func TestMigrateNames(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	s := openTest(t, url, mongostore.Options{})
	p := newPlayer()
	p.DisplayName = "Straße"
	must(t, s.CreatePlayer(t.Context(), p))
	find := func(want int) {
		t.Helper()
		found, err := s.Players(t.Context(), game.PlayerQuery{
			Project: project, Limit: 9, Where: game.Where{game.Prefix(game.FieldName, game.NameKey("STRASS"))},
		})
		must(t, err)
		if len(found.Items) != want {
			t.Errorf("found %v, want %d", found.Items, want)
		}
	}
	find(1)
	must(t, s.RunCommand(t.Context(), unset("players", string(p.ID),
		field("display_name_key", ""), field("display_name_prefixes", ""))))
	must(t, s.RunCommand(t.Context(), set("meta", "schema", field("version", 14))))
	find(0)
	for range 2 {
		s = openTest(t, url, mongostore.Options{})
		find(1)
		must(t, s.Inspect(t.Context(), false, func(f game.Finding) { t.Errorf("after the migration: found %v", f) }))
		must(t, s.RunCommand(t.Context(), set("meta", "schema", field("version", 14))))
	}
}
