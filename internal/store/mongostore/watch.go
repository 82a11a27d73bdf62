package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// changedSession is a change of a session, as a change stream tells of it.
type changedSession struct {
	Key struct {
		ID string `bson:"_id"`
	} `bson:"documentKey"`
	Update struct {
		Fields struct {
			Version int64 `bson:"version"`
		} `bson:"updatedFields"`
	} `bson:"updateDescription"`
}

// changesOfSessions selects what [Store.Watch] needs. A renewal of a lease is no change of a session.
func changesOfSessions() mongo.Pipeline {
	return mongo.Pipeline{
		docOf("$match", docOf("operationType", docOf("$in", bson.A{"insert", "update", "replace", "delete"}))),
		docOf("$project", bson.D{
			{Key: "documentKey._id", Value: 1}, {Key: "updateDescription.updatedFields.version", Value: 1},
		}),
	}
}

// CanWatch reports whether the server has change streams.
func (s *Store) CanWatch() bool { return s.server.ChangeStreams }

// Watch calls changed with each session that changes, and with the version that an update has given to it or 0, until
// ctx ends or the stream breaks, whose error it returns. It calls ready once no later change can be missed.
func (s *Store) Watch(ctx context.Context, ready func(), changed func(game.SessionID, int64)) error {
	stream, err := s.watchSessions(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close(context.WithoutCancel(ctx)) }()
	ready()
	for stream.Next(ctx) {
		var c changedSession
		if err := stream.Decode(&c); err != nil {
			return err
		}
		changed(game.SessionID(c.Key.ID), c.Update.Fields.Version)
	}
	return stream.Err()
}

func (s *Store) watchSessions(ctx context.Context) (*mongo.ChangeStream, error) {
	return s.sessions.Watch(ctx, changesOfSessions(), options.ChangeStream())
}

// probeStreams opens a change stream and closes it. Servers that have none use different error codes.
func (s *Store) probeStreams(ctx context.Context) (bool, error) {
	stream, err := s.watchSessions(ctx)
	if err == nil {
		return true, stream.Close(ctx)
	}
	if mongo.IsNetworkError(err) || mongo.IsTimeout(err) {
		return false, err
	}
	return false, nil
}
