package tests_test

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
)

// quickPlayers is how many players join at once: 1,000 with GSM_TEST_QUICK=1000, and otherwise as many as fit into some
// seconds.
func quickPlayers(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("GSM_TEST_QUICK"))
	if err != nil {
		return 200
	}
	return n
}

// quickFleet starts processes on one database: several on MongoDB, and one on SQLite.
func quickFleet(t *testing.T, n int, options ...func(*setup)) []*server {
	t.Helper()
	all := []*server{start(t, options...)}
	for i := 1; i < n && underTest.name != sqlite; i++ {
		all = append(all, start(t, append(options,
			onDatabase(all[0].database), withArgs("--replica=process-"+strconv.Itoa(i)))...))
	}
	return all
}

// patient lets requests wait for as long as many others take on a slow machine.
func patient() func(*setup) { return withArgs("--request-timeout=60s", "--write-timeout=2m") }

// duels is a quick join of one player for a room of four.
func duels(p client.PlayerID) client.QuickJoin {
	return client.QuickJoin{
		Players: []client.JoinRequest{{PlayerID: p}},
		Where:   []client.Condition{client.Where("mode").Eq("duel"), client.Where("attributes.ranked").Eq(true)},
		Create: &client.SessionTemplate{Settings: client.Settings{
			Mode: "duel", MaxPlayers: 4, Attributes: client.Attributes{"ranked": client.Bool(true)},
		}},
	}
}

// TestQuickJoinsFillRooms checks that players who join at once, through several processes, make as many rooms as they
// fill.
func TestQuickJoinsFillRooms(t *testing.T) {
	t.Parallel()
	s := quickFleet(t, 3, patient())
	players := s[0].newPlayers(t, "quick", quickPlayers(t))
	clients := make([]*client.Client, 3)
	for i := range clients {
		clients[i] = s[i%len(s)].connect(t)
	}
	began := time.Now()
	joined, failures := make([]client.QuickJoined, len(players)), make([]error, len(players))
	together(len(players), func(i int) {
		joined[i], failures[i] = clients[i%3].Sessions.QuickJoin(t.Context(), duels(players[i].ID))
	})
	took := time.Since(began)
	created := 0
	for i, err := range failures {
		must(t, err)
		if joined[i].Created {
			created++
		}
	}
	rooms := 0
	for v, err := range s[0].api.Sessions.All(t.Context(), client.SessionFilter{}) {
		must(t, err)
		rooms++
		if v.FreeSeats != 0 {
			t.Errorf("session %s has %d free seats", v.ID, v.FreeSeats)
		}
	}
	if want := len(players) / 4; rooms != want || created != want {
		t.Errorf("%d players have %d rooms, of which they created %d, want %d", len(players), rooms, created, want)
	}
	t.Logf("%d players filled %d rooms through %d processes in %v", len(players), rooms, len(s), took)
}

// TestQuickJoinsThroughKills kills processes with kill -9 while players join through them, who then ask another one.
// Everybody has one seat, and each killed process leaves at most one room more.
func TestQuickJoinsThroughKills(t *testing.T) {
	t.Parallel()
	s := quickFleet(t, 3, patient())
	killed := s[len(s)-max(len(s)-1, 1):]
	players := s[0].newPlayers(t, "killed", quickPlayers(t)/2)
	var done atomic.Int64
	begun, again := make(chan struct{}), make(chan struct{})
	var survivor *client.Client
	go func() {
		defer close(again)
		<-begun
		for _, one := range killed {
			one.kill()
		}
		if survivor = s[0].api; len(s) == 1 {
			s[0] = start(t, onDatabase(s[0].database), patient())
			survivor = s[0].api
		}
	}()
	together(len(players), func(i int) {
		first := killed[i%len(killed)].connect(t, client.WithRetries(0))
		_, err := first.Sessions.QuickJoin(t.Context(), duels(players[i].ID))
		if done.Add(1) == int64(len(players)/8) { // whatever the responses, or nobody might be killed
			close(begun)
		}
		if err == nil {
			return
		}
		<-again
		if _, err := survivor.Sessions.QuickJoin(t.Context(), duels(players[i].ID)); err != nil {
			t.Errorf("player %d: %v", i, err)
		}
	})
	seats, rooms := map[client.PlayerID]int{}, 0
	for v, err := range s[0].api.Sessions.All(t.Context(), client.SessionFilter{}) {
		must(t, err)
		rooms++
		for _, id := range v.MemberIDs {
			seats[id]++
		}
	}
	for _, p := range players {
		if seats[p.ID] != 1 {
			t.Errorf("player %s has %d seats", p.ID, seats[p.ID])
		}
	}
	if least := len(players) / 4; rooms < least || rooms > least+len(killed) {
		t.Errorf("%d players have %d rooms with %d processes killed", len(players), rooms, len(killed))
	}
	t.Logf("%d players have %d rooms with %d processes killed", len(players), rooms, len(killed))
}

