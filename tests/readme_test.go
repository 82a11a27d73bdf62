package tests_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// block returns the first block of code below a heading of README.md.
func block(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(string(text), "\n"+heading+"\n")
	m := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(below)
	if !found || m == nil {
		t.Fatalf("README.md has no block of code below %q", heading)
	}
	return m[1]
}

// TestTour runs README.md's tour as it is pasted, with jq and without.
func TestTour(t *testing.T) {
	t.Parallel()
	tour := pasted{commands: block(t, "### A tour in two minutes")}
	eachWay(t, func(t *testing.T, programs string, _ bool) {
		s := start(t) // of its own, because the tour finds sessions by their attributes
		out := s.paste(t, programs, []pasted{tour})[0]
		for _, want := range []string{
			`"display_name":"Alice"`, `"free_seats":1`, `"free_seats":0`, `"status":"in_progress"`,
			`"code":"invalid_state_transition"`, `"end_reason":"completed"`, `"winner":"Alice"`,
		} {
			if !strings.Contains(out, want) {
				t.Errorf("the tour does not print %s", want)
			}
		}
		if t.Failed() {
			t.Logf("%s", out)
		}
	})
}

// TestOneRequest compares README.md's first response with what the service returns, but for ids and times.
func TestOneRequest(t *testing.T) {
	only(t, sqlite)
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)### One request\n.*?```json\n(.*?)```").FindStringSubmatch(string(text))
	if m == nil {
		t.Fatal("README.md has no response")
	}
	s := start(t)
	res := s.do(t, "POST /api/v1/players", `{"username":"alice"}`).is(http.StatusCreated).body
	shape := func(body string) string {
		body = regexp.MustCompile(`\s`).ReplaceAllString(body, "")
		body = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllString(body, "ID")
		return regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`).ReplaceAllString(body, "TIME")
	}
	if got, want := shape(res), shape(m[1]); got != want {
		t.Errorf("README.md shows\n%s\nand the service returns\n%s", want, got)
	}
}
