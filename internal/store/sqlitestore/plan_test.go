package sqlitestore_test

import (
	"path/filepath"
	"strings"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

// TestPlans holds lists to their indexes: they walk no more than has the filter's value, in the order that is asked
// for. [TestFields] does so for each filter alone.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	status, over := game.Is(game.FieldStatus, game.StatusOpen), game.Is(game.FieldStatus, game.StatusEnded)
	free, public := game.AtLeast(game.FieldFreeSeats, 1), game.Is(game.FieldVisibility, game.VisibilityPublic)
	member, named := game.Is(game.FieldMember, "x"), game.Is(game.FieldNamed, "x")
	host := game.Is(game.FieldHost, "x")
	mode, gameMap, region := game.Is("mode", "ranked"), game.Is("map", "dust"), game.Is("region", "eu")
	// Sessions of a live status are found among those alone, by the index alone.
	const live = "USING COVERING INDEX sessions_by_status (status=? AND project=?"
	// Those of a name too, and by the index alone if no seats are asked for.
	const (
		byMode   = "sessions_by_mode (project=? AND mode=? AND status=?"
		ofMode   = "USING COVERING INDEX " + byMode
		ofMap    = "USING COVERING INDEX sessions_by_map (project=? AND map=? AND status=?"
		ofRegion = "USING COVERING INDEX sessions_by_region (project=? AND region=? AND status=?"
	)
	const (
		liveMember    = "SEARCH m USING PRIMARY KEY (player_id=? AND live=?"
		liveAttribute = "SEARCH a USING PRIMARY KEY (project=? AND key=? AND live=? AND value=?"
	)
	pro := game.AttributeFilter{"pro": {game.BoolValue(true)}}
	for _, c := range []struct {
		index string
		where game.Where
	}{
		{"sessions_by_project", nil},
		{"id=?)", game.Where{game.In(game.FieldID, "a", "b"), status}},
		{"id=?)", game.Where{game.In(game.FieldID, "a", "b"), game.In(
			game.FieldStatus, game.LiveStatuses()...,
		)}},
		{"id=?)", game.Where{game.In(game.FieldID, "a", "b"), over}},
		{"sessions_by_project", game.Where{public}}, // nearly all are
		{"sessions_by_project", game.Where{free}},
		{"MERGE (UNION ALL)", game.Where{member}},
		{liveMember, game.Where{member, game.In(game.FieldStatus, game.LiveStatuses()...)}},
		{liveMember, append(pro.Where(), member, status)},
		{"MERGE (UNION ALL)", game.Where{named}},
		{liveMember, game.Where{named, game.In(game.FieldStatus, game.LiveStatuses()...)}},
		{
			"SEARCH y EXISTS USING PRIMARY KEY (player_id=? AND live=? AND session_id=?)",
			game.Where{named, member, status},
		},
		{"MERGE (UNION ALL)", pro.Where()},
		{liveAttribute, append(pro.Where(), status)},
		{liveAttribute, append(pro.Where(), status, mode, gameMap, region, free, public)},
		{liveAttribute, append(pro.Where(), over)},
		{
			"SEARCH x EXISTS USING COVERING INDEX attributes_by_session (session_id=? AND key=?",
			append(pro.Where(), status, host),
		},
		{"MERGE (UNION ALL)", game.AttributeFilter{
			"a": {game.NumberValue(1), game.StringValue("1")}, "b": {game.BoolValue(true), game.StringValue("true")},
		}.Where()},
		{live, game.Where{status}},
		{ofMode, game.Where{status, mode}},
		{ofMap, game.Where{status, gameMap, public}},
		{ofRegion, game.Where{status, region, public, mode}},
		{ofMap, game.Where{status, mode, gameMap, region, public}},
		// The index of statuses tells the seats, too.
		{live, game.Where{status, mode, free}},
		{live, game.Where{status, mode, gameMap, region, public, free}},
		{live, game.Where{game.In(game.FieldStatus, game.LiveStatuses()...), mode, free}},
		{live, game.Where{mode, game.WithObstacles()}},
		{byMode, game.Where{mode, free}},
		{byMode, game.Where{over, mode, free}},
		{ofMode, game.Where{status, mode, game.Is(game.FieldVisibility, game.VisibilityPrivate)}},
		{ofMode, game.Where{over, mode}},
		{ofMode, game.Where{mode}},
		{live, game.Where{status, game.Is("mode", "")}},
		{"sessions_by_host", game.Where{host, mode}},
		{live, game.Where{status, free, public}},
		{live, game.Where{status, game.Is(game.FieldVisibility, game.VisibilityPrivate)}},
		{"sessions_by_status", game.Where{over}},
		{"sessions_by_map", game.Where{over, mode, gameMap, region}},
		{"USING COVERING INDEX sessions_by_host", game.Where{status, host}},
		{"sessions_by_host", game.Where{status, host, mode}},
	} {
		for _, after := range []game.SessionID{"", "x"} {
			sql, args := sqlitestore.SessionsSQL(
				game.SessionQuery{Project: project, Where: c.where, After: after, Limit: 10},
			)
			wantPlan(t, s, false, c.index, sql, args...)
			// Or it could not be interrupted after its first row.
			wantPlan(t, s, false, "MATERIALIZE page", sql, args...) //nolint:misspell // SQL's spelling
		}
	}
	for _, c := range []struct {
		index string
		q     game.PlayerQuery
	}{
		{"players_by_project", game.PlayerQuery{Project: project}},
		{"players_by_project", game.PlayerQuery{
			Project: project, Where: game.Where{game.Is(game.FieldStatus, game.PlayerActive)},
		}},
		{"players_erasing", game.PlayerQuery{Erasing: true}},
		{"id=?)", game.PlayerQuery{
			Project: project, Where: game.Where{game.In(game.FieldID, "a", "b", "c", "d", "e")},
		}},
		{"id=?)", game.PlayerQuery{
			Project: project, Where: game.Where{
				game.In(game.FieldID, "a", "b", "c"), game.Prefix(game.FieldUsername, "x"),
			},
		}},
		{"players_sweeping", game.PlayerQuery{Sweeping: true}},
	} {
		for _, after := range []game.PlayerID{"", "x"} {
			c.q.After, c.q.Limit = after, 10
			sql, args := sqlitestore.PlayersSQL(c.q)
			wantPlan(t, s, false, c.index, sql, args...)
		}
	}
	for _, after := range []game.KeyID{"", "x"} {
		sql, args := sqlitestore.KeysSQL(game.KeyQuery{Project: project, After: after, Limit: 10})
		wantPlan(t, s, false, "api_keys_by_project", sql, args...)
	}
	wantPlan(t, s, false, "SEARCH api_keys USING INDEX sqlite_autoindex_api_keys_1", sqlitestore.SelectKey, "x")
	wantPlan(
		t, s, false, "SEARCH api_keys USING INDEX sqlite_autoindex_api_keys_1", sqlitestore.ExportKeys, "x", int64(10),
	)
	for _, after := range []string{"", "x"} {
		hooks := game.WebhookQuery{Project: project, After: game.WebhookID(after), Limit: 9}
		sql, args := sqlitestore.WebhooksSQL(hooks)
		wantPlan(t, s, false, "webhooks_by_project", sql, args...)
		q := game.DeliveryQuery{Project: project, Webhook: "w", After: after, Limit: 10}
		sql, args = sqlitestore.DeliveriesSQL(q)
		wantPlan(t, s, false, "deliveries_by_webhook", sql, args...)
		q.Status = game.DeliveryDead
		sql, args = sqlitestore.DeliveriesSQL(q)
		wantPlan(t, s, false, "deliveries_by_status", sql, args...)
	}
	wantPlan(t, s, false, "sqlite_autoindex_webhooks_1", sqlitestore.SelectWebhook, "x", "y")
	wantPlan(
		t, s, false, "deliveries_by_status", sqlitestore.TrimDeliveries, "x", "dead", int64(1), int64(1),
	)
	wantPlan(t, s, false, "deliveries_by_time", sqlitestore.PurgeDeliveries, int64(1), int64(1))
	wantPlan(t, s, false, "sqlite_autoindex_signing_keys_1", sqlitestore.SelectSigningKeys, int64(10))
	wantPlan(t, s, false, "COVERING INDEX players_by_project", sqlitestore.CountPlayers, int64(10))
	wantPlan(t, s, false, "COVERING INDEX sessions_by_status (status=?)", sqlitestore.CountSessions, "open", int64(10))
	wantPlan(t, s, false, "claims_by_expiry", sqlitestore.PurgeClaims, int64(1), int64(1))
	wantPlan(
		t, s, false, "SEARCH metrics USING PRIMARY KEY (at>? AND at<?)", sqlitestore.SelectMetrics, int64(1), int64(2),
		int64(1), "x", int64(10),
	)
	wantPlan(
		t, s, false, "MATERIALIZE page", //nolint:misspell // see above
		sqlitestore.SelectMetrics, int64(1), int64(2), int64(1), "x", int64(10),
	)
	wantPlan(t, s, false, "metrics_by_expiry", sqlitestore.PurgeMetrics, int64(1), int64(1))
	wantPlan(t, s, false, "SEARCH metrics USING PRIMARY KEY (at=?)", sqlitestore.PurgeMetrics, int64(1), int64(1))
	wantPlan(t, s, false, "SEARCH players USING INDEX sqlite_autoindex_players_1", sqlitestore.SelectPlayer, "x", "x")
	for _, step := range []string{
		"SEARCH i USING PRIMARY KEY (project=? AND provider=? AND subject=?)",
		"SEARCH p USING INDEX sqlite_autoindex_players_1",
	} {
		wantPlan(t, s, false, step, sqlitestore.PlayerByIdentity, "x", "steam", "x")
	}
	wantPlan(t, s, false, "players_suspended_until (suspended_until>? AND suspended_until<?)",
		sqlitestore.EndedSuspensions, int64(1), int64(10))
	wantPlan(
		t, s, false, "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1", sqlitestore.SelectSession, int64(1),
		"x", "x",
	)
	wantPlan(
		t, s, false, "SEARCH sessions USING INDEX sessions_by_join_code (project=? AND join_code=?)",
		sqlitestore.SessionByCode, "x", "x",
	)
}

