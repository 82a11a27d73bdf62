package mongostore

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// Migrations of documents may be repeated, and other processes may change the documents meanwhile.

// migration brings databases of versions before it up to date.
type migration struct {
	version int
	what    string
	run     func(context.Context) error
}

func (s *Store) migrations() []migration {
	return []migration{
		{3, "bring the players up to date", s.markUnswept},
		{5, "drop an index that was replaced", s.dropStatusIndex},
		{6, "mark the sessions that are live", s.markLive},
		{7, "give the live sessions their timeouts", s.setTimeouts},
		{11, "index the sessions with bans", s.indexBans},
		{14, "index the events by which players left", s.indexDepartures},
		{15, "index the display names of players", s.indexNames},
		{17, "index the events of the audit log", s.indexAudit},
		{19, "mark the sessions with many players", s.markManyPlayers},
	}
}

// dropStatusIndex drops an index that has another name since version 5.
func (s *Store) dropStatusIndex(ctx context.Context) error {
	err := s.database.Collection(sessionsCollection).Indexes().DropOne(ctx, "sessions_by_status")
	if hasCode(err, codeNoIndex) || hasCode(err, codeNoNamespace) {
		return nil
	}
	return err
}

// markUnswept marks players who may still hold seats that version 3 frees: before it, suspended players kept theirs,
// and the sweep of a player being erased was recorded in another field.
func (s *Store) markUnswept(ctx context.Context) error {
	const swept = "seats_swept" // a field of version 2
	unswept := bson.D{
		{Key: "$or", Value: bson.A{bson.D{{Key: "status", Value: "suspended"}}, bson.D{{Key: "erasing", Value: true}}}},
		{Key: swept, Value: nil},
		{Key: "sweeping", Value: nil}, // absent
	}
	err := s.updateEach(ctx, playersCollection, unswept, same(bson.D{
		{Key: "$set", Value: bson.D{{Key: "sweeping", Value: true}}},
		{Key: "$currentDate", Value: bson.D{{Key: "sweep_since", Value: true}}},
	}))
	if err != nil {
		return err
	}
	return s.updateEach(
		ctx, playersCollection, exists(swept), same(bson.D{{Key: "$unset", Value: bson.D{{Key: swept, Value: ""}}}}),
	)
}

// markLive marks live sessions, as each write does since version 6.
func (s *Store) markLive(ctx context.Context) error {
	return s.updateEach(ctx, sessionsCollection, liveWithout("live"),
		same(bson.D{{Key: "$set", Value: bson.D{{Key: "live", Value: true}}}}))
}

// setTimeouts gives live sessions of versions before 7 the default timeouts, the first fence, and the time at which
// they are due.
func (s *Store) setTimeouts(ctx context.Context) error {
	return s.updateEach(ctx, sessionsCollection, liveWithout("fence"), withTimeouts)
}

// indexBans sets what sessions with bans have since version 11: the players whom they name, and when the next ban ends.
func (s *Store) indexBans(ctx context.Context) error {
	unnamed := append(exists("bans.player_id"), bson.E{Key: "named_ids", Value: nil})
	return s.updateEach(ctx, sessionsCollection, unnamed, withTimeouts)
}

// indexDepartures sets who lost their seats by an event, as each event has it since version 14.
func (s *Store) indexDepartures(ctx context.Context) error {
	unset := bson.D{
		{Key: "changes.type", Value: docOf("$in", bson.A{"member_left", "member_removed"})},
		{Key: "departed", Value: nil},
	}
	return s.updateEach(ctx, eventsCollection, unset, func(raw bson.Raw) (bson.D, error) {
		var e game.Event
		err := decode(raw, &e)
		return docOf("$set", docOf("departed", e.Departed())), err
	})
}

// indexAudit marks the events of the audit log, as each event is marked since version 17.
func (s *Store) indexAudit(ctx context.Context) error {
	types := bson.A{game.TypeOf(game.StatusChanged{})}
	for _, t := range game.AuditedChanges() {
		types = append(types, t)
	}
	sessionsAndPlayers := bson.A{game.SubjectSession, game.SubjectPlayer}
	forced := docOf("$elemMatch", bson.D{
		{Key: "type", Value: types[0]}, {Key: "reason", Value: docOf("$in", game.AuditedEnds())},
	})
	unset := bson.D{{Key: "audited", Value: nil}, {Key: "$or", Value: bson.A{
		docOf("kind", docOf("$nin", sessionsAndPlayers)),
		bson.D{
			{Key: "actor.kind", Value: docOf("$in", bson.A{game.ActorAdmin, game.ActorKey})},
			{Key: "acting_as", Value: nil},
			{Key: "$or", Value: bson.A{docOf("changes.type", docOf("$in", types[1:])), docOf("changes", forced)}},
		},
	}}}
	return s.updateEach(ctx, eventsCollection, unset, same(docOf("$set", docOf("audited", true))))
}

