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

// Validate returns all problems of the configuration, joined. The OIDC issuers are checked here because package config
// does not import package auth.
func (c *serveCmd) Validate() error {
	return errors.Join(c.Server.Validate(), issuersError(c.OIDCIssuers))
}

// Validate returns all problems of the configuration, joined.
func (c *configCmd) Validate() error {
	return errors.Join(c.Server.Validate(), issuersError(c.OIDCIssuers))
}

func issuersError(text string) error {
	if _, err := auth.ParseIssuers(text); err != nil {
		return fmt.Errorf("--oidc-issuers (GSM_OIDC_ISSUERS): %w", err)
	}
	return nil
}

// access holds the authentication of callers and the background tasks that it needs.
type access struct {
	authenticate api.Authenticate
	tokens       *auth.Signer
	tasks        []keeper.Task
}

// newAccess sets up authentication. It returns a failure with exitUsage if authentication is on and no valid API key
// exists, because nobody could call the service. With --auth=off, a credential that is sent is still verified.
func newAccess(
	ctx context.Context, c *serveCmd, deps game.Deps, players *game.Players, log *slog.Logger,
) (access, error) {
	rules, static := game.NewKeys(deps), configuredKeys(c.AdminKey)
	if c.Authenticated() {
		if err := requireKey(ctx, rules, static); err != nil {
			return access{}, err
		}
	}
	signer, err := newSigner(ctx, c, deps, log)
	if err != nil {
		return access{}, err
	}
	issuers, err := auth.ParseIssuers(c.OIDCIssuers)
	if err != nil {
		return access{}, failed(exitUsage, "%w", err)
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

// newSigner returns the signer of tokens and tickets. It keeps its keys in the database if there is a secret key to
// encrypt them with. Otherwise it has no keys with authentication on, and a key of this process alone with
// authentication off: an unencrypted key would be exposed by every copy of the database.
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

// configuredKeys returns the keys of the configuration, which has been validated.
func configuredKeys(adminKey string) []game.Key {
	secret, ok := game.ParseSecret(adminKey)
	if !ok {
		return nil
	}
	return []game.Key{game.StaticKey(secret, "GSM_ADMIN_KEY")}
}

// startTimeout bounds each read of keys while the service starts.
const startTimeout = 10 * time.Second

// requireKey returns a failure with exitUsage if there is no key that a caller could use.
func requireKey(ctx context.Context, keys *game.Keys, static []game.Key) error {
	if len(static) > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	found, err := keys.AnyHolds(ctx)
	switch {
	case err != nil:
		return failed(exitDatabase, "reading the API keys: %w", err)
	case !found:
		return failed(exitUsage, "authentication is on, but there is no API key that a caller could send. "+
			"Create one with: gsm keys create --scope admin --name ops; or set GSM_ADMIN_KEY")
	}
	return nil
}

// readSigningKeys reads the signing keys, so that tokens work from the first request. A failure is only logged: the
// background task refresh_signing_keys tries again.
func readSigningKeys(ctx context.Context, s *auth.Signer, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.Refresh(ctx); err != nil {
		log.Warn("the signing keys could not be read yet", observe.Cause(err))
	}
}
