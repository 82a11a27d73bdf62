package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/game/gametest"
)

// sessionTimes are about what engines keep of sessions for background work and heartbeats.
func sessionTimes() []check {
	return []check{
		{"due", dueSessions},
		{"due follows each replace", dueFollows},
		{"pulses", pulses},
		{"pulses follow each replace", pulsesFollow},
		{"purge", purgeSessions},
		{"purge of many", purgeManySessions},
		{"purges at once", purgesAtOnce},
		{"purge leaves events and takes leases", purgeLeavesEvents},
		{"delete", deleteSession},
	}
}

func sessionTimeCalls(s game.Store) []call {
	v := newSession()
	return []call{
		{"DueSessions", false, func(ctx context.Context) error {
			_, err := s.DueSessions(ctx, now(), game.DueSession{}, 1)
			return err
		}},
		{"Pulses", false, func(ctx context.Context) error {
			_, err := s.Pulses(ctx, project, []game.SessionID{v.ID})
			return err
		}},
		{"PurgeSessions", true, func(ctx context.Context) error {
			_, err := s.PurgeSessions(ctx, time.Time{}, 1)
			return err
		}},
		{"DeleteSession", true, func(ctx context.Context) error { return s.DeleteSession(ctx, v) }},
	}
}

// timeless returns an open session that time never changes.
func timeless() game.Session {
	v := openSession(4)
	v.Timeouts, v.ServerSince = game.Timeouts{}, nil
	return v
}

// dueAt returns a session that is due at a time.
func dueAt(at time.Time) game.Session {
	v := timeless()
	v.MaxDuration = 60
	v.CreatedAt = at.Add(-time.Minute)
	return v
}

// wantDue checks which of the sessions are due at a time, in pages of several sizes.
func wantDue(t *testing.T, s game.Store, at time.Time, all ...game.Session) {
	t.Helper()
	wanted := []game.DueSession{}
	for i := range all {
		if due := all[i].NextDue(); due != nil && !due.After(at) {
			wanted = append(wanted, game.DueSession{Project: all[i].Project, ID: all[i].ID, DueAt: *due})
		}
	}
	slices.SortFunc(wanted, func(a, b game.DueSession) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID))
	})
	for _, limit := range []int{1, 3, max(1, len(wanted)), len(wanted) + 1, 1000} {
		got := dueInPages(t, limit, func(after game.DueSession, limit int) ([]game.DueSession, error) {
			return s.DueSessions(t.Context(), at, game.DueSession{ID: after.ID, DueAt: after.DueAt}, limit)
		})
		if want(t, got, wanted); t.Failed() {
			t.Fatalf("by pages of %d", limit)
		}
	}
}

func dueSessions(t *testing.T, s game.Store) {
	at := now()
	wantDue(t, s, at)
	var all []game.Session
	for i, ms := range []int{5, -1, 0, -1, 1, -1, 0, -60_000, 0, -1, 0} { // some together
		v := dueAt(at.Add(time.Duration(ms) * time.Millisecond))
		if i%3 == 0 {
			v.Project = "elsewhere"
		}
		all = append(all, v)
	}
	never, over := timeless(), dueAt(at)
	over.Status, over.EndReason, over.EndedAt = game.StatusExpired, game.ReasonMaxDuration, &at
	all = append(all, never, over, dueAt(time.UnixMilli(-7).UTC()), dueAt(at.AddDate(3000, 0, 0)))
	rand.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	for _, v := range all {
		must(t, s.CreateSession(t.Context(), v))
	}
	for _, ms := range []int{-1_000_000, -60_000, -2, -1, 0, 1, 5, 1_000_000} {
		wantDue(t, s, at.Add(time.Duration(ms)*time.Millisecond), all...)
	}
	wantDue(t, s, at.AddDate(7000, 0, 0), all...)

	// A position need not be due any more.
	first, err := s.DueSessions(t.Context(), at, game.DueSession{}, 3)
	must(t, err)
	i := slices.IndexFunc(all, func(v game.Session) bool { return v.ID == first[2].ID })
	next := all[i]
	next.Version, next.MaxDuration = 2, 0
	must(t, s.ReplaceSession(t.Context(), all[i], next))
	all[i] = next
	rest, err := s.DueSessions(t.Context(), at, first[2], 100)
	must(t, err)
	again, err := s.DueSessions(t.Context(), at, game.DueSession{}, 100)
	must(t, err)
	want(t, rest, again[2:])
	wantDue(t, s, at, all...)
}

