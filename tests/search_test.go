package tests_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"game-session-manager/client"
)

// searched returns the names of the sessions that a search finds, and checks that they have no members.
func (s *server) searched(t *testing.T, body string, headers ...string) string {
	t.Helper()
	var names []string
	for _, v := range s.do(t, search, body, headers...).is(http.StatusOK).json().list("items") {
		if v["members"] != nil || v["member_ids"] != nil {
			t.Errorf("%s: a session has its members: %v", body, v)
		}
		names = append(names, v.text("name"))
	}
	return strings.Join(names, " ")
}

const search = "POST /api/v1/sessions/search"

func TestSearch(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.api
	host := s.newPlayer(t, "searched-host")
	for _, body := range []string{
		`{"name":"a","max_players":4,"mode":"duel","attributes":{"mmr":1000,"pro":true}}`,
		`{"name":"b","max_players":4,"mode":"duel","attributes":{"mmr":1300}}`,
		`{"name":"c","max_players":4,"mode":"ffa","attributes":{"mmr":"1200"}}`,
		`{"name":"d","max_players":8,"mode":"ffa","region":"eu"}`,
		`{"name":"locked","max_players":4,"mode":"duel","locked":true}`,
		`{"name":"full","max_players":1,"mode":"duel","host_id":"` + string(host.ID) + `"}`,
	} {
		s.do(t, "POST /api/v1/sessions", body).is(http.StatusCreated)
	}
	for body, want := range map[string]string{
		`{}`: "d c b a",
		`{"where":[{"field":"mode","op":"eq","value":"duel"}]}`:                             "b a",
		`{"where":[{"field":"mode","op":"eq","value":"duel"}],"include":["locked","full"]}`: "full locked b a",
		`{"where":[{"field":"attributes.mmr","op":"ge","value":1000}]}`:                     "b a",
		`{"where":[{"field":"attributes.mmr","op":"prefix","value":"12"}]}`:                 "c",
		`{"where":[{"any":[{"field":"attributes.pro","op":"eq","value":true},` +
			`{"field":"region","op":"in","value":["eu"]}]}]}`: "d a",
		`{"where":[{"not":{"field":"attributes.mmr","op":"exists","value":true}}]}`:     "d",
		`{"where":[{"field":"joinable","op":"eq","value":false}],"include":["locked"]}`: "locked",
		`{"where":[{"field":"free_seats","op":"gt","value":4}]}`:                        "d",
		`{"order":[{"by":"attributes.mmr","near":1200}]}`:                               "b a d c",
		`{"order":[{"by":"max_players","desc":true},{"by":"attributes.mmr"}]}`:          "d a b c",
		`{"order":[{"by":"attributes.mmr","desc":true}]}`:                               "c b a d",
	} {
		if got := s.searched(t, body); got != want {
			t.Errorf("%s: found %s, want %s", body, got, want)
		}
	}
	var paged []string
	for v, err := range c.Sessions.SearchAll(t.Context(), client.SearchQuery{
		Where: []client.Condition{client.Any(
			client.Where("mode").Eq("duel"),
			client.All(client.Where("mode").Ne("duel"), client.Where("max_players").Le(4)),
		)},
		Order:   []client.Order{client.Nearest("attributes.mmr", 1290), client.Ascending("created_at")},
		Include: []client.Obstacle{client.ObstacleLocked}, Limit: 1,
	}) {
		must(t, err)
		paged = append(paged, v.Name)
	}
	if want := []string{"b", "a", "c", "locked"}; !slices.Equal(paged, want) {
		t.Errorf("pages of one have %v, want %v", paged, want)
	}
	p, err := c.Sessions.Search(t.Context(), client.SearchQuery{Limit: 2, Count: true})
	if err != nil || len(p.Items) != 2 || p.NextCursor == "" || p.Count != 4 || !p.CountExact {
		t.Errorf("got %+v, %v", p, err)
	}
	counted := s.do(t, search, `{"count":true,"limit":1}`).is(http.StatusOK).json()
	if counted["count"] != 4.0 || counted["count_exact"] != true {
		t.Errorf("counted %v", counted)
	}
	if plain := s.do(t, search, `{}`).json(); plain["count"] != nil || plain["next_cursor"] != nil {
		t.Errorf("without count: %v", plain)
	}
	ffa := `{"where":[{"field":"mode","op":"eq","value":"ffa"}],"cursor":"`
	s.do(t, search, ffa+p.NextCursor+`"}`).wrong("body.cursor")
	if _, err := c.Sessions.Search(t.Context(), client.SearchQuery{
		Where: []client.Condition{client.Where("mode").Eq(errors.New("x"))},
	}); err == nil {
		t.Error("a field was compared with an error")
	}
}

// TestSearchRejections checks that what is wrong is named with its place, whether by its form or by the rules.
func TestSearchRejections(t *testing.T) {
	t.Parallel()
	s := start(t)
	for body, location := range map[string]string{
		`{"where":[{"field":"mode","op":"eq","value":"a"},` +
			`{"any":[{"field":"mode","op":"x","value":1}]}]}`: "body.where.1.any.0.op",
		`{"where":{"field":"mode"}}`:                         "body.where",
		`{"where":[{"any":[{"feild":"mode"}]}]}`:             "body.where.0.any.0.feild",
		`{"order":[{"by":"attributes.mmr","near":"1200"}]}`:  "body.order.0.near",
		`{"order":[{}]}`:                                     "body.order.0.by",
		`{"limit":0}`:                                        "body.limit",
		`{"include":["nothing"]}`:                            "body.include.0",
		`{"cursor":"x"}`:                                     "body.cursor",
		`{"where":[{"field":"attributes.x","op":"exists"}]}`: "body.where.0.value",
		`{"were":[]}`:                                        "body.were",
	} {
		s.do(t, search, body).wrong(location)
	}
}

