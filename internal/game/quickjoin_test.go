package game_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

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

// searches counts the searches in a store and what they find.
type searches struct {
	game.Store
	made, found int
	endless     bool // of the sessions in which a player has a seat there is always another page
}

func (s *searches) SearchSessions(ctx context.Context, q game.SearchQuery) (game.Hits, error) {
	_, own := q.Where.On(game.FieldMember)
	if s.endless {
		q.After = nil
	}
	hits, err := s.Store.SearchSessions(ctx, q)
	s.made++
	s.found += len(hits.Items)
	if own && s.endless {
		hits.More, hits.Next = true, &game.Position{}
	}
	return hits, err
}

// TestQuickJoinAgain checks that a player gets the seat again that it has in a session that is full by it, and that
// the other sessions in which it has one are not looked at.
func TestQuickJoinAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &searches{Store: w.store}
	p := w.start(s)
	ada := p.register(t, p.ctx, "Ada").ID
	open := func(mode string) game.Session {
		c, err := p.sessions.Create(p.ctx, game.SessionRequest{
			Settings: game.Settings{Mode: mode, MaxPlayers: 1}, HostID: &ada,
		}, game.Idempotency{})
		ok(t, err)
		return c.Document
	}
	duel := open("duel")
	for range 5 {
		open("ffa")
	}
	var r game.QuickJoin
	ok(t, json.Unmarshal([]byte(`{"where":[
		{"field":"mode","op":"eq","value":"duel"},
		{"any":[{"field":"free_seats","op":"ge","value":1},{"not":{"field":"seats_held","op":"gt","value":0}}]}
	]}`), &r))
	party := game.Party{Seats: []game.JoinRequest{{PlayerID: ada}}}
	joined, err := p.sessions.QuickJoin(p.ctx, party, r, game.Idempotency{})
	ok(t, err)
	if joined.Session.ID != duel.ID || joined.Created || s.made != 1 || s.found != 1 {
		t.Errorf("joined %s after %d searches found %d, want %s", joined.Session.ID, s.made, s.found, duel.ID)
	}

	// Sessions that do not fit are looked at, but not without end.
	ok(t, json.Unmarshal([]byte(`{"where":[{"field":"free_seats","op":"ge","value":2}]}`), &r))
	*s = searches{Store: w.store, endless: true}
	_, err = p.sessions.QuickJoin(p.ctx, party, r, game.Idempotency{})
	rejected(t, err, game.ErrNoSessionAvailable)
	if s.found < 6 || s.found > 1100 {
		t.Errorf("%d sessions were looked at", s.found)
	}
}

// slowCreation is a store whose first creation of a session takes longer than a turn.
type slowCreation struct {
	game.Store
	clock *clock
	made  bool // the creation is made before that
	slow  bool
}

func (s *slowCreation) PutTaskLease(ctx context.Context, old, next game.TaskLease) error {
	if !s.slow {
		s.clock.add(3*time.Second - 50*time.Millisecond) // of the turn 50 ms are left
	}
	return s.Store.PutTaskLease(ctx, old, next)
}

func (s *slowCreation) CreateSession(ctx context.Context, v game.Session, events ...game.Event) error {
	if s.slow {
		return s.Store.CreateSession(ctx, v, events...)
	}
	s.slow = true
	if s.made {
		if err := s.Store.CreateSession(ctx, v, events...); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return game.Unanswered(game.OutcomeUnknown, context.Cause(ctx))
}

// TestQuickJoinOutlastsItsTurn checks that a creation that is not done when the turn is over is made in another one,
// and once.
func TestQuickJoinOutlastsItsTurn(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{false, true} {
		w := newWorld(t)
		p := w.start(&slowCreation{Store: w.store, clock: w.clock, made: made})
		ada := p.register(t, p.ctx, "Ada").ID
		var r game.QuickJoin
		ok(t, json.Unmarshal([]byte(`{"create":{"max_players":2}}`), &r))
		joined, err := p.sessions.QuickJoin(
			p.ctx, game.Party{Seats: []game.JoinRequest{{PlayerID: ada}}}, r, game.Idempotency{},
		)
		ok(t, err)
		all, err := p.sessions.List(p.ctx, game.SessionQuery{}, "", 10)
		ok(t, err)
		if !joined.Created || len(all.Items) != 1 || all.Items[0].ID != joined.Session.ID ||
			len(joined.Seated) != 1 || len(joined.Session.Members) != 1 {
			t.Errorf("made %v: joined %+v, and there are %d sessions", made, joined, len(all.Items))
		}
	}
}
