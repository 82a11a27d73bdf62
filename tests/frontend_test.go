package tests_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// recipe returns the blocks of commands below a heading of docs/security.md.
func recipe(t *testing.T, heading string) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(string(text), "\n## "+heading+"\n")
	below, _, _ = strings.Cut(below, "\n## ")
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(below, -1) {
		blocks = append(blocks, m[1])
	}
	if !found || len(blocks) != 3 {
		t.Fatalf("%d blocks below %q", len(blocks), heading)
	}
	return blocks
}

// TestDevelopmentServerWithAFrontEnd pastes the recipe, and then does what a page in a browser does.
func TestDevelopmentServerWithAFrontEnd(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "openssl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the recipe needs %s", tool)
		}
	}
	blocks, dir := recipe(t, "A development server with a front end"), t.TempDir()
	paste := func(block string, env ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "-eu", "-o", "pipefail", "-c", block)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	paste(blocks[0])
	settings := strings.Fields(paste(strings.Replace(blocks[1], "gsm serve", "env | grep ^GSM_", 1)))
	s := start(t, func(s *setup) { s.env = append(s.env, settings...) })
	out := paste(blocks[2], "API="+s.url)
	value := func(name string) string {
		m := regexp.MustCompile(`(?m)^` + name + `=(\S+)$`).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("no %s in\n%s", name, out)
		}
		return m[1]
	}
	player, token := value("PLAYER"), value("TOKEN")
	if !strings.Contains(out, " 204 ") || !strings.Contains(out, "Access-Control-Allow-Origin: http://localhost:5173") {
		t.Errorf("the preflight is answered\n%s", out)
	}

	page := page{s, "http://localhost:5173", token}
	page.call(
		t, "POST /api/v1/sessions", `{"max_players":4,"host_id":"`+player+`"}`, "Idempotency-Key", "once",
	).is(http.StatusCreated)
	page.call(t, "PATCH /api/v1/players/"+player, `{"display_name":"Dev"}`, "If-Match", `"1"`).is(http.StatusOK)
	page.call(t, "POST /api/v1/players", `{"username":"another"}`).problem(http.StatusForbidden, "forbidden")
	page.token = "undefined"
	// which the page may read
	page.call(t, "GET /api/v1/sessions", "").problem(http.StatusUnauthorized, "unauthenticated")

	for _, other := range []string{"http://localhost:3000", "http://localhost", "https://localhost:5173", "null"} {
		p := s.do(t, "OPTIONS /api/v1/sessions", "", "Origin", other, "Access-Control-Request-Method", "GET").
			has("Access-Control-Allow-Origin", "").problem(http.StatusForbidden, "cross_origin")
		if !strings.Contains(p.text("detail"), "GSM_CORS_ORIGINS") {
			t.Errorf("%s is told %v", other, p)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "dev.env")); err != nil {
		t.Error(err)
	}
}

// Without authentication pages of other origins may not call the API, and the response says which setting to change.
func TestFrontEndWithoutAuthentication(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t)
	browser := []string{
		"Origin", "http://localhost:5173", "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest",
		"empty",
	}
	for _, headers := range [][]string{browser, browser[:2]} {
		preflight := append([]string{"Access-Control-Request-Method", "POST"}, headers...)
		for _, a := range []response{
			s.do(t, "OPTIONS /api/v1/players", "", preflight...),
			s.do(t, "POST /api/v1/players", `{"username":"alice"}`, headers...),
		} {
			p := a.has("Access-Control-Allow-Origin", "").problem(http.StatusForbidden, "cross_origin")
			if detail := p.text("detail"); !strings.Contains(detail, "GSM_AUTH=on") ||
				!strings.Contains(detail, "GSM_CORS_ORIGINS") {
				t.Errorf("told %q", detail)
			}
		}
	}
	startFails(t, exitUsage, []string{
		"--cors-origins=http://localhost:5173",
	}, "GSM_CORS_ORIGINS", "GSM_AUTH=on", "GSM_ADMIN_KEY")
}

// page is a web page in a browser, with a player's token.
type page struct {
	*server
	origin, token string
}

// call does what fetch does: it sends a preflight, and sends the request and returns the response only if it is
// allowed to.
func (p page) call(t *testing.T, what, body string, headers ...string) response {
	t.Helper()
	method, path, _ := strings.Cut(what, " ")
	headers = append(headers, "Authorization", "Bearer "+p.token)
	names := []string{"content-type"}
	for i := 0; i < len(headers); i += 2 {
		names = append(names, strings.ToLower(headers[i]))
	}
	browser := []string{
		"Origin", p.origin, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty",
	}
	asked := p.do(t, "OPTIONS "+path, "", append([]string{
		"Access-Control-Request-Method", method, "Access-Control-Request-Headers", strings.Join(sorted(names), ","),
	}, browser...)...).is(http.StatusNoContent).has("Access-Control-Allow-Origin", p.origin)
	allowed := asked.header.Get("Access-Control-Allow-Headers")
	for _, name := range names {
		if !strings.Contains(strings.ToLower(allowed), name) {
			t.Fatalf("%s: a page may not send %s, only %q", what, name, allowed)
		}
	}
	if !strings.Contains(asked.header.Get("Access-Control-Allow-Methods"), method) {
		t.Fatalf("%s: a page may not", what)
	}
	return p.do(t, what, body, append(headers, browser...)...).has("Access-Control-Allow-Origin", p.origin)
}
