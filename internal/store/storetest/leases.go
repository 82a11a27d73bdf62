package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func leases() []check {
	return []check{
		{"kept whole", leasesKept},
		{"a renewal replaces all but the beat", renewalReplaces},
		{"expired leases and lower fences are not renewed", renewalsRejected},
		{"batches of every size", renewalBatches},
		{"replace", replaceLease},
		{"delete", deleteLease},
		{"due", dueLeases},
		{"due in pages", dueLeasesInPages},
		{"renewed or expired, never both", renewedOrExpired},
		{"stale and revived", staleAndRevived},
		{"the highest fence stays", highestFenceStays},
		{"batches that overlap", batchesOverlap},
		{"sessions are as they were", leasesBesideSessions},
	}
}

func leaseCalls(s game.Store) []call {
	l := memberLease()
	return []call{
		{"Leases", false, func(ctx context.Context) error {
			_, err := s.Leases(ctx, []game.LeaseID{l.ID()})
			return err
		}},
		{"RenewLeases", true, func(ctx context.Context) error {
			_, err := s.RenewLeases(ctx, []game.Lease{l})
			return err
		}},
		{"ReplaceLease", true, func(ctx context.Context) error { return s.ReplaceLease(ctx, l, l) }},
		{"DueLeases", false, func(ctx context.Context) error {
			_, err := s.DueLeases(ctx, now(), game.Lease{}, 1)
			return err
		}},
		{"ExportLeases", false, func(ctx context.Context) error { _, err := s.ExportLeases(ctx, "", 1); return err }},
		{"DeleteLease", true, func(ctx context.Context) error { return s.DeleteLease(ctx, l) }},
	}
}

func fillLeases(ctx context.Context, s game.Store, i int) error {
	l := memberLease()
	l.State = game.LeaseStates()[i%3]
	if i%2 == 0 {
		l.Player = ""
	}
	_, err := s.RenewLeases(ctx, []game.Lease{l})
	return err
}

// memberLease returns a lease of a member, with every field set.
func memberLease() game.Lease {
	l := sessionLease()
	l.Player = game.PlayerID(newID())
	return l
}

// sessionLease returns a live lease of a session.
func sessionLease() game.Lease {
	at := now()
	return game.Lease{
		Project: project, Session: game.SessionID(newID()), State: game.LeaseLive, Fence: 3, BeatAt: at,
		DueAt: *later(at),
	}
}

// beside returns a lease of another session that is otherwise alike. An engine may renew both by one update.
func beside(l game.Lease) game.Lease {
	l.Session = game.SessionID(newID())
	return l
}

func idOfLease(l game.Lease) string { return string(l.ID()) }

func leasesIn(s game.Store) func(context.Context, string, int) ([]game.Lease, error) {
	return func(ctx context.Context, after string, limit int) ([]game.Lease, error) {
		return s.ExportLeases(ctx, game.LeaseID(after), limit)
	}
}

func idsOfLeases(all []game.Lease) []game.LeaseID {
	ids := make([]game.LeaseID, len(all))
	for i := range all {
		ids[i] = all[i].ID()
	}
	return ids
}

// wantLeases checks the stored leases, which must be different ones.
func wantLeases(t *testing.T, s game.Store, wanted ...game.Lease) {
	t.Helper()
	got, err := s.Leases(t.Context(), idsOfLeases(wanted))
	must(t, err)
	byID := func(a, b game.Lease) int { return strings.Compare(idOfLease(a), idOfLease(b)) }
	slices.SortFunc(got, byID)
	wanted = append([]game.Lease{}, wanted...)
	slices.SortFunc(wanted, byID)
	want(t, got, wanted)
}

func wantNoLease(t *testing.T, s game.Store, l game.Lease) {
	t.Helper()
	got, err := s.Leases(t.Context(), []game.LeaseID{l.ID()})
	must(t, err)
	want(t, got, []game.Lease{})
}

