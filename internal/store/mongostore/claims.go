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

// Claim implements [game.ClaimStore]. Claims need no write ids: a stored claim that is equal proves that the write
// was made.
func (s *Store) Claim(ctx context.Context, c game.Claim, now time.Time) (game.Claim, error) {
	mine := c
	mine.ExpiresAt = c.ExpiresAt.UTC().Truncate(time.Millisecond)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := s.putClaim(ctx, mine)
		if err == nil {
			return mine, nil
		}
		if !errors.Is(err, game.ErrExists) {
			return game.Claim{}, err
		}
		held, found, err := s.readClaim(ctx, c.Key)
		switch {
		case err != nil:
			return game.Claim{}, err // nothing was stored
		case found && held.ExpiresAt.After(now):
			return held, nil
		case found:
			err = s.takeClaim(ctx, mine, held)
			if err == nil {
				return mine, nil
			}
			if !errors.Is(err, errNoMatch) {
				return game.Claim{}, err
			}
		}
		// The claim was purged or replaced meanwhile, or a majority of the members does not have it yet.
		if err := game.Sleep(ctx, pause); err != nil {
			return game.Claim{}, game.Unanswered(game.OutcomeNone, err)
		}
	}
}

// putClaim inserts a claim. It returns [game.ErrExists] if its key is claimed.
func (s *Store) putClaim(ctx context.Context, mine game.Claim) error {
	return s.insertPlain(ctx, s.claims, storedClaim(mine), func(ctx context.Context) (bool, error) {
		return s.isHeld(ctx, mine)
	})
}

// takeClaim replaces an expired claim. It returns errNoMatch if that claim has changed.
func (s *Store) takeClaim(ctx context.Context, mine, expired game.Claim) error {
	condition := bson.D{
		{Key: "_id", Value: expired.Key},
		{Key: "document_id", Value: expired.DocumentID},
		{Key: "expires_at", Value: expired.ExpiresAt},
	}
	return s.do(ctx, write{
		send: func(ctx context.Context) error {
			return matched(s.claims.ReplaceOne(ctx, condition, storedClaim(mine)))
		},
		refusal: refusedByCondition,
		made:    func(ctx context.Context) (bool, error) { return s.isHeld(ctx, mine) },
	})
}

// isHeld reports whether the stored claim is mine.
func (s *Store) isHeld(ctx context.Context, mine game.Claim) (bool, error) {
	held, found, err := s.findClaim(ctx, mine.Key)
	return found && held == mine, err
}

// readClaim reads a claim for a call that has not stored its own, so that the outcome of a failure is known.
func (s *Store) readClaim(ctx context.Context, key string) (held game.Claim, found bool, err error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return held, false, game.Unanswered(game.OutcomeNone, err)
	}
	defer leave()
	if held, found, err = s.findClaim(ctx, key); err != nil {
		return held, false, game.Unanswered(game.OutcomeNone, redacted(ctx, err))
	}
	return held, found, nil
}

func (s *Store) findClaim(ctx context.Context, key string) (held game.Claim, found bool, err error) {
	raw, err := s.claims.FindOne(ctx, docOf("_id", key)).Raw()
	if err == nil {
		err = decode(raw, &held)
	}
	if errors.Is(err, mongo.ErrNoDocuments) {
		return held, false, nil
	}
	return held, err == nil, err
}

// PurgeClaims implements [game.ClaimStore].
func (s *Store) PurgeClaims(ctx context.Context, now time.Time, limit int) (int, error) {
	return s.purge(ctx, s.claims, claimsByExpiry, now, limit)
}

// expired is the filter for documents that have expired at a time.
func expired(now time.Time) bson.E {
	return bson.E{Key: "expires_at", Value: docOf("$lte", now)}
}

// purge deletes up to limit documents that have expired, and returns their number.
func (s *Store) purge(ctx context.Context, c collection, index string, now time.Time, limit int) (int, error) {
	removed := 0
	err := s.do(ctx, write{
		send: func(ctx context.Context) error {
			ids, err := idsOf(ctx, c, bson.D{expired(now)}, index, limit)
			if err != nil || len(ids) == 0 {
				return err
			}
			// Repeat the condition: an expired claim may have been replaced since.
			r, err := c.DeleteMany(ctx, bson.D{{Key: "_id", Value: docOf("$in", ids)}, expired(now)})
			if r != nil {
				removed += int(r.DeletedCount)
			}
			return err
		},
		refusal: func(error) error { return nil },
	})
	return removed, err
}

// idOnly is a document of which only the id is read.
type idOnly struct {
	ID any `bson:"_id"`
}

// idsOf returns the ids of at most limit documents that match, read by the index.
func idsOf(ctx context.Context, c collection, filter bson.D, index string, limit int) (bson.A, error) {
	cursor, err := c.Find(
		ctx, filter, options.Find().SetLimit(int64(limit)).SetHint(index).SetProjection(keys("_id")),
	)
	if err != nil {
		return nil, err
	}
	var docs []idOnly
	if err := cursor.All(ctx, &docs); err != nil {
		return nil, err
	}
	return mapped(docs, func(d idOnly) any { return d.ID }), nil
}
