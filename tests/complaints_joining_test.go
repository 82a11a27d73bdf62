package tests_test

import (
	"errors"
	"net/http"
	"testing"

	"game-session-manager/client"
)

// As complaints_test.go, about joining.

// More players than seats get in when many join at once, one of them twice, and a seat stays taken by nobody.
//
// https://github.com/colyseus/colyseus/issues/678 https://github.com/colyseus/colyseus/issues/726
// https://github.com/heroiclabs/nakama/issues/1169
func TestSeatsAreNeverOversubscribed(t *testing.T) {
	t.Parallel()
	const seats, racers = 8, 40
	s := ways(t)
	p := s[0].newPlayers(t, "racer", racers)
	v := s[0].newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: seats}})
	var failures [2 * racers]error // each joins twice
	together(len(failures), func(i int) {
		who := client.JoinRequest{PlayerID: p[i/2].ID}
		_, failures[i] = s[i%len(s)].api.Sessions.Join(t.Context(), v.ID, who)
	})
	now, err := s[0].api.Sessions.Get(t.Context(), v.ID)
	must(t, err)
	must(t, sound(now))
	in := map[client.PlayerID]bool{}
	for _, m := range now.Members {
		in[m.PlayerID] = true
	}
	if len(in) != seats || now.SeatsHeld != seats || now.FreeSeats != 0 {
		t.Errorf("%d players hold %d seats, and %d are free", len(in), now.SeatsHeld, now.FreeSeats)
	}
	for i, err := range failures {
		if who := p[i/2].ID; in[who] != (err == nil) || err != nil && !errors.Is(err, client.ErrSessionFull) {
			t.Errorf("player %s, in: %t, was told %v", who, in[who], err)
		}
	}
	together(len(now.Members), func(i int) {
		failures[i] = s[i%len(s)].api.Sessions.Leave(t.Context(), v.ID, now.Members[i].PlayerID)
	})
	must(t, errors.Join(failures[:len(now.Members)]...))
	if now, err = s[0].api.Sessions.Get(t.Context(), v.ID); err != nil || now.FreeSeats != seats {
		t.Errorf("after all have left, %d seats are free, %v", now.FreeSeats, err)
	}
}

// A player is in two lobbies at once, or cannot get out of one that it lost.
//
// https://github.com/heroiclabs/nakama/issues/1019 https://github.com/heroiclabs/nakama/issues/1020
// https://github.com/FakeByte/EpicOnlineTransport/issues/52
func TestPlayersAreInOneLobby(t *testing.T) {
	t.Parallel()
	s := ways(t)
	p := s[0].newPlayers(t, "p", 1)[0]
	const lobbies = 6
	var in [lobbies]client.Session
	for i := range in {
		in[i] = s[0].newExclusive(t, 4)
	}
	var failures [lobbies]error
	together(lobbies, func(i int) {
		_, failures[i] = s[i%len(s)].api.Sessions.Join(t.Context(), in[i].ID, client.JoinRequest{PlayerID: p.ID})
	})
	held := -1
	for i, err := range failures {
		switch {
		case err == nil && held < 0:
			held = i
		case !errors.Is(err, client.ErrPlayerInOtherSession):
			t.Errorf("lobby %d: %v, and the player is in lobby %d", i, err, held)
		}
	}
	if held < 0 {
		t.Fatal("the player is in no lobby")
	}
	for i, err := range failures {
		var e *client.Error
		if errors.As(err, &e) && e.Extras["session_id"] != string(in[held].ID) {
			t.Errorf("lobby %d named %v, the player is in %s", i, e.Extras["session_id"], in[held].ID)
		}
	}
	// The lobby is lost to the player, because it ends: the place is free at once.
	must(t, s[0].api.Sessions.Cancel(t.Context(), in[held].ID))
	_, err := s[0].api.Sessions.Join(t.Context(), in[(held+1)%lobbies].ID, client.JoinRequest{PlayerID: p.ID})
	must(t, err)
}

// Who is rejected takes a seat all the same, who joins before others are ready starts the game, and joining again
// breaks it.
//
// https://github.com/colyseus/colyseus/issues/800 https://github.com/heroiclabs/nakama/issues/1100
// https://github.com/Unity-Technologies/com.unity.multiplayer.samples.coop/issues/860
// https://github.com/EOS-Contrib/eos_plugin_for_unity/issues/518
func TestWhoIsRejectedHoldsNoSeat(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	s.api = s.connect(t, client.WithToken(adminKey))
	p := s.newPlayers(t, "p", 2)
	as := func(i int) *client.Sessions { return s.api.ActAs(p[i].ID).Sessions }
	made, err := as(0).Create(t.Context(), client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 2, MinPlayers: 2, AutoStart: true}, HostID: &p[0].ID, Password: password,
	})
	must(t, err)
	v := made.Session
	path := "/api/v1/sessions/" + string(v.ID)
	for range 2 {
		s.do(t, "POST "+path+"/members", naming(p[1]), bearer("gsm_nobody_x")...).
			problem(http.StatusUnauthorized, "unauthenticated")
		_, err = as(1).Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p[1].ID}, client.Password("wrong"))
		if !errors.Is(err, client.ErrWrongPassword) {
			t.Errorf("a wrong password: %v", err)
		}
		now, err := s.api.Sessions.Get(t.Context(), v.ID)
		if err != nil || now.FreeSeats != 1 || now.Version != v.Version || now.Status != client.StatusOpen {
			t.Errorf("after joins that were rejected: %+v, %v", now, err)
		}
	}
	var version int64
	for i := range 3 {
		joined, err := as(1).Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p[1].ID}, client.Password(password))
		must(t, err)
		if joined.SeatsHeld != 2 || joined.Status != client.StatusOpen || i > 0 && joined.Version != version {
			t.Errorf("join %d: %+v", i, joined)
		}
		version = joined.Version
	}
	for i := range 2 { // only then all are ready
		_, err = as(i).Ready(t.Context(), v.ID, p[i].ID, true)
		must(t, err)
	}
	if now, err := s.api.Sessions.Get(t.Context(), v.ID); err != nil || now.Status != client.StatusInProgress {
		t.Errorf("when all are ready: %s, %v", now.Status, err)
	}
}