// renew renews leases and checks for each whether it was renewed.
func renew(t *testing.T, s game.Store, renewed bool, all ...game.Lease) {
	t.Helper()
	got, err := s.RenewLeases(t.Context(), all)
	must(t, err)
	want(t, got, slices.Repeat([]bool{renewed}, len(all)))
}

func leasesKept(t *testing.T, s game.Store) {
	session, member := sessionLease(), memberLease()
	member.Session = session.Session // both leases are of one session
	wantNoLease(t, s, session)
	renew(t, s, true, member)
	wantNoLease(t, s, session)
	renew(t, s, true, session)
	wantLeases(t, s, session, member)
	for _, state := range game.LeaseStates() {
		l := memberLease()
		l.State, l.Project = state, "elsewhere"
		renew(t, s, true, l)
		wantLeases(t, s, session, l, member)
	}

	exact := memberLease() // with more precision than is stored, in another zone
	kept := exact
	exact.BeatAt = exact.BeatAt.Add(999 * time.Microsecond).In(time.FixedZone("east", 5*3600+1800))
	exact.DueAt = exact.DueAt.Add(999 * time.Microsecond).Local()
	renew(t, s, true, exact)
	wantLeases(t, s, kept)
	must(t, s.ReplaceLease(t.Context(), exact, exact)) // the condition is truncated in the same way
	wantLeases(t, s, kept)
	got, err := s.Leases(t.Context(), []game.LeaseID{exact.ID()})
	must(t, err)
	if len(got) != 1 || got[0].BeatAt.Location() != time.UTC || got[0].DueAt.Location() != time.UTC {
		t.Errorf("the times of %v are not in UTC", got)
	}
	must(t, s.DeleteLease(t.Context(), exact))
	wantNoLease(t, s, kept)
}

func renewalReplaces(t *testing.T, s game.Store) {
	l := sessionLease()
	l.State = game.LeaseStale
	renew(t, s, true, l)
	next := l
	next.State, next.Fence, next.BeatAt, next.DueAt = game.LeaseLive, 4, *later(l.BeatAt), *later(l.DueAt)
	renew(t, s, true, next)
	wantLeases(t, s, next)

	early := next // by a clock that is behind, or by a slower request
	early.BeatAt, early.DueAt = next.BeatAt.Add(-time.Millisecond), next.DueAt.Add(-time.Hour)
	early.State = game.LeaseStale
	renew(t, s, true, early)
	early.BeatAt = next.BeatAt
	wantLeases(t, s, early)

	renew(t, s, true, early) // the same again is a success
	wantLeases(t, s, early)
}

func renewalsRejected(t *testing.T, s game.Store) {
	expired, live, stale := sessionLease(), sessionLease(), memberLease()
	expired.State, stale.State = game.LeaseExpired, game.LeaseStale
	renew(t, s, true, expired, live, stale)
	wantLeases(t, s, expired, live, stale)
	again := func(l game.Lease, fence int64) game.Lease {
		l.State, l.Fence, l.BeatAt, l.DueAt = game.LeaseLive, fence, *later(l.BeatAt), *later(l.DueAt)
		return l
	}
	for _, fence := range []int64{expired.Fence - 1, expired.Fence, expired.Fence + 1} {
		renew(t, s, false, again(expired, fence))
	}
	renew(t, s, false, again(live, live.Fence-1), again(stale, stale.Fence-1))
	wantLeases(t, s, expired, live, stale)

	// Each of a batch has its own result.
	fresh := memberLease()
	batch := []game.Lease{
		again(live, live.Fence-1), fresh, again(expired, expired.Fence+1), again(stale, stale.Fence),
	}
	got, err := s.RenewLeases(t.Context(), batch)
	must(t, err)
	want(t, got, []bool{false, true, false, true})
	wantLeases(t, s, live, fresh, expired, batch[3])

	closing := batch[3] // a renewal may also close
	closing.State = game.LeaseExpired
	renew(t, s, true, closing)
	renew(t, s, false, batch[3])
	wantLeases(t, s, closing)
}

