package tests_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/client"
)

// categories are those of log lines.
func categories() []string { return []string{"api", "database", "system", "error"} }

// operate sends a request to the ops listener and returns the response.
func (s *server) operate(t testing.TB, what, body string, headers ...string) response {
	t.Helper()
	ops := &server{url: s.ops, http: s.http}
	return ops.do(t, what, body, headers...)
}

// spoil makes all players that are stored ones that cannot be read, as another program or a failing disk might.
func spoil(t testing.TB, database string) {
	t.Helper()
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		execute(
			t, path,
			"UPDATE players SET doc = json_set(doc, '$.username', json_array(json_extract(doc, '$.username')))",
		)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := mongo.Connect(options.Client().ApplyURI(database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Disconnect(ctx) }()
	players := c.Database(strings.TrimPrefix(parsed(t, database).Path, "/")).Collection("players")
	change := bson.D{{Key: "$set", Value: bson.D{{Key: "username", Value: bson.A{"hush"}}}}}
	r, err := players.UpdateMany(ctx, bson.D{}, change, options.UpdateMany().SetBypassDocumentValidation(true))
	if err != nil || r.ModifiedCount == 0 {
		t.Fatalf("spoiling the players: %+v, %v", r, err)
	}
}

// One request is followed by its id through the lines of all categories that know of it, and its failure by the id that
// the caller was told.
func TestOneRequestIsFollowed(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--log-level=debug", "--cache-bytes=0"), expectErrors) // what is spoiled shows at once
	p := s.newPlayer(t, "followed")
	spoil(t, s.database)
	a := s.do(t, "GET /api/v1/players/"+string(p.ID), "", "X-Request-ID", "follow-me")
	doc := a.json()
	s.contract(t).check(t, "GET /api/v1/players/{player_id}", a)
	if a.status/100 != 5 || doc.text("error_id") == "" {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	ours := func(category, message string) logLine {
		return s.logged(t, func(l logLine) bool {
			return l["request_id"] == "follow-me" && l["category"] == category && l["msg"] == message
		})
	}
	request, operation, failure := ours("api", "request"), ours("database", "store operation"), ours("error", "failure")
	if request["code"] != doc["code"] || request["error_id"] != doc["error_id"] ||
		request["status"] != float64(a.status) {
		t.Errorf("the request is told by %v", request)
	}
	if operation["operation"] != "get_player" || operation["result"] == "ok" {
		t.Errorf("the operation is told by %v", operation)
	}
	if failure["error_id"] != doc["error_id"] || failure["route"] != "/api/v1/players/{player_id}" ||
		failure["causes"] == nil {
		t.Errorf("the failure is told by %v", failure)
	}
	if underTest.name == mongodb {
		if command := ours("database", "database command"); command["command"] != "find" {
			t.Errorf("the command is told by %v", command)
		}
	}

	_, err := s.connect(t, client.WithRetries(0)).Players.Get(t.Context(), p.ID)
	if refusal := (*client.Error)(nil); !errors.As(err, &refusal) || refusal.ErrorID == "" ||
		refusal.ErrorID == doc.text("error_id") || refusal.Extras["error_id"] != nil {
		t.Errorf("through the client: %#v", err)
	}
	groups := s.operate(
		t, "GET /debug/errors", "",
	).is(http.StatusOK).has("Content-Type", "application/json").json().list("errors")
	if len(groups) != 1 || groups[0]["count"] != 2.0 || groups[0]["fingerprint"] != failure["fingerprint"] ||
		groups[0]["code"] != failure["code"] || groups[0]["route"] != failure["route"] {
		t.Errorf("the failures are %v", groups)
	}
	if sample, _ := groups[0]["sample"].(map[string]any); sample["request_id"] == nil || sample["error_id"] == nil ||
		fmt.Sprint(sample["causes"]) != fmt.Sprint(failure["causes"]) {
		t.Errorf("the sample is %v", sample)
	}
	s.metrics(t, fmt.Sprintf(
		`gsm_http_problems_total{code=%q,route="/api/v1/players/{player_id}"} 2`, doc.text("code"),
	),
		fmt.Sprintf("gsm_errors_total{code=%q} 2", failure["code"]), `gsm_errors_total{code="panic"} 0`)
	s.operate(t, "PUT /debug/log-level", "info").is(http.StatusOK)
	likeTheManual(t, s)
}

// likeTheManual holds the example lines of docs/operations/logs.md to those that were written: the same level, and
// every field.
func likeTheManual(t *testing.T, s *server) {
	t.Helper()
	manual, err := os.ReadFile("../docs/operations/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, text := range regexp.MustCompile(`(?m)^\{"time".*\}$`).FindAllString(string(manual), -1) {
		var example logLine
		if err := json.Unmarshal([]byte(text), &example); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		told = append(told, fmt.Sprint(example["category"]))
		like := func(l logLine) bool {
			return l["category"] == example["category"] && l["msg"] == example["msg"] &&
				l["level"] == example["level"] &&
				!slices.ContainsFunc(slices.Collect(maps.Keys(example)), func(field string) bool {
					return l[field] == nil
				})
		}
		eventually(t, "a line is written that is like "+text, func() bool {
			return slices.ContainsFunc(s.stdout.logLines(), like)
		})
	}
	if !slices.Equal(sorted(told), sorted(categories())) {
		t.Errorf("docs/operations/logs.md has lines of the categories %v", told)
	}
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	s := start(t)
	level := func() string {
		return strings.TrimSpace(s.operate(t, "GET /debug/log-level", "").is(http.StatusOK).body)
	}
	request := func(id string) { s.do(t, "GET /api/v1/players", "", "X-Request-ID", id).is(http.StatusOK) }
	if got := level(); got != "info" {
		t.Errorf("the level is %s", got)
	}
	s.operate(t, "PUT /debug/log-level", "warn").is(http.StatusOK)
	request("unseen")
	if a := s.operate(t, "PUT /debug/log-level", " debug\n").is(http.StatusOK); a.body != "debug\n" ||
		level() != "debug" {
		t.Errorf("changed to %q, and the level is %s", a.body, level())
	}
	request("seen")
	s.logged(t, func(l logLine) bool {
		return l["request_id"] == "seen" && l["category"] == "database" && l["level"] == "DEBUG"
	})
	for _, bad := range []string{"", "loud", "DEBUG", "info+1", "debug info", strings.Repeat(" ", 1000) + "info"} {
		a := s.operate(t, "PUT /debug/log-level", bad).is(http.StatusBadRequest)
		if !strings.Contains(a.body, "debug, info, warn or error") {
			t.Errorf("%q is refused with %q", bad, a.body)
		}
	}
	s.operate(t, "PUT /debug/log-level", "error", "Origin", "https://evil.example").is(http.StatusForbidden)
	s.operate(t, "DELETE /debug/log-level", "").is(http.StatusMethodNotAllowed)
	s.operate(t, "PUT /debug/log-level", "error").is(http.StatusOK)
	request("unseen")
	s.logged(t, func(l logLine) bool { return l["category"] == "system" && l["old"] == "WARN" && l["new"] == "DEBUG" })
	s.logged(t, func(l logLine) bool { return l["old"] == "DEBUG" && l["new"] == "ERROR" })
	if strings.Contains(s.stdout.String(), "unseen") {
		t.Errorf("told at a higher level:\n%s", s.stdout)
	}
}

// Background work has a run id in all its lines, down to the driver's, and no request id.
func TestBackgroundRunsAreFollowed(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--log-level=debug", "--metrics-interval=100ms"))
	run := s.logged(t, func(l logLine) bool {
		return l["category"] == "system" && l["msg"] == "background run" && l["task"] == "sample_metrics"
	})
	ofRun := func(l logLine) bool {
		return l["run_id"] == run["run_id"] && l["run_id"] != nil && l["request_id"] == nil &&
			l["category"] == "database"
	}
	s.logged(t, func(l logLine) bool { return ofRun(l) && l["operation"] == "append_metrics" })
	if underTest.name == mongodb {
		s.logged(t, func(l logLine) bool { return ofRun(l) && l["command"] != nil })
	}
	s.metrics(t, `gsm_background_run_duration_seconds_count{result="ok",task="sample_metrics"}`)
	s.worked(t, "finish_erasures")
}

// worked waits until background tasks have succeeded, each of which begins within seconds.
func (s *server) worked(t *testing.T, tasks ...string) {
	t.Helper()
	for _, task := range tasks {
		series := fmt.Sprintf("gsm_background_run_duration_seconds_count{result=\"ok\",task=%q}", task)
		eventually(t, task+" has succeeded", func() bool { return strings.Contains(s.metrics(t), series) })
	}
}

// Work that fails all the time is told, and does not flood the log.
func TestBackgroundFailures(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t, withArgs("--metrics-interval=100ms"))
	execute(t, strings.TrimPrefix(s.database, "sqlite:"), "ALTER TABLE metrics RENAME TO elsewhere")
	failed := func(l logLine) bool { return l["category"] == "error" && l["task"] == "sample_metrics" }
	line := s.logged(t, failed)
	if line["code"] != "background" || line["level"] != "WARN" || line["run_id"] == nil || line["error_id"] == nil ||
		line["request_id"] != nil {
		t.Errorf("the failure is told by %v", line)
	}
	eventually(t, "lines are left out", func() bool {
		return !strings.Contains(s.metrics(t), "gsm_log_lines_suppressed_total 0\n")
	})
	s.metrics(t, `gsm_background_run_duration_seconds_count{result="error",task="sample_metrics"}`)
	group := s.operate(t, "GET /debug/errors", "").is(http.StatusOK).json().list("errors")[0]
	if count, _ := group["count"].(float64); group["task"] != "sample_metrics" || count < 11 {
		t.Errorf("the failures are %v", group)
	}
	if code := s.terminate(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if !slices.ContainsFunc(s.stdout.logLines(), func(l logLine) bool { return failed(l) && l["suppressed"] != nil }) {
		t.Errorf("nobody tells how many lines were left out:\n%s", s.stdout)
	}
}
