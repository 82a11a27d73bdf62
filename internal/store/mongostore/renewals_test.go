package mongostore_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
)

func newLease() game.Lease {
	at := newPlayer().CreatedAt
	return game.Lease{
		Project: project, Session: game.SessionID(newID()), State: game.LeaseLive, Fence: 1, BeatAt: at,
		DueAt: at.Add(30 * time.Second),
	}
}

func newLeases(n int) []game.Lease {
	all := make([]game.Lease, n)
	for i := range all {
		all[i] = newLease()
	}
	return all
}

// wantLeases checks all leases that are stored.
func wantLeases(t *testing.T, s game.Store, wanted ...game.Lease) {
	t.Helper()
	byID := func(a, b game.Lease) int { return cmp.Compare(a.ID(), b.ID()) }
	got, err := s.ExportLeases(t.Context(), "", 100)
	must(t, err)
	if wanted = slices.SortedFunc(slices.Values(wanted), byID); !slices.Equal(got, wanted) {
		t.Errorf("stored are %+v, want %+v", got, wanted)
	}
}

func sessionCreated(v game.Session) game.Event {
	return game.Event{
		Project: v.Project, Subject: game.Subject{Kind: game.SubjectSession, ID: string(v.ID)}, Version: v.Version,
		At: v.CreatedAt, Actor: game.Actor{Kind: game.ActorSystem, ID: "test"},
		Changes: game.Changes{game.SessionCreated{Status: v.Status}},
	}
}

// TestLeasesBeforeOthers lets another process change a lease before the first gets the reply to its write.
func TestLeasesBeforeOthers(t *testing.T) {
	t.Parallel()
	p, s, other := faulty(t)
	renew := func(s game.Store, l game.Lease) {
		t.Helper()
		renewed, err := s.RenewLeases(t.Context(), []game.Lease{l})
		must(t, err)
		if !renewed[0] {
			t.Error("the lease was not renewed")
		}
	}
	later := func(l game.Lease) game.Lease {
		l.BeatAt, l.DueAt = l.BeatAt.Add(time.Second), l.DueAt.Add(time.Second)
		return l
	}
	stale := func(l game.Lease) game.Lease {
		l.State = game.LeaseStale
		return l
	}
	// A renewal that was made is made again, after another: it does not set back the beat.
	l := newLease()
	p.faults("update", "leases", func() { renew(other, later(l)) }, loseReply)
	renew(s, l)
	p.settled()
	again := l
	again.BeatAt = later(l).BeatAt
	wantLeases(t, other, again)

	// A renewal that was made must not reopen a lease that was closed meanwhile.
	closed := again
	closed.State = game.LeaseExpired
	p.faults("update", "leases", func() { must(t, other.ReplaceLease(t.Context(), again, closed)) }, loseReply)
	renewed, err := s.RenewLeases(t.Context(), []game.Lease{again})
	must(t, err)
	p.settled()
	if renewed[0] {
		t.Error("a lease that was closed was renewed")
	}
	wantLeases(t, other, closed)
	must(t, other.DeleteLease(t.Context(), closed))

	// Whether a replacement was made before or after it was, a renewal follows: its outcome is unknown.
	for _, f := range []fault{loseReply, loseRequest} {
		l = newLease()
		renew(other, l)
		p.faults("update", "leases", func() { renew(other, later(l)) }, f)
		wantOutcome(t, s.ReplaceLease(t.Context(), l, stale(l)), game.OutcomeUnknown)
		p.settled()
		wantLeases(t, other, later(l))
		p.faults("delete", "leases", func() {
			must(t, other.DeleteLease(t.Context(), later(l)))
			renew(other, l)
		}, f)
		wantOutcome(t, s.DeleteLease(t.Context(), later(l)), game.OutcomeUnknown)
		p.settled()
		wantLeases(t, other, l)
		must(t, other.DeleteLease(t.Context(), l))
	}

	// Two processes close a lease in the same way: both may go on.
	l = newLease()
	renew(other, l)
	p.faults("update", "leases", func() { must(t, other.ReplaceLease(t.Context(), l, stale(l))) }, loseRequest)
	must(t, s.ReplaceLease(t.Context(), l, stale(l)))
	wantLeases(t, other, stale(l))
}