func renewalBatches(t *testing.T, s game.Store) {
	for _, n := range []int{0, 1, 2, 3, 63, 64, 65, 129, 500, game.MaxHeartbeats - 1, game.MaxHeartbeats} {
		batch := make([]game.Lease, n)
		for i := range batch {
			if batch[i] = sessionLease(); i%2 == 1 {
				batch[i].Session, batch[i].Player = batch[i-1].Session, game.PlayerID(newID())
			}
			batch[i].BeatAt, batch[i].DueAt = batch[0].BeatAt, batch[0].DueAt // as those of a request
			switch i % 7 {
			case 2:
				batch[i].State = game.LeaseExpired
			case 4:
				batch[i].Fence = 9
			case 5:
				batch[i].BeatAt = batch[i].BeatAt.Add(time.Hour)
			}
		}
		renew(t, s, true, batch...)
		wantLeases(t, s, batch...)
		nexts, renewed := slices.Clone(batch), make([]bool, n)
		for i := range nexts {
			nexts[i].State, nexts[i].Fence, nexts[i].DueAt = game.LeaseLive, 4, *later(batch[i].DueAt)
			nexts[i].BeatAt = batch[i].BeatAt.Add(time.Duration(i%3-1) * time.Second)
			renewed[i] = i%7 != 2 && i%7 != 4
		}
		rand.Shuffle(n, func(i, k int) {
			nexts[i], nexts[k], batch[i], batch[k] = nexts[k], nexts[i], batch[k], batch[i]
			renewed[i], renewed[k] = renewed[k], renewed[i]
		})
		got, err := s.RenewLeases(t.Context(), nexts)
		must(t, err)
		want(t, got, renewed)
		for i := range nexts {
			if !renewed[i] {
				nexts[i] = batch[i]
			} else if nexts[i].BeatAt.Before(batch[i].BeatAt) {
				nexts[i].BeatAt = batch[i].BeatAt
			}
		}
		wantLeases(t, s, nexts...)
	}
}

// otherConditions returns leases that differ from what is stored in one part of the condition.
func otherConditions(l game.Lease) []game.Lease {
	var all []game.Lease
	for _, change := range []func(*game.Lease){
		func(old *game.Lease) { old.State = game.LeaseStale },
		func(old *game.Lease) { old.State = game.LeaseExpired },
		func(old *game.Lease) { old.Fence++ },
		func(old *game.Lease) { old.Fence-- },
		func(old *game.Lease) { old.BeatAt = old.BeatAt.Add(time.Millisecond) },
		func(old *game.Lease) { old.BeatAt = old.BeatAt.Add(-time.Millisecond) },
		func(old *game.Lease) { old.BeatAt = time.Time{} },
	} {
		old := l
		change(&old)
		all = append(all, old)
	}
	return all
}

func replaceLease(t *testing.T, s game.Store) {
	for _, l := range []game.Lease{sessionLease(), memberLease()} {
		next := l
		next.State, next.DueAt = game.LeaseExpired, *later(l.DueAt)
		wantError(t, s.ReplaceLease(t.Context(), l, next), game.ErrStale) // there is none
		wantNoLease(t, s, l)
		renew(t, s, true, l)
		for _, old := range otherConditions(l) {
			wantError(t, s.ReplaceLease(t.Context(), old, next), game.ErrStale)
			wantLeases(t, s, l)
		}
		read := l
		read.DueAt = *later(*later(l.DueAt)) // is not part of the condition
		must(t, s.ReplaceLease(t.Context(), read, next))
		wantLeases(t, s, next)
		wantError(t, s.ReplaceLease(t.Context(), l, next), game.ErrStale) // the state differs now

		last := next // any lease can be replaced by any, also an expired one
		last.State, last.Fence, last.BeatAt = game.LeaseStale, next.Fence-1, next.BeatAt.Add(-time.Hour)
		must(t, s.ReplaceLease(t.Context(), next, last))
		must(t, s.ReplaceLease(t.Context(), last, last))
		wantLeases(t, s, last)
	}
}

