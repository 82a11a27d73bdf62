package sqlitestore_test

import (
	"encoding/json"
	"slices"
	"testing"

	"game-session-manager/internal/game"
)

// TestMigrateNames has players from before display names were found.
func TestMigrateNames(t *testing.T) {
	t.Parallel()
	path := ofBefore(t, "players_by_name ")
	db := beside(t, path)
	for i, name := range []string{"ZOË", "Straße", ""} {
		p := benchPlayer()
		p.ID, p.DisplayName, p.Username = game.PlayerID("p"+string(rune('0'+i))), name, ""
		p.Identities = map[string]string{}
		doc, err := json.Marshal(p)
		must(t, err)
		_, err = db.ExecContext(t.Context(), "INSERT INTO players (id, project, version, status, erasing, doc) "+
			"VALUES (?, ?, ?, ?, 0, ?)", string(p.ID), string(p.Project), p.Version, string(p.Status), string(doc))
		must(t, err)
	}
	execute(t, db, "INSERT INTO players (id, project, version, status, erasing, doc) "+
		"VALUES ('x', 'p', 1, 'active', 0, '{')")
	s := openTest(t, path)
	for prefix, want := range map[string]game.PlayerID{"zo": "p0", "strass": "p1"} {
		found, err := s.Players(t.Context(), game.PlayerQuery{
			Project: project, Limit: 9, Where: game.Where{game.Prefix(game.FieldName, prefix)},
		})
		must(t, err)
		if len(found.Items) != 1 || found.Items[0].ID != want {
			t.Errorf("%s finds %v", prefix, found.Items)
		}
	}
	var told []string
	must(t, s.Inspect(t.Context(), false, func(f game.Finding) { told = append(told, f.ID+" "+f.Problem) }))
	if want := []string{"x cannot be read"}; !slices.Equal(told, want) {
		t.Errorf("found %q, want %q", told, want)
	}
}
