package mongostore_test

import (
	"context"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	server := testServer(t)
	storetest.Run(t, func(t *testing.T) game.Store { return openTest(t, freshDatabase(t, server), mongostore.Options{}) })
}

// testServer returns the URL of the server to test on.
func testServer(t testing.TB) string {
	t.Helper()
	server := os.Getenv("GSM_TEST_MONGODB_URI")
	if server == "" {
		t.Skip("GSM_TEST_MONGODB_URI is not set: make test-mongodb starts a server and sets it")
	}
	return server
}

// freshDatabase returns the URL of a database that is empty, and gone after the test.
func freshDatabase(t testing.TB, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	must(t, err)
	u.Path = "/gsm-test-" + uuid.NewString()
	q := u.Query()
	if u.User != nil && !q.Has("authSource") {
		q.Set("authSource", "admin")
	}
	u.RawQuery = q.Encode()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		c, err := mongo.Connect(options.Client().ApplyURI(u.String()))
		must(t, err)
		must(t, c.Database(u.Path[1:]).Drop(ctx))
		must(t, c.Disconnect(ctx))
	})
	return u.String()
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
