package tests_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"game-session-manager/client"
)

const projectFeed = "/api/v1/events"

// feedOf reads events of the project's feed after a position until there are as many, and returns the last position.
func (s *server) feedOf(t *testing.T, query, after string, count int) (items []client.Event, position string) {
	t.Helper()
	for position = after; len(items) < count; {
		got := s.do(t, "GET "+projectFeed+"?wait=30&after="+position+query, "").is(http.StatusOK)
		s.contract(t).check(t, "GET "+projectFeed, got)
		var p struct {
			Items    []client.Event `json:"items"`
			Position string         `json:"position"`
		}
		if err := json.Unmarshal([]byte(got.body), &p); err != nil {
			t.Fatal(err)
		}
		if len(p.Items) == 0 && p.Position == position {
			t.Fatalf("only %d of %d events come%s: %+v", len(items), count, query, items)
		}
		items, position = append(items, p.Items...), p.Position
	}
	return items, position
}

func changesIn(events []client.Event) (all []string) {
	for _, e := range events {
		for _, c := range e.Changes {
			all = append(all, c.Type)
		}
	}
	return all
}

// The feed tells of sessions and players, in order, without personal data, and as much of it as the filters select.
func TestProjectFeed(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	p, err := s.api.Players.Create(ctx, client.Profile{
		Username: "feedsecret", DisplayName: "Feedsecret",
		Attributes: client.Attributes{"feedsecret": client.String("x")},
	})
	if err != nil {
		t.Fatal(err)
	}
	v := s.newSession(t, client.SessionRequest{
		Settings: client.Settings{Name: "Feedsecret", MaxPlayers: 2}, HostID: &p.ID,
	})
	other := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	_, err = s.api.Players.Patch(ctx, p.ID, client.Patch{
		"status": "suspended", "suspension_reason": "feedsecret", "display_name": "Feedsecret the second",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.api.Players.Delete(ctx, p.ID); err != nil {
		t.Fatal(err)
	}
	all, position := s.feedOf(t, "", "0", 6)
	for i, e := range all {
		if e.Seq != int64(i+1) || e.RequestID == "" && e.RunID == "" {
			t.Errorf("at place %d is %+v", i+1, e)
		}
	}
	types := changesIn(all)
	for _, want := range []string{
		"player_created", "session_created", "suspension_set", "profile_changed", "player_erased", "member_removed",
	} {
		if !slices.Contains(types, want) {
			t.Errorf("the feed has no %s: %v", want, types)
		}
	}
	if strings.Contains(strings.ToLower(encode(t, all)), "feedsecret") {
		t.Errorf("personal data is in the feed: %s", encode(t, all))
	}
	about := func(kind client.SubjectKind, id string) func(client.Event) bool {
		return func(e client.Event) bool { return e.Subject.Kind == kind && (id == "" || e.Subject.ID == id) }
	}
	for query, wants := range map[string]func(client.Event) bool{
		"&subject_kind=player":                         about("player", ""),
		"&subject_kind=player,session":                 func(client.Event) bool { return true },
		"&subject_id=" + strings.ToUpper(string(v.ID)): about("session", string(v.ID)),
		"&session_id=" + string(other.ID):              about("session", string(other.ID)),
		"&player_id=" + string(p.ID): func(e client.Event) bool {
			return e.Subject.ID != string(other.ID)
		},
		"&type=player_erased,session_created": func(e client.Event) bool {
			types := changesIn([]client.Event{e})
			return slices.Contains(types, "player_erased") || slices.Contains(types, "session_created")
		},
		"&actor_kind=player":                func(client.Event) bool { return false },
		"&actor_kind=admin":                 func(e client.Event) bool { return e.Actor.Kind == "admin" },
		"&actor_kind=admin&type=ban_lifted": func(client.Event) bool { return false },
	} {
		wanted := slices.DeleteFunc(slices.Clone(all), func(e client.Event) bool { return !wants(e) })
		got := s.do(t, "GET "+projectFeed+"?after=0&limit=100"+query, "").is(http.StatusOK)
		var found struct {
			Items    []client.Event `json:"items"`
			Position string         `json:"position"`
		}
		if err := json.Unmarshal([]byte(got.body), &found); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(found.Items, append([]client.Event{}, wanted...)) {
			t.Errorf("%s finds %s, want %s", query, encode(t, found.Items), encode(t, wanted))
		}
		if len(wanted) == 0 && found.Position != position {
			t.Errorf("where nothing matches%s, the position is %s, want %s", query, found.Position, position)
		}
	}
	two := s.do(t, "GET "+projectFeed+"?after=0&limit=2", "").is(http.StatusOK).json()
	if rest, _ := s.feedOf(t, "", two.text("position"), 4); !reflect.DeepEqual(rest, all[2:]) {
		t.Errorf("after the first two come %v", rest)
	}
	for _, query := range []string{
		"?type=x", "?subject_kind=x", "?player_id=x", "?after=x", "?wait=31", "?limit=101", "?seq=1", "?snapshot=true",
	} {
		s.do(t, "GET "+projectFeed+query, "").problem(http.StatusUnprocessableEntity, "validation_error")
	}
	epoch, _, _ := strings.Cut(position, ".")
	for _, after := range []string{"0123456789abcdef.3", epoch + ".7"} {
		gap := s.do(t, "GET "+projectFeed+"?after="+after, "").problem(http.StatusGone, "feed_gap")
		if gap.text("position") != position || gap["current_version"] != nil {
			t.Errorf("after %s: %v", after, gap)
		}
	}
	s.do(t, "HEAD "+projectFeed, "").is(http.StatusOK)
}

// Streams of the feed tell what happens, and how far they have looked where nothing matches.
func TestProjectFeedStreams(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, open := range map[string]func(*testing.T, string, ...string) *stream{
		"sse": s.sse, "websocket": s.webSocket,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
			query := "&session_id=" + string(v.ID)
			first := open(t, projectFeed+"?after=0"+query)
			first.event(t, 1)
			s.toggle(t, v.ID, 2)
			first.event(t, 2)
			m := first.next(t)
			if _, seq, _ := strings.Cut(m.Position, "."); m.Event == nil || seq != fmt.Sprint(m.Event.Seq) {
				t.Errorf("the position of %+v is not its place in the feed", m)
			}
			first.cancel()
			s.toggle(t, v.ID, 2)
			resumed := open(t, projectFeed+"?"+query[1:], "Last-Event-ID", m.Position)
			resumed.event(t, 4)
			resumed.event(t, 5)
			if err := s.api.Sessions.Cancel(t.Context(), v.ID); err != nil {
				t.Fatal(err)
			}
			resumed.event(t, 6) // which is not its end
			other := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
			everything := open(t, projectFeed, "Last-Event-ID", m.Position)
			for m.Event.Subject.ID != string(other.ID) {
				next := everything.next(t)
				if next.Event == nil || next.Event.Seq != m.Event.Seq+1 {
					t.Fatalf("after %d comes %+v", m.Event.Seq, next)
				}
				m = next
			}
		})
	}
}

