package game_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

// TestSearchProblems checks that each rejection of a search names its place.
func TestSearchProblems(t *testing.T) {
	t.Parallel()
	comparison := `{"field":"mode","op":"eq","value":"a"}`
	for body, field := range map[string]string{
		`{"where":[{"field":"nope","op":"eq","value":1}]}`:                            "where.0.field",
		`{"where":[{"field":"attributes.a b","op":"eq","value":1}]}`:                  "where.0.field",
		`{"where":[{"field":"obstacles","op":"eq","value":1}]}`:                       "where.0.field",
		`{"where":[` + comparison + `,{"any":[{"field":"mode","op":"like"}]}]}`:       "where.1.any.0.op",
		`{"where":[{"field":"mode","op":"exists","value":true}]}`:                     "where.0.op",
		`{"where":[{"field":"mode","op":"eq"}]}`:                                      "where.0.value",
		`{"where":[{"field":"mode","op":"eq","value":["a"]}]}`:                        "where.0.value",
		`{"where":[{"field":"mode","op":"in","value":"a"}]}`:                          "where.0.value",
		`{"where":[{"field":"mode","op":"in","value":[]}]}`:                           "where.0.value",
		`{"where":[{"field":"mode","op":"in","value":["a",1]}]}`:                      "where.0.value.1",
		`{"where":[{"not":{"field":"free_seats","op":"ge","value":1001}}]}`:           "where.0.not.value",
		`{"where":[{"field":"status","op":"eq","value":"opn"}]}`:                      "where.0.value",
		`{"where":[{"field":"host_id","op":"eq","value":"me"}]}`:                      "where.0.value",
		`{"where":[{"field":"locked","op":"eq","value":"true"}]}`:                     "where.0.value",
		`{"where":[{"field":"created_at","op":"gt","value":"yesterday"}]}`:            "where.0.value",
		`{"where":[{"field":"created_at","op":"gt","value":5}]}`:                      "where.0.value",
		`{"where":[{"field":"attributes.a","op":"gt","value":true}]}`:                 "where.0.value",
		`{"where":[{"field":"attributes.a","op":"prefix","value":1}]}`:                "where.0.value",
		`{"where":[{"field":"attributes.a","op":"between","value":[1,"2"]}]}`:         "where.0.value",
		`{"where":[{"field":"attributes.a","op":"between","value":[1]}]}`:             "where.0.value",
		`{"where":[{"field":"attributes.a","op":"exists","value":1}]}`:                "where.0.value",
		`{"where":[{"any":[]}]}`:                                                      "where.0.any",
		`{"where":[{}]}`:                                                              "where.0",
		`{"where":[{"field":"mode","op":"eq","value":"a","not":` + comparison + `}]}`: "where.0",
		`{"order":[{"by":"status"}]}`:                                                 "order.0.by",
		`{"order":[{"by":"created_at"},{"by":"nope"}]}`:                               "order.1.by",
		`{"order":[{"by":"created_at"},{"by":"created_at","desc":true}]}`:             "order.1.by",
		`{"order":[{"by":"created_at","near":5}]}`:                                    "order.0.near",
		`{"include":["full","empty"]}`:                                                "include.1",
		`{"limit":101}`:                                                               "limit",
	} {
		var r game.SearchRequest
		ok(t, json.Unmarshal([]byte(body), &r))
		e := (*game.Error)(nil)
		if !errors.As(r.Validate(), &e) || len(e.Fields) != 1 || e.Fields[0].Field != field {
			t.Errorf("%s: %+v, want a problem of %s", body, e, field)
		}
	}
	for body, at := range map[string]string{
		`{"where":[` + comparison + `,5]}`:           "1",
		`{"where":[{"any":[{"field":5}]}]}`:          "0.any.0.field",
		`{"where":[{"not":{"value":[1,{}]}}]}`:       "0.not.value.1",
		`{"where":[{"value":12345678901234567890}]}`: "0.value",
		`{"where":[{"fields":"mode"}]}`:              "0.fields",
		`{"where":` + strings.Repeat(`[{"any":`, 8) + `[{"field":"x"}]` + strings.Repeat(`}]`, 8) + `}`://
		strings.Repeat("0.any.", 8) + "0",
	} {
		var r game.SearchRequest
		var part interface{ At() string }
		if err := json.Unmarshal([]byte(body), &r); !errors.As(err, &part) || part.At() != at {
			t.Errorf("%s: %v, want an error at %s", body, err, at)
		}
	}
}

