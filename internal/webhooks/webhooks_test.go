package webhooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
	"game-session-manager/internal/report"
	"game-session-manager/internal/store/sqlitestore"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
	"game-session-manager/internal/webhooks"
)

const project = game.DefaultProject

// world is a database with events, a clock, and what sends the events.
type world struct {
	ctx   context.Context // of an admin
	store game.Store
	now   atomic.Int64 // Unix milliseconds
	rules *game.Webhooks
	seq   int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), sqlitetest.Database(t), sqlitestore.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	w := &world{store: store}
	w.ctx = game.WithCaller(t.Context(), game.Caller{Project: project, Scope: game.ScopeAdmin, Name: "test"})
	w.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	vault, err := auth.NewVault("a secret key of 32 or more characters")
	must(t, err)
	w.rules = game.NewWebhooks(game.Deps{
		Store: store, Now: w.clock, NewID: func() string { return uuid.Must(uuid.NewV7()).String() },
	}, game.WebhookDeps{Vault: vault, Sender: webhooks.NewSender(true, "test"), Private: true})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) clock() time.Time { return time.UnixMilli(w.now.Load()).UTC() }

// happens stores an event of a session.
func (w *world) happens(t *testing.T, session string, version int64) {
	t.Helper()
	if w.seq == 0 { // webhooks have events too
		last, err := w.store.Feed(w.ctx, game.FeedQuery{Project: project, Newest: true, Limit: 1})
		must(t, err)
		w.seq = last[0].Seq
	}
	w.seq++
	must(t, w.store.PutEvents(w.ctx, []game.Event{{
		Project: project, Subject: game.Subject{Kind: game.SubjectSession, ID: session}, Version: version, Seq: w.seq,
		At: w.clock(), Changes: game.Changes{game.MemberJoined{PlayerID: "p"}},
	}}))
}

// create creates a webhook to the receiver, of sessions.
func (w *world) create(t *testing.T, r *receiver) game.Webhook {
	t.Helper()
	hook, secret, err := w.rules.Create(w.ctx, game.WebhookSettings{
		URL: r.url, Subjects: []game.SubjectKind{game.SubjectSession},
	})
	must(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = secret.Reveal()
	return hook
}

// dispatcher returns a process that sends.
func (w *world) dispatcher(t *testing.T) *webhooks.Dispatcher {
	t.Helper()
	return w.dispatcherOn(t, w.store)
}

// dispatcherOn returns a process that sends what it finds in a store.
func (w *world) dispatcherOn(t *testing.T, store game.Store) *webhooks.Dispatcher {
	t.Helper()
	rules := game.NewWebhooks(game.Deps{Store: store, Now: w.clock}, w.rules.WebhookDeps)
	d := webhooks.New(webhooks.Options{
		Webhooks: rules, Store: store, Now: w.clock, Observer: silent{}, Random: func() float64 { return 0 },
	})
	t.Cleanup(d.Close)
	return d
}

type silent struct{}

func (silent) Attempted(game.WebhookAttempt, time.Duration, bool) {}
func (silent) Disabled(game.WebhookID, game.WebhookReason)        {}
func (silent) Looked([]game.Webhook)                              {}

// receiver receives messages, and returns what answer says.
type receiver struct {
	url    string
	answer func(session string, version int64) int

	mu       sync.Mutex
	secret   string
	accepted map[string][]int64 // versions by session
	ids      []string           // of messages that were accepted
	unsigned int
}

func newReceiver(t *testing.T, answer func(session string, version int64) int) *receiver {
	t.Helper()
	r := &receiver{answer: answer, accepted: map[string][]int64{}}
	s := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

func (r *receiver) serve(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	var m struct{ Data game.Event }
	err := json.Unmarshal(body, &m)
	status := r.answer(m.Data.Subject.ID, m.Data.Version)
	r.mu.Lock()
	defer r.mu.Unlock()
	if by, wrong := standard.NewWebhook(r.secret); err != nil || wrong != nil ||
		by.VerifyIgnoringTimestamp(body, q.Header) != nil { // the clock is not that of the machine
		r.unsigned++
	}
	if status < 300 {
		r.ids = append(r.ids, q.Header.Get(standard.HeaderWebhookID))
		r.accepted[m.Data.Subject.ID] = append(r.accepted[m.Data.Subject.ID], m.Data.Version)
	}
	w.Header().Set("Location", r.url+"/elsewhere")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "not now: %s", m.Data.Subject.ID)
}

// has returns how many different events of a session were accepted.
func (r *receiver) has(session string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[int64]bool{}
	for _, v := range r.accepted[session] {
		seen[v] = true
	}
	return len(seen)
}

// inOrder fails the test unless each session's events came in order, apart from repetitions, and all of them.
func (r *receiver) inOrder(t *testing.T, sessions int, versions int64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range sessions {
		last := int64(0)
		for _, v := range r.accepted[fmt.Sprint("s", i)] {
			if v > last+1 {
				t.Fatalf("s%d: %d came after %d: %v", i, v, last, r.accepted[fmt.Sprint("s", i)])
			}
			last = max(last, v)
		}
		if last != versions {
			t.Errorf("s%d: the last is %d, want %d", i, last, versions)
		}
	}
	if r.unsigned > 0 {
		t.Errorf("%d messages were not signed", r.unsigned)
	}
}

// eventually runs the task until the condition is true.
func eventually(t *testing.T, what string, condition func() bool, run func()) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !condition() {
		if run(); time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(time.Millisecond) // workers are at work
	}
}

