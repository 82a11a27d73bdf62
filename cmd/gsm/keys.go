package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"game-session-manager/internal/api"
	"game-session-manager/internal/auth"
	"game-session-manager/internal/config"
	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/sqlitestore"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Create an API key and print it. It is shown only once."`
	List   keysListCmd   `cmd:"" help:"List the API keys of a project, without their secrets."`
	Revoke keysRevokeCmd `cmd:"" help:"Revoke an API key."`
	Rotate keysRotateCmd `cmd:"" help:"Create an API key that replaces another one, which expires after an overlap."`

	RetireSigning retireSigningCmd `cmd:"" help:"Retire all keys that sign player tokens and join tickets; everything they signed becomes invalid."`
}

// keysIn selects the database and the project. The commands work on the database itself, also while servers use it.
type keysIn struct {
	config.Database
	Project string `default:"default" help:"The project that the keys belong to: 1 to 64 characters of a-z 0-9 -."`
}

// Validate returns all problems of the flags, joined.
func (k *keysIn) Validate() error {
	err := k.Database.Validate()
	if !game.ValidProject(game.ProjectID(k.Project)) {
		err = errors.Join(
			err, fmt.Errorf("--project: %q must have 1 to %d characters of a-z 0-9 -", k.Project, game.MaxProjectID),
		)
	}
	return err
}

// do opens the database and calls work as an admin of the project.
func (k *keysIn) do(s streams, o store.Options, work func(context.Context, *game.Keys) error) error {
	return onKeys(s, k.Database, o, func(ctx context.Context, engine game.Store) error {
		ctx = game.WithCaller(
			ctx, game.Caller{Project: game.ProjectID(k.Project), Scope: game.ScopeAdmin, Name: "gsm keys"},
		)
		return work(
			ctx, game.NewKeys(game.Deps{Store: engine, Now: time.Now, NewID: newID, MaxRequest: longestRequest}),
		)
	})
}

// onKeys opens the database and calls work with the deadline of a request.
func onKeys(s streams, d config.Database, o store.Options, work func(context.Context, game.Store) error) error {
	return onDatabase(s, d, o, func(ctx context.Context, engine game.Store) error {
		ctx, cancel := context.WithTimeout(ctx, longestRequest)
		defer cancel()
		return operatorError(work(ctx, engine))
	})
}

// besideServers returns options that leave running servers undisturbed.
func besideServers() store.Options { return store.Options{Beside: true} }

// operatorError returns the error of a rule or a store with a message for operators.
func operatorError(err error) error {
	e := (*game.Error)(nil)
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind { //nolint:exhaustive // the other kinds have a complete message
	case game.Invalid:
		var all []error
		for _, f := range e.Fields {
			all = append(all, fmt.Errorf("--%s %s", strings.ReplaceAll(f.Field, "_", "-"), f.Message))
		}
		if len(all) > 0 {
			return failed(exitUsage, "%w", errors.Join(all...))
		}
	case game.Unavailable:
		if e.Extras["outcome"] == game.OutcomeUnknown {
			return failed(exitDatabase,
				"the database did not respond in time and may have made the change: see gsm keys list: %w",
				storeCause(err))
		}
		return failed(exitDatabase, "%w", storeCause(err))
	}
	return errors.New(e.Message)
}

type keysCreateCmd struct {
	keysIn
	Scope     string         `required:"" enum:"admin,server,read" help:"What the key may do: admin (everything in its project), server (everything with players and sessions) or read."`
	Name      string         `required:"" help:"A name for people: 1 to 64 characters."`
	Expires   *time.Duration `placeholder:"720h" xor:"end" help:"How long the key is valid. Without this and --expires-at it does not expire."`
	ExpiresAt *time.Time     `placeholder:"TIME" xor:"end" help:"When the key expires, as in 2027-01-31T12:00:00Z."`
}

// Help implements [kong.HelpProvider].
func (c *keysCreateCmd) Help() string {
	return `Prints the key to standard output and everything else to standard error. The key is shown once: the database
stores only a hash of it. Servers may run meanwhile. For the first key, the database is created if it does not exist.

Examples:
  gsm keys create --scope admin --name ops
  KEY=$(gsm keys create --scope server --name eu-west --expires 2160h)`
}

// Run creates a key.
func (c *keysCreateCmd) Run(s streams) error {
	now := time.Now()
	r := game.KeyRequest{Name: c.Name, Scope: game.Scope(c.Scope), ExpiresAt: c.ExpiresAt}
	if c.Expires != nil {
		if *c.Expires <= 0 {
			return failed(exitUsage, "--expires must be positive, like 720h")
		}
		r.ExpiresAt = new(now.Add(*c.Expires))
	}
	if err := r.Validate(); err != nil { // before a database is created for it
		return operatorError(err)
	}
	if r.ExpiresAt != nil && !r.ExpiresAt.After(now) {
		return failed(exitUsage, "--expires-at must be in the future")
	}
	work := func(ctx context.Context, keys *game.Keys) error {
		k, secret, err := keys.Create(ctx, r)
		if err != nil {
			return err
		}
		return s.show(k, secret)
	}
	err := c.do(s, besideServers(), work)
	if errors.Is(err, sqlitestore.ErrMissing) || errors.Is(err, mongostore.ErrMissing) {
		return c.do(s, store.Options{}, work)
	}
	return err
}

// show prints a new key. It cannot be shown again.
func (s streams) show(k game.Key, secret game.Secret) error {
	if err := s.say("%s", secret.Reveal()); err != nil {
		return fmt.Errorf("key %s was created but could not be shown: revoke it: %w", k.ID, err)
	}
	expiry := "does not expire"
	if k.ExpiresAt != nil {
		expiry = "expires at " + k.ExpiresAt.Format(time.RFC3339)
	}
	_, _ = fmt.Fprintf(
		s.err, "gsm: key %s of scope %s in project %s, %s. It is shown once: keep it safe.\n", k.ID, k.Scope, k.Project,
		expiry,
	)
	return nil
}

type keysListCmd struct {
	keysIn
	JSON bool `name:"json" help:"Print a JSON array."`
}

// Help implements [kong.HelpProvider].
func (c *keysListCmd) Help() string {
	return `Revoked and expired keys stay in the list for 30 days.

