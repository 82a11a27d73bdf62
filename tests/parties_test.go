package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"game-session-manager/client"
)

// seated asks for the seats of players.
func seated(players ...client.Player) (all []client.JoinRequest) {
	for _, p := range players {
		all = append(all, client.JoinRequest{PlayerID: p.ID})
	}
	return all
}

// A party of three finds two free seats: nobody gets in, or, if it may be split, two do, and it is told who does not.
func TestPartyOfThreeIntoTwoSeats(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, _ := s.lobby(t, "host", 1, client.Settings{MaxPlayers: 3})
	p := s.newPlayers(t, "p", 3)
	join := func(partial bool) (client.JoinedParty, error) {
		return s.api.Sessions.JoinParty(t.Context(), v.ID, client.Party{Players: seated(p...), Partial: partial})
	}
	_, err := join(false)
	var e *client.Error
	if !errors.As(err, &e) || !errors.Is(err, client.ErrSessionFull) || e.Extras["player_id"] != string(p[2].ID) ||
		!strings.Contains(e.Message, string(p[2].ID)) {
		t.Errorf("three into two seats: %v", err)
	}
	if now, err := s.api.Sessions.Get(t.Context(), v.ID); err != nil || now.Version != 1 || now.SeatsHeld != 1 {
		t.Errorf("a party that did not fit left version %d with %d seats held, %v", now.Version, now.SeatsHeld, err)
	}
	got, err := join(true)
	must(t, err)
	if len(got.LeftOut) != 1 || got.LeftOut[0].PlayerID != p[2].ID || got.LeftOut[0].Code != "session_full" ||
		got.LeftOut[0].Detail == "" || got.Version != 2 || got.FreeSeats != 0 {
		t.Errorf("part of a party: version %d, %d free, left out %+v", got.Version, got.FreeSeats, got.LeftOut)
	}
	keys, err := s.api.JWKS(t.Context())
	must(t, err)
	for i, one := range p[:2] {
		ticket, err := keys.VerifyTicket(t.Context(), got.Tickets[one.ID], client.TicketOptions{Session: v.ID})
		if err != nil || ticket.Player != one.ID || ticket.Seat != i+1 {
			t.Errorf("the ticket of player %d: %+v, %v", i, ticket, err)
		}
	}
	if len(got.Tickets) != 2 {
		t.Errorf("%d tickets for two seats", len(got.Tickets))
	}
	got, err = join(true)
	if err != nil || got.Version != 2 || len(got.Tickets) != 2 || len(got.LeftOut) != 1 {
		t.Errorf("joining again: version %d, %d tickets, %+v, %v", got.Version, len(got.Tickets), got.LeftOut, err)
	}
}

// Whether a party got a new seat is what the status says, and each that is left out is told why it alone would be.
func TestPartyOverHTTP(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 4)
	path := s.hosted(t, p[0]) // with one seat in red and two in blue
	party := func(rest string, players ...string) response {
		return s.do(t, "POST "+path+"/members", `{"players":[`+strings.Join(players, ",")+`]`+rest+`}`)
	}
	in := func(i int, team string) string { return fmt.Sprintf(`{"player_id":%q,"team":%q}`, p[i].ID, team) }
	_, err := s.api.Players.Patch(t.Context(), p[3].ID, client.Patch{"status": "suspended"})
	must(t, err)

	a := party("", in(1, "red"), in(2, "red")).problem(http.StatusConflict, "team_full")
	if a["player_id"] != string(p[2].ID) || a["team"] != "red" {
		t.Errorf("a full team: %v", a)
	}
	party("", naming(p[1]), naming(p[3])).problem(http.StatusForbidden, "player_suspended")
	party("", naming(p[1]), `{"player_id":"`+nobody+`"}`).problem(http.StatusNotFound, "player_not_found")
	party("", in(1, "red"), in(2, "green")).wrong("body.players.1.team")
	party("", in(1, "green")).wrong("body.players.0.team")

	got := party(`,"partial":true`, in(1, "red"), in(2, "red"), naming(p[3]), `{"player_id":"`+nobody+`"}`,
		in(0, "green")).is(http.StatusCreated).has("ETag", `"2"`).has("Location", "").json()
	var codes []string
	for _, out := range got.list("left_out") {
		codes = append(codes, out.text("code"))
	}
	want := []string{"team_full", "player_suspended", "player_not_found", "already_member"}
	if !slices.Equal(codes, want) || got["ticket"] != nil || len(got.list("members")) != 2 {
		t.Errorf("left out for %v, want %v: %v", codes, want, got)
	}
	left := party(`,"partial":true`, in(2, "green")).is(http.StatusOK).has("ETag", `"2"`).json()
	if detail := left.list("left_out")[0].text("detail"); detail != "The team must be one of the session's teams." {
		t.Errorf("left out with %q", detail)
	}
	short := s.do(t, "POST "+path+"/members", `{"players":[`+naming(p[1])+`]}`, "Prefer", "return=minimal").
		is(http.StatusOK).has("Preference-Applied", "return=minimal").json()
	tickets, _ := short["tickets"].(map[string]any)
	if short["members"] != nil || len(tickets) != 1 || short["left_out"] != nil {
		t.Errorf("a short response: %v", short)
	}
}

