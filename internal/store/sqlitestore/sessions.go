package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"

	"game-session-manager/internal/game"
)

const (
	sessionsTableName = "sessions"

	// A large document is read only once there is room for it in memory. SQLite knows its size without reading it.
	selectSession = "SELECT CASE WHEN octet_length(doc) < ? THEN doc ELSE octet_length(doc) END FROM sessions WHERE " +
		"id = ? AND project = ?"
	largeSession  = "SELECT doc FROM sessions WHERE id = ? AND project = ?"
	sessionExists = "SELECT 1 FROM sessions WHERE id = ? AND project = ?"
	sessionByCode = "SELECT id FROM sessions WHERE project = ? AND join_code = ?"

	// Rows that already exist are ignored. They exist only if another program has changed the file, and an error would
	// fail the whole batch, on each retry.
	insertMember    = "INSERT OR IGNORE INTO members (player_id, live, session_id) VALUES (?, ?, ?)"
	deleteMember    = "DELETE FROM members WHERE player_id = ? AND live = ? AND session_id = ?"
	insertNamed     = "INSERT OR IGNORE INTO named (player_id, live, session_id) VALUES (?, ?, ?)"
	deleteNamed     = "DELETE FROM named WHERE player_id = ? AND live = ? AND session_id = ?"
	insertAttribute = "INSERT OR IGNORE INTO attributes (project, key, value, live, session_id) VALUES (?, ?, ?, ?, ?)"
	deleteAttribute = "DELETE FROM attributes WHERE project = ? AND key = ? AND value = ? AND live = ? AND " +
		"session_id = ?"
)

func sessionPlace(v *game.Session) place {
	return place{sessionsTableName, string(v.ID), string(v.Project), v.Version}
}

// CreateSession implements [game.SessionStore].
func (s *Store) CreateSession(ctx context.Context, v game.Session, events ...game.Event) error {
	doc, rows, err := s.encoded(v, events)
	if err != nil {
		return err
	}
	at := sessionPlace(&v)
	insert, args := insertion(at, sessionColumns, doc, &v)
	around, places := surroundings(nil, &v), wantedPlaces(&v, v.ExclusivePlaces())
	return s.write(ctx, rows, func(c *conn) (refusal, error) {
		exists := func() (refusal, error) {
			exists, err := c.row(sessionIDTaken, string(v.ID))
			return refuseIf(exists != nil, game.ErrExists), err
		}
		if taken, err := places.taken(c); taken || err != nil {
			return c.refusedSession(err, exists)
		}
		refused, err := c.insert(insert, args...)
		switch {
		case uniqueTaken(err):
			if refused, err := exists(); refused != nil || err != nil {
				return refused, err
			}
			return game.ErrJoinCodeTaken, nil
		case refused != nil || err != nil:
			return refused, err
		}
		c.stored(at, doc)
		c.sessions = append(c.sessions, &v)
		return nil, around.run(c)
	})
}

// Session implements [game.SessionStore].
func (s *Store) Session(ctx context.Context, project game.ProjectID, id game.SessionID) (game.Session, error) {
	v, ok, err := recall(ctx, s, sessionKind(), project, string(id))
	if err == nil && !ok {
		err = game.SessionNotFound(id)
	}
	return v, err
}

// ReplaceSession implements [game.SessionStore]. Beside the document it writes only the columns and the rows of members
// and attributes that differ.
func (s *Store) ReplaceSession(ctx context.Context, old, next game.Session, events ...game.Event) error {
	doc, rows, err := s.encoded(next, events)
	if err != nil {
		return err
	}
	at := sessionPlace(&old)
	update, args := replacement(at, sessionColumns, next.Version, doc, &old, &next)
	around, places := surroundings(&old, &next), wantedPlaces(&next, next.ExclusivePlacesBeside(&old))
	return s.write(ctx, rows, func(c *conn) (refusal, error) {
		if taken, err := places.taken(c); taken || err != nil {
			return c.refusedSession(err, func() (refusal, error) {
				if current, err := c.row(sessionAt, append(at.key(), old.Version)...); current != nil || err != nil {
					return nil, err
				}
				return c.staleOrMissing(game.SessionNotFound(old.ID), sessionExists, at.key()...)
			})
		}
		refused, err := c.change(game.SessionNotFound(old.ID), sessionExists, at.key(), update, args...)
		switch {
		case uniqueTaken(err):
			return game.ErrJoinCodeTaken, nil
		case refused != nil || err != nil:
			return refused, err
		}
		c.stored(at, doc)
		c.sessions = append(c.sessions, &next)
		return nil, around.run(c)
	})
}

