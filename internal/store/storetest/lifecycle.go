package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func lifecycle() []check {
	return []check{
		{"every method is called", everyMethodCalled},
		{"ended context", endedContext},
		{"deadlines", deadlines},
		{"close twice", closeTwice},
		{"use after close", useAfterClose},
		{"close during calls", closeDuringCalls},
		{"ping", ping},
		{"stats", stats},
		{"stats within bounds", boundedStats},
	}
}

// call is a call of one method that would succeed.
type call struct {
	name  string
	write bool
	do    func(context.Context) error
}

// calls returns a call of every method that takes a context, on stored documents.
func calls(s game.Store, p game.Player, v game.Session) []call {
	all := callsOfGame(s, p, v)
	for _, g := range groups() {
		if g.calls != nil {
			all = append(all, g.calls(s)...)
		}
	}
	return all
}

// everyMethodCalled checks that calls has every method, so that the checks below are about all of them.
func everyMethodCalled(t *testing.T, s game.Store) {
	called := map[string]bool{"Close": true}
	for _, c := range calls(s, activePlayer(), newSession()) {
		called[c.name] = true
	}
	for m := range reflect.TypeFor[game.Store]().Methods() {
		if !called[m.Name] {
			t.Errorf("no call of %s: add it to the calls of a group", m.Name)
		}
	}
}

// keyCalls returns the calls of methods of keys. The key need not be stored where the calls must fail.
func keyCalls(s game.Store) []call {
	k := newKey()
	next := k
	next.Version++
	return []call{
		{"CreateKey", true, func(ctx context.Context) error { return s.CreateKey(ctx, k) }},
		{"Key", false, func(ctx context.Context) error { _, err := s.Key(ctx, k.ID); return err }},
		{"ReplaceKey", true, func(ctx context.Context) error { return s.ReplaceKey(ctx, k, next) }},
		{"Keys", false, func(ctx context.Context) error {
			_, err := s.Keys(ctx, game.KeyQuery{Project: project, Limit: 1})
			return err
		}},
		{"ExportKeys", false, func(ctx context.Context) error { _, err := s.ExportKeys(ctx, "", 1); return err }},
		{"CreateSigningKey", true, func(ctx context.Context) error { return s.CreateSigningKey(ctx, newSigningKey()) }},
		{"SigningKeys", false, func(ctx context.Context) error { _, err := s.SigningKeys(ctx); return err }},
		{"DeleteSigningKey", true, func(ctx context.Context) error { return s.DeleteSigningKey(ctx, "x") }},
		{"DeleteKey", true, func(ctx context.Context) error { return s.DeleteKey(ctx, next) }},
	}
}

