package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
)

// racersSetting is how many players race for seats on each engine. make test-seats sets it.
const racersSetting = "GSM_TEST_RACERS"

// 10,000 players race for 100 seats with a wait list of 256: exactly 100 and 256 get in, the others a clean 409; then
// 50 leave, and the first 50 who wait are in, in order.
func TestRaceForSeatsAndTheWaitList(t *testing.T) {
	t.Parallel()
	const seats, leaving = 100, 50
	players := 10_000
	if testing.Short() || underTest.name != sqlite { // players are made one by one
		players = 1_000
	}
	if text := os.Getenv(racersSetting); text != "" {
		var err error
		players, err = strconv.Atoi(text)
		must(t, err)
	}
	begin := time.Now()
	s := start(t, withArgs("--rate-server=0"))
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: seats}})
	var mu sync.Mutex
	var in []client.PlayerID
	waiting := make([]client.PlayerID, client.MaxWaiting)
	atATime(t, players, func(i int) error {
		p, err := s.api.Players.Create(t.Context(), client.Profile{Username: fmt.Sprintf("racer-%d", i)})
		if err != nil {
			return err
		}
		got, err := s.api.Sessions.JoinOrWait(
			t.Context(), v.ID, client.JoinRequest{PlayerID: p.ID}, client.WithoutMembers(),
		)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(err, client.ErrWaitListFull):
		case err != nil:
			return err
		case got.Position == 0:
			in = append(in, p.ID)
		case waiting[got.Position-1] != "":
			t.Errorf("two wait as number %d", got.Position)
		default:
			waiting[got.Position-1] = p.ID
		}
		return nil
	})
	if len(in) != seats || slices.Contains(waiting, "") {
		t.Fatalf("%d got in, and who waits is %v", len(in), waiting)
	}
	check := func(left int) {
		t.Helper()
		v, err := s.api.Sessions.Get(t.Context(), v.ID)
		must(t, err)
		var reserved []client.PlayerID
		for _, m := range v.Members {
			if m.Status == client.SeatReserved {
				reserved = append(reserved, m.PlayerID)
			}
		}
		if v.SeatsHeld != seats || !slices.Equal(reserved, waiting[:left]) {
			t.Errorf("%d seats are held, and reserved for %v, want the first %d of %v",
				v.SeatsHeld, reserved, left, waiting)
		}
		var still []client.PlayerID
		for i, w := range v.WaitList {
			if still = append(still, w.PlayerID); w.Position != i+1 {
				t.Errorf("number %d is told that it is number %d", i+1, w.Position)
			}
		}
		if !slices.Equal(still, waiting[left:]) {
			t.Errorf("%v wait, want %v", still, waiting[left:])
		}
	}
	check(0)
	t.Logf("%d players, each made right before, joined in %v", players, time.Since(begin).Round(time.Millisecond))
	atATime(t, leaving, func(i int) error { return s.api.Sessions.Leave(t.Context(), v.ID, in[i]) })
	check(leaving)
}

