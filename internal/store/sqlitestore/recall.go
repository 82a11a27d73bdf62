package sqlitestore

import (
	"context"
	"database/sql/driver"

	"game-session-manager/internal/game"
)

// kind says how documents of a table are read by their ids.
type kind[D any] struct {
	table  string
	read   func(context.Context, *Store, game.ProjectID, string) (driver.Value, error)
	decode func(*Store, driver.Value) (D, error)
	copy   func(*D) D
	weigh  func(*D) int
	of     func(*D) game.ProjectID
}

// recall returns a document from memory or from the file. It reports whether there is one.
func recall[D any](
	ctx context.Context, s *Store, k kind[D], project game.ProjectID, id string,
) (d D, ok bool, _ error) {
	if ctx.Err() != nil {
		return d, false, unread(context.Cause(ctx))
	}
	key := documentKey{k.table, id}
	e, fill := s.memory.look(key)
	if e != nil {
		doc, err := decoded(s, k, key, e)
		if err != nil || k.of(doc) != project {
			return d, false, err
		}
		return k.copy(doc), true, nil
	}
	var kept *remembered
	defer func() { s.memory.keep(key, fill, kept) }()
	text, err := k.read(ctx, s, project, id)
	if text == nil || err != nil {
		return d, false, unread(err)
	}
	if d, err = k.decode(s, text); err != nil {
		return d, false, err
	}
	if fill != 0 && textSize(text) < game.LargeFrom {
		kept = entryOf(k, k.copy(&d))
	}
	return d, true, nil
}

// decoded returns the document of an entry, which must not be changed. It sees to it that the memory has it decoded.
func decoded[D any](s *Store, k kind[D], key documentKey, e *remembered) (*D, error) {
	if e.doc == nil {
		d, err := k.decode(s, e.text)
		if err != nil {
			return nil, err
		}
		old := e
		e = entryOf(k, k.copy(&d))
		s.memory.replace(key, old, e)
	}
	if s.memory.verify != nil {
		s.memory.verify(key, e)
	}
	doc, ok := e.doc.(*D)
	if !ok {
		return nil, errUnplanned
	}
	return doc, nil
}

// entryOf returns what is remembered of a document that nobody changes. A copy takes less than what was decoded, whose
// lists have room for more.
func entryOf[D any](k kind[D], d D) *remembered {
	return &remembered{doc: &d, bytes: entryBytes + int64(k.weigh(&d))}
}

func playerKind() kind[game.Player] {
	return kind[game.Player]{
		table: playersTableName,
		read: func(ctx context.Context, s *Store, project game.ProjectID, id string) (driver.Value, error) {
			return s.readers.row(ctx, selectPlayer, id, string(project))
		},
		decode: func(s *Store, doc driver.Value) (p game.Player, err error) {
			return p, unread(s.codec.decode(doc, &p))
		},
		copy:  (*game.Player).Copy,
		weigh: (*game.Player).Weight,
		of:    func(p *game.Player) game.ProjectID { return p.Project },
	}
}

func sessionKind() kind[game.Session] {
	return kind[game.Session]{
		table:  sessionsTableName,
		read:   readSession,
		decode: (*Store).session,
		copy:   (*game.Session).Copy,
		weigh:  (*game.Session).Weight,
		of:     func(v *game.Session) game.ProjectID { return v.Project },
	}
}

func readSession(ctx context.Context, s *Store, project game.ProjectID, id string) (driver.Value, error) {
	doc, err := s.readers.row(ctx, selectSession, int64(game.LargeFrom), id, string(project))
	if size, large := doc.(int64); large && err == nil {
		if err := game.TakeRoom(ctx, int(size)); err != nil {
			return nil, err
		}
		doc, err = s.readers.row(ctx, largeSession, id, string(project))
	}
	return doc, err
}
