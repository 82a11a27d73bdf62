package mongostore_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
)

// withOption returns a URL with an additional option.
func withOption(t testing.TB, raw, name, value string) string {
	t.Helper()
	u, err := url.Parse(raw)
	must(t, err)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// wantRefusal checks that Open fails with the target, and that the message contains the words and no password.
func wantRefusal(t *testing.T, url string, target error, words ...string) {
	t.Helper()
	s, err := mongostore.Open(t.Context(), url, mongostore.Options{})
	if err == nil {
		must(t, s.Close())
	}
	if !errors.Is(err, target) {
		t.Fatalf("%s: got error %v, want %v", url, err, target)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error %q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error contains the password or a line break: %q", err)
	}
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"mongodb://", "mongodb://user:hunter2@", "mongodb://user:hunter2@host:port/gsm",
		"mongodb://user:hunter2@@host/gsm", "mongodb://user:hunter2@host/g.s.m",
		"mongodb://user:hunter2@host/admin",
		"mongodb://user:hunter2@host/gsm?tls=perhaps",
	} {
		wantRefusal(t, url, mongostore.ErrBadURL)
	}
	for _, url := range []string{
		"mongodb://user:hunter2/host/gsm", "mongodb://user:hunter2",
		"mongodb://user:hunter2@host/?tlsCertificateKeyFilePassword=hunter2%zz",
		"mongodb://user:%zzhunter2@host",
		"mongodb://host/?tlsCertificateKeyFile=/none&tlsCertificateKeyFilePassword=hunter2",
	} {
		wantRefusal(t, url, mongostore.ErrBadURL)
	}
	for _, option := range []string{"w=1", "w=0", "journal=false", "readConcernLevel=local"} {
		wantRefusal(t, "mongodb://user:hunter2@host/gsm?"+option, mongostore.ErrBadURL, "majority", "leave them out")
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	wantRefusal(t, "mongodb://user:hunter2@"+address+"/?serverSelectionTimeoutMS=100", mongostore.ErrUnreachable,
		address, "connection refused", "100ms", "--database-wait")
}

// TestNoSuchServers looks up a host that does not exist. Open must report it as unreachable, because the name server
// may not be available yet.
func TestNoSuchServers(t *testing.T) {
	t.Parallel()
	wantRefusal(t, "mongodb+srv://user:hunter2@gsm.invalid/", mongostore.ErrUnreachable, "gsm.invalid")
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(mongotest.Server(t))
	must(t, err)
	if u.User == nil {
		t.Skip("the server has no users")
	}
	u.User = url.UserPassword(u.User.Username(), "hunter2")
	wantRefusal(t, u.String(), mongostore.ErrRefused, u.User.Username(), u.Host, "password", "authSource")
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	s := openTest(t, url, mongostore.Options{})
	must(t, s.RunCommand(t.Context(), bson.D{{Key: "update", Value: "meta"}, {Key: "updates", Value: bson.A{bson.D{
		{Key: "q", Value: bson.D{{Key: "_id", Value: "schema"}}},
		{Key: "u", Value: bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: 99}}}}},
	}}}}))
	wantRefusal(t, url, mongostore.ErrNewerSchema, "99", "restore a backup")
}