func deleteLease(t *testing.T, s game.Store) {
	l, other := memberLease(), sessionLease()
	other.Session = l.Session
	must(t, s.DeleteLease(t.Context(), l)) // there is none
	renew(t, s, true, l, other)
	for _, old := range otherConditions(l) {
		wantError(t, s.DeleteLease(t.Context(), old), game.ErrStale)
	}
	wantLeases(t, s, l, other)
	read := l
	read.DueAt = *later(l.DueAt)
	must(t, s.DeleteLease(t.Context(), read))
	must(t, s.DeleteLease(t.Context(), l))
	wantNoLease(t, s, l)
	wantLeases(t, s, other)

	again := l // begins anew, with any fence and any beat
	again.Fence, again.BeatAt = 1, l.BeatAt.Add(-time.Hour)
	renew(t, s, true, again)
	wantLeases(t, s, again)
}

// dueInPages reads what is due in pages, and checks their sizes.
func dueInPages[D any](t *testing.T, limit int, page func(after D, limit int) ([]D, error)) []D {
	t.Helper()
	all := []D{}
	var after D
	for {
		found, err := page(after, limit)
		must(t, err)
		if found == nil || len(found) > limit {
			t.Fatalf("a page of %d, %v, for a limit of %d", len(found), found, limit)
		}
		all = append(all, found...)
		if len(found) < limit {
			return all
		}
		after = found[len(found)-1]
	}
}

// wantDueLeases checks what is due at a time, in pages of several sizes.
func wantDueLeases(t *testing.T, s game.Store, at time.Time, wanted ...game.Lease) {
	t.Helper()
	for _, limit := range []int{1, 3, max(1, len(wanted)), len(wanted) + 1, 1000} {
		got := dueInPages(t, limit, func(after game.Lease, limit int) ([]game.Lease, error) {
			return s.DueLeases(t.Context(), at, game.Lease{
				Session: after.Session, Player: after.Player, DueAt: after.DueAt, // nothing else counts
			}, limit)
		})
		if want(t, got, append([]game.Lease{}, wanted...)); t.Failed() {
			t.Fatalf("by pages of %d", limit)
		}
	}
}

func dueLeases(t *testing.T, s game.Store) {
	at := now()
	lease := func(ms int, state game.LeaseState) game.Lease {
		l := sessionLease()
		l.State, l.DueAt = state, at.Add(time.Duration(ms)*time.Millisecond)
		return l
	}
	wantDueLeases(t, s, at)
	expired, stale, live := lease(-2, game.LeaseExpired), lease(-1, game.LeaseStale), lease(0, game.LeaseLive)
	elsewhere, soon := lease(-3, game.LeaseLive), lease(1, game.LeaseLive)
	elsewhere.Project = "elsewhere"
	renew(t, s, true, live, soon, expired, stale, elsewhere)
	wantDueLeases(t, s, at, elsewhere, expired, stale, live)
	wantDueLeases(t, s, at.Add(999*time.Microsecond), elsewhere, expired, stale, live)
	wantDueLeases(t, s, at.Add(-3*time.Millisecond), elsewhere)
	wantDueLeases(t, s, at.Add(-4*time.Millisecond))
	wantDueLeases(t, s, at.AddDate(7000, 0, 0), elsewhere, expired, stale, live, soon)

	// It follows every write.
	moved := live
	moved.DueAt = soon.DueAt.Add(time.Millisecond)
	renew(t, s, true, moved)
	wantDueLeases(t, s, at, elsewhere, expired, stale)
	sooner := expired
	sooner.DueAt = at.Add(-time.Hour)
	must(t, s.ReplaceLease(t.Context(), expired, sooner))
	wantDueLeases(t, s, at, sooner, elsewhere, stale)
	must(t, s.DeleteLease(t.Context(), elsewhere))
	rejected := stale
	rejected.Fence, rejected.DueAt = stale.Fence-1, moved.DueAt
	renew(t, s, false, rejected)
	wantDueLeases(t, s, at, sooner, stale)
	wantDueLeases(t, s, moved.DueAt, sooner, stale, soon, moved)
}

