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
	// remembered is how many tokens are known to be good without being looked at again. Each takes about 250 bytes.
	remembered = 16 << 10
	// foreignFor is how long a token of another issuer stands for the player who had its identity.
	foreignFor = 5 * time.Second
)

// Players answers which player sends a token: one of ours, or one of another issuer. It remembers who sent a good
// token, since a signature takes longer to verify than most requests do. It may be used by many goroutines at once.
type Players struct {
	signer  *Signer
	issuers *Issuers
	now     func() time.Time
	known   *lru.Cache[[sha256.Size]byte, verified]
}

// NewPlayers returns the players who send tokens that the Signer or, unless that is nil, one of the issuers vouches
// for.
func NewPlayers(s *Signer, i *Issuers) (*Players, error) {
	known, err := lru.New[[sha256.Size]byte, verified](remembered)
	if err != nil {
		return nil, fmt.Errorf("remembering tokens: %w", err)
	}
	return &Players{signer: s, issuers: i, now: s.Now, known: known}, nil
}

// Caller implements [Tokens]. It returns ErrWrong for all that is wrong with a token; ErrStoreUnavailable and
// ErrIssuerUnavailable where that cannot be told; and, for another issuer's, ErrPlayerUnknown, which it remembers as
// it does players. Whether the player may play is asked of [game.Players.Admit] for every request.
func (p *Players) Caller(ctx context.Context, token string) (game.Caller, error) {
	if !compact(token) {
		return game.Caller{}, refused("too long, or no JWT")
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
	if i := p.issuers.of(token); i != nil {
		return i.verify(ctx, token)
	}
	return p.signer.verify(ctx, token)
}

// publishes reports whether the key is still one of those that there are.
func (s *Signer) publishes(kid string) bool {
	r := s.signing.Load()
	return r != nil && r.public[kid] != nil
}
