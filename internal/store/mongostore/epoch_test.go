package mongostore_test

import (
	"context"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
)

// Processes that open a database at the same time make one epoch. A collection that was made anew, as by a restore,
// gets another one.
func TestEpochOfARestore(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	stores, epochs := make([]*mongostore.Store, 3), make([]string, 3)
	openTest(t, url, mongostore.Options{}) // the schema
	var g sync.WaitGroup
	for i := range stores {
		g.Go(func() { stores[i] = openTest(t, url, mongostore.Options{}) })
	}
	g.Wait()
	for i, s := range stores {
		var err error
		epochs[i], err = s.Epoch(t.Context())
		must(t, err)
		if epochs[i] != epochs[0] {
			t.Errorf("the epochs are %q", epochs)
		}
	}
	c, err := mongo.Connect(options.Client().ApplyURI(url))
	must(t, err)
	defer func() { must(t, c.Disconnect(context.WithoutCancel(t.Context()))) }()
	at, err := connstring.Parse(url)
	must(t, err)
	meta := c.Database(at.Database).Collection("meta")
	cursor, err := meta.Find(t.Context(), bson.D{})
	must(t, err)
	var dump []bson.Raw
	must(t, cursor.All(t.Context(), &dump))
	must(t, meta.Drop(t.Context()))
	_, err = meta.InsertMany(t.Context(), dump)
	must(t, err)
	restored, err := openTest(t, url, mongostore.Options{}).Epoch(t.Context())
	must(t, err)
	if restored == epochs[0] {
		t.Errorf("the epoch is still %s", restored)
	}
	again, err := openTest(t, url, mongostore.Options{}).Epoch(t.Context())
	must(t, err)
	if again != restored {
		t.Errorf("the epoch was %s and is %s", restored, again)
	}
}
