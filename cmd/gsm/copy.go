package main

import (
	"errors"
	"fmt"
	"time"

	"game-session-manager/internal/store"
)

type dbCopyCmd struct {
	From   string `required:"" placeholder:"URL" help:"The source, as in --database-url of serve."`
	To     string `required:"" placeholder:"URL" help:"The target: an empty database, created if it does not exist."`
	Resume bool   `help:"Continue an interrupted copy."`
}

// Help implements [kong.HelpProvider].
func (c *dbCopyCmd) Help() string {
	return `Copies the players, sessions, events, idempotency keys and API keys of all projects, the keys that sign
tokens and the stored metrics, unchanged, and then compares both sides by count and checksum. Stop the servers of both
sides first: an embedded database that is being served is rejected. Nothing of the source is lost or changed; on MongoDB
its latest events are moved to their collection. Exit code 6 means that the sides differ.

Examples:
  gsm db copy --from sqlite:gsm.db --to 'mongodb://gsm:secret@db.example/gsm?authSource=admin'
  gsm db copy --from sqlite:gsm.db --to sqlite:/mnt/fast/gsm.db --resume`
}

// Run copies a database.
func (c *dbCopyCmd) Run(s streams) (err error) {
	if store.Same(c.From, c.To) {
		return failed(exitUsage, "--from and --to are the same database: choose another target")
	}
	ctx, stop := untilSignal()
	defer stop()
	from, err := store.Open(ctx, c.From, store.Options{MustExist: true})
	if err != nil {
		return openError("--from", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := store.Open(ctx, c.To, store.Options{})
	if err != nil {
		return openError("--to", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	totals := documentCounts(ctx, from)
	m := newMeter(s)
	copied, err := store.Copying{
		From: from, To: to, Resume: c.Resume, Now: time.Now(),
		Progress: func(step store.Step, noun string, done int) { m.at(string(step)+" "+noun, done, totals[noun]) },
	}.Run(ctx)
	m.end()
	switch {
	case ctx.Err() != nil && err != nil:
		return errors.New("interrupted: what was copied stays; run the same command with --resume to continue")
	case err != nil:
		return withAdvice(err)
	}
	for _, n := range copied {
		if err := s.say("%s: %d on both sides, SHA-256 %s", n.Noun, n.Count, n.Checksum); err != nil {
			return err
		}
	}
	return s.say("copied and compared: start the servers with the new --database-url, and keep the old database " +
		"until you trust the new one")
}

// withAdvice adds to the error of a failed copy what to do about it.
func withAdvice(err error) error {
	switch {
	case errors.Is(err, store.ErrNotEmpty):
		err = fmt.Errorf("%w: choose an empty one, or use --resume to continue a copy from this source", err)
	case errors.Is(err, store.ErrForeignData):
		err = fmt.Errorf("%w: the source has changed since the copy started, or the target is not a copy of it: "+
			"start again with an empty database", err)
	case errors.Is(err, store.ErrDiffers):
		return fmt.Errorf(
			"%w: another program wrote to one of them meanwhile: stop it, and start again with an empty database", err,
		)
	default:
		err = fmt.Errorf(
			"%w; what was copied stays: when the cause is gone, run the same command with --resume", storeCause(err),
		)
	}
	return failed(exitDatabase, "%w", err)
}
