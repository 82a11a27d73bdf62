package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"game-session-manager/internal/api"
	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/limits"
	"game-session-manager/internal/observe"
)

// Validate tells everything that is wrong. The issuers are package auth's to read, which package config does not know.
func (c *serveCmd) Validate() error {
	return errors.Join(c.Server.Validate(), issuersError(c.OIDCIssuers))
}

// Validate tells everything that is wrong.
func (c *configCmd) Validate() error {
	return errors.Join(c.Server.Validate(), issuersError(c.OIDCIssuers))
}

func issuersError(text string) error {
	if _, err := auth.ParseIssuers(text); err != nil {
		return fmt.Errorf("--oidc-issuers (GSM_OIDC_ISSUERS): %w", err)
	}
	return nil
}

// access is how callers are known, and what goes with it.
type access struct {
	authenticate api.Authenticate
	tokens       *auth.Signer
	tasks        []keeper.Task
}

// newAccess decides who is let in. It returns a usageError where that would be nobody. Credentials are judged in the
// same way with and without authentication.
func newAccess(
	ctx context.Context, c *serveCmd, deps game.Deps, players *game.Players, log *slog.Logger,
) (access, error) {
	rules, static := game.NewKeys(deps), staticKeys(c.AdminKey)
	if c.Authenticated() {
		if err := someKey(ctx, rules, static); err != nil {
			return access{}, err
		}
	}
	signer, err := newSigner(ctx, c, deps, log)
	if err != nil {
		return access{}, err
	}
	issuers, err := auth.ParseIssuers(c.OIDCIssuers)
	if err != nil {
		return access{}, usageError{err}
	}
	tokens, err := auth.NewPlayers(signer, auth.NewIssuers(issuers, players, deps.Now))
	if err != nil {
		return access{}, err
	}
	guard := &auth.Guard{
		Keys: auth.NewKeys(deps.Store, rules, static, deps.Now), Tokens: tokens,
		Failures: limits.NewFailures(c.FailedCredentials, deps.Now), Open: !c.Authenticated(),
	}
	return access{authenticate: guard.Caller, tokens: signer, tasks: []keeper.Task{
		{Name: "purge_api_keys", Every: 10 * time.Minute, Timeout: time.Minute, Lease: true, Run: rules.Purge},
		{Name: "refresh_signing_keys", Every: 10 * time.Second, Timeout: 10 * time.Second, Run: signer.Refresh},
		{Name: "record_key_use", Every: 15 * time.Second, Timeout: 15 * time.Second, Run: guard.Keys.Record},
	}}, nil
}

// newSigner returns what signs tokens and tickets: wherever there is a secret key by the keys in the database, and
// without authentication by one of the process's own. A key that is in the database unsealed would be good wherever
// the database goes.
func newSigner(ctx context.Context, c *serveCmd, deps game.Deps, log *slog.Logger) (*auth.Signer, error) {
	d := auth.SignerDeps{Issuer: c.TokenIssuer, Now: deps.Now, Log: log, Secret: c.SecretKey}
	if c.Authenticated() || c.SecretKey != "" {
		d.Store = deps.Store
	}
	s, err := auth.NewSigner(d)
	if err != nil {
		return nil, fmt.Errorf("--secret-key (GSM_SECRET_KEY): %w", err)
	}
	if c.Authenticated() && c.SecretKey == "" {
		log.Warn("player tokens and join tickets are disabled, because GSM_SECRET_KEY is not set",
			"remedy", "set GSM_SECRET_KEY to 32 or more random characters (openssl rand -hex 32), "+
				"the same in every process on one database")
	}
	readSigningKeys(ctx, s, log)
	return s, nil
}

// staticKeys are those of the configuration, which is valid.
func staticKeys(adminKey string) []game.Key {
	secret, ok := game.ParseSecret(adminKey)
	if !ok {
		return nil
	}
	return []game.Key{game.StaticKey(secret, "GSM_ADMIN_KEY")}
}

// startRead bounds what is read of keys before the service starts.
const startRead = 10 * time.Second

// someKey refuses a service that nobody could call.
func someKey(ctx context.Context, keys *game.Keys, static []game.Key) error {
	if len(static) > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startRead)
	defer cancel()
	found, err := keys.AnyHolds(ctx)
	switch {
	case err != nil:
		return &databaseError{fmt.Errorf("reading the API keys: %w", err)}
	case !found:
		return usageError{errors.New("authentication is on, but there is no API key that a caller could send. " +
			"Create one with: gsm keys create --scope admin --name ops; or set GSM_ADMIN_KEY")}
	}
	return nil
}

// readSigningKeys has tokens from the first request on, where the database is quick enough; background work tries
// again.
func readSigningKeys(ctx context.Context, s *auth.Signer, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, startRead)
	defer cancel()
	if err := s.Refresh(ctx); err != nil {
		log.Warn("the signing keys could not be read yet", observe.Cause(err))
	}
}
