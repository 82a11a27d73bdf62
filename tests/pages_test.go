package tests_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"game-session-manager/client"
	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
)

const (
	pageSessions = 7
	pageMembers  = 100 // so that a session has some 430 KB
)

// Pages of large documents end early, and all that there is comes once.
func TestPagesEndEarly(t *testing.T) {
	t.Parallel()
	database := freshDatabase(t)
	ids := seedSessions(t, database, pageSessions, pageMembers)
	s := start(t, onDatabase(database))
	for query, want := range map[string]struct{ pages, most int }{
		"":              {1, pageSessions * (pageMembers*40 + 2<<10)},
		"&members=ids":  {1, pageSessions * (pageMembers*40 + 2<<10)},
		"&members=none": {1, pageSessions * 2 << 10},
		"&members=full": {(pageSessions + 1) / 2, game.MaxPageBytes},
		"&free_seats=1": {1, game.MaxPageBytes},
	} {
		var found []string
		cursor := ""
		pages := 0
		for more := true; more; pages++ {
			a := s.do(t, "GET /api/v1/sessions?limit=100"+query+cursor, "").is(http.StatusOK)
			if len(a.body) > want.most {
				t.Errorf("%s: a page has %d bytes, want at most %d", query, len(a.body), want.most)
			}
			var page struct {
				Items []struct {
					ID        string            `json:"id"`
					SeatsHeld int               `json:"seats_held"`
					FreeSeats int               `json:"free_seats"`
					Members   []json.RawMessage `json:"members"`
					MemberIDs []string          `json:"member_ids"`
				} `json:"items"`
				NextCursor *string `json:"next_cursor"`
			}
			if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(page.Items) == 0 {
				t.Fatalf("%s: %d items, %v", query, len(page.Items), err)
			}
			for _, v := range page.Items {
				found = append(found, v.ID)
				full, none := strings.Contains(query, "full"), strings.Contains(query, "none")
				if v.SeatsHeld != pageMembers || v.FreeSeats != 1 ||
					full != (len(v.Members) == pageMembers) || (full || none) != (v.MemberIDs == nil) {
					t.Errorf(
						"%s: %d seats held, %d free, %d members, %d ids", query, v.SeatsHeld, v.FreeSeats,
						len(v.Members), len(v.MemberIDs),
					)
				}
			}
			if more = page.NextCursor != nil; more {
				cursor = "&cursor=" + *page.NextCursor
			}
		}
		if !slices.Equal(found, ids) {
			t.Errorf("%s: found %v, want %v", query, found, ids)
		}
		if pages != want.pages {
			t.Errorf("%s: %d pages, want %d", query, pages, want.pages)
		}
	}
	var through []string
	for v, err := range s.api.Sessions.All(t.Context(), client.SessionFilter{Limit: 100, Members: client.MembersFull}) {
		if err != nil {
			t.Fatal(err)
		}
		through = append(through, string(v.ID))
	}
	if !slices.Equal(through, ids) {
		t.Errorf("the SDK found %v, want %v", through, ids)
	}
}

// A session is read with as much of its members as is wanted, and whatever was read can be sent back.
func TestMembersAsWanted(t *testing.T) {
	t.Parallel()
	database := freshDatabase(t)
	id := client.SessionID(seedSessions(t, database, 1, pageMembers)[0])
	s := start(t, onDatabase(database))
	full, err := s.api.Sessions.Get(t.Context(), id)
	if err != nil || len(full.Members) != pageMembers || full.MemberIDs != nil || full.SeatsHeld != pageMembers ||
		full.FreeSeats != 1 {
		t.Fatalf(
			"%d members, %d ids, %d and %d seats, %v", len(full.Members), len(full.MemberIDs), full.SeatsHeld,
			full.FreeSeats, err,
		)
	}
	brief, err := s.api.Sessions.Get(t.Context(), id, client.ShowMembers(client.MembersIDs))
	if err != nil || brief.Members != nil || len(brief.MemberIDs) != pageMembers ||
		brief.MemberIDs[1] != full.Members[1].PlayerID {
		t.Errorf("%d members, %d ids, %v", len(brief.Members), len(brief.MemberIDs), err)
	}
	none, err := s.api.Sessions.Get(t.Context(), id, client.ShowMembers(client.MembersNone))
	if err != nil || none.Members != nil || none.MemberIDs != nil || none.SeatsHeld != pageMembers {
		t.Errorf("%d members, %d ids, %v", len(none.Members), len(none.MemberIDs), err)
	}
	path := "/api/v1/sessions/" + string(id)
	s.do(t, "GET "+path+"?members=some", "").is(http.StatusUnprocessableEntity)
	for _, query := range []string{"", "?members=ids", "?members=none"} {
		s.do(t, "PUT "+path, s.do(t, "GET "+path+query, "").is(http.StatusOK).body).is(http.StatusOK)
	}
}

