package tests_test

import (
	"net/http"
	"slices"
	"testing"

	"game-session-manager/client"
)

// reasonCodes returns the codes of reasons, in their order.
func reasonCodes(e client.Explanation) (codes []string) {
	for _, r := range e.Reasons {
		codes = append(codes, string(r.Code))
	}
	return codes
}

// TestExplain checks that every reason of a search and of a join is told, and that they agree with what the calls do.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.api.Sessions
	p := s.newPlayers(t, "explained", 2)
	v := s.newSession(t, client.SessionRequest{
		Settings: client.Settings{
			Mode: "duel", MaxPlayers: 2, Locked: true, Visibility: client.VisibilityPrivate,
			Attributes: client.Attributes{"mmr": client.Number(900)},
		},
		HostID: &p[0].ID,
	})
	_, err := c.Ban(t.Context(), v.ID, p[1].ID, client.BanRequest{})
	must(t, err)
	where := []client.Condition{
		client.Where("mode").Eq("duel"),
		client.Any(client.Where("attributes.mmr").Ge(1000), client.Where("region").In("eu", "us")),
		client.Not(client.Where("max_players").Le(2)),
	}
	e, err := c.Explain(t.Context(), v.ID, client.ExplainQuery{PlayerID: p[1].ID, Where: where})
	must(t, err)
	want := []string{
		"condition_not_met", "condition_not_met", "condition_met", "locked", "private",
		"join_code_required", "player_banned", "session_locked",
	}
	if got := reasonCodes(e); e.Found || e.Joinable || !slices.Equal(got, want) || e.Version != v.Version+1 {
		t.Fatalf("got %v of %+v, want %v", got, e, want)
	}
	if r := e.Reasons[0]; r.At != "where.1.any.0" || r.Field != "attributes.mmr" || r.Op != "ge" {
		t.Errorf("a condition: %+v", r)
	}
	raw := s.do(t, "POST /api/v1/sessions/"+string(v.ID)+"/explain",
		`{"where":[{"field":"attributes.mmr","op":"ge","value":1000}],"include":["locked","private"]}`)
	first := raw.is(http.StatusOK).json().list("reasons")[0]
	if first["wanted"] != 1000.0 || first["actual"] != 900.0 || first["about"] != "search" {
		t.Errorf("a condition as JSON: %v", first)
	}
	host, err := c.Explain(t.Context(), v.ID, client.ExplainQuery{
		PlayerID: p[0].ID, Where: where[:1], Include: []client.Obstacle{client.ObstacleLocked, client.ObstaclePrivate},
	})
	if err != nil || !host.Found || !host.Joinable || len(host.Reasons) != 0 {
		t.Errorf("the host: %+v, %v", host, err)
	}
	must(t, c.Cancel(t.Context(), v.ID))
	over, err := c.Explain(t.Context(), v.ID, client.ExplainQuery{PlayerID: p[1].ID})
	if got := reasonCodes(over); err != nil || !slices.Equal(got, []string{"ended", "session_ended"}) {
		t.Errorf("a session that has ended: %v, %v", got, err)
	}
	path := "POST /api/v1/sessions/" + string(v.ID) + "/explain"
	asOther := s.do(t, path, `{"include":["ended"]}`, "X-Act-As-Player", string(p[1].ID)).is(http.StatusOK)
	if codes := asOther.json().list("reasons"); codes[0]["code"] != "hidden" {
		t.Errorf("another player: %v", codes)
	}
	s.do(t, path, `{"player_id":"`+string(p[0].ID)+`"}`, "X-Act-As-Player", string(p[1].ID)).is(http.StatusForbidden)
	s.do(t, path, `{"where":[{"field":"mode","op":"x"}]}`).wrong("body.where.0.op")
	s.do(t, path, `{"player_id":"me"}`).wrong("body.player_id")
}

// TestExplainSearch checks what a search would find without each of its parts.
func TestExplainSearch(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, r := range []client.Settings{
		{Mode: "duel", Region: "eu"},
		{Mode: "duel", Region: "us"},
		{Mode: "ffa", Region: "asia"},
		{Mode: "duel", Region: "asia", Locked: true},
	} {
		r.MaxPlayers = 4
		s.newSession(t, client.SessionRequest{Settings: r})
	}
	got := map[string]int{}
	eventually(t, "all is counted within the second that it may take", func() bool {
		found, err := s.api.Sessions.Search(t.Context(), client.SearchQuery{
			Where:   []client.Condition{client.Where("mode").Eq("duel"), client.Where("region").Eq("asia")},
			Explain: true,
		})
		must(t, err)
		for _, r := range found.Reasons {
			if r.Found == nil || r.FoundExact == nil || !*r.FoundExact {
				return false
			}
			got[r.At+string(r.Code)] = *r.Found
		}
		return true
	})
	want := map[string]int{"where.0condition_not_met": 1, "where.1condition_not_met": 2, "locked": 1, "full": 0}
	for key, n := range want {
		if got[key] != n {
			t.Errorf("without %s it finds %d of %v, want %d", key, got[key], got, n)
		}
	}
	if plain := s.do(t, search, `{}`).json(); plain["reasons"] != nil {
		t.Errorf("without explain: %v", plain)
	}
}
