package tests_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"game-session-manager/client"
	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
)

// A session whose heartbeats stop turns stale and expires after the times that the operator has set, and the metrics
// say so.
func TestLapsesAreCounted(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--stale-after=5s", "--expire-after=10s", "--max-duration=2h"))
	v, _ := s.lobby(t, "lapse", 1, client.Settings{MaxPlayers: 2})
	path := "/api/v1/sessions/" + string(v.ID)
	doc := s.do(t, "GET "+path, "").is(http.StatusOK).json()
	for name, want := range map[string]float64{
		"stale_after": 5, "expire_after": 10, "max_duration": 7200, "disconnect_grace": 120,
	} {
		if doc[name] != want {
			t.Errorf("a session has %s %v, want %v", name, doc[name], want)
		}
	}
	limits := s.do(t, "GET /api/v1/limits", "").is(http.StatusOK).json()
	sessions, _ := limits["sessions"].(map[string]any)
	if got := fmt.Sprint(sessions["timeouts"].(map[string]any)["expire_after"]); !strings.Contains(got, "default:10") {
		t.Errorf("the limits have expire_after %s", got)
	}
	if got := fmt.Sprint(limits["retention"]); got != "map[events:2.592e+06 sessions:2.592e+06]" {
		t.Errorf("what has ended is kept for %s", got)
	}
	s.do(t, "POST "+path+"/heartbeat", "{}").is(http.StatusOK)
	eventually(t, "the session has expired", func() bool {
		return s.do(t, "GET "+path, "").is(http.StatusOK).json()["status"] == "expired"
	})
	if doc := s.do(t, "GET "+path, "").json(); doc["end_reason"] != "lease_expired" || doc["liveness"] != "stale" {
		t.Errorf("it ended as %v, %v", doc["end_reason"], doc["liveness"])
	}
	eventually(t, "the run that ended it is counted", func() bool {
		return strings.Contains(s.metrics(t), "gsm_sessions_lease_expired_total 1\n")
	})
	s.metrics(t, "gsm_leases_renewed_total{of=\"session\"} 1\n", "gsm_leases_renewed_total{of=\"member\"} 0\n",
		"gsm_sessions_turned_stale_total 1\n", "gsm_elapse_lag_seconds_count ")
}

// Sessions that ended before the retention are removed, and others are not.
func TestOldSessionsArePurged(t *testing.T) {
	t.Parallel()
	const old, recent = 250, 5
	database := freshDatabase(t)
	purged := endedSessions(t, database, old, 721*time.Hour)
	kept := endedSessions(t, database, recent, 719*time.Hour)
	s := start(t, onDatabase(database))
	there := func(id game.SessionID) bool {
		return s.do(t, "GET /api/v1/sessions/"+string(id), "").status == http.StatusOK
	}
	eventually(t, "the run that purged them is counted", func() bool {
		return strings.Contains(s.metrics(t), fmt.Sprintf("gsm_sessions_purged_total %d\n", old))
	})
	for _, id := range purged {
		if there(id) {
			t.Fatalf("session %s is still there", id)
		}
	}
	for _, id := range kept {
		if !there(id) {
			t.Errorf("session %s was purged too early", id)
		}
	}
}

// With a retention of 0 nothing is purged, and there is no task for it.
func TestSessionsAreKept(t *testing.T) {
	t.Parallel()
	database := freshDatabase(t)
	kept := endedSessions(t, database, 1, 10_000*time.Hour)
	s := start(t, onDatabase(database), withArgs("--session-retention=0"))
	s.worked(t, "elapse", "purge_idempotency_keys") // which begins within the same seconds
	s.do(t, "GET /api/v1/sessions/"+string(kept[0]), "").is(http.StatusOK)
	if health := s.do(t, "GET /health/detailed", ""); strings.Contains(health.body, "purge_sessions") ||
		!strings.Contains(health.body, "purge_idempotency_keys") {
		t.Errorf("the tasks are %s", health.body)
	}
}

// Callers are told how long what has ended is kept, and the default times of sessions.
func TestLimitsHaveRetentionAndTimeouts(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t, withArgs("--session-retention=800h", "--event-retention=30h", "--host-grace=31s"))
	l, err := s.api.Limits(t.Context())
	must(t, err)
	if l.Retention.Sessions != 800*3600 || l.Retention.Events != 30*3600 {
		t.Errorf("kept for %+v", l.Retention)
	}
	if got := l.Sessions.Timeouts["host_grace"]; got.Default != 31 || got.Min != 0 || got.Max != 3600 {
		t.Errorf("host_grace is %+v", got)
	}
}

func TestRetentionBelowThatOfEvents(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	startFails(t, exitUsage, []string{"--event-retention=1000h"}, "--session-retention (GSM_SESSION_RETENTION)",
		"--event-retention (GSM_EVENT_RETENTION)", "GSM_SESSION_RETENTION=1000h")
	startFails(t, exitUsage, []string{"--stale-after=1h", "--expire-after=59m"}, "--expire-after (GSM_EXPIRE_AFTER)",
		"--stale-after (GSM_STALE_AFTER)")
	startFails(t, exitUsage, []string{"--disconnect-grace=1ms"}, "--disconnect-grace (GSM_DISCONNECT_GRACE)",
		"whole number of seconds")
}

// endedSessions stores sessions that ended a while ago, and returns their ids.
func endedSessions(t *testing.T, database string, n int, ago time.Duration) (ids []game.SessionID) {
	t.Helper()
	s, err := store.Open(t.Context(), database, store.Options{})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	sessions := game.NewSessions(game.Deps{
		Store: s, NewID: func() string { return uuid.Must(uuid.NewV7()).String() }, MaxRequest: patience,
		Now: func() time.Time { return time.Now().Add(-ago) },
	})
	ctx := game.WithCaller(t.Context(), game.Caller{Project: game.DefaultProject, Scope: game.ScopeAdmin})
	for range n {
		v, err := sessions.Create(ctx, game.SessionRequest{
			Settings: game.Settings{MaxPlayers: 2, Visibility: game.VisibilityPublic},
		}, game.Idempotency{})
		must(t, err)
		_, err = sessions.Move(ctx, v.Document.ID, nil, game.Move{Status: game.StatusCancelled})
		must(t, err)
		ids = append(ids, v.Document.ID)
	}
	return ids
}

// A document that cannot be read is left out of lists, and told about once, not with each list.
func TestUnreadableDocumentsAreLeftOut(t *testing.T) {
	t.Parallel()
	s := start(t, expectErrors)
	p := s.newPlayer(t, "unreadable")
	spoil(t, s.database)
	fresh := s.newPlayer(t, "readable")
	const lists = 20
	for range lists {
		items := s.do(t, "GET /api/v1/players", "").is(http.StatusOK).json().list("items")
		if len(items) != 1 || items[0].text("id") != string(fresh.ID) {
			t.Fatalf("the list has %v", items)
		}
	}
	line := s.logged(t, func(l logLine) bool { return l["id"] == string(p.ID) })
	if line["level"] != "ERROR" || line["category"] != "database" || line["collection"] != "players" ||
		line["request_id"] == nil {
		t.Errorf("it is told by %v", line)
	}
	s.metrics(t, fmt.Sprintf("gsm_store_unreadable_documents_total{collection=\"players\"} %d\n", lists))
	if n := strings.Count(s.stdout.String(), "a document cannot be read"); n > lists/2 {
		t.Errorf("%d lines tell of it, want at most ten in ten seconds", n)
	}
}
