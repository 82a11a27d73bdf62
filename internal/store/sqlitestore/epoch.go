package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
)

const (
	selectEpoch = "SELECT value FROM epoch"
	putEpoch    = "INSERT OR REPLACE INTO epoch (id, value, renew) VALUES (1, lower(hex(randomblob(8))), 0)"
	// beginEpoch begins a new epoch in a backup.
	beginEpoch = "UPDATE epoch SET value = lower(hex(randomblob(8))), renew = 0 WHERE renew <> 0"
	markEpoch  = "UPDATE epoch SET renew = 1"

	// epochVersion is the schema version from which on databases have an epoch. Older ones get theirs by the migration.
	epochVersion = 17
)

var errNoEpoch = errors.New("the database has no epoch: run gsm db restored")

// Epoch implements [game.Store].
func (s *Store) Epoch(ctx context.Context) (string, error) {
	found, err := gather(ctx, s, selectEpoch, nil, func(columns []driver.Value) (value string, err error) {
		return value, scan(columns[0], &value)
	})
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", unread(errNoEpoch)
	}
	return found[0], nil
}

// RenewEpoch implements [game.Store].
func (s *Store) RenewEpoch(ctx context.Context) error {
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		_, err := c.exec(putEpoch)
		return nil, err
	})
}

// markBackup marks a backup, which has the given schema version.
func markBackup(ctx context.Context, file string, version int) (err error) {
	if version < epochVersion {
		return nil
	}
	c, err := dial(ctx, file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	_, err = c.exec(markEpoch)
	return err
}
