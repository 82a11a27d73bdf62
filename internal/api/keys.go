package api

import (
	"context"
	"time"

	"game-session-manager/internal/game"
)

// KeyBody is an API key as admins see it.
type KeyBody struct {
	ID         game.KeyID     `json:"id" example:"4x7jq2w6hs" doc:"The part of the key between gsm_ and the secret."`
	Project    game.ProjectID `json:"project"`
	Name       string         `json:"name" doc:"For people."`
	Scope      game.Scope     `json:"scope" enum:"admin,server,read"`
	Status     game.KeyStatus `json:"status" enum:"active,revoked,expired" doc:"At the time of the read; only an active key is valid."`
	CreatedAt  time.Time      `json:"created_at"`
	ExpiresAt  *time.Time     `json:"expires_at" doc:"As requested; null for never."`
	RetiresAt  *time.Time     `json:"retires_at" doc:"When a rotated key stops being valid, unless it expires earlier; null for a key that was not rotated."`
	RevokedAt  *time.Time     `json:"revoked_at" doc:"Null for a key that was not revoked."`
	LastUsedAt *time.Time     `json:"last_used_at" doc:"To the minute; null for never."`
}

// newKeyBody is an API key with its secret, which only the response to its creation has.
type newKeyBody struct {
	KeyBody
	Key string `json:"key" doc:"Send it as Authorization: Bearer. It is never returned again."`
}

// KeyAt returns an API key as it is shown at a time.
func KeyAt(k game.Key, now time.Time) KeyBody {
	return KeyBody{
		k.ID, k.Project, k.Name, k.Scope, k.Status(now), k.CreatedAt, k.ExpiresAt, k.RetiresAt, k.RevokedAt,
		k.LastUsedAt,
	}
}

type (
	// KeyPath is the API key's id in a path.
	KeyPath struct {
		KeyID game.KeyID `path:"key_id" pattern:"^[a-zA-Z0-9]{1,32}$" patternDescription:"of letters and digits" doc:"The key's id."`
	}
	newKeyOut struct {
		Location     string `header:"Location"`
		CacheControl string `header:"Cache-Control"`
		Body         newKeyBody
	}
)

func (a *API) newKey(k game.Key, s game.Secret, err error) (*newKeyOut, error) {
	body := newKeyBody{KeyAt(k, a.Now()), s.Reveal()}
	return &newKeyOut{basePath + "/api-keys/" + string(k.ID), "no-store", body}, err
}

type createKeyIn struct{ Sent Body[game.KeyRequest] }

func (a *API) createKey(ctx context.Context, in *createKeyIn) (*newKeyOut, error) {
	return a.newKey(a.Keys.Create(ctx, in.Sent.Value()))
}

func (a *API) listKeys(ctx context.Context, in *Paging) (*pageOut[KeyBody], error) {
	l, err := a.Keys.List(ctx, in.Cursor, in.Limit)
	shown := game.List[KeyBody]{NextCursor: l.NextCursor}
	for _, k := range l.Items {
		shown.Items = append(shown.Items, KeyAt(k, a.Now()))
	}
	return pageResponse(in.IfNoneMatch, newPage(shown), err)
}

func (a *API) getKey(ctx context.Context, in *KeyPath) (*bodyOut[KeyBody], error) {
	k, err := a.Keys.Get(ctx, in.KeyID)
	return bodyResponse(KeyAt(k, a.Now()), err)
}

func (a *API) revokeKey(ctx context.Context, in *KeyPath) (*struct{}, error) {
	_, err := a.Keys.Revoke(ctx, in.KeyID)
	return nil, err
}

// RotateKeyInBody is the body of a rotation.
type RotateKeyInBody struct {
	OverlapSeconds *int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"How long the old key stays valid; an hour if left out."`
}

// Validate implements validated. The limits of the schema are all its rules.
func (RotateKeyInBody) Validate() error { return nil }

type rotateKeyIn struct {
	KeyPath
	Sent Body[RotateKeyInBody]
}

func (a *API) rotateKey(ctx context.Context, in *rotateKeyIn) (*newKeyOut, error) {
	overlap := time.Hour
	if s := in.Sent.Value().OverlapSeconds; s != nil {
		overlap = time.Duration(*s) * time.Second
	}
	return a.newKey(a.Keys.Rotate(ctx, in.KeyID, overlap))
}
