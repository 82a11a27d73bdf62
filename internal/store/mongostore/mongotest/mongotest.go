// Package mongotest provides tests with databases on the MongoDB server that GSM_TEST_MONGODB_URI names. Tests are
// skipped if it is not set: `make test-mongodb` starts a server and sets it.
package mongotest

import (
	"context"
	"errors"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// timeout bounds what is done beside a test.
const timeout = 30 * time.Second

// There reports whether a server is available to the tests.
func There() bool { return os.Getenv("GSM_TEST_MONGODB_URI") != "" }

// Server returns the URL of the server, or skips the test if there is none.
func Server(tb testing.TB) string {
	tb.Helper()
	if !There() {
		tb.Skip("GSM_TEST_MONGODB_URI is not set: make test-mongodb starts a server and sets it")
	}
	return os.Getenv("GSM_TEST_MONGODB_URI")
}

// Database returns the URL of a new, empty database, which is dropped after the test.
func Database(tb testing.TB) string {
	tb.Helper()
	at := newDatabase(tb)
	tb.Cleanup(func() {
		if err := with(at, drop); err != nil {
			tb.Error(err)
		}
	})
	return at
}

// newDatabase returns the URL of a database that does not exist yet.
func newDatabase(tb testing.TB) string {
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
	return u.String()
}

// with does something with the database at a URL.
func with(at string, do func(context.Context, *mongo.Database) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	c, err := mongo.Connect(options.Client().ApplyURI(at))
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, c.Database(u.Path[1:])), c.Disconnect(ctx))
}

func drop(ctx context.Context, db *mongo.Database) error { return db.Drop(ctx) }

// LaterUser returns the URL of a new database with the credentials of a user that does not exist yet, and a function
// that creates the user. It skips the test if the server does not authenticate users.
func LaterUser(tb testing.TB) (databaseURL string, create func() error) {
	tb.Helper()
	database := Database(tb)
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	if u.User == nil {
		tb.Skip("the server has no users")
	}
	name, password := "gsm-test-"+uuid.NewString(), uuid.NewString()
	command := func(c bson.D) error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		client, err := mongo.Connect(options.Client().ApplyURI(database))
		if err != nil {
			return err
		}
		return errors.Join(client.Database("admin").RunCommand(ctx, c).Err(), client.Disconnect(ctx))
	}
	create = func() error {
		role := func(name string) bson.D { return bson.D{{Key: "role", Value: name}, {Key: "db", Value: "admin"}} }
		user := func(roles ...any) bson.D {
			return bson.D{
				{Key: "createUser", Value: name}, {Key: "pwd", Value: password}, {Key: "roles", Value: bson.A(roles)},
			}
		}
		err := command(user(role("root")))
		if err != nil { // DocumentDB has these roles instead
			err = command(user(role("readWriteAnyDatabase"), role("clusterAdmin")))
		}
		if err == nil {
			tb.Cleanup(func() {
				if err := command(bson.D{{Key: "dropUser", Value: name}}); err != nil {
					tb.Error(err)
				}
			})
		}
		return err
	}
	u.User = url.UserPassword(name, password)
	return u.String(), create
}
