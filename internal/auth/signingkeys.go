package auth

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"game-session-manager/internal/game"
)

// The life of a signing key. A key is published at once and signs when everybody has had time to learn of it; it stays
// published until the last token that it signed has expired.
const (
	// learnTime is the time to learn of a key: several times as long as anybody keeps the published set.
	learnTime = time.Hour
	// renewAfter is the age of the newest key at which the next one is made.
	renewAfter = 30 * 24 * time.Hour
	// signsFor is how long a key signs, so that the next one may come a day late.
	signsFor = renewAfter + 24*time.Hour
	// keptFor leaves an hour to clocks that differ.
	keptFor = signsFor + game.MaxTokenLife + time.Hour
)

// signingKey is a stored key with what could be read of it.
type signingKey struct {
	game.SigningKey
	public  ed25519.PublicKey
	private ed25519.PrivateKey // nil if it cannot be unsealed
}

// maySign reports whether the key is ours to sign with at the time, leaving aside who has learnt of it.
func (k *signingKey) maySign(now time.Time) bool {
	return k.private != nil && now.Before(k.ExpiresAt.Add(signsFor-keptFor))
}

// newSigningKey makes a key that can be stored once it is sealed.
func newSigningKey(now time.Time) (signingKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return signingKey{}, err
	}
	id, err := thumbprint(public)
	now = now.UTC().Truncate(time.Millisecond)
	return signingKey{
		SigningKey: game.SigningKey{
			ID: id, PublicKey: base64.RawURLEncoding.EncodeToString(public), CreatedAt: now,
			ExpiresAt: now.Add(keptFor),
		},
		public: public, private: private,
	}, err
}

// thumbprint is the kid of a public key (RFC 7638).
func thumbprint(public ed25519.PublicKey) (string, error) {
	jwk := jose.JSONWebKey{Key: public}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

var errPublic = errors.New("its public key is damaged")

// readPublic answers the public key of a stored key.
func readPublic(k game.SigningKey) (ed25519.PublicKey, error) {
	public, err := base64.RawURLEncoding.DecodeString(k.PublicKey)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return nil, errPublic
	}
	if id, err := thumbprint(public); err != nil || id != k.ID {
		return nil, errPublic
	}
	return public, nil
}

// signingKeys is the keys that there are at one time. It never changes.
type signingKeys struct {
	public  map[string]ed25519.PublicKey // by kid
	jwks    game.JWKS
	id      string // of the key that signs
	tokens  jose.Signer
	tickets jose.Signer
}

// newSigningKeys returns the keys as they are used at the time. None of them may be able to sign.
func newSigningKeys(keys []signingKey, now time.Time) (*signingKeys, error) {
	r := &signingKeys{public: make(map[string]ed25519.PublicKey, len(keys)), jwks: game.JWKS{Keys: []game.JWK{}}}
	for _, k := range keys {
		r.public[k.ID] = k.public
		r.jwks.Keys = append(r.jwks.Keys, game.JWK{
			KeyType: "OKP", Curve: "Ed25519", ID: k.ID, Algorithm: string(jose.EdDSA), Use: "sig", X: k.PublicKey,
		})
	}
	k := signs(keys, now)
	if k == nil {
		return r, nil
	}
	var err, ticketErr error
	r.id = k.ID
	r.tokens, err = newJOSESigner(k, typToken)
	r.tickets, ticketErr = newJOSESigner(k, typTicket)
	return r, errors.Join(err, ticketErr)
}

func newJOSESigner(k *signingKey, typ jose.ContentType) (jose.Signer, error) {
	key := jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: k.private, KeyID: k.ID}}
	s, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(typ))
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", k.ID, err)
	}
	return s, nil
}

// signs chooses the key that signs at the time: the newest that everybody has had time to learn of, or else the oldest,
// of which most have. It answers nil if there is none.
func signs(keys []signingKey, now time.Time) *signingKey {
	var best *signingKey
	for i := range keys {
		k := &keys[i]
		if k.maySign(now) && (best == nil || better(k, best, now)) {
			best = k
		}
	}
	return best
}

func better(k, other *signingKey, now time.Time) bool {
	learnt, otherLearnt := learnt(k, now), learnt(other, now)
	switch order := k.CreatedAt.Compare(other.CreatedAt); {
	case learnt != otherLearnt:
		return learnt
	case order == 0:
		return k.ID < other.ID // so that all processes choose the same
	default:
		return (order > 0) == learnt
	}
}

func learnt(k *signingKey, now time.Time) bool { return !now.Before(k.CreatedAt.Add(learnTime)) }

// wantsNew reports whether it is time to make another key.
func wantsNew(keys []signingKey, now time.Time) bool {
	return !slices.ContainsFunc(keys, func(k signingKey) bool {
		return k.maySign(now) && now.Sub(k.CreatedAt) < renewAfter
	})
}

// looksLikeKid reports whether a text may be the id of a signing key.
func looksLikeKid(id string) bool {
	sum, err := base64.RawURLEncoding.DecodeString(id)
	return err == nil && len(sum) == crypto.SHA256.Size()
}
