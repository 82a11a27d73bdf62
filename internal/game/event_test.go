package game_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// timeline reads what happened to a document, the oldest first.
func (p process) timeline(tb testing.TB, kind game.SubjectKind, id string) []game.Event {
	tb.Helper()
	events, err := p.store.Timeline(p.ctx, game.TimelineQuery{
		Project: "p", Subject: game.Subject{Kind: kind, ID: id}, Limit: 1000,
	})
	ok(tb, err)
	slices.Reverse(events)
	for i, e := range events {
		if e.Version != int64(i+1) || e.Project != "p" || len(e.Changes) == 0 {
			tb.Fatalf("event %d of %s %s is %+v", i+1, kind, id, e)
		}
	}
	return events
}

func changesOf(events []game.Event) []game.Changes {
	var all []game.Changes
	for _, e := range events {
		all = append(all, e.Changes)
	}
	return all
}

// A kick, a leave, a suspension and an erasure have different events.
func TestEventsOfASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	var who []game.PlayerID
	for n := range 5 {
		who = append(who, p.register(t, p.ctx, fmt.Sprintf("player-%d", n)).ID)
	}
	created, err := p.sessions.Create(p.ctx, game.SessionRequest{
		Settings: game.Settings{Name: "Ada's", MaxPlayers: 5}, HostID: &who[0],
	}, game.Idempotency{})
	ok(t, err)
	id := created.Document.ID
	for _, x := range who[1:] {
		_, _, err := p.sessions.Join(p.ctx, id, nil, game.JoinRequest{PlayerID: x})
		ok(t, err)
	}
	_, _, err = p.sessions.Join(p.ctx, id, nil, game.JoinRequest{PlayerID: who[1]}) // changes nothing
	ok(t, err)
	own := game.WithCaller(p.ctx, game.Caller{Project: "p", Scope: game.ScopePlayer, Player: who[0]})
	_, err = p.sessions.Leave(own, id, nil, who[0])
	ok(t, err)
	_, err = p.sessions.Leave(p.ctx, id, nil, who[2])
	ok(t, err)
	_, err = p.players.Edit(p.ctx, who[3], nil, func(f game.Profile) (game.Profile, error) {
		f.Status, f.SuspensionReason = game.PlayerSuspended, "said things"
		return f, nil
	})
	ok(t, err)
	ok(t, p.players.Erase(p.ctx, who[4], nil))
	_, err = p.sessions.Edit(p.ctx, id, nil, func(e game.SessionEdit) (game.SessionEdit, error) {
		e.Name, e.Connection = "Bo's", &game.Connection{Address: "127.0.0.1", Port: 7777}
		return e, nil
	})
	ok(t, err)
	_, err = p.sessions.Move(p.ctx, id, nil, game.Move{Status: game.StatusInProgress})
	ok(t, err)
	_, err = p.sessions.Move(p.ctx, id, nil, game.Move{Status: game.StatusEnded})
	ok(t, err)

	events := p.timeline(t, game.SubjectSession, string(id))
	equal(t, []game.Changes{
		{
			game.SessionCreated{Status: "open"},
			game.MemberJoined{PlayerID: who[0]},
			game.HostChanged{To: who[0], Reason: game.HostJoined},
		},
		{game.MemberJoined{PlayerID: who[1]}},
		{game.MemberJoined{PlayerID: who[2]}},
		{game.MemberJoined{PlayerID: who[3]}},
		{game.MemberJoined{PlayerID: who[4]}},
		{
			game.MemberLeft{PlayerID: who[0]},
			game.HostChanged{From: who[0], To: who[1], Reason: game.HostLost},
		},
		{game.MemberRemoved{PlayerID: who[2], Reason: game.RemovedKicked}},
		{game.MemberRemoved{PlayerID: who[3], Reason: game.RemovedSuspended}},
		{game.MemberRemoved{PlayerID: who[4], Reason: game.RemovedErased}},
		{game.SettingsChanged{Fields: []string{"name", "connection"}}},
		{game.StatusChanged{From: "open", To: "in_progress"}},
		{game.StatusChanged{From: "in_progress", To: "ended", Reason: game.ReasonCompleted}},
	}, changesOf(events))
	equal(t, game.Actor{Kind: game.ActorPlayer, ID: string(who[0])}, events[5].Actor)
	equal(t, game.Actor{Kind: game.ActorSystem, ID: "sweep"}, events[8].Actor)

	equal(t, []game.Changes{
		{game.PlayerCreated{}},
		{game.ProfileChanged{Fields: []string{"suspension_reason"}}, game.SuspensionSet{}},
	}, changesOf(p.timeline(t, game.SubjectPlayer, string(who[3]))))
	equal(t, []game.Changes{{game.PlayerCreated{}}, {game.PlayerErased{}}},
		changesOf(p.timeline(t, game.SubjectPlayer, string(who[4]))))
}