// A join names one player or several, and what is wrong with any of them is told at once.
func TestJoinRequests(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 2)
	path := s.hosted(t, p[0])
	one := string(p[1].ID)
	for body, wrong := range map[string][]string{
		`{}`:                 {"body.player_id"},
		`{"player_id":null}`: {"body.player_id"},
		`{"player_id":""}`:   {"body.player_id"},
		`{"player_id":"x","team":"a b"}`: {
			"body.player_id", "body.team",
		},
		`{"team":"a b"}`: {"body.player_id", "body.team"},
		`{"player_id":"` + one + `","players":[{"player_id":"` + one + `"}]}`: {"body.players"},
		`{"player_id":"` + one + `","partial":true}`:                          {"body.partial"},
		`{"players":[]}`:   {"body.players"},
		`{"players":null}`: {"body.player_id"},
		`{"players":"x"}`:  {"body.player_id", "body.players"},
		`{"players":[{"player_id":"` + one + `"},{"player_id":"` + one + `"}]}`: {"body.players"},
		`{"players":[{"player_id":"` + one + `"}],"team":"red","attributes":{}}`: {
			"body.attributes", "body.team",
		},
		`{"players":[{"player_id":"` + one + `"},{"player_id":"x","team":"a b"},{"seat":1}]}`: {
			"body.players.1.player_id", "body.players.1.team", "body.players.2.player_id", "body.players.2.seat",
		},
		`{"players":[{"player_id":"` + one + `","attributes":{"a.b":1}}]}`: {"body.players.0.attributes"},
		`{"players":[` + strings.Repeat(`{"player_id":"`+one+`"},`, 64) + `{"player_id":"` + one + `"}]}`: {
			"body.players",
		},
		`{"player_id":"` + one + `","reserve":1}`: {"body.reserve"},
	} {
		s.do(t, "POST "+path+"/members", body).wrong(wrong...)
	}

	// The largest party has the largest attributes.
	full := `"attributes":{"a":"` + strings.Repeat("x", 4000) + `"}`
	many := s.newPlayers(t, "many", 64)
	var all []string
	for _, one := range many {
		all = append(all, fmt.Sprintf(`{"player_id":%q,%s}`, one.ID, full))
	}
	large := s.do(t, "POST /api/v1/sessions", `{"max_players":64}`).is(http.StatusCreated).header.Get("Location")
	party := `{"players":[` + strings.Join(all, ",") + `]}`
	if v := s.do(t, "POST "+large+"/members", party).is(http.StatusCreated).json(); v["seats_held"] != 64.0 {
		t.Errorf("%v of 64 are in", v["seats_held"])
	}
	tooLarge := `{"players":[` + strings.Repeat(" ", 512<<10) + `]}`
	a := s.do(t, "POST "+large+"/members", tooLarge).problem(http.StatusRequestEntityTooLarge, "payload_too_large")
	limits := s.do(t, "GET /api/v1/limits", "").is(http.StatusOK).json()
	requests, _ := limits["requests"].(map[string]any)
	sessions, _ := limits["sessions"].(map[string]any)
	if a["max_bytes"] != requests["join_body_bytes"] || sessions["party"] != 64.0 || sessions["bans"] != 256.0 {
		t.Errorf("told %v, and the limits are %v and %v", a, requests, sessions)
	}
}

// Parties race for the seats of a session: each is in as a whole or not at all, and as many are in as fit.
func TestPartiesRace(t *testing.T) {
	t.Parallel()
	s := start(t)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 11, Teams: map[string]int{
		"red": 5, "blue": 5,
	}}})
	const parties = 12
	p := s.newPlayers(t, "p", 3*parties)
	var failures [parties]error
	together(parties, func(i int) {
		party := client.Party{Players: seated(p[3*i : 3*i+3]...)}
		for n := range party.Players {
			party.Players[n].Team = client.TeamAuto
		}
		_, failures[i] = s.api.Sessions.JoinParty(t.Context(), v.ID, party)
	})
	now, err := s.api.Sessions.Get(t.Context(), v.ID)
	must(t, err)
	teams, in := map[client.PlayerID]string{}, 0
	for _, m := range now.Members {
		teams[m.PlayerID] = m.Team
	}
	for i, err := range failures {
		var of []string
		for _, one := range p[3*i : 3*i+3] {
			if team, ok := teams[one.ID]; ok {
				of = append(of, team)
			}
		}
		switch {
		case err == nil && len(of) == 3 && of[0] != "" && of[1] == of[0] && of[2] == of[0]:
			in++
		case err == nil || len(of) != 0 || !errors.Is(err, client.ErrTeamFull):
			t.Errorf("party %d has seats in %q, and was told %v", i, of, err)
		}
	}
	if in != 2 || now.SeatsHeld != 6 { // two teams have room for three each, and then none has
		t.Errorf("%d parties are in, with %d seats", in, now.SeatsHeld)
	}
}