// Events come in order and none is missing, with a receiver that fails at random, and two processes that both send.
func TestOrderWithFailures(t *testing.T) {
	t.Parallel()
	const sessions, versions = 6, 25
	w := newWorld(t)
	var calm atomic.Bool
	r := newReceiver(t, func(string, int64) int {
		if calm.Load() {
			return http.StatusOK
		}
		return []int{200, 204, 302, 400, 500}[rand.N(5)]
	})
	w.create(t, r)
	a, b := w.dispatcher(t), w.dispatcher(t)
	for version := range int64(versions) {
		for i := range sessions {
			w.happens(t, fmt.Sprint("s", i), version+1)
		}
	}
	runs := 0
	all := func() bool {
		for i := range sessions {
			if r.has(fmt.Sprint("s", i)) < versions {
				return false
			}
		}
		return true
	}
	eventually(t, "all events have come", all, func() {
		if runs++; runs > 30 {
			calm.Store(true) // before something is a dead letter
		}
		w.now.Add(time.Minute.Milliseconds())
		must(t, a.Run(w.ctx))
		must(t, b.Run(w.ctx))
	})
	a.Close()
	b.Close()
	r.inOrder(t, sessions, versions)
}

// One session whose events are always rejected becomes dead letters, one after the other, and holds up nobody. A
// replay sends one of them.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mended atomic.Bool
	r := newReceiver(t, func(session string, _ int64) int {
		if session == "bad" && !mended.Load() {
			return http.StatusTeapot
		}
		return http.StatusOK
	})
	hook := w.create(t, r)
	for version := range int64(3) {
		w.happens(t, "bad", version+1)
		w.happens(t, "good", version+1)
	}
	d := w.dispatcher(t)
	eventually(t, "the others came", func() bool { return r.has("good") == 3 }, func() { must(t, d.Run(w.ctx)) })
	dead := func() []game.Delivery {
		found, err := w.rules.Deliveries(w.ctx, hook.ID, game.DeliveryDead, "", 0)
		must(t, err)
		return found.Items
	}
	waits := func() bool {
		got, err := w.rules.Get(w.ctx, hook.ID)
		must(t, err)
		return len(got.Progress.Waiting) > 0
	}
	eventually(t, "all are dead letters", func() bool { return len(dead()) == 3 && !waits() }, func() {
		got, err := w.rules.Get(w.ctx, hook.ID)
		must(t, err)
		if waiting := got.Progress.Waiting; len(waiting) > 0 {
			w.now.Store(max(w.now.Load(), waiting[0].DueAt.UnixMilli()))
		}
		must(t, d.Run(w.ctx))
	})
	for i, l := range dead() {
		if l.Version != int64(3-i) || l.Attempts != game.MaxDeliveryAttempts || l.Response != http.StatusTeapot ||
			l.Failure != game.FailedStatus || l.Excerpt != "not now: bad" || l.NextAt != nil {
			t.Errorf("the dead letter is %+v", l)
		}
	}
	old := dead()[0]
	must(t, w.store.RenewEpoch(w.ctx)) // as a restore does, after which versions repeat
	mended.Store(true)
	if n, err := w.rules.Replay(w.ctx, hook.ID, game.ReplayRequest{}); n != 3 || err != nil {
		t.Fatalf("replays %d, %v", n, err)
	}
	eventually(t, "they are replayed", func() bool {
		got, err := w.rules.Get(w.ctx, hook.ID)
		must(t, err)
		return len(got.Progress.Waiting) == 0 && r.has("bad") == 3
	}, func() { must(t, d.Run(w.ctx)) })
	d.Close()
	epoch, err := w.store.Epoch(w.ctx)
	must(t, err)
	id := fmt.Sprintf("session_bad_%s_3", epoch)
	if old.Message == id || !slices.Contains(r.ids, id) {
		t.Errorf("ids after a new epoch: %q, before: %s", r.ids, old.Message)
	}
}