// TestRenewalsOutcome renews more leases than one command has, while the server does not respond.
func TestRenewalsOutcome(t *testing.T) {
	t.Parallel()
	p, s, other := faulty(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	p.faults("update", "leases", nil, hold)
	_, err := s.RenewLeases(ctx, newLeases(99))
	wantOutcome(t, err, game.OutcomeUnknown)
	if found, err := other.ExportLeases(t.Context(), "", 100); err != nil || len(found) == 0 {
		t.Errorf("%d leases are stored, %v", len(found), err)
	}
}

// TestRenewalsTogether renews leases that are renewed alike. Some are stored, some not, and some cannot be renewed.
func TestRenewalsTogether(t *testing.T) {
	t.Parallel()
	p, s, other := faulty(t)
	leases := newLeases(30)
	var before, after []game.Lease
	wanted := make([]bool, len(leases))
	for i := range leases {
		l := &leases[i]
		l.BeatAt, l.DueAt = leases[0].BeatAt, leases[0].DueAt
		old, next := *l, *l
		old.BeatAt = old.BeatAt.Add(-time.Second)
		switch wanted[i] = true; i % 6 {
		case 0: // not stored
			old = game.Lease{}
		case 1:
			old.State, wanted[i] = game.LeaseExpired, false
		case 2:
			old.Fence, wanted[i] = l.Fence+1, false
		case 3:
			old.State = game.LeaseStale
		case 4:
			old.BeatAt = l.BeatAt.Add(time.Second)
			next.BeatAt = old.BeatAt
		}
		if !wanted[i] {
			next = old
		}
		if after = append(after, next); old.Session != "" {
			before = append(before, old)
		}
	}
	_, err := other.RenewLeases(t.Context(), before)
	must(t, err)
	for _, f := range []fault{none, loseReply, loseRequest} { // the last two renew the same again
		p.faults("update", "leases", nil, f)
		renewed, err := s.RenewLeases(t.Context(), leases)
		must(t, err)
		p.settled()
		if !slices.Equal(renewed, wanted) {
			t.Errorf("with fault %v got %v, want %v", f, renewed, wanted)
		}
		wantLeases(t, other, after...)
	}
}

// TestRenewalsWithValidator renews leases in a collection with a validator, as a user could set it: on DocumentDB, an
// update of many documents would undo what others write.
func TestRenewalsWithValidator(t *testing.T) {
	t.Parallel()
	database := mongotest.Database(t)
	s := openTest(t, database, mongostore.Options{})
	leases := newLeases(10)
	for i := range leases {
		leases[i].BeatAt, leases[i].DueAt = leases[0].BeatAt, leases[0].DueAt
	}
	_, err := s.RenewLeases(t.Context(), leases)
	must(t, err)
	if !s.RenewsTogether() {
		t.Error("leases are not renewed together")
	}
	must(t, s.RunCommand(t.Context(), bson.D{
		field("collMod", "leases"), field("validator", bson.D{field("project", bson.D{field("$exists", true)})}),
	}))
	beside := openTest(t, database, mongostore.Options{Beside: true})
	if beside.RenewsTogether() {
		t.Error("leases are renewed together in spite of the validator")
	}
	renewed, err := beside.RenewLeases(t.Context(), leases)
	must(t, err)
	if slices.Contains(renewed, false) {
		t.Errorf("got %v", renewed)
	}
	if again := openTest(t, database, mongostore.Options{}); !again.RenewsTogether() { // removes it
		t.Error("leases are not renewed together again")
	}
}

// TestUnreadableLeases uses a lease that cannot be decoded: it must not fail others.
func TestUnreadableLeases(t *testing.T) {
	t.Parallel()
	s := openTest(t, mongotest.Database(t), mongostore.Options{})
	leases := newLeases(7)
	_, err := s.RenewLeases(t.Context(), leases)
	must(t, err)
	broken := map[int]string{0: "fence", 3: "least_fence", 4: "state", 6: "beat_at"}
	var ids []game.LeaseID
	var readable []game.Lease
	for i, l := range leases {
		ids = append(ids, l.ID())
		if name, is := broken[i]; is {
			must(t, s.RunCommand(t.Context(), set("leases", string(l.ID()), field(name, bson.A{}))))
		} else {
			readable = append(readable, l)
		}
	}
	for _, read := range []func() ([]game.Lease, error){
		func() ([]game.Lease, error) { return s.Leases(t.Context(), ids) },
		func() (all []game.Lease, err error) {
			for { // in pages of two
				var after game.Lease
				if len(all) > 0 {
					after = all[len(all)-1]
				}
				found, err := s.DueLeases(t.Context(), leases[0].DueAt.Add(time.Hour), after, 2)
				all = append(all, found...)
				if len(found) < 2 || err != nil {
					return all, err
				}
			}
		},
	} {
		found, err := read()
		must(t, err)
		for _, l := range readable {
			if !slices.Contains(found, l) {
				t.Errorf("got %+v, not %+v", found, l)
			}
		}
	}
	renewed, err := s.RenewLeases(t.Context(), leases)
	must(t, err)
	for i := range leases {
		if _, is := broken[i]; !is && !renewed[i] {
			t.Errorf("lease %d was not renewed: %v", i, renewed)
		}
	}
	if renewed[3] {
		t.Error("a lease was renewed although its least fence cannot be read")
	}
}

// TestUnreadablePulses uses a session that cannot be decoded beside another.
func TestUnreadablePulses(t *testing.T) {
	t.Parallel()
	s := openTest(t, mongotest.Database(t), mongostore.Options{})
	one, other := newSession(), newSession()
	must(t, s.CreateSession(t.Context(), one))
	must(t, s.CreateSession(t.Context(), other))
	withoutValidator(t, s, "sessions")
	must(t, s.RunCommand(t.Context(), set("sessions", string(one.ID), field("fence", "x"))))
	found, err := s.Pulses(t.Context(), project, []game.SessionID{one.ID, other.ID})
	must(t, err)
	if len(found) != 1 || found[0] != other.Pulse() {
		t.Errorf("got %+v, want %+v", found, other.Pulse())
	}
}

// BenchmarkRenewLeases renews the leases of a full request, in turns with a bulk write of the driver that sets the same
// times without a condition. It reports the leases renewed per second, and the rate in relation to that of the driver.
func BenchmarkRenewLeases(b *testing.B) {
	s := openTest(b, mongotest.Database(b), mongostore.Options{})
	leases := newLeases(game.MaxHeartbeats)
	beat := func(at time.Time) {
		for i := range leases {
			leases[i].BeatAt, leases[i].DueAt = at, at.Add(30*time.Second)
		}
	}
	renew := func() {
		renewed, err := s.RenewLeases(b.Context(), leases)
		must(b, err)
		for i := range renewed {
			if !renewed[i] {
				b.Fatal("a lease was not renewed")
			}
		}
	}
	plain := func() {
		models := make([]mongo.WriteModel, len(leases))
		for i := range leases {
			models[i] = mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: leases[i].ID()}}).
				SetUpdate(bson.D{{Key: "$set", Value: bson.D{
					{Key: "beat_at", Value: leases[i].BeatAt}, {Key: "due_at", Value: leases[i].DueAt},
				}}})
		}
		must(b, s.BulkWriteLeases(b.Context(), models, options.BulkWrite().SetOrdered(false)))
	}
	renew()
	at := leases[0].BeatAt
	var ours, theirs time.Duration
	for b.Loop() {
		at = at.Add(time.Millisecond)
		beat(at)
		begin := time.Now()
		renew()
		ours += time.Since(begin)
		at = at.Add(time.Millisecond)
		beat(at)
		begin = time.Now()
		plain()
		theirs += time.Since(begin)
	}
	b.ReportMetric(float64(b.N*len(leases))/ours.Seconds(), "leases/s")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "of-driver")
}
