package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"game-session-manager/client"
)

// exitFindings is the exit code for a database with errors.
const exitFindings = 6

// db runs `gsm db`, fails the test unless it ends with the code and says everything that is wanted, and returns what it
// said.
func db(t testing.TB, code int, args []string, says ...string) string {
	t.Helper()
	got, stdout, stderr := runToEnd(t, nil, append([]string{"db"}, args...)...)
	all := stdout + stderr
	if got != code {
		t.Errorf("gsm db %q: exit code %d, want %d: %s", args, got, code, all)
	}
	if code != 0 && !strings.Contains(stderr, "gsm: ") {
		t.Errorf("gsm db %q: says nothing on standard error: %s", args, all)
	}
	for _, s := range says {
		if !strings.Contains(all, s) {
			t.Errorf("gsm db %q: does not say %q: %s", args, s, all)
		}
	}
	if strings.Contains(all, "hunter2") {
		t.Errorf("gsm db %q: tells a password: %s", args, all)
	}
	return stdout
}

func TestDBInit(t *testing.T) {
	t.Parallel()
	database := freshDatabase(t)
	db(t, 0, []string{"init", "--database-url", database}, "engine: ", "ready: 0 players, 0 sessions")
	s := start(t, onDatabase(database))
	s.newPlayer(t, "alice")
	s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	s.terminate(t)
	db(t, 0, []string{"init", "--database-url", database}, "ready: 1 players, 1 sessions")
}

func TestDBManual(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	tell(t, map[string][]string{
		"db --help":        {"init", "check", "copy", "backup"},
		"db init --help":   {"Examples:", "GSM_DATABASE_URL"},
		"db check --help":  {"Examples:", "--repair", "Exit code 6"},
		"db copy --help":   {"Examples:", "--from", "--to", "--resume"},
		"db backup --help": {"Examples:", "restore"},
	})
}

func TestDBRefuses(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	dir := t.TempDir()
	path := func(name string) string { return "sqlite:" + filepath.Join(dir, name) }
	missing, other := path("missing.db"), path("other.db")
	served := start(t, onDatabase(path("served.db")))
	served.newPlayer(t, "alice")
	if err := os.Symlink(filepath.Join(dir, "served.db"), filepath.Join(dir, "link.db")); err != nil {
		t.Fatal(err)
	}

	for _, args := range [][]string{
		{"check", "--database-url", missing},
		{"backup", "--database-url", missing, filepath.Join(dir, "x")},
		{"copy", "--from", missing, "--to", other},
	} {
		db(t, exitDatabase, args, "there is no database", "missing.db")
	}
	db(t, exitUsage, []string{
		"check", "--database-wait", "99h",
	}, "--database-wait", "GSM_DATABASE_WAIT", "10m", "see gsm db check --help")
	db(t, exitLocked, []string{"copy", "--from", served.database, "--to", other}, "--from", "in use", "served.db")
	db(t, exitLocked, []string{"init", "--database-url", served.database}, "in use")
	db(t, exitUsage, []string{"copy", "--from", served.database, "--to", path("link.db")}, "same database")
	db(t, exitUsage, []string{"backup", "--database-url", "mongodb://u:hunter2@host/x", "file"}, "mongodump")
	db(t, exitUsage, []string{"backup"}, "file")
	db(t, exitUsage, []string{"copy", "--from", other}, "--to")
	db(t, exitUsage, []string{"backup", "--database-url", served.database, filepath.Join(dir, "served.db")}, "exists")
	for _, name := range []string{"missing.db", "other.db"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was made: %v", name, err)
		}
	}

	served.terminate(t)
	db(t, exitUsage, []string{"copy", "--from", served.database, "--to", "redis://u:hunter2@host/x"}, "sqlite:")
	full := start(t, onDatabase(path("full.db")))
	full.newPlayer(t, "bob")
	full.terminate(t)
	db(t, exitDatabase, []string{"copy", "--from", served.database, "--to", full.database}, "not empty", "--resume")
	db(t, exitDatabase, []string{
		"copy", "--from", served.database, "--to", full.database, "--resume",
	}, "the source does not have")
	db(t, 0, []string{"copy", "--from", served.database, "--to", other})
}