// dueFollows changes everything that the next deadline of a session may come from.
func dueFollows(t *testing.T, s game.Store) {
	v, other, far := timeless(), openSession(3), now().AddDate(1000, 0, 0)
	must(t, s.CreateSession(t.Context(), v))
	must(t, s.CreateSession(t.Context(), other))
	for i, change := range []func(*game.Session){
		func(v *game.Session) { v.MaxDuration = 3600 },
		func(v *game.Session) { v.Name = "the deadline is as it was" },
		func(v *game.Session) { v.MaxDuration = 60 },
		func(v *game.Session) { v.MaxDuration = 0 },
		func(v *game.Session) { v.IdleTimeout, v.Leased = 3600, false },
		func(v *game.Session) { v.UpdatedAt = v.UpdatedAt.Add(time.Hour) },
		func(v *game.Session) { v.Leased = true },
		func(v *game.Session) {
			v.Members = []game.Member{newMember(), newMember()}
			v.Members[1].Status, v.Members[1].Deadline = game.SeatReserved, later(now())
		},
		func(v *game.Session) {
			v.Members = slices.Clone(v.Members)
			v.Members[0].Status, v.Members[0].Deadline = game.SeatDisconnected, new(now())
		},
		func(v *game.Session) { v.Members = v.Members[1:] },
		func(v *game.Session) { v.Members = []game.Member{} },
		func(v *game.Session) { v.HostLostAt, v.HostGrace = new(now()), 30 },
		func(v *game.Session) { v.HostLostAt = nil },
		func(v *game.Session) { v.EmptySince, v.EmptyTimeout = new(now()), 300 },
		func(v *game.Session) { v.Status, v.ActivationTimeout = game.StatusPending, 5 },
		func(v *game.Session) { v.ServerSince = new(now()) },
		func(v *game.Session) { v.Status, v.EndedAt = game.StatusFailed, new(now()) },
	} {
		next := v
		next.Version++
		change(&next)
		must(t, s.ReplaceSession(t.Context(), v, next))
		v = next
		wantSession(t, s, v)
		if wantDue(t, s, far, v, other); t.Failed() {
			t.Fatalf("after change %d", i)
		}
	}
	late := other // what is refused changes nothing
	late.Version, late.MaxDuration = 9, 1
	wantError(t, s.ReplaceSession(t.Context(), late, late), game.ErrStale)
	wantDue(t, s, far, v, other)
	wantSound(t, s)
}

// wantPulses checks the pulses of sessions of one project.
func wantPulses(t *testing.T, s game.Store, p game.ProjectID, ids []game.SessionID, wanted ...game.Session) {
	t.Helper()
	got, err := s.Pulses(t.Context(), p, ids)
	must(t, err)
	slices.SortFunc(got, func(a, b game.Pulse) int { return cmp.Compare(a.ID, b.ID) })
	all := []game.Pulse{}
	for i := range wanted {
		all = append(all, wanted[i].Pulse())
	}
	slices.SortFunc(all, func(a, b game.Pulse) int { return cmp.Compare(a.ID, b.ID) })
	want(t, got, all)
}

func pulses(t *testing.T, s game.Store) {
	ended, open, empty, elsewhere := newSession(), openSession(3), timeless(), openSession(3)
	empty.Fence, empty.Liveness, empty.Leased = 0, "", false
	elsewhere.Project = "elsewhere"
	large := openSession(game.MaxPlayers)
	for range 300 {
		large.Members = append(large.Members, newMember())
	}
	for _, v := range []game.Session{ended, open, empty, elsewhere, large} {
		must(t, s.CreateSession(t.Context(), v))
	}
	ids := []game.SessionID{
		elsewhere.ID, empty.ID, game.SessionID(newID()), large.ID, ended.ID, "", open.ID, "x' OR 1 --",
	}
	wantPulses(t, s, project, ids, ended, open, empty, large)
	wantPulses(t, s, "elsewhere", ids, elsewhere)
	wantPulses(t, s, "nowhere", ids)
	wantPulses(t, s, project, []game.SessionID{open.ID}, open)
	wantPulses(t, s, project, nil)
	many := []game.SessionID{open.ID, ended.ID}
	for len(many) < game.MaxHeartbeats {
		many = append(many, game.SessionID(newID()))
	}
	wantPulses(t, s, project, many, open, ended)
}

// pulsesFollow changes each field of a pulse.
func pulsesFollow(t *testing.T, s game.Store) {
	v := timeless()
	v.Hosted = true
	must(t, s.CreateSession(t.Context(), v))
	replace := func(next game.Session) {
		next.Version = v.Version + 1
		must(t, s.ReplaceSession(t.Context(), v, next))
		v = next
		wantPulses(t, s, project, []game.SessionID{v.ID}, v)
	}
	filled := reflect.ValueOf(gametest.Filled[game.Pulse]())
	for _, f := range reflect.VisibleFields(filled.Type()) {
		if f.Name == "ID" || f.Name == "Version" {
			continue
		}
		before, next := v, v
		reflect.ValueOf(&next).Elem().FieldByName(f.Name).Set(filled.FieldByName(f.Name))
		replace(next)
		before.Name = f.Name
		replace(before)
	}
	for _, status := range game.SessionStatuses() {
		next := v
		if next.Status = status; status.Terminal() {
			next.EndReason, next.EndedAt = game.ReasonCompleted, new(now())
		}
		replace(next)
	}
	wantSound(t, s)
}

