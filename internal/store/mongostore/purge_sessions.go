package mongostore

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// purgePage is how many sessions are removed together. Their outboxes are read at once.
const purgePage = 200

// PurgeSessions implements [game.SessionStore]. A session that cannot be read remains, and Inspect reports it.
func (s *Store) PurgeSessions(ctx context.Context, before time.Time, limit int) (int, error) {
	removed := 0
	err := s.do(ctx, write{
		send: func(ctx context.Context) error {
			until, err := s.firstEnded(ctx, before, limit-removed)
			if err != nil {
				return err
			}
			p := endedSessions(until)
			for more := true; more && removed < limit; {
				p.limit = min(limit-removed, purgePage)
				var page []waiting
				p, more, err = s.byTime(ctx, s.sessions, p, func(raw bson.Raw) error {
					var d waiting
					err := bson.Unmarshal(raw, &d)
					if err == nil {
						page = append(page, d)
					}
					return err
				})
				if err != nil {
					return err
				}
				n, err := s.removeSessions(ctx, page)
				if removed += n; err != nil {
					return err
				}
			}
			return nil
		},
		refusal: func(error) error { return nil },
	})
	return removed, err
}

// firstEnded returns a time that is not after before, by which as many sessions ended as the limit and not many more,
// or all. A server whose indexes give no order would otherwise sort all that ended for each page.
func (s *Store) firstEnded(ctx context.Context, before time.Time, limit int) (time.Time, error) {
	const atMost = 4 // times the limit
	if s.server.OrderedIndexes {
		return before, nil
	}
	count := func(until time.Time) (int64, error) {
		return s.sessions.CountDocuments(ctx, docOf("ended_at", docOf("$lt", until)),
			options.Count().SetHint(sessionsByEnd).SetLimit(int64(atMost*limit+1)))
	}
	n, err := count(before)
	if err != nil || n <= int64(atMost*limit) {
		return before, err
	}
	low, high := time.UnixMilli(0), before
	for high.Sub(low) > time.Millisecond {
		until := low.Add(high.Sub(low) / 2)
		switch n, err = count(until); {
		case err != nil:
			return before, err
		case n > int64(atMost*limit):
			high = until
		case n < int64(limit):
			low = until
		default:
			return until, nil
		}
	}
	return high, nil
}

// endedSessions selects the sessions that ended before a time, with their outboxes.
func endedSessions(before time.Time) timePage {
	return timePage{
		field: "ended_at", until: bson.E{Key: "$lt", Value: before}, only: docOf("live", nil), // absent
		index: sessionsByEnd, limit: purgePage,
		fields: keys("ended_at", "project", "version", "events"),
	}
}

// removeSessions removes those of the sessions that are still at their versions, after their events have been moved,
// and returns how many. Their leases are removed afterwards: of a session that does not exist, background work removes
// those that are left.
func (s *Store) removeSessions(ctx context.Context, all []waiting) (int, error) {
	if len(all) == 0 {
		return 0, nil
	}
	if err := s.moveAll(ctx, s.sessions, all); err != nil {
		return 0, err
	}
	ids := make([]string, len(all))
	versions := map[int64][]string{}
	for i, d := range all {
		ids[i] = d.ID
		versions[d.Version] = append(versions[d.Version], d.ID)
	}
	models := make([]mongo.WriteModel, 0, len(versions))
	for version, ids := range versions {
		models = append(models, mongo.NewDeleteManyModel().
			SetFilter(append(byIDs(ids), bson.E{Key: "version", Value: version})))
	}
	r, err := s.sessions.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	removed := 0
	if r != nil {
		removed = int(r.DeletedCount)
	}
	if err != nil {
		return removed, err
	}
	return removed, s.removeLeases(ctx, ids, nil)
}

// DeleteSession implements [game.SessionStore].
func (s *Store) DeleteSession(ctx context.Context, old game.Session) error {
	if err := s.remove(ctx, s.sessions, sessionAddress(old), old.Version); err != nil {
		return err
	}
	// The session is removed even if this fails.
	_ = s.do(ctx, write{
		send: func(ctx context.Context) error {
			return s.removeLeases(ctx, []string{string(old.ID)}, docOf("project", old.Project))
		},
		refusal: func(error) error { return nil },
	})
	return nil
}

// fewLeases is up to how many leases are read to find those of removed sessions.
const fewLeases = 500

// removeLeases removes the leases of sessions and of their members that match a condition.
func (s *Store) removeLeases(ctx context.Context, sessions []string, only bson.D) error {
	ends := mapped(sessions, func(id string) string { return id + afterMembers })
	// Sessions that end at the same time were created at about the same time, and few have leases any more: one range
	// of ids has few leases.
	between := bson.D{{Key: "$gte", Value: slices.Min(sessions)}, {Key: "$lt", Value: slices.Max(ends)}}
	cursor, err := s.leases.Find(ctx, docOf("_id", between),
		options.Find().SetHint(idIndex).SetLimit(fewLeases).SetProjection(keys("session")))
	if err != nil {
		return err
	}
	var found []bson.Raw
	if err := cursor.All(ctx, &found); err != nil {
		return err
	}
	if len(found) == fewLeases {
		return s.removeLeasesOfEach(ctx, sessions, only)
	}
	var ids []string
	for _, raw := range found {
		id, _ := raw.Lookup("_id").StringValueOK()
		if session, _ := raw.Lookup("session").StringValueOK(); slices.Contains(sessions, session) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err = s.leases.DeleteMany(ctx, append(byIDs(ids), only...))
	return err
}

// The ids of the leases of a session's members are between these.
const (
	beforeMembers = "/"
	afterMembers  = "0" // the byte after /
)

// removeLeasesOfEach removes the leases of sessions with one command for each range of ids.
func (s *Store) removeLeasesOfEach(ctx context.Context, sessions []string, only bson.D) error {
	models := []mongo.WriteModel{mongo.NewDeleteManyModel().SetFilter(append(byIDs(sessions), only...))}
	for _, id := range sessions {
		between := bson.D{{Key: "$gt", Value: id + beforeMembers}, {Key: "$lt", Value: id + afterMembers}}
		members := docOf("_id", between)
		models = append(models, mongo.NewDeleteManyModel().SetFilter(append(members, only...)))
	}
	_, err := s.leases.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	return err
}
