package tests_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/client"
)

// These tests are about what users of other systems complain of, in the order of how often they do. Package game tests
// the rules; here the whole is tried, with crashes of the service in between.

// ways returns clients of one database, one for each of two processes if it can have two.
func ways(t *testing.T, args ...string) []*server {
	t.Helper()
	if underTest.name == sqlite {
		return []*server{start(t, withArgs(args...))}
	}
	two := replicas(t, withArgs(args...))
	return two[:]
}

// again kills a server as kill -9 does, and starts another on its database.
func (s *server) again(t *testing.T, args ...string) *server {
	t.Helper()
	s.kill()
	return start(t, onDatabase(s.database), withArgs(args...))
}

// told returns the types of all changes of a session, the first first, each with the reason or what it changed to.
func (s *server) told(t *testing.T, id client.SessionID) (all []string) {
	t.Helper()
	for e, err := range s.api.Sessions.AllOfTimeline(t.Context(), id, client.TimelineFilter{}) {
		must(t, err)
		for _, c := range slices.Backward(e.Changes) {
			all = append(all, strings.TrimSpace(c.Type+" "+c.Reason+string(c.To)))
		}
	}
	slices.Reverse(all)
	return all
}

// becomes waits until a session is as it is wanted, and returns it.
func (s *server) becomes(
	t *testing.T, id client.SessionID, what string, is func(client.Session) bool,
) (v client.Session) {
	t.Helper()
	eventually(t, "the session "+what, func() (so bool) {
		var err error
		v, err = s.api.Sessions.Get(t.Context(), id)
		return err == nil && is(v) || !pause(t.Context(), 50*time.Millisecond) // it takes seconds
	})
	return v
}

func isStale(v client.Session) bool { return v.Liveness == client.Stale }

// Ghost lobbies: the host, or the service itself, crashes, and the session stays in the list for ever, or can be joined
// and never started.
//
// https://github.com/colyseus/colyseus/issues/850 https://github.com/colyseus/colyseus/issues/555
// https://github.com/colyseus/colyseus/issues/513 https://github.com/colyseus/colyseus/issues/532
// https://github.com/agones-dev/agones/issues/607 https://github.com/ViktorGox/fight-club/issues/30
func TestNoGhostSessions(t *testing.T) {
	t.Parallel()
	args := []string{"--stale-after=5s", "--expire-after=15s", "--host-grace=1s"}
	s := start(t, withArgs(args...))
	v, p := s.lobby(t, "ghost", 2, client.Settings{MaxPlayers: 3})
	lone := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 3}, HostID: &p[0].ID})
	for _, id := range []client.SessionID{v.ID, lone.ID} {
		_, err := s.api.ActAs(p[0].ID).Sessions.Heartbeat(t.Context(), client.Heartbeat{SessionID: id})
		must(t, err)
	}
	// The host crashes, and so does the service.
	s = s.again(t, args...)
	heir := s.becomes(t, v.ID, "has another host", func(v client.Session) bool {
		return v.HostID != nil && *v.HostID == p[1].ID
	})
	if heir.Liveness != client.Live || heir.Fence != v.Fence+1 || len(heir.Members) != 2 {
		t.Errorf("after the crash of its host: %+v", heir)
	}
	// It can be left, started and ended by those who are there.
	_, err := s.api.ActAs(p[1].ID).Sessions.Patch(t.Context(), v.ID, client.Patch{"name": "ours"})
	must(t, err)
	// Nobody sends heartbeats any more.
	over := func(v client.Session) bool { return v.Status == client.StatusExpired }
	s.becomes(t, lone.ID, "is over", over)
	s.becomes(t, v.ID, "is over", over)
	open := client.SessionFilter{Status: []client.SessionStatus{client.StatusOpen}}
	page, err := s.api.Sessions.List(t.Context(), open)
	if err != nil || len(page.Items) != 0 {
		t.Errorf("the list of open sessions has %+v, %v", page.Items, err)
	}
	want := []string{
		"session_created", "member_joined", "host_changed joined", "lease_started", "liveness_changed stale",
		"member_disconnected", "host_changed host_lost", "status_changed lease_expiredexpired",
	}
	if got := s.told(t, lone.ID); !slices.Equal(got, want) {
		t.Errorf("the timeline tells %q, want %q", got, want)
	}
}