// dueLeasesInPages has many leases that are due at the same time. Their ids differ in bytes that languages would order
// otherwise.
func dueLeasesInPages(t *testing.T, s game.Store) {
	at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC) // times before 1970 are below those after it
	var all []game.Lease
	for i, ms := range []int{-5, -1, 0, 1, 700} {
		for _, session := range []game.SessionID{"B", "a", "a-", "aa", "b", "ä"} {
			for _, player := range []game.PlayerID{"", "1", "Z", "_", "z"}[:i+1] {
				all = append(all, game.Lease{
					Project: project, Session: game.SessionID(fmt.Sprint(session, i)), Player: player,
					State: game.LeaseLive, Fence: 1, BeatAt: at, DueAt: at.Add(time.Duration(ms) * time.Millisecond),
				})
			}
		}
	}
	mixed := slices.Clone(all)
	rand.Shuffle(len(mixed), func(i, k int) { mixed[i], mixed[k] = mixed[k], mixed[i] })
	renew(t, s, true, mixed...)
	slices.SortFunc(all, func(a, b game.Lease) int {
		if c := a.DueAt.Compare(b.DueAt); c != 0 {
			return c
		}
		return strings.Compare(idOfLease(a), idOfLease(b))
	})
	wantDueLeases(t, s, at.Add(time.Second), all...)
	for i := range all { // a position need not be stored any more
		must(t, s.DeleteLease(t.Context(), all[i]))
		rest, err := s.DueLeases(t.Context(), at.Add(time.Second), all[i], 1000)
		must(t, err)
		want(t, rest, append([]game.Lease{}, all[i+1:]...))
	}
}

// renewedOrExpired lets heartbeats race those who close the lease on condition of the beat that they have read. Either
// one of these wins and no heartbeat does, or the reverse.
func renewedOrExpired(t *testing.T, s game.Store) {
	const rivals = 12
	for round := range 20 {
		old := sessionLease()
		renew(t, s, true, old)
		beat, closed := old, old
		beat.BeatAt, beat.DueAt = *later(old.BeatAt), *later(old.DueAt)
		other := beside(beat)
		renew(t, s, true, other)
		closed.State = game.LeaseExpired
		renewed := make([]bool, rivals)
		results := together(rivals, func(i int) error {
			if (i+round)%3 == 0 {
				return s.ReplaceLease(t.Context(), old, closed)
			}
			batch := []game.Lease{beat}
			if i%2 == 0 {
				batch = []game.Lease{other, beat}
			}
			got, err := s.RenewLeases(t.Context(), batch)
			renewed[i] = err == nil && got[len(got)-1]
			return err
		})
		closers, beats := 0, 0
		for i, err := range results {
			switch {
			case (i+round)%3 != 0:
				if must(t, err); renewed[i] {
					beats++
				}
			case err == nil:
				closers++
			default:
				wantError(t, err, game.ErrStale)
			}
		}
		switch {
		case closers == 1 && beats == 0:
			wantLeases(t, s, closed)
		case closers == 0 && beats == rivals*2/3:
			wantLeases(t, s, beat)
		default:
			t.Fatalf("%d closed the lease and %d renewed it", closers, beats)
		}
	}
}

