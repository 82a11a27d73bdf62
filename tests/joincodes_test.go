package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"game-session-manager/client"
)

// privateLobby creates a private session with a join code, hosted by a player.
func (s *server) privateLobby(t *testing.T, host client.Player) client.Session {
	t.Helper()
	v, err := s.api.ActAs(host.ID).Sessions.Create(t.Context(), client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 8, Visibility: client.VisibilityPrivate},
		HostID:   &host.ID, JoinCode: true,
	})
	must(t, err)
	return v.Session
}

// A friend gets into a private lobby by its code and by no other way.
func TestPrivateLobby(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 6)
	as := func(i int) *client.Sessions { return s.api.ActAs(p[i].ID).Sessions }
	v := s.privateLobby(t, p[0])
	code := v.JoinCode.Code
	if len(code) != 6 || strings.ContainsAny(code, "ILOU") || v.JoinCode.Uses != 0 || v.JoinCode.ExpiresAt != nil {
		t.Errorf("the code is %+v", v.JoinCode)
	}

	one := func(i int) client.JoinRequest { return client.JoinRequest{PlayerID: p[i].ID} }
	if _, err := as(1).Join(t.Context(), v.ID, one(1)); !errors.Is(err, client.ErrJoinCodeRequired) {
		t.Errorf("joins by the id: %v", err)
	}
	if _, err := as(1).JoinByCode(t.Context(), "000000", one(1)); !errors.Is(err, client.ErrInvalidJoinCode) {
		t.Errorf("joins by a wrong code: %v", err)
	}
	if seen, err := as(1).Get(t.Context(), v.ID); err != nil || seen.JoinCode != nil {
		t.Errorf("a stranger sees %+v, %v", seen.JoinCode, err)
	}
	joined, err := as(1).JoinByCode(t.Context(), strings.ToLower(code), one(1), client.WithoutMembers())
	if err != nil || joined.ID != v.ID || joined.Ticket == "" || joined.JoinCode.Uses != 1 || joined.SeatsHeld != 2 {
		t.Errorf("joined %+v, %v", joined, err)
	}
	if again, err := as(1).JoinByCode(t.Context(), code, one(1)); err != nil || again.JoinCode.Uses != 1 {
		t.Errorf("joined again: %+v, %v", again.JoinCode, err)
	}
	_, err = as(2).Join(t.Context(), v.ID, one(2), client.Code(code))
	must(t, err)
	party, err := joinFriends(t.Context(), s.api.ActAs(p[3].ID), code, seated(p[3], p[4]))
	if err != nil || party.SeatsHeld != 5 || party.JoinCode.Uses != 4 {
		t.Errorf("a party joined: %+v, %v", party.JoinCode, err)
	}
	_, err = as(4).Join(t.Context(), v.ID, one(4)) // confirms
	must(t, err)
	if _, err := as(1).JoinParty(t.Context(), v.ID, client.Party{
		Players: seated(p[5]), Reserve: true,
	}); !errors.Is(err, client.ErrJoinCodeRequired) {
		t.Errorf("a member reserves without the code: %v", err)
	}
	must(t, as(1).Leave(t.Context(), v.ID, p[1].ID))
	if _, err := as(1).Join(t.Context(), v.ID, one(1)); !errors.Is(err, client.ErrJoinCodeRequired) {
		t.Errorf("joins again after leaving: %v", err)
	}

	// The host gives it another code, for one friend and a while; servers need none.
	rotated, err := as(0).RotateJoinCode(
		t.Context(), v.ID, client.JoinCodeRequest{ExpiresIn: new(60), MaxUses: new(1)},
	)
	if left := time.Until(*rotated.ExpiresAt); err != nil || rotated.Code == code || *rotated.MaxUses != 1 ||
		left < 50*time.Second || left > time.Minute {
		t.Errorf("rotated to %+v, %v", rotated, err)
	}
	if _, err := as(1).JoinByCode(t.Context(), code, one(1)); !errors.Is(err, client.ErrInvalidJoinCode) {
		t.Errorf("joins by the old code: %v", err)
	}
	_, err = as(1).JoinByCode(t.Context(), rotated.Code, one(1))
	must(t, err)
	if _, err := as(5).JoinByCode(t.Context(), rotated.Code, one(5)); !errors.Is(err, client.ErrInvalidJoinCode) {
		t.Errorf("joins by a code that is used up: %v", err)
	}
	if _, err := as(1).RotateJoinCode(t.Context(), v.ID, client.JoinCodeRequest{}); !errors.Is(err, client.ErrNotHost) {
		t.Errorf("a member rotates: %v", err)
	}
	must(t, as(0).RemoveJoinCode(t.Context(), v.ID))
	must(t, as(0).RemoveJoinCode(t.Context(), v.ID))
	_, err = s.api.Sessions.Join(t.Context(), v.ID, one(5))
	must(t, err)

	last, err := as(0).RotateJoinCode(t.Context(), v.ID, client.JoinCodeRequest{})
	must(t, err)
	must(t, as(0).Cancel(t.Context(), v.ID))
	if over, err := as(0).Get(t.Context(), v.ID); err != nil || over.JoinCode != nil {
		t.Errorf("a session that is over has the code %+v, %v", over.JoinCode, err)
	}
	if _, err := as(5).JoinByCode(t.Context(), last.Code, one(5)); !errors.Is(err, client.ErrInvalidJoinCode) {
		t.Errorf("joins a session that is over: %v", err)
	}
	s.says(t, v.ID, code, rotated.Code, last.Code)
}

