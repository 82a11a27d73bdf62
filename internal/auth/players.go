package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"game-session-manager/internal/game"
)

const (
	// tokensCached is the maximum number of cached tokens, at about 250 bytes each.
	tokensCached = 16 << 10
	// foreignAge is how long the player of another issuer's token is cached.
	foreignAge = 5 * time.Second
)

// Players authenticates player tokens, our own and those of other issuers. It caches verified tokens, since verifying a
// signature takes longer than most requests. It is safe for concurrent use.
type Players struct {
	signer  *Signer
	issuers *Issuers
	now     func() time.Time
	known   *lru.Cache[[sha256.Size]byte, verified]
}

// NewPlayers returns a Players that accepts tokens of the signer and of the issuers, which may be nil.
func NewPlayers(s *Signer, i *Issuers) (*Players, error) {
	known, err := lru.New[[sha256.Size]byte, verified](tokensCached)
	if err != nil {
		return nil, fmt.Errorf("caching tokens: %w", err)
	}
	return &Players{signer: s, issuers: i, now: s.Now, known: known}, nil
}

// Caller implements [Tokens]. It returns ErrWrong for an invalid token, and ErrStoreUnavailable and
// ErrIssuerUnavailable if it cannot verify the token. For another issuer's token it returns ErrPlayerUnknown, which it
// caches as it does players. It does not check whether the player may play: [game.Players.Admit] does so for every
// request.
func (p *Players) Caller(ctx context.Context, token string) (game.Caller, error) {
	if !compact(token) {
		return game.Caller{}, rejected("too long, or not a JWT")
	}
	sum := sha256.Sum256([]byte(token))
	v, ok := p.known.Get(sum)
	if ok && p.now().Before(v.until) && (v.kid == "" || p.signer.publishes(v.kid)) {
		return v.caller, v.err
	}
	v, err := p.verify(ctx, token)
	if err != nil {
		p.known.Remove(sum)
		return game.Caller{}, err
	}
	p.known.Add(sum, v)
	return v.caller, v.err
}

func (p *Players) verify(ctx context.Context, token string) (verified, error) {
	if i := p.issuers.issuerOf(token); i != nil {
		return i.verify(ctx, token)
	}
	return p.signer.verify(ctx, token)
}

// publishes reports whether the key is still published.
func (s *Signer) publishes(kid string) bool {
	r := s.signing.Load()
	return r != nil && r.public[kid] != nil
}