func callsOfGame(s game.Store, p game.Player, v game.Session) []call {
	nextPlayer, nextSession := p, v
	nextPlayer.Version++
	nextSession.Version++
	return []call{
		{"CreatePlayer", true, func(ctx context.Context) error { return s.CreatePlayer(ctx, activePlayer()) }},
		{"Player", false, func(ctx context.Context) error { _, err := s.Player(ctx, project, p.ID); return err }},
		{"PlayerByIdentity", false, func(ctx context.Context) error {
			_, err := s.PlayerByIdentity(ctx, project, game.Identity{Provider: "steam", Subject: p.Identities["steam"]})
			return err
		}},
		{"ReplacePlayer", true, func(ctx context.Context) error { return s.ReplacePlayer(ctx, p, nextPlayer) }},
		{"Players", false, func(ctx context.Context) error {
			_, err := s.Players(ctx, game.PlayerQuery{Project: project, Limit: 1})
			return err
		}},
		{"EndedSuspensions", false, func(ctx context.Context) error {
			_, err := s.EndedSuspensions(ctx, now(), 1)
			return err
		}},
		{"CreateSession", true, func(ctx context.Context) error { return s.CreateSession(ctx, newSession()) }},
		{"Session", false, func(ctx context.Context) error { _, err := s.Session(ctx, project, v.ID); return err }},
		{"ReplaceSession", true, func(ctx context.Context) error { return s.ReplaceSession(ctx, v, nextSession) }},
		{"SessionByJoinCode", false, func(ctx context.Context) error {
			_, err := s.SessionByJoinCode(ctx, project, v.JoinCode.Code)
			return err
		}},
		{"Sessions", false, func(ctx context.Context) error {
			_, err := s.Sessions(ctx, game.SessionQuery{Project: project, Limit: 1})
			return err
		}},
		{"Claim", true, func(ctx context.Context) error { _, err := s.Claim(ctx, newClaim(), now()); return err }},
		{"PurgeClaims", true, func(ctx context.Context) error { _, err := s.PurgeClaims(ctx, now(), 1); return err }},
		{"AppendMetrics", true, func(ctx context.Context) error { return s.AppendMetrics(ctx, newSample()) }},
		{"Metrics", false, func(ctx context.Context) error {
			_, err := s.Metrics(ctx, game.MetricsQuery{From: now(), To: *later(now()), Limit: 1})
			return err
		}},
		{"PurgeMetrics", true, func(ctx context.Context) error { _, err := s.PurgeMetrics(ctx, now(), 1); return err }},
		{"ExportPlayers", false, func(ctx context.Context) error { _, err := s.ExportPlayers(ctx, "", 1); return err }},
		{"ExportSessions", false, func(ctx context.Context) error {
			_, err := s.ExportSessions(ctx, "", 1)
			return err
		}},
		{"ExportClaims", false, func(ctx context.Context) error { _, err := s.ExportClaims(ctx, "", 1); return err }},
		{"Timeline", false, func(ctx context.Context) error {
			_, err := s.Timeline(ctx, game.TimelineQuery{Project: project, Limit: 1})
			return err
		}},
		{"Feed", false, func(ctx context.Context) error {
			_, err := s.Feed(ctx, game.FeedQuery{Project: project, Limit: 1})
			return err
		}},
		{"FeedEnd", false, func(ctx context.Context) error { _, err := s.FeedEnd(ctx, project); return err }},
		{"OrderEvents", false, func(ctx context.Context) error { _, err := s.OrderEvents(ctx, now(), 1); return err }},
		{"PurgeEvents", true, func(ctx context.Context) error { _, err := s.PurgeEvents(ctx, now(), 1); return err }},
		{"PutEvents", true, func(ctx context.Context) error {
			e := NewSubject(game.SubjectPlayer, project).Event(1)
			e.Seq = 1
			return s.PutEvents(ctx, []game.Event{e})
		}},
		{"ExportEvents", false, func(ctx context.Context) error { _, err := s.ExportEvents(ctx, "", 1); return err }},
		{"Inspect", false, func(ctx context.Context) error { return s.Inspect(ctx, false, func(game.Finding) {}) }},
		{"Ping", false, func(ctx context.Context) error { _, err := s.Ping(ctx); return err }},
		{"Stats", false, func(ctx context.Context) error { _, err := s.Stats(ctx, 10); return err }},
		{"Sizes", false, func(ctx context.Context) error { _, err := s.Sizes(ctx); return err }},
		{"Epoch", false, func(ctx context.Context) error { _, err := s.Epoch(ctx); return err }},
		{"RenewEpoch", true, func(ctx context.Context) error { return s.RenewEpoch(ctx) }},
		{"DeletePlayer", true, func(ctx context.Context) error { return s.DeletePlayer(ctx, p) }},
	}
}

// outcome returns the outcome that the error of a write states.
func outcome(err error) any {
	if e := (*game.Error)(nil); errors.As(err, &e) {
		return e.Extras["outcome"]
	}
	return nil
}

func stored(t *testing.T, s game.Store) (game.Player, game.Session) {
	p, v := activePlayer(), newSession()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.CreateSession(t.Context(), v))
	return p, v
}

func endedContext(t *testing.T, s game.Store) {
	p, v := stored(t, s)
	cause := errors.New("the caller hung up")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, c := range calls(s, p, v) {
		start := time.Now()
		err := c.do(ctx)
		wantError(t, err, game.ErrStoreUnavailable)
		if took := time.Since(start); took > prompt {
			t.Errorf("%s took %v", c.name, took)
		}
		if c.write && outcome(err) != game.OutcomeNone {
			t.Errorf("%s: outcome %v, want %s", c.name, outcome(err), game.OutcomeNone)
		}
	}
	wantPlayer(t, s, p)
	wantSession(t, s, v)
}

// deadlines lets contexts end at various moments of a write. If the error states that nothing was stored, that must
// be true.
func deadlines(t *testing.T, s game.Store) {
	created := make([]game.Player, 200)
	results := together(len(created), func(i int) error {
		created[i] = activePlayer()
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*20)*time.Microsecond)
		defer cancel()
		return s.CreatePlayer(ctx, created[i])
	})
	for i, err := range results {
		if err == nil {
			wantPlayer(t, s, created[i])
			continue
		}
		if !errors.Is(err, game.ErrOverloaded) { // too many writes are waiting
			wantError(t, err, game.ErrStoreUnavailable)
		}
		if outcome(err) == game.OutcomeNone {
			_, err := s.Player(t.Context(), project, created[i].ID)
			wantError(t, err, game.ErrPlayerNotFound)
		} else if outcome(err) != game.OutcomeUnknown {
			t.Errorf("outcome %v", outcome(err))
		}
	}
}

func closeTwice(t *testing.T, s game.Store) {
	must(t, s.Close())
	must(t, s.Close())
}

