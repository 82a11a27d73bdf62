package game_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"game-session-manager/internal/game"
)

// TestQuickJoinTemplates checks that a template must make sessions that an equal request finds.
func TestQuickJoinTemplates(t *testing.T) {
	t.Parallel()
	duel := `"where":[{"field":"mode","op":"eq","value":"duel"}]}`
	for _, one := range [][2]string{
		{`{"create":{"max_players":4,"mode":"duel"},` + duel, ""},
		{`{"create":{"max_players":1},"where":[{"field":"free_seats","op":"ge","value":1}]}`, ""},
		{`{"create":{"max_players":4},"where":[{"field":"attributes.a","op":"exists","value":false}]}`, ""},
		{`{"create":{"max_players":4},"where":[{"field":"joinable","op":"eq","value":true}]}`, ""},
		{`{"create":{"max_players":4,"mode":"ffa"},` + duel, "create"},
		{`{"create":{"max_players":4},"where":[{"field":"free_seats","op":"gt","value":4}]}`, "create"},
		{`{"create":{"max_players":4,"visibility":"private"}}`, "create.visibility"},
		{`{"create":{"max_players":4,"locked":true}}`, "create.locked"},
		{`{"create":{"max_players":4,"idle_timeout":1}}`, "create.idle_timeout"},
		{`{"create":{"max_players":0}}`, "create.max_players"},
	} {
		body, field := one[0], one[1]
		var r game.QuickJoin
		ok(t, json.Unmarshal([]byte(body), &r))
		e := (*game.Error)(nil)
		wrong := errors.As(r.Validate(), &e)
		if wrong != (field != "") || wrong && (len(e.Fields) != 1 || e.Fields[0].Field != field) {
			t.Errorf("%s: %+v, want a problem of %q", body, e, field)
		}
	}
}

// TestJoinReasons checks that a player has reasons exactly if a join is rejected, that the first is that of the join,
// and that all are of the closed list.
func TestJoinReasons(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*game.Session){
		"open":     func(*game.Session) {},
		"full":     func(s *game.Session) { s.MaxPlayers = 1 },
		"locked":   func(s *game.Session) { s.Locked = true },
		"private":  func(s *game.Session) { s.Visibility = game.VisibilityPrivate },
		"closed":   func(s *game.Session) { s.Status = game.StatusStarting },
		"stale":    func(s *game.Session) { s.Liveness = game.Stale },
		"ended":    func(s *game.Session) { s.Status = game.StatusEnded },
		"banned":   func(s *game.Session) { s.Bans = []game.Ban{{PlayerID: player(2)}} },
		"a waiter": func(s *game.Session) { s.WaitList = []game.Waiter{{PlayerID: player(3)}} },
		"all of it": func(s *game.Session) {
			s.MaxPlayers, s.Locked, s.Visibility, s.Liveness = 1, true, game.VisibilityPrivate, game.Stale
			s.Status, s.Bans = game.StatusStarting, []game.Ban{{PlayerID: player(2)}}
		},
	} {
		s := newSession(t)
		change(&s)
		j := game.JoinRequest{PlayerID: player(2)}
		reasons := s.JoinReasons(j, nil, later(1))
		_, err := s.Join(j, later(1))
		e := (*game.Error)(nil)
		if errors.As(err, &e) != (len(reasons) > 0) || e != nil && string(reasons[0].Code) != e.Code {
			t.Errorf("%s: %+v, and a join returns %v", name, reasons, err)
		}
		if name == "all of it" && len(reasons) != 6 {
			t.Errorf("%d of 6 reasons: %+v", len(reasons), reasons)
		}
		found, err := game.SearchRequest{}.Reasons(&s, game.Caller{Scope: game.ScopeServer})
		ok(t, err)
		if (len(found) == 0) != (s.Obstacles() == 0) {
			t.Errorf("%s: a search has %+v", name, found)
		}
		for _, r := range slices.Concat(reasons, found) {
			if !slices.Contains(game.ReasonCodes(), r.Code) || r.Detail == "" {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}
