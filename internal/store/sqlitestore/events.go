package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"time"

	"game-session-manager/internal/game"
)

const (
	// There is one writer, so that the order of commits is that of the places: each event has its place from the
	// beginning.
	nextPlaces = `INSERT INTO feeds (project, seq) VALUES (?1, ?2) ON CONFLICT (project) DO UPDATE SET seq = seq + ?2
		RETURNING seq`
	// An event of the same version is there only where a document came back at an older version, as of another backup.
	// The later one is what happened since.
	insertEvent       = "INSERT OR REPLACE INTO events (project, seq, id, at, doc) VALUES "
	insertEventPlayer = "INSERT OR IGNORE INTO event_players (project, player_id, seq) VALUES "

	insertDeparture = "INSERT OR IGNORE INTO departures (project, player_id, session_id, seq) VALUES "

	insertAudited = "INSERT OR IGNORE INTO audited (project, seq) VALUES "

	eventAt   = "SELECT id FROM events WHERE project = ? AND seq = ?"
	hasEvent  = "SELECT 1 FROM events WHERE id = ?"
	atLeastAt = `INSERT INTO feeds (project, seq) VALUES (?1, ?2) ON CONFLICT (project) DO UPDATE SET seq = ?2 WHERE seq < ?2`

	// The order of these is written into the statement.
	timeline   = "SELECT doc, seq, project, id, at FROM events WHERE id < ? AND id > ? ORDER BY id "
	feed       = "SELECT doc, seq, project, id, at FROM events WHERE project = ? AND seq > ? AND seq < ? ORDER BY seq "
	playerFeed = `SELECT e.doc, e.seq, e.project, e.id, e.at
		FROM event_players p JOIN events e ON e.project = p.project AND e.seq = p.seq
		WHERE p.project = ?1 AND p.seq > ?2 AND p.seq < ?3 AND p.player_id = ?4
		UNION ALL
		SELECT doc, seq, project, id, at FROM events
		WHERE id > ?5 AND id < ?6 AND project = ?1 AND seq > ?2 AND seq < ?3
		ORDER BY 2 `
	auditFeed = `SELECT e.doc, e.seq, e.project, e.id, e.at
		FROM audited a JOIN events e ON e.project = a.project AND e.seq = a.seq
		WHERE a.project = ? AND a.seq > ? AND a.seq < ? ORDER BY a.seq `
	departures = `SELECT DISTINCT session_id FROM departures WHERE project = ? AND player_id = ? AND session_id < ?
		ORDER BY session_id DESC LIMIT ?`
	exportEvents = "SELECT doc, seq FROM events WHERE id > ? ORDER BY id LIMIT ?"

	feedEnd           = "SELECT seq FROM feeds WHERE project = ?"
	feedProjects      = "SELECT project FROM feeds"
	purgeEvents       = "DELETE FROM events WHERE project = ? AND seq <= ?"
	purgeEventPlayers = `DELETE FROM event_players WHERE project = ?1 AND player_id = ?2 AND seq = ?3`
	purgeDepartures   = `DELETE FROM departures WHERE project = ? AND player_id = ? AND session_id = ? AND seq = ?`
	purgeAudited      = "DELETE FROM audited WHERE project = ? AND seq <= ?"
	oldestEvents      = "SELECT doc, seq, project, id, at FROM events WHERE project = ? ORDER BY seq LIMIT ?"
	// Where an event cannot be decoded: they read all rows of the project.
	purgeAllNamed    = "DELETE FROM event_players WHERE project = ? AND seq <= ?"
	purgeAllDeparted = "DELETE FROM departures WHERE project = ? AND seq <= ?"
)

// eventRow is an event as it is stored.
type eventRow struct {
	project, id, doc string
	at               int64
	players          []game.PlayerID
	session          string          // the subject, where players have left it
	departed         []game.PlayerID // those who have
	audited          bool
	seq              int64
}

