package api_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"game-session-manager/internal/api"
)

// repeated generates a text repeated many times, without holding it in memory.
type repeated struct {
	text string
	n    int
	left string
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == "" {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.left = r.text
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// member is one as a GET shows it, of 4 KiB.
func member() string {
	return `{"player_id":"0198c2a5-7d52-7c11-9e0a-4b1f5d2c7a90","attributes":{"a":"` +
		strings.Repeat(`x\"`, 4<<10/3) + `"}},`
}

// Of a large body no more is held at once than of a small one, whatever is in it. No other test runs beside this one,
// whose allocations would be counted too.
func TestMembersPass(t *testing.T) { //nolint:paralleltest // see above
	var h http.Handler
	serve(t, func(d *api.Deps) { h = api.New(*d) })
	const path = "/api/v1/sessions/0198c2a5-7d52-7c11-9e0a-4b1f5d2c7a90"
	around := func(head string, middle io.Reader, tail string) io.Reader {
		return io.MultiReader(strings.NewReader(head), middle, strings.NewReader(tail))
	}
	members := func() io.Reader { return &repeated{text: member(), n: 1900} }
	for name, test := range map[string]struct {
		body   io.Reader
		status int
		want   string
	}{
		"members": {
			around(`{"members":[`, members(), `{}],"status":"open"}`), http.StatusNotFound, "session_not_found",
		},
		"members at last": {
			around(`{"status":"open","members":[`, members(), `{}]}`), http.StatusNotFound, "session_not_found",
		},
		"ids": {around(`{"member_ids":[`, &repeated{
			text: `"0198c2a5-7d52-7c11-9e0a-4b1f5d2c7a90",`, n: 50_000,
		}, `1],"status":"open"}`), http.StatusNotFound, "session_not_found"},
		"deep": {around(
			`{"status":"open","members":`, &repeated{text: "[", n: 9000},
			strings.Repeat(" ", 64<<10)+strings.Repeat("]", 9000)+"}",
		), http.StatusNotFound, "session_not_found"},
		"too deep": {around(
			`{"status":"open","members":`, &repeated{text: "[", n: 1 << 20}, "}",
		), http.StatusBadRequest, "malformed_json"},
		"many names": {around(
			`{"status":"open","members":{"a":1`, &repeated{text: `,"a":1`, n: 1 << 20}, "}}",
		), http.StatusNotFound, "session_not_found"},
		"one long text": {around(
			`{"status":"open","members":["`, &repeated{text: strings.Repeat("x", 1<<10), n: 7 << 10}, `"]}`,
		), http.StatusRequestEntityTooLarge, "65536"},
		"another long text": {around(
			`{"status":"open","name":"`, &repeated{text: strings.Repeat("x", 1<<10), n: 7 << 10}, `"}`,
		), http.StatusRequestEntityTooLarge, "65536"},
		"many others": {around(
			`{"status":"open","teams":[1`, &repeated{text: ",1", n: 64 << 10}, `]}`,
		), http.StatusRequestEntityTooLarge, "65536"},
		"too large": {around(
			`{"status":"open","members":[`, &repeated{text: member(), n: 3000}, `{}]}`,
		), http.StatusRequestEntityTooLarge, "8388608"},
		"twice": {around(
			`{"status":"open","members":[],"members":[`, members(), `{}]}`,
		), http.StatusBadRequest, "body.members is a duplicate"},
		"status twice": {around(
			`{"status":"open","status":"open","members":[`, members(), `{}]}`,
		), http.StatusBadRequest, "body.status is a duplicate"},
		"unknown": {around(
			`{"status":"open","member":1,"members":[`, members(), `{}]}`,
		), http.StatusUnprocessableEntity, "body.member"},
		"broken": {around(
			`{"status":"open","members":[`, members(), `{}}`,
		), http.StatusBadRequest, "is not valid JSON at byte"},
		"no end": {
			around(`{"status":"open","members":[`, members(), `{}`), http.StatusBadRequest, "malformed_json",
		},
		"more after it": {
			around(`{"status":"open","members":[`, members(), `{}]}{}`), http.StatusBadRequest, "malformed_json",
		},
		"an array": {
			around(`[`, members(), `{}]`), http.StatusUnprocessableEntity, `"body","message":"must be an object"`,
		},
		"broken off": {around(
			`{"status":"open","members":[`, io.MultiReader(members(), brokenBody{}), ``,
		), http.StatusBadRequest, "malformed_json"},
	} {
		r := request(t, http.MethodPut, path, nil)
		r.Body, r.ContentLength = io.NopCloser(test.body), -1
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		before := allocated()
		h.ServeHTTP(w, r)
		if used := allocated() - before; used > 4<<20 {
			t.Errorf("%s: %d bytes were allocated", name, used)
		}
		if w.Code != test.status || !bytes.Contains(w.Body.Bytes(), []byte(test.want)) {
			t.Errorf("%s: got %d %s, want %d with %q", name, w.Code, w.Body, test.status, test.want)
		}
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("reset by peer") }

// allocated is how many bytes were allocated since the program began.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