// A receiver that hangs does not hold up another one, and the end of the process is no attempt.
func TestReceiverThatHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release, hanging := make(chan struct{}), make(chan struct{}, 99)
	slow := newReceiver(t, func(string, int64) int {
		hanging <- struct{}{}
		<-release
		return http.StatusOK
	})
	t.Cleanup(func() { close(release) }) // before the receiver is closed
	quick := newReceiver(t, func(string, int64) int { return http.StatusOK })
	hook := w.create(t, slow)
	w.create(t, quick)
	w.happens(t, "a", 1)
	d := w.dispatcher(t)
	must(t, d.Run(w.ctx))
	<-hanging
	w.happens(t, "a", 2)
	eventually(t, "the other has all", func() bool { return quick.has("a") == 2 }, func() { must(t, d.Run(w.ctx)) })
	d.Close()
	got, err := w.rules.Get(w.ctx, hook.ID)
	must(t, err)
	if p := got.Progress; p.Failures != 0 || len(p.Waiting) != 1 || p.Waiting[0].Attempts != 0 {
		t.Errorf("the progress after the end of the process is %+v", p)
	}
}

// While a receiver is down, as many subjects wait as may, and the position stays. Afterwards all come.
func TestOutage(t *testing.T) {
	t.Parallel()
	const sessions = 420
	w := newWorld(t)
	var up atomic.Bool
	r := newReceiver(t, func(string, int64) int {
		if up.Load() {
			return http.StatusOK
		}
		return http.StatusBadGateway
	})
	hook := w.create(t, r)
	for i := range sessions {
		w.happens(t, fmt.Sprint("s", i), 1)
	}
	d := w.dispatcher(t)
	get := func() game.WebhookProgress {
		got, err := w.rules.Get(w.ctx, hook.ID)
		must(t, err)
		return got.Progress
	}
	eventually(t, "many wait", func() bool { p := get(); return !p.HasRoom() }, func() { must(t, d.Run(w.ctx)) })
	if p := get(); p.Position >= sessions || len(p.Waiting) >= sessions || p.FailingSince == nil {
		t.Errorf("%d wait at position %d", len(p.Waiting), p.Position)
	}
	up.Store(true)
	eventually(t, "all came", func() bool {
		p := get()
		return len(p.Waiting) == 0 && p.Position >= sessions
	}, func() {
		w.now.Add(time.Second.Milliseconds())
		must(t, d.Run(w.ctx))
	})
	d.Close()
	r.inOrder(t, sessions, 1)
}