// SessionByJoinCode implements [game.SessionStore].
func (s *Store) SessionByJoinCode(
	ctx context.Context, project game.ProjectID, code string,
) (game.SessionID, error) {
	found, err := s.readers.row(ctx, sessionByCode, string(project), code)
	if err != nil {
		return "", unread(err)
	}
	id, ok := found.(string)
	if !ok {
		return "", game.ErrInvalidJoinCode
	}
	return game.SessionID(id), nil
}

// statements are executed after the one that may be rejected.
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

// surroundings returns the statements that change the rows of players and attributes from those of old to those of
// next, either of which may be nil. When a session ends, all its rows are replaced, because they contain whether it is
// live.
func surroundings(old, next *game.Session) statements {
	var l statements
	if old == nil {
		old = &game.Session{ID: next.ID, Project: next.Project}
	}
	if next == nil {
		next = &game.Session{ID: old.ID, Project: old.Project, Status: old.Status}
	}
	project, id := string(next.Project), string(next.ID)
	oldAttributes, nextAttributes := old.Attributes, next.Attributes
	wasLive, isLive := liveFlag(old), liveFlag(next)
	if wasLive == isLive {
		oldAttributes, nextAttributes = diff(oldAttributes, nextAttributes), diff(nextAttributes, oldAttributes)
	}
	for _, t := range playerTables() {
		oldPlayers, nextPlayers := t.players(old), t.players(next)
		if wasLive == isLive {
			oldPlayers, nextPlayers = diff(oldPlayers, nextPlayers), diff(nextPlayers, oldPlayers)
		}
		for p := range oldPlayers {
			l.add(t.remove, string(p), wasLive, id)
		}
		for p := range nextPlayers {
			l.add(t.insert, string(p), isLive, id)
		}
	}
	for k, v := range oldAttributes {
		l.add(deleteAttribute, project, k, native(v), wasLive, id)
	}
	for k, v := range nextAttributes {
		l.add(insertAttribute, project, k, native(v), isLive, id)
	}
	l.addPlaces(old, next)
	return l
}

// playerTable is a table with rows for players in sessions, by which lists find the sessions of a player.
type playerTable struct {
	field          string // of [game.SessionFields]
	name           string
	insert, remove string // take the columns of a row
	players        func(*game.Session) map[game.PlayerID]struct{}
}

func playerTables() []playerTable {
	return []playerTable{
		{game.FieldMember, "members", insertMember, deleteMember, seats},
		{game.FieldNamed, "named", insertNamed, deleteNamed, named},
	}
}

// liveFlag returns the column live of the rows of a session.
func liveFlag(v *game.Session) int64 { return flag(!v.Status.Terminal()) }

func seats(v *game.Session) map[game.PlayerID]struct{} {
	m := make(map[game.PlayerID]struct{}, len(v.Members))
	for i := range v.Members {
		m[v.Members[i].PlayerID] = struct{}{}
	}
	return m
}

func named(v *game.Session) map[game.PlayerID]struct{} {
	all := v.Named()
	if len(all) == 0 {
		return nil
	}
	m := make(map[game.PlayerID]struct{}, len(all))
	for _, p := range all {
		m[p] = struct{}{}
	}
	return m
}

// native returns the value in a type that SQLite compares with values of the same type only. Booleans become bytes,
// because SQLite's booleans are numbers.
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
	within := bounds{limit: q.Limit, bytes: q.Bytes}
	ctx = withWorkTime(ctx, q.Work)
	found, err := find(ctx, s, sql, args, within, func(doc driver.Value) (game.Session, int, error) {
		if q.Brief {
			return s.briefSession(doc)
		}
		v, err := s.session(doc)
		return v, textSize(doc), err
	})
	if errors.Is(err, errWorkTime) {
		err = game.ErrTooBroad.Because(err)
	}
	return found, err
}

