package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"game-session-manager/internal/game"
)

func exclusiveCalls(s game.Store) []call {
	return []call{{"ExclusivePlaces", false, func(ctx context.Context) error {
		_, err := s.ExclusivePlaces(ctx, project, []game.PlayerID{game.PlayerID(newID())})
		return err
	}}}
}

func exclusives() []check {
	return []check{
		{"a place is unique", placeUnique},
		{"places are freed by the write", placesFreed},
		{"places of others do not matter", placesOfOthers},
		{"the first reason", placeRefusedLast},
		{"a refusal changes nothing", placeRefusedChangesNothing},
		{"one session wins each player", onePlaceEach},
		{"two sessions trade players", placesTraded},
		{"two processes race for players", placesRaced},
	}
}

// exclusiveSession returns an open session with joined members.
func exclusiveSession(players ...game.PlayerID) game.Session {
	v := openSession(game.MaxPlayers)
	v.Exclusive = true
	return seating(v, players...)
}

// seating returns the next version of the session with these members, who have joined.
func seating(v game.Session, players ...game.PlayerID) game.Session {
	v.Version++
	v.Members = make([]game.Member, len(players))
	for i, id := range players {
		v.Members[i] = newMember()
		v.Members[i].PlayerID = id
	}
	return v
}

func newPlayerIDs(n int) []game.PlayerID {
	players := make([]game.PlayerID, n)
	for i := range players {
		players[i] = game.PlayerID(newID())
	}
	return players
}

// wantPlaces checks where the players have their places; "" for none.
func wantPlaces(t *testing.T, s game.Store, players []game.PlayerID, in ...game.SessionID) {
	t.Helper()
	found, err := s.ExclusivePlaces(t.Context(), project, players)
	must(t, err)
	got := make([]game.SessionID, len(players))
	for _, p := range found {
		i := slices.Index(players, p.Player)
		if i < 0 || got[i] != "" {
			t.Fatalf("place %v was not asked for, or is there twice", p)
		}
		got[i] = p.Session
	}
	want(t, got, append([]game.SessionID{}, in...))
}

func placeUnique(t *testing.T, s game.Store) {
	p := newPlayerIDs(3)
	wantPlaces(t, s, p, "", "", "")
	wantPlaces(t, s, nil)
	a, b := exclusiveSession(p[0], p[1]), exclusiveSession()
	must(t, s.CreateSession(t.Context(), a))
	must(t, s.CreateSession(t.Context(), b))
	must(t, s.CreateSession(t.Context(), exclusiveSession())) // nobody's places do not clash
	wantPlaces(t, s, p, a.ID, a.ID, "")

	wantError(t, s.CreateSession(t.Context(), exclusiveSession(p[2], p[1])), game.ErrPlayerInOtherSession)
	wantError(t, s.ReplaceSession(t.Context(), b, seating(b, p[2], p[0])), game.ErrPlayerInOtherSession)
	wantSession(t, s, b)
	wantPlaces(t, s, p, a.ID, a.ID, "")

	next := seating(b, p[2])
	must(t, s.ReplaceSession(t.Context(), b, next))
	wantSession(t, s, next)
	again := next
	again.Version, again.Name = next.Version+1, "members keep their places"
	must(t, s.ReplaceSession(t.Context(), next, again))
	wantPlaces(t, s, p, a.ID, a.ID, b.ID)
	wantPlaces(t, s, p[2:], b.ID)
}

