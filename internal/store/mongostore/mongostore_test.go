package mongostore_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
	"game-session-manager/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	mongotest.Server(t) // skip once, rather than in every subtest
	databases := new(mongotest.Pool)
	t.Cleanup(func() { must(t, databases.Drop()) })
	storetest.Run(t, func(t *testing.T) game.Store { return openTest(t, databases.Database(t), mongostore.Options{}) })
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	s := openTest(t, mongotest.Database(t), mongostore.Options{})
	storetest.Unreadable(t, s, func(t *testing.T, collection, id string) {
		t.Helper()
		withoutValidator(t, s, collection)
		broken := "version"
		if collection == "deliveries" {
			broken = "seq"
		}
		must(t, s.RunCommand(t.Context(), set(collection, id, field(broken, "x"))))
	})
}

func TestUnknownChange(t *testing.T) {
	t.Parallel()
	s := openTest(t, mongotest.Database(t), mongostore.Options{})
	storetest.UnknownChange(t, s, func(t *testing.T, id string) {
		t.Helper()
		withoutValidator(t, s, "events")
		must(t, s.RunCommand(t.Context(), set("events", id, field("changes.0.type", "newer"))))
	})
}

// withoutValidator removes the validator of a collection, as a user could.
func withoutValidator(t *testing.T, s *mongostore.Store, collection string) {
	t.Helper()
	must(t, s.RunCommand(t.Context(), bson.D{field("collMod", collection), field("validator", bson.D{})}))
}

func openTest(t testing.TB, url string, o mongostore.Options) *mongostore.Store {
	t.Helper()
	s, err := mongostore.Open(t.Context(), url, o)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