Examples:
  gsm keys list
  gsm keys list --project tanks --json`
}

// Run lists keys.
func (c *keysListCmd) Run(s streams) error {
	options := besideServers()
	options.ReadOnly = true
	return c.do(s, options, func(ctx context.Context, keys *game.Keys) error {
		all := []game.Key{}
		for cursor := ""; ; {
			page, err := keys.List(ctx, cursor, game.MaxLimit)
			if err != nil {
				return err
			}
			all = append(all, page.Items...)
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		if c.JSON {
			shown := make([]api.KeyBody, len(all))
			for i, k := range all {
				shown[i] = api.KeyAt(k, time.Now())
			}
			b, err := json.MarshalIndent(shown, "", "  ")
			if err != nil {
				return err
			}
			return s.say("%s", b)
		}
		return s.table(all)
	})
}

// table prints keys as a table.
func (s streams) table(all []game.Key) error {
	when := func(t *time.Time) string {
		if t == nil {
			return "never"
		}
		return t.Format(time.RFC3339)
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(w, "ID\tNAME\tSCOPE\tCREATED\tENDS\tLAST USED\tSTATUS")
	for _, k := range all {
		_, e := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			k.ID, k.Name, k.Scope, when(&k.CreatedAt), when(k.End()), when(k.LastUsedAt), k.Status(time.Now()))
		err = errors.Join(err, e)
	}
	return errors.Join(err, w.Flush())
}

// oneKey selects the key that a command works on.
type oneKey struct {
	keysIn
	ID string `arg:"" help:"The key's id, as gsm keys list shows it."`
}

// Validate returns all problems of the arguments, joined. It does not repeat the id, because people paste whole keys.
func (k *oneKey) Validate() error {
	err := k.keysIn.Validate()
	if !game.ValidKeyID(game.KeyID(k.ID)) {
		err = errors.Join(err, errors.New(
			"<id>: not the id of a key: gsm keys list shows ids; in a key the id is between gsm_ and the next _",
		))
	}
	return err
}

type keysRevokeCmd struct{ oneKey }

// Help implements [kong.HelpProvider].
func (c *keysRevokeCmd) Help() string {
	return `Every server rejects the key within a second. A key that was revoked or has expired already does not change.

Examples:
  gsm keys revoke k3j9x2m4pq`
}

// Run revokes a key.
func (c *keysRevokeCmd) Run(s streams) error {
	return c.do(s, besideServers(), func(ctx context.Context, keys *game.Keys) error {
		k, err := keys.Revoke(ctx, game.KeyID(c.ID))
		if err != nil {
			return err
		}
		return s.say("key %s of project %s is %s", k.ID, k.Project, k.Status(time.Now()))
	})
}

type keysRotateCmd struct {
	oneKey
	Overlap time.Duration `default:"1h" help:"How long the old key stays valid, at most 720h; 0s revokes it now."`
}

// Help implements [kong.HelpProvider].
func (c *keysRotateCmd) Help() string {
	return `The new key has the name, the scope and the expiry of the old one. Only the key is printed to standard
output, and it is shown once. If you lose it, rotate the old key again while it is valid, and revoke the lost one.

Examples:
  KEY=$(gsm keys rotate k3j9x2m4pq)
  KEY=$(gsm keys rotate k3j9x2m4pq --overlap 24h)`
}

// Run rotates a key.
func (c *keysRotateCmd) Run(s streams) error {
	return c.do(s, besideServers(), func(ctx context.Context, keys *game.Keys) error {
		k, secret, err := keys.Rotate(ctx, game.KeyID(c.ID), c.Overlap)
		if err != nil && k.ID != "" {
			return failed(exitDatabase,
				"key %s was created to replace it but could not be shown: revoke it, and rotate again: %w",
				k.ID, storeCause(err))
		}
		if err != nil {
			return err
		}
		if err := s.show(k, secret); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(s.err, "gsm: key %s stays valid for %s at most.\n", c.ID, c.Overlap)
		return nil
	})
}

type retireSigningCmd struct{ config.Database }

// Help implements [kong.HelpProvider].
func (c *retireSigningCmd) Help() string {
	return `Use it when GSM_SECRET_KEY and a copy of the database may have leaked. First give every server a new
GSM_SECRET_KEY and restart it, because a running server creates the next key with the secret that it has. Within ten
seconds each server rejects everything that the old keys signed. Players need new tokens; game servers that verify
tickets by themselves must fetch /.well-known/jwks.json again.

Examples:
  gsm keys retire-signing`
}

// Run retires the signing keys.
func (c *retireSigningCmd) Run(s streams) error {
	return onKeys(s, c.Database, besideServers(), func(ctx context.Context, engine game.Store) error {
		n, err := auth.Retire(ctx, engine)
		if err != nil {
			return failed(exitDatabase, "%d signing keys were retired, others may not be: run it again: %w",
				n, storeCause(err))
		}
		return s.say("signing keys retired: %d", n)
	})
}
