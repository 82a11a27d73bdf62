package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/sync/singleflight"

	"game-session-manager/internal/game"
)

// Issuer is an OpenID Connect issuer whose tokens are accepted from players.
type Issuer struct {
	URL      string         `json:"issuer"`   // the iss of its tokens, and the base URL of discovery
	Audience string         `json:"audience"` // the aud that a token must contain
	Claim    string         `json:"claim"`    // the claim that is the subject; "sub" by default
	Provider string         `json:"provider"` // the provider of the players' identities with that subject
	Project  game.ProjectID `json:"project"`  // the project of the players; the default project by default
	JWKSURL  string         `json:"jwks_url"` // the URL of its keys; discovered if empty
}

// ParseIssuers parses a JSON list of issuers. An empty text is an empty list. The error lists everything that is wrong.
func ParseIssuers(text string) ([]Issuer, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []Issuer
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf(
			"is not a JSON list of objects with issuer, audience, claim, provider, project and jwks_url: %w", err,
		)
	}
	if d.More() {
		return nil, errors.New("has content after the list")
	}
	var wrong []error
	for n := range list {
		i := &list[n]
		if i.Claim == "" {
			i.Claim = "sub"
		}
		if i.Project == "" {
			i.Project = game.DefaultProject
		}
		if err := i.validate(); err != nil {
			wrong = append(wrong, fmt.Errorf("issuer %d: %w", n+1, err))
		}
		if slices.ContainsFunc(list[:n], func(o Issuer) bool { return o.URL == i.URL && o.Audience == i.Audience }) {
			wrong = append(wrong, fmt.Errorf("issuer %d: duplicate of another issuer with this audience", n+1))
		}
	}
	return list, errors.Join(wrong...)
}

func (i *Issuer) validate() error {
	var wrong []error
	check := func(ok bool, text string) {
		if !ok {
			wrong = append(wrong, errors.New(text))
		}
	}
	check(
		fetchable(i.URL),
		"issuer must be a URL with https://, or with http:// on a loopback address, without a user, query or fragment",
	)
	check(i.JWKSURL == "" || fetchable(i.JWKSURL), "jwks_url must be such a URL too")
	check(i.Audience != "", "audience is missing: without it, tokens for other services would be accepted")
	check(game.ValidProvider(i.Provider), "provider must have 1 to 32 characters of A-Z a-z 0-9 _ -")
	check(game.ValidProject(i.Project), "project must have 1 to 64 characters of a-z 0-9 -")
	return errors.Join(wrong...)
}

func fetchable(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User == nil && u.RawQuery == "" && u.Fragment == "" && mayFetch(u) == nil
}

// identities finds players by identity. [game.Players] implements it.
type identities interface {
	ByIdentity(ctx context.Context, project game.ProjectID, i game.Identity) (game.Player, error)
}

// Issuers verifies the tokens of other issuers. It is safe for concurrent use.
type Issuers struct {
	all []*issuer
}

// NewIssuers returns the issuers of a list that [ParseIssuers] returned. It sends no requests to them before their
// first token arrives.
func NewIssuers(list []Issuer, players identities, now func() time.Time) *Issuers {
	s := &Issuers{}
	for _, i := range list {
		s.all = append(s.all, newIssuer(i, players, now))
	}
	return s
}