func TestEventsOfAKey(t *testing.T) {
	t.Parallel()
	keys, p := keyring(t)
	k, _ := p.issue(t, nil)
	ok(t, keys.Used(t.Context(), k)) // makes no version
	_, _, err := keys.Rotate(p.ctx, k.ID, time.Hour)
	ok(t, err)
	_, err = keys.Revoke(p.ctx, k.ID)
	ok(t, err)
	equal(t, []game.Changes{
		{game.APIKeyCreated{Scope: k.Scope}},
		{game.APIKeyRotated{RetiresAt: later(3600)}},
		{game.APIKeyRevoked{}},
	}, changesOf(p.timeline(t, game.SubjectKey, string(k.ID))))
}

// A suspension that has ended is lifted by the system, before the change of whoever comes.
func TestEventOfALiftedSuspension(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	id := p.register(t, p.ctx, "ada").ID
	edit := func(change func(*game.Profile)) {
		t.Helper()
		_, err := p.players.Edit(p.ctx, id, nil, func(f game.Profile) (game.Profile, error) {
			change(&f)
			return f, nil
		})
		ok(t, err)
	}
	edit(func(f *game.Profile) { f.Status, f.SuspendedUntil = game.PlayerSuspended, new(later(60)) })
	w.clock.add(time.Hour)
	edit(func(f *game.Profile) { f.DisplayName = "Ada L." })
	events := p.timeline(t, game.SubjectPlayer, string(id))
	equal(t, []game.Changes{
		{game.PlayerCreated{}},
		{game.SuspensionSet{Until: new(later(60))}},
		{game.SuspensionLifted{Reason: game.LiftedByTime}},
		{game.ProfileChanged{Fields: []string{"display_name"}}},
	}, changesOf(events))
	equal(t, game.ActorSystem, events[2].Actor.Kind)
}

func TestActors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	ada := p.register(t, p.ctx, "ada").ID
	key := game.Key{ID: "k1", Project: "p", Scope: game.ScopeServer}
	admin := game.Key{ID: "k2", Project: "p", Scope: game.ScopeAdmin}
	as, err := func() (game.Caller, error) { c := key.Caller(); return c.As(ada) }()
	ok(t, err)
	for _, tt := range []struct {
		caller game.Caller
		actor  game.Actor
		as     game.PlayerID
	}{
		{key.Caller(), game.Actor{Kind: game.ActorKey, ID: "k1"}, ""},
		{admin.Caller(), game.Actor{Kind: game.ActorAdmin, ID: "k2"}, ""},
		{as, game.Actor{Kind: game.ActorKey, ID: "k1"}, ada},
		{
			game.Caller{Project: "p", Scope: game.ScopePlayer, Player: ada, Name: "player"},
			game.Actor{Kind: game.ActorPlayer, ID: string(ada)},
			"",
		},
	} {
		ctx := game.WithRequestID(game.WithCaller(t.Context(), tt.caller), "request-1")
		v, err := p.sessions.Create(ctx, game.SessionRequest{Settings: game.Settings{MaxPlayers: 2}, HostID: &ada},
			game.Idempotency{})
		ok(t, err)
		e := p.timeline(t, game.SubjectSession, string(v.Document.ID))[0]
		equal(t, tt.actor, e.Actor)
		equal(t, tt.as, e.ActingAs)
		equal(t, "request-1", e.RequestID)
		equal(t, []game.PlayerID{ada}, e.Players())
	}
}

// Events outlive an erasure, so that no change has a field that could hold what a person wrote: ids, times, numbers and
// the constants of closed lists only, and names of fields.
func TestChangesHoldNothingPersonal(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"game.PlayerID", "game.SessionStatus", "game.EndReason", "game.RemovalReason", "game.HostReason",
		"game.LiftReason", "game.WaitEnd", "game.Liveness", "game.WebhookReason", "int64",
		"game.Scope", "time.Time", "*time.Time",
	}
	names := map[game.ChangeType]bool{}
	for _, c := range game.AllChanges() {
		typ := reflect.TypeOf(c)
		if names[game.TypeOf(c)] {
			t.Errorf("two types of change are named %s", game.TypeOf(c))
		}
		names[game.TypeOf(c)] = true
		for f := range typ.Fields() {
			// Why is a word: see checkReason.
			if f.Name == "Fields" && f.Type == reflect.TypeFor[[]string]() || f.Name == "Why" ||
				slices.Contains(allowed, f.Type.String()) {
				continue
			}
			t.Errorf("%s.%s is a %s", typ.Name(), f.Name, f.Type)
		}
	}
}

func TestChangesInJSON(t *testing.T) {
	t.Parallel()
	var all game.Changes
	for _, c := range game.AllChanges() {
		v := reflect.New(reflect.TypeOf(c)).Elem()
		fill(v)
		all = append(all, v.Interface().(game.Change)) //nolint:forcetypeassert // it is one
	}
	b, err := json.Marshal(all)
	ok(t, err)
	var got game.Changes
	ok(t, json.Unmarshal(b, &got))
	equal(t, all, got)
	if err := json.Unmarshal([]byte(`[{"type":"no_such"}]`), &got); err == nil {
		t.Error("an unknown type of change is decoded")
	}
}

// fill sets every field to a value that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(later(7)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.String:
		v.SetString("x")
	case reflect.Int64:
		v.SetInt(7)
	default:
		panic(v.Kind())
	}
}
