package storetest

import (
	"context"
	"testing"

	"game-session-manager/internal/game"
)

func fillSessions(ctx context.Context, s game.Store, i int) error {
	if i%4 != 0 {
		return nil
	}
	v := newSession()
	if i%3 == 0 {
		v = exclusiveSession(newPlayerIDs(2)...)
	}
	v.Project = oneOfTwo(i)
	return s.CreateSession(ctx, v)
}

func sessions() []check {
	return []check{
		{"create and read", createSession},
		{"not found", sessionNotFound},
		{"exists", sessionExists},
		{"replace", replaceSession},
		{"replace refused", replaceSessionRefused},
		{"failed replace changes nothing", failedSessionReplace},
		{"members come and go", membersComeAndGo},
		{"named players come and go", namedComeAndGo},
		{"players who wait", waitersComeAndGo},
		{"a session with a host is hosted", hostedByHost},
		{"project", sessionsOfProjects},
	}
}

func createSession(t *testing.T, s game.Store) {
	v := newSession()
	must(t, s.CreateSession(t.Context(), v))
	wantSession(t, s, v)
	empty := openSession(2)
	empty.Connection = nil
	must(t, s.CreateSession(t.Context(), empty))
	wantSession(t, s, empty)
}

func sessionNotFound(t *testing.T, s game.Store) {
	v := newSession()
	_, err := s.Session(t.Context(), project, v.ID)
	wantError(t, err, game.ErrSessionNotFound)
	wantError(t, s.ReplaceSession(t.Context(), v, v), game.ErrSessionNotFound)
}

func sessionExists(t *testing.T, s game.Store) {
	v := newSession()
	must(t, s.CreateSession(t.Context(), v))
	other := newSession()
	other.ID = v.ID
	wantError(t, s.CreateSession(t.Context(), other), game.ErrExists)
	wantSession(t, s, v)
	wantFound(t, s, game.SessionQuery{Where: game.Where{game.Is(game.FieldMember, other.Members[0].PlayerID)}})
}

func replaceSession(t *testing.T, s game.Store) {
	old := openSession(4)
	must(t, s.CreateSession(t.Context(), old))
	next := newSession()
	next.ID, next.Version, next.CreatedAt = old.ID, 2, old.CreatedAt
	must(t, s.ReplaceSession(t.Context(), old, next))
	wantSession(t, s, next)

	last := next
	last.Version, last.Name = 3, "only this differs"
	must(t, s.ReplaceSession(t.Context(), next, last))
	wantSession(t, s, last)
}

func replaceSessionRefused(t *testing.T, s game.Store) {
	old := openSession(4)
	must(t, s.CreateSession(t.Context(), old))
	next := old
	next.Version, next.Name = 2, "two"
	must(t, s.ReplaceSession(t.Context(), old, next))
	late := old
	late.Version, late.Name = 2, "late"
	wantError(t, s.ReplaceSession(t.Context(), old, late), game.ErrStale)
	wantSession(t, s, next)
}

// hostedByHost stores a session as versions without the field hosted did. It must stay hosted when its host leaves.
func hostedByHost(t *testing.T, s game.Store) {
	v := openSession(4)
	host := newMember()
	v.HostID, v.Members, v.Hosted = &host.PlayerID, []game.Member{host}, false
	must(t, s.CreateSession(t.Context(), v))
	v.Hosted = true
	wantSession(t, s, v)
	wantFound(t, s, game.SessionQuery{Where: game.Where{game.Is(game.FieldHost, host.PlayerID)}}, v)

	next := v
	next.Version, next.HostID, next.Members = 2, nil, []game.Member{}
	must(t, s.ReplaceSession(t.Context(), v, next))
	wantSession(t, s, next)

	servers := openSession(4)
	servers.Hosted = false
	must(t, s.CreateSession(t.Context(), servers))
	wantSession(t, s, servers)
	taken := servers
	taken.Version, taken.Hosted = 2, true
	must(t, s.ReplaceSession(t.Context(), servers, taken))
	wantSession(t, s, taken)
	servers.Version = 3
	must(t, s.ReplaceSession(t.Context(), taken, servers))
	wantSession(t, s, servers)
}

func failedSessionReplace(t *testing.T, s game.Store) {
	v := openSession(4)
	host := newMember()
	v.HostID, v.Members = &host.PlayerID, []game.Member{host}
	must(t, s.CreateSession(t.Context(), v))

	stale, intruder := v, newMember()
	stale.Version = 7
	next := v
	next.Version, next.Status, next.Mode, next.MaxPlayers = 8, game.StatusStarting, "other", 20
	next.HostID, next.Members = &intruder.PlayerID, []game.Member{intruder}
	next.Attributes = game.Attributes{"other": game.BoolValue(true)}
	wantError(t, s.ReplaceSession(t.Context(), stale, next), game.ErrStale)

	wantSession(t, s, v)
	for _, q := range []game.SessionQuery{
		{Where: game.Where{game.Is(game.FieldMember, host.PlayerID)}},
		{Where: game.Where{game.Is(game.FieldHost, host.PlayerID)}},
		{Where: oneOf(v.Attributes).Where()},
		{Where: game.Where{game.Is("mode", v.Mode)}},
		{Where: game.Where{game.Is(game.FieldStatus, v.Status)}},
		{Where: game.Where{game.AtLeast(game.FieldFreeSeats, 3)}},
	} {
		wantFound(t, s, q, v)
	}
	for _, q := range []game.SessionQuery{
		{Where: game.Where{game.Is(game.FieldMember, intruder.PlayerID)}},
		{Where: game.Where{game.Is(game.FieldHost, intruder.PlayerID)}},
		{Where: oneOf(next.Attributes).Where()},
		{Where: game.Where{game.Is("mode", next.Mode)}},
		{Where: game.Where{game.Is(game.FieldStatus, next.Status)}},
		{Where: game.Where{game.AtLeast(game.FieldFreeSeats, 4)}},
	} {
		wantFound(t, s, q)
	}
}

