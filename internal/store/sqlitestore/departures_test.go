package sqlitestore_test

import (
	"encoding/json"
	"slices"
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