// says reports secrets in the timeline or the log.
func (s *server) says(t *testing.T, id client.SessionID, secrets ...string) {
	t.Helper()
	told := s.do(t, "GET /api/v1/sessions/"+string(id)+"/timeline", "").is(http.StatusOK).body
	for _, secret := range secrets {
		if strings.Contains(told, secret) || strings.Contains(s.stdout.String(), secret) {
			t.Errorf("the secret %s is in the timeline or the log", secret)
		}
	}
}

// An expired code is no code, and members, hosts and others see what they may.
func TestJoinCodeOverHTTP(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	path := s.hosted(t, p[0])
	byCode := "POST /api/v1/sessions/join-by-code"
	made := s.do(t, "POST "+path+"/code", `{"expires_in":1}`).is(http.StatusOK).has("ETag", `"2"`).json()
	if made.text("code") == "" || made["max_uses"] != nil || made["uses"] != 0.0 || made["expires_at"] == nil {
		t.Errorf("made %v", made)
	}
	body := func(p client.Player, code string) string {
		return fmt.Sprintf(`{"player_id":%q,"code":%q}`, p.ID, code)
	}
	eventually(t, "the code expires", func() bool {
		a := s.do(t, byCode, body(p[1], made.text("code")))
		if a.status == http.StatusCreated {
			s.do(t, "DELETE "+path+"/members/"+string(p[1].ID), "").is(http.StatusNoContent)
			return false
		}
		return a.json().text("code") == "invalid_join_code"
	})
	again := s.do(t, "POST "+path+"/code", "", "If-Match", `"1"`)
	again.problem(http.StatusPreconditionFailed, "version_mismatch")
	made = s.do(t, "POST "+path+"/code", "").is(http.StatusOK).json()
	joined := s.do(t, byCode, body(p[1], made.text("code"))).is(http.StatusCreated)
	joined.has("Location", path+"/members/"+string(p[1].ID))
	s.do(t, byCode, body(p[1], made.text("code"))).is(http.StatusOK)

	// What a GET returns can be sent back, whatever the code is by then.
	v := s.do(t, "GET "+path, "").is(http.StatusOK)
	s.do(t, "POST "+path+"/code", "").is(http.StatusOK)
	s.do(t, "PUT "+path, v.body).is(http.StatusOK)
	if now := s.do(t, "GET "+path, "").json().object("join_code"); now.text("code") == made.text("code") {
		t.Error("a PUT sets the code")
	}
	s.do(t, "PATCH "+path, `{"join_code":null}`).wrong("body.join_code")
	listed := s.do(t, "GET /api/v1/sessions", "", "X-Act-As-Player", string(p[2].ID)).is(http.StatusOK)
	if !strings.Contains(listed.body, `"join_code":null`) {
		t.Errorf("a list of a stranger is %s", listed.body)
	}

	s.do(t, "POST "+path+"/code", `{"expires_in":0,"max_uses":0}`).wrong("body.expires_in", "body.max_uses")
	s.do(t, "POST "+path+"/code", `{"expires_in":2592001,"max_uses":100001}`).wrong("body.expires_in", "body.max_uses")
	s.do(t, byCode, naming(p[2])).wrong("body.code")
	s.do(t, byCode, `{"code":""}`).wrong("body.code", "body.player_id")
	s.do(t, byCode, body(p[2], strings.Repeat("A", 33))).wrong("body.code")
	s.do(t, "POST "+path+"/members", body(p[2], strings.Repeat("A", 33))).wrong("body.code")
	s.do(t, "POST /api/v1/sessions", `{"max_players":2,"join_code":"AAAAAA"}`).wrong("body.join_code")
}

