package game

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"
)

// Limits of idempotency keys.
const (
	MaxIdempotencyKey = 255            // bytes
	IdempotencyTTL    = 24 * time.Hour // how long a key is kept

	purgeBatch = 1000
)

// Idempotency is what makes a retry of a creation recognisable. Without a Key there is none.
type Idempotency struct {
	Key   string
	Route string
	Body  []byte // equal for equal requests
}

// Claim binds an idempotency key to a request and to the id of the document that the request creates.
//
// It is written before the document and once, so that no crash between the two writes makes a twin or a stuck key: a
// retry runs the creation again with the same id. It holds neither the key nor the body in a form that can be read
// back: both are hashed, the body with the key.
type Claim struct {
	Key         string    `json:"key" bson:"_id" doc:"Hash of project, caller, route and key."`
	Fingerprint string    `json:"fingerprint" doc:"Keyed hash of the body."`
	DocumentID  string    `json:"document_id" doc:"What the request creates."`
	ExpiresAt   time.Time `json:"expires_at" doc:"24 hours later."`
}

// newClaim returns the claim of a document by a request.
func newClaim(c Caller, i Idempotency, documentID string, now time.Time) Claim {
	name := c.Name
	if c.Player != "" {
		name += " " + string(c.Player)
	}
	scope := sha256.Sum256([]byte(strings.Join([]string{string(c.Project), name, i.Route, i.Key}, "\x00")))
	body := hmac.New(sha256.New, []byte(i.Key))
	body.Write(i.Body)
	return Claim{
		Key:         base64.RawURLEncoding.EncodeToString(scope[:]),
		Fingerprint: base64.RawURLEncoding.EncodeToString(body.Sum(nil)),
		DocumentID:  documentID,
		ExpiresAt:   now.Add(IdempotencyTTL),
	}
}

// Created says what a creation came to.
type Created[D any] struct {
	Document D
	Replayed bool // the document was there already, by an earlier try of the same request
}

// creation is how one noun is created under an id.
type creation[D any] struct {
	create func(id string) (D, error)
	find   func(id string) (D, error)
}

// once creates a document, and only one for all tries of a request.
func once[D any](ctx context.Context, r rules, i Idempotency, c creation[D]) (Created[D], error) {
	id := r.newID()
	if i.Key == "" {
		d, err := c.create(id)
		return Created[D]{Document: d}, err
	}
	if len(i.Key) > MaxIdempotencyKey {
		return Created[D]{}, ErrValidation.Detail("The Idempotency-Key has more than %d bytes.", MaxIdempotencyKey)
	}
	now := r.now()
	mine := newClaim(CallerFrom(ctx), i, id, now)
	held, err := r.store.Claim(ctx, mine, now)
	if err != nil {
		return Created[D]{}, err
	}
	if held.Fingerprint != mine.Fingerprint {
		return Created[D]{}, ErrIdempotencyKeyReuse
	}
	if held.DocumentID != id {
		if d, err := c.find(held.DocumentID); err == nil {
			return Created[D]{Document: d, Replayed: true}, nil
		} else if KindOf(err) != NotFound {
			return Created[D]{}, beforeWrite(err)
		}
	}
	return settle(held.DocumentID, c)
}

// settle creates a document that other tries of the same request may be creating at the same time: the first one too
// can be overtaken. A conflict may be with the document of another try, which is then what the request came to.
func settle[D any](id string, c creation[D]) (Created[D], error) {
	d, err := c.create(id)
	if err == nil {
		return Created[D]{Document: d}, nil
	}
	found, findErr := c.find(id)
	switch {
	case findErr == nil:
		return Created[D]{Document: found, Replayed: true}, nil
	case errors.Is(err, ErrExists):
		return Created[D]{}, findErr // it is being erased
	}
	return Created[D]{}, err
}

// PurgeClaims removes claims that have expired, and answers how many. It is for background work.
func PurgeClaims(ctx context.Context, store ClaimStore, now time.Time) (int, error) {
	total := 0
	for {
		n, err := store.PurgeClaims(ctx, now, purgeBatch)
		total += n
		if err != nil || n < purgeBatch {
			return total, err
		}
	}
}
