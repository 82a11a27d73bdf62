package sqlitestore_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

// TestMigratedSearchColumns checks that the migration gives sessions the columns that the engine writes.
func TestMigratedSearchColumns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	waiting := func(teams map[string]int, team string) func(*game.Session) {
		return func(v *game.Session) {
			v.Teams = teams
			v.WaitList = []game.Waiter{{PlayerID: game.PlayerID(newID()), Team: team, Since: v.CreatedAt}}
		}
	}
	red := map[string]int{"red": 2}
	for _, change := range []func(*game.Session){
		func(*game.Session) {},
		func(v *game.Session) { v.MaxPlayers = 1 },
		func(v *game.Session) { v.Locked, v.Name = true, "" },
		func(v *game.Session) { v.Liveness = game.Stale },
		func(v *game.Session) { v.Liveness, v.HostID = game.Stale, nil },
		func(v *game.Session) { v.Liveness, v.HostID, v.Hosted = game.Stale, nil, false },
		func(v *game.Session) { v.Status = game.StatusPending },
		func(v *game.Session) { v.Status = game.StatusInProgress },
		func(v *game.Session) { v.Status, v.JoinInProgress = game.StatusInProgress, true },
		func(v *game.Session) { v.Status, v.EndedAt, v.Locked = game.StatusEnded, &v.UpdatedAt, true },
		func(v *game.Session) { v.Visibility = game.VisibilityPrivate },
		func(v *game.Session) { v.HasPassword = true },
		func(v *game.Session) { v.Visibility, v.HasPassword = game.VisibilityPrivate, true },
		waiting(nil, ""), waiting(nil, game.TeamAuto),
		waiting(red, "red"), waiting(red, game.TeamAuto), waiting(red, ""),
	} {
		v := benchSession()
		change(&v)
		must(t, s.CreateSession(t.Context(), v))
	}
	scripts, err := sqlitestore.Migrations()
	must(t, err)
	i := slices.IndexFunc(scripts, func(s string) bool { return strings.Contains(s, "obstacles INTEGER") })
	_, update, _ := strings.Cut(scripts[i], "UPDATE sessions SET")
	update, _, _ = strings.Cut(update, ";")
	db := beside(t, path)
	written := searchColumns(t, db)
	execute(t, db, "UPDATE sessions SET name = 'x', created_at = 1, max_players = 0, locked = 5, has_password = 5, "+
		"obstacles = 0", "UPDATE sessions SET "+update)
	if migrated := searchColumns(t, db); !slices.Equal(migrated, written) {
		t.Errorf("migrated to %v, want %v", migrated, written)
	}
}

func searchColumns(t *testing.T, db *sql.DB) (found []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(),
		"SELECT concat_ws(' ', name, created_at, max_players, locked, has_password, obstacles) FROM sessions "+
			"ORDER BY id")
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	for rows.Next() {
		var row string
		must(t, rows.Scan(&row))
		found = append(found, row)
	}
	must(t, rows.Err())
	return found
}