// Whoever prefers short responses gets them, and a ticket all the same.
func TestMinimalResponses(t *testing.T) {
	t.Parallel()
	database := freshDatabase(t)
	id := client.SessionID(seedSessions(t, database, 1, pageMembers)[0])
	s := start(t, onDatabase(database), func(o *setup) {
		o.env = append(o.env, "GSM_SECRET_KEY="+strings.Repeat("0123456789abcdef", 4))
	})
	p := s.newPlayer(t, "guest")
	path := "/api/v1/sessions/" + string(id)
	const minimal = "return=minimal"
	short := func(what, body string, status int) response {
		t.Helper()
		a := s.do(t, what, body, "Prefer", "respond-async, "+minimal).is(status).has("Preference-Applied", minimal)
		if len(a.body) > 2<<10 {
			t.Errorf("%s: %d bytes", what, len(a.body))
		}
		return a
	}
	join := fmt.Sprintf(`{"player_id":%q}`, p.ID)
	var joined client.Joined
	err := json.Unmarshal([]byte(short("POST "+path+"/members", join, http.StatusCreated).body), &joined)
	if err != nil {
		t.Fatal(err)
	}
	if joined.Ticket == "" || joined.ID != id || joined.Members != nil || joined.SeatsHeld != pageMembers+1 ||
		joined.FreeSeats != 0 {
		t.Errorf("joined %+v", joined)
	}
	short("POST "+path+"/members", join, http.StatusOK)
	short("PATCH "+path, `{"name":"x"}`, http.StatusOK)
	short("PUT "+path, `{"status":"open"}`, http.StatusOK)
	short("POST /api/v1/sessions", `{"max_players":2}`, http.StatusCreated)
	if a := short("DELETE "+path+"/members/"+string(p.ID), "", http.StatusNoContent); a.body != "" {
		t.Errorf("a body where there is none: %s", a.body)
	}
	a := s.do(t, "POST "+path+"/members", join, "Prefer", "return=representation").is(http.StatusCreated).
		has("Preference-Applied", "")
	if len(a.body) < 400<<10 {
		t.Errorf("the whole has %d bytes", len(a.body))
	}
	got, err := s.api.Sessions.Join(t.Context(), id, client.JoinRequest{PlayerID: p.ID}, client.WithoutMembers())
	if err != nil || got.Members != nil || got.SeatsHeld != pageMembers+1 || got.Ticket == "" {
		t.Errorf("the SDK got %d members, %d seats, %v", len(got.Members), got.SeatsHeld, err)
	}
}

// seedSessions stores sessions of so many members, each with the largest attributes that there can be, and a seat
// more where there can be one. It returns their ids in the order of lists.
func seedSessions(t *testing.T, database string, sessions, members int) (ids []string) {
	t.Helper()
	s, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	now := time.Now().UTC().Truncate(time.Millisecond)
	newID := func() string { return uuid.Must(uuid.NewV7()).String() }
	for range sessions {
		v := game.Session{
			ID: game.SessionID(newID()), Project: game.DefaultProject, Version: 1, CreatedAt: now, UpdatedAt: now,
			Status: game.StatusOpen,
			Settings: game.Settings{Visibility: game.VisibilityPublic, MaxPlayers: min(
				members+1, game.MaxPlayers,
			), Teams: map[string]int{}, Attributes: game.Attributes{}},
		}
		for range members {
			a := game.Attributes{}
			for k := range game.MaxMemberAttributes {
				a[fmt.Sprintf("k%02d", k)] = game.StringValue(strings.Repeat("x", 4<<10/game.MaxMemberAttributes-3))
			}
			v.Members = append(v.Members, game.Member{
				PlayerID: game.PlayerID(newID()), Status: game.SeatJoined, JoinedAt: now,
				MemberSettings: game.MemberSettings{Attributes: a},
			})
		}
		if err := s.CreateSession(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, string(v.ID))
	}
	slices.Reverse(ids)
	return ids
}
