package tests_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"game-session-manager/client"
)

// Integers are read however JSON writes them, in bodies, in patches, in what a client sends back with its numbers made
// floats, and in queries.
func TestIntegersHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	s := start(t)
	body := `{"max_players":4.0,"min_players":2e0,"teams":{"red":20e-1},"attributes":{"mmr":12.0e2,"x":0.1},
		"connection":{"address":"a.example","port":1e3}}`
	v := s.do(t, "POST /api/v1/sessions", body).is(http.StatusCreated).json()
	path := "/api/v1/sessions/" + v.text("id")
	connection, _ := v["connection"].(map[string]any)
	attributes, _ := v["attributes"].(map[string]any)
	if v["max_players"] != 4.0 || v["min_players"] != 2.0 || connection["port"] != 1000.0 ||
		attributes["mmr"] != 1200.0 || attributes["x"] != 0.1 {
		t.Errorf("opened %v", v)
	}
	s.do(t, "PATCH "+path, `{"max_players":6.0,"teams":{"red":3.00,"blue":1E0}}`).is(http.StatusOK).has("ETag", `"2"`)
	back := strings.NewReplacer(`"max_players":6`, `"max_players":6.0`, `"min_players":2`, `"min_players":2.0`,
		`"red":3`, `"red":3.0`,
		`"port":1000`, `"port":1000.0`, `"version":2`, `"version":2.0`).Replace(s.do(t, "GET "+path, "").body)
	s.do(t, "PUT "+path, back).is(http.StatusOK).has("ETag", `"2"`)
	s.do(t, "PATCH "+path, `{"connection":{"port":20.0e2}}`).is(http.StatusOK).has("ETag", `"3"`)
	p := s.newPlayer(t, "alice")
	s.do(t, "POST /api/v1/players/"+string(p.ID)+"/tokens", `{"expires_in":6e1}`).is(http.StatusCreated)
	key := s.do(t, "POST /api/v1/api-keys", `{"name":"k","scope":"read"}`).is(http.StatusCreated).json()
	s.do(t, "POST /api/v1/api-keys/"+key.text("id")+"/rotate", `{"overlap_seconds":60.0}`).is(http.StatusCreated)
	for _, query := range []string{
		"sessions?limit=10.0&free_seats=1.0", "sessions?limit=1e1", "players?limit=1000e-2",
		"api-keys?limit=5.0", "metrics/system?step=15.0",
	} {
		s.do(t, "GET /api/v1/"+query, "").is(http.StatusOK)
	}

	// The same creation in another form of its numbers is the same.
	first := s.do(t, "POST /api/v1/sessions", `{"max_players":4}`, "Idempotency-Key", "k").is(http.StatusCreated).json()
	again := s.do(t, "POST /api/v1/sessions", `{"max_players":4.0}`, "Idempotency-Key",
		"k").is(http.StatusCreated).has("Idempotent-Replayed", "true").json()
	if first.text("id") != again.text("id") {
		t.Errorf("%s and %s", first.text("id"), again.text("id"))
	}
}