// A player joins itself only: for its friends it reserves seats, which they confirm, and whose tickets are theirs.
func TestPlayersReserveForFriends(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 5)
	alice, bob, carol, dora, eve := p[0], p[1], p[2], p[3], p[4]
	v := s.newSession(t, client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 8}, TimeoutRequest: client.TimeoutRequest{ReservationTimeout: new(5)},
	})
	as := func(p client.Player) *client.Sessions { return s.api.ActAs(p.ID).Sessions }
	status := func(p client.Player) client.MemberStatus {
		m, err := s.api.Sessions.Member(t.Context(), v.ID, p.ID)
		if err != nil && !errors.Is(err, client.ErrMemberNotFound) {
			t.Fatal(err)
		}
		return m.Status
	}
	party := client.Party{Players: seated(bob, alice, carol, dora)}
	got, err := as(alice).JoinParty(t.Context(), v.ID, party)
	must(t, err)
	if status(alice) != client.SeatJoined || status(bob) != client.SeatReserved ||
		status(carol) != client.SeatReserved || len(got.Tickets) != 1 || got.Tickets[alice.ID] == "" ||
		got.SeatsHeld != 4 {
		t.Errorf("a party of a player: %+v with tickets of %d", got.Members, len(got.Tickets))
	}
	if m := got.Members[0]; m.PlayerID != bob.ID || m.Deadline == nil || got.Members[1].Deadline != nil {
		t.Errorf("the reservation is %+v", m)
	}

	joined, err := as(bob).Join(t.Context(), v.ID, client.JoinRequest{PlayerID: bob.ID})
	if err != nil || joined.Ticket == "" || status(bob) != client.SeatJoined || joined.SeatsHeld != 4 {
		t.Errorf("confirmed by joining: %v, %d seats, %v", status(bob), joined.SeatsHeld, err)
	}
	m, err := as(carol).PatchMember(t.Context(), v.ID, carol.ID, client.Patch{"status": client.SeatJoined})
	if err != nil || m.Status != client.SeatJoined || m.Deadline != nil {
		t.Errorf("confirmed by PATCH: %+v, %v", m, err)
	}

	// Asking again for friends who are in changes nothing, and returns no ticket of theirs.
	got, err = as(alice).JoinParty(t.Context(), v.ID, client.Party{Players: seated(bob, carol), Reserve: true})
	if err != nil || len(got.Tickets) != 0 || status(bob) != client.SeatJoined {
		t.Errorf("asked for friends who are in: tickets of %d, %v", len(got.Tickets), err)
	}
	path := "POST /api/v1/sessions/" + string(v.ID) + "/members"
	one := s.do(t, path, fmt.Sprintf(`{"reserve":true,"player_id":%q}`, bob.ID), "X-Act-As-Player", string(alice.ID)).
		is(http.StatusOK).json()
	if one["ticket"] != nil {
		t.Error("a player gets the ticket of another")
	}
	_, err = as(eve).JoinParty(t.Context(), v.ID, client.Party{Players: seated(bob), Reserve: true})
	if !errors.Is(err, client.ErrForbidden) {
		t.Errorf("reserved from outside: %v", err)
	}

	// Who does not confirm loses the seat.
	eventually(t, "the reservation is over", func() bool { return status(dora) == "" })
	events, err := s.api.Sessions.Timeline(t.Context(), v.ID, client.TimelineFilter{Limit: 1})
	if err != nil || events.Items[0].Changes[0].Reason != "timed_out" {
		t.Errorf("the timeline says %+v, %v", events.Items, err)
	}

	// A server reserves for one, without a ticket until it is confirmed.
	reserved := s.do(t, path, `{"reserve":true,"player_id":"`+string(eve.ID)+`"}`).is(http.StatusCreated).json()
	if reserved["ticket"] != nil || status(eve) != client.SeatReserved {
		t.Errorf("reserved: %v", reserved)
	}
	confirmed := s.do(t, path, naming(eve)).is(http.StatusOK).json()
	if confirmed["ticket"] == nil || status(eve) != client.SeatJoined {
		t.Errorf("confirmed: %v", confirmed)
	}
}