// endedAt returns a session that ended at a time.
func endedAt(at time.Time) game.Session {
	v := newSession()
	v.EndedAt = &at
	return v
}

// wantGone checks that nothing finds a session.
func wantGone(t *testing.T, s game.Store, v game.Session) {
	t.Helper()
	_, err := s.Session(t.Context(), v.Project, v.ID)
	wantError(t, err, game.ErrSessionNotFound)
	wantPulses(t, s, v.Project, []game.SessionID{v.ID})
	wheres := []game.Where{nil, {game.Is(game.FieldStatus, v.Status)}, oneOf(v.Attributes).Where()}
	for _, m := range v.Members {
		wheres = append(wheres, game.Where{game.Is(game.FieldMember, m.PlayerID)})
	}
	for _, id := range v.Named() {
		wheres = append(wheres, game.Where{game.Is(game.FieldNamed, id)})
	}
	for _, w := range wheres {
		found, err := s.Sessions(t.Context(), game.SessionQuery{Project: v.Project, Where: w, Limit: 100})
		must(t, err)
		if slices.Contains(sessionIDs(found.Items), v.ID) {
			t.Errorf("the list by %v has the removed session %s", w, v.ID)
		}
	}
}

func purgeSessions(t *testing.T, s game.Store) {
	at := now()
	purge := func(limit, wanted int) {
		t.Helper()
		n, err := s.PurgeSessions(t.Context(), at, limit)
		must(t, err)
		want(t, n, wanted)
	}
	purge(10, 0)
	var over []game.Session // in the order in which they ended, which is not that of their ids
	for i, ms := range []int{1, 500, 3, 2, 70_000, 9} {
		v := endedAt(at.Add(-time.Duration(ms) * time.Millisecond))
		v.Status = []game.SessionStatus{
			game.StatusEnded, game.StatusCancelled, game.StatusExpired, game.StatusFailed,
		}[i%4]
		if i%2 == 0 {
			v.Project = "elsewhere"
		}
		must(t, s.CreateSession(t.Context(), v))
		over = append(over, v)
	}
	slices.SortFunc(over, func(a, b game.Session) int { return a.EndedAt.Compare(*b.EndedAt) })
	just, open := endedAt(at), openSession(4)
	open.Members = []game.Member{newMember()}
	open.CreatedAt, open.UpdatedAt = at.AddDate(-1, 0, 0), at.AddDate(-1, 0, 0)
	ending := openSession(4)
	for _, v := range []game.Session{just, open, ending} {
		must(t, s.CreateSession(t.Context(), v))
	}
	purge(4, 4)
	for _, v := range over[:4] {
		wantGone(t, s, v)
	}
	for _, v := range append(over[4:], just, open, ending) {
		wantSession(t, s, v)
	}
	purge(4, 2)
	purge(4, 0)

	ended := ending // the column follows a change
	ended.Version, ended.Status, ended.EndReason = 2, game.StatusEnded, game.ReasonCompleted
	ended.EndedAt = new(at.Add(-time.Hour))
	must(t, s.ReplaceSession(t.Context(), ending, ended))
	purge(1, 1)
	wantGone(t, s, ended)
	wantError(t, s.ReplaceSession(t.Context(), ended, ended), game.ErrSessionNotFound)
	wantSession(t, s, just)
	wantSession(t, s, open)
	wantFound(t, s, game.SessionQuery{}, open, just)
	wantSizes(t, s, 0, 2)
	wantSound(t, s)
	must(t, s.CreateSession(t.Context(), ended)) // its id is free again
	wantSession(t, s, ended)
}

func purgeManySessions(t *testing.T, s game.Store) {
	const ended = 1300 // more than an engine removes by one write
	at := now()
	for _, err := range together(ended+10, func(i int) error {
		if i >= ended {
			return s.CreateSession(t.Context(), openSession(2))
		}
		return s.CreateSession(t.Context(), endedAt(at.Add(-time.Duration(1+i%7)*time.Second)))
	}) {
		must(t, err)
	}
	for _, wanted := range []int{1000, 300, 0} {
		n, err := s.PurgeSessions(t.Context(), at, 1000)
		must(t, err)
		want(t, n, wanted)
	}
	wantSizes(t, s, 0, 10)
	wantSound(t, s)
}