// atATime does something so many times, some at the same time.
func atATime(t *testing.T, times int, do func(i int) error) {
	t.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(times) && !t.Failed(); i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// What a player who waits is told, and by which requests it stops waiting.
func TestWaitListOverHTTP(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 6)
	path := s.hosted(t, p[0]) // with one seat in red and two in blue
	join := func(i int, team string, rest string) response {
		body := fmt.Sprintf(`{"player_id":%q,"team":%q,"wait":true%s}`, p[i].ID, team, rest)
		return s.do(t, "POST "+path+"/members", body)
	}
	join(1, "red", "").is(http.StatusCreated)
	first := join(2, "red", `,"attributes":{"skin":"fox"}`).is(http.StatusAccepted).has("ETag", `"3"`).
		has("Location", "").json()
	if first["position"] != 1.0 || first["ticket"] != nil || len(first.list("wait_list")) != 1 {
		t.Errorf("who waits gets %v", first)
	}
	short := s.do(t, "POST "+path+"/members", fmt.Sprintf(`{"player_id":%q,"team":"red","wait":true}`, p[3].ID),
		"Prefer", "return=minimal").is(http.StatusAccepted).json()
	if short["position"] != 2.0 || short["wait_list"] != nil || short["members"] != nil {
		t.Errorf("a short response: %v", short)
	}
	if again := join(3, "", "").is(http.StatusAccepted).has("ETag", `"4"`).json(); again["position"] != 2.0 {
		t.Errorf("asking again: %v", again)
	}
	if e := join(3, "blue", "").problem(http.StatusConflict, "already_member"); e["field"] != "team" {
		t.Errorf("another team: %v", e)
	}
	join(2, "red", `,"attributes":{}`).problem(http.StatusConflict, "already_member")
	s.do(t, "POST "+path+"/members", naming(p[3])).problem(http.StatusConflict, "team_full")
	join(4, "green", "").wrong("body.team")
	s.do(t, "POST "+path+"/members", `{"wait":true,"players":[`+naming(p[4])+`]}`).wrong("body.wait")
	s.do(t, "POST "+path+"/members", `{"wait":1,"player_id":"`+string(p[4].ID)+`"}`).wrong("body.wait")
	join(4, "auto", "").is(http.StatusCreated) // blue has seats, which nobody in the list wants
	full := s.do(t, "GET "+path, "").is(http.StatusOK).json()
	if full["free_seats"] != 1.0 || len(full.list("wait_list")) != 2 {
		t.Errorf("those who wait hold no seats: %v", full)
	}
	s.do(t, "GET "+path+"/members/"+string(p[2].ID), "").problem(http.StatusNotFound, "member_not_found")

	// The seat goes to the first, with what it asked for, in the version in which it became free.
	s.do(t, "DELETE "+path+"/members/"+string(p[1].ID), "").is(http.StatusNoContent)
	m := s.do(t, "GET "+path+"/members/"+string(p[2].ID), "").is(http.StatusOK).has("ETag", `"6"`).json()
	skin, _ := m["attributes"].(map[string]any)
	if m["status"] != "reserved" || m["team"] != "red" || skin["skin"] != "fox" || m["deadline"] == nil {
		t.Errorf("the seat of the first: %v", m)
	}
	confirmed := join(2, "red", "").is(http.StatusOK).json()
	if confirmed["position"] != nil || confirmed.text("ticket") == "" {
		t.Errorf("the first is in: %v", confirmed)
	}

	// A kick and a leave end waiting, and freeing a seat seats nobody who is gone.
	s.do(t, "DELETE "+path+"/members/"+string(p[3].ID)+"?reason=afk&ban=60", "").is(http.StatusNoContent)
	join(5, "red", "").is(http.StatusAccepted)
	for range 2 {
		s.do(t, "DELETE "+path+"/members/"+string(p[5].ID), "", "X-Act-As-Player", string(p[5].ID)).
			is(http.StatusNoContent)
	}
	join(3, "red", "").problem(http.StatusForbidden, "player_banned")
	var told []string
	for _, e := range s.do(t, "GET "+path+"/timeline", "").is(http.StatusOK).json().list("items") {
		for _, c := range e.list("changes") {
			if c.text("type") == "wait_list_left" {
				told = append(told, fmt.Sprint(c["reason"], " ", c["why"]))
			}
		}
	}
	if want := []string{"left <nil>", "banned afk", "seated <nil>"}; !slices.Equal(told, want) {
		t.Errorf("the timeline says %q, want %q", told, want)
	}
	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	join(5, "red", "").problem(http.StatusGone, "session_ended")
}

// Whatever makes seats available seats those who wait, in the same version.
func TestWaitListMovesUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	settings := client.Settings{MaxPlayers: 2, AllowRematch: true}
	for name, test := range map[string]struct {
		before, free func(client.SessionID, []client.Player) error
	}{
		"more seats": {nil, func(id client.SessionID, _ []client.Player) error {
			_, err := s.api.Sessions.Patch(t.Context(), id, client.Patch{"max_players": 3})
			return err
		}},
		"unlocked": {func(id client.SessionID, p []client.Player) error {
			_, err := s.api.Sessions.Patch(t.Context(), id, client.Patch{"locked": true})
			return errors.Join(err, s.api.Sessions.Leave(t.Context(), id, p[1].ID))
		}, func(id client.SessionID, _ []client.Player) error {
			_, err := s.api.Sessions.Patch(t.Context(), id, client.Patch{"locked": false})
			return err
		}},
		"a rematch": {func(id client.SessionID, p []client.Player) error {
			_, err := s.api.Sessions.SetStatus(t.Context(), id, client.Move{Status: client.StatusInProgress})
			return errors.Join(err, s.api.Sessions.Leave(t.Context(), id, p[1].ID))
		}, func(id client.SessionID, _ []client.Player) error {
			_, err := s.api.Sessions.SetStatus(t.Context(), id, client.Move{Status: client.StatusOpen})
			return err
		}},
		"a kick": {nil, func(id client.SessionID, p []client.Player) error {
			return s.api.Sessions.Kick(t.Context(), id, p[1].ID, client.Kick{BanSeconds: 60})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, p := s.lobby(t, "lobby"+fmt.Sprint(len(name)), 2, settings)
			late := s.newPlayer(t, "late"+fmt.Sprint(len(name)))
			got, err := s.api.Sessions.JoinOrWait(t.Context(), v.ID, client.JoinRequest{PlayerID: late.ID})
			if err != nil || got.Position != 1 {
				t.Fatalf("waits as number %d: %v", got.Position, err)
			}
			if test.before != nil {
				must(t, test.before(v.ID, p))
			}
			before, err := s.api.Sessions.Get(t.Context(), v.ID)
			must(t, err)
			must(t, test.free(v.ID, p))
			after, err := s.api.Sessions.Get(t.Context(), v.ID)
			must(t, err)
			m, err := after.Member(late.ID)
			if err != nil || m.Status != client.SeatReserved || after.Version != before.Version+1 ||
				len(before.WaitList) != 1 || len(after.WaitList) != 0 {
				t.Errorf("after version %d: version %d, the member %+v, %v", before.Version, after.Version, m, err)
			}
		})
	}
}

