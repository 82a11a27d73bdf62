package sqlitestore

import (
	"context"
	"errors"

	sqlite3 "modernc.org/sqlite/lib"

	"game-session-manager/internal/game"
)

// Inspect implements [game.Inspector]. It reads one snapshot of the file, so that writes under way do not look like
// damage, and repairs it through the writer. Until it ends, the log of the file grows. Many rows are sorted in a
// temporary file; memory holds only what could not be repaired at once.
func (s *Store) Inspect(ctx context.Context, repair bool, report func(game.Finding)) error {
	c, err := s.readers.take(ctx)
	if err != nil {
		return unread(err)
	}
	defer s.readers.give(c)
	err = s.inspect(ctx, &inspection{conn: c, store: s, repair: repair, report: report})
	if primary(err) == sqlite3.SQLITE_CORRUPT {
		err = explain(err, s.path)
	}
	return unread(err)
}

// inspection is one call of Inspect.
type inspection struct {
	conn   *conn
	store  *Store
	repair bool
	report func(game.Finding)
	later  []damage // whose repair needs another one first, as of a document that has the same name
}

// damage is what is wrong with one document.
type damage struct {
	findings []game.Finding
	repair   func(*conn) (refusal, error)
}

func (s *Store) inspect(ctx context.Context, i *inspection) (err error) {
	if err := i.integrity(ctx); err != nil {
		return err
	}
	if err := i.schema(ctx); err != nil {
		return err
	}
	i.conn.forget() // so that none of the statements that run inside each other is closed for being one too many
	// These take effect when they are compiled: prepared once, they would do so once.
	if err := i.conn.script("PRAGMA temp_store = FILE; BEGIN"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.conn.script("COMMIT; PRAGMA "+memoryTemp)) }()
	for _, t := range inspectedTables() {
		if err := t.inspect(ctx, i); err != nil {
			return err
		}
	}
	for _, d := range i.later {
		if err := i.handle(ctx, d, false); err != nil {
			return err
		}
	}
	return nil
}

// handle repairs the damage if a repair is wanted, and reports it. If again is set, what cannot be repaired yet is
// tried again at the end.
func (i *inspection) handle(ctx context.Context, d damage, again bool) error {
	if i.repair && d.repair != nil {
		err := i.store.writer.do(ctx, d.repair)
		switch {
		case errors.Is(err, errNotYet):
			if again {
				i.later = append(i.later, d)
				return nil
			}
		case err != nil:
			return err
		default:
			for k := range d.findings {
				d.findings[k].Repaired = true
			}
		}
	}
	for _, f := range d.findings {
		i.report(f)
	}
	return nil
}

// inspectedTables returns the tables of documents that inspections read: all but those of metrics samples, which are
// only appended, and soon expire.
func inspectedTables() []inspectedTable {
	return []inspectedTable{
		playersTable(),
		sessionsTable(),
		documentTable[game.Key]{table: "api_keys", id: func(k *game.Key) string { return string(k.ID) }},
		documentTable[game.SigningKey]{table: "signing_keys", id: func(k *game.SigningKey) string { return k.ID }},
		documentTable[game.Webhook]{table: "webhooks", id: func(w *game.Webhook) string { return string(w.ID) }},
		documentTable[game.Delivery]{
			table: "deliveries", id: func(d *game.Delivery) string { return d.ID },
			columns: []column[game.Delivery]{{"at", func(d *game.Delivery) any { return d.At.UnixMilli() }}},
		},
		eventsTable(),
	}
}

// inspectedTable is a [documentTable] of any documents.
type inspectedTable interface {
	inspect(ctx context.Context, i *inspection) error
}

// documentTable is what is stored of a kind of document beside the document itself: columns, unless SQLite generates
// them, and rows of other tables.
type documentTable[D any] struct {
	table   string
	doc     string // an expression for the document, unless the column contains all of it
	id      func(*D) string
	columns []column[D]
	// taken reports whether another document has one of the unique names of this one; nil if there are none.
	taken func(*conn, *D) (bool, error)
	sides []sideTable[D]
}

// sideTable is a table whose rows are derived from documents.
type sideTable[D any] struct {
	name string
	// sorted selects the rows by their documents' ids, which come first.
	sorted         string
	insert, remove string // take the columns of a row and then the document's id
	rows           func(*D) map[row]bool
}

func playersTable() documentTable[game.Player] {
	return documentTable[game.Player]{
		table: "players",
		id:    func(p *game.Player) string { return string(p.ID) },
		columns: append([]column[game.Player]{
			{"project", func(p *game.Player) any { return string(p.Project) }},
			{"version", func(p *game.Player) any { return p.Version }},
		}, playerColumns...),
		taken: namesTaken,
		sides: []sideTable[game.Player]{{
			name: "identities", insert: insertIdentity, remove: deleteIdentity,
			sorted: "SELECT player_id, project, provider, subject FROM identities ORDER BY player_id",
			rows: func(p *game.Player) map[row]bool {
				rows := make(map[row]bool, len(p.Identities))
				for provider, subject := range p.Identities {
					rows[row{string(p.Project), provider, subject}] = true
				}
				return rows
			},
		}},
	}
}