// TestMigrateFromVersion2 opens a database in which suspended players still hold seats and the end of a sweep is in a
// field that has been removed.
func TestMigrateFromVersion2(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	s := openTest(t, url, mongostore.Options{})
	update := func(collection string, q, u bson.D) {
		t.Helper()
		must(t, s.RunCommand(t.Context(), bson.D{{Key: "update", Value: collection}, {Key: "updates", Value: bson.A{
			bson.D{{Key: "q", Value: q}, {Key: "u", Value: u}},
		}}}))
	}
	stored := func(change func(*game.Player)) game.PlayerID {
		p := newPlayer()
		change(&p)
		must(t, s.CreatePlayer(t.Context(), p))
		return p.ID
	}
	mark := func(p *game.Player) { p.Profile = game.Profile{}; p.ErasingSince = &p.CreatedAt }
	stored(func(*game.Player) {})
	suspended := stored(func(p *game.Player) { p.Status, p.SuspendedUntil = game.PlayerSuspended, &p.CreatedAt })
	swept, unswept := stored(mark), stored(mark)
	set := func(field string, value any) bson.D {
		return bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}}
	}
	update("players", bson.D{{Key: "_id", Value: swept}}, set("seats_swept", true))
	update("meta", bson.D{{Key: "_id", Value: "schema"}}, set("version", 2))
	v := newSession()
	must(t, s.CreateSession(t.Context(), v))
	update("sessions", bson.D{{Key: "_id", Value: v.ID}},
		bson.D{{Key: "$unset", Value: bson.D{{Key: "live", Value: ""}}}})
	const replaced = "sessions_by_status"
	must(t, s.RunCommand(t.Context(), bson.D{{Key: "createIndexes", Value: "sessions"}, {Key: "indexes", Value: bson.A{
		bson.D{
			{Key: "name", Value: replaced},
			{Key: "key", Value: bson.D{{Key: "project", Value: 1}, {Key: "status", Value: 1}}},
		},
	}}}))

	for range 2 { // the second migration must change nothing
		s = openTest(t, url, mongostore.Options{})
		found, err := s.Players(t.Context(), game.PlayerQuery{Sweeping: true, Limit: 10})
		must(t, err)
		sweeps := found.Items
		if len(sweeps) != 2 || sweeps[0].ID != unswept || sweeps[1].ID != suspended ||
			time.Since(*sweeps[0].SweepSince) > time.Hour {
			t.Errorf("players to be swept: got %+v", sweeps)
		}
		marks, err := s.Players(t.Context(), game.PlayerQuery{Erasing: true, Limit: 10})
		must(t, err)
		if len(marks.Items) != 2 || marks.Items[1].ID != swept || marks.Items[1].SweepSince != nil {
			t.Errorf("players being erased: got %+v", marks)
		}
		ended, err := s.EndedSuspensions(t.Context(), time.Now(), 10)
		must(t, err)
		if len(ended) != 1 || ended[0].ID != suspended {
			t.Errorf("ended suspensions: got %+v", ended)
		}
		must(t, s.Inspect(t.Context(), false, func(f game.Finding) { t.Errorf("after the migration: found %v", f) }))
		if err := s.RunCommand(t.Context(), bson.D{
			{Key: "dropIndexes", Value: "sessions"}, {Key: "index", Value: replaced},
		}); err == nil {
			t.Error("an index that was replaced is there yet")
		}
	}
}

// TestMigrateFromVersion6 opens a database whose sessions know nothing of time.
func TestMigrateFromVersion6(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	s := openTest(t, url, mongostore.Options{})
	host, at := game.PlayerID(newID()), newPlayer().CreatedAt
	hosted, of, pending, ended := newSession(), newSession(), newSession(), newSession()
	hosted.HostID, of.MaxPlayers = &host, 9
	pending.Status = game.StatusPending
	ended.Status, ended.EndReason, ended.EndedAt = game.StatusEnded, game.ReasonCompleted, &at
	old := bson.D{}
	for _, name := range []string{"fence", "liveness", "leased", "hosted", "due_at"} {
		old = append(old, field(name, ""))
	}
	for _, r := range game.TimeoutRanges() {
		old = append(old, field(r.Name, ""))
	}
	for _, v := range []game.Session{hosted, of, pending, ended} {
		must(t, s.CreateSession(t.Context(), v))
		must(t, s.RunCommand(t.Context(), unset("sessions", string(v.ID), old...)))
	}
	must(t, s.RunCommand(t.Context(), set("meta", "schema", field("version", 6))))

	migrated := func(v game.Session) game.Session {
		v.Liveness = ""
		v.Restore()
		return v
	}
	wanted := []game.Session{migrated(hosted), migrated(of), migrated(pending)}
	for range 2 { // the second migration must change nothing
		s = openTest(t, url, mongostore.Options{})
		for _, w := range append(slices.Clone(wanted), migrated(ended)) {
			got, err := s.Session(t.Context(), project, w.ID)
			must(t, err)
			if got.Timeouts != w.Timeouts || got.Fence != w.Fence || got.Liveness != w.Liveness ||
				got.Hosted != w.Hosted || got.Version != w.Version || !got.UpdatedAt.Equal(w.UpdatedAt) {
				t.Errorf("got %+v, want %+v", got, w)
			}
		}
		found, err := s.Sessions(t.Context(), game.SessionQuery{
			Project: project, Where: game.Where{game.Is(game.FieldLiveness, game.Live)}, Limit: 10, Bytes: 1 << 20,
		})
		must(t, err)
		if len(found.Items) != len(wanted)+1 { // the session that has ended lacks the field
			t.Errorf("live are %+v", found.Items)
		}
		due, err := s.DueSessions(t.Context(), at.AddDate(1, 0, 0), game.DueSession{}, 10)
		must(t, err)
		for _, w := range wanted {
			if !slices.Contains(due, game.DueSession{Project: project, ID: w.ID, DueAt: *w.NextDue()}) {
				t.Errorf("due are %+v, not session %s at %v", due, w.ID, w.NextDue())
			}
		}
		if len(due) != len(wanted) {
			t.Errorf("due are %+v", due)
		}
		must(t, s.Inspect(t.Context(), false, func(f game.Finding) { t.Errorf("after the migration: found %v", f) }))
		must(t, s.RunCommand(t.Context(), set("meta", "schema", field("version", 6))))
	}
}

