package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"game-session-manager/client"
)

// A griefer who is kicked from a lobby comes back at once, for hours:
// https://github.com/ValveSoftware/Dota2-Gameplay/issues/23456. A kick with a ban ends that, by whichever way it comes.
func TestKickedGrieferRejoins(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, p := s.lobby(t, "p", 3, client.Settings{MaxPlayers: 4})
	host, griefer, friend := p[0], p[1], p[2]
	as := func(p client.Player) *client.Sessions { return s.api.ActAs(p.ID).Sessions }
	back := func() error {
		_, err := as(griefer).Join(t.Context(), v.ID, client.JoinRequest{PlayerID: griefer.ID})
		return err
	}

	// A kick alone is not a ban.
	must(t, as(host).Kick(t.Context(), v.ID, griefer.ID, client.Kick{Reason: "afk"}))
	must(t, back())
	must(t, as(host).Kick(t.Context(), v.ID, griefer.ID, client.Kick{Reason: "griefing", BanSeconds: 3600}))
	var e *client.Error
	if err := back(); !errors.As(err, &e) || !errors.Is(err, client.ErrPlayerBanned) ||
		e.Extras["player_id"] != string(griefer.ID) {
		t.Errorf("the griefer comes back: %v", err)
	}
	until, err := time.Parse(time.RFC3339, fmt.Sprint(e.Extras["until"]))
	if left := time.Until(until); err != nil || left < 59*time.Minute || left > time.Hour {
		t.Errorf("banned until %v, %v", e.Extras["until"], err)
	}
	for what, join := range map[string]func() error{
		"with a friend": func() error {
			_, err := as(friend).JoinParty(t.Context(), v.ID, client.Party{Players: seated(friend, griefer)})
			return err
		},
		"by a server": func() error {
			_, err := s.api.Sessions.JoinParty(t.Context(), v.ID, client.Party{Players: seated(griefer), Reserve: true})
			return err
		},
		"by PATCH": func() error {
			_, err := as(griefer).PatchMember(t.Context(), v.ID, griefer.ID, client.Patch{"status": "joined"})
			return err
		},
	} {
		if err := join(); !errors.Is(err, client.ErrPlayerBanned) && !errors.Is(err, client.ErrMemberNotFound) {
			t.Errorf("the griefer comes back %s: %v", what, err)
		}
	}
	if v, err := s.api.Sessions.Get(t.Context(), v.ID); err != nil || v.SeatsHeld != 2 {
		t.Errorf("%d seats are held, %v", v.SeatsHeld, err)
	}

	events, err := as(host).Timeline(t.Context(), v.ID, client.TimelineFilter{Limit: 1})
	must(t, err)
	changes := events.Items[0].Changes
	if len(changes) != 2 || changes[0].Type != "player_banned" || changes[0].Why != "griefing" ||
		!changes[0].Until.Equal(until) || changes[1].Type != "member_removed" || changes[1].Reason != "kicked" ||
		changes[1].Why != "griefing" || changes[1].PlayerID != griefer.ID {
		t.Errorf("the timeline says %+v", changes)
	}

	// The host forgives.
	must(t, as(host).Unban(t.Context(), v.ID, griefer.ID))
	must(t, as(host).Unban(t.Context(), v.ID, griefer.ID))
	must(t, back())

	// A ban ends by itself.
	must(t, as(host).Kick(t.Context(), v.ID, griefer.ID, client.Kick{BanSeconds: 1}))
	if err := back(); !errors.Is(err, client.ErrPlayerBanned) {
		t.Errorf("banned for a second: %v", err)
	}
	eventually(t, "the ban is over", func() bool { return back() == nil })
	if bans, err := as(host).Bans(t.Context(), v.ID); err != nil || len(bans) != 0 {
		t.Errorf("bans that are over: %+v, %v", bans, err)
	}
}