// issuerOf returns the issuer that a token names, or nil if it is none of these. It does not verify the token.
func (s *Issuers) issuerOf(token string) *issuer {
	if s == nil || len(s.all) == 0 {
		return nil
	}
	_, rest, _ := strings.Cut(token, ".")
	middle, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(middle)
	if err != nil {
		return nil
	}
	var claims struct {
		Issuer   string       `json:"iss"`
		Audience jwt.Audience `json:"aud"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil
	}
	for _, i := range s.all {
		if i.URL == claims.Issuer && claims.Audience.Contains(i.Audience) {
			return i
		}
	}
	return nil
}

// issuer is one issuer with its verifier.
type issuer struct {
	Issuer
	players identities
	now     func() time.Time
	fetch   context.Context // carries the HTTP client for go-oidc

	discoveries singleflight.Group
	verifier    atomic.Pointer[oidc.IDTokenVerifier] // nil until the URL of the keys is known
}

func newIssuer(i Issuer, players identities, now func() time.Time) *issuer {
	s := &issuer{Issuer: i, players: players, now: now}
	s.fetch = oidc.ClientContext(context.Background(), newFetcher(now))
	if i.JWKSURL != "" {
		s.verifier.Store(s.verifierBy(i.JWKSURL))
	}
	return s
}

// discover returns the verifier of the issuer's tokens. Concurrent callers share one request, which none of them can
// cancel. After a failure, the fetcher returns the same error for a while.
func (s *issuer) discover(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	if v := s.verifier.Load(); v != nil {
		return v, nil
	}
	result := s.discoveries.DoChan("", func() (any, error) { return nil, s.findKeys() })
	select {
	case r := <-result:
		return s.verifier.Load(), r.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *issuer) findKeys() error {
	p, err := oidc.NewProvider(s.fetch, s.URL)
	if err != nil {
		return fmt.Errorf("discovering the issuer's keys: %w", err)
	}
	var found struct {
		JWKSURL string `json:"jwks_uri"`
	}
	if err := p.Claims(&found); err != nil || !fetchable(found.JWKSURL) {
		return errors.New("discovering the issuer's keys: jwks_uri must be https, or on a loopback address")
	}
	s.verifier.Store(s.verifierBy(found.JWKSURL))
	return nil
}

func (s *issuer) verifierBy(jwksURL string) *oidc.IDTokenVerifier {
	return oidc.NewVerifier(s.URL, keySet{oidc.NewRemoteKeySet(s.fetch, jwksURL)}, &oidc.Config{
		ClientID: s.Audience, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256, oidc.EdDSA}, Now: s.now,
	})
}

// keySet stores the error of a key set in the context's *error, because go-oidc keeps only its text.
type keySet struct{ inner *oidc.RemoteKeySet }

type keySetError struct{}

// VerifySignature implements [oidc.KeySet].
func (k keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.inner.VerifySignature(ctx, token)
	if to, ok := ctx.Value(keySetError{}).(*error); ok {
		*to = err
	}
	return payload, err //nolint:wrapcheck // go-oidc wraps it
}

// verify returns the player of a token of the issuer.
func (s *issuer) verify(ctx context.Context, token string) (verified, error) {
	subject, until, err := s.subject(ctx, token)
	if err != nil {
		return verified{}, err
	}
	p, err := s.players.ByIdentity(ctx, s.Project, game.Identity{Provider: s.Provider, Subject: subject})
	if err != nil && !errors.Is(err, game.ErrPlayerUnknown) {
		return verified{}, err
	}
	if soon := s.now().Add(foreignAge); soon.Before(until) {
		until = soon
	}
	if err != nil {
		return verified{until: until, err: err}, nil //nolint:nilerr // it is cached
	}
	return verified{caller: playerCaller(s.Project, p.ID), until: until}, nil
}

// subject verifies a token and returns its subject and expiry.
func (s *issuer) subject(ctx context.Context, token string) (string, time.Time, error) {
	verifier, err := s.discover(ctx)
	if err != nil {
		return "", time.Time{}, game.ErrIssuerUnavailable.Because(err)
	}
	var keysErr error
	t, err := verifier.Verify(context.WithValue(ctx, keySetError{}, &keysErr), token)
	if err := fetchFailure(keysErr); err != nil {
		return "", time.Time{}, game.ErrIssuerUnavailable.Because(err)
	}
	if expired := (*oidc.TokenExpiredError)(nil); errors.As(err, &expired) {
		return "", time.Time{}, rejected("expired token of another issuer")
	} else if err != nil {
		return "", time.Time{}, rejected("invalid token of another issuer") // the error's text has values of the token
	}
	var claims map[string]any
	if err := t.Claims(&claims); err != nil {
		return "", time.Time{}, rejected("unreadable claims in a token of another issuer")
	}
	subject, ok := claims[s.Claim].(string)
	if !ok || !game.ValidSubject(subject) {
		return "", time.Time{}, rejected("no subject in a token of another issuer")
	}
	return subject, t.Expiry, nil
}

// fetchFailure returns why the issuer's keys could not be fetched, nil if they could. go-oidc wraps an error only in
// that case. Its own text is not used, since it may contain the issuer's whole response.
func fetchFailure(err error) error {
	fetch := (*fetchError)(nil)
	switch {
	case errors.As(err, &fetch):
		return fetch
	case errors.Unwrap(err) != nil:
		return errors.New("the issuer's keys are not a JWKS, or did not arrive in time")
	}
	return nil
}
