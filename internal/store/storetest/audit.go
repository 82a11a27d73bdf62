package storetest

import (
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// auditedEvents stores events of all kinds, with places, and returns those of the audit log in the order of the feed.
func auditedEvents(t *testing.T, s game.Store) []game.Event {
	t.Helper()
	admin, key := game.Actor{Kind: game.ActorAdmin, ID: "a"}, game.Actor{Kind: game.ActorKey, ID: "k"}
	player, system := game.Actor{Kind: game.ActorPlayer, ID: "p"}, game.Actor{Kind: game.ActorSystem, ID: "sweep"}
	ban := game.PlayerBanned{PlayerID: "x"}
	end := func(r game.EndReason) game.Change {
		return game.StatusChanged{From: game.StatusOpen, To: game.StatusCancelled, Reason: r}
	}
	for i, e := range []struct {
		kind    game.SubjectKind
		by      game.Actor
		as      game.PlayerID
		audited bool
		changes []game.Change
	}{
		{game.SubjectSession, admin, "", true, []game.Change{game.SessionCreated{}, ban}},
		{game.SubjectSession, key, "", true, []game.Change{ban}},
		{game.SubjectSession, key, "p", false, []game.Change{ban}},
		{game.SubjectSession, player, "", false, []game.Change{ban}},
		{game.SubjectSession, admin, "", false, []game.Change{game.SessionCreated{}}},
		{game.SubjectSession, admin, "", true, []game.Change{end(game.ReasonCancelledByAdmin)}},
		{game.SubjectSession, key, "", false, []game.Change{end(game.ReasonCompleted)}},
		{game.SubjectSession, admin, "", false, []game.Change{game.MemberRemoved{PlayerID: "x", Reason: "kicked"}}},
		{game.SubjectPlayer, system, "", false, []game.Change{game.SuspensionLifted{Reason: game.LiftedByTime}}},
		{game.SubjectPlayer, key, "", true, []game.Change{game.SuspensionSet{}}},
		{game.SubjectPlayer, player, "", false, []game.Change{game.PlayerErased{}}},
		{game.SubjectKey, admin, "", true, []game.Change{game.APIKeyCreated{Scope: game.ScopeRead}}},
		{game.SubjectKey, system, "", true, []game.Change{game.APIKeyRevoked{}}},
	} {
		d := NewSubject(e.kind, project)
		event := d.Event(1, e.changes...)
		event.Actor, event.ActingAs = e.by, e.as
		if event.Audited() != e.audited {
			t.Errorf("event %d: audited is %t", i, !e.audited)
		}
		must(t, d.Create(t.Context(), s, event))
	}
	elsewhere := NewSubject(game.SubjectKey, "elsewhere")
	must(t, elsewhere.Create(t.Context(), s, elsewhere.Event(1, game.APIKeyRevoked{})))
	order(t, s)
	audited := slices.DeleteFunc(feedOf(t, s, project), func(e game.Event) bool { return !e.Audited() })
	want(t, len(audited), 6)
	return audited
}

// audit finds few events among many, from either end, and none that were removed.
func audit(t *testing.T, s game.Store) {
	all := auditedEvents(t, s)
	find := func(q game.FeedQuery) []game.Event {
		t.Helper()
		q.Project, q.Audited = project, true
		found, err := s.Feed(t.Context(), q)
		must(t, err)
		return found
	}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	want(t, find(game.FeedQuery{Limit: 100}), all)
	want(t, find(game.FeedQuery{Limit: 2, After: all[0].Seq}), all[1:3])
	want(t, find(game.FeedQuery{Limit: 2, Newest: true}), newest[:2])
	want(t, find(game.FeedQuery{Limit: 100, Newest: true, Before: newest[1].Seq}), newest[2:])
	wantSound(t, s)

	stored, err := s.ExportEvents(t.Context(), "", 1000)
	must(t, err)
	_, err = s.PurgeEvents(t.Context(), now().Add(time.Hour), 1000)
	must(t, err)
	want(t, find(game.FeedQuery{Limit: 100}), []game.Event{})
	wantSound(t, s)
	stored = slices.DeleteFunc(stored, func(e game.Event) bool { return e.Project != project })
	for i := range stored {
		stored[i].Seq += 1000
	}
	must(t, s.PutEvents(t.Context(), stored))
	want(t, len(find(game.FeedQuery{Limit: 100})), len(all))
	wantSound(t, s)
}