// TestMigrateFromVersion18 opens a database whose sessions do not tell that they have many players.
func TestMigrateFromVersion18(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	s := openTest(t, url, mongostore.Options{})
	full, awaited, both, few := newSession(), newSession(), newSession(), newSession()
	full.MaxPlayers, awaited.MaxPlayers, both.MaxPlayers = 100, 1, 20
	seats, waiting := slices.Repeat([]game.Member{{JoinedAt: full.CreatedAt}}, 100), make([]game.Waiter, 100)
	for i := range seats {
		seats[i].PlayerID, waiting[i].PlayerID = game.PlayerID(newID()), game.PlayerID(newID())
		seats[i].Status, waiting[i].Since = game.SeatJoined, full.CreatedAt
	}
	full.Members, awaited.Members, awaited.WaitList, few.Members = seats, seats[:1], waiting, seats[:2]
	both.Members, both.WaitList = seats[:20], waiting[:20]
	all := []game.Session{full, awaited, both, few}
	for _, v := range all {
		must(t, s.CreateSession(t.Context(), v))
		must(t, s.RunCommand(t.Context(), unset("sessions", string(v.ID), field("many_players", ""))))
	}
	must(t, s.RunCommand(t.Context(), set("sessions", string(awaited.ID), field("long_wait_list", true))))
	for range 2 { // the second migration must change nothing
		must(t, s.RunCommand(t.Context(), set("meta", "schema", field("version", 18))))
		s = openTest(t, url, mongostore.Options{})
		must(t, s.Inspect(t.Context(), false, func(f game.Finding) { t.Errorf("after the migration: found %v", f) }))
		for _, v := range all {
			room := new(takenRoom)
			got, err := s.Session(game.WithRoom(t.Context(), room), project, v.ID)
			must(t, err)
			if len(got.Members) != len(v.Members) || len(got.WaitList) != len(v.WaitList) || got.Version != v.Version {
				t.Errorf("got %+v, want %+v", got, v)
			}
			if many := len(v.Members)+len(v.WaitList) > 32; (room.bytes > 0) != many {
				t.Errorf("%d bytes were reserved for %d members", room.bytes, len(v.Members))
			}
		}
	}
}

// takenRoom counts the bytes that are reserved.
type takenRoom struct {
	game.Room
	bytes int
}

func (r *takenRoom) Take(_ context.Context, bytes int) bool {
	r.bytes += bytes
	return true
}

