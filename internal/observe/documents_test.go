package observe_test

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"game-session-manager/internal/game"
	"game-session-manager/internal/observe"
)

// spoilt is a store whose lists leave out a document.
type spoilt struct{ game.Store }

func (spoilt) Players(context.Context, game.PlayerQuery) (game.Found[game.Player], error) {
	return game.Found[game.Player]{Unreadable: []string{"a"}}, nil
}

func (spoilt) Sessions(context.Context, game.SessionQuery) (game.Found[game.Session], error) {
	return game.Found[game.Session]{Items: make([]game.Session, 1), Unreadable: []string{"b", "c"}}, nil
}

func (spoilt) SearchSessions(context.Context, game.SearchQuery) (game.Hits, error) {
	return game.Hits{Found: game.Found[game.Session]{Unreadable: []string{"d"}}}, nil
}

func (spoilt) Webhooks(context.Context, game.WebhookQuery) (game.Found[game.Webhook], error) {
	return game.Found[game.Webhook]{Unreadable: []string{"e"}}, nil
}

func (spoilt) Deliveries(context.Context, game.DeliveryQuery) (game.Found[game.Delivery], error) {
	return game.Found[game.Delivery]{Unreadable: []string{"f"}}, nil
}

// What lists leave out is counted each time, and logged with its collection and id, but not without limit.
func TestUnreadableDocumentsAreReported(t *testing.T) {
	t.Parallel()
	f := newFlooded()
	s := observe.Documents(spoilt{}, f.Database, f.registry)
	if found, err := s.Players(t.Context(), game.PlayerQuery{}); err != nil || len(found.Unreadable) != 1 {
		t.Errorf("the list is not passed on: %+v, %v", found, err)
	}
	const pages = 20
	for range pages {
		if found, err := s.Sessions(t.Context(), game.SessionQuery{}); err != nil || len(found.Items) != 1 {
			t.Errorf("the list is not passed on: %+v, %v", found, err)
		}
	}
	if hits, err := s.SearchSessions(t.Context(), game.SearchQuery{}); err != nil || len(hits.Unreadable) != 1 {
		t.Errorf("the search is not passed on: %+v, %v", hits, err)
	}
	if found, err := s.Webhooks(t.Context(), game.WebhookQuery{}); err != nil || len(found.Unreadable) != 1 {
		t.Errorf("the list is not passed on: %+v, %v", found, err)
	}
	if found, err := s.Deliveries(t.Context(), game.DeliveryQuery{}); err != nil || len(found.Unreadable) != 1 {
		t.Errorf("the list is not passed on: %+v, %v", found, err)
	}
	for collection, want := range map[string]float64{
		"webhooks": 1, "players": 1, "deliveries": 1, "sessions": 2*pages + 1,
	} {
		c := counter(t, f.registry, "gsm_store_unreadable_documents_total", "collection", collection)
		if got := testutil.ToFloat64(c); got != want {
			t.Errorf("%v of %s counted, want %v", got, collection, want)
		}
	}
	var told []string
	for _, line := range lines(t, f.out) {
		if line["level"] != "ERROR" || line["category"] != "database" {
			t.Errorf("not an error of the database: %v", line)
		}
		told = append(told, line["collection"].(string)+" "+line["id"].(string))
	}
	if len(told) != 13 || !slices.Contains(told, "deliveries f") || !slices.Contains(told, "webhooks e") ||
		!slices.Contains(told, "players a") || !slices.Contains(told, "sessions b") ||
		!slices.Contains(told, "sessions c") {
		t.Errorf("%d lines, want one each of players, webhooks and deliveries and ten of sessions: %v", len(told), told)
	}
}

// unreadableEvents is a store with an event that cannot be read among others.
type unreadableEvents struct {
	game.Store
	id string
}

func (s *unreadableEvents) Feed(context.Context, game.FeedQuery) ([]game.Event, error) {
	return []game.Event{{Seq: 6}, game.UnreadableEvent("p", s.id, 7, time.Time{}), {Seq: 8}}, nil
}

