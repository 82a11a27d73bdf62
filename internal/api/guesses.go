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
	"game-session-manager/internal/limits"
)

// CallerAddress is the address that a request comes from. The type is exported because huma ignores embedded fields of
// other types.
type CallerAddress struct{ remote string }

// Resolve implements [huma.Resolver].
func (a *CallerAddress) Resolve(ctx huma.Context) []error {
	a.remote = ctx.RemoteAddr()
	return nil
}

// guesser returns the name under which wrong codes and passwords of a join are counted. That is the player who sends
// the request or, if a server sends it, the first player of the party: one server sends the guesses of many players,
// and may read the codes anyway. Requests without a credential are counted by their address.
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

// guess is a secret that a join sends, which may be wrong.
type guess struct {
	limit *limits.Guesses
	by    string
	wrong *game.Error // the error of a wrong one
}

// limitGuesses returns a join of the session with the limits on wrong codes and passwords: [limits.JoinCodeRate] and
// [limits.PasswordRate]. It returns a [limits.RefusedError] without a join if a limit is used up. The id is empty for a
// join by code, which needs no password.
func (a *API) limitGuesses(from CallerAddress, id game.SessionID, join joinFunc) joinFunc {
	return func(ctx context.Context, p game.Party) (game.Session, []game.Seated, error) {
		var guesses []guess
		by := from.guesser(game.CallerFrom(ctx), p)
		if p.Code != "" {
			guesses = append(guesses, guess{a.joinCodes, by, game.ErrInvalidJoinCode})
		}
		if p.Password != "" && id != "" {
			guesses = append(guesses, guess{a.passwords, by + " " + string(id), game.ErrWrongPassword})
		}
		for i, g := range guesses {
			if err := g.limit.Begin(g.by); err != nil {
				for _, begun := range guesses[:i] {
					begun.limit.Forgive(begun.by)
				}
				return game.Session{}, nil, err
			}
		}
		s, seated, err := join(ctx, p)
		for _, g := range guesses {
			if !disclosed(g.wrong, seated, err) {
				g.limit.Forgive(g.by)
			}
		}
		return s, seated, err
	}
}

// disclosed reports whether the result of a join is, for one of its players, the error.
func disclosed(wrong *game.Error, seated []game.Seated, err error) bool {
	return errors.Is(err, wrong) || slices.ContainsFunc(seated, func(one game.Seated) bool {
		return errors.Is(one.Err, wrong)
	})
}

// tooManyGuesses returns the problem of a join whose caller has sent too many wrong secrets of a class.
func tooManyGuesses(of limits.Class, h http.Header) *web.Problem {
	what := "join codes"
	if of == limits.WrongPassword {
		what = "passwords for this session"
	}
	p := web.NewProblem(http.StatusTooManyRequests, "too_many_guesses",
		"Too many wrong "+what+". Retry after the time in Retry-After.")
	p.Header = http.Header{"Retry-After": h["Retry-After"]}
	return p
}
