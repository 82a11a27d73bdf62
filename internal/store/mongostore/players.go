package mongostore

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// playerTaken returns the error for a player that is rejected by a unique index, by the name of the index.
func playerTaken() map[string]error {
	return map[string]error{
		idIndex: game.ErrExists, playersByUsername: game.ErrUsernameTaken, playersByIdentity: game.ErrIdentityTaken,
	}
}

func playerAddress(p game.Player) address { return address{string(p.ID), p.Project} }

// CreatePlayer implements [game.PlayerStore].
func (s *Store) CreatePlayer(ctx context.Context, p game.Player, events ...game.Event) error {
	release, err := s.nameLocks.lock(ctx, claimedNames(game.Player{}, p))
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	defer release()
	err = insert(ctx, s, s.players, playerAddress(p), storedPlayer(p), events, playerTaken())
	return s.refusedPlayer(ctx, err, p, docOf("_id", p.ID))
}

// Player implements [game.PlayerStore].
func (s *Store) Player(ctx context.Context, project game.ProjectID, id game.PlayerID) (game.Player, error) {
	return oneAt[game.Player](ctx, s, s.players, address{string(id), project}, game.PlayerNotFound(id))
}

// PlayerByIdentity implements [game.PlayerStore].
func (s *Store) PlayerByIdentity(ctx context.Context, project game.ProjectID, i game.Identity) (game.Player, error) {
	p, err := one[game.Player](ctx, s, s.players, identityFilter(project, i), game.ErrPlayerNotFound)
	// The queried provider may contain a colon and so match the index entry of another.
	if err == nil && p.Identities[i.Provider] != i.Subject {
		return game.Player{}, game.ErrPlayerNotFound
	}
	return p, err
}

func identityFilter(project game.ProjectID, i game.Identity) bson.D {
	return bson.D{{Key: "project", Value: project}, {Key: "identity_keys", Value: identityKey(i.Provider, i.Subject)}}
}

// ReplacePlayer implements [game.PlayerStore].
func (s *Store) ReplacePlayer(ctx context.Context, old, next game.Player, events ...game.Event) error {
	release, err := s.nameLocks.lock(ctx, claimedNames(old, next))
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	defer release()
	err = s.replace(ctx, s.players, playerAddress(old), replacement{
		version: old.Version, also: docOf("last_seen_at", old.LastSeenAt),
		events: events, old: storedPlayer(old), next: storedPlayer(next),
		notFound: game.PlayerNotFound(old.ID), taken: playerTaken(),
	})
	return s.refusedPlayer(ctx, err, next, nil) // a document with another version is not checked against indexes
}

// refusedPlayer returns the first reason for which a player is rejected, in the order that [game.PlayerStore]
// specifies: the server chooses which of several unique indexes rejects a write. exists is the filter for the player
// that must not exist, or nil. If a read fails, the reason that the server gave is returned, which is also correct.
func (s *Store) refusedPlayer(ctx context.Context, err error, p game.Player, exists bson.D) error {
	if !errors.Is(err, game.ErrUsernameTaken) && !errors.Is(err, game.ErrIdentityTaken) {
		return err
	}
	ctx, leave, closed := s.enter(ctx)
	if closed != nil {
		return err
	}
	defer leave()
	sameUsername := bson.D{
		{Key: "project", Value: p.Project},
		{Key: "username_key", Value: p.UsernameKey()},
		{Key: "_id", Value: docOf("$ne", p.ID)},
	}
	switch {
	case exists != nil && s.players.has(ctx, exists):
		return game.ErrExists
	case p.Username != "" && s.players.has(ctx, sameUsername):
		return game.ErrUsernameTaken
	}
	return err
}

// DeletePlayer implements [game.PlayerStore].
func (s *Store) DeletePlayer(ctx context.Context, old game.Player) error {
	return s.remove(ctx, s.players, playerAddress(old), old.Version)
}

// Players implements [game.PlayerStore].
func (s *Store) Players(ctx context.Context, q game.PlayerQuery) (game.Found[game.Player], error) {
	return list(ctx, s, s.players, s.playersPage(q), fullSize[game.Player])
}

// EndedSuspensions implements [game.PlayerStore]. The index returns the players in the order of the times.
func (s *Store) EndedSuspensions(ctx context.Context, now time.Time, limit int) ([]game.Player, error) {
	o := options.Find().SetLimit(int64(limit)).SetHint(playersSuspendedUntil)
	return read[game.Player](ctx, s, s.players.Collection, suspensionEnded(now), o)
}

func suspensionEnded(now time.Time) bson.D {
	return docOf("suspended_until", docOf("$lte", now))
}

// playersPage returns the page that a query asks for.
func (s *Store) playersPage(q game.PlayerQuery) page {
	p := page{index: playersByProject, after: string(q.After), limit: q.Limit, bytes: q.Bytes}
	allProjects := q.Erasing || q.Sweeping
	switch {
	case q.Sweeping:
		p.where("sweeping", true)
		p.index, p.narrow, p.current = playersSweeping, true, true
	case q.Erasing:
		p.where("erasing", true)
		p.index, p.narrow, p.current = playersErasing, true, true
	default:
		p.where("project", q.Project)
		p.where("erasing", nil) // absent
	}
	if c, named := q.Where.On(game.FieldUsername); named && !allProjects {
		p.where("username_prefixes", indexedPrefix(c.Text(), usernamePrefix))
	}
	if c, named := q.Where.On(game.FieldName); named && !allProjects {
		p.where("display_name_prefixes", indexedPrefix(c.Text(), namePrefix))
	}
	p.indexed = allProjects
	p.whereFields(playersSearched(), q.Where)
	return p
}
