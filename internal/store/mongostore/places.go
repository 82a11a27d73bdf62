package mongostore

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// exclusivePlayers is the field of a session with the players whose exclusive places are in it. It is absent if there
// are none, so that the unique index does not contain the session.
const exclusivePlayers = "exclusive_players"

// placeKeys returns the index entries for exclusive places. They are sorted, so that two processes that write the same
// players take the entries in the same order: otherwise each could wait for the other.
func placeKeys(players []game.PlayerID) []string {
	keys := texts(players)
	slices.Sort(keys)
	return keys
}

// ExclusivePlaces implements [game.SessionStore].
func (s *Store) ExclusivePlaces(
	ctx context.Context, project game.ProjectID, players []game.PlayerID,
) ([]game.ExclusivePlace, error) {
	if len(players) == 0 {
		return []game.ExclusivePlace{}, nil
	}
	wanted := placeKeys(players)
	filter := bson.D{
		{Key: "project", Value: project}, {Key: exclusivePlayers, Value: bson.D{{Key: "$in", Value: wanted}}},
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	o := options.Find().SetHint(sessionsExclusive).
		SetProjection(bson.D{{Key: "_id", Value: 1}, {Key: exclusivePlayers, Value: 1}})
	// What a write was rejected for may not be on a majority of the members yet.
	cursor, err := s.sessions.newest.Find(ctx, filter, o)
	if err != nil {
		return nil, readError(ctx, err)
	}
	var found []struct {
		ID      game.SessionID  `bson:"_id"`
		Players []game.PlayerID `bson:"exclusive_players"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, readError(ctx, err)
	}
	places := []game.ExclusivePlace{}
	for _, d := range found {
		for _, p := range d.Players {
			if _, is := slices.BinarySearch(wanted, string(p)); is {
				places = append(places, game.ExclusivePlace{Player: p, Session: d.ID})
			}
		}
	}
	return places, nil
}

// lockPlaces lets only one write of this process at a time take the exclusive place of a player: see [nameLocks].
func (s *Store) lockPlaces(
	ctx context.Context, project game.ProjectID, players []game.PlayerID,
) (release func(), err error) {
	if len(players) == 0 {
		return func() {}, nil
	}
	names := placeKeys(players)
	for i, p := range names {
		names[i] = string(project) + "\x00" + p
	}
	return s.nameLocks.lock(ctx, names)
}

// refusedNewSession returns the first reason for which a new session is rejected, as [Store.refusedPlayer] does.
func (s *Store) refusedNewSession(ctx context.Context, err error, id game.SessionID) error {
	if !errors.Is(err, game.ErrPlayerInOtherSession) {
		return err
	}
	ctx, leave, closed := s.enter(ctx)
	if closed != nil {
		return err
	}
	defer leave()
	if s.sessions.has(ctx, docOf("_id", id)) {
		return game.ErrExists
	}
	return err
}
