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
	authenticate api.Authenticate // nil without authentication
	tokens       *auth.Signer
	tasks        []keeper.Task
}

// newAccess decides who is let in. It answers a usageError where that would be nobody.
func newAccess(ctx context.Context, c *serveCmd, deps game.Deps, players *game.Players, log *slog.Logger) (access, error) {
	rules := game.NewKeys(deps)
	a := access{tasks: []keeper.Task{{Name: "purge_api_keys", Every: 10 * time.Minute, Timeout: time.Minute, Run: rules.Purge}}}
	signing := auth.SignerDeps{Issuer: c.TokenIssuer, Now: deps.Now, Log: log}
	var err error
	if !c.Authenticated() {
		if a.tokens, err = auth.NewSigner(signing); err != nil {
			return access{}, fmt.Errorf("making a signing key: %w", err)
		}
		return a, nil
	}

	static := staticKeys(c.AdminKey)
	if err := someKey(ctx, rules, static); err != nil {
		return access{}, err
	}
	signing.Store, signing.Secret = deps.Store, c.SecretKey
	if a.tokens, err = auth.NewSigner(signing); err != nil {
		return access{}, fmt.Errorf("--secret-key (GSM_SECRET_KEY): %w", err)
	}
	readSigningKeys(ctx, a.tokens, log)
	issuers, err := auth.ParseIssuers(c.OIDCIssuers)
	if err != nil {
		return access{}, usageError{err}
	}
	tokens, err := auth.NewPlayers(a.tokens, auth.NewIssuers(issuers, players, deps.Now))
	if err != nil {
		return access{}, err
	}
	guard := &auth.Guard{
		Keys: auth.NewKeys(deps.Store, rules, static, deps.Now), Tokens: tokens, Failures: limits.NewFailures(c.FailedCredentials, deps.Now),
	}
	a.authenticate = guard.Caller
	a.tasks = append(a.tasks,
		keeper.Task{Name: "refresh_signing_keys", Every: 10 * time.Second, Timeout: 10 * time.Second, Run: a.tokens.Refresh},
		keeper.Task{Name: "record_key_use", Every: 15 * time.Second, Timeout: 15 * time.Second, Run: guard.Keys.Record},
	)
	return a, nil
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
		return usageError{errors.New("authentication is on, and there is no API key that anybody could send. " +
			"Make one by: gsm keys create --scope admin --name ops; or set GSM_ADMIN_KEY")}
	}
	return nil
}

// readSigningKeys has tokens from the first request on, where the database is quick enough; background work tries again.
func readSigningKeys(ctx context.Context, s *auth.Signer, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, startRead)
	defer cancel()
	if err := s.Refresh(ctx); err != nil {
		log.Warn("the signing keys could not be read yet", observe.Cause(err))
	}
}