// briefSession decodes a session with only the ids of its members, and without its wait list.
func (s *Store) briefSession(doc driver.Value) (game.Session, int, error) {
	var v struct {
		game.Session
		Members []struct { // in place of the session's own
			PlayerID game.PlayerID `json:"player_id"`
		} `json:"members"`
		WaitList []struct{} `json:"wait_list"` // likewise
	}
	if err := s.codec.decode(doc, &v); err != nil {
		return game.Session{}, 0, err
	}
	v.Session.Members = make([]game.Member, len(v.Members))
	for i, m := range v.Members {
		v.Session.Members[i].PlayerID = m.PlayerID
	}
	v.Restore()
	return v.Session, game.BriefCost(textSize(doc), &v.Session), nil
}

// textSize returns the size of a stored document in bytes.
func textSize(doc driver.Value) int {
	s, _ := doc.(string)
	return len(s)
}

// byPlayer is a clause about the rows of a table of players.
type byPlayer struct {
	table  string
	player string
}

// sessionsSQL returns the statement of a list. A list by a player or an attribute scans the rows of that table, which
// are far fewer. It scans once for each value of the attribute, and separately for live and ended sessions, because
// only rows that are equal in these are in the order of the list.
func sessionsSQL(q game.SessionQuery) (string, []any) {
	var attributes []game.Clause
	for _, c := range q.Where {
		if _, ok := c.Attribute(); ok {
			attributes = append(attributes, c)
		}
	}
	var players []byPlayer
	for _, t := range playerTables() {
		if c, ok := q.Where.On(t.field); ok {
			players = append(players, byPlayer{t.name, c.Text()})
		}
	}
	var walks []selection
	_, hosted := q.Where.On(game.FieldHost)
	switch {
	case len(players) > 0:
		for _, live := range liveFlags(q.Where) {
			b := selection{
				table: "sessions", from: players[0].table + " m CROSS JOIN sessions d ON d.id = m.session_id",
				id: "m.session_id",
			}
			b.where("m.player_id = ? AND m.live = ?", players[0].player, live)
			for _, p := range players[1:] {
				b.where("EXISTS (SELECT 1 FROM "+p.table+" y WHERE y.player_id = ? AND y.live = ? AND "+
					"y.session_id = m.session_id)", p.player, live)
			}
			b.whereSession(q, attributes, live)
			walks = append(walks, b)
		}
	case !hosted && len(attributes) > 0:
		key, _ := attributes[0].Attribute()
		for _, v := range attributes[0].Values {
			for _, live := range liveFlags(q.Where) {
				b := selection{
					table: "sessions", from: "attributes a CROSS JOIN sessions d ON d.id = a.session_id",
					id: "a.session_id",
				}
				b.where("a.project = ? AND a.key = ? AND a.value = ? AND a.live = ?",
					string(q.Project), key, native(v), live)
				b.whereSession(q, attributes[1:], live)
				walks = append(walks, b)
			}
		}
	default:
		var passive []string
		if ofSeats(q.Where) {
			passive = nameColumns()
		}
		for _, w := range alternatives(q.Where) {
			b := selection{table: "sessions", from: "sessions d", id: "d.id", passive: passive}
			one := q
			one.Where = w
			b.whereSession(one, attributes, liveFlags(w)...)
			walks = append(walks, b)
		}
	}
	return page(string(q.After), q.Limit+1, walks...)
}

// liveFlags returns the values that the column live has in rows of the sessions that a list can find.
func liveFlags(w game.Where) (flags []any) {
	live, ended := w.Lives()
	if live {
		flags = append(flags, flag(true))
	}
	if ended {
		flags = append(flags, flag(false))
	}
	return flags
}

// whereSession adds the conditions on columns and attributes. live are the values of the column live to look for.
func (b *selection) whereSession(q game.SessionQuery, attributes []game.Clause, live ...any) {
	b.where("d.project = ?", string(q.Project))
	b.passive = append(b.passive, passiveColumns(q.Where)...)
	b.whereFields(sessionsSearched(), q.Where)
	for _, c := range attributes {
		key, _ := c.Attribute()
		b.where("EXISTS (SELECT 1 FROM attributes x WHERE x.project = d.project AND x.key = ? AND x.value IN ("+
			marks(len(c.Values))+") AND x.live IN ("+marks(len(live))+") AND x.session_id = d.id)",
			slices.Concat([]any{key}, natives(c.Values), live)...)
	}
}

func (s *Store) session(doc driver.Value) (game.Session, error) {
	var v game.Session
	if err := s.codec.decode(doc, &v); err != nil {
		return game.Session{}, unread(err)
	}
	v.Restore()
	return v, nil
}
