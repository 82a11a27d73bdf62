package tests_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"game-session-manager/client"
)

// TestPlayerExport exports a player by an admin and by the player, while it is suspended too, and not after it was
// erased.
func TestPlayerExport(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "exported", 2)
	ada, eve := p[0], p[1]
	v := s.newSession(t, client.SessionRequest{
		Settings: client.Settings{Mode: "duel", MaxPlayers: 4}, HostID: &eve.ID,
	})
	_, err := s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{
		PlayerID: ada.ID, Attributes: client.Attributes{"skin": client.String("red")},
	})
	must(t, err)
	s.do(t, "DELETE /api/v1/sessions/"+string(v.ID)+"/members/"+string(ada.ID)+"?reason=afk&ban=3600", "",
		"X-Act-As-Player", string(eve.ID)).is(http.StatusNoContent)
	var all client.PlayerExport
	eventually(t, "the export has the creation, the join and the kick", func() bool {
		all, err = s.api.Players.Export(t.Context(), ada.ID)
		must(t, err)
		return len(all.Events) == 3
	})
	if all.Player.LastSeenAt == nil || !all.Player.LastSeenAt.Equal(all.Player.CreatedAt) {
		t.Errorf("the player was last seen at %v, want %v", all.Player.LastSeenAt, all.Player.CreatedAt)
	}
	if r := all.Sessions; len(r) != 1 || r[0].SessionID != v.ID || r[0].Mode != "duel" || r[0].Member != nil ||
		r[0].Ban == nil || r[0].Ban.Reason != "afk" || r[0].Ban.Until == nil {
		t.Errorf("sessions: %+v", r)
	}
	path := "GET /api/v1/players/" + string(ada.ID) + "/export"
	whole := s.do(t, path, "").is(http.StatusOK).body
	if strings.Contains(whole, string(eve.ID)) || strings.Contains(whole, eve.Username) ||
		strings.Contains(whole, "request_id") {
		t.Errorf("the export has something about others: %s", whole)
	}
	asPlayer := func(id client.PlayerID) response { return s.do(t, path, "", "X-Act-As-Player", string(id)) }
	if own := asPlayer(ada.ID).is(http.StatusOK).body; own != whole {
		t.Errorf("the player gets %s, an admin %s", own, whole)
	}
	asPlayer(eve.ID).problem(http.StatusForbidden, "forbidden")
	s.do(t, path+"?cursor=x", "").wrong("query.cursor")

	_, err = s.api.Players.Patch(t.Context(), ada.ID, client.Patch{"status": "suspended"})
	must(t, err)
	asPlayer(ada.ID).is(http.StatusOK)
	must(t, s.api.Players.Delete(t.Context(), ada.ID))
	if _, err = s.api.Players.Export(t.Context(), ada.ID); !errors.Is(err, client.ErrPlayerNotFound) {
		t.Errorf("after the erasure: %v", err)
	}
}
