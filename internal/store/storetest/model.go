package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"game-session-manager/internal/game"
)

func model() []check {
	return []check{{"players", modelOfPlayers}, {"sessions", modelOfSessions}, {"keys", modelOfKeys}}
}

// steps performs random actions, and the one with the empty name after each. There are few, because each writes to a
// disk.
func steps(r *rapid.T, actions map[string]func(*rapid.T)) {
	invariant := actions[""]
	delete(actions, "")
	names := slices.Sorted(maps.Keys(actions))
	for range rapid.IntRange(1, 12).Draw(r, "steps") {
		actions[rapid.SampledFrom(names).Draw(r, "action")](r)
		invariant(r)
	}
}

// modelOfPlayers makes random calls on a store and on a map, which must agree. Each run uses a new project.
func modelOfPlayers(t *testing.T, s game.Store) {
	rapid.Check(t, func(r *rapid.T) {
		m := playerModel{
			t.Context(), s, game.ProjectID("project-" + newID()), make([]game.PlayerID, 4),
			map[game.PlayerID]game.Player{},
		}
		for i := range m.ids {
			m.ids[i] = game.PlayerID(newID())
		}
		steps(r, map[string]func(*rapid.T){"create": m.create, "replace": m.replace, "delete": m.delete, "": m.list})
	})
}

type playerModel struct {
	ctx     context.Context //nolint:containedctx // the test's
	store   game.Store
	project game.ProjectID
	ids     []game.PlayerID
	stored  map[game.PlayerID]game.Player
}

func (m *playerModel) draw(r *rapid.T, version int64) game.Player {
	p := activePlayer()
	p.ID, p.Project, p.Version = rapid.SampledFrom(m.ids).Draw(r, "id"), m.project, version
	p.Username = rapid.SampledFrom([]string{"anna", "Anna", "bob", ""}).Draw(r, "username")
	p.Identities = rapid.MapOfN(
		rapid.SampledFrom([]string{"steam", "epic"}), rapid.SampledFrom([]string{"1", "2"}), 0, 2,
	).Draw(r, "identities")
	p.Status = rapid.SampledFrom(game.PlayerStatuses()).Draw(r, "status")
	return p
}

func (m *playerModel) create(r *rapid.T) {
	p := m.draw(r, 1)
	_, exists := m.stored[p.ID]
	username, identity := collisions(m.stored, p, "")
	err := m.store.CreatePlayer(m.ctx, p)
	wantOneOf(r, err, map[error]bool{
		game.ErrExists: exists, game.ErrUsernameTaken: username, game.ErrIdentityTaken: identity,
	})
	if err == nil {
		m.stored[p.ID] = p
	}
}

func (m *playerModel) replace(r *rapid.T) {
	version := rapid.Int64Range(1, 4).Draw(r, "version")
	next := m.draw(r, version+1)
	old, exists := m.stored[next.ID]
	stale := exists && old.Version != version
	old.ID, old.Project, old.Version = next.ID, m.project, version
	username, identity := collisions(m.stored, next, next.ID)
	err := m.store.ReplacePlayer(m.ctx, old, next)
	wantOneOf(r, err, map[error]bool{
		game.ErrPlayerNotFound: !exists, game.ErrStale: stale, game.ErrUsernameTaken: username,
		game.ErrIdentityTaken: identity,
	})
	if err == nil {
		m.stored[next.ID] = next
	}
}

func (m *playerModel) delete(r *rapid.T) {
	id := rapid.SampledFrom(m.ids).Draw(r, "id")
	old, exists := m.stored[id]
	if !exists {
		old = game.Player{ID: id, Project: m.project, Version: 1}
	}
	if rapid.Bool().Draw(r, "stale") {
		old.Version++
		err := m.store.DeletePlayer(m.ctx, old)
		wantOneOf(r, err, map[error]bool{game.ErrStale: exists})
		return
	}
	must(r, m.store.DeletePlayer(m.ctx, old))
	delete(m.stored, id)
}

