package auth

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"game-session-manager/internal/game"
)

// The lifetime of a signing key. A key is published at once, signs after all verifiers have had time to fetch it, and
// stays published until the last token that it signed has expired.
const (
	// distributionTime is the time to fetch a new key: several times as long as anybody caches the published keys.
	distributionTime = time.Hour
	// renewAfter is the age of the newest key at which the next one is made.
	renewAfter = 30 * 24 * time.Hour
	// signsFor is how long a key may sign. It allows the next one to be made a day late.
	signsFor = renewAfter + 24*time.Hour
	// keptFor is how long a key is published, with an hour for clock differences.
	keptFor = signsFor + game.MaxTokenLife + time.Hour
)

// signingKey is a stored key with its decoded parts.
type signingKey struct {
	game.SigningKey
	public  ed25519.PublicKey
	private ed25519.PrivateKey // nil if it cannot be unsealed
}

// maySign reports whether the key can sign at the time, whether or not it is distributed.
func (k *signingKey) maySign(now time.Time) bool {
	return k.private != nil && now.Before(k.ExpiresAt.Add(signsFor-keptFor))
}

// newSigningKey makes a key. It must be sealed before it is stored.
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

// thumbprint returns the kid of a public key (RFC 7638).
func thumbprint(public ed25519.PublicKey) (string, error) {
	jwk := jose.JSONWebKey{Key: public}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

var errPublic = errors.New("its public key is damaged")

// readPublic decodes the public key of a stored key and checks that it matches the id.
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

// signingKeys is the set of keys at one time. It is immutable.
type signingKeys struct {
	public  map[string]ed25519.PublicKey // by kid
	jwks    game.JWKS
	id      string // of the key that signs
	tokens  *jwtSigner
	tickets *jwtSigner
	events  *jwtSigner // of tickets for event streams
}

// newSigningKeys returns the set of keys at the time. It cannot sign if none of the keys can.
func newSigningKeys(keys []signingKey, now time.Time) (*signingKeys, error) {
	r := &signingKeys{public: make(map[string]ed25519.PublicKey, len(keys)), jwks: game.JWKS{Keys: []game.JWK{}}}
	for _, k := range keys {
		r.public[k.ID] = k.public
		r.jwks.Keys = append(r.jwks.Keys, game.JWK{
			KeyType: "OKP", Curve: "Ed25519", ID: k.ID, Algorithm: string(jose.EdDSA), Use: "sig", X: k.PublicKey,
		})
	}
	k := selectSigning(keys, now)
	if k == nil {
		return r, nil
	}
	r.id = k.ID
	var failures [3]error
	r.tokens, failures[0] = newJWTSigner(k, typToken)
	r.tickets, failures[1] = newJWTSigner(k, typTicket)
	r.events, failures[2] = newJWTSigner(k, typEvents)
	return r, errors.Join(failures[:]...)
}

// jwtSigner signs JWTs of one type by one key. The library's signer encodes the header anew for each and copies the
// parts several times, which takes a third of the time of the signature; every join signs a ticket.
type jwtSigner struct {
	header string // encoded, with the dot that follows it
	key    ed25519.PrivateKey
}

func newJWTSigner(k *signingKey, typ jose.ContentType) (*jwtSigner, error) {
	header, err := json.Marshal(map[jose.HeaderKey]string{
		"alg": string(jose.EdDSA), "kid": k.ID, jose.HeaderType: string(typ),
	})
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", k.ID, err)
	}
	return &jwtSigner{header: base64.RawURLEncoding.EncodeToString(header) + ".", key: k.private}, nil
}

// sign returns the claims as a JWT in compact form (RFC 7515, section 7.1).
func (s *jwtSigner) sign(claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	b64 := base64.RawURLEncoding
	size := len(s.header) + b64.EncodedLen(len(payload)) + len(".") + b64.EncodedLen(ed25519.SignatureSize)
	text := make([]byte, 0, size)
	text = append(text, s.header...)
	text = b64.AppendEncode(text, payload)
	signature := ed25519.Sign(s.key, text)
	text = append(text, '.')
	return string(b64.AppendEncode(text, signature)), nil
}

// selectSigning returns the key that signs at the time, or nil: the newest distributed one, or else the oldest, which
// most verifiers have.
func selectSigning(keys []signingKey, now time.Time) *signingKey {
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
	ready, otherReady := distributed(k, now), distributed(other, now)
	switch order := k.CreatedAt.Compare(other.CreatedAt); {
	case ready != otherReady:
		return ready
	case order == 0:
		return k.ID < other.ID // so that all processes choose the same
	default:
		return (order > 0) == ready
	}
}

// distributed reports whether all verifiers have had time to fetch the key.
func distributed(k *signingKey, now time.Time) bool {
	return !now.Before(k.CreatedAt.Add(distributionTime))
}

// wantsNew reports whether the next key is due.
func wantsNew(keys []signingKey, now time.Time) bool {
	return !slices.ContainsFunc(keys, func(k signingKey) bool {
		return k.maySign(now) && now.Sub(k.CreatedAt) < renewAfter
	})
}

// looksLikeKid reports whether id has the form of the id of a signing key.
func looksLikeKid(id string) bool {
	sum, err := base64.RawURLEncoding.DecodeString(id)
	return err == nil && len(sum) == crypto.SHA256.Size()
}
