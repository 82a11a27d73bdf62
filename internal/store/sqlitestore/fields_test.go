package sqlitestore_test

import (
	"path/filepath"
	"slices"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

// TestFields holds the engine to every field by which documents are found, and each row's index to lists by it.
func TestFields(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	fieldsHaveRows(t, game.PlayerFields(), sqlitestore.PlayersSearched(), func(row sqlitestore.Searched, w game.Where) {
		for _, after := range []game.PlayerID{"", "x"} {
			sql, args := sqlitestore.PlayersSQL(game.PlayerQuery{Project: project, Where: w, After: after, Limit: 10})
			byPrefix := row.Field() == game.FieldUsername || row.Field() == game.FieldName
			wantPlan(t, s, byPrefix, row.Index(), sql, args...)
		}
	})
	sessions := sqlitestore.SessionsSearched()
	fieldsHaveRows(t, game.SessionFields(), sessions, func(row sqlitestore.Searched, w game.Where) {
		for _, after := range []game.SessionID{"", "x"} {
			sql, args := sqlitestore.SessionsSQL(game.SessionQuery{Project: project, Where: w, After: after, Limit: 10})
			wantPlan(t, s, false, row.Index(), sql, args...)
		}
	})
}

func fieldsHaveRows[D any](
	t *testing.T, fields []game.Field[D], rows []sqlitestore.Searched, plan func(sqlitestore.Searched, game.Where),
) {
	t.Helper()
	for _, f := range fields {
		i := slices.IndexFunc(rows, func(s sqlitestore.Searched) bool { return s.Field() == f.Name })
		if i < 0 {
			t.Errorf("nothing is searched by %s: add a row", f.Name)
			continue
		}
		for _, op := range f.Listed() {
			if rows[i].Index() != "" {
				plan(rows[i], game.Where{{Field: f.Name, Op: op, Values: []game.Value{game.StringValue("x")}}})
			}
		}
	}
	for _, s := range rows {
		if !slices.ContainsFunc(fields, func(f game.Field[D]) bool { return f.Name == s.Field() }) {
			t.Errorf("there is a row for %s, which is no field", s.Field())
		}
	}
}
