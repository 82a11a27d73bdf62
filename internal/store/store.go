// Package store opens the engine that a URL names. It knows which engines there are, and leaves everything else to them.
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/sqlitestore"
)

// ErrUnknownScheme says that no engine goes with the URL's scheme.
var ErrUnknownScheme = errors.New("unknown kind of database")

// ErrBadURL says that the URL's scheme is known and the rest of it makes no sense.
var ErrBadURL = errors.New("bad database URL")

// Options go to the engine. The zero value is good.
type Options struct {
	// OnCommit is called after each group commit of an engine that has such, with the number of writes in it and the
	// time that it took.
	OnCommit func(size int, d time.Duration)
	// OnCommand is called after each command to the server of an engine that has one, with the context of the call.
	OnCommand func(context.Context, game.Command)
	// Wait is how long Open waits for a server that does not answer yet, and OnWait is called when it does.
	Wait   time.Duration
	OnWait func(cause error)
}

// Open opens a store:
//
//	sqlite:gsm.db            a file in the working directory
//	sqlite:/var/lib/gsm.db   a file by its path; sqlite:///var/lib/gsm.db is the same
//	mongodb://host/gsm       a database of a MongoDB server; mongodb+srv:// too
//
// It answers [ErrUnknownScheme], [ErrBadURL] and what the engine does: see [sqlitestore.Open] and [mongostore.Open]. The
// context bounds opening only.
func Open(ctx context.Context, rawURL string, o Options) (game.Store, error) {
	scheme, rest, _ := strings.Cut(rawURL, ":")
	switch scheme {
	case "sqlite":
		path, err := filePath(rest)
		if err != nil {
			return nil, err
		}
		s, err := sqlitestore.Open(ctx, path, sqlitestore.Options{OnCommit: o.OnCommit})
		if err != nil {
			return nil, err
		}
		return s, nil
	case "mongodb", "mongodb+srv":
		s, err := mongostore.Open(ctx, rawURL, mongostore.Options{Wait: o.Wait, OnWait: o.OnWait, OnCommand: o.OnCommand})
		if errors.Is(err, mongostore.ErrBadURL) {
			return nil, fmt.Errorf("%w: %w", ErrBadURL, err)
		}
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	// The URL may hold a password and is not repeated.
	return nil, fmt.Errorf("%w: the URL must begin with sqlite:, as in sqlite:gsm.db, or with mongodb:, as in mongodb://localhost:27017/gsm", ErrUnknownScheme)
}

// filePath returns the path in what follows sqlite: in a URL. It is taken as it is written, without escapes.
func filePath(rest string) (string, error) {
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		if !strings.HasPrefix(after, "/") {
			return "", fmt.Errorf("%w: sqlite:// is followed by an absolute path, as in sqlite:///var/lib/gsm.db; write sqlite:gsm.db for a file in the working directory", ErrBadURL)
		}
		rest = after
	}
	if rest == "" || strings.HasSuffix(rest, "/") {
		return "", fmt.Errorf("%w: sqlite: is followed by the path of a file, as in sqlite:gsm.db", ErrBadURL)
	}
	if strings.HasPrefix(rest, ":") || strings.Contains(rest, "?") {
		return "", fmt.Errorf("%w: sqlite: is followed by the path of a file and no more, as in sqlite:gsm.db: there are no options after a ? and no databases in memory", ErrBadURL)
	}
	return rest, nil
}
