package tests_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"game-session-manager/client"
)

// A player finds its sessions: those it is in, those that ended with it, and those it has left, whoever hosts them.
func TestPlayerSessions(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	host, ada := s.newPlayer(t, "host").ID, s.newPlayer(t, "ada").ID
	visit := func(visibility client.Visibility, leave, end bool) client.SessionID {
		t.Helper()
		v, err := s.api.Sessions.Create(ctx, client.SessionRequest{
			Settings: client.Settings{MaxPlayers: 4, Visibility: visibility}, HostID: &host,
		})
		if err == nil {
			_, err = s.api.Sessions.Join(ctx, v.ID, client.JoinRequest{PlayerID: ada})
		}
		if err == nil && leave {
			err = s.api.ActAs(ada).Sessions.Leave(ctx, v.ID, ada)
		}
		if err == nil && end {
			err = s.api.Sessions.Cancel(ctx, v.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		return v.ID
	}
	list := func(c *client.Client, f client.PlayerSessionFilter) (ids []client.SessionID) {
		t.Helper()
		for v, err := range c.Players.AllSessions(ctx, ada, f) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, v.ID)
		}
		return ids
	}
	var all, open []client.SessionID
	for i := range 8 {
		id := visit([]client.Visibility{client.VisibilityPublic, client.VisibilityPrivate}[i/4], i%2 == 0, i%4 < 2)
		all = slices.Insert(all, 0, id)
		if i%4 >= 2 {
			open = slices.Insert(open, 0, id)
		}
	}
	self := s.api.ActAs(ada)
	eventually(t, "the sessions that were left are found", func() bool {
		return slices.Equal(list(self, client.PlayerSessionFilter{}), all)
	})
	for limit := 1; limit <= 9; limit += 2 {
		if got := list(self, client.PlayerSessionFilter{Limit: limit}); !slices.Equal(got, all) {
			t.Errorf("by %d: got %v, want %v", limit, got, all)
		}
	}
	live := client.PlayerSessionFilter{Status: []client.SessionStatus{client.StatusOpen, client.StatusStarting}}
	if got := list(self, live); !slices.Equal(got, open) {
		t.Errorf("open are %v, want %v", got, open)
	}
	fifth, err := s.api.Sessions.Get(ctx, all[3])
	if err != nil {
		t.Fatal(err)
	}
	if got := list(self, client.PlayerSessionFilter{CreatedAfter: fifth.CreatedAt}); !slices.Contains(got, all[3]) ||
		!slices.Contains(got, all[0]) || len(got) < 4 {
		t.Errorf("from %v on there are %v", fifth.CreatedAt, got)
	}
	if got := list(self, client.PlayerSessionFilter{CreatedBefore: fifth.CreatedAt}); slices.Contains(got, all[3]) {
		t.Errorf("before %v there are %v", fifth.CreatedAt, got)
	}
	_, err = s.api.ActAs(host).Players.Sessions(ctx, ada, client.PlayerSessionFilter{})
	if !errors.Is(err, client.ErrForbidden) {
		t.Errorf("another player gets %v", err)
	}
	path := "GET /api/v1/players/" + string(ada) + "/sessions"
	full := s.do(t, path+"?members=full&limit=1", "").is(http.StatusOK).json().list("items")
	if len(full) != 1 || len(full[0].list("members")) != 2 {
		t.Errorf("with members: %v", full)
	}
	s.do(t, path+"?status=open,nothing", "").wrong("query.status[1]")
	s.do(t, path+"?created_after=yesterday", "").wrong("query.created_after")
	next := s.do(t, path+"?limit=1", "").is(http.StatusOK).json().text("next_cursor")
	s.do(t, path+"?status=open&cursor="+next, "").wrong("query.cursor")
	s.do(t, "GET /api/v1/players/"+nobody+"/sessions", "").problem(http.StatusNotFound, "player_not_found")
	if err := s.api.Players.Delete(ctx, ada); err != nil {
		t.Fatal(err)
	}
	s.do(t, path, "").problem(http.StatusNotFound, "player_not_found")
}
