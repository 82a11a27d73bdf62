package game

import (
	"context"
	"errors"
)

// QuickJoined is the result of a quick join.
type QuickJoined struct {
	Session  Session
	Seated   []Seated // of each player
	Created  bool     // the request, or an earlier try of it, created the session
	Replayed bool     // an earlier try of it did, and who has left the session since has no seat
}

// QuickJoin gives a party its seats in the first session that meets the conditions and has room for all of it, or
// creates one if none has. If the first of the players, or the player who asks, has a seat in such a session already,
// the party gets its seats there.
//
// Equal requests at the same time fill sessions before they create new ones, whatever process they reach: only one
// process at a time creates, and it searches once more before it does.
//
// It returns ErrValidation, also if the session to create does not meet the conditions, ErrForbidden, for the players
// ErrPlayerNotFound or ErrPlayerSuspended, ErrAlreadyMember (with another team or other attributes),
// ErrPlayerInOtherSession, ErrNoSessionAvailable, ErrIdempotencyKeyReuse, ErrTooBroad or ErrOverloaded.
func (s *Sessions) QuickJoin(ctx context.Context, p Party, r QuickJoin, i Idempotency) (QuickJoined, error) {
	c := CallerFrom(ctx)
	if err := c.mayQuickJoin(p, r); err != nil {
		return QuickJoined{}, err
	}
	if err := p.Validate(); err != nil {
		return QuickJoined{}, err
	}
	q, err := r.prepare(c, p, s.timeouts)
	if err != nil {
		return QuickJoined{}, err
	}
	if _, err := s.unable(ctx, p); err != nil {
		return QuickJoined{}, err
	}
	// Otherwise two tries of one player in this process would take two seats.
	own, _, err := s.turns.take(ctx, string(c.Project)+" "+string(q.first()), "", 0)
	if err != nil {
		return QuickJoined{}, err
	}
	defer own.leave(ctx)
	made, err := createOnce(ctx, s.rules, i, creation[QuickJoined]{
		create: func(id string) (QuickJoined, error) { return s.quickJoin(ctx, q, SessionID(id)) },
		find: func(id string) (QuickJoined, error) {
			v, err := s.get(ctx, SessionID(id))
			return QuickJoined{Session: v, Seated: seatsOf(p), Created: true}, err
		},
	})
	if err != nil {
		return QuickJoined{}, err
	}
	joined := made.Document
	joined.Session, joined.Replayed = c.visibleSession(joined.Session), made.Replayed
	return joined, nil
}

// quickJoin finds seats for a party, or creates a session with the id. What a slow store has not done when the turn to
// create is over, it begins again: the party gets the seats that it may have got, and the id is that of one session.
func (s *Sessions) quickJoin(ctx context.Context, q quickJoin, id SessionID) (QuickJoined, error) {
	for again := false; ; again = true {
		joined, err := s.tryQuickJoin(ctx, q, id)
		switch {
		case errors.Is(err, errTurnOver):
			continue
		case again && errors.Is(err, ErrExists):
			joined.Session, err = s.get(ctx, id)
			joined.Seated = seatsOf(q.party)
		}
		joined.Created = joined.Created || err == nil && joined.Session.ID == id
		return joined, err
	}
}

// tryQuickJoin returns errTurnOver, and nothing else of it is known, if the store took longer than a turn.
func (s *Sessions) tryQuickJoin(ctx context.Context, q quickJoin, id SessionID) (QuickJoined, error) {
	found, err := s.joinFound(ctx, q, q.again(), q.joinsAgain)
	if !errors.Is(err, ErrNoSessionAvailable) {
		return found, err
	}
	found, err = s.joinFound(ctx, q, q.search, q.opens)
	if q.create != nil && errors.Is(err, ErrNoSessionAvailable) {
		found, err = s.joinOrCreate(ctx, q, id)
	}
	if !errors.Is(err, ErrPlayerInOtherSession) {
		return found, err
	}
	// Another try may have taken a seat meanwhile.
	if again, second := s.joinFound(ctx, q, q.again(), q.joinsAgain); second == nil {
		return again, nil
	}
	return QuickJoined{}, err
}

// joinFound joins the first of the sessions found in which the party gets its seats on the condition. It returns
// ErrNoSessionAvailable if there is none, or ErrPlayerInOtherSession if that is a reason.
func (s *Sessions) joinFound(
	ctx context.Context, q quickJoin, search SearchQuery, c Condition[Session],
) (QuickJoined, error) {
	none := error(ErrNoSessionAvailable)
	for tried, looked := 0, 0; tried < maxQuickTries && looked < maxQuickLooked; {
		if err := TakeRoom(ctx, briefPageRoom); err != nil {
			return QuickJoined{}, err
		}
		hits, err := s.store.SearchSessions(ctx, search)
		KeepRoom(ctx, 0)
		if err != nil {
			return QuickJoined{}, beforeWrite(err)
		}
		looked += len(hits.Items)
		for i := range hits.Items {
			v := &hits.Items[i]
			if c(*v) != nil {
				continue
			}
			tried++
			joined, err := s.joinOne(ctx, q, v.ID, c)
			if err == nil || !skips(err) {
				return joined, err
			}
			if errors.Is(err, ErrPlayerInOtherSession) {
				none = err
			}
		}
		if !hits.More || hits.Next == nil {
			break
		}
		search.After = hits.Next
	}
	return QuickJoined{}, none
}

func (s *Sessions) joinOne(
	ctx context.Context, q quickJoin, id SessionID, c Condition[Session],
) (QuickJoined, error) {
	v, seated, err := s.joinParty(ctx, id, c, q.party, nil)
	return QuickJoined{Session: v, Seated: seated}, err
}

// joinOrCreate waits for the turn to create a session, searches once more, and creates one with the id. It returns
// errTurnOver like tryQuickJoin.
func (s *Sessions) joinOrCreate(ctx context.Context, q quickJoin, id SessionID) (QuickJoined, error) {
	turn, offered, err := s.turns.take(ctx, q.turn, q.key, len(q.party.Seats))
	if err != nil {
		return QuickJoined{}, err
	}
	defer turn.leave(ctx)
	if offered != "" {
		joined, err := s.joinOne(ctx, q, offered, q.opens)
		if err == nil || !skips(err) {
			return joined, err
		}
		if err := turn.again(ctx); err != nil {
			return QuickJoined{}, err
		}
	}
	limited, cancel, err := turn.alone(ctx)
	if err != nil {
		return QuickJoined{}, err
	}
	defer cancel()
	joined, err := s.joinFound(limited, q, q.search, q.opens)
	if errors.Is(err, ErrNoSessionAvailable) {
		joined, err = s.createRoom(limited, q, id)
	}
	switch {
	case err == nil:
		turn.offer(joined.Session.ID, joined.Session.FreeSeats())
	case limited.Err() != nil && ctx.Err() == nil:
		return QuickJoined{}, errTurnOver
	}
	return joined, err
}

// createRoom creates the session of a quick join with the id.
func (s *Sessions) createRoom(ctx context.Context, q quickJoin, id SessionID) (QuickJoined, error) {
	v, seated, err := q.room(id, s.timeouts, s.now())
	if err == nil {
		err = s.create(ctx, v)
	}
	return QuickJoined{Session: v, Seated: seated, Created: err == nil}, err
}

func seatsOf(p Party) []Seated {
	all := make([]Seated, len(p.Seats))
	for i, j := range p.Seats {
		all[i].PlayerID = j.PlayerID
	}
	return all
}
