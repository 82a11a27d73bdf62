package tests_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"game-session-manager/client"
)

// withWebhooks lets a server have webhooks that receive on this machine.
func withWebhooks(s *setup) {
	s.env = append(s.env, "GSM_SECRET_KEY="+secretKey, "GSM_WEBHOOK_PRIVATE=true")
}

// received is what a receiver had of a message.
type received struct {
	client.WebhookMessage
	signatures int
	event      struct {
		Subject struct{ Kind, ID string }
		Version int64
		Seq     int64
	}
}

// receiver receives messages on this machine, and verifies them by its secrets.
type receiver struct {
	url string

	mu      sync.Mutex
	secrets []string
	all     []received
	bad     int // messages without a valid signature
	status  func(received) int
	handler http.Handler // in its place, if it is not nil
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: func(received) int { return http.StatusNoContent }}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.handler != nil {
			r.handler.ServeHTTP(w, q)
			return
		}
		body, err := io.ReadAll(q.Body)
		m := received{signatures: len(strings.Fields(q.Header.Get("webhook-signature")))}
		if err == nil {
			m.WebhookMessage, err = client.VerifyWebhook(q.Header, body, r.secrets...)
		}
		if err == nil {
			err = json.Unmarshal(m.Data, &m.event)
		}
		if err != nil {
			r.bad++
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		status := r.status(m)
		if status < 300 {
			r.all = append(r.all, m)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// trust makes the receiver accept signatures by these secrets only.
func (r *receiver) trust(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = secrets
}

// serve puts another handler in the place of the receiver's.
func (r *receiver) serve(h http.Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handler = h
}

// of returns the versions of the events of a document in the order in which they were accepted.
func (r *receiver) of(id client.SessionID) (versions []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.all {
		if m.event.Subject.ID == string(id) {
			versions = append(versions, m.event.Version)
		}
	}
	return versions
}

func (r *receiver) last() received {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return received{}
	}
	return r.all[len(r.all)-1]
}

// newWebhook creates a webhook of sessions that the receiver trusts.
func (s *server) newWebhook(t *testing.T, r *receiver, settings client.WebhookSettings) client.NewWebhook {
	t.Helper()
	settings.URL = r.url
	if settings.Subjects == nil {
		settings.Subjects = []client.SubjectKind{"session"}
	}
	w, err := s.api.Webhooks.Create(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	secrets.keep("webhook", w.Secret)
	r.trust(w.Secret)
	return w
}

// upTo is the versions from one to another.
func upTo(from, to int64) (all []int64) {
	for v := from; v <= to; v++ {
		all = append(all, v)
	}
	return all
}

// Events are sent in order and signed, and what became of them is told. A rotated secret still signs.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	s := start(t, withWebhooks)
	r := newReceiver(t)
	w := s.newWebhook(t, r, client.WebhookSettings{Name: "lobby screen"})
	ctx := t.Context()
	if tried, err := s.api.Webhooks.Test(ctx, w.ID); err != nil || !tried.Delivered || r.last().Type != "webhook.test" {
		t.Errorf("the test: %+v, %v, and received %+v", tried, err, r.last())
	}
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	s.toggle(t, v.ID, 9)
	eventually(t, "all events have come", func() bool { return len(r.of(v.ID)) >= 10 })
	if got := r.of(v.ID); !slices.Equal(got, upTo(1, 10)) {
		t.Errorf("received the versions %v, want 1 to 10", got)
	}
	if m := r.last(); m.Type != "session.settings_changed" || m.signatures != 1 || m.event.Seq == 0 ||
		m.Timestamp.IsZero() {
		t.Errorf("received %+v", m)
	}

	old := w.Secret
	w, err := s.api.Webhooks.Rotate(ctx, w.ID, time.Hour)
	if err != nil || w.Secret == old || w.PreviousUntil == nil {
		t.Fatalf("rotated to %+v, %v", w.Webhook, err)
	}
	secrets.keep("webhook", w.Secret)
	s.toggle(t, v.ID, 1)
	eventually(t, "who knows the old secret has it", func() bool { return r.last().event.Version == 11 })
	r.trust(w.Secret)
	s.toggle(t, v.ID, 1)
	eventually(t, "who knows the new secret has it", func() bool { return r.last().event.Version == 12 })
	if got := r.last().signatures; got != 2 {
		t.Errorf("%d signatures during the overlap, want 2", got)
	}

	var page client.Page[client.Delivery]
	eventually(t, "all deliveries are listed", func() bool {
		page, err = s.api.Webhooks.Deliveries(ctx, w.ID, client.DeliveryDelivered, "", 0)
		return err == nil && len(page.Items) == 12
	})
	if d := page.Items[0]; d.Version != 12 || d.Attempts != 1 || d.Response != 204 || d.Message != r.last().ID {
		t.Errorf("the delivery is %+v", d)
	}
	if n, err := s.api.Webhooks.Replay(ctx, w.ID, page.Items[3].ID); n != 1 || err != nil {
		t.Errorf("replays %d, %v", n, err)
	}
	eventually(t, "it is replayed", func() bool { return r.last().event.Version == page.Items[3].Version })
	if r.last().ID != page.Items[3].Message {
		t.Errorf("replayed as %s, want %s", r.last().ID, page.Items[3].Message)
	}
	if r.bad > 0 {
		t.Errorf("%d messages have no valid signature", r.bad)
	}
	if err := s.api.Webhooks.Delete(ctx, w.ID); err != nil {
		t.Error(err)
	}
	if _, err := s.api.Webhooks.Get(ctx, w.ID); !errors.Is(err, client.ErrWebhookNotFound) {
		t.Errorf("after the deletion: %v", err)
	}
}

// While the events of one session are rejected, those of others come, and afterwards its own come in order.
func TestWebhookOfAFailingSession(t *testing.T) {
	t.Parallel()
	s := start(t, withWebhooks)
	r := newReceiver(t)
	var rejected client.SessionID
	rejections := 0
	r.status = func(m received) int {
		if m.event.Subject.ID == string(rejected) && rejections == 0 {
			rejections++
			return http.StatusFound // a redirect is a failure
		}
		return http.StatusOK
	}
	a := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	b := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	rejected = a.ID
	w := s.newWebhook(t, r, client.WebhookSettings{})
	s.toggle(t, a.ID, 3)
	s.toggle(t, b.ID, 3)
	eventually(t, "the events of the other session come", func() bool {
		return slices.Contains(r.of(b.ID), 4)
	})
	if got := r.of(a.ID); len(got) > 0 && !slices.Contains(got, 4) {
		t.Errorf("received %v of the session before the one that was rejected", got)
	}
	eventually(t, "the events of the session come", func() bool { return slices.Contains(r.of(a.ID), 4) })
	if got := r.of(a.ID); !slices.IsSorted(got) {
		t.Errorf("received %v", got)
	}
	var page client.Page[client.Delivery]
	eventually(t, "the second attempt is told", func() bool {
		page, _ = s.api.Webhooks.Deliveries(t.Context(), w.ID, client.DeliveryDelivered, "", 0)
		return slices.ContainsFunc(page.Items, func(d client.Delivery) bool { return d.Attempts == 2 })
	})
}

// Without GSM_WEBHOOK_PRIVATE nothing is sent to this machine, by whatever name.
func TestWebhooksToPrivateAddresses(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t, func(s *setup) { s.env = append(s.env, "GSM_SECRET_KEY="+secretKey) })
	r := newReceiver(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(r.url, "http://"), ":")
	s.do(t, "POST /api/v1/webhooks", `{"url":"`+r.url+`"}`).wrong("body.url")
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1", "100.64.0.1",
		"[fd00:ec2::254]", "[64:ff9b::7f00:1]", "2130706433", "0x7f.1",
	} {
		w, err := s.api.Webhooks.Create(t.Context(), client.WebhookSettings{URL: "https://" + host + ":" + port})
		if err != nil {
			t.Fatal(err)
		}
		secrets.keep("webhook", w.Secret)
		tried, err := s.api.Webhooks.Test(t.Context(), w.ID)
		numeric := !strings.HasPrefix(host, "0x") && !strings.HasPrefix(host, "2130") // such a name may be no address
		if err != nil || tried.Delivered || numeric && tried.Failure != "address_refused" {
			t.Errorf("a webhook to %s: %+v, %v", host, tried, err)
		}
	}
	if r.bad > 0 || len(r.all) > 0 {
		t.Errorf("the receiver had %d requests", r.bad+len(r.all))
	}
}

