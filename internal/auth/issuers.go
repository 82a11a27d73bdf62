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

// Issuer is an OpenID Connect issuer whose tokens players may send.
type Issuer struct {
	URL      string         `json:"issuer"`   // the iss of its tokens, from which its keys are discovered
	Audience string         `json:"audience"` // the aud that a token must have
	Claim    string         `json:"claim"`    // whose text is the subject; "sub" if it is left out
	Provider string         `json:"provider"` // of the identities in which the subject is looked up
	Project  game.ProjectID `json:"project"`  // whose players its tokens stand for; the default one if it is left out
	JWKSURL  string         `json:"jwks_url"` // where its keys are, if they are not to be discovered
}

// ParseIssuers reads a JSON list of issuers; an empty text has none. Its error tells everything that is wrong.
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

// identities finds players: [game.Players] does.
type identities interface {
	ByIdentity(ctx context.Context, project game.ProjectID, i game.Identity) (game.Player, error)
}

// Issuers verifies the tokens of other issuers. It may be used by many goroutines at once.
type Issuers struct {
	all []*issuer
}

// NewIssuers returns the issuers of a list that [ParseIssuers] has read. Nothing is asked of them before a token of
// theirs comes.
func NewIssuers(list []Issuer, players identities, now func() time.Time) *Issuers {
	s := &Issuers{}
	for _, i := range list {
		s.all = append(s.all, newIssuer(i, players, now))
	}
	return s
}

// of answers the issuer that a token says it is of, nil if it is of none of these. Nothing of the token is verified
// yet.
func (s *Issuers) of(token string) *issuer {
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

// issuer is one of them, with what was learnt of it.
type issuer struct {
	Issuer
	players identities
	now     func() time.Time
	fetch   context.Context // which is how go-oidc takes its HTTP client

	discoveries singleflight.Group
	verifier    atomic.Pointer[oidc.IDTokenVerifier] // nil until it is known where the keys are
}

func newIssuer(i Issuer, players identities, now func() time.Time) *issuer {
	s := &issuer{Issuer: i, players: players, now: now}
	s.fetch = oidc.ClientContext(context.Background(), newFetcher(now))
	if i.JWKSURL != "" {
		s.verifier.Store(s.verifierBy(i.JWKSURL))
	}
	return s
}

// discover answers what verifies the issuer's tokens. The issuer is asked once at a time, for all who wait, and ends
// with none of them; its fetcher remembers for a while that there was no answer.
func (s *issuer) discover(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	if v := s.verifier.Load(); v != nil {
		return v, nil
	}
	result := s.discoveries.DoChan("", func() (any, error) { return nil, s.ask() })
	select {
	case r := <-result:
		return s.verifier.Load(), r.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *issuer) ask() error {
	p, err := oidc.NewProvider(s.fetch, s.URL)
	if err != nil {
		return fmt.Errorf("discovering the issuer's keys: %w", err)
	}
	var found struct {
		JWKSURL string `json:"jwks_uri"`
	}
	if err := p.Claims(&found); err != nil || !fetchable(found.JWKSURL) {
		return errors.New("discovering the issuer's keys: jwks_uri is no URL that may be fetched")
	}
	s.verifier.Store(s.verifierBy(found.JWKSURL))
	return nil
}

func (s *issuer) verifierBy(jwksURL string) *oidc.IDTokenVerifier {
	return oidc.NewVerifier(s.URL, keySet{oidc.NewRemoteKeySet(s.fetch, jwksURL)}, &oidc.Config{
		ClientID: s.Audience, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256, oidc.EdDSA}, Now: s.now,
	})
}

// keySet hands the error of a key set to whoever wants it: go-oidc keeps its text only.
type keySet struct{ inner *oidc.RemoteKeySet }

type keySetError struct{}

// VerifySignature implements [oidc.KeySet].
func (k keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.inner.VerifySignature(ctx, token)
	if to, ok := ctx.Value(keySetError{}).(*error); ok {
		*to = err
	}
	return payload, err //nolint:wrapcheck // it is go-oidc's own
}

// verify answers which player sends a token of the issuer.
func (s *issuer) verify(ctx context.Context, token string) (verified, error) {
	subject, until, err := s.subject(ctx, token)
	if err != nil {
		return verified{}, err
	}
	p, err := s.players.ByIdentity(ctx, s.Project, game.Identity{Provider: s.Provider, Subject: subject})
	if err != nil && !errors.Is(err, game.ErrPlayerUnknown) {
		return verified{}, err
	}
	if soon := s.now().Add(foreignFor); soon.Before(until) {
		until = soon
	}
	if err != nil {
		return verified{until: until, err: err}, nil //nolint:nilerr // it is what is remembered
	}
	return verified{caller: playerCaller(s.Project, p.ID), until: until}, nil
}

// subject verifies a token and answers its claim, and until when it is valid.
func (s *issuer) subject(ctx context.Context, token string) (string, time.Time, error) {
	verifier, err := s.discover(ctx)
	if err != nil {
		return "", time.Time{}, game.ErrIssuerUnavailable.Because(err)
	}
	var keysErr error
	t, err := verifier.Verify(context.WithValue(ctx, keySetError{}, &keysErr), token)
	if err := unfetched(keysErr); err != nil {
		return "", time.Time{}, game.ErrIssuerUnavailable.Because(err)
	}
	if expired := (*oidc.TokenExpiredError)(nil); errors.As(err, &expired) {
		return "", time.Time{}, refused("expired, of another issuer")
	} else if err != nil {
		return "", time.Time{}, refused("not verified, of another issuer") // its text has values of the token in it
	}
	var claims map[string]any
	if err := t.Claims(&claims); err != nil {
		return "", time.Time{}, refused("claims cannot be read, of another issuer")
	}
	subject, ok := claims[s.Claim].(string)
	if !ok || !game.ValidSubject(subject) {
		return "", time.Time{}, refused("no subject in the claim, of another issuer")
	}
	return subject, t.Expiry, nil
}

// unfetched answers why keys could not be had, nil if they could. go-oidc's error wraps another for that only; its text
// may be the whole of what the issuer answered.
func unfetched(err error) error {
	fetch := (*fetchError)(nil)
	switch {
	case errors.As(err, &fetch):
		return fetch
	case errors.Unwrap(err) != nil:
		return errors.New("the issuer's keys are no JWKS, or did not come in time")
	}
	return nil
}