// TestSearchBounds checks that the limits are those that are documented.
func TestSearchBounds(t *testing.T) {
	t.Parallel()
	condition := game.SearchCondition{Field: "mode", Op: game.OpEqual, Value: game.OneValue(game.StringValue("a"))}
	many := func(n int) (w game.SearchWhere) {
		for range n {
			w = append(w, condition)
		}
		return w
	}
	nested := func(levels int) game.SearchWhere {
		c := condition
		for range levels - 1 {
			inner := c
			c = game.SearchCondition{Not: &inner}
		}
		return game.SearchWhere{c}
	}
	named := func(mode string) game.SearchWhere {
		return game.SearchWhere{{Field: "mode", Op: game.OpEqual, Value: game.OneValue(game.StringValue(mode))}}
	}
	split := game.SearchWhere{{Any: many(20)}, {All: many(12)}}
	for name, c := range map[string]struct {
		where game.SearchWhere
		valid bool
	}{
		"32 conditions":        {many(32), true},
		"33 conditions":        {many(33), false},
		"32 within others":     {split, true},
		"33 within others":     {append(many(1), split...), false},
		"8 levels":             {nested(8), true},
		"9 levels":             {nested(9), false},
		"32 values":            {game.SearchWhere{{Field: "mode", Op: game.OpIn, Value: texts32(32)}}, true},
		"33 values":            {game.SearchWhere{{Field: "mode", Op: game.OpIn, Value: texts32(33)}}, false},
		"a name that is long":  {named(strings.Repeat("x", 65)), false},
		"a name of 64 letters": {named(strings.Repeat("é", 64)), true},
	} {
		if err := (game.SearchRequest{Where: c.where}).Validate(); (err == nil) != c.valid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func texts32(n int) game.SearchValue {
	values := make([]game.Value, n)
	for i := range values {
		values[i] = game.StringValue(fmt.Sprint("mode", i))
	}
	return game.ListOf(values...)
}

// TestAfterPrefix checks the least text after all with a prefix, at the ends of the ranges of characters.
func TestAfterPrefix(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{
		"": "", "a": "b", "az": "a{", "\u007f": "\u0080", "\ud7ff": "\ue000", "a\U0010ffff": "b", "\U0010ffff": "",
	} {
		if got, some := game.AfterPrefix(prefix); got != want || some != (want != "") {
			t.Errorf("after %q: %q, %t", prefix, got, some)
		}
	}
}

// TestObstacles checks that obstacles agree with what a join is told.
func TestObstacles(t *testing.T) {
	t.Parallel()
	waiting := func(team string, teams map[string]int) func(*game.Session) {
		return func(s *game.Session) {
			s.Teams = teams
			s.WaitList = []game.Waiter{{PlayerID: player(3), Team: team}}
		}
	}
	red := map[string]int{"red": 1}
	type of = []game.Obstacle
	for name, c := range map[string]struct {
		change func(*game.Session)
		want   of
		err    error
	}{
		"open":   {func(*game.Session) {}, nil, nil},
		"full":   {func(s *game.Session) { s.MaxPlayers = 1 }, of{game.ObstacleFull}, game.ErrSessionFull},
		"locked": {func(s *game.Session) { s.Locked = true }, of{game.ObstacleLocked}, game.ErrSessionLocked},
		"private": {func(s *game.Session) {
			s.Visibility = game.VisibilityPrivate
		}, of{game.ObstaclePrivate}, game.ErrJoinCodeRequired},
		"password": {func(s *game.Session) {
			s.HasPassword, s.PasswordHash = true, "x"
		}, of{game.ObstaclePassword}, game.ErrWrongPassword},
		"private, with a password": {func(s *game.Session) {
			s.HasPassword, s.PasswordHash, s.Visibility = true, "x", game.VisibilityPrivate
		}, of{game.ObstaclePassword}, game.ErrWrongPassword},
		"others wait for a seat":    {waiting("", nil), of{game.ObstacleFull}, game.ErrSessionFull},
		"others wait for any team":  {waiting(game.TeamAuto, nil), of{game.ObstacleFull}, game.ErrSessionFull},
		"others wait for a team":    {waiting("red", red), nil, nil},
		"others wait for some team": {waiting(game.TeamAuto, red), nil, nil},
		"locked, while others wait": {
			lockedWith(waiting("", nil)),
			of{game.ObstacleFull, game.ObstacleLocked},
			game.ErrSessionLocked,
		},
		"full and locked": {
			lockedWith(func(s *game.Session) { s.MaxPlayers = 1 }),
			of{game.ObstacleFull, game.ObstacleLocked},
			game.ErrSessionLocked,
		},
		"in progress": {func(s *game.Session) {
			s.Status = game.StatusInProgress
		}, of{game.ObstacleClosed}, game.ErrSessionNotJoinable},
		"in progress, open to new members": {func(s *game.Session) {
			s.Status, s.JoinInProgress = game.StatusInProgress, true
		}, nil, nil},
		"pending": {func(s *game.Session) {
			s.Status = game.StatusPending
		}, of{game.ObstacleClosed}, game.ErrSessionNotJoinable},
		"stale": {func(s *game.Session) {
			s.Liveness = game.Stale
		}, of{game.ObstacleStale}, game.ErrSessionNotJoinable},
		"stale, and needs a host": {func(s *game.Session) {
			s.Liveness, s.HostID = game.Stale, nil
			s.Members[0].Status = game.SeatDisconnected
		}, nil, nil},
		"ended": {func(s *game.Session) {
			s.Status, s.Locked = game.StatusEnded, true
		}, of{game.ObstacleEnded}, game.ErrSessionEnded},
	} {
		s := newSession(t)
		c.change(&s)
		set := s.Obstacles()
		if set != game.SetOf(c.want...) {
			t.Errorf("%s: obstacles %b, want %v", name, set, c.want)
		}
		// Whatever a set allows, a session with these statuses must be looked for.
		if w := (game.Where{game.WithObstacles(c.want...)}); !w.Match(&s) || !slices.Contains(w.Statuses(), s.Status) {
			t.Errorf("%s: a search that includes %v looks in %v", name, c.want, w.Statuses())
		}
		for _, o := range c.want {
			others := slices.DeleteFunc(game.Obstacles(), func(other game.Obstacle) bool { return other == o })
			if (game.Where{game.WithObstacles(others...)}).Match(&s) {
				t.Errorf("%s: a search without %s finds it", name, o)
			}
		}
		_, err := s.Join(game.JoinRequest{PlayerID: player(2)}, later(1))
		if !errors.Is(err, c.err) {
			t.Errorf("%s: a join returns %v, want %v", name, err, c.err)
		}
	}
}

func lockedWith(change func(*game.Session)) func(*game.Session) {
	return func(s *game.Session) {
		change(s)
		s.Locked = true
	}
}