func (s *unreadableEvents) Timeline(ctx context.Context, _ game.TimelineQuery) ([]game.Event, error) {
	return s.Feed(ctx, game.FeedQuery{})
}

// An event that cannot be read is logged and counted once, however often it is read.
func TestUnreadableEventsAreReportedOnce(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"session/s/000000000000002", "nothing"} {
		f := newFlooded()
		s := observe.Documents(&unreadableEvents{id: id}, f.Database, f.registry)
		for range 20 {
			feed, err := s.Feed(t.Context(), game.FeedQuery{})
			timeline, err2 := s.Timeline(t.Context(), game.TimelineQuery{})
			if len(feed) != 3 || len(timeline) != 3 || err != nil || err2 != nil {
				t.Fatalf("the events are not passed on: %v, %v", err, err2)
			}
		}
		all := lines(t, f.out)
		if len(all) != 1 || all[0]["level"] != "ERROR" || all[0]["seq"] != 7.0 || all[0]["project"] != "p" {
			t.Errorf("%s is logged as %v", id, all)
		}
		c := counter(t, f.registry, "gsm_store_unreadable_documents_total", "collection", "events")
		if got := testutil.ToFloat64(c); got != 1 {
			t.Errorf("%s is counted %v times", id, got)
		}
	}
}

// A method that lists documents, and that the wrapper does not know, would leave out documents silently.
func TestEveryListReportsUnreadableDocuments(t *testing.T) {
	t.Parallel()
	var lists, events []string
	for m := range reflect.TypeFor[game.Store]().Methods() {
		if m.Type.NumOut() > 0 && m.Type.Out(0) == reflect.TypeFor[[]game.Event]() {
			events = append(events, m.Name)
		}
		if m.Type.NumOut() == 0 || m.Type.Out(0).Kind() != reflect.Struct {
			continue
		}
		if _, ok := m.Type.Out(0).FieldByName("Unreadable"); ok {
			lists = append(lists, m.Name)
		}
	}
	if want := []string{"Deliveries", "Players", "SearchSessions", "Sessions", "Webhooks"}; !slices.Equal(lists, want) {
		t.Errorf("%v list documents; this test and observe.Documents know %v", lists, want)
	}
	if want := []string{"ExportEvents", "Feed", "Timeline"}; !slices.Equal(events, want) { // an export fails
		t.Errorf("%v return events; this test and observe.Documents know %v", events, want)
	}
}

func TestRenewedLeasesAreCounted(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	s := observe.Documents(openObserved(t, prometheus.NewRegistry()), slog.New(slog.DiscardHandler), reg)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	lease := func(session game.SessionID, player game.PlayerID, fence int64) game.Lease {
		return game.Lease{
			Project: game.DefaultProject, Session: session, Player: player, State: game.LeaseLive, Fence: fence,
			BeatAt: now, DueAt: now.Add(time.Minute),
		}
	}
	const a, b = "01a20685-fd35-752a-a43b-bc495aa93f5a", "01a20685-fd35-752a-a43b-bc495aa93f5b"
	renew := func(want []bool, leases ...game.Lease) {
		t.Helper()
		if got, err := s.RenewLeases(t.Context(), leases); err != nil || !slices.Equal(got, want) {
			t.Fatalf("renewed %v, %v, want %v", got, err, want)
		}
	}
	renew([]bool{true, true, true}, lease(a, "", 2), lease(b, "", 1), lease(a, b, 0))
	renew([]bool{false, true}, lease(a, "", 1), lease(b, "", 1)) // another host has taken over the first
	for of, want := range map[string]float64{"session": 3, "member": 1} {
		if got := testutil.ToFloat64(counter(t, reg, "gsm_leases_renewed_total", "of", of)); got != want {
			t.Errorf("%v of a %s renewed, want %v", got, of, want)
		}
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}
