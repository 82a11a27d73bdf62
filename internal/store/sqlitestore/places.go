package sqlitestore

import (
	"context"
	"database/sql/driver"

	"game-session-manager/internal/game"
)

const (
	selectPlaces = "SELECT player_id, session_id FROM exclusive_places WHERE project = ? AND player_id IN " +
		"(SELECT value FROM json_each(?))"
	placeElsewhere = "SELECT 1 FROM exclusive_places WHERE project = ? AND player_id IN " +
		"(SELECT value FROM json_each(?)) AND session_id <> ? LIMIT 1"
	sessionIDTaken = "SELECT 1 FROM sessions WHERE id = ?"
	sessionAt      = "SELECT 1 FROM sessions WHERE id = ? AND project = ? AND version = ?"

	// The row may be the session's already: see insertMember.
	insertPlace = "INSERT OR IGNORE INTO exclusive_places (project, player_id, session_id) VALUES (?, ?, ?)"
	deletePlace = "DELETE FROM exclusive_places WHERE project = ? AND player_id = ? AND session_id = ?"
)

// ExclusivePlaces implements [game.SessionStore].
func (s *Store) ExclusivePlaces(
	ctx context.Context, project game.ProjectID, players []game.PlayerID,
) ([]game.ExclusivePlace, error) {
	args := []any{string(project), jsonList(players)}
	return gather(ctx, s, selectPlaces, args, func(columns []driver.Value) (game.ExclusivePlace, error) {
		var player, session string
		err := scanAll(columns, &player, &session)
		return game.ExclusivePlace{Player: game.PlayerID(player), Session: game.SessionID(session)}, err
	})
}

// addPlaces adds the statements that change the rows of exclusive places from those of old to those of next.
func (l *statements) addPlaces(old, next *game.Session) {
	for _, p := range old.ExclusivePlacesBeside(next) {
		l.add(deletePlace, string(next.Project), string(p), string(next.ID))
	}
	for _, p := range next.ExclusivePlacesBeside(old) {
		l.add(insertPlace, string(next.Project), string(p), string(next.ID))
	}
}

// placesWanted are the exclusive places that a write takes for a session.
type placesWanted struct {
	project, session, players string // the players as a list of JSON; "" for none
}

func wantedPlaces(v *game.Session, players []game.PlayerID) placesWanted {
	if len(players) == 0 {
		return placesWanted{}
	}
	return placesWanted{string(v.Project), string(v.ID), jsonList(players)}
}

// taken reports whether another session has one of the places. It must be called before anything is written.
func (w placesWanted) taken(c *conn) (bool, error) {
	if w.players == "" {
		return false, nil
	}
	found, err := c.row(placeElsewhere, w.project, w.players, w.session)
	return found != nil, err
}

// refusedSession returns why a session is rejected of whose exclusive places another session has one, unless err says
// that this is not known: what the function returns, or else the place.
func (c *conn) refusedSession(err error, before func() (refusal, error)) (refusal, error) {
	if err != nil {
		return nil, err
	}
	if refused, err := before(); refused != nil || err != nil {
		return refused, err
	}
	return game.ErrPlayerInOtherSession, nil
}

// placesTaken reports whether another session has one of a session's exclusive places, for repairs.
func placesTaken(c *conn, v *game.Session) (bool, error) {
	return wantedPlaces(v, v.ExclusivePlaces()).taken(c)
}