func (m *playerModel) list(r *rapid.T) {
	status := rapid.SampledFrom([]game.PlayerStatus{"", "active", "suspended"}).Draw(r, "status")
	q := game.PlayerQuery{Project: m.project, Limit: 10, Where: withText(game.Is(game.FieldStatus, status))}
	found, err := m.store.Players(m.ctx, q)
	must(r, err)
	want(r, found, selectedPlayers(slices.Collect(maps.Values(m.stored)), q))
}

// collisions reports whether another player than except has the username or one of the identities.
func collisions(stored map[game.PlayerID]game.Player, p game.Player, except game.PlayerID) (username, identity bool) {
	for id, other := range stored {
		if id == except {
			continue
		}
		username = username || p.Username != "" && other.UsernameKey() == p.UsernameKey()
		for provider, subject := range p.Identities {
			has, ok := other.Identities[provider]
			identity = identity || ok && has == subject
		}
	}
	return username, identity
}

// wantOneOf checks that err is one of the errors that are true, and nil only if none is.
func wantOneOf(r *rapid.T, err error, refusals map[error]bool) {
	for target, holds := range refusals {
		if holds && err == nil {
			r.Fatalf("got a success, want %v", target)
		}
		if errors.Is(err, target) {
			if !holds {
				r.Fatalf("got %v, which does not apply", err)
			}
			return
		}
	}
	must(r, err)
}

// modelOfSessions makes random changes of sessions, after each of which every list must agree with a slice.
func modelOfSessions(t *testing.T, s game.Store) {
	rapid.Check(t, func(r *rapid.T) {
		m := sessionModel{
			ctx: t.Context(), store: s, project: game.ProjectID("project-" + newID()), members: make([]game.Member, 3),
		}
		for i := range m.members {
			m.members[i] = newMember()
		}
		steps(r, map[string]func(*rapid.T){"create": m.create, "replace": m.replace, "": m.list})
	})
}

type sessionModel struct {
	ctx     context.Context //nolint:containedctx // the test's
	store   game.Store
	project game.ProjectID
	members []game.Member // that sessions may have
	all     []game.Session
}

// vary changes the fields that lists filter by.
func (m *sessionModel) vary(r *rapid.T, v *game.Session) {
	v.Status = rapid.SampledFrom([]game.SessionStatus{game.StatusOpen, game.StatusEnded}).Draw(r, "status")
	v.Mode = rapid.SampledFrom([]string{"", "a", "b"}).Draw(r, "mode")
	v.Visibility = rapid.SampledFrom(game.Visibilities()).Draw(r, "visibility")
	v.Members = rapid.Permutation(m.members).Draw(r, "members")[:rapid.IntRange(0, 3).Draw(r, "seats")]
	v.HostID, v.Hosted = nil, rapid.Bool().Draw(r, "hosted")
	if len(v.Members) > 0 && rapid.Bool().Draw(r, "host") {
		v.HostID, v.Hosted = &v.Members[0].PlayerID, true
	}
	values := []game.Value{game.NumberValue(1), game.StringValue("1"), game.BoolValue(true)}
	v.Attributes = rapid.MapOfN(
		rapid.SampledFrom([]string{"x", "y"}), rapid.SampledFrom(values), 0, 2,
	).Draw(r, "attributes")
}

func (m *sessionModel) create(r *rapid.T) {
	v := openSession(3)
	v.Project = m.project
	m.vary(r, &v)
	must(r, m.store.CreateSession(m.ctx, v))
	m.all = append(m.all, v)
}

func (m *sessionModel) replace(r *rapid.T) {
	if len(m.all) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.all)-1).Draw(r, "which")
	next := m.all[i]
	next.Version++
	m.vary(r, &next)
	must(r, m.store.ReplaceSession(m.ctx, m.all[i], next))
	m.all[i] = next
	got, err := m.store.Session(m.ctx, m.project, next.ID)
	must(r, err)
	want(r, got, next)
}

