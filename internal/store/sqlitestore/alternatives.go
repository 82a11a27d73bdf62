package sqlitestore

import (
	"slices"
	"sync"

	"game-session-manager/internal/game"
)

// alternatives returns the clauses of the walks that together are a list. The indexes of names are in the order of the
// list only among the sessions of a status.
func alternatives(w game.Where) []game.Where {
	_, byID := w.On(game.FieldID)
	_, hosted := w.On(game.FieldHost) // which has an index of few sessions
	if !byID && !hosted && slices.ContainsFunc(w, namesSessions) {
		return w.EachStatus()
	}
	return w.ByStatus()
}

// namesSessions reports whether a clause selects by a name that has an index. Sessions without the name are not in it.
func namesSessions(c game.Clause) bool {
	return c.Op == game.OpEqual && slices.Contains(nameColumns(), c.Field) && c.Text() != ""
}

// ofSeats reports whether a list asks for live sessions by what joins change, such as free seats. The index of statuses
// tells it and the indexes of names do not: to read a session takes ten times as long as to walk past one.
func ofSeats(w game.Where) bool {
	_, ended := w.Lives()
	return !ended && slices.ContainsFunc(w.Conjuncts(), func(c game.Clause) bool {
		return slices.Contains([]string{game.FieldFreeSeats, game.FieldSeatsHeld, game.FieldObstacles}, c.Field)
	})
}

// passiveColumns returns the columns for which SQLite must not choose an index. Live sessions are few among those that
// are stored, so a live status selects the index of statuses, or of names and statuses.
func passiveColumns(w game.Where) []string {
	if _, byID := w.On(game.FieldID); byID {
		return append(nameColumns(), "status", "visibility", "liveness")
	}
	status, asked := w.On(game.FieldStatus)
	if asked && status.Op == game.OpEqual && !game.SessionStatus(status.Text()).Terminal() {
		return []string{"visibility"}
	}
	return nil
}

// nameColumns returns the columns of names that have an index, such as the mode. They have the names of their fields.
var nameColumns = sync.OnceValue(func() (names []string) {
	for _, f := range game.SessionFields() {
		if f.Kind == game.KindText && slices.ContainsFunc(sessionsSearched(), func(s searched) bool {
			return s.field == f.Name && s.index != ""
		}) {
			names = append(names, f.Name)
		}
	}
	return slices.Clip(names) // callers append to it
})