// Events that are no longer kept are dead letters at once.
func TestEventsThatAreGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var fail atomic.Bool
	fail.Store(true)
	r := newReceiver(t, func(string, int64) int {
		if fail.Load() {
			return http.StatusBadGateway
		}
		return http.StatusOK
	})
	hook := w.create(t, r)
	w.happens(t, "a", 1)
	d := w.dispatcher(t)
	waits := func() bool {
		got, err := w.rules.Get(w.ctx, hook.ID)
		must(t, err)
		return len(got.Progress.Waiting) == 1
	}
	eventually(t, "it waits", waits, func() { must(t, d.Run(w.ctx)) })
	w.now.Add(time.Hour.Milliseconds())
	_, err := w.store.PurgeEvents(w.ctx, w.clock(), 100)
	must(t, err)
	fail.Store(false)
	w.happens(t, "a", 2)
	eventually(t, "the next one came", func() bool { return r.has("a") == 1 }, func() { must(t, d.Run(w.ctx)) })
	d.Close()
	found, err := w.rules.Deliveries(w.ctx, hook.ID, game.DeliveryDead, "", 0)
	must(t, err)
	if len(found.Items) != 1 || found.Items[0].Failure != game.FailedEventGone {
		t.Errorf("dead letters: %+v", found.Items)
	}
}

// spoiling is a store that cannot decode one of the webhooks, and counts what is read of them.
type spoiling struct {
	game.Store
	bad                 atomic.Pointer[game.WebhookID]
	marked, read, feeds atomic.Int64
}

func (s *spoiling) Webhook(ctx context.Context, p game.ProjectID, id game.WebhookID) (game.Webhook, error) {
	s.read.Add(1)
	if bad := s.bad.Load(); bad != nil && id == *bad {
		return game.Webhook{}, game.ErrStoreUnavailable.Because(game.ErrUnreadable)
	}
	return s.Store.Webhook(ctx, p, id)
}

func (s *spoiling) WebhookMarks(ctx context.Context, after game.WebhookID, n int) ([]game.WebhookMark, error) {
	s.marked.Add(1)
	return s.Store.WebhookMarks(ctx, after, n)
}

func (s *spoiling) Feed(ctx context.Context, q game.FeedQuery) ([]game.Event, error) {
	s.feeds.Add(1)
	return s.Store.Feed(ctx, q)
}

// Webhooks that do not change are read once. What others create, disable and delete is found out.
func TestWebhooksAreReadOnce(t *testing.T) {
	t.Parallel()
	const hooks = 15
	w := newWorld(t)
	r := newReceiver(t, func(string, int64) int { return http.StatusOK })
	for range hooks {
		w.create(t, r)
	}
	s := &spoiling{Store: w.store}
	d := w.dispatcherOn(t, s)
	runs := int64(0)
	run := func() {
		must(t, d.Run(w.ctx))
		runs++
	}
	// wantReads runs until the process has looked for changes since and has nothing to do.
	wantReads := func(after string, want int64) {
		t.Helper()
		looks := s.marked.Load()
		eventually(t, "it was looked for changes "+after, func() bool {
			return s.marked.Load() > looks && w.reached(t)
		}, run)
		if got := s.read.Swap(0); got != want {
			t.Errorf("%d webhooks were read %s, want %d", got, after, want)
		}
	}
	begin := time.Now()
	run()
	wantReads("at the beginning", hooks+hooks) // and once more by the workers, which pass over the creations
	feeds, took := s.feeds.Load(), time.Since(begin)
	if took < time.Second || feeds > runs+hooks || took < 10*time.Second && feeds < runs+hooks {
		t.Errorf("the feed was read %d times in %d runs and %v", feeds, runs, took)
	}
	wantReads("while nothing happens", 0)
	late := newReceiver(t, func(string, int64) int { return http.StatusOK })
	hook := w.create(t, late)
	w.happens(t, "a", 1)
	wantReads("after one was created", 1+hooks+1)
	if late.has("a") != 1 {
		t.Error("the new one has no event")
	}
	_, err := w.rules.Edit(w.ctx, hook.ID, nil, func(v game.WebhookSettings) game.WebhookSettings {
		v.Disabled = true
		return v
	})
	must(t, err)
	wantReads("after one was disabled", 1+hooks)
	w.seq = 0
	w.happens(t, "b", 1)
	wantReads("after an event", hooks)
	if r.times("b") != hooks || late.has("b") > 0 {
		t.Errorf("%d of the others have the next event, and the disabled one %d", r.times("b"), late.has("b"))
	}
	must(t, w.rules.Delete(w.ctx, hook.ID, nil))
	wantReads("after one was deleted", hooks)
}

