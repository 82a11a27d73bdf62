package sqlitestore

import (
	"context"
	"database/sql/driver"
	"maps"
	"time"

	"game-session-manager/internal/game"
)

const (
	playersTableName = "players"

	selectPlayer     = "SELECT doc FROM players WHERE id = ? AND project = ?"
	playerExists     = "SELECT 1 FROM players WHERE id = ? AND project = ?"
	playerByIdentity = "SELECT p.doc FROM identities i CROSS JOIN players p WHERE i.project = ? AND i.provider = ? " +
		"AND i.subject = ? AND p.id = i.player_id"

	// Of the last_seen_at that was read. It is no column, because nothing else compares it.
	seenThen = " AND doc ->> '$.last_seen_at' IS ?"

	deletePlayer = "DELETE FROM players WHERE id = ? AND project = ? AND version = ?"

	// The page is materialised: see page.
	endedSuspensions = "WITH page AS MATERIALIZED (SELECT doc FROM players" + //nolint:misspell // SQL's spelling
		" WHERE suspended_until IS NOT NULL AND suspended_until <= ? ORDER BY suspended_until LIMIT ?) SELECT doc " +
		"FROM page"

	// These find out why a write was rejected, which is rare. The constraint that rejected it need not be the first
	// reason.
	playerIDTaken = "SELECT 1 FROM players WHERE id = ?"
	playerAt      = "SELECT 1 FROM players WHERE id = ? AND project = ? AND version = ?" + seenThen
	usernameTaken = "SELECT 1 FROM players WHERE project = ? AND username_key = ? AND id <> ?"

	selectIdentity = "SELECT player_id FROM identities WHERE project = ? AND provider = ? AND subject = ?"
	// The row may be the player's already: see insertMember.
	insertIdentity = "INSERT OR IGNORE INTO identities (project, provider, subject, player_id) VALUES (?, ?, ?, ?)"
	deleteIdentity = "DELETE FROM identities WHERE project = ? AND provider = ? AND subject = ? AND player_id = ?"
)

func playerPlace(p *game.Player) place {
	return place{playersTableName, string(p.ID), string(p.Project), p.Version}
}

// CreatePlayer implements [game.PlayerStore].
func (s *Store) CreatePlayer(ctx context.Context, p game.Player, events ...game.Event) error {
	doc, rows, err := s.encoded(p, events)
	if err != nil {
		return err
	}
	at := playerPlace(&p)
	insert, args := insertion(at, playerColumns, doc, &p)
	identities := maps.Clone(p.Identities) // the write may outlast this call
	return s.write(ctx, rows, func(c *conn) (refusal, error) {
		taken, err := identityTaken(c, &p, identities)
		if err == nil && !taken {
			_, err = c.exec(insert, args...)
		}
		switch {
		case taken, idTaken(err), uniqueTaken(err):
			return refusedPlayer(c, &p, func() (refusal, error) {
				exists, err := c.row(playerIDTaken, string(p.ID))
				return refuseIf(exists != nil, game.ErrExists), err
			})
		case err != nil:
			return nil, err
		}
		c.stored(at, doc)
		return nil, execIdentities(c, insertIdentity, &p, identities)
	})
}

// Player implements [game.PlayerStore].
func (s *Store) Player(ctx context.Context, project game.ProjectID, id game.PlayerID) (game.Player, error) {
	p, ok, err := recall(ctx, s, playerKind(), project, string(id))
	if err == nil && !ok {
		err = game.PlayerNotFound(id)
	}
	return p, err
}

// PlayerByIdentity implements [game.PlayerStore].
func (s *Store) PlayerByIdentity(ctx context.Context, project game.ProjectID, i game.Identity) (game.Player, error) {
	return one[game.Player](ctx, s, game.ErrPlayerNotFound, playerByIdentity, string(project), i.Provider, i.Subject)
}

// ReplacePlayer implements [game.PlayerStore].
func (s *Store) ReplacePlayer(ctx context.Context, old, next game.Player, events ...game.Event) error {
	doc, rows, err := s.encoded(next, events)
	if err != nil {
		return err
	}
	lost, won := diff(old.Identities, next.Identities), diff(next.Identities, old.Identities)
	at := playerPlace(&old)
	update, args := replacement(at, playerColumns, next.Version, doc, &old, &next)
	update, args = update+seenThen, append(args, seenAt(&old))
	return s.write(ctx, rows, func(c *conn) (refusal, error) {
		taken, err := identityTaken(c, &next, won)
		n := int64(0)
		if err == nil && !taken {
			n, err = c.exec(update, args...)
		}
		switch {
		case taken, uniqueTaken(err):
			return refusedPlayer(c, &next, func() (refusal, error) {
				current, err := c.row(playerAt, append(at.key(), old.Version, seenAt(&old))...)
				if current != nil || err != nil {
					return nil, err
				}
				return c.staleOrMissing(game.PlayerNotFound(old.ID), playerExists, at.key()...)
			})
		case err != nil:
			return nil, err
		case n == 0:
			return c.staleOrMissing(game.PlayerNotFound(old.ID), playerExists, at.key()...)
		}
		c.stored(at, doc)
		if err := execIdentities(c, deleteIdentity, &old, lost); err != nil {
			return nil, err
		}
		return nil, execIdentities(c, insertIdentity, &next, won)
	})
}

