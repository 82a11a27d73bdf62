package game

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// Fixed are the fields of a session that are set when it is created and never change.
type Fixed struct {
	Exclusive bool `json:"exclusive" bson:"exclusive,omitempty" doc:"Whether the players in this session are in no other exclusive session of the project at the same time. Fixed when the session is created."`
}

// Keep returns ErrValidation with every field that has another value in asked.
func (f Fixed) Keep(asked Fixed) error {
	var p problems
	for _, name := range differing(f, asked) {
		p.add(name, "is fixed when the session is created: leave it out or as it is")
	}
	return p.err()
}

// ExclusivePlace says in which exclusive session of the project a player is. A player has one such place at most.
type ExclusivePlace struct {
	Player  PlayerID
	Session SessionID
}

// ExclusivePlaces returns the players whose exclusive places are in this session, in the order of their seats. Those
// who have joined have it, also while they are disconnected, and those who reserved their seats themselves. A
// reservation that was made by others takes it when it is confirmed. A session that is not exclusive, or has ended, has
// none. Engines store the places with the session, under a unique index.
func (s *Session) ExclusivePlaces() []PlayerID {
	if !s.Exclusive || s.Status.Terminal() {
		return nil
	}
	var players []PlayerID
	for i := range s.Members {
		if m := &s.Members[i]; m.hasPlace() {
			players = append(players, m.PlayerID)
		}
	}
	return players
}

// hasPlace reports whether the member of a live exclusive session has its exclusive place there.
func (m *Member) hasPlace() bool { return m.Status != SeatReserved || m.SelfReserved }

// ExclusivePlacesBeside returns the players whose exclusive places are in this session and not in other: when a session
// is replaced, next's beside old are taken and old's beside next are freed.
func (s *Session) ExclusivePlacesBeside(other *Session) []PlayerID {
	players := s.ExclusivePlaces()
	if len(players) == 0 {
		return nil
	}
	had := other.ExclusivePlaces()
	if len(had) == 0 {
		return players
	}
	known := make(map[PlayerID]struct{}, len(had))
	for _, id := range had {
		known[id] = struct{}{}
	}
	var beside []PlayerID
	for _, id := range players {
		if _, is := known[id]; !is {
			beside = append(beside, id)
		}
	}
	return beside
}

// placesElsewhere are the places because of which a session was not stored, in the order of its seats. It is the cause
// of [ErrPlayerInOtherSession].
type placesElsewhere []ExclusivePlace

func (placesElsewhere) Error() string { return "the store has places of the players in other sessions" }

// error returns the error for a player who is in another session.
func (p ExclusivePlace) error() *Error {
	return ErrPlayerInOtherSession.
		Detail("Player %s is in session %s, which is exclusive like this one: leave that session first.", p.Player,
			p.Session).
		With("player_id", p.Player).With("session_id", p.Session)
}

// storePlaces stores a session by write, which takes the exclusive places of the given players. If others have them, it
// returns ErrPlayerInOtherSession with the session of the first player, or ErrStale if they have been freed meanwhile.
func (s *Sessions) storePlaces(ctx context.Context, v *Session, taking []PlayerID, write func() error) error {
	err := write()
	if !errors.Is(err, ErrPlayerInOtherSession) {
		return err
	}
	found, err := s.store.ExclusivePlaces(ctx, v.Project, taking)
	if err != nil {
		return beforeWrite(err)
	}
	at := make(map[PlayerID]SessionID, len(found))
	for _, p := range found {
		at[p.Player] = p.Session
	}
	var elsewhere placesElsewhere
	for _, id := range taking {
		if in, has := at[id]; has && in != v.ID {
			elsewhere = append(elsewhere, ExclusivePlace{id, in})
		}
	}
	if len(elsewhere) == 0 {
		return ErrStale
	}
	return elsewhere[0].error().Because(elsewhere)
}

// blamePlaces returns the error of a change that took places which others have, given the error of the whole batch.
func blamePlaces(err error, before, after *Session) error {
	elsewhere := placesElsewhere(nil)
	if !errors.As(err, &elsewhere) {
		return nil
	}
	taken := after.ExclusivePlacesBeside(before)
	own := slices.DeleteFunc(slices.Clone(elsewhere), func(p ExclusivePlace) bool {
		return !slices.Contains(taken, p.Player)
	})
	if len(own) == 0 {
		return nil
	}
	return own[0].error().Because(own)
}

// createPlaces stores a new session. While a place of its host is being freed, it tries again.
func (s *Sessions) createPlaces(ctx context.Context, v Session, created Event) error {
	create := func() error { return s.store.CreateSession(ctx, v, created) }
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		if err := s.storePlaces(ctx, &v, v.ExclusivePlaces(), create); !errors.Is(err, ErrStale) {
			return err
		}
		if err := Sleep(ctx, pause/2+rand.N(pause)); err != nil { //nolint:gosec // a random pause is no secret
			return Overloaded(err)
		}
	}
}

// joinParty seats a party as [Sessions.JoinParty] does. Only the store knows who is in another exclusive session. A
// partial party is seated again without them: each round leaves out at least one more of its players. A password is
// verified between two rounds, too, not to keep others from the session meanwhile.
func (s *Sessions) joinParty(
	ctx context.Context, id SessionID, c Condition[Session], p Party, unable map[PlayerID]error,
) (Session, []Seated, error) {
	by := PlayerID("")
	if caller := CallerFrom(ctx); caller.Scope == ScopePlayer {
		by = caller.Player
	}
	for {
		var seated []Seated // only valid if the change was made: an abandoned one may still set it
		v, err := s.change(ctx, id, c, func(v *Session, now time.Time) (done []Change, err error) {
			seated, done, err = v.JoinParty(p, by, unable, now)
			return done, err
		})
		elsewhere := placesElsewhere(nil)
		switch {
		case err == nil:
			return v, seated, nil
		case !errors.As(err, &elsewhere):
			if p, err = s.verifyPassword(ctx, p, err); err != nil {
				return Session{}, nil, err
			}
			continue
		case !p.Partial:
			return Session{}, nil, ofParty(err, p, elsewhere[0].Player)
		}
		for _, place := range elsewhere {
			unable[place.Player] = place.error()
		}
	}
}