// TestOpenTogether opens an empty database several times concurrently.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	var opening sync.WaitGroup
	for range 8 {
		opening.Go(func() {
			s, err := mongostore.Open(t.Context(), url, mongostore.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			p := newPlayer()
			p.Username = "the one"
			if err := s.CreatePlayer(t.Context(), p); err != nil && !errors.Is(err, game.ErrUsernameTaken) {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	found, err := openTest(
		t, url, mongostore.Options{},
	).Players(t.Context(), game.PlayerQuery{Project: project, Limit: 10})
	must(t, err)
	if len(found.Items) != 1 {
		t.Errorf("%d players have the name, want 1", len(found.Items))
	}
}

// TestWaiting opens a database whose server becomes available later.
func TestWaiting(t *testing.T) {
	t.Parallel()
	database := mongotest.Database(t)
	u, err := url.Parse(database)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0") // closes every connection
	must(t, err)
	address, server := l.Addr().String(), u.Host
	go func(first net.Listener) {
		for {
			c, err := first.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}(l)
	u.Host = address
	waiting := withOption(t, withOption(t, u.String(), "directConnection", "true"), "serverSelectionTimeoutMS", "200")
	var once sync.Once
	var forward sync.WaitGroup
	up := func(error) {
		once.Do(func() {
			must(t, l.Close())
			l, err = net.Listen("tcp", address)
			must(t, err)
			p := &proxy{server: server, closed: make(chan struct{})}
			t.Cleanup(func() {
				close(p.closed)
				_ = l.Close()
				forward.Wait()
			})
			forward.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					forward.Go(func() { p.serve(c) })
				}
			})
		})
	}
	openTest(t, waiting, mongostore.Options{Wait: time.Minute, OnWait: up})
}

// TestUserComesLater opens a database with a user that is created later.
func TestUserComesLater(t *testing.T) {
	t.Parallel()
	url, create := mongotest.LaterUser(t)
	wantRefusal(t, url, mongostore.ErrRefused, "cannot log in")
	var once sync.Once
	s := openTest(t, url, mongostore.Options{Wait: time.Minute, OnWait: func(cause error) {
		if !errors.Is(cause, mongostore.ErrRefused) ||
			!strings.Contains(cause.Error(), "may not have been created yet") {
			t.Errorf("OnWait was called with %v", cause)
		}
		once.Do(func() { must(t, create()) })
	}})
	must(t, s.CreatePlayer(t.Context(), newPlayer()))
}

// TestWrongPasswordEnds checks that Open stops waiting for a user that is never created.
func TestWrongPasswordEnds(t *testing.T) {
	t.Parallel()
	url, _ := mongotest.LaterUser(t)
	waited := 0
	o := mongostore.Options{Wait: 1500 * time.Millisecond, OnWait: func(error) { waited++ }}
	s, err := mongostore.Open(t.Context(), url, o)
	if err == nil {
		must(t, s.Close())
	}
	if !errors.Is(err, mongostore.ErrRefused) || strings.Contains(err.Error(), "yet") || waited == 0 {
		t.Errorf("got error %v after %d tries, want %v", err, waited, mongostore.ErrRefused)
	}
}

func TestSQLClass(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{16908292: "40", 11000: "", 1: "", 13436: ""} {
		if got := mongostore.SQLClass(code); got != want {
			t.Errorf("code %d: got class %q, want %q", code, got, want)
		}
	}
}

// TestOnCommand checks what is reported to logs and metrics.
func TestOnCommand(t *testing.T) {
	t.Parallel()
	type key struct{}
	var mu sync.Mutex
	reported := map[string]int{}
	s := openTest(t, mongotest.Database(t), mongostore.Options{OnCommand: func(ctx context.Context, c game.Command) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Value(key{}) != nil {
			reported[c.Name+" "+c.Collection+" "+c.Failure]++
		}
	}})
	p := newPlayer()
	ctx := context.WithValue(t.Context(), key{}, true)
	must(t, s.CreatePlayer(ctx, p))
	_, err := s.Player(ctx, project, p.ID)
	must(t, err)
	next := p
	next.Version++
	must(t, s.ReplacePlayer(ctx, p, next))
	for _, want := range []string{"insert players ", "find players ", "update players "} {
		if reported[want] != 1 || len(reported) != 3 {
			t.Errorf("OnCommand was called for %v, want one %q", reported, want)
		}
	}
	if pool := s.Pool(); pool.InUse != 0 || pool.Waiting != 0 || pool.Idle < 1 {
		t.Errorf("the pool is %+v, want idle connections only", pool)
	}
}

// TestFailureLabels checks the labels of commands that fail.
func TestFailureLabels(t *testing.T) {
	t.Parallel()
	p := newProxy(t, mongotest.Database(t))
	var mu sync.Mutex
	labels := map[string]bool{}
	s := openTest(t, p.url, mongostore.Options{OnCommand: func(_ context.Context, c game.Command) {
		mu.Lock()
		defer mu.Unlock()
		labels[c.Failure] = true
	}})
	for want, f := range map[string]fault{"1": failReply, "network": loseReply, "timeout": hold} {
		p.faults("find", "players", nil, f, f) // the driver retries reads once
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := s.Player(ctx, project, "x")
		cancel()
		mu.Lock()
		if !labels[want] {
			t.Errorf("%v: no label %q: %v", err, want, labels)
		}
		clear(labels)
		mu.Unlock()
		p.faultsOf(nil)
	}
}

// TestCloseEnds closes a store whose server does not respond. Other calls must not wait for that.
func TestCloseEnds(t *testing.T) {
	t.Parallel()
	p := newProxy(t, mongotest.Database(t))
	s, err := mongostore.Open(t.Context(), p.url, mongostore.Options{})
	must(t, err)
	p.faultsOf(map[string]fault{"endSessions ": hold, "find players": hold})
	slow, cancel := context.WithCancel(t.Context())
	reading, closing := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Player(slow, project, "x")
		reading <- err
	}()
	eventually(t, func() bool { return s.Pool().InUse == 1 })
	go func() { closing <- s.Close() }()
	eventually(t, func() bool { // new calls fail while Close waits for the one in progress
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := s.CreatePlayer(ctx, newPlayer())
		return errors.Is(err, mongostore.ErrClosed)
	})
	cancel()
	wantError(t, <-reading, game.ErrStoreUnavailable)
	select {
	case err := <-closing:
		t.Logf("Close returned %v", err) // the sessions could not be ended
	case <-time.After(10 * time.Second):
		t.Error("Close waits for a server that does not respond")
	}
}