// The team auto is the emptiest that has room for all who ask for it, also for the host.
func TestTeamAuto(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 6)
	v, err := s.api.Sessions.Create(t.Context(), client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 6, Teams: map[string]int{"blue": 3, "red": 3}},
		Host:     &client.JoinRequest{PlayerID: p[0].ID, Team: client.TeamAuto},
	})
	must(t, err)
	auto := func(players ...client.Player) {
		t.Helper()
		party := client.Party{Players: seated(players...)}
		for i := range party.Players {
			party.Players[i].Team = client.TeamAuto
		}
		_, err := s.api.Sessions.JoinParty(t.Context(), v.ID, party)
		must(t, err)
	}
	auto(p[1])       // beside the host, in the other team
	auto(p[2], p[3]) // together
	auto(p[4], p[5]) // in the team with room for two
	auto(p[2])       // keeps its team
	now, err := s.api.Sessions.Get(t.Context(), v.ID)
	must(t, err)
	var teams []string
	for _, m := range now.Members {
		teams = append(teams, m.Team)
	}
	if got := strings.Join(teams, " "); got != "blue red blue blue red red" {
		t.Errorf("the teams are %s", got)
	}
	s.do(t, "POST /api/v1/sessions", `{"max_players":2,"teams":{"auto":1}}`).wrong("body.teams.auto")
}

// When all are ready a session starts, and opens again if one no longer is: where it has a server, which reports when
// the match begins. Without one the match begins at once.
func TestReadyCheck(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, test := range []struct {
		name   string
		server *client.Connection
		starts client.SessionStatus
	}{
		{"a lobby", nil, client.StatusInProgress},
		{"a server's", &client.Connection{Address: "203.0.113.7", Port: 7777}, client.StatusStarting},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := s.newPlayers(t, strings.ReplaceAll(test.name[:4], " ", "-"), 3)
			v, err := s.api.Sessions.Create(t.Context(), client.SessionRequest{
				Settings: client.Settings{MaxPlayers: 4, MinPlayers: 2, AutoStart: true, AllowRematch: true},
				HostID:   &p[0].ID, Connection: test.server,
			})
			must(t, err)
			ready := func(i int, is bool, want client.SessionStatus) client.Session {
				t.Helper()
				m, err := s.api.ActAs(p[i].ID).Sessions.Ready(t.Context(), v.ID, p[i].ID, is)
				must(t, err)
				now, err := s.api.Sessions.Get(t.Context(), v.ID)
				must(t, err)
				if m.Ready != is || now.Status != want || now.AutoStarted != (want == client.StatusStarting) {
					t.Errorf("player %d is ready: %t. The session is %s, auto-started %t, want %s",
						i, m.Ready, now.Status, now.AutoStarted, want)
				}
				return now
			}
			ready(0, true, client.StatusOpen) // alone
			for _, next := range p[1:] {
				_, err = s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: next.ID})
				must(t, err)
			}
			ready(1, true, client.StatusOpen)
			now := ready(2, true, test.starts)
			if (now.StartedAt != nil) != (test.starts == client.StatusInProgress) {
				t.Errorf("started at %v", now.StartedAt)
			}
			if test.starts == client.StatusStarting {
				ready(1, false, client.StatusOpen)
				ready(1, true, client.StatusStarting)
				_, err = s.api.Sessions.SetStatus(t.Context(), v.ID, client.Move{Status: client.StatusInProgress})
				must(t, err)
			}
			ready(1, false, client.StatusInProgress) // too late
			now, err = s.api.Sessions.SetStatus(t.Context(), v.ID, client.Move{Status: client.StatusOpen})
			if err != nil || slices.ContainsFunc(now.Members, func(m client.Member) bool { return m.Ready }) {
				t.Errorf("for a rematch some are ready: %+v, %v", now.Members, err)
			}
		})
	}
}

// What a ready check waits for leaves: the others start without it.
func TestReadyCheckAfterLeaving(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, p := s.lobby(t, "p", 3, client.Settings{MaxPlayers: 4, MinPlayers: 2, AutoStart: true})
	for _, one := range p[:2] {
		_, err := s.api.Sessions.Ready(t.Context(), v.ID, one.ID, true)
		must(t, err)
	}
	must(t, s.api.Sessions.Leave(t.Context(), v.ID, p[2].ID))
	now, err := s.api.Sessions.Get(t.Context(), v.ID)
	if err != nil || now.Status != client.StatusInProgress {
		t.Errorf("the session is %s, %v", now.Status, err)
	}
	s.do(t, "PATCH /api/v1/sessions/"+string(v.ID), `{"auto_started":true}`).wrong("body.auto_started")
}
