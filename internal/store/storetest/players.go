package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func players() []check {
	return []check{
		{"create and read", createPlayer},
		{"not found", playerNotFound},
		{"exists", playerExists},
		{"replace", replacePlayer},
		{"replace refused", replacePlayerRefused},
		{"seen", playerSeen},
		{"delete", deletePlayer},
		{"without names", playersWithoutNames},
		{"username unique", usernameUnique},
		{"username freed", usernameFreed},
		{"identity unique", identityUnique},
		{"identity freed", identityFreed},
		{"by identity", playerByIdentity},
		{"failed replace changes nothing", failedPlayerReplace},
		{"project", playersOfProjects},
	}
}

func createPlayer(t *testing.T, s game.Store) {
	p := newPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	wantPlayer(t, s, p)
}

func playerNotFound(t *testing.T, s game.Store) {
	p := activePlayer()
	_, err := s.Player(t.Context(), project, p.ID)
	wantError(t, err, game.ErrPlayerNotFound)
	wantError(t, s.ReplacePlayer(t.Context(), p, p), game.ErrPlayerNotFound)
	must(t, s.DeletePlayer(t.Context(), p))
}

func playerExists(t *testing.T, s game.Store) {
	p := activePlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	other := activePlayer()
	other.ID = p.ID
	wantError(t, s.CreatePlayer(t.Context(), other), game.ErrExists)
	wantPlayer(t, s, p)

	other.ID = game.PlayerID(newID())
	must(t, s.CreatePlayer(t.Context(), other)) // the failed write claimed no names
}

func replacePlayer(t *testing.T, s game.Store) {
	old := activePlayer()
	must(t, s.CreatePlayer(t.Context(), old))
	next := newPlayer()
	next.ID, next.Version, next.CreatedAt = old.ID, 2, old.CreatedAt
	must(t, s.ReplacePlayer(t.Context(), old, next))
	wantPlayer(t, s, next)

	last := next
	last.Version, last.DisplayName = 3, "only this differs"
	must(t, s.ReplacePlayer(t.Context(), next, last))
	wantPlayer(t, s, last)
}

func replacePlayerRefused(t *testing.T, s game.Store) {
	old := activePlayer()
	must(t, s.CreatePlayer(t.Context(), old))
	next := old
	next.Version, next.DisplayName = 2, "two"
	must(t, s.ReplacePlayer(t.Context(), old, next))

	late := old
	late.Version, late.DisplayName = 2, "late"
	wantError(t, s.ReplacePlayer(t.Context(), old, late), game.ErrStale)
	wantPlayer(t, s, next)

	wantError(t, s.DeletePlayer(t.Context(), old), game.ErrStale)
	wantPlayer(t, s, next)
	must(t, s.DeletePlayer(t.Context(), next))
	wantError(t, s.ReplacePlayer(t.Context(), next, late), game.ErrPlayerNotFound)
}

// playerSeen checks that the time at which a player was seen changes without a version, and that no change undoes it
// that has read the player before.
func playerSeen(t *testing.T, s game.Store) {
	for _, first := range []*time.Time{nil, later(now())} {
		old := activePlayer()
		old.LastSeenAt = first
		must(t, s.CreatePlayer(t.Context(), old))
		seen := old
		seen.LastSeenAt = later(*later(now()))
		must(t, s.ReplacePlayer(t.Context(), old, seen))
		wantPlayer(t, s, seen)

		again := old
		again.LastSeenAt = later(now())
		wantError(t, s.ReplacePlayer(t.Context(), old, again), game.ErrStale)
		other := activePlayer()
		must(t, s.CreatePlayer(t.Context(), other))
		edited := old
		edited.Version, edited.DisplayName, edited.Username = 2, "two", other.Username
		wantError(t, s.ReplacePlayer(t.Context(), old, edited), game.ErrStale)
		wantPlayer(t, s, seen)

		erased := seen
		erased.Version, erased.LastSeenAt = 2, nil
		must(t, s.ReplacePlayer(t.Context(), seen, erased))
		wantPlayer(t, s, erased)
	}
}

func deletePlayer(t *testing.T, s game.Store) {
	p := activePlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.DeletePlayer(t.Context(), p))
	_, err := s.Player(t.Context(), project, p.ID)
	wantError(t, err, game.ErrPlayerNotFound)
	must(t, s.DeletePlayer(t.Context(), p))

	must(t, s.CreatePlayer(t.Context(), p)) // id, username and identities are free
	wantPlayer(t, s, p)
}