// Who guesses is told to wait, by either way, with or without a party, and others are not.
func TestGuessedJoinCodes(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	ops := s.connect(t, client.WithToken(adminKey))
	s.api = ops
	p := s.newPlayers(t, "p", 3)
	v := s.privateLobby(t, p[0])
	guess := func(i int) (int, object) {
		body := fmt.Sprintf(`{"players":[{"player_id":%q}],"partial":true,"code":"00000%d"}`, p[1].ID, i)
		path := "POST /api/v1/sessions/join-by-code"
		if i%2 == 0 {
			path = "POST /api/v1/sessions/" + string(v.ID) + "/members"
		}
		a := s.do(t, path, body, bearer(adminKey, "X-Act-As-Player", string(p[1].ID))...)
		return a.status, a.json()
	}
	for i := range 10 {
		if status, told := guess(i); status != http.StatusNotFound && len(told.list("left_out")) != 1 {
			t.Fatalf("guess %d: %d %v", i, status, told)
		}
	}
	for i := range 2 {
		if status, told := guess(i); status != http.StatusTooManyRequests || told.text("code") != "too_many_guesses" {
			t.Errorf("one more guess: %d %v", status, told)
		}
	}
	one := func(i int) client.JoinRequest { return client.JoinRequest{PlayerID: p[i].ID} }
	var e *client.Error
	_, err := ops.ActAs(p[1].ID).Sessions.JoinByCode(t.Context(), v.JoinCode.Code, one(1))
	if !errors.Is(err, client.ErrTooManyGuesses) || !errors.As(err, &e) || e.RetryAfter < 14*time.Minute {
		t.Errorf("the right code after too many wrong ones: %v", err)
	}
	for range 3 { // another player, and right codes
		_, err = ops.ActAs(p[2].ID).Sessions.JoinByCode(t.Context(), v.JoinCode.Code, one(2))
		must(t, err)
	}
	_, err = ops.Sessions.JoinByCode(t.Context(), v.JoinCode.Code, one(1)) // a server that knows the player
	must(t, err)
	s.metrics(t, `gsm_limited_requests_total{class="wrong_join_code"} 3`)
}

// A player who is invited gets in without the code, until its deadline, and an invitation can be withdrawn.
func TestInvitations(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 4)
	as := func(i int) *client.Sessions { return s.api.ActAs(p[i].ID).Sessions }
	one := func(i int) client.JoinRequest { return client.JoinRequest{PlayerID: p[i].ID} }
	v := s.privateLobby(t, p[0])
	path := "/api/v1/sessions/" + string(v.ID)
	invite := "PUT " + path + "/invites/" + string(p[1].ID)
	made := s.do(t, invite, `{"expires_in":3600}`).is(http.StatusCreated)
	made.has("Location", path+"/members/"+string(p[1].ID)).has("ETag", `"2"`)
	if left := time.Until(made.json().instant(t, "deadline")); left > time.Hour || left < 59*time.Minute {
		t.Errorf("invited for %s", left)
	}
	s.do(t, invite, `{"expires_in":86400}`).is(http.StatusOK).has("ETag", `"3"`)
	joined, err := as(1).Join(t.Context(), v.ID, one(1))
	if err != nil || joined.Ticket == "" || joined.JoinCode.Uses != 0 {
		t.Errorf("joined %+v, %v", joined, err)
	}
	s.do(t, invite, "").is(http.StatusOK).has("ETag", `"4"`)

	m, err := as(0).Invite(t.Context(), v.ID, p[2].ID, client.InviteRequest{})
	if err != nil || m.Status != "reserved" {
		t.Errorf("invited %+v, %v", m, err)
	}
	must(t, as(0).Kick(t.Context(), v.ID, p[2].ID, client.Kick{}))
	if _, err := as(2).Join(t.Context(), v.ID, one(2)); !errors.Is(err, client.ErrJoinCodeRequired) {
		t.Errorf("joins after the invitation was withdrawn: %v", err)
	}
	if _, err := as(1).Invite(t.Context(), v.ID, p[3].ID, client.InviteRequest{}); !errors.Is(err, client.ErrNotHost) {
		t.Errorf("a member invites: %v", err)
	}
	_, err = as(0).Invite(t.Context(), v.ID, p[3].ID, client.InviteRequest{ExpiresIn: new(1)})
	must(t, err)
	eventually(t, "the invitation expires", func() bool {
		_, err := as(0).Member(t.Context(), v.ID, p[3].ID)
		return errors.Is(err, client.ErrMemberNotFound)
	})
	if _, err := as(3).Join(t.Context(), v.ID, one(3)); !errors.Is(err, client.ErrJoinCodeRequired) {
		t.Errorf("joins after the invitation expired: %v", err)
	}
	s.do(t, invite, `{"expires_in":86401}`).wrong("body.expires_in")
	s.do(t, "PUT "+path+"/invites/x", `{"seconds":1}`).wrong("body.seconds", "path.player_id")
}