// A player sees its own place only, and the host and servers see all.
func TestWhoSeesTheWaitList(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, p := s.lobby(t, "p", 2, client.Settings{MaxPlayers: 2})
	late := s.newPlayers(t, "late", 2)
	for _, one := range late {
		got, err := s.api.ActAs(one.ID).Sessions.JoinOrWait(t.Context(), v.ID, client.JoinRequest{PlayerID: one.ID})
		if err != nil || len(got.WaitList) != 1 || got.WaitList[0].PlayerID != one.ID {
			t.Errorf("who waits is shown %+v, %v", got.WaitList, err)
		}
	}
	_, err := s.api.ActAs(p[1].ID).Sessions.JoinOrWait(t.Context(), v.ID, client.JoinRequest{PlayerID: late[0].ID})
	if !errors.Is(err, client.ErrForbidden) {
		t.Errorf("a player puts another on the list: %v", err)
	}
	for who, test := range map[string]struct {
		c         *client.Client
		positions []int
	}{
		"a server": {s.api, []int{1, 2}}, "the host": {s.api.ActAs(p[0].ID), []int{1, 2}},
		"a member": {s.api.ActAs(p[1].ID), nil}, "the first": {s.api.ActAs(late[0].ID), []int{1}},
		"the second": {s.api.ActAs(late[1].ID), []int{2}},
	} {
		for how, read := range map[string]func() (client.Session, error){
			"read": func() (client.Session, error) { return test.c.Sessions.Get(t.Context(), v.ID) },
			"list": func() (client.Session, error) {
				page, err := test.c.Sessions.List(t.Context(), client.SessionFilter{Members: client.MembersFull})
				if err != nil || len(page.Items) != 1 {
					return client.Session{}, fmt.Errorf("%d sessions: %w", len(page.Items), err)
				}
				return page.Items[0], nil
			},
		} {
			got, err := read()
			var positions []int
			for _, w := range got.WaitList {
				positions = append(positions, w.Position)
			}
			if err != nil || !slices.Equal(positions, test.positions) {
				t.Errorf("%s: %s sees %+v, %v", how, who, got.WaitList, err)
			}
		}
	}
	brief := s.do(t, "GET /api/v1/sessions", "").is(http.StatusOK).json().list("items")
	if brief[0]["wait_list"] != nil {
		t.Errorf("a brief list has %v", brief[0])
	}
}

// Who is suspended or erased does not wait any more, wherever it did.
func TestSuspendedAndErasedDoNotWait(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	var waited []client.SessionID
	for range 3 {
		v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 1}})
		for i := range p {
			skin := client.Attributes{"skin": client.String("fox")}
			j := client.JoinRequest{PlayerID: p[(i+2)%3].ID, Attributes: skin}
			_, err := s.api.Sessions.JoinOrWait(t.Context(), v.ID, j)
			must(t, err)
		}
		waited = append(waited, v.ID)
	}
	_, err := s.api.Players.Patch(t.Context(), p[0].ID, client.Patch{"status": "suspended"})
	must(t, err)
	must(t, s.api.Players.Delete(t.Context(), p[1].ID))
	for _, id := range waited {
		v, err := s.api.Sessions.Get(t.Context(), id)
		if err != nil || len(v.WaitList) != 0 || v.SeatsHeld != 1 {
			t.Errorf("%+v wait, %v", v.WaitList, err)
		}
		events, err := s.api.Sessions.Timeline(t.Context(), id, client.TimelineFilter{Limit: 2})
		must(t, err)
		var reasons []string
		for _, e := range events.Items {
			reasons = append(reasons, e.Changes[0].Type+" "+e.Changes[0].Reason)
		}
		if want := []string{"wait_list_left erased", "wait_list_left suspended"}; !slices.Equal(reasons, want) {
			t.Errorf("the timeline says %q, want %q", reasons, want)
		}
	}
}
