package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"game-session-manager/client"
)

const password = "öpen sésame, please"

// Who has the password gets in, whether the session is public or private, and so do those who need none.
func TestPasswords(t *testing.T) {
	t.Parallel()
	secrets.keep("a session's password", password)
	for _, visibility := range []client.Visibility{client.VisibilityPublic, client.VisibilityPrivate} {
		s := start(t)
		p := s.newPlayers(t, "p", 7)
		as := func(i int) *client.Sessions { return s.api.ActAs(p[i].ID).Sessions }
		one := func(i int) client.JoinRequest { return client.JoinRequest{PlayerID: p[i].ID} }
		made, err := as(0).Create(t.Context(), client.SessionRequest{
			Settings: client.Settings{MaxPlayers: 8, Visibility: visibility}, HostID: &p[0].ID, JoinCode: true,
			Password: password,
		})
		must(t, err)
		v := made.Session
		if !v.HasPassword || made.Ticket == "" {
			t.Errorf("created %+v", v)
		}
		for what, opts := range map[string][]client.WriteOption{
			"missing": nil, "empty": {client.Password("")}, "wrong": {client.Password("open sesame")},
			"in another case": {client.Password(strings.ToUpper(password))},
		} {
			if _, err := as(1).Join(t.Context(), v.ID, one(1), opts...); !errors.Is(err, client.ErrWrongPassword) {
				t.Errorf("%s, %s: joins: %v", visibility, what, err)
			}
		}
		decomposed := strings.NewReplacer("ö", "o\u0308", "é", "e\u0301").Replace(password)
		joined, err := as(1).Join(t.Context(), v.ID, one(1), client.Password(decomposed))
		if err != nil || joined.SeatsHeld != 2 || joined.Ticket == "" || !joined.HasPassword {
			t.Errorf("%s: joined %+v, %v", visibility, joined, err)
		}
		_, err = as(1).Join(t.Context(), v.ID, one(1)) // a member needs none
		must(t, err)
		party, err := as(2).JoinParty(t.Context(), v.ID, client.Party{Players: seated(p[2], p[3]), Password: password})
		if err != nil || party.SeatsHeld != 4 {
			t.Errorf("%s: a party joined: %+v, %v", visibility, party, err)
		}
		_, err = as(3).Join(t.Context(), v.ID, one(3)) // confirms
		must(t, err)
		_, err = as(4).JoinByCode(t.Context(), v.JoinCode.Code, one(4)) // which takes its place
		must(t, err)
		_, err = as(0).Invite(t.Context(), v.ID, p[5].ID, client.InviteRequest{})
		must(t, err)
		_, err = as(5).Join(t.Context(), v.ID, one(5))
		must(t, err)
		_, err = s.api.Sessions.Join(t.Context(), v.ID, one(6)) // a server
		must(t, err)
		s.says(t, v.ID, password)
	}
}