// purgesAtOnce lets several purges work at once, beside other writes. Each session is counted once.
func purgesAtOnce(t *testing.T, s game.Store) {
	const ended, purgers, writers = 200, 4, 8
	at := now()
	for _, err := range together(ended, func(i int) error {
		return s.CreateSession(t.Context(), endedAt(at.Add(-time.Duration(1+i)*time.Second)))
	}) {
		must(t, err)
	}
	counts, live := make([]int, purgers), make([]game.Session, writers)
	for _, err := range together(purgers+writers, func(i int) error {
		if i >= purgers {
			live[i-purgers] = openSession(4)
			return s.CreateSession(t.Context(), live[i-purgers])
		}
		for {
			n, err := s.PurgeSessions(t.Context(), at, 40)
			if err != nil || n == 0 {
				return err
			}
			counts[i] += n
		}
	}) {
		must(t, err)
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	want(t, total, ended)
	slices.SortFunc(live, func(a, b game.Session) int { return cmp.Compare(b.ID, a.ID) })
	wantFound(t, s, game.SessionQuery{}, live...)
	wantSound(t, s)
}

// purgeLeavesEvents removes sessions whose events have places, and others whose events have none yet.
func purgeLeavesEvents(t *testing.T, s game.Store) {
	at := now()
	remove := map[string]func(v game.Session) error{
		"purge": func(game.Session) error {
			n, err := s.PurgeSessions(t.Context(), at, 1)
			want(t, n, 1)
			return err
		},
		"delete": func(v game.Session) error { return s.DeleteSession(t.Context(), v) },
	}
	kept := sessionLease()
	renew(t, s, true, kept)
	total := 0
	for name, remove := range remove {
		for _, ordered := range []bool{false, true} {
			d := NewSubject(game.SubjectSession, project)
			must(t, d.Create(t.Context(), s, d.Event(1)))
			if ordered {
				order(t, s)
			}
			ended := endedAt(at.Add(-time.Second))
			ended.ID, ended.Version = d.session.ID, 3
			must(t, s.ReplaceSession(t.Context(), d.session, ended, d.Events(1, 3)...))
			session, member, neighbour := sessionLease(), memberLease(), memberLease()
			session.Session, member.Session, neighbour.Session = ended.ID, ended.ID, ended.ID+"0"
			renew(t, s, true, session, member, neighbour)

			must(t, remove(ended))
			wantGone(t, s, ended)
			wantNoLease(t, s, session)
			wantNoLease(t, s, member)
			wantLeases(t, s, kept, neighbour)
			wantVersions(t, timelineOf(t, s, d), 0, 3)
			order(t, s)
			if wantVersions(t, timelineOf(t, s, d), 0, 3); t.Failed() {
				t.Fatalf("%s, ordered before: %t", name, ordered)
			}
			total += 3
		}
	}
	wantFeed(t, feedOf(t, s, project), total)
}

func deleteSession(t *testing.T, s game.Store) {
	for i, v := range []game.Session{newSession(), openSession(4)} {
		if i == 1 {
			v.Members, v.Hosted = []game.Member{newMember()}, true
		}
		must(t, s.DeleteSession(t.Context(), v)) // it does not exist
		must(t, s.CreateSession(t.Context(), v))
		next := v
		next.Version, next.Name = 2, "two"
		must(t, s.ReplaceSession(t.Context(), v, next))
		wantError(t, s.DeleteSession(t.Context(), v), game.ErrStale)
		ahead, elsewhere := next, next
		ahead.Version, elsewhere.Project = 3, "elsewhere"
		wantError(t, s.DeleteSession(t.Context(), ahead), game.ErrStale)
		must(t, s.DeleteSession(t.Context(), elsewhere)) // there is none in that project
		wantSession(t, s, next)
		must(t, s.DeleteSession(t.Context(), next))
		wantGone(t, s, next)
		must(t, s.DeleteSession(t.Context(), next))
		wantError(t, s.ReplaceSession(t.Context(), next, next), game.ErrSessionNotFound)
		must(t, s.CreateSession(t.Context(), v))
		wantSession(t, s, v)
		must(t, s.DeleteSession(t.Context(), v))
	}
	wantDue(t, s, now().AddDate(1000, 0, 0))
	wantSound(t, s)

	// A change and a deletion of one version: one of them wins.
	for range 10 {
		v := openSession(4)
		must(t, s.CreateSession(t.Context(), v))
		next := v
		next.Version, next.Name = 2, fmt.Sprint("changed ", newID())
		results := together(6, func(i int) error {
			if i%2 == 0 {
				return s.DeleteSession(t.Context(), v)
			}
			return s.ReplaceSession(t.Context(), v, next)
		})
		changed := 0
		for i, err := range results {
			if i%2 == 1 && err == nil {
				changed++
			}
		}
		if _, err := s.Session(t.Context(), project, v.ID); (changed == 1) != (err == nil) || changed > 1 {
			t.Fatalf("%d changed the session, and afterwards reading it returns %v", changed, err)
		}
	}
}