func TestQuickJoin(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.api.Sessions
	p := s.newPlayers(t, "quick", 6)
	_, err := c.QuickJoin(t.Context(), client.QuickJoin{
		Players: []client.JoinRequest{{PlayerID: p[0].ID}}, Where: duels(p[0].ID).Where,
	})
	if !errors.Is(err, client.ErrNoSessionAvailable) {
		t.Errorf("without a session: %v", err)
	}

	made, err := c.QuickJoin(t.Context(), duels(p[0].ID))
	must(t, err)
	if !made.Created || made.HostID == nil || *made.HostID != p[0].ID || made.Fence != 1 || made.Version != 1 {
		t.Errorf("created: %+v", made)
	}
	pair := duels(p[1].ID)
	pair.Players = append(pair.Players, client.JoinRequest{PlayerID: p[2].ID})
	for range 2 { // again they get the same seats
		joined, err := c.QuickJoin(t.Context(), pair)
		must(t, err)
		if joined.Created || joined.ID != made.ID || len(joined.Members) != 3 {
			t.Errorf("a pair: %+v", joined)
		}
	}
	three := duels(p[3].ID)
	three.Players = append(three.Players, client.JoinRequest{PlayerID: p[4].ID}, client.JoinRequest{PlayerID: p[5].ID})
	other, err := c.QuickJoin(t.Context(), three, client.IdempotencyKey("three"))
	must(t, err)
	if !other.Created || other.ID == made.ID || len(other.Members) != 3 {
		t.Errorf("three: %+v", other)
	}
	must(t, c.Leave(t.Context(), other.ID, p[3].ID))
	replayed, err := c.QuickJoin(t.Context(), three, client.IdempotencyKey("three"))
	must(t, err)
	if !replayed.Created || replayed.ID != other.ID || len(replayed.Members) != 2 {
		t.Errorf("the same key: %+v", replayed)
	}

	alone := "POST /api/v1/sessions/quick-join"
	inDuel, room := `{"field":"mode","op":"eq","value":"duel"}`, `"create":{"max_players":4`
	for body, location := range map[string]string{
		`"where":[` + inDuel + `],` + room + `,"mode":"ffa"}`: "body.create",
		room + `,"visibility":"private"}`:                     "body.create.visibility",
		room + `,"locked":true}`:                              "body.create.locked",
		`"create":{"max_players":0}`:                          "body.create.max_players",
		`"create":{}`:                                         "body.create.max_players",
		`"where":[{"field":"mode","op":"x","value":"duel"}]`:  "body.where.0.op",
		`"order":[{"by":"status"}]`:                           "body.order.0.by",
		`"players":[]`:                                        "body.players",
	} {
		s.do(t, alone, `{"player_id":"`+string(p[0].ID)+`",`+body+`}`).wrong(location)
	}
	solo := `{"player_id":"` + string(p[3].ID) + `","create":{"max_players":1,"mode":"solo"},` +
		`"where":[{"field":"mode","op":"eq","value":"solo"},{"field":"free_seats","op":"ge","value":1}]}`
	created := s.do(t, alone, solo)
	if v := created.is(http.StatusCreated).json(); v["created"] != true {
		t.Errorf("a room for one: %v", v)
	}
	if created.header.Get("Location") == "" {
		t.Error("a created room has no Location")
	}
	again := s.do(t, alone, solo).is(http.StatusOK).json()
	if again["created"] != false || again["id"] != created.json()["id"] {
		t.Errorf("the room for one again: %v", again)
	}
}

// TestQuickJoinForPlayers checks that a player takes a seat only for itself, hosts what it creates, and is never put
// into a private session of others.
func TestQuickJoinForPlayers(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "own", 3)
	s.newSession(t, client.SessionRequest{
		Settings: client.Settings{Mode: "duel", MaxPlayers: 4, Visibility: client.VisibilityPrivate},
		HostID:   &p[2].ID,
	})
	as := func(who client.Player, body string) response {
		return s.do(t, "POST /api/v1/sessions/quick-join", body, "X-Act-As-Player", string(who.ID))
	}
	body := `"where":[{"field":"mode","op":"eq","value":"duel"}],"create":{"mode":"duel","max_players":4`
	as(p[1], `{"player_id":"`+string(p[0].ID)+`",`+body+`}}`).is(http.StatusForbidden)
	as(p[0], `{"player_id":"`+string(p[0].ID)+`",`+body+`,"hosted":false}}`).is(http.StatusForbidden)
	both := `{"players":[{"player_id":"` + string(p[1].ID) + `"},{"player_id":"` + string(p[0].ID) + `"}],`
	v := as(p[0], both+body+`}}`).is(http.StatusCreated).json()
	members := v.list("members")
	if v["host_id"] != string(p[0].ID) || len(members) != 2 || members[0]["status"] != "reserved" ||
		members[1]["status"] != "joined" {
		t.Errorf("a player with a friend: %v", v)
	}
	server := s.do(t, "POST /api/v1/sessions/quick-join", `{"player_id":"`+string(p[2].ID)+
		`","where":[{"field":"mode","op":"eq","value":"ffa"}],"create":{"mode":"ffa","max_players":4,"hosted":false}}`)
	if v := server.is(http.StatusCreated).json(); v["host_id"] != nil || v["hosted"] != false {
		t.Errorf("a session of a server: %v", v)
	}
}
