package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// ByIdentity returns the player with an account elsewhere, given the name of the provider and the id there. It is for
// API keys, and returns [ErrPlayerNotFound] and [ErrForbidden].
func (s *Players) ByIdentity(ctx context.Context, provider, subject string, opts ...ReadOption) (Player, error) {
	q := with(read("", nil), opts)
	q.path, q.err = identityPath(provider, subject)
	return fetch[Player](ctx, s.c, q)
}

// Enter returns the player with an account elsewhere, as it is, or else creates it with the profile, whose Username may
// be empty: then the server chooses one. It can be repeated: however often it is called, and by however many at once,
// it creates one player. It returns [ErrValidation], [ErrForbidden], and for a new player [ErrUsernameTaken] and
// [ErrIdentityTaken].
func (s *Players) Enter(ctx context.Context, provider, subject string, f Profile) (Player, error) {
	q := write(http.MethodPut, "", f)
	path, err := identityPath(provider, subject)
	q.path, q.err = path, errors.Join(q.err, err)
	return fetch[Player](ctx, s.c, q)
}

// identityPath returns the path of an identity. Dots are escaped too, because alone they would address another path.
func identityPath(provider, subject string) (string, error) {
	if provider == "" || subject == "" {
		return "", errors.New("an identity must have a provider and a subject")
	}
	escaped := strings.ReplaceAll(url.PathEscape(subject), ".", "%2E")
	return playersPath + "/by-identity/" + url.PathEscape(provider) + "/" + escaped, nil
}