// A PATCH sets and removes the password, members stay, and nothing shows it.
func TestPatchPassword(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 4)
	path := s.hosted(t, p[0])
	id := client.SessionID(path[strings.LastIndex(path, "/")+1:])
	secrets.keep("a session's password", password)
	as := func(i int) []string { return []string{"X-Act-As-Player", string(p[i].ID)} }
	join := func(i int, password string) response {
		body := fmt.Sprintf(`{"player_id":%q,"password":%q}`, p[i].ID, password)
		return s.do(t, "POST "+path+"/members", body, as(i)...)
	}
	patch := func(body string) response { return s.do(t, "PATCH "+path, body, as(0)...).is(http.StatusOK) }
	patch(`{"password":"`+password+`"}`).has("ETag", `"2"`)
	patch(`{"password":"`+password+`"}`).has("ETag", `"2"`) // nothing changes
	patch(`{"map":"dust"}`).has("ETag", `"3"`)
	join(1, "wrong").problem(http.StatusForbidden, "wrong_password")
	join(1, password).is(http.StatusCreated)
	changed := patch(`{"password":"another one"}`)
	if changed.json()["has_password"] != true || changed.json()["seats_held"] != 2.0 {
		t.Errorf("changed to %s", changed.body)
	}
	join(2, password).problem(http.StatusForbidden, "wrong_password")
	join(2, "another one").is(http.StatusCreated)

	s.do(t, "PATCH "+path, `{"password":"mine"}`, as(1)...).problem(http.StatusForbidden, "not_host")
	s.do(t, "PATCH "+path, `{"password":"mine"}`, "If-Match", `"1"`).
		problem(http.StatusPreconditionFailed, "version_mismatch")
	long := strings.Repeat("ä", 129)
	s.do(t, "PATCH "+path, `{"password":"`+long+`","max_players":0}`).wrong("body.max_players", "body.password")
	s.do(t, "PATCH "+path, `{"password":7}`).wrong("body.password")
	s.do(t, "POST /api/v1/sessions", `{"max_players":2,"password":"`+long+`"}`).wrong("body.password")
	join(3, long).wrong("body.password")
	patch(`{"password":"` + long[2:] + `"}`)

	// No response of any test has the hash: see recorded.
	for read, want := range map[string]string{
		"GET " + path:                       `"has_password":true`,
		"GET /api/v1/sessions?members=full": `"has_password":true`,
		"GET /api/v1/sessions":              `"has_password":true`,
		"GET " + path + "/timeline":         `"password"`, // the name of the field
	} {
		if a := s.do(t, read, "").is(http.StatusOK); !strings.Contains(a.body, want) ||
			strings.Contains(a.body, password) || strings.Contains(a.body, "another one") {
			t.Errorf("%s: %s", read, a.body)
		}
	}
	v := s.do(t, "GET "+path, "").is(http.StatusOK)
	s.do(t, "PUT "+path, v.body).is(http.StatusOK) // has_password is ignored
	s.do(t, "PUT "+path, `{"status":"open","password":"x"}`).wrong("body.password")
	for _, none := range []string{`null`, `""`} {
		patch(`{"password":"x"}`)
		if a := patch(`{"password":` + none + `}`); a.json()["has_password"] != false {
			t.Errorf("removed by %s: %s", none, a.body)
		}
	}
	join(3, "whatever").is(http.StatusCreated)
	patch(`{"password":"x"}`)
	must(t, s.api.Sessions.Cancel(t.Context(), id))
	if over := s.do(t, "GET "+path, "").json(); over["has_password"] != false {
		t.Errorf("a session that is over is %v", over)
	}
	s.do(t, "PATCH "+path, `{"password":"x"}`).problem(http.StatusGone, "session_ended")
	s.do(t, "PATCH "+path, `{"password":null}`).is(http.StatusOK)
	s.says(t, id, password)
}

// A retry of a creation is recognised, and keeps no fast hash of the password.
func TestPasswordAndIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := start(t)
	create := func(body string) response {
		return s.do(t, "POST /api/v1/sessions", body, "Idempotency-Key", "a key of this test")
	}
	made := create(`{"max_players":2,"password":"first"}`).is(http.StatusCreated).json().text("id")
	again := create(`{"max_players":2,"password":"other"}`).is(http.StatusCreated).has("Idempotent-Replayed", "true")
	if again.json().text("id") != made {
		t.Errorf("created %s and %s", made, again.body)
	}
	create(`{"max_players":2}`).problem(http.StatusUnprocessableEntity, "idempotency_key_reuse")
}