// TestSearchFields checks that only the fields that are asked for are returned.
func TestSearchFields(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.newSession(t, client.SessionRequest{Settings: client.Settings{Name: "a", Mode: "duel", MaxPlayers: 4}})
	found := s.do(t, search, `{"fields":["name","free_seats","ended_at"]}`).is(http.StatusOK).json().list("items")
	if len(found) != 1 || len(found[0]) != 4 || found[0].text("name") != "a" || found[0]["free_seats"] != 4.0 ||
		found[0]["ended_at"] != nil || found[0].text("id") == "" {
		t.Errorf("found %v", found)
	}
	if found := s.do(t, search, `{"fields":[]}`).json().list("items"); len(found) != 1 || len(found[0]) != 1 {
		t.Errorf("found %v, want the id alone", found)
	}
	for _, absent := range []string{"members", "wait_list", "member_ids", "players", "attributes.mmr", "obstacles"} {
		s.do(t, search, `{"fields":["name","`+absent+`"]}`).wrong("body.fields.1")
	}
	p, err := s.api.Sessions.Search(t.Context(), client.SearchQuery{Fields: []string{"mode"}})
	if err != nil || len(p.Items) != 1 || p.Items[0].Mode != "duel" || p.Items[0].Name != "" || p.Items[0].ID == "" {
		t.Errorf("found %+v, %v", p.Items, err)
	}
}

// TestSearchSpread checks that searches have different orders, and that each pages through its own.
func TestSearchSpread(t *testing.T) {
	t.Parallel()
	s := start(t)
	var all []string
	for i := range 12 {
		v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2 + i/6}})
		all = append(all, string(v.ID))
	}
	slices.Sort(all)
	first := map[string]bool{}
	for range 40 {
		q := client.SearchQuery{Spread: true, Limit: 5, Order: []client.Order{client.Descending("max_players")}}
		var found []string
		for v, err := range s.api.Sessions.SearchAll(t.Context(), q) {
			must(t, err)
			if len(found) >= 6 != (v.MaxPlayers == 2) {
				t.Fatalf("session %d has %d seats: spread comes before order", len(found), v.MaxPlayers)
			}
			found = append(found, string(v.ID))
		}
		first[found[0]] = true
		if slices.Sort(found); !slices.Equal(found, all) {
			t.Fatalf("the pages have %v, want %v", found, all)
		}
	}
	if len(first) < 2 { // by chance in one of 6^39 cases, if the ids are even
		t.Errorf("all of 40 searches begin with %v", first)
	}
	plain := s.do(t, search, `{"spread":true,"limit":1}`).is(http.StatusOK).json()
	s.do(t, search, `{"limit":1,"cursor":"`+plain.text("next_cursor")+`"}`).wrong("body.cursor")
}

// TestSearchVisibility checks that no condition shows a player a private session of others, nor where its server is.
func TestSearchVisibility(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "seeing", 3)
	host, member, other := p[0], p[1], p[2]
	private := s.newSession(t, client.SessionRequest{
		Settings: client.Settings{Name: "private", MaxPlayers: 4, Visibility: client.VisibilityPrivate},
		HostID:   &host.ID,
	})
	public := client.SessionRequest{
		Settings: client.Settings{Name: "public", MaxPlayers: 4}, HostID: &host.ID,
		Connection: &client.Connection{Address: "203.0.113.7", Port: 7777},
	}
	s.newSession(t, public)
	_, err := s.api.Sessions.Join(t.Context(), private.ID, client.JoinRequest{PlayerID: member.ID})
	must(t, err)
	hosted := `{"field":"host_id","op":"eq","value":"` + string(host.ID) + `"}`
	for _, body := range []string{
		`{"limit":100}`,
		`{"where":[` + hosted + `]}`,
		`{"where":[{"any":[{"field":"visibility","op":"eq","value":"private"},` + hosted + `]}]}`,
		`{"where":[{"not":{"field":"visibility","op":"eq","value":"nobody"}}]}`,
		`{"where":[{"field":"visibility","op":"in","value":["public","private"]}],"order":[{"by":"name","desc":true}]}`,
		`{"where":[{"field":"member_id","op":"eq","value":"` + string(member.ID) + `"}]}`,
	} {
		body = strings.ReplaceAll(body, `"eq","value":"nobody"`, `"in","value":["public"]`)
		body = strings.Replace(body, "{", `{"include":["private"],`, 1)
		for _, caller := range []client.Player{host, member, other} {
			found := s.do(t, search, body, "X-Act-As-Player", string(caller.ID)).is(http.StatusOK)
			if sees := strings.Contains(found.body, string(private.ID)); sees && caller.ID == other.ID {
				t.Errorf("%s finds a private session of others", body)
			}
			if caller.ID == other.ID && strings.Contains(found.body, "203.0.113.7") {
				t.Errorf("%s shows the server of a session of others", body)
			}
		}
	}
	private2 := `{"where":[{"field":"visibility","op":"eq","value":"private"}],"include":["private"]}`
	for caller, want := range map[client.PlayerID]string{host.ID: "private", member.ID: "private", other.ID: ""} {
		if got := s.searched(t, private2, "X-Act-As-Player", string(caller)); got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	if got := s.searched(t, private2); got != "private" {
		t.Errorf("a server finds %q", got)
	}
	if got := s.searched(t, `{}`); got != "public" {
		t.Errorf("without include, a server finds %q", got)
	}
}
