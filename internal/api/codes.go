package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

type rotateJoinCodeIn struct {
	SessionChange
	Sent Body[game.JoinCodeRequest]
}

// joinCodeOut is a response with a join code, which has the entity tag of its session.
type joinCodeOut struct {
	ETag string `header:"ETag"`
	Body game.JoinCode
}

func (a *API) rotateJoinCode(ctx context.Context, in *rotateJoinCodeIn) (*joinCodeOut, error) {
	s, code, err := a.Sessions.RotateJoinCode(ctx, in.SessionID, in.conditions(), in.Sent.Value())
	if err != nil {
		return nil, err
	}
	return &joinCodeOut{web.ETag(s.Version), code}, nil
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
	return a.joined(ctx, r, in.PreferHeader, in.CallerAddress, a.Sessions.JoinByCode)
}

// CallerAddress is the address that a request comes from. The type is exported because huma ignores embedded fields of
// other types.
type CallerAddress struct{ remote string }

// Resolve implements [huma.Resolver].
func (a *CallerAddress) Resolve(ctx huma.Context) []error {
	a.remote = ctx.RemoteAddr()
	return nil
}

// guesser returns the name under which wrong codes of a join are counted. That is the player who sends the request or,
// if a server sends it, the first player of the party: one server sends the guesses of many players, and may read the
// codes anyway. Requests without a credential are counted by their address.
func (a CallerAddress) guesser(c game.Caller, p game.Party) string {
	switch {
	case c == game.Anonymous():
		from, _ := netip.ParseAddrPort(a.remote) // zero if it is not an address
		return from.Addr().Unmap().String()
	case c.Scope == game.ScopePlayer:
		return strings.Join([]string{string(c.Project), "player", string(c.Player)}, " ")
	}
	return strings.Join([]string{string(c.Project), c.Name, string(p.Seats[0].PlayerID)}, " ")
}

// joinFunc gives a party its seats.
type joinFunc func(context.Context, game.Party) (game.Session, []game.Seated, error)

// limitGuesses returns the join with the limit on wrong codes: [limits.JoinCodeRate]. It returns a
// [limits.RefusedError] without a join if the limit is used up.
func (a *API) limitGuesses(from CallerAddress, join joinFunc) joinFunc {
	return func(ctx context.Context, p game.Party) (game.Session, []game.Seated, error) {
		if p.Code == "" {
			return join(ctx, p)
		}
		name := from.guesser(game.CallerFrom(ctx), p)
		if err := a.joinCodes.Begin(name); err != nil {
			return game.Session{}, nil, err
		}
		s, seated, err := join(ctx, p)
		if !wrongCode(seated, err) {
			a.joinCodes.Forgive(name)
		}
		return s, seated, err
	}
}

// wrongCode reports whether the result of a join discloses that its code is wrong.
func wrongCode(seated []game.Seated, err error) bool {
	return errors.Is(err, game.ErrInvalidJoinCode) || slices.ContainsFunc(seated, func(one game.Seated) bool {
		return errors.Is(one.Err, game.ErrInvalidJoinCode)
	})
}

// tooManyGuesses returns the problem of a join whose caller has sent too many wrong codes.
func tooManyGuesses(h http.Header) *web.Problem {
	p := web.NewProblem(http.StatusTooManyRequests, "too_many_guesses",
		"Too many wrong join codes. Retry after the time in Retry-After.")
	p.Header = http.Header{"Retry-After": h["Retry-After"]}
	return p
}