func eventsTable() documentTable[game.Event] {
	return documentTable[game.Event]{
		table: "events",
		doc:   "CASE WHEN json_valid(doc) THEN json_set(doc, '$.seq', seq) ELSE doc END",
		id:    func(e *game.Event) string { return e.ID() },
		columns: []column[game.Event]{
			{"project", func(e *game.Event) any { return string(e.Project) }},
			{"at", func(e *game.Event) any { return e.At.UnixMilli() }},
		},
		sides: []sideTable[game.Event]{{
			// The rows have the place of their event instead of its id.
			name: "event_players",
			insert: "INSERT OR IGNORE INTO event_players (project, player_id, seq) SELECT ?1, ?2, ?3 WHERE ?4 IS NOT " +
				"NULL",
			remove: "DELETE FROM event_players WHERE project = ?1 AND player_id = ?2 AND seq = ?3 AND ?4 IS NOT NULL",
			sorted: `SELECT coalesce(e.id, ''), p.project, p.player_id, p.seq FROM event_players p
				LEFT JOIN events e ON e.project = p.project AND e.seq = p.seq ORDER BY 1`,
			rows: func(e *game.Event) map[row]bool {
				rows := make(map[row]bool)
				for _, p := range namedBeside(e) {
					rows[row{string(e.Project), string(p), e.Seq}] = true
				}
				return rows
			},
		}, {
			name: "departures",
			insert: "INSERT OR IGNORE INTO departures (project, player_id, session_id, seq) SELECT ?1, ?2, ?3, ?4 " +
				"WHERE ?5 IS NOT NULL",
			remove: "DELETE FROM departures WHERE project = ?1 AND player_id = ?2 AND session_id = ?3 AND seq = ?4 " +
				"AND ?5 IS NOT NULL",
			sorted: `SELECT coalesce(e.id, ''), d.project, d.player_id, d.session_id, d.seq FROM departures d
				LEFT JOIN events e ON e.project = d.project AND e.seq = d.seq ORDER BY 1`,
			rows: func(e *game.Event) map[row]bool {
				rows := make(map[row]bool)
				for _, p := range e.Departed() {
					rows[row{string(e.Project), string(p), e.Subject.ID, e.Seq}] = true
				}
				return rows
			},
		}, {
			name:   "audited",
			insert: "INSERT OR IGNORE INTO audited (project, seq) SELECT ?1, ?2 WHERE ?3 IS NOT NULL",
			remove: "DELETE FROM audited WHERE project = ?1 AND seq = ?2 AND ?3 IS NOT NULL",
			sorted: `SELECT coalesce(e.id, ''), a.project, a.seq FROM audited a
				LEFT JOIN events e ON e.project = a.project AND e.seq = a.seq ORDER BY 1`,
			rows: func(e *game.Event) map[row]bool {
				if !e.Audited() {
					return nil
				}
				return map[row]bool{{string(e.Project), e.Seq}: true}
			},
		}},
	}
}

func sessionsTable() documentTable[game.Session] {
	return documentTable[game.Session]{
		table: "sessions",
		id:    func(v *game.Session) string { return string(v.ID) },
		columns: append([]column[game.Session]{
			{"project", func(v *game.Session) any { return string(v.Project) }},
			{"version", func(v *game.Session) any { return v.Version }},
		}, sessionColumns...),
		taken: placesTaken,
		sides: append(playerSides(), sideTable[game.Session]{
			name: "attributes", insert: insertAttribute, remove: deleteAttribute,
			sorted: "SELECT session_id, project, key, value, live FROM attributes ORDER BY session_id",
			rows: func(v *game.Session) map[row]bool {
				rows := make(map[row]bool, len(v.Attributes))
				for k, a := range v.Attributes {
					rows[row{string(v.Project), k, rowValue(native(a)), liveFlag(v)}] = true
				}
				return rows
			},
		}, sideTable[game.Session]{
			name: "exclusive places", insert: insertPlace, remove: deletePlace,
			sorted: "SELECT session_id, project, player_id FROM exclusive_places ORDER BY session_id",
			rows: func(v *game.Session) map[row]bool {
				rows := map[row]bool{}
				for _, p := range v.ExclusivePlaces() {
					rows[row{string(v.Project), string(p)}] = true
				}
				return rows
			},
		}),
	}
}

func playerSides() (sides []sideTable[game.Session]) {
	for _, t := range playerTables() {
		sides = append(sides, sideTable[game.Session]{
			name: t.name, insert: t.insert, remove: t.remove,
			sorted: "SELECT session_id, player_id, live FROM " + t.name + " ORDER BY session_id",
			rows: func(v *game.Session) map[row]bool {
				rows := make(map[row]bool)
				for p := range t.players(v) {
					rows[row{string(p), liveFlag(v)}] = true
				}
				return rows
			},
		})
	}
	return sides
}
