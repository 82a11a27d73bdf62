package sqlitestore

import (
	"context"
	"database/sql/driver"
	"maps"
	"slices"
	"strings"

	"game-session-manager/internal/game"
)

const (
	// What is large is read when there is room for it: its size is in the head of its row.
	selectSession = "SELECT CASE WHEN octet_length(doc) < ? THEN doc ELSE octet_length(doc) END FROM sessions WHERE id = ? AND project = ?"
	largeSession  = "SELECT doc FROM sessions WHERE id = ? AND project = ?"
	sessionExists = "SELECT 1 FROM sessions WHERE id = ? AND project = ?"

	// Rows of members and attributes that are there already stay. They are so only after another program has changed the
	// file, and an error would fail the whole batch, as often as it is tried.
	insertMember    = "INSERT OR IGNORE INTO members (player_id, session_id) VALUES (?, ?)"
	deleteMember    = "DELETE FROM members WHERE player_id = ? AND session_id = ?"
	insertAttribute = "INSERT OR IGNORE INTO attributes (project, key, value, session_id) VALUES (?, ?, ?, ?)"
	deleteAttribute = "DELETE FROM attributes WHERE project = ? AND key = ? AND value = ? AND session_id = ?"
)

// column is a copy of a part of the document. Values compare with ==.
type column struct {
	name  string
	value any
}

// sessionColumns returns the columns that a replace may change.
func sessionColumns(v *game.Session) []column {
	var host any
	if v.HostID != nil {
		host = string(*v.HostID)
	}
	return []column{
		{"status", string(v.Status)},
		{"mode", v.Mode},
		{"map", v.Map},
		{"region", v.Region},
		{"visibility", string(v.Visibility)},
		{"host_id", host},
		{"free_seats", int64(v.FreeSeats())},
		{"seats_held", int64(len(v.Members))},
	}
}

// CreateSession implements [game.SessionStore].
func (s *Store) CreateSession(ctx context.Context, v game.Session, events ...game.Event) error {
	doc, err := s.codec.encode(v)
	var rows []eventRow
	if err == nil {
		rows, err = s.eventRows(events)
	}
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	var sql strings.Builder
	sql.WriteString("INSERT INTO sessions (id, project, version, doc")
	args := []any{string(v.ID), string(v.Project), v.Version, doc}
	columns := sessionColumns(&v)
	for _, c := range columns {
		sql.WriteString(", " + c.name)
		args = append(args, c.value)
	}
	sql.WriteString(") VALUES (?, ?, ?, ?" + strings.Repeat(", ?", len(columns)) + ")")
	insert := sql.String()
	around := surroundings(nil, &v)
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		_, err := c.exec(insert, args...)
		switch {
		case idTaken(err):
			return game.ErrExists, nil
		case err != nil:
			return nil, err
		}
		if err := around.run(c); err != nil {
			return nil, err
		}
		return nil, c.happened(rows)
	})
}

// Session implements [game.SessionStore].
func (s *Store) Session(ctx context.Context, project game.ProjectID, id game.SessionID) (game.Session, error) {
	doc, err := s.readers.row(ctx, selectSession, int64(game.LargeFrom), string(id), string(project))
	if size, large := doc.(int64); large && err == nil {
		if err := game.TakeRoom(ctx, int(size)); err != nil {
			return game.Session{}, err
		}
		doc, err = s.readers.row(ctx, largeSession, string(id), string(project))
	}
	if err != nil {
		return game.Session{}, unread(err)
	}
	if doc == nil {
		return game.Session{}, game.SessionNotFound(id)
	}
	return s.session(doc)
}

// ReplaceSession implements [game.SessionStore]. It writes the document and what differs around it: the columns that SQLite
// would otherwise write to every index again, and the rows of members and attributes.
func (s *Store) ReplaceSession(ctx context.Context, old, next game.Session, events ...game.Event) error {
	doc, err := s.codec.encode(next)
	var rows []eventRow
	if err == nil {
		rows, err = s.eventRows(events)
	}
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	var sql strings.Builder
	sql.WriteString("UPDATE sessions SET version = ?, doc = ?")
	args := []any{next.Version, doc}
	before := sessionColumns(&old)
	for i, c := range sessionColumns(&next) {
		if c != before[i] {
			sql.WriteString(", " + c.name + " = ?")
			args = append(args, c.value)
		}
	}
	sql.WriteString(" WHERE id = ? AND project = ? AND version = ?")
	args = append(args, string(old.ID), string(old.Project), old.Version)
	update := sql.String()
	around := surroundings(&old, &next)
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		n, err := c.exec(update, args...)
		switch {
		case err != nil:
			return nil, err
		case n == 0:
			return c.staleOr(game.SessionNotFound(old.ID), sessionExists, string(old.ID), string(old.Project))
		}
		if err := around.run(c); err != nil {
			return nil, err
		}
		return nil, c.happened(rows)
	})
}

// statements are changes to make after the one that may be refused.
type statements []struct {
	sql  string
	args []any
}

func (l *statements) add(sql string, args ...any) {
	*l = append(*l, struct {
		sql  string
		args []any
	}{sql, args})
}

