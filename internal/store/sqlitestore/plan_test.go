package sqlitestore_test

import (
	"path/filepath"
	"strings"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

// TestPlans holds every list to its index: it walks no more than has the filter's value, in the order that is asked for.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	for _, c := range []struct {
		index string
		q     game.SessionQuery
	}{
		{"sessions_by_project", game.SessionQuery{}},
		{"sessions_by_status", game.SessionQuery{Status: game.StatusOpen}},
		{"sessions_by_mode", game.SessionQuery{Mode: "ranked"}},
		{"sessions_by_map", game.SessionQuery{Map: "dust"}},
		{"sessions_by_region", game.SessionQuery{Region: "eu"}},
		{"sessions_not_public", game.SessionQuery{Visibility: game.VisibilityPrivate}},
		{"sessions_by_project", game.SessionQuery{Visibility: game.VisibilityPublic}}, // nearly all are
		{"sessions_by_host", game.SessionQuery{Host: "x"}},
		{"SEARCH m USING PRIMARY KEY", game.SessionQuery{Member: "x"}},
		{"SEARCH m USING PRIMARY KEY", game.SessionQuery{Member: "x", Live: true}},
		{"sessions_by_project", game.SessionQuery{FreeSeats: 2}},
		{"SEARCH a USING PRIMARY KEY", game.SessionQuery{Attributes: game.AttributeFilter{"a": {game.BoolValue(true)}}}},
		{"MERGE (UNION ALL)", game.SessionQuery{Attributes: game.AttributeFilter{
			"a": {game.NumberValue(1), game.StringValue("1")}, "b": {game.BoolValue(true), game.StringValue("true")},
		}}},
		{"sessions_by_map", game.SessionQuery{Status: game.StatusOpen, Mode: "ranked", Map: "dust", Region: "eu", FreeSeats: 1}},
		{"sessions_by_status", game.SessionQuery{Status: game.StatusOpen, FreeSeats: 1, Visibility: game.VisibilityPublic}},
		{"sessions_by_host", game.SessionQuery{Status: game.StatusOpen, Host: "x", Mode: "ranked"}},
	} {
		for _, after := range []game.SessionID{"", "x"} {
			c.q.Project, c.q.After, c.q.Limit = project, after, 10
			sql, args := sqlitestore.SessionsSQL(c.q)
			wantPlan(t, s, false, c.index, sql, args...)
			wantPlan(t, s, false, "MATERIALIZE page", sql, args...) //nolint:misspell // or it could not be interrupted after its first row
		}
	}
	for _, c := range []struct {
		index  string
		q      game.PlayerQuery
		sorted bool
	}{
		{"players_by_project", game.PlayerQuery{Project: project}, false},
		{"players_by_project", game.PlayerQuery{Project: project, Status: game.PlayerActive}, false},
		{"players_not_active", game.PlayerQuery{Project: project, Status: game.PlayerSuspended}, false},
		{"players_by_username", game.PlayerQuery{Project: project, UsernamePrefix: "a"}, true},
		{"players_erasing", game.PlayerQuery{Erasing: true}, false},
		{"players_sweeping", game.PlayerQuery{Sweeping: true}, false},
	} {
		for _, after := range []game.PlayerID{"", "x"} {
			c.q.After, c.q.Limit = after, 10
			sql, args := sqlitestore.PlayersSQL(c.q)
			wantPlan(t, s, c.sorted, c.index, sql, args...)
		}
	}
	for _, after := range []game.KeyID{"", "x"} {
		sql, args := sqlitestore.KeysSQL(game.KeyQuery{Project: project, After: after, Limit: 10})
		wantPlan(t, s, false, "api_keys_by_project", sql, args...)
	}
	wantPlan(t, s, false, "SEARCH api_keys USING INDEX sqlite_autoindex_api_keys_1", sqlitestore.SelectKey, "x")
	wantPlan(t, s, false, "SEARCH api_keys USING INDEX sqlite_autoindex_api_keys_1", sqlitestore.ExportKeys, "x", int64(10))
	wantPlan(t, s, false, "sqlite_autoindex_signing_keys_1", sqlitestore.SelectSigningKeys, int64(10))
	wantPlan(t, s, false, "COVERING INDEX players_by_project", sqlitestore.CountPlayers)
	wantPlan(t, s, false, "COVERING INDEX sessions_by_status", sqlitestore.CountSessions)
	wantPlan(t, s, false, "claims_by_expiry", sqlitestore.PurgeClaims, int64(1), int64(1))
	wantPlan(t, s, false, "SEARCH metrics USING PRIMARY KEY (at>? AND at<?)", sqlitestore.SelectMetrics, int64(1), int64(2), int64(1), "x", int64(10))
	wantPlan(t, s, false, "MATERIALIZE page", sqlitestore.SelectMetrics, int64(1), int64(2), int64(1), "x", int64(10)) //nolint:misspell // see above
	wantPlan(t, s, false, "metrics_by_expiry", sqlitestore.PurgeMetrics, int64(1), int64(1))
	wantPlan(t, s, false, "SEARCH metrics USING PRIMARY KEY (at=?)", sqlitestore.PurgeMetrics, int64(1), int64(1))
	wantPlan(t, s, false, "SEARCH players USING INDEX sqlite_autoindex_players_1", sqlitestore.SelectPlayer, "x", "x")
	for _, step := range []string{"SEARCH i USING PRIMARY KEY (project=? AND provider=? AND subject=?)", "SEARCH p USING INDEX sqlite_autoindex_players_1"} {
		wantPlan(t, s, false, step, sqlitestore.PlayerByIdentity, "x", "steam", "x")
	}
	wantPlan(t, s, false, "players_suspended_until (suspended_until>? AND suspended_until<?)",
		sqlitestore.EndedSuspensions, int64(1), int64(10))
	wantPlan(t, s, false, "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1", sqlitestore.SelectSession, int64(1), "x", "x")
}

// wantPlan reports a plan that does not name the index, reads a whole table, or sorts where it is not said to.
func wantPlan(t *testing.T, s *sqlitestore.Store, sorted bool, index, sql string, args ...any) {
	t.Helper()
	steps, err := s.Plan(t.Context(), sql, args...)
	must(t, err)
	plan := strings.Join(steps, "\n")
	if !strings.Contains(plan, index) {
		t.Errorf("the plan does not use %s\n%s\n%s", index, sql, plan)
	}
	for _, step := range steps {
		if strings.HasPrefix(step, "SCAN") && step != "SCAN page" && !strings.Contains(step, "INDEX") {
			t.Errorf("the plan reads a whole table\n%s\n%s", sql, plan)
		}
		if strings.Contains(step, "TEMP B-TREE") && !sorted {
			t.Errorf("the plan sorts\n%s\n%s", sql, plan)
		}
	}
}