// seenAt returns the argument of seenThen.
func seenAt(p *game.Player) any {
	if p.LastSeenAt == nil {
		return nil
	}
	return string(appendTime(nil, *p.LastSeenAt))
}

// DeletePlayer implements [game.PlayerStore].
func (s *Store) DeletePlayer(ctx context.Context, old game.Player) error {
	identities := maps.Clone(old.Identities) // the write may outlast this call
	key := playerPlace(&old).key()
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		refused, err := c.change(nil, playerExists, key, deletePlayer, append(key, old.Version)...)
		if refused != nil || err != nil {
			return refused, err
		}
		return nil, execIdentities(c, deleteIdentity, &old, identities)
	})
}

// Players implements [game.PlayerStore].
func (s *Store) Players(ctx context.Context, q game.PlayerQuery) (game.Found[game.Player], error) {
	sql, args := playersSQL(q)
	within := bounds{limit: q.Limit, bytes: q.Bytes}
	return find(ctx, s, sql, args, within, func(doc driver.Value) (game.Player, int, error) {
		var p game.Player
		err := s.codec.decode(doc, &p)
		return p, textSize(doc), err
	})
}

// EndedSuspensions implements [game.PlayerStore].
func (s *Store) EndedSuspensions(ctx context.Context, now time.Time, limit int) ([]game.Player, error) {
	return gather(ctx, s, endedSuspensions, []any{now.UnixMilli(), int64(limit)}, documentIn[game.Player](s))
}

// playersSQL returns the statement of a list. A prefix is sought in the index of its names, and what is found is
// sorted: that a few have the prefix is likelier than that the newest have it.
func playersSQL(q game.PlayerQuery) (string, []any) {
	b := selection{table: "players", from: "players d", id: "d.id"}
	switch {
	case q.Sweeping:
		b.where("d.sweeping = 1")
	case q.Erasing:
		b.where("d.erasing = 1")
	default:
		b.where("d.erasing = 0 AND d.project = ?", string(q.Project))
	}
	_, byID := q.Where.On(game.FieldID)
	_, byUsername := q.Where.On(game.FieldUsername)
	_, byName := q.Where.On(game.FieldName)
	switch {
	case byID:
	case byUsername:
		b.from = "players d INDEXED BY players_by_username"
	case byName:
		b.from = "players d INDEXED BY players_by_name"
	}
	b.whereFields(playersSearched(), q.Where)
	return page(string(q.After), q.Limit+1, b)
}

// refusedPlayer returns the first reason to reject a player, in the order of [game.PlayerStore]: the result of the
// function, the username, then the identities.
func refusedPlayer(c *conn, p *game.Player, before func() (refusal, error)) (refusal, error) {
	if refused, err := before(); refused != nil || err != nil {
		return refused, err
	}
	taken, err := c.row(usernameTaken, string(p.Project), p.UsernameKey(), string(p.ID))
	if taken != nil || err != nil {
		return refuseIf(taken != nil, game.ErrUsernameTaken), err
	}
	return game.ErrIdentityTaken, nil
}

// identityTaken reports whether another player of the project has one of the identities.
func identityTaken(c *conn, p *game.Player, identities map[string]string) (bool, error) {
	for provider, subject := range identities {
		owner, err := c.row(selectIdentity, string(p.Project), provider, subject)
		if err != nil {
			return false, err
		}
		if owner != nil && owner != string(p.ID) {
			return true, nil
		}
	}
	return false, nil
}

// execIdentities runs a statement with each of the player's identities.
func execIdentities(c *conn, sql string, p *game.Player, identities map[string]string) error {
	for provider, subject := range identities {
		if _, err := c.exec(sql, string(p.Project), provider, subject, string(p.ID)); err != nil {
			return err
		}
	}
	return nil
}

// staleOrMissing returns why a conditional statement matched no row: [game.ErrStale] if the row exists, which then has
// another version, and notFound otherwise.
func (c *conn) staleOrMissing(notFound error, exists string, key ...any) (refusal, error) {
	found, err := c.row(exists, key...)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return notFound, nil
	}
	return game.ErrStale, nil
}

func refuseIf(yes bool, err error) refusal {
	if yes {
		return err
	}
	return nil
}

// diff returns the entries of a that b does not have.
func diff[M ~map[K]V, K, V comparable](a, b M) M {
	var d M
	for k, v := range a {
		if other, ok := b[k]; !ok || other != v {
			if d == nil {
				d = make(M)
			}
			d[k] = v
		}
	}
	return d
}