// Followers at all processes get the same events in the same order, whoever makes them, and can go on at another one.
func TestProjectFeedOfReplicas(t *testing.T) {
	t.Parallel()
	const changes = 20
	servers := []*server{start(t)}
	if underTest.name == mongodb {
		for range 2 {
			servers = append(servers, start(t, onDatabase(servers[0].database)))
		}
	}
	var streams []*stream
	for _, s := range servers {
		streams = append(streams, s.sse(t, projectFeed+"?after=0"))
	}
	var writers sync.WaitGroup
	for _, s := range servers {
		writers.Go(func() {
			v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
			s.toggle(t, v.ID, changes-1)
		})
	}
	last := changes * len(servers)
	var want []string
	for i, st := range streams {
		var got []string
		for seq := 1; seq <= last; seq++ {
			if seq == last/2 { // leave, and go on elsewhere
				m := st.next(t)
				got = append(got, m.Position+" "+m.Event.Subject.ID)
				st.cancel()
				st = servers[(i+1)%len(servers)].sse(t, projectFeed, "Last-Event-ID", m.Position)
				continue
			}
			m := st.next(t)
			if m.Event == nil || m.Event.Seq != int64(seq) {
				t.Fatalf("at place %d comes %+v", seq, m)
			}
			got = append(got, m.Position+" "+m.Event.Subject.ID)
		}
		if i == 0 {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("follower %d got %v, want %v", i, got, want)
		}
	}
	writers.Wait()
}
