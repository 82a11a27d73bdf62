package tests_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"game-session-manager/client"
)

// A member that is disconnected keeps its seat until its deadline, and a host its office for a while.
func TestMemberStatus(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	path := s.hosted(t, p[0])
	for _, next := range p[1:] {
		s.do(t, "POST "+path+"/members", naming(next)).is(http.StatusCreated)
	}
	patch := func(i int, body string) response {
		return s.do(t, fmt.Sprintf("PATCH %s/members/%s", path, p[i].ID), body)
	}
	m := patch(1, `{"status":"disconnected","attributes":{"ping":9}}`).is(http.StatusOK).has("ETag", `"4"`).json()
	left := time.Until(m.instant(t, "deadline"))
	if m.text("status") != "disconnected" || left < 100*time.Second || left > 120*time.Second ||
		fmt.Sprint(m["attributes"]) != "map[ping:9]" {
		t.Errorf("disconnected: %v", m)
	}
	for _, same := range []string{`{"status":"disconnected"}`, `{"status":null}`, `{}`} {
		patch(1, same).is(http.StatusOK).has("ETag", `"4"`)
	}
	patch(1, `{"status":"reserved"}`).wrong("body.status")
	patch(1, `{"status":"gone"}`).wrong("body.status")
	patch(1, `{"deadline":null}`).wrong("body.deadline")
	s.do(t, "PUT "+path+"/host", naming(p[1])).problem(http.StatusConflict, "member_not_joined")
	m = patch(1, `{"status":"joined"}`).is(http.StatusOK).has("ETag", `"5"`).json()
	if m["deadline"] != nil || m["reconnected_at"] == nil || m["status"] != "joined" {
		t.Errorf("back: %v", m)
	}
	s.do(t, "POST "+path+"/members/"+string(p[1].ID)+"/heartbeat", "").is(http.StatusOK).json()

	patch(0, `{"status":"disconnected"}`).is(http.StatusOK)
	v := s.do(t, "GET "+path, "").is(http.StatusOK).json()
	if v["host_lost_at"] == nil || v["host_id"] != string(p[0].ID) || v["fence"] != 1.0 {
		t.Errorf("a host that is disconnected: %v", v)
	}
	s.do(t, "POST "+path+"/members", naming(p[0])).is(http.StatusOK) // joining again reconnects
	if v := s.do(t, "GET "+path, "").is(http.StatusOK).json(); v["host_lost_at"] != nil {
		t.Errorf("a host that is back: %v", v)
	}

	// A host that is away for too long is replaced by the service, and has its seat when it returns, not its office.
	s.do(t, "PATCH "+path, `{"host_grace":1,"stale_after":5}`).is(http.StatusOK)
	patch(0, `{"status":"disconnected"}`).is(http.StatusOK)
	eventually(t, "the host is replaced", func() bool {
		v := s.do(t, "GET "+path, "").is(http.StatusOK).json()
		return v["host_id"] == string(p[1].ID) && v["fence"] == 2.0 && v["host_lost_at"] == nil
	})
	patch(0, `{"status":"joined"}`).is(http.StatusOK)
	s.wantHost(t, path, &p[1])

	s.do(t, "PATCH "+path, `{"disconnect_grace":0}`).is(http.StatusOK)
	patch(2, `{"status":"disconnected"}`).is(http.StatusOK)
	eventually(t, "the member has lost its seat", func() bool {
		return s.do(t, fmt.Sprintf("GET %s/members/%s", path, p[2].ID), "").status == http.StatusNotFound
	})
	change := s.do(t, "GET "+path+"/timeline?limit=1", "").is(http.StatusOK).json().list("items")[0].list("changes")[0]
	if change.text("type") != "member_removed" || change.text("reason") != "timed_out" {
		t.Errorf("the timeline tells %v", change)
	}
}

