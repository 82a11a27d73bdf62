package storetest

import (
	"errors"
	"slices"
	"testing"

	"game-session-manager/internal/game"
)

// Unreadable tests that a document that cannot be decoded does not fail the lists in which it belongs. Engines call it
// with an empty store and a function that spoils a stored document of a collection, players, sessions, webhooks,
// deliveries or events, for the decoder alone: what the engine finds it by stays.
func Unreadable(t *testing.T, s game.Store, spoil func(t *testing.T, collection, id string)) {
	t.Helper()
	holder := newMember()
	var sessions []game.Session
	var players []game.Player
	var spoilt, spoiltPlayers []string
	for i := range 9 {
		v, p := openSession(4), activePlayer()
		v.Members = []game.Member{holder}
		must(t, s.CreateSession(t.Context(), v))
		must(t, s.CreatePlayer(t.Context(), p))
		if slices.Contains([]int{0, 4, 5, 8}, i) { // the first and the last of the list, and neighbours
			spoilt, spoiltPlayers = append(spoilt, string(v.ID)), append(spoiltPlayers, string(p.ID))
			continue
		}
		sessions, players = append(sessions, v), append(players, p)
	}
	for i := range spoilt {
		spoil(t, "sessions", spoilt[i])
		spoil(t, "players", spoiltPlayers[i])
	}
	for _, newestFirst := range [][]string{spoilt, spoiltPlayers} {
		slices.Reverse(newestFirst)
	}
	slices.Reverse(sessions)
	slices.Reverse(players)

	for _, w := range []game.Where{
		nil,
		{game.Is(game.FieldMember, holder.PlayerID)},
		oneOf(sessions[0].Attributes).Where(),
		{game.Is(game.FieldStatus, game.StatusOpen)},
	} {
		for _, brief := range []bool{false, true} {
			ids := make([]string, len(sessions))
			for i := range sessions {
				ids[i] = string(sessions[i].ID)
			}
			read := func(after string, limit int) (game.Found[game.Session], error) {
				return s.Sessions(t.Context(), game.SessionQuery{
					Project: project, Where: w, After: game.SessionID(after), Limit: limit, Brief: brief,
				})
			}
			wantLeftOut(t, ids, spoilt, idOfSession, read)
		}
	}
	ids := make([]string, len(players))
	for i := range players {
		ids[i] = string(players[i].ID)
	}
	wantLeftOut(t, ids, spoiltPlayers, idOfPlayer, func(after string, limit int) (game.Found[game.Player], error) {
		return s.Players(t.Context(), game.PlayerQuery{Project: project, After: game.PlayerID(after), Limit: limit})
	})
	unreadableInPages(t, s, sessionIDs(sessions))
	unreadableInSearches(t, s, sessionIDs(sessions), spoilt)
	unreadablePulses(t, s, sessionIDs(sessions), spoilt)
	unreadableAlone(t, s, spoilt, spoiltPlayers)
	unreadableSweep(t, s, holder.PlayerID, sessions)
	unreadableWebhooks(t, s, spoil)
	unreadableDeliveries(t, s, spoil)
	unreadableEvents(t, s, spoil)
}

// unreadableDeliveries lists the records of a webhook, some of which cannot be read.
func unreadableDeliveries(t *testing.T, s game.Store, spoil func(t *testing.T, collection, id string)) {
	t.Helper()
	w := newWebhook()
	must(t, s.CreateWebhook(t.Context(), w))
	var readable, spoilt []string
	for i := range 9 {
		d := newDelivery(w.ID, int64(i+1))
		must(t, s.PutDeliveries(t.Context(), []game.Delivery{d}))
		if slices.Contains([]int{0, 4, 5, 8}, i) { // the first and the last of the list, and neighbours
			spoil(t, "deliveries", d.ID)
			spoilt = append(spoilt, d.ID)
		} else {
			readable = append(readable, d.ID)
		}
	}
	slices.Reverse(readable)
	slices.Reverse(spoilt)
	for _, status := range []game.DeliveryStatus{"", game.DeliveryDead} {
		q := game.DeliveryQuery{Project: project, Webhook: w.ID, Status: status}
		read := func(after string, limit int) (game.Found[game.Delivery], error) {
			q.After, q.Limit = after, limit
			return s.Deliveries(t.Context(), q)
		}
		wantLeftOut(t, readable, spoilt, idOfDelivery, read)
	}
	rules := game.NewWebhooks(deps(s), game.WebhookDeps{Vault: noVault{}})
	ctx := game.WithCaller(t.Context(), game.Caller{Project: project, Scope: game.ScopeAdmin})
	wantInPages(t, readable, idOfDelivery, func(cursor string, limit int) (game.List[game.Delivery], error) {
		return rules.Deliveries(ctx, w.ID, "", cursor, limit)
	})
	n, err := rules.Replay(ctx, w.ID, game.ReplayRequest{Deliveries: []string{spoilt[0], readable[0]}})
	must(t, err)
	want(t, n, 1)
	n, err = rules.Replay(ctx, w.ID, game.ReplayRequest{}) // of what waits by now
	must(t, err)
	want(t, n, len(readable)-1)
}

