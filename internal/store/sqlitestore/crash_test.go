package sqlitestore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

// crashFile names the variable that makes the test binary a victim of [TestKill]: it holds the path of its database.
const crashFile = "GSM_TEST_CRASH_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashFile); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever prints the id of each player, and the version of each session, when the store has acknowledged it.
func writeForever(path string) error {
	s, err := sqlitestore.Open(context.Background(), path, sqlitestore.Options{})
	if err != nil {
		return err
	}
	failures := make(chan error)
	for range 16 {
		go func() {
			v := benchSession()
			failures <- writeOn(s, v)
		}()
	}
	return <-failures
}

func writeOn(s game.Store, v game.Session) error {
	ctx := context.Background()
	created := benchEvent(game.SubjectSession, string(v.ID), 1, game.SessionCreated{Status: v.Status})
	if err := s.CreateSession(ctx, v, created); err != nil {
		return err
	}
	for {
		p := benchPlayer()
		created := benchEvent(game.SubjectPlayer, string(p.ID), 1, game.PlayerCreated{})
		if err := s.CreatePlayer(ctx, p, created); err != nil {
			return err
		}
		fmt.Println("player", p.ID, 1)
		next := v
		next.Version++
		next.Members = append(v.Members[:1:1], member(p.ID, p.CreatedAt))
		joined := benchEvent(game.SubjectSession, string(v.ID), next.Version, game.MemberJoined{PlayerID: p.ID})
		if err := s.ReplaceSession(ctx, v, next, joined); err != nil {
			return err
		}
		v = next
		fmt.Println("session", v.ID, v.Version)
	}
}

// TestKill kills a process that writes, several times on one file: what it acknowledged is there.
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	acknowledged := map[string]map[string]int64{"player": {}, "session": {}}
	for range 3 {
		killWriter(t, path, 400, acknowledged)
	}
	s := openTest(t, path)
	for id := range acknowledged["player"] {
		if _, err := s.Player(t.Context(), project, game.PlayerID(id)); err != nil {
			t.Error(err)
		}
		wantVersions(t, s, game.SubjectPlayer, id, 1)
	}
	for id, version := range acknowledged["session"] {
		v, err := s.Session(t.Context(), project, game.SessionID(id))
		must(t, err)
		if v.Version < version {
			t.Errorf("session %s is at version %d, and %d was acknowledged", id, v.Version, version)
		}
		found, err := s.Sessions(t.Context(), game.SessionQuery{
			Project: project, Where: game.Where{game.Is(game.FieldMember, v.Members[len(v.Members)-1].PlayerID)},
			Limit: 2,
		})
		must(t, err)
		if len(found.Items) != 1 || found.Items[0].ID != v.ID {
			t.Errorf("session %s is not found by its last member", id)
		}
	}
	feed, err := s.Feed(t.Context(), game.FeedQuery{Project: project, Limit: 100_000})
	must(t, err)
	for i, e := range feed {
		if e.Seq != int64(i+1) {
			t.Fatalf("after place %d comes %d", i, e.Seq)
		}
	}
	var check string
	must(t, beside(t, path).QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&check))
	if check != "ok" {
		t.Errorf("the database is damaged: %s", check)
	}
}

// wantVersions reports a document whose events are not those of its versions.
func wantVersions(t *testing.T, s game.Store, kind game.SubjectKind, id string, version int64) {
	t.Helper()
	events, err := s.Timeline(t.Context(), game.TimelineQuery{
		Project: project, Subject: game.Subject{Kind: kind, ID: id}, Limit: 100_000,
	})
	must(t, err)
	for i, e := range events {
		if e.Version != version-int64(i) {
			t.Fatalf("event %d of %s %s is of version %d, want %d", i, kind, id, e.Version, version-int64(i))
		}
	}
	if int64(len(events)) != version {
		t.Errorf("%s %s is at version %d and has %d events", kind, id, version, len(events))
	}
}

// killWriter runs a writing process, kills it after so many acknowledgements, and adds all of them to the map.
func killWriter(t *testing.T, path string, after int, acknowledged map[string]map[string]int64) {
	t.Helper()
	victim := exec.CommandContext(t.Context(), os.Args[0])
	victim.Env = append(os.Environ(), crashFile+"="+path)
	victim.Stderr = t.Output()
	out, err := victim.StdoutPipe()
	must(t, err)
	must(t, victim.Start())
	kill := sync.OnceValue(victim.Process.Kill)
	lines := bufio.NewReader(out)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // without its end, a line was not printed
		}
		var kind, id string
		var version int64
		if _, err := fmt.Sscan(strings.TrimSpace(line), &kind, &id, &version); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		acknowledged[kind][id] = max(acknowledged[kind][id], version)
		if n == after {
			must(t, kill())
		}
	}
	if err := victim.Wait(); err == nil || len(acknowledged["player"]) < after/4 {
		t.Fatalf("the victim ended by itself: %v", err)
	}
}