// A session that is alive vanishes after one missed check, or is terminated.
//
// https://github.com/colyseus/colyseus/issues/968 https://forums.awsgametech.com/t/5129
func TestMissedHeartbeatsAreForgiven(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--stale-after=5s"))
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	p := s.newPlayer(t, "late")
	beat := func() client.HeartbeatReply {
		t.Helper()
		l, err := s.api.Sessions.Heartbeat(t.Context(), client.Heartbeat{SessionID: v.ID})
		must(t, err)
		return l
	}
	first := beat()
	if left := time.Until(first.NextDeadline); left > 5*time.Second || left < -time.Minute {
		t.Errorf("the next deadline is in %v", left)
	}
	s.becomes(t, v.ID, "is stale", isStale)
	_, err := s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p.ID})
	if e := (*client.Error)(nil); !errors.As(err, &e) || !errors.Is(e, client.ErrSessionNotJoinable) ||
		e.Extras["liveness"] != "stale" {
		t.Errorf("joining a stale session: %v", err)
	}
	if l := beat(); l.Liveness != client.Live || l.Status != client.StatusOpen || l.Version != first.Version+2 {
		t.Errorf("the next heartbeat returned %+v after %+v", l, first)
	}
	_, err = s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p.ID})
	must(t, err)
	want := []string{
		"session_created", "lease_started", "liveness_changed stale", "liveness_changed live", "member_joined",
	}
	if got := s.told(t, v.ID); !slices.Equal(got[:len(want)], want) {
		t.Errorf("the timeline tells %q, want %q", got, want)
	}
}

// A player whose connection is lost gets another seat when it is back, none, or finds its seat given away.
//
// https://github.com/colyseus/colyseus/issues/343 https://github.com/colyseus/colyseus/issues/552
// https://github.com/colyseus/colyseus/issues/571 https://github.com/colyseus/colyseus/issues/591
// https://github.com/colyseus/colyseus/issues/631 https://github.com/colyseus/colyseus/issues/932
// https://github.com/colyseus/proxy/issues/4 https://github.com/colyseus/proxy/issues/14
// https://github.com/colyseus/proxy/issues/30 https://github.com/heroiclabs/nakama/issues/245
// https://github.com/heroiclabs/nakama-dart/issues/113
// https://github.com/Unity-Technologies/com.unity.multiplayer.samples.coop/issues/737
func TestReconnectionsGetTheirSeatsBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	v := s.newSession(t, client.SessionRequest{
		HostID: &p[0].ID, Settings: client.Settings{MaxPlayers: 2, Teams: map[string]int{"red": 2}},
	})
	seat := client.JoinRequest{PlayerID: p[1].ID}
	seat.Team, seat.Attributes = "red", client.Attributes{"skin": client.String("owl")}
	_, err := s.api.Sessions.Join(t.Context(), v.ID, seat)
	must(t, err)
	_, err = s.api.Sessions.PatchMember(t.Context(), v.ID, p[1].ID, client.Patch{"status": client.SeatDisconnected})
	must(t, err)

	s = s.again(t) // the service crashes meanwhile
	_, err = s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p[2].ID})
	if !errors.Is(err, client.ErrSessionFull) {
		t.Errorf("the seat of a player who is disconnected: %v", err)
	}
	// It is back, and does not know which of its ways back has worked.
	failures := make([]error, 9)
	together(len(failures), func(i int) {
		switch c := s.api.ActAs(p[1].ID).Sessions; i % 3 {
		case 0:
			_, failures[i] = c.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p[1].ID})
		case 1:
			_, failures[i] = c.PatchMember(t.Context(), v.ID, p[1].ID, client.Patch{"status": client.SeatJoined})
		case 2:
			_, failures[i] = c.MemberHeartbeat(t.Context(), v.ID, p[1].ID)
		}
	})
	must(t, errors.Join(failures...))
	got, err := s.api.Sessions.Get(t.Context(), v.ID)
	must(t, err)
	if err := sound(got); err != nil || len(got.Members) != 2 {
		t.Fatalf("after its return: %+v, %v", got.Members, err)
	}
	if m := got.Members[1]; m.PlayerID != p[1].ID || m.Status != client.SeatJoined || m.Team != "red" ||
		m.Attributes["skin"] != client.String("owl") || m.Deadline != nil {
		t.Errorf("after its return: %+v", got.Members)
	}
	want := []string{
		"session_created", "member_joined", "host_changed joined", "member_joined", "member_disconnected",
		"member_reconnected",
	}
	if got := s.told(t, v.ID); !slices.Equal(got, want) {
		t.Errorf("the timeline tells %q, want %q", got, want)
	}
}

