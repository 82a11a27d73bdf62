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

// Idempotency identifies the retries of a request that creates a document. Without a Key, retries are not recognised.
type Idempotency struct {
	Key   string
	Route string
	Body  []byte // equal for equal requests
}

// Claim binds an idempotency key to a request and to the id of the document that the request creates.
//
// It is written once, before the document. A crash between the two writes therefore leaves neither a duplicate nor a
// blocked key: a retry repeats the creation with the same id. The key and the body are only stored as hashes, the body
// keyed with the key.
type Claim struct {
	Key         string    `json:"key" bson:"_id" doc:"Hash of project, caller, route and key."`
	Fingerprint string    `json:"fingerprint" doc:"Keyed hash of the body."`
	DocumentID  string    `json:"document_id" doc:"What the request creates."`
	ExpiresAt   time.Time `json:"expires_at" doc:"24 hours later."`
}

// newClaim returns the claim of a request for the id of a document.
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

// Created is the result of a creation.
type Created[D any] struct {
	Document D
	Replayed bool // an earlier try of the same request created the document
}

// creation creates and finds a document by its id.
type creation[D any] struct {
	create func(id string) (D, error)
	find   func(id string) (D, error)
}

// createOnce creates a document once for all retries of a request.
func createOnce[D any](ctx context.Context, r rules, i Idempotency, c creation[D]) (Created[D], error) {
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
	return createOrFind(held.DocumentID, c)
}

// createOrFind creates a document that another retry of the same request may be creating at the same time. If the
// creation fails, for example with a conflict, and the document exists, another retry has created it.
func createOrFind[D any](id string, c creation[D]) (Created[D], error) {
	d, err := c.create(id)
	if err == nil {
		return Created[D]{Document: d}, nil
	}
	found, findErr := c.find(id)
	switch {
	case findErr == nil:
		return Created[D]{Document: found, Replayed: true}, nil
	case errors.Is(err, ErrExists):
		return Created[D]{}, findErr // the document is being erased
	}
	return Created[D]{}, err
}

// PurgeClaims removes expired claims and returns how many. It is for background work.
func PurgeClaims(ctx context.Context, store ClaimStore, now time.Time) (int, error) {
	return purgeAll(ctx, now, store.PurgeClaims)
}

// purgeAll calls purge until it removes less than a batch, and returns the number of all that was removed.
func purgeAll(
	ctx context.Context, now time.Time, purge func(ctx context.Context, now time.Time, limit int) (int, error),
) (total int, err error) {
	for {
		n, err := purge(ctx, now, purgeBatch)
		total += n
		if err != nil || n < purgeBatch {
			return total, err
		}
	}
}