// playerByIdentity moves an identity from one player to another.
func playerByIdentity(t *testing.T, s game.Store) {
	find := func(of game.ProjectID, provider, subject string) (game.Player, error) {
		return s.PlayerByIdentity(t.Context(), of, game.Identity{Provider: provider, Subject: subject})
	}
	p, other, elsewhere := newPlayer(), activePlayer(), activePlayer()
	p.Identities = map[string]string{"steam": "a:b $'\"", "epic": "2"}
	other.Identities = map[string]string{"epic": "a:b $'\""}
	elsewhere.Project, elsewhere.Identities = "elsewhere", p.Identities
	for _, d := range []game.Player{p, other, elsewhere} {
		must(t, s.CreatePlayer(t.Context(), d))
	}
	for _, c := range []struct {
		of                game.ProjectID
		provider, subject string
		wanted            game.Player
	}{
		{project, "steam", "a:b $'\"", p},
		{project, "epic", "2", p},
		{project, "epic", "a:b $'\"", other},
		{"elsewhere", "steam", "a:b $'\"", elsewhere},
	} {
		got, err := find(c.of, c.provider, c.subject)
		must(t, err)
		want(t, got, c.wanted)
	}
	for _, c := range [][3]string{
		{string(project), "steam", "2"},
		{string(project), "Steam", "a:b $'\""},
		{string(project), "steam", "A:b $'\""},
		{string(project), "steam", "a"},
		{string(project), "steam:a", "b $'\""},
		{string(project), "", ""},
		{"nowhere", "epic", "2"},
		{"", "epic", "2"},
	} {
		_, err := find(game.ProjectID(c[0]), c[1], c[2])
		wantError(t, err, game.ErrPlayerNotFound)
	}

	next := p
	next.Version, next.Identities = 2, map[string]string{"epic": "2"}
	must(t, s.ReplacePlayer(t.Context(), p, next))
	_, err := find(project, "steam", "a:b $'\"")
	wantError(t, err, game.ErrPlayerNotFound)
	taker := other
	taker.Version, taker.Identities = 2, p.Identities
	wantError(t, s.ReplacePlayer(t.Context(), other, taker), game.ErrIdentityTaken)
	must(t, s.DeletePlayer(t.Context(), next))
	must(t, s.ReplacePlayer(t.Context(), other, taker))
	got, err := find(project, "epic", "2")
	must(t, err)
	want(t, got, taker)
}

// erasingPlayer returns the player as it is stored while its erasure is in progress.
func erasingPlayer(p game.Player) game.Player {
	p.Profile = game.Profile{Identities: map[string]string{}, Attributes: game.Attributes{}}
	p.ErasingSince = later(p.UpdatedAt)
	p.Version++
	return p
}

func fillPlayers(ctx context.Context, s game.Store, i int) error {
	p := newPlayer() // with every field set
	switch i % 3 {
	case 0:
		p = activePlayer()
	case 1:
		p = erasingPlayer(p)
	}
	p.Project, p.Version = oneOfTwo(i), 1
	d := Subject{Subject: game.Subject{Kind: game.SubjectPlayer, ID: string(p.ID)}, Project: p.Project}
	return s.CreatePlayer(ctx, p, d.Event(1))
}

// oneOfTwo returns one of two projects.
func oneOfTwo(i int) game.ProjectID { return []game.ProjectID{"one", "two"}[i%2] }

func playersWithoutNames(t *testing.T, s game.Store) {
	for range 2 {
		p := activePlayer()
		p.Identities = map[string]string{}
		must(t, s.CreatePlayer(t.Context(), p))
		wantPlayer(t, s, p)
		marked := erasingPlayer(p)
		must(t, s.ReplacePlayer(t.Context(), p, marked))
		wantPlayer(t, s, marked)
	}
	for range 2 {
		p := erasingPlayer(activePlayer())
		must(t, s.CreatePlayer(t.Context(), p))
		wantPlayer(t, s, p)
	}
}

func usernameUnique(t *testing.T, s game.Store) {
	p := activePlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	other := activePlayer()
	other.Username = strings.ToUpper(p.Username)
	wantError(t, s.CreatePlayer(t.Context(), other), game.ErrUsernameTaken)
	_, err := s.Player(t.Context(), project, other.ID)
	wantError(t, err, game.ErrPlayerNotFound)

	elsewhere := other
	elsewhere.Project, elsewhere.ID = "elsewhere", game.PlayerID(newID())
	must(t, s.CreatePlayer(t.Context(), elsewhere))

	other.Username = "another"
	must(t, s.CreatePlayer(t.Context(), other)) // the failed write claimed no identities
	renamed := other
	renamed.Username, renamed.Version = p.Username, 2
	wantError(t, s.ReplacePlayer(t.Context(), other, renamed), game.ErrUsernameTaken)
	wantPlayer(t, s, other)

	recased := p
	recased.Username, recased.Version = strings.ToUpper(p.Username), 2
	must(t, s.ReplacePlayer(t.Context(), p, recased))
	wantPlayer(t, s, recased)
}