func membersComeAndGo(t *testing.T, s game.Store) {
	v := openSession(8)
	must(t, s.CreateSession(t.Context(), v))
	a, b, c := newMember(), newMember(), newMember()
	steps := [][]game.Member{{a}, {a, b}, {b}, {b, c}, {c, b}, {a}, {}}
	for _, members := range steps {
		next := v
		next.Version += 3 // one write may make several changes
		next.Members = members
		must(t, s.ReplaceSession(t.Context(), v, next))
		v = next
		wantSession(t, s, v)
		for _, m := range []game.Member{a, b, c} {
			q := game.SessionQuery{Where: game.Where{game.Is(game.FieldMember, m.PlayerID)}}
			if matches(game.SessionQuery{Project: project, Where: q.Where}, v) {
				wantFound(t, s, q, v)
			} else {
				wantFound(t, s, q)
			}
		}
	}
}

// namedComeAndGo changes whom a session names beside its members, also when it ends and after that, as erasures do.
func namedComeAndGo(t *testing.T, s game.Store) {
	v := openSession(8)
	must(t, s.CreateSession(t.Context(), v))
	a, b := game.PlayerID(newID()), game.PlayerID(newID())
	ban := func(id game.PlayerID) game.Ban { return game.Ban{PlayerID: id, Until: later(v.CreatedAt)} }
	for n, bans := range [][]game.Ban{{ban(a)}, {ban(a), ban(b)}, {ban(b)}, {}, {ban(b), ban(a)}, {ban(a)}, {}} {
		next := v
		next.Version++
		if next.Bans = bans; n == 4 {
			next.Status, next.EndReason, next.EndedAt = game.StatusEnded, game.ReasonCompleted, later(v.CreatedAt)
		}
		must(t, s.ReplaceSession(t.Context(), v, next))
		v = next
		wantSession(t, s, v)
		for _, id := range []game.PlayerID{a, b} {
			for _, also := range []game.Where{nil, {game.In(game.FieldStatus, game.LiveStatuses()...)}} {
				w := append(game.Where{game.Is(game.FieldNamed, id)}, also...)
				q := game.SessionQuery{Project: project, Where: w}
				if matches(q, v) {
					wantFound(t, s, q, v)
				} else {
					wantFound(t, s, q)
				}
			}
		}
	}
	wantSound(t, s)
}

// Players who wait are found as long as they do. A session for which many wait is read like every other.
func waitersComeAndGo(t *testing.T, s game.Store) {
	v := openSession(8)
	must(t, s.CreateSession(t.Context(), v))
	a, b, c := newWaiter(), newWaiter(), newWaiter()
	c.Team, c.Attributes = "", game.Attributes{}
	many := make([]game.Waiter, game.MaxWaiting)
	for i := range many {
		many[i] = newWaiter()
	}
	many[7] = b
	for _, waiting := range [][]game.Waiter{{a}, {a, b}, {b}, {b, c}, {c, b}, many, {a}, {}} {
		next := v
		next.Version++
		next.WaitList = waiting
		must(t, s.ReplaceSession(t.Context(), v, next))
		v = next
		wantSession(t, s, v)
		for _, w := range []game.Waiter{a, b, c} {
			q := game.SessionQuery{Where: game.Where{game.Is(game.FieldNamed, w.PlayerID)}}
			if matches(game.SessionQuery{Project: project, Where: q.Where}, v) {
				wantFound(t, s, q, v)
			} else {
				wantFound(t, s, q)
			}
			wantFound(t, s, game.SessionQuery{Where: game.Where{game.Is(game.FieldMember, w.PlayerID)}})
		}
	}
}

func sessionsOfProjects(t *testing.T, s game.Store) {
	v := newSession()
	must(t, s.CreateSession(t.Context(), v))
	_, err := s.Session(t.Context(), "elsewhere", v.ID)
	wantError(t, err, game.ErrSessionNotFound)
	old, next := v, v
	old.Project, next.Project, next.Version = "elsewhere", "elsewhere", 2
	wantError(t, s.ReplaceSession(t.Context(), old, next), game.ErrSessionNotFound)
	for _, q := range []game.SessionQuery{
		{},
		{Where: game.Where{game.Is(game.FieldMember, v.Members[0].PlayerID)}},
		{Where: game.Where{game.Is(game.FieldNamed, v.Bans[0].PlayerID)}},
		{Where: game.Where{game.Is(game.FieldHost, *v.HostID)}},
		{Where: oneOf(v.Attributes).Where()},
		{Where: game.Where{game.Is("mode", v.Mode)}},
		{Where: game.Where{game.Is(game.FieldStatus, v.Status)}},
	} {
		q.Project, q.Limit = "elsewhere", 10
		found, err := s.Sessions(t.Context(), q)
		must(t, err)
		want(t, found.Items, []game.Session{})
	}
	wantSession(t, s, v)
}

// wantFound checks a list of the sessions of the project, newest first.
func wantFound(t *testing.T, s game.Store, q game.SessionQuery, wanted ...game.Session) {
	t.Helper()
	q.Project, q.Limit = project, 100
	found, err := s.Sessions(t.Context(), q)
	must(t, err)
	if wanted == nil {
		wanted = []game.Session{}
	}
	want(t, found.Items, wanted)
}
