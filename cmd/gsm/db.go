package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"game-session-manager/internal/config"
	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/sqlitestore"
)

// longestRequest is the maximum of GSM_REQUEST_TIMEOUT. The tools do not know the value that the servers use.
const longestRequest = time.Minute

type dbCmd struct {
	Init   dbInitCmd   `cmd:"" help:"Prepare a database, and print what it contains."`
	Check  dbCheckCmd  `cmd:"" help:"Check everything that is stored, and optionally repair it. Servers may run meanwhile."`
	Copy   dbCopyCmd   `cmd:"" help:"Copy everything to another database of any kind."`
	Backup dbBackupCmd `cmd:"" help:"Back up the embedded database to a file. The server may run meanwhile."`

	Restored dbRestoredCmd `cmd:"" help:"Tell clients that follow sessions that a database was restored."`
}

type dbInitCmd struct{ config.Database }

// Help implements [kong.HelpProvider].
func (c *dbInitCmd) Help() string {
	return `A server prepares its database when it starts. This command does so in advance, and does not change a
database that is already prepared.

Examples:
  gsm db init
  gsm db init --database-url sqlite:/var/lib/gsm/gsm.db`
}

// Run prepares a database.
func (c *dbInitCmd) Run(s streams) error {
	return onDatabase(s, c.Database, store.Options{}, func(ctx context.Context, engine game.Store) error {
		facts, err := engine.Ping(ctx)
		if err != nil {
			return failed(exitDatabase, "%w", storeCause(err))
		}
		sizes, err := engine.Sizes(ctx)
		if err != nil {
			return failed(exitDatabase, "%w", storeCause(err))
		}
		for _, name := range slices.Sorted(maps.Keys(facts)) {
			value, err := json.Marshal(facts[name])
			if err != nil {
				return err
			}
			if err := s.say("%s: %s", name, value); err != nil {
				return err
			}
		}
		return s.say("ready: %d players, %d sessions", sizes.Players, sizes.Sessions)
	})
}

// onDatabase opens a database and calls work until a signal arrives. It waits for the database's server as long as the
// configuration says, and prints a message when the wait begins.
func onDatabase(
	s streams, d config.Database, o store.Options, work func(context.Context, game.Store) error,
) (err error) {
	ctx, stop := untilSignal()
	defer stop()
	o.Wait, o.OnWait = d.DatabaseWait, func(cause error) { _, _ = fmt.Fprintln(s.err, "gsm: waiting:", cause) }
	engine, err := store.Open(ctx, d.DatabaseURL, o)
	if err != nil {
		return openError("--database-url (GSM_DATABASE_URL)", err)
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	return work(ctx, engine)
}

type dbCheckCmd struct {
	config.Database
	Repair bool `help:"Repair what can be repaired."`
}

// Help implements [kong.HelpProvider].
func (c *dbCheckCmd) Help() string {
	return `Prints a line for each finding. --repair rebuilds indexes and entries from the documents, removes members
who do not exist, and assigns a new host to a session whose host is not a member. Other findings are only printed.
Checking and repairing are safe while servers run. Exit code 6 means that findings remain.

Examples:
  gsm db check
  gsm db check --repair --database-url sqlite:/var/lib/gsm/gsm.db`
}

// Run checks a database.
func (c *dbCheckCmd) Run(s streams) error {
	o := store.Options{Beside: true, ReadOnly: !c.Repair}
	return onDatabase(s, c.Database, o, func(ctx context.Context, engine game.Store) error {
		return c.check(ctx, s, engine)
	})
}

func (c *dbCheckCmd) check(ctx context.Context, s streams, engine game.Store) error {
	totals := documentCounts(ctx, engine)
	m := newMeter(s)
	counts := map[string]int{}
	found, repaired := 0, 0
	var writeError error
	err := (&game.Inspection{
		Deps:   game.Deps{Store: engine, Now: time.Now, NewID: newID, MaxRequest: longestRequest},
		Repair: c.Repair,
		Tell: func(f game.Finding) {
			m.clear()
			found++
			what, end := f.Collection, ""
			if f.ID != "" {
				what += " " + f.ID
			}
			if f.Repaired {
				repaired++
				end = ": repaired"
			}
			if err := s.say("%s %s%s", what, f.Problem, end); writeError == nil {
				writeError = err
			}
		},
		Progress: func(collection string, n int) {
			counts[collection] = n
			m.at("check "+collection, n, totals[collection])
		},
	}).Run(ctx)
	m.end()
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: no repair was left incomplete; run it again to check the rest")
	case err != nil: // for example documents that cannot be read, which are findings too
		code := exitDatabase
		if found > repaired {
			code = exitFindings
		}
		err = failed(code, "the check failed: %w", storeCause(err))
		return errors.Join(writeError, err, remaining(found-repaired, c.Repair))
	}
	err = s.say("checked %s: %d findings, %d repaired", listCounts(counts), found, repaired)
	if err := errors.Join(writeError, err); err != nil {
		return err
	}
	return remaining(found-repaired, c.Repair)
}