// What is no integer, or no number that JSON's readers keep, is rejected for the true reason.
func TestNumbersThatAreRejected(t *testing.T) {
	t.Parallel()
	s := start(t)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 4}})
	p := s.newPlayer(t, "alice")
	create, session := "POST /api/v1/sessions", "/api/v1/sessions/"+string(v.ID)
	key := s.do(t, "POST /api/v1/api-keys", `{"name":"k","scope":"read"}`).is(http.StatusCreated).json()
	const whole = "must be a whole number"
	for _, c := range []struct{ what, body, location, message string }{
		{create, `{"max_players":4.5}`, "body.max_players", whole},
		{create, `{"max_players":4.0000000001}`, "body.max_players", whole},
		{create, `{"max_players":4,"min_players":1e-1}`, "body.min_players", whole},
		{create, `{"max_players":4,"teams":{"red":1.5}}`, "body.teams.red", whole},
		{create, `{"max_players":4,"connection":{"address":"a","port":80.5}}`, "body.connection.port", whole},
		{create, `{"max_players":"4"}`, "body.max_players", whole},
		{create, `{"max_players":1e400}`, "body.max_players", "1000"},
		{create, `{"max_players":1e1000000}`, "body.max_players", "1000"},
		{create, `{"max_players":1e-1000000}`, "body.max_players", ""},
		{"PATCH " + session, `{"max_players":6.5}`, "body.max_players", whole},
		{"PATCH " + session, `{"teams":{"red":0.5}}`, "body.teams.red", whole},
		{"PATCH " + session, `{"connection":{"address":"a","port":80.5}}`, "body.connection.port", whole},
		{"POST /api/v1/players/" + string(p.ID) + "/tokens", `{"expires_in":60.5}`, "body.expires_in", whole},
		{
			"POST /api/v1/api-keys/" + key.text("id") + "/rotate", `{"overlap_seconds":1.5}`, "body.overlap_seconds",
			whole,
		},
		{"GET /api/v1/sessions?limit=1.5", "", "query.limit", whole},
		{"GET /api/v1/sessions?limit=1e400", "", "query.limit", whole},
		{"GET /api/v1/sessions?free_seats=x", "", "query.free_seats", whole},
		{"GET /api/v1/metrics/system?step=15.5", "", "query.step", whole},
		{create, `{"max_players":4,"attributes":{"a":9007199254740993}}`, "body.attributes.a", "round"},
		{create, `{"max_players":4,"attributes":{"a":9007199254740993.0}}`, "body.attributes.a", "round"},
		{create, `{"max_players":4,"attributes":{"a":9.007199254740993e15}}`, "body.attributes.a", "round"},
		{create, `{"max_players":4,"attributes":{"a":1e400}}`, "body.attributes.a", "round"},
		{create, `{"max_players":4,"attributes":{"a":1e-400}}`, "body.attributes.a", "round"},
		{"PATCH " + session, `{"attributes":{"a":-9007199254740993}}`, "body.attributes.a", "round"},
		{
			"PATCH /api/v1/players/" + string(p.ID), `{"attributes":{"a":9007199254740992}}`, "body.attributes.a",
			"round",
		},
		{
			"POST " + session + "/members", `{"player_id":"` + string(p.ID) + `","attributes":{"a":1e16}}`,
			"body.attributes.a", "round",
		},
		{
			"PUT " + session, `{"status":"ended","result":{"scores":[{"a":9007199254740993.0}]}}`,
			"body.result.scores.0.a",
			"round",
		},
	} {
		a := s.do(t, c.what, c.body)
		a.wrong(c.location)
		if got := a.json().list("errors")[0].text("message"); !strings.Contains(got, c.message) {
			t.Errorf("%s %s: got %q", c.what, c.body, got)
		}
	}
}

// Names are stored in one form, whichever way they come, and filters find them in any.
func TestNamesOverHTTP(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.do(t, "POST /api/v1/players",
		`{"username":"alice","display_name":"  Zoe\u0308 \u00a0 Z "}`).is(http.StatusCreated).json()
	player := "/api/v1/players/" + p.text("id")
	if p.text("display_name") != "Zoë Z" {
		t.Errorf("registered as %+q", p.text("display_name"))
	}
	s.do(t, "PATCH "+player, `{"display_name":"Zo\u00eb\u3000Z"}`).is(http.StatusOK).has("ETag", `"1"`)
	s.do(t, "PUT "+player, `{"username":"alice","display_name":" Zoe\u0308 Z"}`).is(http.StatusOK).has("ETag", `"1"`)

	v := s.do(t, "POST /api/v1/sessions",
		`{"max_players":4,"name":" 👩\u200d💻 lobby ","mode":"Ｒanked ","map":"de\u0301 sert","region":" eu"}`).
		is(http.StatusCreated).json()
	session := "/api/v1/sessions/" + v.text("id")
	if v.text("name") != "👩\u200d💻 lobby" || v.text("mode") != "Ranked" || v.text("map") != "d\u00e9 sert" ||
		v.text("region") != "eu" {
		t.Errorf("opened as %+q", v)
	}
	s.do(t, "PATCH "+session, `{"mode":"Ranked","region":"eu "}`).is(http.StatusOK).has("ETag", `"1"`)
	s.do(t, "PUT "+session, `{"status":"open","map":"de\u0301  sert"}`).is(http.StatusOK).has("ETag", `"1"`)
	for _, filter := range []url.Values{
		{"mode": {"Ranked"}},
		{"mode": {" Ｒanked"}},
		{"map": {"de\u0301 sert "}},
		{"map": {"d\u00e9 sert"}, "region": {"ｅｕ"}},
	} {
		if found := s.do(t, "GET /api/v1/sessions?"+filter.Encode(),
			"").is(http.StatusOK).json().list("items"); len(found) != 1 {
			t.Errorf("%v finds %d sessions", filter, len(found))
		}
	}
	for i, bad := range []string{
		`\u200b\u200b`, `\u202enimda`, `\u3164`, `\u00a0`, `\u2800`, `\u115f`, `a\u2066`,
		`a\u200f`, `\uffff`, `ad\u200dmin`,
	} {
		s.do(t, "POST /api/v1/players", fmt.Sprintf(`{"username":"ghost_%d","display_name":"%s"}`, i,
			bad)).wrong("body.display_name")
		s.do(t, "PATCH "+player, `{"display_name":"`+bad+`"}`).wrong("body.display_name")
		s.do(t, "PUT "+player, `{"username":"alice","display_name":"`+bad+`"}`).wrong("body.display_name")
		s.do(t, "POST /api/v1/sessions", `{"max_players":4,"name":"`+bad+`","region":"`+bad+`"}`).wrong("body.name",
			"body.region")
		s.do(t, "PATCH "+session, `{"mode":"`+bad+`","map":"`+bad+`"}`).wrong("body.mode", "body.map")
		s.do(t, "POST /api/v1/api-keys", `{"scope":"read","name":"`+bad+`"}`).wrong("body.name")
	}
	s.do(t, "GET /api/v1/sessions?mode=%E2%80%AEdeknar&region=%C2%A0", "").wrong("query.mode", "query.region")
}

