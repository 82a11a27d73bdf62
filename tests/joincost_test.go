package tests_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	// againstVariable names the program of another version of gsm, with which BenchmarkJoins compares this one.
	againstVariable = "GSM_TEST_AGAINST"
	// joinSessions is how many sessions there are to join. The 16 at a time have a join each from 16 clients, so that
	// no two joins of a session are written by one write.
	joinSessions = 16 * 1600
	joinSeats    = 10
)

// BenchmarkJoins measures whole requests: joins of players who use nothing but a seat, into sessions of ten. Two
// versions are compared in one run if GSM_TEST_AGAINST is the program of the other one, which must not be the newer:
// all servers begin with copies of a database that it made. Otherwise this version is compared with itself, which shows
// how much equal servers differ.
func BenchmarkJoins(b *testing.B) {
	other, names := gsm, []string{"this", "this again"}
	if path := os.Getenv(againstVariable); path != "" {
		other, names = path, []string{path, "this"}
	}
	seed := filepath.Join(b.TempDir(), "gsm.db")
	sessions, players := joinable(b, other, seed)
	kinds := []kind{
		{names[0], func(b *testing.B) *side { b.Helper(); return gsmSide(b, other, copied(b, seed)) }},
		{names[1], func(b *testing.B) *side { b.Helper(); return gsmSide(b, gsm, copied(b, seed)) }},
	}
	turns := make(chan int, joinSessions*joinSeats)
	for n := range cap(turns) {
		turns <- n
	}
	close(turns)
	compareCost(b, kinds, load{name: "join", target: costTarget, request: func(int, int) (string, string, bool) {
		n, ok := <-turns
		if !ok {
			return "", "", false
		}
		group, within := n/(16*joinSeats), n%(16*joinSeats)
		body := fmt.Sprintf(`{"player_id":%q}`, players[within/16])
		return "/sessions/" + sessions[16*group+within%16] + "/members", body, true
	}})
	if len(turns) == 0 {
		b.Error("there were too few sessions to join")
	}
}

// joinable makes a database with the sessions and the players of the benchmark. The requests are plain, because an
// older version does not know all fields that the SDK sends.
func joinable(b *testing.B, binary, path string) (sessions, players []string) {
	b.Helper()
	s := gsmSide(b, binary, "sqlite:"+path)
	defer s.kill()
	sessions, players = make([]string, joinSessions), make([]string, joinSeats)
	failures := make([]error, speedClients)
	together(speedClients, func(k int) {
		for i := k; i < joinSeats && failures[k] == nil; i += speedClients {
			players[i], failures[k] = s.created(b.Context(), "/players", fmt.Sprintf(`{"username":%q}`, speedName()))
		}
		for i := k; i < joinSessions && failures[k] == nil; i += speedClients {
			sessions[i], failures[k] = s.created(
				b.Context(), "/sessions", fmt.Sprintf(`{"name":"speed","max_players":%d}`, joinSeats),
			)
		}
	})
	must(b, errors.Join(failures...))
	return sessions, players
}

// created creates a document and returns its id.
func (s *side) created(ctx context.Context, target, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1"+target, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.http.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	var made struct {
		ID string `json:"id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || made.ID == "" {
		return "", fmt.Errorf("POST %s: %s, %w", target, res.Status, err)
	}
	return made.ID, nil
}

// copied returns the URL of a copy of the database of a server that was killed.
func copied(b *testing.B, path string) string {
	b.Helper()
	to := filepath.Join(b.TempDir(), "gsm.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		if os.IsNotExist(err) {
			continue
		}
		must(b, err)
		must(b, os.WriteFile(to+suffix, content, 0o600))
	}
	return "sqlite:" + to
}