func useAfterClose(t *testing.T, s game.Store) {
	p, v := stored(t, s)
	must(t, s.Close())
	for _, c := range calls(s, p, v) {
		err := c.do(t.Context())
		if !errors.Is(err, game.ErrStoreUnavailable) {
			t.Errorf("%s: got %v, want %v", c.name, err, game.ErrStoreUnavailable)
		}
		if c.write && outcome(err) != game.OutcomeNone {
			t.Errorf("%s: outcome %v, want %s", c.name, outcome(err), game.OutcomeNone)
		}
	}
}

// closeDuringCalls closes the store during calls. Each must return, with a result or because the store is closed.
func closeDuringCalls(t *testing.T, s game.Store) {
	p, _ := stored(t, s)
	for _, err := range together(64, func(i int) error {
		switch {
		case i == 32:
			return s.Close()
		case i%2 == 0:
			_, err := s.Player(t.Context(), project, p.ID)
			return err
		}
		return s.CreatePlayer(t.Context(), activePlayer())
	}) {
		if err != nil {
			wantError(t, err, game.ErrStoreUnavailable)
		}
	}
}

func ping(t *testing.T, s game.Store) {
	facts, err := s.Ping(t.Context())
	must(t, err)
	if engine, _ := facts["engine"].(string); engine == "" {
		t.Errorf("the facts do not name the engine: %v", facts)
	}
	if _, err := json.Marshal(facts); err != nil {
		t.Errorf("the facts cannot be encoded as JSON: %v", err)
	}
}

func stats(t *testing.T, s game.Store) {
	wanted := game.Stats{Sessions: map[game.SessionStatus]int64{}}
	for _, status := range game.LiveStatuses() {
		wanted.Sessions[status] = 0
	}
	wantStats(t, s, wanted)
	sessions := int64(0) // including terminal ones

	for i := range 9 {
		p := activePlayer()
		p.Project = game.ProjectID([]string{"one", "two"}[i%2])
		if i%3 == 0 {
			p = erasingPlayer(p)
		} else {
			wanted.Players++
		}
		must(t, s.CreatePlayer(t.Context(), p))
	}
	for i, status := range game.SessionStatuses() {
		for k := range i { // no session for the first status
			v := openSession(10)
			v.Project, v.Status = game.ProjectID([]string{"one", "two"}[k%2]), status
			for range k {
				v.Members = append(v.Members, newMember())
			}
			must(t, s.CreateSession(t.Context(), v))
			sessions++
			if !status.Terminal() {
				wanted.Sessions[status]++
				wanted.Members += int64(k)
			}
		}
	}
	wantStats(t, s, wanted)

	v := openSession(10)
	must(t, s.CreateSession(t.Context(), v))
	next := v
	next.Version, next.Members, next.Status = 2, []game.Member{newMember(), newMember()}, game.StatusInProgress
	must(t, s.ReplaceSession(t.Context(), v, next))
	wanted.Sessions[game.StatusInProgress]++
	wanted.Members += 2
	wantStats(t, s, wanted)

	v, next.Version, next.Status = next, 3, game.StatusFailed
	must(t, s.ReplaceSession(t.Context(), v, next))
	wanted.Sessions[game.StatusInProgress]--
	wanted.Members -= 2
	wantStats(t, s, wanted)
	wantSizes(t, s, 9, sessions+1)
}

func wantStats(t *testing.T, s game.Store, wanted game.Stats) {
	t.Helper()
	got, err := s.Stats(t.Context(), 100)
	must(t, err)
	want(t, got, wanted)
}

// wantSizes checks the numbers of documents that an export would return, including players that are being erased.
func wantSizes(t *testing.T, s game.Store, players, sessions int64) {
	t.Helper()
	got, err := s.Sizes(t.Context())
	must(t, err)
	want(t, got, game.Sizes{Players: players, Sessions: sessions})
}

// boundedStats checks that counts stop at the limit and report it.
func boundedStats(t *testing.T, s game.Store) {
	for i := range 5 {
		must(t, s.CreatePlayer(t.Context(), activePlayer()))
		v := openSession(10)
		v.Members = []game.Member{newMember(), newMember()}
		if i == 4 {
			v.Status = game.StatusStarting
		}
		must(t, s.CreateSession(t.Context(), v))
	}
	for limit, wanted := range map[int]struct {
		open, members, players int64
		bounded                bool
	}{1: {1, 4, 1, true}, 3: {3, 8, 3, true}, 4: {4, 10, 4, true}, 5: {4, 10, 5, false}, 100: {4, 10, 5, false}} {
		got, err := s.Stats(t.Context(), limit)
		must(t, err)
		// An engine that keeps the number of players returns it whatever the limit.
		known := got.Players == 5 && limit < 5
		if known {
			wanted.players, wanted.bounded = 5, limit < 4
		}
		if got.Sessions[game.StatusOpen] != wanted.open || got.Sessions[game.StatusStarting] != 1 ||
			got.Members != wanted.members || got.Players != wanted.players || got.Bounded != wanted.bounded {
			t.Errorf("limit %d: got %+v, want %+v", limit, got, wanted)
		}
	}
}