func usernameFreed(t *testing.T, s game.Store) {
	p := activePlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	name := p.Username
	renamed := p
	renamed.Username, renamed.Version = "renamed", 2
	must(t, s.ReplacePlayer(t.Context(), p, renamed))

	second := activePlayer()
	second.Username = name
	must(t, s.CreatePlayer(t.Context(), second))
	must(t, s.ReplacePlayer(t.Context(), second, erasingPlayer(second)))

	third := activePlayer()
	third.Username = name
	must(t, s.CreatePlayer(t.Context(), third))
	must(t, s.DeletePlayer(t.Context(), third))

	fourth := activePlayer()
	fourth.Username = name
	must(t, s.CreatePlayer(t.Context(), fourth))
}

// withIdentity returns a player with an identity that is the same for all.
func withIdentity() game.Player {
	p := activePlayer()
	p.Identities = map[string]string{"steam": "7656"}
	return p
}

func identityUnique(t *testing.T, s game.Store) {
	p := withIdentity()
	must(t, s.CreatePlayer(t.Context(), p))
	other := withIdentity()
	other.Identities["epic"] = "first"
	wantError(t, s.CreatePlayer(t.Context(), other), game.ErrIdentityTaken)
	_, err := s.Player(t.Context(), project, other.ID)
	wantError(t, err, game.ErrPlayerNotFound)

	other.Identities = map[string]string{"epic": "first", "psn": "7656", "xbox": "STEAM"}
	must(t, s.CreatePlayer(t.Context(), other))
	greedy := other
	greedy.Version, greedy.Identities = 2, map[string]string{"steam": "7656", "epic": "first"}
	wantError(t, s.ReplacePlayer(t.Context(), other, greedy), game.ErrIdentityTaken)
	wantPlayer(t, s, other)

	cased := withIdentity()
	cased.Identities = map[string]string{"steam": "7656 ", "epic": "First"}
	must(t, s.CreatePlayer(t.Context(), cased))
	elsewhere := withIdentity()
	elsewhere.Project = "elsewhere"
	must(t, s.CreatePlayer(t.Context(), elsewhere))
}

func identityFreed(t *testing.T, s game.Store) {
	p := withIdentity()
	must(t, s.CreatePlayer(t.Context(), p))
	moved := p
	moved.Version, moved.Identities = 2, map[string]string{"steam": "1234"}
	must(t, s.ReplacePlayer(t.Context(), p, moved))

	second := withIdentity()
	must(t, s.CreatePlayer(t.Context(), second))
	must(t, s.ReplacePlayer(t.Context(), second, erasingPlayer(second)))

	third := withIdentity()
	must(t, s.CreatePlayer(t.Context(), third))
	must(t, s.DeletePlayer(t.Context(), third))

	must(t, s.CreatePlayer(t.Context(), withIdentity()))
	taken := activePlayer()
	taken.Identities = map[string]string{"steam": "1234"}
	wantError(t, s.CreatePlayer(t.Context(), taken), game.ErrIdentityTaken)
}

func failedPlayerReplace(t *testing.T, s game.Store) {
	p, rival := activePlayer(), activePlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.CreatePlayer(t.Context(), rival))

	for _, names := range []struct {
		username   string
		identities map[string]string
	}{
		{rival.Username, map[string]string{"psn": "wanted"}},
		{"wanted", rival.Identities},
	} {
		next := p
		next.Version, next.Username, next.Identities, next.Status = 2, names.username, names.identities,
			game.PlayerSuspended
		if err := s.ReplacePlayer(t.Context(), p, next); err == nil {
			t.Error("taken names were given twice")
		}
		wantPlayer(t, s, p)
	}
	stale := p
	stale.Version, stale.Username, stale.Identities = 9, "wanted", map[string]string{"psn": "wanted"}
	wantError(t, s.ReplacePlayer(t.Context(), stale, stale), game.ErrStale)

	heir := activePlayer() // the failed writes claimed nothing
	heir.Username, heir.Identities = "wanted", map[string]string{"psn": "wanted"}
	must(t, s.CreatePlayer(t.Context(), heir))
	thief := activePlayer() // and released nothing
	thief.Identities = p.Identities
	wantError(t, s.CreatePlayer(t.Context(), thief), game.ErrIdentityTaken)
	found, err := s.Players(t.Context(), game.PlayerQuery{
		Project: project, Where: game.Where{game.Is(game.FieldStatus, game.PlayerSuspended)}, Limit: 10,
	})
	must(t, err)
	want(t, found.Items, []game.Player{})
}

func playersOfProjects(t *testing.T, s game.Store) {
	p := activePlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	_, err := s.Player(t.Context(), "elsewhere", p.ID)
	wantError(t, err, game.ErrPlayerNotFound)

	old, next := p, p
	old.Project, next.Project, next.Version = "elsewhere", "elsewhere", 2
	wantError(t, s.ReplacePlayer(t.Context(), old, next), game.ErrPlayerNotFound)
	must(t, s.DeletePlayer(t.Context(), old))
	found, err := s.Players(t.Context(), game.PlayerQuery{Project: "elsewhere", Limit: 10})
	must(t, err)
	want(t, found.Items, []game.Player{})
	wantPlayer(t, s, p)
}
