package tests_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"game-session-manager/client"
)

// Players are read by their ids, in one request.
func TestPlayersByIDs(t *testing.T) {
	t.Parallel()
	s := start(t)
	all := s.newPlayers(t, "p", 101)
	ids := make([]client.PlayerID, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	const players = "GET /api/v1/players"
	names := func(query string, header ...string) []string {
		t.Helper()
		var got []string
		body := s.do(t, players+query, "", header...).is(http.StatusOK).json()
		for _, p := range body.list("items") {
			got = append(got, p.text("username"))
		}
		slices.Sort(got)
		if body["next_cursor"] != nil {
			t.Errorf("%.80s: there is another page", query)
		}
		return got
	}
	three := "?ids=" + string(ids[2]) + "," + strings.ToUpper(string(ids[1])) + "," + string(ids[1]) + "," +
		uuid.NewString() + "," + string(ids[3])
	if got := names(three + "&limit=1"); !slices.Equal(got, []string{"p-1", "p-2", "p-3"}) {
		t.Errorf("by three ids: %v", got)
	}
	if got := names(three + "&username_prefix=P-3"); !slices.Equal(got, []string{"p-3"}) {
		t.Errorf("by ids and a name: %v", got)
	}
	if got := names("?ids=" + uuid.NewString()); got != nil {
		t.Errorf("by the id of nobody: %v", got)
	}
	found, err := s.api.Players.List(t.Context(), client.PlayerFilter{IDs: ids[:100]})
	if err != nil || len(found.Items) != 100 || found.NextCursor != "" {
		t.Errorf("by a hundred ids: %d, %v", len(found.Items), err)
	}
	must(t, s.api.Players.Delete(t.Context(), ids[2]))
	if got := names(three, "X-Act-As-Player", string(ids[3])); !slices.Equal(got, []string{"p-1", "p-3"}) {
		t.Errorf("after an erasure: %v", got)
	}
	s.do(t, players+"?ids="+string(ids[1])+",x,"+string(ids[2])+",", "").wrong("query.ids[1]", "query.ids[3]")
	if _, err := s.api.Players.List(t.Context(), client.PlayerFilter{IDs: ids}); !errors.Is(err, client.ErrValidation) {
		t.Errorf("by too many ids: %v", err)
	}
	s.do(t, players+"?status=active&ids="+string(ids[1]), "", "X-Act-As-Player", string(ids[1])).
		problem(http.StatusForbidden, "forbidden")
}

// A player sees the names of others and nothing else.
func TestPlayersByIDsAsAPlayer(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 2)
	secret := client.Patch{"attributes": map[string]any{"mail": "x@example.com"}, "display_name": "The One"}
	_, err := s.api.Players.Patch(t.Context(), p[0].ID, secret)
	must(t, err)
	for who, want := range map[client.PlayerID]int{p[0].ID: 1, p[1].ID: 0} {
		l, err := s.api.ActAs(who).Players.List(t.Context(), client.PlayerFilter{IDs: []client.PlayerID{p[0].ID}})
		must(t, err)
		if got := l.Items[0]; len(got.Attributes) != want || got.DisplayName != "The One" {
			t.Errorf("player %s sees %+v", who, got)
		}
	}
}

// A session is read with the names of its members. They change without a version of the session, so such a response
// has no entity tag.
func TestSessionWithNames(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	path := s.hosted(t, p[2])
	for _, one := range p[:2] {
		s.do(t, "POST "+path+"/members", naming(one)).is(http.StatusCreated)
	}
	get := "GET " + path
	names := func(query string, header ...string) (got []string) {
		t.Helper()
		r := s.do(t, get+query, "", header...).is(http.StatusOK).has("ETag", "")
		for _, one := range r.json().list("players") {
			got = append(got, one.text("username")+" "+one.text("display_name"))
			if len(one) != 3 || one.text("id") == "" {
				t.Errorf("a name is %v", one)
			}
		}
		return got
	}
	want := []string{"p-2 p-2", "p-0 p-0", "p-1 p-1"}
	for _, query := range []string{"", "&members=none", "&members=ids"} {
		if got := names("?include=players"+query, "If-None-Match", `"3"`); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	_, err := s.api.Players.Patch(t.Context(), p[0].ID, client.Patch{"display_name": "Zero"})
	must(t, err)
	stranger := s.newPlayers(t, "stranger", 1)[0]
	want[1] = "p-0 Zero"
	if got := names("?include=players", "X-Act-As-Player", string(stranger.ID)); !slices.Equal(got, want) {
		t.Errorf("a stranger sees %v", got)
	}
	if v := s.do(t, get, "").is(http.StatusOK).has("ETag", `"3"`).json(); v["players"] != nil {
		t.Errorf("without being asked for: %v", v["players"])
	}
	whole := s.do(t, get+"?include=players", "").is(http.StatusOK)
	s.do(t, "PUT "+path, whole.body).is(http.StatusOK) // what was read can be sent back
	id := client.SessionID(path[strings.LastIndexByte(path, '/')+1:])
	v, err := s.api.Sessions.Get(t.Context(), id, client.ShowPlayers(), client.ShowMembers(client.MembersNone))
	if err != nil || len(v.Players) != 3 || v.Players[1].DisplayName != "Zero" || len(v.Members) != 0 {
		t.Errorf("the SDK returns %+v, %v", v.Players, err)
	}

	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	must(t, s.api.Players.Delete(t.Context(), p[0].ID))
	if got := names("?include=players"); !slices.Equal(got, []string{"p-2 p-2", "p-1 p-1"}) {
		t.Errorf("after the end, without who was erased: %v", got)
	}
	s.do(t, get+"?include=teams", "").wrong("query.include[0]")
	s.do(t, get+"?include=players,players", "").wrong("query.include")
	s.do(t, "GET /api/v1/sessions/"+uuid.NewString()+"?include=players", "").
		problem(http.StatusNotFound, "session_not_found")
}
