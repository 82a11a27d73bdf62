package sqlitestore

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"game-session-manager/internal/game"
)

// listWay is how a list walks the sessions that neither a player nor an attribute selects.
type listWay string

const (
	likeliestWay listWay = ""       // by the index that has the fewest sessions
	byStatusWay  listWay = "status" // by the index of statuses, although there is one of a name
)

// walks returns the walks that together are the list.
func (way listWay) walks(q game.SessionQuery, attributes []game.Clause) (walks []selection) {
	all := alternatives(q.Where)
	if way == byStatusWay {
		all = q.Where.ByStatus()
	}
	for _, w := range all {
		b := selection{table: "sessions", from: "sessions d", id: "d.id"}
		if way == byStatusWay {
			b.passive = nameColumns()
		}
		one := q
		one.Where = w
		b.whereSession(one, attributes, liveFlags(w)...)
		walks = append(walks, b)
	}
	return walks
}

const (
	// frequentAmong is among how many of the live sessions one must have a name for the name to be frequent: reading a
	// session costs ten times as much as walking past one in an index.
	frequentAmong = 10
	// liveFrom finds whether there are more sessions than a number from an id on.
	liveFrom = "SELECT 1 FROM sessions INDEXED BY sessions_by_status WHERE status IN " +
		"(SELECT value FROM json_each(?)) AND project = ? AND id >= ? AND id < ? LIMIT 1 OFFSET ?"
)

// wayOf returns the cheaper way for a list. Where the index of a name does not tell all that is asked for, such as
// free seats, it walks to sessions that have to be read; the index of statuses tells, and has the other names too. So a
// name that is frequent among the sessions from the list's beginning on is looked for there. Either way, the cost of a
// page depends on how many of those that are asked for match, and not on how many are stored.
func (s *Store) wayOf(ctx context.Context, q game.SessionQuery) (listWay, error) {
	if !readsNamed(q.Where) {
		return likeliestWay, nil
	}
	end, err := s.newestNamed(ctx, q)
	if err != nil || end == "" {
		return likeliestWay, err
	}
	before, among := cmp.Or(string(q.After), afterIDs), int64(frequentAmong*s.sizes.named)
	statuses, err := json.Marshal(q.Where.Statuses())
	if err != nil {
		return likeliestWay, err
	}
	more, err := s.readers.row(ctx, liveFrom, string(statuses), string(q.Project), end, before, among)
	if err != nil || more != nil {
		return likeliestWay, err
	}
	return byStatusWay, nil
}

// newestNamed returns the last id of some of the newest sessions with the names that a list asks for, or "" if there
// are fewer.
func (s *Store) newestNamed(ctx context.Context, q game.SessionQuery) (end string, _ error) {
	q.Where = slices.DeleteFunc(slices.Clone(q.Where), func(c game.Clause) bool { return !told(c) })
	for _, b := range likeliestWay.walks(q, nil) {
		b.where("d.id < ?", cmp.Or(string(q.After), afterIDs))
		sql := "SELECT d.id FROM " + b.from + " WHERE " + strings.Join(b.terms, " AND ") +
			" ORDER BY d.id DESC LIMIT 1 OFFSET ?"
		id, err := s.readers.row(ctx, sql, append(b.args, int64(s.sizes.named)-1)...)
		if err != nil {
			return "", err
		}
		if text, ok := id.(string); ok {
			end = max(end, text)
		}
	}
	return end, nil
}

// readsNamed reports whether a list walks the live sessions of a name and reads them, because the index of the name
// does not tell all that is asked for, such as free seats.
func readsNamed(w game.Where) bool {
	read, named := false, false
	for _, c := range w {
		if _, attribute := c.Attribute(); attribute || slices.Contains(
			[]string{game.FieldID, game.FieldHost, game.FieldMember, game.FieldNamed}, c.Field,
		) {
			return false
		}
		read, named = read || !told(c), named || namesSessions(c)
	}
	_, ended := w.Lives()
	return read && named && !ended
}

// told reports whether the indexes of names tell if a session meets a clause.
func told(c game.Clause) bool {
	return namesSessions(c) || c.Field == game.FieldStatus || c.Field == game.FieldVisibility
}

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
	return c.Op == game.OpEqual && c.Text() != "" && slices.ContainsFunc(sessionsSearched(), func(s searched) bool {
		return s.field == c.Field && s.index != "" && slices.Contains(nameColumns(), c.Field)
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

// nameColumns returns the columns of fields that are names. They have the names of their fields.
func nameColumns() (names []string) {
	for _, f := range game.SessionFields() {
		if f.Kind == game.KindText {
			names = append(names, f.Name)
		}
	}
	return names
}
