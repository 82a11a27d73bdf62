package mongostore

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// Leases implements [game.LeaseStore]. A lease that cannot be read is left out, and Inspect reports it.
func (s *Store) Leases(ctx context.Context, ids []game.LeaseID) ([]game.Lease, error) {
	return readable[game.Lease](ctx, s, s.leases.Collection, byIDs(ids), options.Find().SetHint(idIndex))
}

// byIDs is the filter for documents with one of the ids.
func byIDs[ID ~string](ids []ID) bson.D {
	if ids == nil {
		ids = []ID{} // the server rejects null
	}
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
}

// DueLeases implements [game.LeaseStore]. A lease that cannot be read is left out, and Inspect reports it.
func (s *Store) DueLeases(ctx context.Context, now time.Time, after game.Lease, limit int) ([]game.Lease, error) {
	p := dueLeases(now, limit)
	p.after, p.id = after.DueAt, string(after.ID())
	found := []game.Lease{}
	_, _, err := s.byTime(ctx, s.leases, p, func(raw bson.Raw) error {
		var l game.Lease
		if err := decode(raw, &l); err != nil {
			return err
		}
		found = append(found, l)
		return nil
	})
	return found, err
}

func dueLeases(now time.Time, limit int) timePage {
	return timePage{field: "due_at", until: bson.E{Key: "$lte", Value: now}, index: leasesDue, limit: limit}
}

// ReplaceLease implements [game.LeaseStore].
//
// Leases need no write ids: a stored lease that equals next is what the caller asked for, whoever stored it. If the
// lease has changed otherwise after an attempt whose outcome is unknown, a renewal may have followed that attempt, or
// have prevented it: the outcome stays unknown.
func (s *Store) ReplaceLease(ctx context.Context, old, next game.Lease) error {
	next.BeatAt, next.DueAt = stored(next.BeatAt), stored(next.DueAt)
	return s.do(ctx, write{
		send: func(ctx context.Context) error {
			r, err := s.leases.ReplaceOne(ctx, unchanged(old), storedLease(next))
			if err == nil && r.MatchedCount == 0 {
				return game.ErrStale
			}
			return err
		},
		refusal: refusedAsStale,
		made: func(ctx context.Context) (bool, error) {
			l, found, err := findLease(ctx, s.leases.Collection, next.ID())
			switch {
			case err != nil:
				return false, err
			case found && l == next:
				return true, nil
			case found && l.State == old.State && l.Fence == old.Fence && l.BeatAt.Equal(stored(old.BeatAt)):
				return false, errInvisible // what rejected the write is
			}
			return false, errTooManyWrites
		},
	})
}

// stored returns a time as it is stored.
func stored(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

// unchanged is the condition that a lease is as it was read.
func unchanged(old game.Lease) bson.D {
	return bson.D{
		{Key: "_id", Value: old.ID()},
		{Key: "state", Value: old.State},
		{Key: "fence", Value: old.Fence},
		{Key: "beat_at", Value: old.BeatAt},
	}
}

func refusedAsStale(err error) error {
	if errors.Is(err, game.ErrStale) {
		return game.ErrStale
	}
	return nil
}

// findLease reads a lease, and reports whether it exists.
func findLease(ctx context.Context, from *mongo.Collection, id game.LeaseID) (l game.Lease, found bool, err error) {
	raw, err := from.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Raw()
	if err == nil {
		err = decode(raw, &l)
	}
	if errors.Is(err, mongo.ErrNoDocuments) {
		return l, false, nil
	}
	return l, err == nil, err
}

// DeleteLease implements [game.LeaseStore]. As with ReplaceLease, the outcome of an attempt is unknown if there is
// another lease afterwards, which may have begun anew.
func (s *Store) DeleteLease(ctx context.Context, old game.Lease) error {
	err := s.do(ctx, write{
		send: func(ctx context.Context) error {
			r, err := s.leases.DeleteOne(ctx, unchanged(old))
			if err == nil && r.DeletedCount == 0 {
				return game.ErrStale
			}
			return err
		},
		refusal: refusedAsStale,
		made: func(ctx context.Context) (bool, error) {
			_, found, err := findLease(ctx, s.leases.newest, old.ID())
			if err == nil && found {
				err = errTooManyWrites
			}
			return err == nil, err
		},
	})
	if !errors.Is(err, game.ErrStale) {
		return err
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	defer leave()
	n, err := s.leases.newest.CountDocuments(ctx, bson.D{{Key: "_id", Value: old.ID()}}, options.Count().SetLimit(1))
	switch {
	case err != nil:
		return game.Unanswered(game.OutcomeNone, redacted(ctx, err))
	case n > 0:
		return game.ErrStale
	}
	return nil
}

// ExportLeases implements [game.ExportStore].
func (s *Store) ExportLeases(ctx context.Context, after game.LeaseID, limit int) ([]game.Lease, error) {
	return export[game.Lease](ctx, s, s.leases, string(after), limit)
}
