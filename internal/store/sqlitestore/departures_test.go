package sqlitestore_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

// TestMigrateDepartures has events from before the table of departures.
func TestMigrateDepartures(t *testing.T) {
	t.Parallel()
	path := ofBefore(t, "CREATE TABLE departures")
	db := beside(t, path)
	for i, changes := range [][]game.Change{
		{game.MemberJoined{PlayerID: "ada"}},
		{game.MemberLeft{PlayerID: "ada"}},
		{game.MemberJoined{PlayerID: "ada"}, game.MemberRemoved{PlayerID: "bob", Reason: game.RemovedKicked}},
	} {
		e := benchEvent(game.SubjectSession, "S", int64(i+1), changes...)
		doc, err := json.Marshal(e)
		must(t, err)
		_, err = db.ExecContext(t.Context(), "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
			string(project), i+1, e.ID(), e.At.UnixMilli(), string(doc))
		must(t, err)
		for _, p := range e.Players() {
			_, err = db.ExecContext(t.Context(), "INSERT INTO event_players VALUES (?, ?, ?)",
				string(project), string(p), i+1)
			must(t, err)
		}
	}
	execute(t, db, "INSERT INTO events VALUES ('"+string(project)+"', 4, 'x', 0, '{')")
	s := openTest(t, path)
	for player, want := range map[game.PlayerID]int{"ada": 1, "bob": 1, "cem": 0} {
		found, err := s.Departures(t.Context(), game.DepartureQuery{Project: project, Player: player, Limit: 9})
		must(t, err)
		if len(found) != want || want == 1 && found[0] != "S" {
			t.Errorf("%s left %v", player, found)
		}
	}
	var told []string
	must(t, s.Inspect(t.Context(), false, func(f game.Finding) { told = append(told, f.ID+" "+f.Problem) }))
	if want := []string{"x cannot be read"}; !slices.Equal(told, want) {
		t.Errorf("found %q, want %q", told, want)
	}
}

// TestMigrateAudit has events from before the audit log.
func TestMigrateAudit(t *testing.T) {
	t.Parallel()
	path := ofBefore(t, "CREATE TABLE audited")
	db := beside(t, path)
	ban := game.PlayerBanned{PlayerID: "x"}
	forced := game.StatusChanged{From: game.StatusOpen, To: game.StatusCancelled, Reason: game.ReasonForceTerminated}
	ended := game.StatusChanged{From: game.StatusOpen, To: game.StatusEnded, Reason: game.ReasonCompleted}
	audited := 0
	put := func(seq int, e game.Event) {
		doc, err := json.Marshal(e)
		must(t, err)
		_, err = db.ExecContext(t.Context(), "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
			string(project), seq, e.ID(), e.At.UnixMilli(), string(doc))
		must(t, err)
		for _, p := range e.Players() {
			_, err = db.ExecContext(t.Context(), "INSERT OR IGNORE INTO event_players VALUES (?, ?, ?)",
				string(project), string(p), seq)
			must(t, err)
		}
		if e.Audited() {
			audited++
		}
	}
	seq := 0
	for _, kind := range game.ActorKinds() {
		for _, changes := range [][]game.Change{{ban}, {ended}, {game.LeaseStarted{}, forced}, {game.SessionPurged{}}} {
			for _, as := range []game.PlayerID{"", "y"} {
				seq++
				e := benchEvent(game.SubjectSession, "S", int64(seq), changes...)
				e.Actor, e.ActingAs = game.Actor{Kind: kind, ID: "z"}, as
				put(seq, e)
			}
		}
	}
	put(seq+1, benchEvent(game.SubjectKey, "K", 1, game.APIKeyRevoked{}))
	s := openTest(t, path)
	found, err := s.Feed(t.Context(), game.FeedQuery{Project: project, Audited: true, Limit: 100})
	must(t, err)
	if len(found) != audited || audited != 7 {
		t.Errorf("found %d of %d events, want 7", len(found), audited)
	}
	must(t, s.Inspect(t.Context(), false, func(f game.Finding) {
		if f.Collection == "events" && !strings.Contains(f.Problem, "version") {
			t.Errorf("found %s %s", f.ID, f.Problem)
		}
	}))
}