// A backup during writes has everything that was acknowledged before it began, and passes the check.
func TestBackupBesideAServer(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	const writers, writes = 30, 3000
	s := start(t, onDatabase("sqlite:"+filepath.Join(t.TempDir(), "gsm.db")))
	file := filepath.Join(t.TempDir(), "backup.db")
	l := newLedger(writes)
	before := newLedger(0)
	l.load(t, s, writers, func() {
		l.mu.Lock()
		for id, p := range l.players {
			before.players[id] = p
		}
		for id, v := range l.sessions {
			before.sessions[id] = v
		}
		l.mu.Unlock()
		db(t, 0, []string{"backup", "--database-url", s.database, file}, "backed up and checked")
		s.kill()
	})
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	db(t, 0, []string{"check", "--database-url", "sqlite:" + file}, "0 findings")
	b := start(t, onDatabase("sqlite:"+file))
	for id, want := range before.players {
		if got, err := b.api.Players.Get(t.Context(), id); err != nil || !cmp.Equal(got, want, exactly()) {
			t.Fatalf("player %s: got %+v, %v, want %+v", id, got, err, want)
		}
	}
	for id, want := range before.sessions { // which may have gone on
		if got, err := b.api.Sessions.Get(t.Context(), id); err != nil || got.Version < want.Version {
			t.Fatalf("session %s: got %+v, %v, want %+v", id, got, err, want)
		}
	}
	t.Logf("%d players and %d sessions were acknowledged before the backup", len(before.players), len(before.sessions))
	b.newPlayer(t, "afterwards")
}

func exactly() cmp.Option { return cmp.Comparer(func(a, b client.Value) bool { return a == b }) }

// Damage done by another program is found and repaired while the server runs.
func TestCheckBesideAServer(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := start(t, onDatabase("sqlite:"+path))
	players := s.newPlayers(t, "player", 4)
	v := s.newSession(t, client.SessionRequest{HostID: &players[0].ID, Settings: client.Settings{
		MaxPlayers: 4, Attributes: client.Attributes{"level": client.Number(3)},
	}})
	for _, p := range players[1:] {
		if _, err := s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p.ID}); err != nil {
			t.Fatal(err)
		}
	}
	check := []string{"check", "--database-url", s.database}
	repair := append(slices.Clone(check), "--repair")
	db(t, 0, check, "checked 4 players, 0 leases, 1 sessions, 5 idempotency keys, 0 API keys, 0 signing keys, "+
		"0 webhooks, 0 deliveries, 8 events: 0 findings, 0 repaired")
	want, err := s.api.Sessions.Get(t.Context(), v.ID)
	if err != nil {
		t.Fatal(err)
	}

	execute(t, path, "DELETE FROM members", "DELETE FROM attributes", "UPDATE sessions SET free_seats = 9",
		"UPDATE players SET username_key = 'x'||id",
		"INSERT INTO identities VALUES ('default', 'steam', '1', 'nobody')")
	filter := client.SessionFilter{MemberID: players[1].ID, FreeSeats: 0, Attributes: client.Attributes{
		"level": client.Number(3),
	}, Members: client.MembersFull}
	if page, err := s.api.Sessions.List(t.Context(), filter); err != nil || len(page.Items) > 0 {
		t.Fatalf("the damage does nothing: %v, %v", page, err)
	}
	said := db(t, exitFindings, check,
		"8 findings, 0 repaired", "--repair", "sessions "+string(v.ID)+" lacks 4 entries of members",
		"free_seats", "players "+string(players[3].ID)+" has columns", "nobody")
	if strings.Contains(said, "player-") {
		t.Errorf("tells names: %s", said)
	}
	db(t, 0, repair, "8 findings, 8 repaired")
	db(t, 0, check, "0 findings")
	if page, err := s.api.Sessions.List(t.Context(), filter); err != nil || len(page.Items) != 1 ||
		!cmp.Equal(page.Items[0], want, exactly()) {
		t.Errorf("after the repair: %v, %v", page, err)
	}
	if _, err := s.api.Players.Create(t.Context(), client.Profile{
		Username: "PLAYER-2",
	}); !errors.Is(err, client.ErrUsernameTaken) {
		t.Errorf("after the repair the name is not unique: %v", err)
	}

	execute(t, path, fmt.Sprintf("DELETE FROM players WHERE id IN ('%s', '%s')", players[0].ID, players[2].ID))
	db(t, exitFindings, check, "has members who do not exist: "+string(players[0].ID)+", "+string(players[2].ID))
	db(t, 0, repair, "1 findings, 1 repaired")
	got, err := s.api.Sessions.Get(t.Context(), v.ID)
	if err != nil || len(got.Members) != 2 || *got.HostID != players[1].ID || got.Version != want.Version+1 {
		t.Errorf("after the repair: %+v, %v", got, err)
	}

	execute(t, path, fmt.Sprintf(
		"UPDATE players SET doc = json_set(doc, '$.version', 0), version = 0 WHERE id = '%s'", players[3].ID,
	))
	db(t, exitFindings, repair, "version must be 1 or more", "1 findings, 0 repaired", "cannot be repaired")
}