// That a player is gone is not noticed, or is told twice.
//
// https://github.com/heroiclabs/nakama-unity/issues/65 https://github.com/heroiclabs/nakama-unity/issues/110
// https://github.com/heroiclabs/nakama/issues/617 https://github.com/EOS-Contrib/eos_plugin_for_unity/issues/213
func TestLeavingIsToldOnce(t *testing.T) {
	t.Parallel()
	s := ways(t, "--stale-after=5s", "--disconnect-grace=2s")
	v, p := s[0].lobby(t, "gone", 4, client.Settings{MaxPlayers: 4})
	told := func(what string) (n int) {
		for _, c := range s[0].told(t, v.ID) {
			if strings.HasPrefix(c, what) {
				n++
			}
		}
		return n
	}
	// One whose client dies without a word.
	_, err := s[0].api.Sessions.MemberHeartbeat(t.Context(), v.ID, p[1].ID)
	must(t, err)
	// One of whom it is told several times at once that it is disconnected, and one who leaves several times at once.
	const times = 12
	failures := make([]error, 2*times)
	together(len(failures), func(i int) {
		c := s[i%len(s)].connect(t, client.WithRetries(0)).Sessions
		if i < times {
			_, failures[i] = c.PatchMember(t.Context(), v.ID, p[2].ID, client.Patch{"status": client.SeatDisconnected})
		} else if failures[i] = c.Leave(t.Context(), v.ID, p[3].ID); errors.Is(failures[i], client.ErrMemberNotFound) {
			failures[i] = nil
		}
	})
	must(t, errors.Join(failures...))
	s[0].becomes(t, v.ID, "has only the host", func(v client.Session) bool { return len(v.Members) == 1 })
	for what, want := range map[string]int{
		"member_disconnected": 2, "member_removed timed_out": 2, "member_removed": 3, "member_left": 0,
	} {
		if n := told(what); n != want {
			t.Errorf("the timeline tells %s %d times, want %d: %q", what, n, want, s[0].told(t, v.ID))
		}
	}
}