// unreadableWebhooks checks that webhooks that cannot be read hold up neither the lists and the marks of others nor
// what is removed of their own records, and that an inspection names them.
func unreadableWebhooks(t *testing.T, s game.Store, spoil func(t *testing.T, collection, id string)) {
	t.Helper()
	var ids, readable, spoilt []string
	for i := range 5 {
		w := newWebhook()
		must(t, s.CreateWebhook(t.Context(), w))
		ids = append(ids, string(w.ID))
		if i%2 == 0 {
			spoil(t, "webhooks", string(w.ID))
			spoilt = append(spoilt, string(w.ID))
			old := newDelivery(w.ID, 1)
			old.At = now().Add(-2 * game.DeliveryRetention)
			must(t, s.PutDeliveries(t.Context(), []game.Delivery{old}))
		} else {
			readable = append(readable, string(w.ID))
		}
	}
	marks, err := s.WebhookMarks(t.Context(), "", 100)
	must(t, err)
	want(t, len(marks), len(ids))
	for i, m := range marks {
		want(t, string(m.ID), ids[i])
		want(t, m.Project, project)
	}
	var found []string
	must(t, s.Inspect(t.Context(), false, func(f game.Finding) {
		if f.Collection == "webhooks" && f.ID != "" && !slices.Contains(found, f.ID) {
			found = append(found, f.ID)
		}
	}))
	slices.Sort(found)
	want(t, found, spoilt)
	slices.Reverse(readable)
	slices.Reverse(spoilt)
	wantLeftOut(t, readable, spoilt, idOfWebhook, func(after string, limit int) (game.Found[game.Webhook], error) {
		return s.Webhooks(t.Context(), game.WebhookQuery{Project: project, After: game.WebhookID(after), Limit: limit})
	})
	_, err = s.Webhook(t.Context(), project, game.WebhookID(spoilt[0]))
	wantUnreadable(t, err)
	must(t, game.NewWebhooks(deps(s), game.WebhookDeps{Vault: noVault{}}).Purge(t.Context()))
	left, err := s.ExportDeliveries(t.Context(), "", 100)
	must(t, err)
	want(t, len(left), 0)
}

// noVault is for what opens no secrets.
type noVault struct{ game.Vault }

// unreadableInSearches pages through a search in two orders. Each document is on one page, among the items or as
// unreadable.
func unreadableInSearches(t *testing.T, s game.Store, ids []game.SessionID, spoilt []string) {
	t.Helper()
	for _, order := range [][]game.Order{nil, {{Field: "max_players"}}, {{Field: "attributes.mmr", Desc: true}}} {
		for limit := 1; limit <= len(ids)+len(spoilt)+1; limit++ {
			q := game.SearchQuery{Project: project, Order: order, Limit: limit}
			got, left := []game.SessionID{}, []string{}
			for more := true; more; {
				hits, err := s.SearchSessions(t.Context(), q)
				must(t, err)
				got, left = append(got, sessionIDs(hits.Items)...), append(left, hits.Unreadable...)
				q.After, more = hits.Next, hits.More
			}
			want(t, got, ids)
			want(t, left, spoilt)
		}
	}
}