func (l statements) run(c *conn) error {
	for _, s := range l {
		if _, err := c.exec(s.sql, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// surroundings returns what brings the members and attributes of a session from old, nil for none, to next.
func surroundings(old, next *game.Session) statements {
	if old == nil {
		old = &game.Session{}
	}
	var l statements
	project, id := string(next.Project), string(next.ID)
	before, after := seats(old), seats(next)
	for p := range diff(before, after) {
		l.add(deleteMember, string(p), id)
	}
	for p := range diff(after, before) {
		l.add(insertMember, string(p), id)
	}
	for k, v := range diff(old.Attributes, next.Attributes) {
		l.add(deleteAttribute, project, k, native(v), id)
	}
	for k, v := range diff(next.Attributes, old.Attributes) {
		l.add(insertAttribute, project, k, native(v), id)
	}
	return l
}

func seats(v *game.Session) map[game.PlayerID]struct{} {
	m := make(map[game.PlayerID]struct{}, len(v.Members))
	for i := range v.Members {
		m[v.Members[i].PlayerID] = struct{}{}
	}
	return m
}

// native returns a value as SQLite compares it: numbers with numbers, strings with strings, and booleans, which SQLite has
// as numbers only, as bytes.
func native(v game.Value) any {
	if b, ok := v.Any().(bool); ok {
		if b {
			return []byte{1}
		}
		return []byte{0}
	}
	return v.Any()
}

// Sessions implements [game.SessionStore].
func (s *Store) Sessions(ctx context.Context, q game.SessionQuery) (game.Found[game.Session], error) {
	sql, args := sessionsSQL(q)
	return find(ctx, s, sql, args, bounds{q.Limit, q.Bytes}, func(doc driver.Value) (game.Session, int, error) {
		if q.Brief {
			return s.briefSession(doc)
		}
		v, err := s.session(doc)
		return v, textSize(doc), err
	})
}

// briefSession reads a session without what its members have besides their ids.
func (s *Store) briefSession(doc driver.Value) (game.Session, int, error) {
	var v struct {
		game.Session
		Members []struct { // in place of the session's own
			PlayerID game.PlayerID `json:"player_id"`
		} `json:"members"`
	}
	if err := s.codec.decode(doc, &v); err != nil {
		return game.Session{}, 0, err
	}
	v.Session.Members = make([]game.Member, len(v.Members))
	for i, m := range v.Members {
		v.Session.Members[i].PlayerID = m.PlayerID
	}
	return v.Session, game.BriefCost(textSize(doc), &v.Session), nil
}

// textSize returns how many bytes a document has that was read.
func textSize(doc driver.Value) int {
	s, _ := doc.(string)
	return len(s)
}

// sessionsSQL returns the statement of a list. Who asks for a member or an attribute walks that table, which has the same
// order and far fewer rows.
func sessionsSQL(q game.SessionQuery) (string, []any) {
	keys := slices.Sorted(maps.Keys(q.Attributes))
	if q.Member == "" && q.Host == "" && len(keys) > 0 {
		return sessionsWith(q, keys[0], keys[1:])
	}
	b := selection{table: "sessions", from: "sessions d", id: "d.id"}
	if q.Member != "" {
		b.from, b.id = "members m CROSS JOIN sessions d ON d.id = m.session_id", "m.session_id"
		b.where("m.player_id = ?", string(q.Member))
	}
	b.whereSession(q, keys)
	return page(string(q.After), q.Limit+1, b)
}

// sessionsWith walks the sessions that have an attribute, once for each of its values: each of the walks is in the
// order of the list.
func sessionsWith(q game.SessionQuery, key string, others []string) (string, []any) {
	walks := make([]selection, 0, len(q.Attributes[key]))
	for _, v := range q.Attributes[key] {
		b := selection{table: "sessions", from: "attributes a CROSS JOIN sessions d ON d.id = a.session_id", id: "a.session_id"}
		b.where("a.project = ? AND a.key = ? AND a.value = ?", string(q.Project), key, native(v))
		b.whereSession(q, others)
		walks = append(walks, b)
	}
	return page(string(q.After), q.Limit+1, walks...)
}

// whereSession adds the filters of the documents, and those by attributes.
func (b *selection) whereSession(q game.SessionQuery, keys []string) {
	b.where("d.project = ?", string(q.Project))
	b.whereIf(q.Status != "", "d.status = ?", string(q.Status))
	if q.Live {
		b.where("d.status IN (?, ?, ?, ?)", live()...)
	}
	// The second half of these names a partial index.
	b.whereIf(q.Mode != "", "d.mode = ? AND d.mode <> ''", q.Mode)
	b.whereIf(q.Map != "", "d.map = ? AND d.map <> ''", q.Map)
	b.whereIf(q.Region != "", "d.region = ? AND d.region <> ''", q.Region)
	b.whereIf(q.Host != "", "d.host_id = ? AND d.host_id IS NOT NULL", string(q.Host))
	b.whereIf(q.Visibility != "", "d.visibility = ?", string(q.Visibility))
	if q.Visibility != "" && q.Visibility != game.VisibilityPublic {
		b.where("d.visibility <> 'public'")
	}
	b.whereIf(q.FreeSeats > 0, "d.free_seats >= ?", int64(q.FreeSeats))
	for _, k := range keys {
		args := []any{k}
		for _, v := range q.Attributes[k] {
			args = append(args, native(v))
		}
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(q.Attributes[k])), ", ")
		b.where("EXISTS (SELECT 1 FROM attributes x WHERE x.project = d.project AND x.key = ? AND x.value IN ("+marks+")"+
			" AND x.session_id = d.id)", args...)
	}
}

// live returns the statuses of sessions that are not over, as arguments.
func live() []any {
	var args []any
	for _, status := range game.LiveStatuses() {
		args = append(args, string(status))
	}
	return args
}

func (s *Store) session(doc driver.Value) (game.Session, error) {
	var v game.Session
	if err := s.codec.decode(doc, &v); err != nil {
		return game.Session{}, unread(err)
	}
	v.Hosted = v.Hosted || v.HostID != nil // documents from before there was the field
	return v, nil
}
