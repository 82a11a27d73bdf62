package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// tokens fails as it is told.
type tokens struct{ err error }

func (f tokens) Mint(game.Player, time.Duration) (game.Token, error) { return game.Token{}, f.err }
func (f tokens) Ticket(game.Session, game.PlayerID) (string, error)  { return "", f.err }
func (f tokens) EventTicket(game.Caller, game.SessionID) (game.EventTicket, error) {
	return game.EventTicket{}, f.err
}

func (f tokens) Follower(context.Context, string, game.SessionID) (game.Caller, error) {
	return game.Caller{}, f.err
}
func (f tokens) JWKS() (game.JWKS, error) { return game.JWKS{}, f.err }

func TestTokensThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		code   string
		warned bool
	}{
		"disabled": {game.ErrNoTokens, http.StatusConflict, "tokens_disabled", false},
		"unavailable": {
			game.ErrStoreUnavailable.Because(errors.New(secret)), http.StatusServiceUnavailable, "store_unavailable",
			true,
		},
		"fault": {errors.New(secret), http.StatusInternalServerError, "internal", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, nil)
			s.Tokens = tokens{test.err}
			_, player := s.do(t, "POST", "/api/v1/players", `{"username":"alice"}`)
			id, _ := player["id"].(string)
			for _, path := range []string{"POST /api/v1/players/" + id + "/tokens", "GET /.well-known/jwks.json"} {
				method, path, _ := strings.Cut(path, " ")
				if r, doc := s.do(t, method, path, "{}"); r.StatusCode != test.status || doc["code"] != test.code {
					t.Errorf("%s returned %d %v", path, r.StatusCode, doc)
				}
			}
			s.log.Reset()
			_, v := s.do(t, "POST", "/api/v1/sessions", `{"max_players":2}`)
			r, joined := s.do(t, "POST", "/api/v1/sessions/"+v["id"].(string)+"/members", `{"player_id":"`+id+`"}`)
			if _, has := joined["ticket"]; r.StatusCode != http.StatusCreated || has {
				t.Errorf("joining returned %d %v", r.StatusCode, joined)
			}
			if warned := strings.Contains(s.log.String(), "no ticket"); warned != test.warned {
				t.Errorf("the log is %s", s.log)
			}
		})
	}
}

// TestWithoutTokens is an API that was handed none.
func TestWithoutTokens(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	r, doc := s.do(t, "GET", "/.well-known/jwks.json", "")
	if r.StatusCode != http.StatusConflict || !strings.Contains(doc["detail"].(string), "GSM_SECRET_KEY") {
		t.Errorf("got %d %v", r.StatusCode, doc)
	}
}
