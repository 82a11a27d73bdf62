// Package store opens the engine that a URL names. It knows which engines there are, and leaves everything else to
// them.
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
	// Cache is how much memory an embedded database may take for parts of its file, in bytes; 0 leaves it to the
	// engine.
	Cache int64
	// OnCommit is called after each group commit of an engine that has such, with the number of writes in it and the
	// time that it took.
	OnCommit func(size int, d time.Duration)
	// OnCommand is called after each command to the server of an engine that has one, with the context of the call.
	OnCommand func(context.Context, game.Command)
	// Wait is how long Open waits for a server that does not answer yet, and OnWait is called when it does.
	Wait   time.Duration
	OnWait func(cause error)
	// MustExist refuses a database that is not there, instead of making one.
	MustExist bool
	// Beside opens the database as it is beside the servers that use it, where only one may otherwise, for tools. It
	// must be there, and be up to date.
	Beside bool
	// ReadOnly says that nothing will be written. It goes with Beside.
	ReadOnly bool
}

// Open opens a store:
//
//	sqlite:gsm.db            a file in the working directory
//	sqlite:/var/lib/gsm.db   a file by its path; sqlite:///var/lib/gsm.db is the same
//	mongodb://host/gsm       a database of a MongoDB server; mongodb+srv:// too
//
// It answers [ErrUnknownScheme], [ErrBadURL] and what the engine does: see [sqlitestore.Open] and [mongostore.Open].
// The context bounds opening only.
func Open(ctx context.Context, rawURL string, o Options) (game.Store, error) {
	scheme, rest, _ := strings.Cut(rawURL, ":")
	switch scheme {
	case "sqlite":
		path, err := filePath(rest)
		if err != nil {
			return nil, err
		}
		s, err := sqlitestore.Open(ctx, path, sqlitestore.Options{
			Cache: o.Cache, OnCommit: o.OnCommit, MustExist: o.MustExist, Beside: o.Beside, ReadOnly: o.ReadOnly,
		})
		if err != nil {
			return nil, err
		}
		return s, nil
	case "mongodb", "mongodb+srv":
		s, err := mongostore.Open(ctx, rawURL, mongostore.Options{
			Wait: o.Wait, OnWait: o.OnWait, OnCommand: o.OnCommand, MustExist: o.MustExist, Beside: o.Beside,
		})
		if errors.Is(err, mongostore.ErrBadURL) {
			return nil, fmt.Errorf("%w: %w", ErrBadURL, err)
		}
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	return nil, errUnknown()
}

// Engine names the engine that a URL is for: sqlite or mongodb, or nothing if there is none.
func Engine(rawURL string) string {
	switch scheme, _, _ := strings.Cut(rawURL, ":"); scheme {
	case "sqlite":
		return "sqlite"
	case "mongodb", "mongodb+srv":
		return "mongodb"
	}
	return ""
}

// Sole reports whether only one server at a time can have the database of a URL open.
func Sole(rawURL string) bool { return Engine(rawURL) == "sqlite" }

// filePath returns the path in what follows sqlite: in a URL. It is taken as it is written, without escapes.
func filePath(rest string) (string, error) {
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		if !strings.HasPrefix(after, "/") {
			return "", fmt.Errorf("%w: sqlite:// is followed by an absolute path, as in sqlite:///var/lib/gsm.db; "+
				"write sqlite:gsm.db for a file in the working directory", ErrBadURL)
		}
		rest = after
	}
	if rest == "" || strings.HasSuffix(rest, "/") {
		return "", fmt.Errorf("%w: sqlite: is followed by the path of a file, as in sqlite:gsm.db", ErrBadURL)
	}
	if strings.HasPrefix(rest, ":") || strings.Contains(rest, "?") {
		return "", fmt.Errorf("%w: sqlite: is followed by the path of a file and no more, as in sqlite:gsm.db: there "+
			"are no options after a ? and no databases in memory", ErrBadURL)
	}
	return rest, nil
}

// ErrNoBackup says that the engine's own means make backups of it.
var ErrNoBackup = errors.New("gsm db backup supports embedded databases only")

// Backup writes what an embedded database holds at one moment to a new file, beside a running server, and returns the
// file's size in bytes: see [sqlitestore.Backup]. It answers [ErrNoBackup] for others.
func Backup(ctx context.Context, rawURL, file string) (int64, error) {
	scheme, rest, _ := strings.Cut(rawURL, ":")
	switch scheme {
	case "sqlite":
		path, err := filePath(rest)
		if err != nil {
			return 0, err
		}
		return sqlitestore.Backup(ctx, path, file)
	case "mongodb", "mongodb+srv":
		return 0, fmt.Errorf("%w: use mongodump, or the snapshots of your provider", ErrNoBackup)
	}
	return 0, errUnknown()
}

// Same reports whether two URLs certainly name one database. Two that do not seem to may yet.
func Same(a, b string) bool {
	schemeA, restA, _ := strings.Cut(a, ":")
	schemeB, restB, _ := strings.Cut(b, ":")
	if schemeA != "sqlite" || schemeB != "sqlite" {
		return a == b
	}
	pathA, errA := filePath(restA)
	pathB, errB := filePath(restB)
	return errA == nil && errB == nil && sqlitestore.Same(pathA, pathB)
}

// errUnknown does not repeat the URL, which may hold a password.
func errUnknown() error {
	return fmt.Errorf("%w: the URL must begin with sqlite:, as in sqlite:gsm.db, or with mongodb:, as in "+
		"mongodb://localhost:27017/gsm", ErrUnknownScheme)
}