// Bans are listed and lifted, replaced by later ones, and bounded.
func TestBans(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 2)
	path := s.hosted(t, p[0])
	bans := path + "/bans"
	ban := bans + "/" + string(p[1].ID)
	forever := s.do(t, "PUT "+ban, "").is(http.StatusOK).has("ETag", `"2"`).json()
	if forever["player_id"] != string(p[1].ID) || forever["until"] != nil || forever["reason"] != "" {
		t.Errorf("a ban without an end: %v", forever)
	}
	out := s.do(t, "POST "+path+"/members", naming(p[1])).problem(http.StatusForbidden, "player_banned")
	if out["until"] != nil {
		t.Errorf("told of an end: %v", out)
	}
	timed := s.do(t, "PUT "+ban, `{"seconds":60,"reason":"cheating"}`, "If-Match", `"2"`).is(http.StatusOK).json()
	if left := time.Until(timed.instant(t, "until")); timed["reason"] != "cheating" || left > time.Minute ||
		left < 50*time.Second {
		t.Errorf("a ban of a minute: %v", timed)
	}
	listed := s.do(t, "GET "+bans, "").is(http.StatusOK).json().list("items")
	if len(listed) != 1 || listed[0].text("until") != timed.text("until") {
		t.Errorf("the bans are %v", listed)
	}
	s.do(t, "DELETE "+ban, "", "If-Match", `"2"`).problem(http.StatusPreconditionFailed, "version_mismatch")
	s.do(t, "DELETE "+ban, "").is(http.StatusNoContent)
	s.do(t, "DELETE "+ban, "").is(http.StatusNoContent)
	s.do(t, "POST "+path+"/members", naming(p[1])).is(http.StatusCreated)

	s.do(t, "PUT "+ban, `{"seconds":0,"reason":"Bad word"}`).wrong("body.seconds", "body.reason")
	s.do(t, "PUT "+ban, `{"seconds":2592001,"until":null}`).wrong("body.seconds", "body.until")
	s.do(t, "PUT "+bans+"/x", "").wrong("path.player_id")
	s.do(t, "PUT "+bans+"/"+string(p[0].ID), "").wrong("path.player_id") // the host
	kick := path + "/members/" + string(p[1].ID)
	for query, wrong := range map[string][]string{
		"?reason=Bad%20word": {"query.reason"}, "?ban=0": {"query.ban"}, "?ban=2592001": {"query.ban"},
		"?ban=x&reason=A": {"query.ban", "query.reason"}, "?reason=": {"query.reason"}, "?why=x": {"query.why"},
	} {
		s.do(t, "DELETE "+kick+query, "").wrong(wrong...)
	}
	for query, wrong := range map[string][]string{
		"?reason=afk": {"query.reason"}, "?ban=60": {"query.ban"}, "?ban=60&reason=afk": {"query.ban", "query.reason"},
	} { // a player leaves, and does not kick itself
		s.do(t, "DELETE "+kick+query, "", "X-Act-As-Player", string(p[1].ID)).wrong(wrong...)
	}
	s.do(t, "DELETE "+path+"/members/"+string(p[0].ID)+"?ban=60", "").wrong("path.player_id")
	s.do(t, "DELETE "+kick+"?reason=afk&ban=60", "").is(http.StatusNoContent)
	if listed := s.do(t, "GET "+bans, "").is(http.StatusOK).json().list("items"); len(listed) != 1 ||
		listed[0].text("reason") != "afk" {
		t.Errorf("kicked with a ban: %v", listed)
	}

	nobody := uuid.NewString()
	s.do(t, "PUT "+bans+"/"+nobody, "").problem(http.StatusNotFound, "player_not_found")
	s.do(t, "DELETE "+path+"/members/"+nobody+"?ban=60", "").problem(http.StatusNotFound, "player_not_found")
	others := s.newPlayers(t, "other", 256)
	for _, other := range others[:255] {
		s.do(t, "PUT "+bans+"/"+string(other.ID), "").is(http.StatusOK)
	}
	e := s.do(t, "PUT "+bans+"/"+string(others[255].ID), "").problem(http.StatusConflict, "too_many_bans")
	if e["max_bans"] != 256.0 {
		t.Errorf("one ban too many: %v", e)
	}
	s.do(t, "PUT "+ban, `{"seconds":60}`).is(http.StatusOK) // it has one, which this replaces

	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	s.do(t, "PUT "+ban, "").problem(http.StatusGone, "session_ended")
	s.do(t, "DELETE "+ban, "").problem(http.StatusGone, "session_ended")
	if listed := s.do(t, "GET "+bans, "").is(http.StatusOK).json().list("items"); len(listed) != 256 {
		t.Errorf("%d bans are listed", len(listed))
	}
}