// eventRows encodes events before the write that stores them.
func (s *Store) eventRows(events []game.Event) ([]eventRow, error) {
	rows := make([]eventRow, len(events))
	for i := range events {
		e := events[i]
		rows[i] = eventRow{
			project: string(e.Project), id: e.ID(), at: e.At.UnixMilli(), players: namedBeside(&e), seq: e.Seq,
			session: e.Subject.ID, departed: e.Departed(), audited: e.Audited(),
		}
		e.Seq = 0
		var err error
		if rows[i].doc, err = s.codec.encode(e); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// namedBeside returns the players whom an event names beside its subject. A player's own events are found by their
// ids, so that rows for them would be redundant.
func namedBeside(e *game.Event) []game.PlayerID {
	return slices.DeleteFunc(e.Players(), func(p game.PlayerID) bool {
		return e.Subject.Kind == game.SubjectPlayer && e.Subject.ID == string(p)
	})
}

// happened queues the events of a write, to be stored with those of the other writes of the batch. It is called last,
// because a rejected write has no events.
func (c *conn) happened(rows []eventRow) { c.events = append(c.events, rows...) }

// storeEvents stores the events of a batch, with the next places in the feeds in the order of the writes.
func (c *conn) storeEvents() error {
	rows := c.events
	if len(rows) == 0 {
		return nil
	}
	defer c.forgetEvents()
	counts := map[string]int64{}
	for i := range rows {
		counts[rows[i].project]++
	}
	for project, n := range counts {
		last, err := c.row(nextPlaces, project, n)
		if err != nil {
			return err
		}
		var seq int64
		if err := scan(last, &seq); err != nil {
			return err
		}
		counts[project] = seq - n
	}
	events, players := make([]any, 0, 5*len(rows)), make([]any, 0, 6*len(rows))
	var departed, audited []any
	for i := range rows {
		r := &rows[i]
		counts[r.project]++
		r.seq = counts[r.project]
		events = append(events, r.project, r.seq, r.id, r.at, r.doc)
		for _, p := range r.players {
			players = append(players, r.project, string(p), r.seq)
		}
		departed = append(departed, r.departures()...)
		audited = append(audited, r.audit()...)
	}
	if err := c.insertRows(insertEvent, 5, events); err != nil {
		return err
	}
	if err := c.insertRows(insertEventPlayer, 3, players); err != nil {
		return err
	}
	if err := c.insertRows(insertDeparture, 4, departed); err != nil {
		return err
	}
	return c.insertRows(insertAudited, 2, audited)
}

// audit returns the columns of the row of the audit log of an event that has a place, or none.
func (r *eventRow) audit() []any {
	if !r.audited {
		return nil
	}
	return []any{r.project, r.seq}
}

// departures returns the columns of the rows of departures of an event that has a place.
func (r *eventRow) departures() (columns []any) {
	for _, p := range r.departed {
		columns = append(columns, r.project, string(p), r.session, r.seq)
	}
	return columns
}

func (c *conn) forgetEvents() {
	clear(c.events)
	c.events = c.events[:0]
}

// insertRows inserts rows, as many as it can by one statement, because each statement has a fixed cost.
func (c *conn) insertRows(insert string, columns int, values []any) error {
	return inParts(len(values)/columns, func(n int) error {
		_, err := c.exec(rowsOf(insert, columns, n), values[:n*columns]...)
		values = values[n*columns:]
		return err
	})
}

// inParts divides a number of rows into parts of few different sizes, because statements are kept.
func inParts(rows int, do func(n int) error) error {
	for n := 64; rows > 0; n /= 2 {
		for ; rows >= n; rows -= n {
			if err := do(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowsOf returns a statement with the places of n rows.
func rowsOf(insert string, columns, n int) string {
	one := "(?" + strings.Repeat(", ?", columns-1) + ")"
	return insert + one + strings.Repeat(", "+one, n-1)
}

// putEvent stores an event that has a place.
func (c *conn) putEvent(r *eventRow) error {
	if err := c.insertRows(insertEvent, 5, []any{r.project, r.seq, r.id, r.at, r.doc}); err != nil {
		return err
	}
	for _, p := range r.players {
		if err := c.insertRows(insertEventPlayer, 3, []any{r.project, string(p), r.seq}); err != nil {
			return err
		}
	}
	if err := c.insertRows(insertDeparture, 4, r.departures()); err != nil {
		return err
	}
	if err := c.insertRows(insertAudited, 2, r.audit()); err != nil {
		return err
	}
	_, err := c.exec(atLeastAt, r.project, r.seq)
	return err
}

// Timeline implements [game.EventStore].
func (s *Store) Timeline(ctx context.Context, q game.TimelineQuery) ([]game.Event, error) {
	before := q.Before
	if before == 0 {
		before = game.EndOfVersions
	}
	sql := timeline
	if !q.Oldest {
		sql += "DESC "
	}
	args := []any{game.EventID(q.Subject, before), game.EventID(q.Subject, q.After), int64(q.Limit)}
	events, err := gather(ctx, s, sql+"LIMIT ?", args, s.event)
	return ofProject(events, q.Project), err
}

// ofProject leaves out what is of another project: an id is of one project only, so that it is all or nothing.
func ofProject(events []game.Event, p game.ProjectID) []game.Event {
	if len(events) > 0 && events[0].Project != p {
		return []game.Event{}
	}
	return events
}

// Feed implements [game.EventStore].
func (s *Store) Feed(ctx context.Context, q game.FeedQuery) ([]game.Event, error) {
	before := q.Before
	if before == 0 {
		before = game.EndOfVersions
	}
	sql, args := feed, []any{string(q.Project), q.After, before}
	if q.Player != "" {
		own := game.Subject{Kind: game.SubjectPlayer, ID: string(q.Player)}
		sql = playerFeed
		args = append(args, string(q.Player), game.EventID(own, 0), game.EventID(own, game.EndOfVersions))
	}
	if q.Audited {
		sql = auditFeed
	}
	if q.Newest {
		sql += "DESC "
	}
	return gather(ctx, s, sql+"LIMIT ?", append(args, int64(q.Limit)), s.event)
}

// FeedEnd implements [game.EventStore].
func (s *Store) FeedEnd(ctx context.Context, p game.ProjectID) (int64, error) {
	found, err := gather(ctx, s, feedEnd, []any{string(p)}, func(columns []driver.Value) (seq int64, err error) {
		return seq, scan(columns[0], &seq)
	})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// Departures implements [game.EventStore].
func (s *Store) Departures(ctx context.Context, q game.DepartureQuery) ([]game.SessionID, error) {
	after := string(q.After)
	if after == "" {
		after = afterAll
	}
	args := []any{string(q.Project), string(q.Player), after, int64(q.Limit)}
	return gather(ctx, s, departures, args, func(columns []driver.Value) (game.SessionID, error) {
		var id string
		err := scan(columns[0], &id)
		return game.SessionID(id), err
	})
}

// afterAll is greater than every id.
const afterAll = "\U0010ffff"

// OrderEvents implements [game.EventStore]. Events have their places from the beginning.
func (s *Store) OrderEvents(ctx context.Context, _ time.Time, _ int) (int, error) {
	if ctx.Err() != nil {
		return 0, unread(context.Cause(ctx))
	}
	if s.writer.ended() {
		return 0, unread(errClosed)
	}
	return 0, nil
}

// PurgeEvents implements [game.EventStore].
func (s *Store) PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	projects, err := gather(ctx, s, feedProjects, nil, func(columns []driver.Value) (project string, err error) {
		return project, scan(columns[0], &project)
	})
	if err != nil {
		return 0, game.Unanswered(game.OutcomeNone, err)
	}
	purged := 0
	for _, p := range projects {
		for more := true; more && err == nil && purged < limit; {
			var n int
			n, more, err = s.purgeEvents(ctx, p, before, min(limit-purged, purgePage))
			purged += n
		}
	}
	if err == nil && len(projects) == 0 {
		err = s.writer.do(ctx, func(*conn) (refusal, error) { return nil, nil }) // fails where a write would
	}
	return purged, err
}

// purgePage bounds the events of one transaction.
const purgePage = 500

// purgeEvents removes events from the beginning of a feed, and reports whether there may be more.
func (s *Store) purgeEvents(
	ctx context.Context, project string, before time.Time, limit int,
) (n int, more bool, err error) {
	oldest, err := gather(ctx, s, oldestEvents, []any{project, int64(limit)}, s.eventToPurge)
	if err != nil {
		return 0, false, err
	}
	for n < len(oldest) && oldest[n].At.Before(before) {
		n++
	}
	if n == 0 {
		return 0, false, nil
	}
	err = s.writer.do(ctx, func(c *conn) (refusal, error) {
		all := []string{purgeAudited, purgeEvents}
		if slices.ContainsFunc(oldest[:n], func(e game.Event) bool { return e.Unreadable }) {
			all = append(all, purgeAllNamed, purgeAllDeparted)
		} else if err := c.purgeRowsOf(oldest[:n]); err != nil {
			return nil, err
		}
		for _, purge := range all {
			if _, err := c.exec(purge, project, oldest[n-1].Seq); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	if err != nil {
		return 0, false, err
	}
	return n, n == len(oldest), nil
}

// purgeRowsOf removes the rows that say whom events name.
func (c *conn) purgeRowsOf(events []game.Event) error {
	for i := range events {
		e := &events[i]
		project := string(e.Project)
		for _, p := range namedBeside(e) {
			if _, err := c.exec(purgeEventPlayers, project, string(p), e.Seq); err != nil {
				return err
			}
		}
		for _, p := range e.Departed() {
			if _, err := c.exec(purgeDepartures, project, string(p), e.Subject.ID, e.Seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// PutEvents implements [game.EventStore].
func (s *Store) PutEvents(ctx context.Context, events []game.Event) error {
	rows, err := s.eventRows(events)
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		for i := range rows { // before anything is changed
			holder, err := c.row(eventAt, rows[i].project, rows[i].seq)
			if err != nil {
				return nil, err
			}
			if stored, err := c.row(hasEvent, rows[i].id); err != nil || stored == nil && holder != nil {
				return refuseIf(err == nil, game.ErrExists), err
			}
		}
		for i := range rows {
			if stored, err := c.row(hasEvent, rows[i].id); err != nil || stored != nil {
				if err != nil {
					return nil, err
				}
				continue
			}
			if err := c.putEvent(&rows[i]); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

// ExportEvents implements [game.ExportStore].
func (s *Store) ExportEvents(ctx context.Context, after string, limit int) ([]game.Event, error) {
	return gather(ctx, s, exportEvents, []any{after, int64(limit)}, s.wholeEvent)
}

// event reads an event from its document, its place, its project, its id and its time, the last three of which stand
// for a document that cannot be decoded.
func (s *Store) event(columns []driver.Value) (game.Event, error) {
	e, err := s.wholeEvent(columns)
	if !errors.Is(err, game.ErrUnreadable) || errors.Is(err, game.ErrUnknownChange) {
		return e, err
	}
	return unreadableEvent(columns)
}

// eventToPurge is event where nobody reads what changed.
func (s *Store) eventToPurge(columns []driver.Value) (game.Event, error) {
	e, err := s.wholeEvent(columns)
	if !errors.Is(err, game.ErrUnreadable) {
		return e, err
	}
	return unreadableEvent(columns)
}

func unreadableEvent(columns []driver.Value) (game.Event, error) {
	var project, id string
	var seq, at int64
	if err := scanAll(columns[1:], &seq, &project, &id, &at); err != nil {
		return game.Event{}, err
	}
	return game.UnreadableEvent(game.ProjectID(project), id, seq, time.UnixMilli(at).UTC()), nil
}

// wholeEvent reads an event from its document and its place.
func (s *Store) wholeEvent(columns []driver.Value) (game.Event, error) {
	var e game.Event
	if err := s.codec.decode(columns[0], &e); err != nil {
		return game.Event{}, unread(err)
	}
	return e, scan(columns[1], &e.Seq)
}
