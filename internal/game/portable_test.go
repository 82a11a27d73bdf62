package game_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// exported reads all pages of an export, and returns how many there were.
func (p process) exported(t *testing.T, ctx context.Context, id game.PlayerID) (all game.PlayerExport, pages int) {
	t.Helper()
	for cursor := ""; ; pages++ {
		page, err := p.players.Export(ctx, id, cursor)
		ok(t, err)
		if (page.Player != nil) != (cursor == "") || len(page.Sessions) > 100 || len(page.Events) > 100 {
			t.Errorf("page %d has player %v, %d sessions and %d events",
				pages, page.Player, len(page.Sessions), len(page.Events))
		}
		if page.Player != nil {
			all.Player = page.Player
		}
		all.Sessions, all.Events = append(all.Sessions, page.Sessions...), append(all.Events, page.Events...)
		if page.NextCursor == nil {
			return all, pages + 1
		}
		cursor = *page.NextCursor
	}
}

// order gives all events their places in the feed, by which exports find them.
func (p process) order(t *testing.T) {
	t.Helper()
	ok(t, game.NewFeeds(p.store, time.Hour*1e5).Tend(t.Context(), p.clock.Now()))
}

// TestExportIsWhole checks that the pages of an export have each session and each event once.
func TestExportIsWhole(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	eve, ada := p.register(t, p.ctx, "Eve").ID, p.register(t, p.ctx, "Ada").ID
	var want []game.SessionID
	for i := range 130 {
		v := p.open(t, 1+i%2, eve)
		var err error
		switch i % 4 {
		case 0: // full
			_, _, err = p.sessions.JoinParty(p.ctx, v.ID, nil, game.Party{
				Seats: []game.JoinRequest{{PlayerID: ada}}, Wait: true,
			})
		case 1:
			p.join(t, v.ID, ada)
		case 2:
			_, err = p.sessions.Ban(p.ctx, v.ID, nil, ada, game.BanRequest{Reason: "afk"})
		case 3:
			p.join(t, v.ID, ada)
			_, err = p.sessions.Leave(p.ctx, v.ID, nil, ada)
		}
		ok(t, err)
		want = append(want, v.ID)
	}
	p.open(t, 4, eve)
	p.order(t)
	slices.Reverse(want)
	got, pages := p.exported(t, p.ctx, ada)
	ids := make([]game.SessionID, len(got.Sessions))
	counts := map[string]int{}
	for i, r := range got.Sessions {
		ids[i] = r.SessionID
		counts["member"] += map[bool]int{true: 1}[r.Member != nil && r.Member.PlayerID == ada]
		counts["waiter"] += map[bool]int{true: 1}[r.Waiter != nil && r.Waiter.PlayerID == ada && r.Waiter.Position == 1]
		counts["ban"] += map[bool]int{true: 1}[r.Ban != nil && r.Ban.Reason == "afk"]
	}
	equal(t, want, ids)
	equal(t, map[string]int{"member": 33, "waiter": 33, "ban": 32}, counts)
	// Its creation, 130 changes, and 32 departures.
	if len(got.Events) != 163 || pages != 3 || got.Player.ID != ada {
		t.Errorf("%d pages have %d events of %v", pages, len(got.Events), got.Player)
	}
}

// TestExportHidesOthers checks that an export has nothing about others, whoever reads it.
func TestExportHidesOthers(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada, eve, bob := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Eve").ID, p.register(t, p.ctx, "Bob").ID
	as := func(id game.PlayerID) context.Context {
		c := game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: game.ScopePlayer, Player: id, Name: "x"})
		return game.WithRequestID(c, "a-request")
	}
	hosted, visited := p.open(t, 4, ada), p.open(t, 4, eve)
	for _, v := range []game.Session{hosted, visited} {
		for _, id := range []game.PlayerID{ada, eve, bob} {
			_, _, err := p.sessions.Join(as(id), v.ID, nil, game.JoinRequest{PlayerID: id})
			ok(t, err)
		}
	}
	_, err := p.sessions.Heartbeat(as(ada), game.Heartbeat{SessionID: hosted.ID, Players: []game.PlayerID{ada}})
	ok(t, err)
	for _, id := range []game.PlayerID{eve, bob} {
		_, err := p.sessions.Kick(as(ada), hosted.ID, nil, id, "", new(60))
		ok(t, err)
	}
	_, err = p.sessions.Kick(as(eve), visited.ID, nil, ada, "afk", nil)
	ok(t, err)
	p.order(t)
	got, _ := p.exported(t, p.ctx, ada)
	own, _ := p.exported(t, as(ada), ada)
	equal(t, got, own)
	b, err := json.Marshal(got)
	ok(t, err)
	for _, secret := range []string{string(eve), string(bob), "Eve", "a-request"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("the export has %s: %s", secret, b)
		}
	}
	const others = "00000000-0000-0000-0000-000000000000"
	last := got.Events[len(got.Events)-1]
	equal(t, game.Actor{Kind: game.ActorPlayer, ID: others}, last.Actor)
	equal(t, game.Changes{game.MemberRemoved{PlayerID: ada, Reason: game.RemovedKicked, Why: "afk"}}, last.Changes)
	kicked := got.Events[len(got.Events)-2]
	equal(t, game.Actor{Kind: game.ActorPlayer, ID: string(ada)}, kicked.Actor)
	if len(kicked.Changes) != 2 || !slices.Contains(kicked.Changes,
		game.Change(game.MemberRemoved{PlayerID: others, Reason: game.RemovedKicked})) {
		t.Errorf("a kick: %+v", kicked.Changes)
	}

	_, err = p.players.Export(as(eve), ada, "")
	rejected(t, err, game.ErrForbidden)
	for _, scope := range []game.Scope{game.ScopeServer, game.ScopeRead} {
		_, err = p.players.Export(game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: scope}), ada, "")
		rejected(t, err, game.ErrForbidden)
	}
	_, err = p.players.Export(p.ctx, ada, "x")
	invalid(t, err, "cursor")
	ok(t, p.players.Erase(p.ctx, ada, nil))
	_, err = p.players.Export(p.ctx, ada, "")
	rejected(t, err, game.ErrPlayerNotFound)
}
