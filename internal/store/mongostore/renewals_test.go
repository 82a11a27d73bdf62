package mongostore_test

import (
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