// Who guesses a password is told to wait, for that session, and others are not.
func TestGuessedPasswords(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	s.api = s.connect(t, client.WithToken(adminKey))
	p := s.newPlayers(t, "p", 3)
	as := func(i int) *client.Sessions { return s.api.ActAs(p[i].ID).Sessions }
	one := func(i int) client.JoinRequest { return client.JoinRequest{PlayerID: p[i].ID} }
	var both [2]client.SessionID
	for i := range both {
		v, err := as(0).Create(t.Context(), client.SessionRequest{
			Settings: client.Settings{MaxPlayers: 8}, HostID: &p[0].ID, Password: password,
		})
		must(t, err)
		both[i] = v.ID
	}
	for i := range 10 { // a missing one is no guess
		if _, err := as(1).Join(t.Context(), both[0], one(1)); !errors.Is(err, client.ErrWrongPassword) {
			t.Fatalf("%d: %v", i, err)
		}
	}
	for i := range 5 {
		wrong := client.Password(fmt.Sprint("wrong", i))
		if i%2 == 0 {
			left, err := as(1).JoinParty(
				t.Context(), both[0], client.Party{Players: seated(p[1]), Partial: true, Password: "wrong"},
			)
			if err != nil || len(left.LeftOut) != 1 || left.LeftOut[0].Code != "wrong_password" {
				t.Fatalf("guess %d: %+v, %v", i, left.LeftOut, err)
			}
		} else if _, err := as(1).Join(t.Context(), both[0], one(1), wrong); !errors.Is(err, client.ErrWrongPassword) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	var e *client.Error
	_, err := as(1).Join(t.Context(), both[0], one(1), client.Password(password))
	if !errors.Is(err, client.ErrTooManyGuesses) || !errors.As(err, &e) || e.RetryAfter < 30*time.Second ||
		e.RetryAfter > time.Minute || !strings.Contains(e.Message, "password") {
		t.Errorf("the right one after too many wrong ones: %v", err)
	}
	_, err = as(1).Join(t.Context(), both[1], one(1), client.Password(password)) // another session
	must(t, err)
	for range 7 { // another player, and right ones
		_, err = as(2).Join(t.Context(), both[0], one(2), client.Password(password))
		must(t, err)
		must(t, as(2).Leave(t.Context(), both[0], p[2].ID))
	}
	s.metrics(t, `gsm_limited_requests_total{class="wrong_password"} 1`)
}

// withPassword makes a session with the password in a database, and a player who is not in it.
func withPassword(t *testing.T, database string) (client.SessionID, client.PlayerID) {
	t.Helper()
	s := start(t, onDatabase(database))
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}, Password: password})
	p := s.newPlayer(t, "alice")
	s.terminate(t)
	return v.ID, p.ID
}

// opens fails the test unless the password, and no other, opens the session in a database.
func opens(t *testing.T, database string, id client.SessionID, player client.PlayerID) {
	t.Helper()
	s := start(t, onDatabase(database))
	join := func(password string) error {
		_, err := s.api.ActAs(player).Sessions.Join(
			t.Context(), id, client.JoinRequest{PlayerID: player}, client.Password(password),
		)
		return err
	}
	if err := join("wrong"); !errors.Is(err, client.ErrWrongPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	must(t, join(password))
}

// A copy has the passwords.
func TestPasswordsAreCopied(t *testing.T) {
	t.Parallel()
	once(t)
	eachCopy(t, func(t *testing.T, source, target string) {
		t.Helper()
		id, player := withPassword(t, source)
		db(t, 0, []string{"copy", "--from", source, "--to", target}, "sessions: 1 on both sides")
		db(t, 0, []string{"check", "--database-url", target}, "0 findings")
		opens(t, target, id, player)
	})
}

// A backup has the passwords.
func TestPasswordsAreBackedUp(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	source, file := freshDatabase(t), filepath.Join(t.TempDir(), "backup.db")
	id, player := withPassword(t, source)
	db(t, 0, []string{"backup", "--database-url", source, file})
	opens(t, "sqlite:"+file, id, player)
}

// Who cannot join with the right password either is told why, and has not guessed.
func TestPasswordIsAskedLast(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	as := func(i int) *client.Sessions { return s.api.ActAs(p[i].ID).Sessions }
	v, err := as(0).Create(t.Context(), client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 2}, HostID: &p[0].ID, Password: password,
	})
	must(t, err)
	join := func(i int, password string, want error) {
		t.Helper()
		_, err := as(i).Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p[i].ID}, client.Password(password))
		if !errors.Is(err, want) {
			t.Errorf("joins with %q: %v, want %v", password, err, want)
		}
	}
	_, err = as(0).Ban(t.Context(), v.ID, p[2].ID, client.BanRequest{})
	must(t, err)
	for range 6 {
		join(2, "wrong", client.ErrPlayerBanned)
	}
	join(1, password, nil)
	must(t, as(0).Unban(t.Context(), v.ID, p[2].ID))
	for range 6 {
		join(2, "wrong", client.ErrSessionFull)
	}
	join(2, password, client.ErrSessionFull)
	must(t, as(1).Leave(t.Context(), v.ID, p[1].ID))
	join(2, "wrong", client.ErrWrongPassword)
	join(2, password, nil)
}