// wantLeftOut reads a list in pages of every size. Each document is on one page, among the items or as unreadable, and
// both count.
func wantLeftOut[D any](
	t *testing.T, readable, spoilt []string, id func(D) string, read func(string, int) (game.Found[D], error),
) {
	t.Helper()
	for limit := 1; limit <= len(readable)+len(spoilt)+1; limit++ {
		var items, unreadable []string
		for after := ""; ; {
			found, err := read(after, limit)
			must(t, err)
			n := len(found.Items) + len(found.Unreadable)
			if n > limit || found.More && n < limit {
				t.Fatalf("a page of %d with %d unreadable for a limit of %d", n, len(found.Unreadable), limit)
			}
			var page []string
			for _, d := range found.Items {
				page = append(page, id(d))
			}
			items, unreadable = append(items, page...), append(unreadable, found.Unreadable...)
			if !found.More {
				break
			}
			after = slices.Min(append(page, found.Unreadable...))
		}
		want(t, items, readable)
		if want(t, unreadable, spoilt); t.Failed() {
			t.Fatalf("by pages of %d", limit)
		}
	}
}

// unreadableInPages lists by cursors, as users do.
func unreadableInPages(t *testing.T, s game.Store, readable []game.SessionID) {
	t.Helper()
	ctx := game.WithCaller(t.Context(), game.Caller{Project: project, Scope: game.ScopeServer})
	service := game.NewSessions(deps(s))
	id := func(v game.Session) game.SessionID { return v.ID }
	wantInPages(t, readable, id, func(cursor string, limit int) (game.List[game.Session], error) {
		return service.List(ctx, game.SessionQuery{}, cursor, limit)
	})
}

// wantInPages lists all by the cursors of pages of each size up to one that holds more than all, and compares the keys.
func wantInPages[D, K any](
	t *testing.T, wanted []K, key func(D) K, list func(cursor string, limit int) (game.List[D], error),
) {
	t.Helper()
	for limit := 1; limit <= len(wanted)+5; limit++ {
		var got []K
		for cursor, more := "", true; more; more = cursor != "" {
			l, err := list(cursor, limit)
			must(t, err)
			for _, d := range l.Items {
				got = append(got, key(d))
			}
			cursor = l.NextCursor
		}
		if want(t, got, wanted); t.Failed() {
			t.Fatalf("by pages of %d", limit)
		}
	}
}

// unreadableAlone checks that what is about one document fails, and so does an export, which must be complete.
func unreadableAlone(t *testing.T, s game.Store, sessions, players []string) {
	t.Helper()
	_, err := s.Session(t.Context(), project, game.SessionID(sessions[0]))
	wantUnreadable(t, err)
	_, err = s.Player(t.Context(), project, game.PlayerID(players[0]))
	wantUnreadable(t, err)
	_, err = s.ExportSessions(t.Context(), "", 100)
	wantError(t, err, game.ErrStoreUnavailable)
	_, err = s.ExportPlayers(t.Context(), "", 100)
	wantError(t, err, game.ErrStoreUnavailable)
}

func wantUnreadable(t *testing.T, err error) {
	t.Helper()
	wantError(t, err, game.ErrStoreUnavailable)
	wantError(t, err, game.ErrUnreadable)
}

// unreadablePulses reads the pulses of sessions together. The readable ones are found.
func unreadablePulses(t *testing.T, s game.Store, readable []game.SessionID, spoilt []string) {
	t.Helper()
	all := slices.Clone(readable)
	for _, id := range spoilt {
		all = append(all, game.SessionID(id))
	}
	pulses, err := s.Pulses(t.Context(), project, all)
	must(t, err)
	var found []game.SessionID
	for _, p := range pulses {
		found = append(found, p.ID)
	}
	slices.Sort(found)
	want(t, found, slices.Sorted(slices.Values(readable)))
}

// unreadableSweep sweeps the seats of a member of readable and unreadable sessions. The seats in the readable ones are
// freed, and the sweep goes on until the others can be read.
func unreadableSweep(t *testing.T, s game.Store, member game.PlayerID, readable []game.Session) {
	t.Helper()
	p := activePlayer()
	p.ID, p.Status, p.SweepSince = member, game.PlayerSuspended, new(now().AddDate(-1, 0, 0))
	must(t, s.CreatePlayer(t.Context(), p))
	d := deps(s)
	err := game.NewPlayers(d, game.NewSessions(d)).FreeSeats(t.Context())
	if wantError(t, err, game.ErrStoreUnavailable); errors.Is(err, game.ErrPlayerNotFound) {
		t.Error(err)
	}
	for _, v := range readable {
		got, err := s.Session(t.Context(), project, v.ID)
		must(t, err)
		if len(got.Members) > 0 {
			t.Errorf("the session has members %v", got.Members)
		}
	}
	wantPlayer(t, s, p)
}