// Ids are read in either case, wherever they stand, and written in lower case (RFC 9562, section 4).
func TestIDsInEitherCase(t *testing.T) {
	t.Parallel()
	s := start(t)
	host, guest := s.newPlayer(t, "host"), s.newPlayer(t, "guest")
	up := func(id client.PlayerID) string { return strings.ToUpper(string(id)) }
	v := s.do(t, "POST /api/v1/sessions", `{"max_players":4,"host_id":"`+up(host.ID)+`"}`).is(http.StatusCreated).json()
	session := "/api/v1/sessions/" + strings.ToUpper(v.text("id"))
	if v.text("host_id") != string(host.ID) || v.list("members")[0].text("player_id") != string(host.ID) {
		t.Errorf("opened as %v", v)
	}
	joined := s.do(t, "POST "+session+"/members", `{"player_id":"`+up(guest.ID)+`"}`).is(http.StatusCreated)
	joined.has("Location", "/api/v1/sessions/"+v.text("id")+"/members/"+string(guest.ID))
	if strings.Contains(joined.body, up(guest.ID)) {
		t.Errorf("written as it came: %s", joined.body)
	}
	s.do(t, "POST "+session+"/members", `{"player_id":"`+string(guest.ID)+`"}`).is(http.StatusOK)
	for _, query := range []string{"host_id=" + up(host.ID), "member_id=" + up(guest.ID)} {
		if found := s.do(t, "GET /api/v1/sessions?"+query, "").is(http.StatusOK).json().list("items"); len(found) != 1 {
			t.Errorf("%s finds %d sessions", query, len(found))
		}
	}
	s.do(t, "GET "+session, "").is(http.StatusOK)
	s.do(t, "PATCH "+session+"/members/"+up(guest.ID), `{"attributes":{"a":1}}`).is(http.StatusOK)
	for _, id := range []client.PlayerID{guest.ID, host.ID} {
		named := s.do(t, "PUT "+session+"/host", `{"player_id":"`+up(id)+`"}`).is(http.StatusOK).json()
		if named.text("host_id") != string(id) {
			t.Errorf("%s is named, and the host is %s", id, named.text("host_id"))
		}
	}
	s.do(t, "PATCH "+session, `{"locked":true}`).is(http.StatusOK)
	s.do(t, "DELETE "+session+"/members/"+up(guest.ID), "").is(http.StatusNoContent)
	s.do(t, "GET /api/v1/players/"+up(guest.ID), "").is(http.StatusOK)
	s.do(t, "POST /api/v1/players/"+up(guest.ID)+"/tokens", "{}").is(http.StatusCreated)
	s.do(t, "PATCH /api/v1/players/"+up(guest.ID), `{"display_name":"G"}`).is(http.StatusOK)
	s.do(t, "DELETE /api/v1/players/"+up(guest.ID), "").is(http.StatusNoContent)
	key := s.do(t, "POST /api/v1/api-keys", `{"name":"k","scope":"read"}`).is(http.StatusCreated).json().text("id")
	s.do(t, "GET /api/v1/api-keys/"+strings.ToUpper(key), "").is(http.StatusOK)
	s.do(t, "DELETE "+session, "").is(http.StatusNoContent)
	if got, err := s.api.Sessions.Get(t.Context(), client.SessionID(strings.ToUpper(v.text("id")))); err != nil ||
		string(got.ID) != v.text("id") {
		t.Errorf("the SDK got %v, %v", got.ID, err)
	}

	for _, bad := range []string{up(host.ID) + "0", strings.Replace(up(host.ID), "-", "", 1), "G" + up(host.ID)[1:]} {
		s.do(t, "GET /api/v1/players/"+bad, "").wrong("path.player_id")
		s.do(t, "POST /api/v1/sessions", `{"max_players":4,"host_id":"`+bad+`"}`).wrong("body.host_id")
	}
}

