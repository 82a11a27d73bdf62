package storetest

import (
	"errors"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func concurrency() []check {
	return []check{
		{"one replace of a player wins", onePlayerReplaceWins},
		{"one replace of a session wins", oneSessionReplaceWins},
		{"one username", oneUsername},
		{"one identity", oneIdentity},
		{"seats are sold once", seatsSoldOnce},
		{"seats are sold once by two processes", seatsSoldByTwo},
		{"neighbours of failures", neighboursOfFailures},
		{"names passed on", namesPassedOn},
	}
}

// wantOne checks that exactly one result is a success and that the others are the target.
func wantOne(t *testing.T, results []error, target error) {
	t.Helper()
	wins := 0
	for _, err := range results {
		if err == nil {
			wins++
		} else {
			wantError(t, err, target)
		}
	}
	if wins != 1 {
		t.Errorf("%d of %d won, want 1", wins, len(results))
	}
}

func onePlayerReplaceWins(t *testing.T, s game.Store) {
	p := activePlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	nexts := make([]game.Player, 50)
	results := together(len(nexts), func(i int) error {
		nexts[i] = p
		nexts[i].Version, nexts[i].DisplayName = 2, newID()
		return s.ReplacePlayer(t.Context(), p, nexts[i])
	})
	wantOne(t, results, game.ErrStale)
	for i, err := range results {
		if err == nil {
			wantPlayer(t, s, nexts[i])
		}
	}
}

func oneSessionReplaceWins(t *testing.T, s game.Store) {
	v := openSession(4)
	must(t, s.CreateSession(t.Context(), v))
	nexts := make([]game.Session, 50)
	results := together(len(nexts), func(i int) error {
		nexts[i] = v
		nexts[i].Version, nexts[i].Members = 2, []game.Member{newMember()}
		return s.ReplaceSession(t.Context(), v, nexts[i])
	})
	wantOne(t, results, game.ErrStale)
	for i, err := range results {
		member := game.SessionQuery{Where: game.Where{game.Is(game.FieldMember, nexts[i].Members[0].PlayerID)}}
		if err == nil {
			wantSession(t, s, nexts[i])
			wantFound(t, s, member, nexts[i])
		} else {
			wantFound(t, s, member)
		}
	}
}

func oneUsername(t *testing.T, s game.Store) {
	wantOne(t, together(50, func(int) error {
		p := activePlayer()
		p.Username = "wanted"
		return s.CreatePlayer(t.Context(), p)
	}), game.ErrUsernameTaken)
}

func oneIdentity(t *testing.T, s game.Store) {
	wantOne(
		t, together(50, func(int) error { return s.CreatePlayer(t.Context(), withIdentity()) }), game.ErrIdentityTaken,
	)
}

func deps(s game.Store) game.Deps {
	return game.Deps{Store: s, Now: time.Now, NewID: newID, MaxRequest: time.Minute}
}

func seatsSoldOnce(t *testing.T, s game.Store) {
	sellSeats(t, s, game.NewSessions(deps(s)))
}

func seatsSoldByTwo(t *testing.T, s game.Store) {
	sellSeats(t, s, game.NewSessions(deps(s)), game.NewSessions(deps(s)))
}

// sellSeats lets 50 players join a session with 10 seats at the same time. The services do not share their batches,
// so that they conflict in the store.
func sellSeats(t *testing.T, s game.Store, through ...*game.Sessions) {
	ctx := game.WithCaller(t.Context(), game.Caller{Project: project, Scope: game.ScopeServer})
	v := openSession(10)
	must(t, s.CreateSession(ctx, v))
	racers := make([]game.Player, 50)
	for i := range racers {
		racers[i] = activePlayer()
		must(t, s.CreatePlayer(ctx, racers[i]))
	}
	seated := 0
	for _, err := range together(len(racers), func(i int) error {
		_, _, err := through[i%len(through)].Join(ctx, v.ID, nil, game.JoinRequest{PlayerID: racers[i].ID})
		return err
	}) {
		if err == nil {
			seated++
		} else {
			wantError(t, err, game.ErrSessionFull)
		}
	}
	got, err := s.Session(ctx, project, v.ID)
	must(t, err)
	if seated != 10 || len(got.Members) != 10 || got.Version != 11 {
		t.Errorf("%d joins succeeded, %d members at version %d; want 10, 10, 11", seated, len(got.Members), got.Version)
	}
	for _, m := range got.Members {
		wantFound(t, s, game.SessionQuery{Where: game.Where{game.Is(game.FieldMember, m.PlayerID)}}, got)
	}
}

// neighboursOfFailures makes many writes at once of which half fail, to check that engines that group writes do not
// fail the others.
func neighboursOfFailures(t *testing.T, s game.Store) {
	taken, session := activePlayer(), openSession(3)
	must(t, s.CreatePlayer(t.Context(), taken))
	must(t, s.CreateSession(t.Context(), session))
	const n = 200
	fresh := make([]game.Player, n)
	opened := make([]game.Session, n)
	results := together(n, func(i int) error {
		fresh[i], opened[i] = activePlayer(), newSession()
		bad := activePlayer()
		switch i % 10 {
		case 1:
			bad.ID = taken.ID
			return s.CreatePlayer(t.Context(), bad)
		case 3:
			bad.Username = taken.Username
			return s.CreatePlayer(t.Context(), bad)
		case 5:
			bad.Identities["steam"] = taken.Identities["steam"]
			return s.CreatePlayer(t.Context(), bad)
		case 7:
			old := session
			old.Version = 7
			return s.ReplaceSession(t.Context(), old, old)
		case 9:
			return s.ReplacePlayer(t.Context(), bad, bad)
		}
		return errors.Join(s.CreatePlayer(t.Context(), fresh[i]), s.CreateSession(t.Context(), opened[i]))
	})
	for i, err := range results {
		if i%2 == 1 {
			if err == nil || errors.Is(err, game.ErrStoreUnavailable) {
				t.Errorf("write %d: got %v, want its own failure", i, err)
			}
			continue
		}
		must(t, err)
		wantPlayer(t, s, fresh[i])
		wantSession(t, s, opened[i])
	}
	wantPlayer(t, s, taken)
	wantSession(t, s, session)
}

// namesPassedOn lets players compete for one username and one identity, which each gives up again.
func namesPassedOn(t *testing.T, s game.Store) {
	const rivals, rounds = 8, 10
	for _, err := range together(rivals, func(int) error {
		p := activePlayer()
		p.Identities = map[string]string{}
		if err := s.CreatePlayer(t.Context(), p); err != nil {
			return err
		}
		for range rounds {
			holding := p
			holding.Version, holding.Username = p.Version+1, "wanted"
			holding.Identities = map[string]string{"steam": "wanted"}
			err := s.ReplacePlayer(t.Context(), p, holding)
			if errors.Is(err, game.ErrUsernameTaken) || errors.Is(err, game.ErrIdentityTaken) {
				continue
			}
			if err != nil {
				return err
			}
			p.Version += 2
			if err := s.ReplacePlayer(t.Context(), holding, p); err != nil {
				return err
			}
		}
		return nil
	}) {
		must(t, err)
	}
	heir := withIdentity()
	heir.Username, heir.Identities = "wanted", map[string]string{"steam": "wanted"}
	must(t, s.CreatePlayer(t.Context(), heir))
}