// Without a secret key there are no webhooks.
func TestNoWebhooksWithoutSecretKey(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t)
	s.do(t, "POST /api/v1/webhooks", `{"url":"https://a.example"}`).problem(http.StatusConflict, "webhooks_disabled")
	s.do(t, "GET /api/v1/webhooks", "").problem(http.StatusConflict, "webhooks_disabled")
}

func TestWebhookSettings(t *testing.T) {
	t.Parallel()
	s := start(t, withWebhooks)
	r := newReceiver(t)
	w := s.newWebhook(t, r, client.WebhookSettings{Types: []client.ChangeType{"member_joined"}})
	path := "/api/v1/webhooks/" + string(w.ID)
	for body, location := range map[string]string{
		`{"url":"ftp://a.example"}`:                           "body.url",
		`{"url":"https://user:secret@a.example"}`:             "body.url",
		`{"url":null}`:                                        "body.url",
		`{"types":["made_up"]}`:                               "body.types",
		`{"subjects":["made_up"]}`:                            "body.subjects",
		`{"url":"https://` + strings.Repeat("a", 2048) + `"}`: "body.url",
	} {
		s.do(t, "PATCH "+path, body).wrong(location)
	}
	changed := s.do(t, "PATCH "+path, `{"disabled":true,"types":null}`, "If-Match", `"1"`).is(http.StatusOK)
	o := changed.has("ETag", `"2"`).json()
	if types := o["types"].([]any); o.text("disabled_reason") != "requested" || len(types) != 0 {
		t.Errorf("disabled: %s", changed.body)
	}
	s.do(t, "PATCH "+path, `{"disabled":false}`, "If-Match", `"1"`).problem(412, "version_mismatch")
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	s.toggle(t, v.ID, 2)
	s.do(t, "PATCH "+path, `{"disabled":false}`).is(http.StatusOK)
	eventually(t, "it continues where it stopped", func() bool { return len(r.of(v.ID)) == 3 })
}

// A process that is killed loses no event, and the next one continues.
func TestWebhooksThroughCrashes(t *testing.T) {
	t.Parallel()
	s := start(t, withWebhooks)
	other := s
	if underTest.name == mongodb {
		other = start(t, withWebhooks, onDatabase(s.database))
	}
	r := newReceiver(t)
	s.newWebhook(t, r, client.WebhookSettings{})
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	s.toggle(t, v.ID, 5)
	eventually(t, "deliveries have begun", func() bool { return len(r.of(v.ID)) > 0 })
	s.kill() // on MongoDB it may hold the lease
	if other == s {
		other = start(t, withWebhooks, onDatabase(s.database))
	}
	other.toggle(t, v.ID, 5)
	eventually(t, "all events have come", func() bool { return slices.Contains(r.of(v.ID), 11) })
	var first []int64 // without those that came again
	for _, version := range r.of(v.ID) {
		if !slices.Contains(first, version) {
			first = append(first, version)
		}
	}
	if !slices.Equal(first, upTo(1, 11)) {
		t.Errorf("received the versions %v", r.of(v.ID))
	}
}
