// Package mongotest gives tests databases of a MongoDB server, which GSM_TEST_MONGODB_URI names. Without it they are skipped:
// `make test-mongodb` starts a server and sets it.
package mongotest

import (
	"context"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const dropTimeout = 30 * time.Second

// There reports whether there is a server to test on.
func There() bool { return os.Getenv("GSM_TEST_MONGODB_URI") != "" }

// Server returns the URL of the server to test on.
func Server(tb testing.TB) string {
	tb.Helper()
	if !There() {
		tb.Skip("GSM_TEST_MONGODB_URI is not set: make test-mongodb starts a server and sets it")
	}
	return os.Getenv("GSM_TEST_MONGODB_URI")
}

// Database returns the URL of a database that is empty, and gone after the test.
func Database(tb testing.TB) string {
	tb.Helper()
	u, err := url.Parse(Server(tb))
	if err != nil {
		tb.Fatal("GSM_TEST_MONGODB_URI: not a URL with one host")
	}
	u.Path = "/gsm-test-" + uuid.NewString()
	q := u.Query()
	if u.User != nil && !q.Has("authSource") {
		q.Set("authSource", "admin")
	}
	u.RawQuery = q.Encode()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		c, err := mongo.Connect(options.Client().ApplyURI(u.String()))
		if err != nil {
			tb.Error(err)
			return
		}
		if err := c.Database(u.Path[1:]).Drop(ctx); err != nil {
			tb.Error(err)
		}
		if err := c.Disconnect(ctx); err != nil {
			tb.Error(err)
		}
	})
	return u.String()
}
