package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

// refusals tests writes that can be rejected for several reasons. Every engine must return the same one.
func refusals() []check {
	return []check{
		{"create a player", refusedNewPlayers},
		{"replace a player", refusedPlayers},
		{"create a player that is being erased", refusedErasedPlayer},
		{"create and replace a session", refusedSessions},
		{"create and replace a key", refusedKeys},
	}
}

// claimed tells which names of a player other players already have.
type claimed struct{ username, identity bool }

func everyClaim() []claimed {
	return []claimed{{false, false}, {true, false}, {false, true}, {true, true}}
}

// claim creates the other players, gives p the names that are taken, and returns the error to expect.
func (c claimed) claim(t *testing.T, s game.Store, p *game.Player) error {
	t.Helper()
	named, identified := activePlayer(), activePlayer()
	must(t, s.CreatePlayer(t.Context(), named))
	must(t, s.CreatePlayer(t.Context(), identified))
	var refused error
	if c.identity {
		p.Identities = map[string]string{"steam": identified.Identities["steam"], "epic": newID()}
		refused = game.ErrIdentityTaken
	}
	if c.username {
		p.Username, refused = strings.ToUpper(named.Username), game.ErrUsernameTaken
	}
	return refused
}

func refusedNewPlayers(t *testing.T, s game.Store) {
	for _, c := range everyClaim() {
		for _, where := range []game.ProjectID{"", project, "elsewhere"} { // project of the player that has the id
			p := activePlayer()
			refused := c.claim(t, s, &p)
			if where != "" {
				holder := activePlayer()
				holder.ID, holder.Project, refused = p.ID, where, game.ErrExists
				must(t, s.CreatePlayer(t.Context(), holder))
			}
			wantRefused(
				t, s.CreatePlayer(t.Context(), p), refused, "create with %+v and the id in project %q", c, where,
			)
		}
	}
}

// refusedErasedPlayer creates a player again that has been erased since, while another player has taken its names.
func refusedErasedPlayer(t *testing.T, s game.Store) {
	p := activePlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.ReplacePlayer(t.Context(), p, erasingPlayer(p)))
	other := activePlayer()
	other.Username, other.Identities = p.Username, p.Identities
	must(t, s.CreatePlayer(t.Context(), other))
	wantError(t, s.CreatePlayer(t.Context(), p), game.ErrExists)
}

func refusedPlayers(t *testing.T, s game.Store) {
	for _, c := range everyClaim() {
		for _, state := range []string{"current", "stale", "missing", "elsewhere"} {
			old := activePlayer()
			if state != "missing" {
				stored := old
				if state == "elsewhere" {
					stored.Project = "elsewhere"
				}
				must(t, s.CreatePlayer(t.Context(), stored))
			}
			next := old
			next.Version = 2
			refused := c.claim(t, s, &next)
			switch state {
			case "stale":
				newer := old
				newer.Version, newer.DisplayName, refused = 2, "newer", game.ErrStale
				must(t, s.ReplacePlayer(t.Context(), old, newer))
			case "missing", "elsewhere":
				refused = game.ErrPlayerNotFound
			}
			wantRefused(
				t, s.ReplacePlayer(t.Context(), old, next), refused, "replace one that is %s with %+v", state, c,
			)
		}
	}
}

func refusedSessions(t *testing.T, s game.Store) {
	for _, where := range []game.ProjectID{project, "elsewhere"} {
		v := openSession(4)
		holder := openSession(4)
		holder.ID, holder.Project, holder.Version = v.ID, where, 2
		must(t, s.CreateSession(t.Context(), holder))
		wantError(t, s.CreateSession(t.Context(), v), game.ErrExists)
		next, refused := v, game.ErrStale
		if next.Version = 2; where != project {
			refused = game.ErrSessionNotFound
		}
		wantError(t, s.ReplaceSession(t.Context(), v, next), refused)
	}
}

func refusedKeys(t *testing.T, s game.Store) {
	for _, where := range []game.ProjectID{project, "elsewhere"} {
		k := plainKey()
		holder := newKey()
		holder.ID, holder.Project, holder.Version = k.ID, where, 2
		must(t, s.CreateKey(t.Context(), holder))
		wantError(t, s.CreateKey(t.Context(), k), game.ErrExists)
		next, refused, gone := k, game.ErrStale, game.ErrStale
		if next.Version = 2; where != project {
			refused, gone = game.ErrKeyNotFound, nil
		}
		wantError(t, s.ReplaceKey(t.Context(), k, next), refused)
		wantError(t, s.DeleteKey(t.Context(), k), gone)
	}
}

// wantRefused checks the error of the write that the format describes; nil means success.
func wantRefused(t *testing.T, err, wanted error, format string, args ...any) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Errorf("%s: got error %v, want %v", fmt.Sprintf(format, args...), err, wanted)
	}
}