// Who is banned is seen by the host and by servers, whichever way a session is read.
func TestBansAreShownToTheHost(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, p := s.lobby(t, "p", 2, client.Settings{MaxPlayers: 4})
	host, member := s.api.ActAs(p[0].ID).Sessions, s.api.ActAs(p[1].ID).Sessions
	_, err := s.api.Sessions.Ban(t.Context(), v.ID, s.newPlayer(t, "griefer").ID, client.BanRequest{Reason: "spam"})
	must(t, err)
	for name, read := range map[string]func(*client.Sessions) (client.Session, error){
		"read": func(c *client.Sessions) (client.Session, error) { return c.Get(t.Context(), v.ID) },
		"list": func(c *client.Sessions) (client.Session, error) {
			page, err := c.List(t.Context(), client.SessionFilter{MemberID: p[1].ID})
			if err != nil || len(page.Items) != 1 {
				return client.Session{}, fmt.Errorf("%d sessions: %w", len(page.Items), err)
			}
			return page.Items[0], nil
		},
	} {
		for who, as := range map[string]*client.Sessions{"server": s.api.Sessions, "host": host, "member": member} {
			shown := 1
			if who == "member" {
				shown = 0
			}
			got, err := read(as)
			if err != nil || len(got.Bans) != shown {
				t.Errorf("%s: the %s sees %+v, %v", name, who, got.Bans, err)
			}
		}
	}
	joined, err := member.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p[1].ID})
	if err != nil || len(joined.Bans) != 0 {
		t.Errorf("a join returns %+v, %v", joined.Bans, err)
	}
	handed, err := host.SetHost(t.Context(), v.ID, p[1].ID)
	if err != nil || len(handed.Bans) != 0 {
		t.Errorf("who was host sees %+v, %v", handed.Bans, err)
	}
	if _, err := host.Bans(t.Context(), v.ID); !errors.Is(err, client.ErrNotHost) {
		t.Errorf("who was host lists bans: %v", err)
	}
	if bans, err := member.Bans(t.Context(), v.ID); err != nil || len(bans) != 1 || bans[0].Reason != "spam" {
		t.Errorf("the new host lists %+v, %v", bans, err)
	}
}

// A ban with an end is gone after it, and that of an erased player at once, in live sessions and in those that have
// ended.
func TestBansEnd(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	live, over := s.hosted(t, p[0]), s.hosted(t, p[0])
	for _, path := range []string{live, over} {
		s.do(t, "PUT "+path+"/bans/"+string(p[1].ID), "").is(http.StatusOK)
	}
	s.do(t, "DELETE "+over, "").is(http.StatusNoContent)
	s.do(t, "PUT "+live+"/bans/"+string(p[2].ID), `{"seconds":1}`).is(http.StatusOK)
	eventually(t, "the ban ends", func() bool {
		return len(s.do(t, "GET "+live, "").is(http.StatusOK).json().list("bans")) == 1
	})
	last := s.do(t, "GET "+live+"/timeline?limit=1", "").is(http.StatusOK).json().list("items")[0]
	if c := last.list("changes")[0]; c.text("type") != "ban_lifted" || c.text("player_id") != string(p[2].ID) {
		t.Errorf("the end of a ban is %v", last)
	}
	s.do(t, "DELETE /api/v1/players/"+string(p[1].ID), "").is(http.StatusNoContent)
	for _, path := range []string{live, over} {
		if bans := s.do(t, "GET "+path, "").is(http.StatusOK).json().list("bans"); len(bans) != 0 {
			t.Errorf("after the erasure %v are banned", bans)
		}
	}
}