// placesFreed frees places in each way in which a session can, and takes them elsewhere at once.
func placesFreed(t *testing.T, s game.Store) {
	p := newPlayerIDs(2)
	for name, free := range map[string]func(*game.Session){
		"the player has left": func(v *game.Session) { v.Members = v.Members[1:] },
		"the session has ended": func(v *game.Session) {
			v.Status, v.EndReason, v.EndedAt = game.StatusEnded, game.ReasonCompleted, later(now())
		},
		"another made the reservation": func(v *game.Session) {
			v.Members = slices.Clone(v.Members)
			v.Members[0].Status, v.Members[0].Deadline = game.SeatReserved, later(now())
		},
		"another has the seat": func(v *game.Session) { *v = seating(*v, game.PlayerID(newID()), p[1]) },
	} {
		a := exclusiveSession(p...)
		must(t, s.CreateSession(t.Context(), a))
		freed := a
		free(&freed)
		freed.Version = a.Version + 1
		must(t, s.ReplaceSession(t.Context(), a, freed))
		b := exclusiveSession(p[0])
		if err := s.CreateSession(t.Context(), b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := game.SessionID("")
		if freed.Status == game.StatusOpen {
			want = a.ID
		}
		wantPlaces(t, s, p, b.ID, want)
		must(t, s.DeleteSession(t.Context(), b))
		must(t, s.DeleteSession(t.Context(), freed))
		wantPlaces(t, s, p, "", "")
	}
}

func placesOfOthers(t *testing.T, s game.Store) {
	p := newPlayerIDs(1)
	a := exclusiveSession(p...)
	must(t, s.CreateSession(t.Context(), a))
	common := exclusiveSession(p...)
	common.Exclusive = false
	must(t, s.CreateSession(t.Context(), common))
	elsewhere := exclusiveSession(p...)
	elsewhere.Project = "elsewhere"
	must(t, s.CreateSession(t.Context(), elsewhere))
	over := exclusiveSession(p...)
	over.Status, over.EndReason = game.StatusFailed, game.ReasonServerCrashed
	must(t, s.CreateSession(t.Context(), over))
	reserved := exclusiveSession(p...)
	reserved.Members[0].Status, reserved.Members[0].Deadline = game.SeatReserved, later(now())
	must(t, s.CreateSession(t.Context(), reserved))
	wantSession(t, s, reserved)
	wantPlaces(t, s, p, a.ID)

	for status, self := range map[game.MemberStatus]bool{
		game.SeatReserved: true, game.SeatJoined: false, game.SeatDisconnected: false,
	} {
		next := reserved
		next.Version++
		next.Members = slices.Clone(reserved.Members)
		next.Members[0].Status, next.Members[0].SelfReserved = status, self
		wantError(t, s.ReplaceSession(t.Context(), reserved, next), game.ErrPlayerInOtherSession)
	}
}

// placeRefusedLast checks the order of the reasons for which a session is rejected.
func placeRefusedLast(t *testing.T, s game.Store) {
	p := newPlayerIDs(1)
	a, b := exclusiveSession(p...), exclusiveSession()
	must(t, s.CreateSession(t.Context(), a))
	must(t, s.CreateSession(t.Context(), b))
	wantError(t, s.CreateSession(t.Context(), a), game.ErrExists) // a retry that has its places itself
	twin := exclusiveSession(p...)
	twin.ID = b.ID
	wantError(t, s.CreateSession(t.Context(), twin), game.ErrExists)

	stale := b
	stale.Version = 7
	wantError(t, s.ReplaceSession(t.Context(), stale, seating(stale, p...)), game.ErrStale)
	missing := exclusiveSession()
	wantError(t, s.ReplaceSession(t.Context(), missing, seating(missing, p...)), game.ErrSessionNotFound)
	wantError(t, s.ReplaceSession(t.Context(), b, seating(b, p...)), game.ErrPlayerInOtherSession)
}

func placeRefusedChangesNothing(t *testing.T, s game.Store) {
	p := newPlayerIDs(2)
	a, b := exclusiveSession(p[0]), exclusiveSession()
	must(t, s.CreateSession(t.Context(), a))
	must(t, s.CreateSession(t.Context(), b))
	wantError(t, s.ReplaceSession(t.Context(), b, seating(b, p[1], p[0])), game.ErrPlayerInOtherSession)
	wantError(t, s.CreateSession(t.Context(), exclusiveSession(p[1], p[0])), game.ErrPlayerInOtherSession)
	wantSession(t, s, b)
	wantPlaces(t, s, p, a.ID, "")
	wantFound(t, s, game.SessionQuery{Where: game.Where{game.Is(game.FieldMember, p[1])}})
}

func onePlaceEach(t *testing.T, s game.Store) {
	p := newPlayerIDs(1)
	rivals := make([]game.Session, 30)
	for i := range rivals {
		rivals[i] = exclusiveSession()
		must(t, s.CreateSession(t.Context(), rivals[i]))
	}
	results := together(len(rivals), func(i int) error {
		if i%3 == 0 {
			rivals[i] = exclusiveSession(p...)
			return s.CreateSession(t.Context(), rivals[i])
		}
		return s.ReplaceSession(t.Context(), rivals[i], seating(rivals[i], p...))
	})
	wantOne(t, results, game.ErrPlayerInOtherSession)
	wantPlaces(t, s, p, rivals[slices.Index(results, nil)].ID)
}

// placesTraded lets two sessions take the same players in opposite orders and give them up again.
func placesTraded(t *testing.T, s game.Store) {
	p := newPlayerIDs(20)
	for _, err := range together(6, func(i int) error {
		v := exclusiveSession()
		if err := s.CreateSession(t.Context(), v); err != nil {
			return err
		}
		order := slices.Clone(p)
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for range 10 {
			full := seating(v, order...)
			err := s.ReplaceSession(t.Context(), v, full)
			if errors.Is(err, game.ErrPlayerInOtherSession) {
				continue
			}
			if err != nil {
				return err
			}
			v = seating(full)
			if err := s.ReplaceSession(t.Context(), full, v); err != nil {
				return err
			}
		}
		return nil
	}) {
		must(t, err)
	}
	must(t, s.CreateSession(t.Context(), exclusiveSession(p...)))
}

// placesRaced lets players join one of two sessions through two processes at the same time. Each is in one in the end,
// and whoever was rejected was told which.
func placesRaced(t *testing.T, s game.Store) {
	ctx := game.WithCaller(t.Context(), game.Caller{Project: project, Scope: game.ScopeServer})
	through := []*game.Sessions{game.NewSessions(deps(s)), game.NewSessions(deps(s))}
	in := []game.Session{exclusiveSession(), exclusiveSession()}
	for _, v := range in {
		must(t, s.CreateSession(ctx, v))
	}
	racers := make([]game.Player, 25)
	for i := range racers {
		racers[i] = activePlayer()
		must(t, s.CreatePlayer(ctx, racers[i]))
	}
	results := together(4*len(racers), func(i int) error {
		_, _, err := through[i%2].Join(ctx, in[i/2%2].ID, nil, game.JoinRequest{PlayerID: racers[i/4].ID})
		return err
	})
	for i, p := range racers {
		found, err := s.ExclusivePlaces(ctx, project, []game.PlayerID{p.ID})
		must(t, err)
		if len(found) != 1 {
			t.Fatalf("player %d has the places %v", i, found)
		}
		for n, err := range results[4*i : 4*i+4] {
			if found[0].Session == in[n/2].ID {
				must(t, err)
				continue
			}
			wantError(t, err, game.ErrPlayerInOtherSession)
			e := (*game.Error)(nil)
			if !errors.As(err, &e) || e.Extras["session_id"] != found[0].Session || e.Extras["player_id"] != p.ID {
				t.Errorf("player %d in %s: %v with %v", i, found[0].Session, err, e.Extras)
			}
		}
	}
	for _, v := range in { // the end frees all at once
		_, err := through[0].Move(ctx, v.ID, nil, game.Move{
			Status: game.StatusEnded, EndReason: game.ReasonForceTerminated,
		})
		must(t, err)
	}
	ids := make([]game.PlayerID, len(racers))
	for i := range racers {
		ids[i] = racers[i].ID
	}
	must(t, s.CreateSession(ctx, exclusiveSession(ids...)))
}
