package api

import (
	"context"
	"errors"
	"slices"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

type rotateJoinCodeIn struct {
	SessionChange
	Sent Body[game.JoinCodeRequest]
}

func (a *API) rotateJoinCode(ctx context.Context, in *rotateJoinCodeIn) (*taggedOut[game.JoinCode], error) {
	s, code, err := a.Sessions.RotateJoinCode(ctx, in.SessionID, in.conditions(), in.Sent.Value())
	return &taggedOut[game.JoinCode]{web.ETag(s.Version), code}, err
}

type removeJoinCodeIn struct{ SessionChange }

func (a *API) removeJoinCode(ctx context.Context, in *removeJoinCodeIn) (*struct{}, error) {
	_, err := a.Sessions.RemoveJoinCode(ctx, in.SessionID, in.conditions())
	return nil, err
}

type joinByCodeIn struct {
	PreferHeader
	CallerAddress
	Sent Body[joinByCodeRequest]
}

// joinByCodeRequest is a joinSessionRequest with a code.
type joinByCodeRequest joinSessionRequest

// Validate returns ErrValidation with everything that is wrong regardless of the session.
func (r joinByCodeRequest) Validate() error {
	err := joinSessionRequest(r).Validate()
	if r.Code != "" {
		return err
	}
	e := *game.ErrValidation
	if broken := (*game.Error)(nil); errors.As(err, &broken) {
		e = *broken
	}
	e.Fields = append(slices.Clip(e.Fields), game.FieldError{Field: "code", Message: "is required"})
	return &e
}

func (a *API) joinByCode(ctx context.Context, in *joinByCodeIn) (*joinSessionOut, error) {
	r := joinSessionRequest(in.Sent.Value())
	return a.joined(ctx, r, in.PreferHeader, a.limitGuesses(in.CallerAddress, "", a.Sessions.JoinByCode))
}