// indexNames sets by what the display names of players are found, as each write does since version 15.
func (s *Store) indexNames(ctx context.Context) error {
	unset := bson.D{{Key: "display_name", Value: docOf("$gt", "")}, {Key: "display_name_key", Value: nil}}
	return s.updateEach(ctx, playersCollection, unset, func(raw bson.Raw) (bson.D, error) {
		var p game.Player
		err := decode(raw, &p)
		key := game.NameKey(p.DisplayName)
		return docOf("$set", bson.D{
			{Key: "display_name_key", Value: key},
			{Key: "display_name_prefixes", Value: indexedPrefixes(key, namePrefix)},
		}), err
	})
}

// markManyPlayers sets the number of players of sessions that have many, as each write does since version 19. Before
// it, those for which many wait were marked, and those with many members were told by seats_held.
func (s *Store) markManyPlayers(ctx context.Context) error {
	const marked = "long_wait_list"
	for _, some := range []bson.D{
		docOf("seats_held", docOf("$gt", fewPlayers)),
		append(docOf("seats_held", docOf("$gt", 0)), exists("wait_list.0")...), // many together
		docOf(marked, true),
	} {
		unset := append(some, bson.E{Key: "many_players", Value: nil})
		err := s.updateEach(ctx, sessionsCollection, unset, func(raw bson.Raw) (bson.D, error) {
			var v game.Session
			err := decode(raw, &v)
			update := docOf("$unset", docOf(marked, ""))
			if many := manyPlayers(&v); many != nil {
				update = append(update, bson.E{Key: "$set", Value: docOf("many_players", *many)})
			}
			return update, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// liveWithout is the filter for live sessions that lack a field.
func liveWithout(field string) bson.D {
	return bson.D{{Key: "status", Value: bson.D{{Key: "$in", Value: game.LiveStatuses()}}}, {Key: field, Value: nil}}
}

// withTimeouts returns the update that gives a session its timeouts and what goes with them: decode restores them.
func withTimeouts(raw bson.Raw) (bson.D, error) {
	var v game.Session
	err := decode(raw, &v)
	restored := storedSession(v)
	restored.omit = "_id"
	return bson.D{{Key: "$set", Value: restored}}, err
}

// same returns a function for updateEach that returns the same update for each document.
func same(update bson.D) func(bson.Raw) (bson.D, error) {
	return func(bson.Raw) (bson.D, error) { return update, nil }
}

// migrateBatch is how many documents are updated by one command.
const migrateBatch = 100

// updateEach updates each document that matches, unless it has changed since it was read, until none matches. The
// server cannot do this by one command: DocumentDB would undo what others write to the documents meanwhile. A document
// for which update returns an error is left as it is, and Inspect reports it.
func (s *Store) updateEach(
	ctx context.Context, collection string, filter bson.D, update func(bson.Raw) (bson.D, error),
) error {
	c := s.database.Collection(collection)
	for again := true; again; {
		again = false
		cursor, err := c.Find(ctx, filter, options.Find().SetBatchSize(migrateBatch).SetProjection(withoutOutbox()))
		if err != nil {
			return err
		}
		var updates []mongo.WriteModel
		send := func() error {
			if len(updates) == 0 {
				return nil
			}
			r, err := c.BulkWrite(ctx, updates, options.BulkWrite().SetOrdered(false))
			if err == nil {
				again = again || int(r.MatchedCount) < len(updates)
			}
			updates = nil
			return err
		}
		for err == nil && cursor.Next(ctx) {
			raw := slices.Clone(cursor.Current)
			change, broken := update(raw)
			if broken != nil {
				continue
			}
			unchanged := bson.D{{Key: "_id", Value: raw.Lookup("_id")}, {Key: "version", Value: raw.Lookup("version")}}
			updates = append(updates, mongo.NewUpdateOneModel().
				SetFilter(append(unchanged, filter...)).SetUpdate(change))
			if len(updates) == migrateBatch {
				err = send()
			}
		}
		if err == nil {
			err = cursor.Err()
		}
		if err == nil {
			err = send()
		}
		closeCursor(ctx, cursor)
		if err != nil {
			return err
		}
	}
	return nil
}