// An empty session is cleaned up while a player joins it, who then is in no session; or it never is, because the number
// of its players is wrong.
//
// https://repost.aws/questions/QU1c7KEMvoQZO80YKwIK088g https://forums.awsgametech.com/t/8259
// https://github.com/KBVE/kbve/issues/13194
func TestEmptySessionsEndOrAreJoined(t *testing.T) {
	t.Parallel()
	s := ways(t, "--empty-timeout=1s")
	const rooms = 60
	p := s[0].newPlayers(t, "p", rooms)
	joined, failures, ids := make([]bool, rooms), make([]error, rooms), make([]client.SessionID, rooms)
	together(rooms, func(i int) {
		failures[i] = func() error {
			first, second := s[i%len(s)].api.Sessions, s[(i+1)%len(s)].api.Sessions
			r := client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}, HostID: &p[i].ID}
			v, err := first.Create(t.Context(), r)
			if err != nil {
				return err
			}
			ids[i] = v.ID
			if err := first.Leave(t.Context(), v.ID, p[i].ID); err != nil || i%6 == 0 { // some are left alone
				return err
			}
			pause(t.Context(), 600*time.Millisecond+rand.N(700*time.Millisecond)) // about when the keeper comes
			_, err = second.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p[i].ID})
			if joined[i] = err == nil; errors.Is(err, client.ErrSessionEnded) {
				return nil
			}
			return err
		}()
	})
	must(t, errors.Join(failures...))
	kept := 0
	for i, id := range ids {
		if joined[i] {
			kept++
			v, err := s[0].api.Sessions.Get(t.Context(), id)
			if err != nil || v.Status != client.StatusOpen || len(v.Members) != 1 || v.HostID == nil {
				t.Errorf("a session that was joined: %+v, %v", v, err)
			}
			continue
		}
		v := s[0].becomes(t, id, "has ended", func(v client.Session) bool { return v.Status.Terminal() })
		if v.Status != client.StatusCancelled || v.EndReason != client.ReasonEmptyTimeout || len(v.Members) != 0 {
			t.Errorf("a session that was left alone: %+v", v)
		}
		want := []string{
			"session_created", "member_joined", "host_changed joined", "member_removed kicked", "host_changed left",
			"status_changed empty_timeoutcancelled",
		}
		if got := s[0].told(t, id); len(got) != len(want) || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("its timeline tells %q, want %q", got, want)
		}
	}
	t.Logf("%s: of %d empty sessions %d were joined in time", underTest.name, rooms, kept)
}

var counts = regexp.MustCompile(`(?m)^gsm_(players|members|sessions)\b.*$`)

// Numbers of players and sessions drift from the truth, down to negative ones, and an operator has to reconcile them.
//
// https://github.com/colyseus/colyseus/issues/649, and AccelByte's administrators have an operation for it:
// https://github.com/AccelByte/accelbyte-go-sdk/blob/main/spec/session.json
func TestNumbersAreTheTruth(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := newLedger(400)
	l.load(t, s, 40, s.kill) // in the middle of creations, joins and ends
	s = start(t, onDatabase(s.database))
	s.newPlayer(t, "afterwards")

	sessions, members, players, free := map[client.SessionStatus]int{}, 0, 0, 0
	for v, err := range s.api.Sessions.All(t.Context(), client.SessionFilter{Limit: 100, Members: client.MembersFull}) {
		must(t, err)
		if v.Status.Terminal() {
			continue
		}
		sessions[v.Status]++
		members += len(v.Members)
		if v.MaxPlayers > len(v.Members) {
			free++
		}
	}
	for _, err := range s.api.Players.All(t.Context(), client.PlayerFilter{Limit: 100}) {
		must(t, err)
		players++
	}
	want := []string{fmt.Sprintf("\ngsm_players %d\n", players), fmt.Sprintf("\ngsm_members %d\n", members)}
	for _, status := range []client.SessionStatus{client.StatusOpen, client.StatusStarting, client.StatusInProgress} {
		want = append(want, fmt.Sprintf("\ngsm_sessions{status=%q} %d\n", status, sessions[status]))
	}
	metrics := ""
	eventually(t, "it is counted", func() bool {
		metrics = s.metrics(t)
		return strings.Contains(metrics, want[0]) // the counts are cached for some seconds
	})
	for _, line := range want {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics do not have%samong\n%s", line, counts.FindAllString(metrics, -1))
		}
	}
	found := 0
	target := "/api/v1/sessions?limit=100&free_seats=1"
	for _, status := range []string{"open", "starting", "in_progress"} {
		found += len(s.pages(t, target+"&status="+status))
	}
	if found != free {
		t.Errorf("%d sessions are listed as having a free seat, and %d have one", found, free)
	}
	s.do(t, "GET /readyz", "").is(http.StatusOK)
	s.terminate(t)
	db(t, 0, []string{"check", "--database-url", s.database}, "0 findings")
}