// staleAndRevived is renewedOrExpired for what a heartbeat may undo: afterwards the lease lives in any case.
func staleAndRevived(t *testing.T, s game.Store) {
	const rivals = 10
	for range 10 {
		old := memberLease()
		renew(t, s, true, old)
		beat, stale := old, old
		beat.BeatAt, beat.DueAt = *later(old.BeatAt), *later(old.DueAt)
		stale.State = game.LeaseStale
		other, closers := beside(beat), 0
		renew(t, s, true, other)
		results := together(rivals, func(i int) error {
			if i%2 == 0 {
				return s.ReplaceLease(t.Context(), old, stale)
			}
			got, err := s.RenewLeases(t.Context(), []game.Lease{beat, other})
			if err == nil && !got[0] {
				t.Error("a stale lease was not revived")
			}
			return err
		})
		for i, err := range results {
			switch {
			case i%2 == 0 && err == nil:
				closers++
			case i%2 == 0:
				wantError(t, err, game.ErrStale)
			default:
				must(t, err)
			}
		}
		if closers > 1 {
			t.Errorf("%d turned the lease stale, want at most 1", closers)
		}
		wantLeases(t, s, beat)
	}
}

// highestFenceStays lets leaders of several fences renew a lease. Once a result has told of a fence, none below it
// renews.
func highestFenceStays(t *testing.T, s game.Store) {
	const leaders, beats = 8, 10
	l := sessionLease()
	renew(t, s, true, l)
	for _, err := range together(leaders, func(i int) error {
		mine := l
		mine.Fence += int64(i)
		other := beside(mine)
		for n := range beats {
			mine.BeatAt = l.BeatAt.Add(time.Duration(n) * time.Second)
			other.BeatAt = mine.BeatAt
			got, err := s.RenewLeases(t.Context(), []game.Lease{mine, other})
			if err != nil {
				return err
			}
			if !got[0] {
				if i == leaders-1 {
					t.Error("the highest fence was not renewed")
				}
				return nil
			}
		}
		return nil
	}) {
		must(t, err)
	}
	l.Fence, l.BeatAt = l.Fence+leaders-1, l.BeatAt.Add((beats-1)*time.Second)
	wantLeases(t, s, l)
	l.Fence--
	renew(t, s, false, l)
}

// batchesOverlap renews the same leases by several batches at once, each in its own order.
func batchesOverlap(t *testing.T, s game.Store) {
	const writers, rounds = 8, 3
	all := make([]game.Lease, 100)
	for i := range all {
		all[i] = sessionLease()
	}
	for _, err := range together(writers, func(writer int) error {
		for round := range rounds {
			batch := slices.Clone(all)
			for i := range batch {
				batch[i].BeatAt = batch[i].BeatAt.Add(time.Duration((writer*rounds+round)%20) * time.Second)
			}
			rand.Shuffle(len(batch), func(i, k int) { batch[i], batch[k] = batch[k], batch[i] })
			got, err := s.RenewLeases(t.Context(), batch)
			if err != nil {
				return err
			}
			if slices.Contains(got, false) {
				t.Error("a live lease was not renewed")
			}
		}
		return nil
	}) {
		must(t, err)
	}
	for i := range all {
		all[i].BeatAt = all[i].BeatAt.Add(19 * time.Second)
	}
	wantLeases(t, s, all...)
}

func leasesBesideSessions(t *testing.T, s game.Store) {
	v := openSession(4)
	must(t, s.CreateSession(t.Context(), v))
	l := sessionLease()
	l.Session = v.ID
	renew(t, s, true, l)
	next := v
	next.Version, next.Leased = 2, !v.Leased
	must(t, s.ReplaceSession(t.Context(), v, next))
	wantSession(t, s, next)
	wantLeases(t, s, l)
}

func exportLeases(t *testing.T, s game.Store) {
	all := make([]game.Lease, 30)
	for i := range all {
		if all[i] = sessionLease(); i%3 == 0 {
			all[i] = memberLease()
		}
		all[i].Project = game.ProjectID([]string{"one", "two"}[i%2])
		all[i].State = game.LeaseStates()[i%len(game.LeaseStates())]
	}
	for i := range 5 { // their ids begin alike
		all[i].Session = all[29].Session + game.SessionID([]string{"", "a", "A", "0", "-"}[i])
		all[i].Player = game.PlayerID(fmt.Sprint("player", i))
	}
	renew(t, s, true, all...)
	wantExported(t, all, idOfLease, leasesIn(s))
}
