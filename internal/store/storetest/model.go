package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"game-session-manager/internal/game"
)

func model() []check {
	return []check{{"players", modelOfPlayers}, {"sessions", modelOfSessions}}
}

// steps takes random actions, and the nameless one after each. They are few, because a step is a write to a disk.
func steps(r *rapid.T, actions map[string]func(*rapid.T)) {
	invariant := actions[""]
	delete(actions, "")
	names := slices.Sorted(maps.Keys(actions))
	for range rapid.IntRange(1, 12).Draw(r, "steps") {
		actions[rapid.SampledFrom(names).Draw(r, "action")](r)
		invariant(r)
	}
}

// modelOfPlayers makes random calls on a store and on a map, which must agree. Each run has a project of its own.
func modelOfPlayers(t *testing.T, s game.Store) {
	rapid.Check(t, func(r *rapid.T) {
		pr := game.ProjectID("project-" + newID())
		there := map[game.PlayerID]game.Player{}
		ids := make([]game.PlayerID, 4)
		for i := range ids {
			ids[i] = game.PlayerID(newID())
		}
		draw := func(version int64) game.Player {
			p := activePlayer()
			p.ID, p.Project, p.Version = rapid.SampledFrom(ids).Draw(r, "id"), pr, version
			p.Username = rapid.SampledFrom([]string{"anna", "Anna", "bob", ""}).Draw(r, "username")
			p.Identities = rapid.MapOfN(rapid.SampledFrom([]string{"steam", "epic"}), rapid.SampledFrom([]string{"1", "2"}), 0, 2).Draw(r, "identities")
			p.Status = rapid.SampledFrom(game.PlayerStatuses()).Draw(r, "status")
			return p
		}
		steps(r, map[string]func(*rapid.T){
			"create": func(r *rapid.T) {
				p := draw(1)
				_, exists := there[p.ID]
				username, identity := collisions(there, p, "")
				err := s.CreatePlayer(t.Context(), p)
				agree(r, err, map[error]bool{game.ErrExists: exists, game.ErrUsernameTaken: username, game.ErrIdentityTaken: identity})
				if err == nil {
					there[p.ID] = p
				}
			},
			"replace": func(r *rapid.T) {
				version := rapid.Int64Range(1, 4).Draw(r, "version")
				next := draw(version + 1)
				old, exists := there[next.ID]
				stale := exists && old.Version != version
				old.ID, old.Project, old.Version = next.ID, pr, version
				username, identity := collisions(there, next, next.ID)
				err := s.ReplacePlayer(t.Context(), old, next)
				agree(r, err, map[error]bool{
					game.ErrPlayerNotFound: !exists, game.ErrStale: stale, game.ErrUsernameTaken: username, game.ErrIdentityTaken: identity,
				})
				if err == nil {
					there[next.ID] = next
				}
			},
			"delete": func(r *rapid.T) {
				id := rapid.SampledFrom(ids).Draw(r, "id")
				old, exists := there[id]
				if !exists {
					old = game.Player{ID: id, Project: pr, Version: 1}
				}
				if rapid.Bool().Draw(r, "stale") {
					old.Version++
					err := s.DeletePlayer(t.Context(), old)
					agree(r, err, map[error]bool{game.ErrStale: exists})
					return
				}
				must(r, s.DeletePlayer(t.Context(), old))
				delete(there, id)
			},
			"": func(r *rapid.T) {
				q := game.PlayerQuery{Project: pr, Limit: 10, Status: rapid.SampledFrom([]game.PlayerStatus{"", "active", "suspended"}).Draw(r, "status")}
				found, err := s.Players(t.Context(), q)
				must(r, err)
				all := make([]game.Player, 0, len(there))
				for p := range maps.Values(there) {
					all = append(all, p)
				}
				want(r, found, selectedPlayers(all, q))
			},
		})
	})
}

// collisions reports whether a player, except the given one, has the username or one of the identities.
func collisions(there map[game.PlayerID]game.Player, p game.Player, except game.PlayerID) (username, identity bool) {
	for id, other := range there {
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

// agree reports an answer that is none of those that are true, or a success where one of them is.
func agree(r *rapid.T, err error, refusals map[error]bool) {
	for target, holds := range refusals {
		if holds && err == nil {
			r.Fatalf("got a success, want %v", target)
		}
		if errors.Is(err, target) {
			if !holds {
				r.Fatalf("got %v, which is not so", err)
			}
			return
		}
	}
	must(r, err)
}

// modelOfSessions changes random sessions in random ways, after which every list agrees with a map.
func modelOfSessions(t *testing.T, s game.Store) {
	rapid.Check(t, func(r *rapid.T) {
		pr := game.ProjectID("project-" + newID())
		var all []game.Session
		members := make([]game.Member, 3)
		for i := range members {
			members[i] = newMember()
		}
		vary := func(r *rapid.T, v *game.Session) {
			v.Status = rapid.SampledFrom([]game.SessionStatus{game.StatusOpen, game.StatusEnded}).Draw(r, "status")
			v.Mode = rapid.SampledFrom([]string{"", "a", "b"}).Draw(r, "mode")
			v.Visibility = rapid.SampledFrom(game.Visibilities()).Draw(r, "visibility")
			v.Members = rapid.Permutation(members).Draw(r, "members")[:rapid.IntRange(0, 3).Draw(r, "seats")]
			v.HostID = nil
			if len(v.Members) > 0 && rapid.Bool().Draw(r, "hosted") {
				v.HostID = &v.Members[0].PlayerID
			}
			v.Attributes = rapid.MapOfN(rapid.SampledFrom([]string{"x", "y"}),
				rapid.SampledFrom([]game.Value{game.NumberValue(1), game.StringValue("1"), game.BoolValue(true)}), 0, 2).Draw(r, "attributes")
		}
		steps(r, map[string]func(*rapid.T){
			"create": func(r *rapid.T) {
				v := openSession(3)
				v.Project = pr
				vary(r, &v)
				must(r, s.CreateSession(t.Context(), v))
				all = append(all, v)
			},
			"replace": func(r *rapid.T) {
				if len(all) == 0 {
					return
				}
				i := rapid.IntRange(0, len(all)-1).Draw(r, "which")
				next := all[i]
				next.Version++
				vary(r, &next)
				must(r, s.ReplaceSession(t.Context(), all[i], next))
				all[i] = next
			},
			"": func(r *rapid.T) {
				q := game.SessionQuery{Project: pr, Limit: 5}
				switch k := rapid.IntRange(0, 6).Draw(r, "filter"); k {
				case 0:
					q.Member = members[0].PlayerID
				case 1:
					q.Host = members[1].PlayerID
				case 2:
					q.Attributes = game.Attributes{"x": game.StringValue("1")}
				case 3:
					q.Mode, q.Visibility = "a", game.VisibilityPrivate
				case 4:
					q.FreeSeats, q.Status = 2, game.StatusOpen
				case 5:
					q.Attributes = game.Attributes{"x": game.NumberValue(1), "y": game.BoolValue(true)}
				}
				found, err := s.Sessions(t.Context(), q)
				must(r, err)
				if wanted := selectedSessions(all, q); fmt.Sprint(sessionIDs(found)) != fmt.Sprint(sessionIDs(wanted)) {
					r.Fatalf("by %+v found %v, want %v", q, sessionIDs(found), sessionIDs(wanted))
				}
			},
		})
	})
}

func sessionIDs(all []game.Session) []game.SessionID {
	ids := make([]game.SessionID, len(all))
	for i, v := range all {
		ids[i] = v.ID
	}
	return ids
}
