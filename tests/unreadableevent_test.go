package tests_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/client"
	"game-session-manager/internal/game"
)

// spoilEvent makes an event unreadable that has its place in the feed.
func spoilEvent(t *testing.T, database string, id string) {
	t.Helper()
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		execute(t, path, "UPDATE events SET doc = '{' WHERE id = '"+id+"'")
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := mongo.Connect(options.Client().ApplyURI(database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Disconnect(ctx) }()
	r, err := c.Database(strings.TrimPrefix(parsed(t, database).Path, "/")).Collection("events").UpdateOne(
		ctx, bson.D{{Key: "_id", Value: id}}, bson.D{{Key: "$set", Value: bson.D{{Key: "changes", Value: "none"}}}},
		options.UpdateOne().SetBypassDocumentValidation(true),
	)
	if err != nil || r.ModifiedCount == 0 {
		t.Fatalf("spoiling the event %s: %+v, %v", id, r, err)
	}
}

// An event that cannot be read is passed over by webhooks and by those who follow the feed, and told of once. For those
// who follow its session it is a gap.
func TestUnreadableEvent(t *testing.T) {
	t.Parallel()
	s := start(t, withWebhooks, expectErrors)
	ctx := t.Context()
	r := newReceiver(t)
	w := s.newWebhook(t, r, client.WebhookSettings{Disabled: true, Types: []client.ChangeType{
		"session_created", "settings_changed",
	}})
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	s.toggle(t, v.ID, 4)
	all, _ := s.feedOf(t, "&session_id="+string(v.ID), "0", 5)
	id := game.EventID(game.Subject{Kind: game.SubjectSession, ID: string(v.ID)}, 3)
	spoilEvent(t, s.database, id)

	if _, err := s.api.Webhooks.Patch(ctx, w.ID, client.Patch{"disabled": false}); err != nil {
		t.Fatal(err)
	}
	readable := []int64{1, 2, 4, 5}
	eventually(t, "the other events have come", func() bool { return len(r.of(v.ID)) >= len(readable) })
	if got := r.of(v.ID); !slices.Equal(got, readable) {
		t.Errorf("received the versions %v, want %v", got, readable)
	}
	var dead client.Page[client.Delivery]
	var err error
	eventually(t, "the other is a dead letter", func() bool { // it is stored at the end of the pass
		dead, err = s.api.Webhooks.Deliveries(ctx, w.ID, client.DeliveryDead, "", 0)
		return err != nil || len(dead.Items) > 0
	})
	if err != nil || len(dead.Items) != 1 || dead.Items[0].Version != 3 || dead.Items[0].Failure != "event_gone" {
		t.Errorf("dead letters: %+v, %v", dead.Items, err)
	}

	got, _ := s.feedOf(t, "&session_id="+string(v.ID), "0", 4)
	if want := slices.Delete(slices.Clone(all), 2, 3); encode(t, got) != encode(t, want) {
		t.Errorf("the feed has %s, want %s", encode(t, got), encode(t, want))
	}
	for name, open := range map[string]func(*testing.T, string, ...string) *stream{
		"sse": s.sse, "websocket": s.webSocket,
	} {
		st := open(t, projectFeed+"?after=0&session_id="+string(v.ID))
		for _, version := range readable {
			if m := st.next(t); m.Event == nil || m.Event.Version != version {
				t.Fatalf("%s: %+v comes, want version %d", name, m, version)
			}
		}
		st.cancel()
	}
	own := "GET /api/v1/sessions/" + string(v.ID) + "/events?after="
	gap := s.do(t, own+"0", "").is(http.StatusOK)
	if after := gap.json().text("position"); !strings.HasSuffix(after, ".2") {
		t.Errorf("the events before it end at %s: %s", after, gap.body)
	} else {
		s.do(t, own+after, "").problem(http.StatusGone, "feed_gap")
	}

	line := s.logged(t, func(l logLine) bool { return l["id"] == id })
	if line["level"] != "ERROR" || line["collection"] != "events" || line["seq"] != float64(all[2].Seq) {
		t.Errorf("it is told by %v", line)
	}
	s.metrics(t, "gsm_store_unreadable_documents_total{collection=\"events\"} 1\n")
	if n := strings.Count(s.stdout.String(), "an event cannot be read"); n != 1 {
		t.Errorf("%d lines tell of it", n)
	}
}