func (m *sessionModel) list(r *rapid.T) {
	q := game.SessionQuery{Project: m.project, Limit: 5}
	switch k := rapid.IntRange(0, 6).Draw(r, "filter"); k {
	case 0:
		q.Where = game.Where{game.Is(game.FieldMember, m.members[0].PlayerID)}
	case 1:
		q.Where = game.Where{game.Is(game.FieldHost, m.members[1].PlayerID)}
	case 2:
		q.Where = game.AttributeFilter{"x": {game.StringValue("1"), game.NumberValue(1)}}.Where()
	case 3:
		q.Where = game.Where{game.Is("mode", "a"), game.Is(game.FieldVisibility, game.VisibilityPrivate)}
	case 4:
		q.Where = game.Where{game.AtLeast(game.FieldFreeSeats, 2), game.Is(game.FieldStatus, game.StatusOpen)}
	case 5:
		q.Where = game.AttributeFilter{"x": {game.NumberValue(1)}, "y": {game.BoolValue(true)}}.Where()
	}
	found, err := m.store.Sessions(m.ctx, q)
	must(r, err)
	got, wanted := sessionIDs(found.Items), sessionIDs(selectedSessions(m.all, q).Items)
	if !slices.Equal(got, wanted) {
		r.Fatalf("query %+v: got %v, want %v", q, got, wanted)
	}
}

func sessionIDs(all []game.Session) []game.SessionID {
	ids := make([]game.SessionID, len(all))
	for i, v := range all {
		ids[i] = v.ID
	}
	return ids
}

// modelOfKeys makes random calls on a store and on a map, which must agree.
func modelOfKeys(t *testing.T, s game.Store) {
	rapid.Check(t, func(r *rapid.T) {
		m := keyModel{
			t.Context(), s, game.ProjectID("project-" + newID()),
			[]game.KeyID{newKey().ID, newKey().ID, newKey().ID},
			map[game.KeyID]game.Key{},
		}
		steps(r, map[string]func(*rapid.T){"create": m.create, "replace": m.replace, "delete": m.delete, "": m.list})
	})
}

type keyModel struct {
	ctx     context.Context //nolint:containedctx // the test's
	store   game.Store
	project game.ProjectID
	ids     []game.KeyID
	stored  map[game.KeyID]game.Key
}

func (m *keyModel) draw(r *rapid.T, version int64) game.Key {
	k := rapid.SampledFrom([]func() game.Key{newKey, plainKey}).Draw(r, "kind")()
	k.ID, k.Project, k.Version = rapid.SampledFrom(m.ids).Draw(r, "id"), m.project, version
	return k
}

func (m *keyModel) create(r *rapid.T) {
	k := m.draw(r, 1)
	_, exists := m.stored[k.ID]
	err := m.store.CreateKey(m.ctx, k)
	wantOneOf(r, err, map[error]bool{game.ErrExists: exists})
	if err == nil {
		m.stored[k.ID] = k
	}
}

func (m *keyModel) replace(r *rapid.T) {
	version := rapid.Int64Range(1, 4).Draw(r, "version")
	next := m.draw(r, version+1)
	old, exists := m.stored[next.ID]
	stale := exists && old.Version != version
	old.ID, old.Project, old.Version = next.ID, m.project, version
	err := m.store.ReplaceKey(m.ctx, old, next)
	wantOneOf(r, err, map[error]bool{game.ErrKeyNotFound: !exists, game.ErrStale: stale})
	if err == nil {
		m.stored[next.ID] = next
	}
}

func (m *keyModel) delete(r *rapid.T) {
	old := m.draw(r, rapid.Int64Range(1, 4).Draw(r, "version"))
	stored, exists := m.stored[old.ID]
	stale := exists && stored.Version != old.Version
	err := m.store.DeleteKey(m.ctx, old)
	wantOneOf(r, err, map[error]bool{game.ErrStale: stale})
	if err == nil {
		delete(m.stored, old.ID)
	}
}

func (m *keyModel) list(r *rapid.T) {
	q := game.KeyQuery{Project: m.project, Limit: 10}
	found, err := m.store.Keys(m.ctx, q)
	must(r, err)
	want(r, found, selectedKeys(slices.Collect(maps.Values(m.stored)), q))
}