// A player is acted for by its id in either case.
func TestActingInEitherCase(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	key, _ := s.newKey(t, "server")
	id := s.do(
		t, "POST /api/v1/players", `{"username":"alice"}`, bearer(key)...,
	).is(http.StatusCreated).json().text("id")
	acting := bearer(key, "X-Act-As-Player", strings.ToUpper(id))
	s.do(t, "PATCH /api/v1/players/"+id, `{"display_name":"A"}`, acting...).is(http.StatusOK)
	s.do(t, "POST /api/v1/sessions", `{"max_players":2,"host_id":"`+strings.ToUpper(id)+`"}`,
		acting...).is(http.StatusCreated)
}

// A filter by an attribute finds what it names: text finds the string and what JSON reads it as, text in quotes the
// string alone. Both forms of the filter mean the same.
func TestAttributeFilters(t *testing.T) {
	t.Parallel()
	s := start(t)
	ids := map[string]string{}
	for name, value := range map[string]string{
		"number": `1200`, "string": `"1200"`, "float": `"1200.0"`, "true": `true`, "text true": `"true"`,
		"quoted": `"\"1200\""`, "steam": `"76561198000000001"`,
		"empty": `""`, "colon": `"a:b"`, "comma": `"a,b"`, "null": `"null"`,
	} {
		v := s.do(t, "POST /api/v1/sessions",
			`{"max_players":4,"attributes":{"x":`+value+`,"all":"1","n":0.10}}`).is(http.StatusCreated).json()
		ids[v.text("id")] = name
	}
	for text, want := range map[string]string{
		`1200`: "number string", `1200.0`: "float number", `12e2`: "number", `"1200"`: "string", `"\"1200\""`: "quoted",
		`true`: "text true true", `"true"`: "text true",
		`76561198000000001`: "steam", ``: "empty", `a:b`: "colon", `a,b`: "comma", `null`: "null", `TRUE`: "",
		`=1200`: "number", `=true`: "true", `="true"`: "text true", `=12.0e2`: "number", `9007199254740993`: "",
		`1e400`: "",
	} {
		for _, query := range []url.Values{
			{"attributes[x]": {text}},
			{"attribute": {"x:" + text}},
			{"attribute": {"all:1", "x:" + text, "n:0.1"}},
			{"attributes[x]": {text}, "attribute": {"all:1"}},
			{"attributes[all]": {"1"}, "attributes[x]": {text}, "attributes[n]": {"1e-1"}},
			{"attributes[x]": {text}, "status": {"open"}, "free_seats": {"4"}},
		} {
			var found []string
			for _, v := range s.pages(t, "/api/v1/sessions?limit=1&"+query.Encode()) {
				found = append(found, ids[v.text("id")])
			}
			if got := sortedWords(found); got != want {
				t.Errorf("%v finds %q, want %q", query, got, want)
			}
		}
	}
	for query, wrong := range map[string][]string{
		"attribute=x":                     {"query.attribute"},
		"attribute=:1":                    {"query.attribute"},
		"attribute=":                      {"query.attribute"},
		"attribute=x:1&attribute=":        {"query.attribute"},
		"attribute=x:1&attribute=x:2":     {"query.attribute"},
		"attribute=x:1&attributes[x]=1":   {"query.attribute"},
		`attribute=x:"1`:                  {"query.attribute"},
		"attributes[x]==9007199254740993": {"query.attributes[x]"},
		"attribute=x:=y":                  {"query.attribute"},
		`attributes[x]="1`:                {"query.attributes[x]"},
		"attributes[x]=1&attributes[x]=2": {"query.attributes[x]"},
		"attributes=1":                    {"query.attributes"},
		"attributes[]=1":                  {"query.attributes"},
		"attribute=%C3%A4:1":              {"query.attributes"},
		"region[x]=1":                     {"query.region[x]"},
		"status=Open":                     {"query.status[0]"},
		"visibility=secret":               {"query.visibility"},
		"limit=0":                         {"query.limit"},
		"limit=":                          {"query.limit"},
		"limit=1&limit=1":                 {"query.limit"},
		"status=open&stauts=open":         {"query.stauts"},
	} {
		s.do(t, "GET /api/v1/sessions?"+strings.ReplaceAll(query, `"`, "%22"), "").wrong(wrong...)
	}
	for query, wrong := range map[string]string{
		"attribute=x:1": "query.attribute", "username_prefix=%C3%A4": "query.username_prefix",
		"username_prefix=a%25": "query.username_prefix", "status=Active": "query.status",
	} {
		s.do(t, "GET /api/v1/players?"+query, "").wrong(wrong)
	}
}

// pages returns all items of a list.
func (s *server) pages(t *testing.T, target string) []object {
	t.Helper()
	var all []object
	for cursor := ""; ; {
		page := s.do(t, "GET "+target+"&cursor="+cursor, "").is(http.StatusOK).json()
		all = append(all, page.list("items")...)
		if cursor = page.text("next_cursor"); cursor == "" {
			return all
		}
	}
}