// reached reports whether all enabled webhooks have dealt with the whole feed.
func (w *world) reached(t *testing.T) bool {
	t.Helper()
	end, err := w.store.FeedEnd(w.ctx, project)
	must(t, err)
	found, err := w.store.Webhooks(w.ctx, game.WebhookQuery{Project: project, Limit: 100})
	must(t, err)
	return !slices.ContainsFunc(found.Items, func(h game.Webhook) bool {
		return !h.Disabled && h.Progress.Position != end
	})
}

// times returns how many messages of a session were accepted.
func (r *receiver) times(session string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.accepted[session])
}

// panicking is an observer that panics in the goroutines of deliveries.
type panicking struct{ silent }

func (panicking) Attempted(game.WebhookAttempt, time.Duration, bool) { panic("broken") }

// A panic in a worker is an error of the task.
func TestPanicOfWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, func(string, int64) int { return http.StatusOK })
	w.create(t, r)
	w.happens(t, "a", 1)
	d := webhooks.New(webhooks.Options{Webhooks: w.rules, Store: w.store, Now: w.clock, Observer: panicking{}})
	t.Cleanup(d.Close)
	var err error
	eventually(t, "the panic is reported", func() bool { return err != nil }, func() { err = d.Run(w.ctx) })
	if caught := (*report.Panic)(nil); !errors.As(err, &caught) || caught.Value != "broken" {
		t.Errorf("Run returns %v", err)
	}
}

// A header of some kilobytes, as proxies add, is no failure.
func TestLargeHeader(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 16<<10))
	}))
	t.Cleanup(s.Close)
	a := webhooks.NewSender(true, "test").Send(t.Context(), game.WebhookMessage{URL: s.URL, At: time.Now()})
	if a.Failure != "" || a.Status != http.StatusOK {
		t.Errorf("the attempt is %+v", a)
	}
}

// What a dialer must not connect to, by each way of writing it.
func TestAddressesAreRefused(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(s.Close)
	port := s.Listener.Addr().String()[len("127.0.0.1"):]
	sender := webhooks.NewSender(false, "test")
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "10.1.2.3",
		"172.16.0.1", "192.168.1.1", "169.254.169.254", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "100.64.0.1",
		"224.0.0.1", "[ff02::1]", "255.255.255.255", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]",
		"198.18.0.1",
	} {
		a := sender.Send(t.Context(), game.WebhookMessage{URL: "https://" + host + port, At: time.Now()})
		if a.Failure != game.FailedAddress {
			t.Errorf("%s: %+v", host, a)
		}
	}
	if a := sender.Send(t.Context(), game.WebhookMessage{URL: "http://192.0.2.1/"}); a.Failure != game.FailedAddress {
		t.Errorf("without TLS: %+v", a)
	}
	if reached.Load() > 0 {
		t.Error("the server was reached")
	}
	private := webhooks.NewSender(true, "test")
	if a := private.Send(t.Context(), game.WebhookMessage{URL: s.URL, At: time.Now()}); a.Failure != game.FailedTLS {
		t.Errorf("with an unknown certificate: %+v", a)
	}
	s.Close()
	if a := private.Send(t.Context(), game.WebhookMessage{URL: s.URL}); a.Failure != game.FailedUnreachable {
		t.Errorf("without a server: %+v", a)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := private.Send(ctx, game.WebhookMessage{URL: s.URL}); a.Failure != game.FailedTimeout {
		t.Errorf("after the end: %+v", a)
	}
}