// filled returns a database with players, sessions and idempotency keys, and what the API says of it.
func filled(t *testing.T, database string, players int) []string {
	t.Helper()
	s := start(t, onDatabase(database))
	made := make([]client.Player, players)
	failures := make([]error, 50)
	together(len(failures), func(w int) {
		for i := w; i < players && failures[w] == nil; i += len(failures) {
			f := client.Profile{Username: fmt.Sprint("player-", i), Identities: map[string]string{
				"steam": fmt.Sprint(i),
			}, Attributes: client.Attributes{"mmr": client.Number(float64(i) + .5)}}
			made[i], failures[w] = s.api.Players.Create(t.Context(), f, client.IdempotencyKey(fmt.Sprint("key-", i)))
		}
	})
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		v := s.newSession(t, client.SessionRequest{HostID: &made[i].ID, Settings: client.Settings{
			MaxPlayers: 2, Name: "Größe <&>", Teams: map[string]int{"red": 1},
		}})
		if i%2 == 0 {
			for _, m := range []client.Move{
				{Status: client.StatusInProgress}, {Status: client.StatusEnded, Result: `{"n":1.50,"a":["<"]}`},
			} {
				if _, err := s.api.Sessions.SetStatus(t.Context(), v.ID, m); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := s.api.Players.Delete(t.Context(), made[0].ID); err != nil { // leaves a mark
		t.Fatal(err)
	}
	said := s.everything(t)
	s.terminate(t)
	return said
}

// everything returns all documents as the API returns them.
func (s *server) everything(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, path := range []string{"/api/v1/players", "/api/v1/sessions"} {
		cursor := ""
		for {
			a := s.do(t, "GET "+path+"?limit=100&cursor="+cursor, "").is(http.StatusOK)
			all = append(all, a.body)
			m := regexp.MustCompile(`"next_cursor":"([^"]+)"`).FindStringSubmatch(a.body)
			if m == nil {
				break
			}
			cursor = m[1]
		}
	}
	return all
}

// background runs `gsm db` and returns it when it has said something that matches.
func background(t *testing.T, until string, args ...string) *server {
	t.Helper()
	s := &server{stdout: newJournal(), stderr: newJournal(), exited: make(chan struct{})}
	s.cmd = command(t, append([]string{"db"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.stdout, s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in ProcessState
		close(s.exited)
	}()
	t.Cleanup(s.kill)
	timeout := time.After(patience)
	for {
		changed := s.stderr.changed()
		if strings.Contains(s.stderr.String(), until) {
			return s
		}
		select {
		case <-changed:
		case <-s.exited:
			t.Fatalf("gsm db %q ended: %s%s", args, s.stdout, s.stderr)
		case <-timeout:
			t.Fatalf("gsm db %q does not say %q: %s", args, until, s.stderr)
		}
	}
}

// An interrupted copy continues, and the API returns the same from it as from the source.
func TestCopyIsResumed(t *testing.T) {
	t.Parallel()
	once(t)
	for _, from := range engines() {
		t.Run(from.name, func(t *testing.T) {
			t.Parallel()
			const players = 3500
			source := from.fresh(t)
			want := filled(t, source, players)
			for _, to := range engines() {
				t.Run("to "+to.name, func(t *testing.T) { copyIsResumed(t, source, to.fresh(t), want, players) })
			}
		})
	}
}

func copyIsResumed(t *testing.T, source, target string, want []string, players int) {
	t.Helper()
	args := []string{"copy", "--from", source, "--to", target}

	background(t, "copy players: ", args...).kill()
	db(t, exitDatabase, args, "not empty")
	args = append(args, "--resume")
	interrupted := background(t, "copy players: ", args...)
	if err := interrupted.cmd.Process.Signal(os.Interrupt); err != nil &&
		!errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	// A fast machine may have been done before the signal.
	if code := interrupted.wait(t); code != 0 &&
		(code != 1 || !strings.Contains(interrupted.stderr.String(), "--resume")) {
		t.Errorf("after SIGINT: exit code %d: %s%s", code, interrupted.stdout, interrupted.stderr)
	}
	said := db(t, 0, args, fmt.Sprintf(
		"players: %d on both sides, SHA-256 ", players,
	), "sessions: 20 on both sides", fmt.Sprintf("idempotency: %d on both sides", players+20))
	t.Log(said)

	db(t, 0, []string{"check", "--database-url", target}, "0 findings")
	s := start(t, onDatabase(target))
	if d := cmp.Diff(want, s.everything(t)); d != "" {
		t.Errorf("-source +copy\n%s", d)
	}
	s.replays(t, 7)
}

// replays fails the test unless the key of a creation before a copy is known.
func (s *server) replays(t *testing.T, i int) {
	t.Helper()
	_, err := s.api.Players.Create(
		t.Context(), client.Profile{Username: "other"}, client.IdempotencyKey(fmt.Sprint("key-", i)),
	)
	if !errors.Is(err, client.ErrIdempotencyKeyReuse) {
		t.Errorf("the key is not known: %v", err)
	}
}