// listCounts returns the numbers of documents of the nouns that were read.
func listCounts(counts map[string]int) string {
	var list []string
	for _, n := range game.Nouns(time.Time{}) {
		if count, ok := counts[n.Name()]; ok {
			list = append(list, fmt.Sprint(count, " ", n.Title()))
		}
	}
	return strings.Join(list, ", ")
}

func remaining(n int, repair bool) error {
	switch {
	case n == 0:
		return nil
	case repair:
		return failed(exitFindings,
			"%d findings remain that cannot be repaired automatically: see docs/operations/check-and-copy.md", n)
	}
	return failed(exitFindings, "%d findings: gsm db check --repair repairs those that can be repaired", n)
}

type dbBackupCmd struct {
	config.Database
	File string `arg:"" help:"The file to write. It must not exist."`
}

// Help implements [kong.HelpProvider].
func (c *dbBackupCmd) Help() string {
	return `The file is a consistent copy of the database: to restore it, stop the server and replace the database with
it, or start a server on it. The file gets its name only after it is complete, checked and on disk.

Examples:
  gsm db backup gsm-$(date +%F).db
  gsm db backup --database-url sqlite:/var/lib/gsm/gsm.db /backup/gsm.db`
}

// Run backs a database up.
func (c *dbBackupCmd) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	begin := time.Now()
	size, err := store.Backup(ctx, c.DatabaseURL, c.File)
	switch {
	case ctx.Err() != nil && err != nil:
		return errors.New("interrupted: no backup was made")
	case errors.Is(err, sqlitestore.ErrFileExists):
		return failed(exitUsage, "%w", err)
	case err != nil:
		return failed(exitDatabase, "%w", err)
	}
	return s.say("backed up and checked: %s, %d bytes in %s", c.File, size, time.Since(begin).Round(time.Millisecond))
}

type dbRestoredCmd struct{ config.Database }

// Help implements [kong.HelpProvider].
func (c *dbRestoredCmd) Help() string {
	return `Begins a new epoch of the database: clients that follow sessions then read them anew, because a database
that went back in time uses version numbers again. Servers may run meanwhile. It is not needed for a file that gsm db
backup has made, nor after mongorestore, which a server notices when it starts. It is needed after other restores, such
as those of snapshots of volumes, and does no harm where it is not.

Examples:
  gsm db restored --database-url 'mongodb://gsm:secret@db.example/gsm?authSource=admin'`
}

// Run begins a new epoch.
func (c *dbRestoredCmd) Run(s streams) error {
	return onDatabase(s, c.Database, store.Options{Beside: true}, func(ctx context.Context, engine game.Store) error {
		if err := engine.RenewEpoch(ctx); err != nil {
			return failed(exitDatabase, "%w", storeCause(err))
		}
		return s.say("clients that follow sessions read them anew")
	})
}

// untilSignal returns a context that is cancelled by SIGINT or SIGTERM. A second signal ends the process at once.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// openError returns the error for a database that cannot be opened, with the setting that names it.
func openError(setting string, err error) error {
	return failed(exitDatabase, "%s: %w", setting, err)
}

// storeCause returns the cause of a store's error, because its message is written for callers of the API.
func storeCause(err error) error {
	for {
		e := (*game.Error)(nil)
		if !errors.As(err, &e) || e.Unwrap() == nil {
			return err
		}
		err = e.Unwrap()
	}
}

// say writes a line to standard output.
func (s streams) say(format string, args ...any) error {
	_, err := fmt.Fprintf(s.out, format+"\n", args...)
	return err
}

// documentCounts returns the approximate number of documents of each noun, for the progress display. It returns nil if
// they cannot be counted, for example because an index is missing.
func documentCounts(ctx context.Context, s game.Store) map[string]int {
	sizes, err := s.Sizes(ctx)
	if err != nil {
		return nil
	}
	return map[string]int{"players": int(sizes.Players), "sessions": int(sizes.Sessions)}
}