// The settings about time have defaults, which null gives, and limits.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	s := start(t)
	host := s.newPlayer(t, "host")
	hosted := fmt.Sprintf(`{"max_players":2,"host_id":%q`, host.ID)
	limits, _ := s.do(t, "GET /api/v1/limits", "").is(http.StatusOK).json()["sessions"].(map[string]any)
	timeouts, _ := limits["timeouts"].(map[string]any)
	if len(timeouts) != 9 {
		t.Errorf("the timeouts are %v", timeouts)
	}
	v := s.do(t, "POST /api/v1/sessions", hosted+`,"idle_timeout":null}`).is(http.StatusCreated).json()
	path := "/api/v1/sessions/" + v.text("id")
	for name, limits := range timeouts {
		limits := object(limits.(map[string]any))
		if v[name] != limits["default"] {
			t.Errorf("%s is %v, want %v", name, v[name], limits["default"])
		}
		for _, beyond := range []float64{limits["min"].(float64) - 1, limits["max"].(float64) + 1} {
			s.do(t, "POST /api/v1/sessions", fmt.Sprintf(`%s,%q:%.0f}`, hosted, name, beyond)).wrong("body." + name)
			s.do(t, "PATCH "+path, fmt.Sprintf(`{%q:%.0f}`, name, beyond)).wrong("body." + name)
		}
		for _, limit := range []string{"max", "min"} {
			edit := map[string]any{"stale_after": 5, "expire_after": 604800}
			edit[name] = limits[limit]
			if got := s.do(t, "PATCH "+path, encode(t, edit)).is(http.StatusOK).json(); got[name] != limits[limit] {
				t.Errorf("%s is %v, want %v", name, got[name], limits[limit])
			}
		}
		null := `{"stale_after":5,"expire_after":null,"` + name + `":null}`
		if name == "stale_after" || name == "expire_after" {
			null = `{"stale_after":null,"expire_after":null}`
		}
		if got := s.do(t, "PATCH "+path, null).is(http.StatusOK).json(); got[name] != limits["default"] {
			t.Errorf("null makes %s %v, want %v", name, got[name], limits["default"])
		}
	}
	s.do(t, "PATCH "+path, `{"stale_after":null,"expire_after":null}`).is(http.StatusOK)
	s.do(t, "PATCH "+path, `{"expire_after":30}`).wrong("body.expire_after")
	s.do(t, "PATCH "+path, `{"stale_after":3600}`).wrong("body.expire_after")
	s.do(t, "PATCH "+path, `{"stale_after":3600,"expire_after":3601}`).is(http.StatusOK)
	s.do(t, "POST /api/v1/sessions", `{"max_players":2,"stale_after":60,"expire_after":60}`).wrong("body.expire_after")

	now := s.do(t, "GET "+path, "").is(http.StatusOK)
	s.do(t, "PUT "+path, now.body).is(http.StatusOK).has("ETag", now.header.Get("ETag"))
	s.do(t, "PUT "+path, `{"status":"open","host_grace":29,"mode":"x"}`).wrong("body.host_grace", "body.mode")

	v = s.do(t, "POST /api/v1/sessions", `{"max_players":2}`).is(http.StatusCreated).json()
	path = "/api/v1/sessions/" + v.text("id")
	if v["empty_timeout"] != 0.0 {
		t.Errorf("a server's session that is empty ends after %v", v["empty_timeout"])
	}
	s.do(t, "PATCH "+path, `{"empty_timeout":9}`).is(http.StatusOK)
	if v := s.do(t, "PATCH "+path, `{"empty_timeout":null}`).is(http.StatusOK).json(); v["empty_timeout"] != 0.0 {
		t.Errorf("null makes it %v", v["empty_timeout"])
	}
}