// TestOtherPlans holds what background work, heartbeats and exclusive places read to its indexes.
func TestOtherPlans(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	for _, c := range []struct {
		sql, step string
		args      []any
	}{
		{
			sqlitestore.DueSessions,
			"SEARCH sessions USING COVERING INDEX sessions_by_due ((due_at,id)>(?,?) AND due_at<?)",
			[]any{int64(5), int64(1), "x", int64(10)},
		},
		{
			sqlitestore.EndedSessions, "SEARCH sessions USING INDEX sessions_by_end (ended_at>? AND ended_at<?)",
			[]any{int64(5), int64(10)},
		},
		{
			sqlitestore.SelectPulses, "SEARCH sessions USING INDEX sessions_by_project (project=? AND id=?)",
			[]any{`["x"]`, "x"},
		},
		{sqlitestore.SelectLeases, "SEARCH leases USING PRIMARY KEY (id=?)", []any{`["x"]`}},
		{
			sqlitestore.DueLeases, "SEARCH leases USING INDEX leases_by_due ((due_at,id)>(?,?) AND due_at<?)",
			[]any{int64(5), int64(1), "x", int64(10)},
		},
		{sqlitestore.ExportLeases, "SEARCH leases USING PRIMARY KEY (id>?)", []any{"x", int64(10)}},
		{sqlitestore.RemoveLease, "SEARCH leases USING PRIMARY KEY (id=?)", []any{"x", "live", int64(1), int64(1)}},
		{sqlitestore.DeleteLeases, "SEARCH leases USING PRIMARY KEY (id>? AND id<?)", []any{"x"}},
		{
			sqlitestore.SelectPlaces, "SEARCH exclusive_places USING PRIMARY KEY (project=? AND player_id=?)",
			[]any{"x", `["x"]`},
		},
		{
			sqlitestore.PlaceElsewhere, "SEARCH exclusive_places USING PRIMARY KEY (project=? AND player_id=?)",
			[]any{"x", `["x"]`, "x"},
		},
		{
			sqlitestore.Departures,
			"SEARCH departures USING PRIMARY KEY (project=? AND player_id=? AND session_id<?)",
			[]any{"x", "x", "x", int64(10)},
		},
		{
			sqlitestore.AuditFeed + "DESC LIMIT ?",
			"SEARCH a USING PRIMARY KEY (project=? AND seq>? AND seq<?)\n" +
				"SEARCH e USING PRIMARY KEY (project=? AND seq=?)",
			[]any{"x", int64(0), int64(9), int64(10)},
		},
		{
			sqlitestore.PurgeAudited, "SEARCH audited USING PRIMARY KEY (project=? AND seq<?)",
			[]any{"x", int64(1)},
		},
		{
			sqlitestore.PurgeDepartures,
			"SEARCH departures USING PRIMARY KEY (project=? AND player_id=? AND session_id=? AND seq=?)",
			[]any{"x", "x", "x", int64(1)},
		},
		{
			sqlitestore.DeletePlace, "SEARCH exclusive_places USING PRIMARY KEY (project=? AND player_id=?)",
			[]any{"x", "x", "x"},
		},
	} {
		wantPlan(t, s, false, c.step, c.sql, c.args...)
	}
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
		if strings.HasPrefix(step, "SCAN") && step != "SCAN page" && step != "SCAN (subquery-1)" &&
			step != "SCAN json_each VIRTUAL TABLE INDEX 1:" &&
			!strings.Contains(step, "INDEX") {
			t.Errorf("the plan reads a whole table\n%s\n%s", sql, plan)
		}
		if strings.Contains(step, "TEMP B-TREE") && !sorted {
			t.Errorf("the plan sorts\n%s\n%s", sql, plan)
		}
	}
}
