package tests_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// sortedWords returns the texts in order, as one.
func sortedWords(words []string) string {
	slices.Sort(words)
	return strings.Join(words, " ")
}

// raw sends bytes over a connection of their own, and returns the responses that came until the server closed it, or
// until as many had come as are wanted.
func raw(t *testing.T, address, sent string, wanted int) (statuses []int, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Fatal(err)
	}
	for r := bufio.NewReader(conn); ; {
		if len(statuses) == wanted {
			return statuses, false
		}
		if _, err := r.Peek(1); err != nil {
			return statuses, true
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, res.StatusCode)
	}
}

// What stands behind a body whose length is told in two ways is not taken for a request: the connection is closed.
func TestAmbiguousBodies(t *testing.T) {
	t.Parallel()
	s := start(t)
	const (
		hidden  = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
		chunked = "Transfer-Encoding: chunked\r\n"
		body    = "2\r\n{}\r\n0\r\n\r\n"
		post    = "POST /api/v1/players HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	)
	api, ops := strings.TrimPrefix(s.url, "http://"), strings.TrimPrefix(s.ops, "http://")
	put := strings.Replace(post, "POST /api/v1/players", "PUT /debug/log-level", 1)
	for name, c := range map[string]struct {
		address, sent string
		first         int
	}{
		"length first":   {api, post + "Content-Length: 4\r\n" + chunked + "\r\n" + body, 422},
		"length last":    {api, post + chunked + "Content-Length: 4\r\n\r\n" + body, 422},
		"in other cases": {api, post + "content-LENGTH: 4\r\ntransfer-ENCODING: Chunked\r\n\r\n" + body, 422},
		"chunked alone":  {api, post + chunked + "\r\n" + body, 422},
		"of an old version": {api, strings.Replace(post, "1.1", "1.0",
			1) + "Connection: keep-alive\r\n" + chunked + "Content-Length: 2\r\n\r\n{}", 422},
		"no route": {api, strings.Replace(post, "/players", "/nothing",
			1) + "Content-Length: 4\r\n" + chunked + "\r\n" + body, 404},
		"other host": {api, strings.Replace(post, "localhost", "evil.example",
			1) + "Content-Length: 4\r\n" + chunked + "\r\n" + body, 403},
		"ops":         {ops, put + "Content-Length: 4\r\n" + chunked + "\r\n" + "4\r\ninfo\r\n0\r\n\r\n", 200},
		"two lengths": {api, post + "Content-Length: 2\r\nContent-Length: 4\r\n\r\n{}", 400},
	} {
		statuses, closed := raw(t, c.address, c.sent+hidden+hidden, 0xff)
		if !closed || len(statuses) != 1 || statuses[0] != c.first {
			t.Errorf("%s: got %v, want %d and the end", name, statuses, c.first)
		}
	}
	// One that is told in one way leaves the connection open.
	if statuses, closed := raw(t, api, post+"Content-Length: 2\r\n\r\n{}"+hidden, 2); closed || !slices.Equal(statuses,
		[]int{422, 200}) {
		t.Errorf("with a length: got %v", statuses)
	}
}

// A host that is none is rejected by both listeners, with authentication and without.
func TestHostsThatAreNone(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*server{"off": start(t), "on": start(t, authenticated)} {
		for _, host := range []string{
			"localhost:evil.com", "::1", "[::1", "[::1]x", "[::1]:x", "::1]", "localhost:99999",
			"a@localhost", "localhost:1:2", "[127.0.0.1]", "[fe80::1%25lo]", ":80",
		} {
			for _, address := range []string{s.url + "/livez", s.ops + "/metrics"} {
				listener := strings.TrimSuffix(strings.TrimSuffix(address, "/livez"), "/metrics")
				statuses, _ := raw(t, strings.TrimPrefix(listener, "http://"),
					"GET /livez HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n", 1)
				if len(statuses) != 1 || statuses[0] != http.StatusBadRequest {
					t.Errorf("authentication %s, %s: the host %q got %v", name, address, host, statuses)
				}
			}
		}
		for _, host := range []string{
			"localhost", "localhost:8080", "localhost:", "[::1]", "[::1]:8080", "127.0.0.1:1",
		} {
			if got := s.status(t, http.MethodGet, s.url+"/livez", host); got != http.StatusOK {
				t.Errorf("authentication %s: the host %q got %d", name, host, got)
			}
		}
	}
	s := start(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/livez", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "localhost:evil.com"
	res, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	response{
		t: t, what: "localhost:evil.com", status: res.StatusCode, header: res.Header,
		body: string(b),
	}.problem(http.StatusBadRequest, "malformed_host")
}

// A slash at the end of a path leads to the route without, whoever asks, with the query and no further.
func TestTrailingSlashes(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	operations := s.operations(t)
	if len(operations) < 20 {
		t.Fatalf("only %d operations", len(operations))
	}
	for _, operation := range operations {
		target := strings.NewReplacer(
			"{session_id}", nobody, "{player_id}", nobody, "{key_id}", "abc", "{webhook_id}", nobody,
			"{provider}", "steam", "{subject}", "76561",
		).Replace(operation)
		_, path, _ := strings.Cut(target, " ")
		s.do(t, target+"/", "").is(http.StatusPermanentRedirect).has("Location", path)
		s.do(t, target+"/?limit=1&x=%2F%2Fevil", "").is(http.StatusPermanentRedirect).has("Location",
			path+"?limit=1&x=%2F%2Fevil")
	}
	for _, path := range []string{
		"//evil.example/", "//evil.example/api/v1/players/", "/api/v1/players//", "//livez/",
		"/x/..//livez/", `/\evil.example/`, "/%2Fevil.example/", "/nothing/", "/api/v1/sessions%2F",
	} {
		if a := s.do(t, "GET "+path, "", bearer(adminKey)...); a.status != http.StatusNotFound ||
			a.header.Get("Location") != "" {
			t.Errorf("%s: got %d to %q", path, a.status, a.header.Get("Location"))
		}
	}
	s.do(t, "GET /docs/", "").is(http.StatusOK)
	s.http.CheckRedirect = nil
	s.do(t, "POST /api/v1/players/", `{"username":"alice"}`, bearer(adminKey)...).is(http.StatusCreated)
}

// operations are those of the contract, as METHOD path.
func (s *server) operations(t *testing.T) []string {
	t.Helper()
	var all []string
	paths, _ := s.do(t, "GET /openapi.json", "").is(http.StatusOK).json()["paths"].(map[string]any)
	for path, methods := range paths {
		for method := range methods.(map[string]any) {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	return all
}

// Every header that the contract or the documents have callers send passes a preflight, and a page may read every
// header that the contract has responses carry.
func TestHeadersOfWebPages(t *testing.T) {
	t.Parallel()
	const page = "https://a.example"
	s := start(t, authenticated, withArgs("--cors-origins="+page))
	sent, returned := map[string]bool{"Authorization": true, "Content-Type": true, "traceparent": true},
		map[string]bool{"X-Request-ID": true, "Retry-After": true, "RateLimit": true}
	paths, _ := s.do(t, "GET /openapi.json", "").is(http.StatusOK).json()["paths"].(map[string]any)
	for _, methods := range paths {
		for _, operation := range methods.(map[string]any) {
			op := object(operation.(map[string]any))
			for _, p := range op.list("parameters") {
				if p.text("in") == "header" {
					sent[p.text("name")] = true
				}
			}
			responses, _ := op["responses"].(map[string]any)
			for _, response := range responses {
				headers, _ := response.(map[string]any)["headers"].(map[string]any)
				for name := range headers {
					returned[name] = true
				}
			}
		}
	}
	documented := regexp.MustCompile(
		`\b(X-[A-Z][A-Za-z-]*[a-zA-Z]|Idempotency-Key|If-Match|If-None-Match|Prefer|Session-Fence)\b`,
	)
	for _, document := range []string{"../README.md", "../docs/api.md", "../docs/security.md"} {
		text, err := os.ReadFile(document)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, name := range documented.FindAllString(string(text), -1) {
			if name != "X-Forwarded-For" && name != "X-Content-Type-Options" {
				sent[name] = true
			}
		}
	}
	for name := range sent {
		a := s.do(t, "OPTIONS /api/v1/players", "", "Origin", page, "Access-Control-Request-Method", "PATCH",
			"Access-Control-Request-Headers", strings.ToLower(name))
		if a.header.Get("Access-Control-Allow-Origin") != page {
			t.Errorf("a page may not send %s", name)
		}
	}
	exposed := strings.ToLower(s.do(t, "GET /api/v1/players", "", bearer(adminKey, "Origin",
		page)...).is(http.StatusOK).header.Get("Access-Control-Expose-Headers"))
	for name := range returned {
		if !slices.Contains(strings.Split(strings.ReplaceAll(exposed, " ", ""), ","), strings.ToLower(name)) {
			t.Errorf("a page may not read %s: %s", name, exposed)
		}
	}
	if len(sent) < 7 || len(returned) < 5 {
		t.Errorf("only %v and %v", sent, returned)
	}
}