// Sessions end by themselves, with the reason.
func TestSessionsEndByThemselves(t *testing.T) {
	t.Parallel()
	s := start(t)
	host := s.newPlayer(t, "host")
	open := func(fields string) string {
		return s.do(t, "POST /api/v1/sessions", `{"max_players":2,`+fields+`}`).is(http.StatusCreated).
			header.Get("Location")
	}
	empty := open(fmt.Sprintf(`"empty_timeout":1,"host_id":%q`, host.ID))
	s.do(t, "DELETE "+empty+"/members/"+string(host.ID), "").is(http.StatusNoContent)
	playing := open(fmt.Sprintf(`"empty_timeout":1,"host_id":%q`, host.ID))
	s.do(t, "PUT "+playing, `{"status":"in_progress"}`).is(http.StatusOK)
	s.do(t, "DELETE "+playing+"/members/"+string(host.ID), "").is(http.StatusNoContent)
	for path, want := range map[string]string{
		empty: "cancelled empty_timeout", playing: "expired empty_timeout",
		open(`"max_duration":1`):                            "expired max_duration",
		open(`"status":"pending","activation_timeout":1`):   "failed activation_timeout",
		open(`"status":"pending","activation_timeout":600`): "pending ",
	} {
		var v object
		if want != "pending " {
			eventually(t, "the session is over", func() bool {
				v = s.do(t, "GET "+path, "").is(http.StatusOK).json()
				return v["ended_at"] != nil
			})
		} else {
			v = s.do(t, "GET "+path, "").is(http.StatusOK).json()
		}
		if got := v.text("status") + " " + v.text("end_reason"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The loop of heartbeats of the SDK keeps a session alive, reports what changes, and ends with the reason.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 2)
	open := func() client.Session {
		five, ten := 5, 10
		v, _ := s.api.Sessions.Get(t.Context(), s.newSession(t, client.SessionRequest{
			Settings: client.Settings{MaxPlayers: 4}, HostID: &p[0].ID,
			TimeoutRequest: client.TimeoutRequest{StaleAfter: &five, ExpireAfter: &ten},
		}).ID)
		return v
	}
	// keep runs the loop until it ends, and returns a channel of its end.
	keep := func(ctx context.Context, c *client.Client, v client.Session, o ...client.KeepAliveOption) <-chan error {
		ended := make(chan error, 1)
		go func() { ended <- c.Sessions.KeepAlive(ctx, v, o...) }()
		return ended
	}
	wait := func(ended <-chan error) error {
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			t.Fatal("the loop does not end")
			return nil
		}
	}

	v := open()
	changes := make(chan client.Session, 100)
	ended := keep(t.Context(), s.api, v, client.OnChange(func(v client.Session) { changes <- v }),
		client.WithPlayers(func() []client.PlayerID { return []client.PlayerID{p[0].ID} }))
	if first := <-changes; !first.Leased || first.Version != 2 || len(first.Members) != 1 {
		t.Errorf("the first change is %+v", first)
	}
	if _, err := s.api.Sessions.Patch(t.Context(), v.ID, client.Patch{"name": "new"}); err != nil {
		t.Fatal(err)
	}
	if next := <-changes; next.Name != "new" {
		t.Errorf("the next change is %+v", next)
	}
	taken, err := s.api.Sessions.AttachServer(t.Context(), v.ID, client.ServerRequest{}, client.IfFence(v.Fence))
	if err != nil || taken.Fence != v.Fence+1 {
		t.Fatal(taken, err)
	}
	if err := wait(ended); !errors.Is(err, client.ErrStaleFence) {
		t.Errorf("after another took over: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended = keep(ctx, s.api, taken)
	cancel()
	if err := wait(ended); err != nil {
		t.Errorf("after the end of the context: %v", err)
	}

	v = open()
	host := keep(t.Context(), s.api.ActAs(p[0].ID), v)
	other := keep(t.Context(), s.api.ActAs(p[1].ID), v)
	if err := wait(other); !errors.Is(err, client.ErrNotHost) {
		t.Errorf("of a player who is not the host: %v", err)
	}
	if err := s.api.Sessions.Cancel(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	err = wait(host)
	e := (*client.Error)(nil)
	if !errors.Is(err, client.ErrSessionEnded) || !errors.As(err, &e) ||
		e.Extras["end_reason"] != "cancelled_by_admin" {
		t.Errorf("after the end of the session: %v", err)
	}
	if err := s.api.Sessions.Purge(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	if err := wait(keep(t.Context(), s.api, v)); !errors.Is(err, client.ErrSessionNotFound) {
		t.Errorf("of a session that was removed: %v", err)
	}

	results, err := s.api.Sessions.Heartbeats(t.Context(), []client.Heartbeat{
		{SessionID: taken.ID, Fence: &taken.Fence}, {SessionID: v.ID},
	})
	if err != nil || len(results) != 2 || results[0].Err != nil || results[0].Fence != taken.Fence ||
		!errors.Is(results[1].Err, client.ErrSessionNotFound) {
		t.Errorf("two heartbeats: %+v, %v", results, err)
	}
}
