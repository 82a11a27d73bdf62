package tests_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const (
	adminKey  = "gsm_ops_0123456789abcdef0123456789abcdef"
	secretKey = "the secret key of the tests, 32 or more"
)

// authenticated starts the server with authentication, a first key and tokens.
func authenticated(s *setup) {
	s.args = append(s.args, "--auth=on")
	s.env = append(s.env, "GSM_ADMIN_KEY="+adminKey, "GSM_SECRET_KEY="+secretKey)
}

// realm holds the callers of a test and the documents that they act on.
type realm struct {
	*server
	keys    map[string]string // a credential for each kind of caller
	players map[string]string // ids, of each kind of player
	session string
	code    string // of the session
	key     string // id of an API key
	webhook string // id of one, where the operation needs it
}

// kinds returns the kinds of callers: their credential, and their relation to the documents of the request.
//
//   - self is the player of the path and a member of the session, host is its host, and other is neither.
//   - foreign is a server key of another project.
//   - suspended and erased are players in that state with their own tokens; "as suspended" and "as erased" are a
//     server key that acts as them.
func kinds() []string {
	return []string{
		"none", "garbage", "expired", "revoked", "wrong secret", "suspended", "erased", "as suspended", "as erased",
		"foreign", "read", "server", "admin", "self", "other", "host",
	}
}

// barred returns the error codes of callers that are known but rejected by every operation that needs a credential.
func barred() map[string]string {
	return map[string]string{
		"suspended": "player_suspended", "as suspended": "player_suspended",
		"erased": "player_unknown", "as erased": "player_unknown",
	}
}

// access is an operation with the status that each kind of caller gets. Callers without a valid credential get 401,
// except for open operations.
type access struct {
	operation string
	query     string
	body      func(realm) string
	open      bool
	// The statuses of foreign, read, server, admin, self, other, host.
	want [7]int
	// inside are the statuses of errors within a response; 0 for none.
	inside [7]int
}

func says(body string) func(realm) string { return func(realm) string { return body } }

// accesses lists who may do what. An operation of the contract without a row fails the test.
func accesses() []access {
	everywhere := func(operation string) access {
		return access{operation: operation, open: true, want: [7]int{200, 200, 200, 200, 200, 200, 200}}
	}
	admins := func(operation string, status, foreign int, body func(realm) string) access {
		return access{operation: operation, body: body, want: [7]int{foreign, 403, 403, status, 403, 403, 403}}
	}
	return []access{
		everywhere("GET /health"), everywhere("GET /livez"), everywhere("GET /readyz"),
		everywhere("GET /.well-known/jwks.json"),
		{operation: "GET /health/detailed", want: [7]int{200, 200, 200, 200, 403, 403, 403}},
		{operation: "GET /api/v1/limits", want: [7]int{200, 200, 200, 200, 200, 200, 200}},
		admins("GET /api/v1/metrics/system", 200, 403, nil),

		{
			operation: "POST /api/v1/players", body: func(realm) string { return `{"username":"` + speedName() + `"}` },
			want: [7]int{201, 403, 201, 201, 403, 403, 403},
		},
		{operation: "GET /api/v1/players", want: [7]int{200, 200, 200, 200, 200, 200, 200}},
		{operation: "GET /api/v1/players/{player_id}", want: [7]int{404, 200, 200, 200, 200, 200, 200}},
		{
			operation: "PUT /api/v1/players/{player_id}",
			body: func(r realm) string {
				return `{"username":"` + speedName() + `","identities":{"steam":"of-` + r.players["self"] + `"}}`
			},
			want: [7]int{404, 403, 200, 200, 200, 403, 403},
		},
		{operation: "PATCH /api/v1/players/{player_id}", body: says(
			`{"display_name":"Zed"}`,
		), want: [7]int{404, 403, 200, 200, 200, 403, 403}},
		{operation: "DELETE /api/v1/players/{player_id}", want: [7]int{404, 403, 204, 204, 204, 403, 403}},
		{
			operation: "GET /api/v1/players/by-identity/{provider}/{subject}",
			want:      [7]int{404, 200, 200, 200, 403, 403, 403},
		},
		{
			operation: "PUT /api/v1/players/by-identity/{provider}/{subject}", body: says(`{"display_name":"Zed"}`),
			want: [7]int{201, 403, 200, 200, 403, 403, 403},
		},
		{operation: "GET /api/v1/players/{player_id}/sessions", want: [7]int{404, 200, 200, 200, 200, 403, 403}},
		{operation: "GET /api/v1/players/{player_id}/export", want: [7]int{403, 403, 403, 200, 200, 403, 403}},
		{operation: "POST /api/v1/players/{player_id}/tokens", want: [7]int{404, 403, 201, 201, 403, 403, 403}},

		{
			operation: "POST /api/v1/sessions",
			body:      func(r realm) string { return `{"max_players":2,"host_id":"` + r.players["self"] + `"}` },
			want:      [7]int{404, 403, 201, 201, 201, 403, 403},
		},
		{operation: "GET /api/v1/sessions", want: [7]int{200, 200, 200, 200, 200, 200, 200}},
		{
			operation: "POST /api/v1/sessions/search", body: says(`{"where":[]}`),
			want: [7]int{200, 200, 200, 200, 200, 200, 200},
		},
		{operation: "GET /api/v1/sessions/{session_id}", want: [7]int{404, 200, 200, 200, 200, 200, 200}},
		{operation: "PUT /api/v1/sessions/{session_id}", body: says(
			`{"status":"in_progress"}`,
		), want: [7]int{404, 403, 200, 200, 403, 403, 200}},
		{operation: "PATCH /api/v1/sessions/{session_id}", body: says(`{"locked":true}`), want: [7]int{
			404, 403, 200, 200, 403, 403, 200,
		}},
		{operation: "DELETE /api/v1/sessions/{session_id}", want: [7]int{404, 403, 204, 204, 403, 403, 204}},
		{operation: "DELETE /api/v1/sessions/{session_id}", query: "?purge=true", want: [7]int{
			403, 403, 403, 204, 403, 403, 403,
		}},
		{
			operation: "POST /api/v1/sessions/{session_id}/members",
			body:      func(r realm) string { return `{"player_id":"` + r.players["other"] + `"}` },
			want:      [7]int{404, 403, 201, 201, 403, 201, 403},
		},
		{
			operation: "POST /api/v1/sessions/{session_id}/members",
			body: func(r realm) string {
				return fmt.Sprintf(
					`{"players":[{"player_id":%q},{"player_id":%q}]}`, r.players["other"], r.players["self"],
				)
			},
			want: [7]int{404, 403, 201, 201, 201, 201, 201},
		},
		{
			operation: "POST /api/v1/sessions/{session_id}/members",
			body:      func(r realm) string { return `{"reserve":true,"player_id":"` + r.players["other"] + `"}` },
			want:      [7]int{404, 403, 201, 201, 201, 201, 201},
		},
		{
			operation: "POST /api/v1/sessions/{session_id}/members",
			body:      func(r realm) string { return `{"reserve":true,"player_id":"` + r.players["self"] + `"}` },
			want:      [7]int{404, 403, 200, 200, 200, 403, 200},
		},
		{
			operation: "POST /api/v1/sessions/join-by-code",
			body: func(r realm) string {
				return fmt.Sprintf(`{"code":%q,"player_id":%q}`, r.code, r.players["other"])
			},
			want: [7]int{404, 403, 201, 201, 403, 201, 403},
		},
		{
			operation: "POST /api/v1/sessions/join-by-code",
			body: func(r realm) string {
				return fmt.Sprintf(`{"code":%q,"player_id":%q,"reserve":true}`, r.code, r.players["other"])
			},
			want: [7]int{404, 403, 201, 201, 201, 201, 201},
		},
		{
			operation: "POST /api/v1/sessions/quick-join",
			body: func(r realm) string {
				return fmt.Sprintf(`{"player_id":%q,"where":[{"field":"mode","op":"eq","value":%[2]q}],`+
					`"create":{"mode":%[2]q,"max_players":2}}`, r.players["other"], speedName())
			},
			want: [7]int{404, 403, 201, 201, 403, 201, 403},
		},
		{operation: "POST /api/v1/sessions/{session_id}/explain", want: [7]int{404, 200, 200, 200, 200, 200, 200}},
		{
			operation: "POST /api/v1/sessions/{session_id}/explain",
			body:      func(r realm) string { return `{"player_id":"` + r.players["other"] + `"}` },
			want:      [7]int{404, 200, 200, 200, 403, 200, 403},
		},
		{operation: "POST /api/v1/sessions/{session_id}/code", body: says(
			`{"max_uses":3}`,
		), want: [7]int{404, 403, 200, 200, 403, 403, 200}},
		{operation: "DELETE /api/v1/sessions/{session_id}/code", want: [7]int{404, 403, 204, 204, 403, 403, 204}},
		{
			operation: "POST /api/v1/sessions/{session_id}/members",
			body:      func(r realm) string { return `{"wait":true,"player_id":"` + r.players["other"] + `"}` },
			want:      [7]int{404, 403, 201, 201, 403, 201, 403},
		},
		{
			operation: "POST /api/v1/sessions/{session_id}/members",
			body: func(r realm) string {
				return `{"wait":true,"reserve":true,"player_id":"` + r.players["other"] + `"}`
			},
			want: [7]int{404, 403, 201, 201, 403, 201, 403},
		},
		{operation: "GET /api/v1/sessions/{session_id}/members/{player_id}", want: [7]int{
			404, 200, 200, 200, 200, 200, 200,
		}},
		{operation: "PATCH /api/v1/sessions/{session_id}/members/{player_id}", body: says(
			`{"attributes":{"a":1}}`,
		), want: [7]int{404, 403, 200, 200, 200, 403, 200}},
		{operation: "PATCH /api/v1/sessions/{session_id}/members/{player_id}", body: says(
			`{"status":"disconnected"}`,
		), want: [7]int{404, 403, 200, 200, 200, 403, 200}},
		{operation: "PATCH /api/v1/sessions/{session_id}/members/{player_id}", body: says(
			`{"ready":true}`,
		), want: [7]int{404, 403, 200, 200, 200, 403, 200}},
		{operation: "POST /api/v1/sessions/{session_id}/members/{player_id}/heartbeat", want: [7]int{
			404, 403, 200, 200, 200, 403, 200,
		}},
		{operation: "POST /api/v1/sessions/{session_id}/heartbeat", want: [7]int{404, 403, 200, 200, 403, 403, 200}},
		{
			operation: "POST /api/v1/heartbeats",
			body:      func(r realm) string { return `{"sessions":[{"session_id":"` + r.session + `"}]}` },
			want:      [7]int{200, 403, 200, 200, 200, 200, 200},
			inside:    [7]int{404, 0, 0, 0, 403, 403, 0},
		},
		{operation: "PUT /api/v1/sessions/{session_id}/server", body: says(`{}`), want: [7]int{
			404, 403, 200, 200, 403, 403, 403,
		}},
		{
			operation: "PUT /api/v1/sessions/{session_id}/host",
			body:      func(r realm) string { return `{"player_id":"` + r.players["self"] + `"}` },
			want:      [7]int{404, 403, 200, 200, 403, 403, 200},
		},
		{operation: "DELETE /api/v1/sessions/{session_id}/members/{player_id}", want: [7]int{
			404, 403, 204, 204, 204, 403, 204,
		}},
		{
			operation: "DELETE /api/v1/sessions/{session_id}/members/{player_id}", query: "?reason=afk&ban=60",
			want: [7]int{404, 403, 204, 204, 422, 403, 204},
		},
		{operation: "PUT /api/v1/sessions/{session_id}/invites/{player_id}", body: says(
			`{"expires_in":60}`,
		), want: [7]int{404, 403, 200, 200, 403, 403, 200}},
		{operation: "GET /api/v1/sessions/{session_id}/bans", want: [7]int{404, 200, 200, 200, 403, 403, 200}},
		{operation: "PUT /api/v1/sessions/{session_id}/bans/{player_id}", body: says(
			`{"seconds":60}`,
		), want: [7]int{404, 403, 200, 200, 403, 403, 200}},
		{operation: "DELETE /api/v1/sessions/{session_id}/bans/{player_id}", want: [7]int{
			404, 403, 204, 204, 403, 403, 204,
		}},
		{operation: "GET /api/v1/sessions/{session_id}/events", want: [7]int{404, 200, 200, 200, 200, 403, 200}},
		{operation: "GET /api/v1/sessions/{session_id}/events", query: "?after=0&wait=5", want: [7]int{
			404, 200, 200, 200, 200, 403, 200,
		}},
		{operation: "POST /api/v1/sessions/{session_id}/events/ticket", want: [7]int{
			404, 200, 200, 200, 200, 403, 200,
		}},
		{operation: "GET /api/v1/sessions/{session_id}/timeline", want: [7]int{404, 200, 200, 200, 403, 403, 200}},

		{operation: "GET /api/v1/events", want: [7]int{200, 200, 200, 200, 403, 403, 403}},
		{operation: "GET /api/v1/events", query: "?after=0&wait=5&type=session_created", want: [7]int{
			200, 200, 200, 200, 403, 403, 403,
		}},

		{operation: "GET /api/v1/audit", want: [7]int{403, 403, 403, 200, 403, 403, 403}},

		admins("POST /api/v1/api-keys", 201, 403, says(`{"name":"k","scope":"read"}`)),
		admins("GET /api/v1/api-keys", 200, 403, nil),
		admins("GET /api/v1/api-keys/{key_id}", 200, 403, nil),
		admins("DELETE /api/v1/api-keys/{key_id}", 204, 403, nil),
		admins("POST /api/v1/api-keys/{key_id}/rotate", 201, 403, nil),

		admins("POST /api/v1/webhooks", 201, 403, says(`{"url":"https://127.0.0.1:1"}`)),
		admins("GET /api/v1/webhooks", 200, 403, nil),
		admins("GET /api/v1/webhooks/{webhook_id}", 200, 403, nil),
		admins("PATCH /api/v1/webhooks/{webhook_id}", 200, 403, says(`{"name":"a"}`)),
		admins("DELETE /api/v1/webhooks/{webhook_id}", 204, 403, nil),
		admins("POST /api/v1/webhooks/{webhook_id}/rotate", 201, 403, nil),
		admins("POST /api/v1/webhooks/{webhook_id}/test", 200, 403, nil),
		admins("GET /api/v1/webhooks/{webhook_id}/deliveries", 200, 403, nil),
		admins("POST /api/v1/webhooks/{webhook_id}/replay", 200, 403, nil),
	}
}

// Each operation is called by each kind of caller, on documents that no caller before it has changed.
func TestAuthority(t *testing.T) {
	t.Parallel()
	// It sends many requests, and wrong credentials.
	s := start(t, authenticated, withArgs("--failed-credentials=0", "--rate-server=0", "--rate-player=0"))
	var known []string
	for _, row := range accesses() {
		known = append(known, row.operation)
	}
	known = slices.Compact(slices.Sorted(slices.Values(known)))
	if operations := s.contract(t).operations(); !slices.Equal(operations, known) {
		t.Errorf("the table has not the operations of the contract:\n%v\n%v", operations, known)
	}
	callers := newRealm(t, s, foreignKey(t, s))
	for _, row := range accesses() {
		t.Run(row.operation+row.query, func(t *testing.T) {
			t.Parallel()
			r := callers.clone()
			if strings.Contains(row.operation, "{webhook_id}") { // a project has few
				r.webhook = r.as(
					t, "admin", "POST /api/v1/webhooks", `{"url":"https://127.0.0.1:1"}`,
				).is(http.StatusCreated).json().text("id")
			}
			first, changed := slices.Index(kinds(), "foreign"), true
			for i, kind := range kinds() {
				want := http.StatusUnauthorized
				switch {
				case row.open:
					want = http.StatusOK
				case barred()[kind] != "":
					want = http.StatusForbidden
				case i >= first:
					want = row.want[i-first]
				}
				if changed { // by the caller before
					r.renew(t)
				}
				a := r.ask(t, row, kind, want)
				changed = a.status < http.StatusBadRequest && !strings.HasPrefix(row.operation, "GET ")
				if want == http.StatusOK && i >= first {
					told, status := strings.Contains(a.body, `"error"`), row.inside[i-first]
					if told != (status != 0) || told && !strings.Contains(a.body, fmt.Sprintf(`"status":%d,`, status)) {
						t.Errorf("%s: %s is told %s", row.operation, kind, a.body)
					}
				}
			}
		})
	}
}

// foreignKey makes a server key of another project, by the command line.
func foreignKey(t *testing.T, s *server) string {
	t.Helper()
	out, err := command(
		t, "keys", "create", "--database-url="+s.database, "--project=another", "--scope=server", "--name=foreign",
	).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// newRealm creates a credential of each kind.
func newRealm(t *testing.T, s *server, foreign string) realm {
	t.Helper()
	r := realm{server: s, players: map[string]string{}, keys: map[string]string{
		"none": "", "garbage": "garbage", "admin": adminKey, "foreign": foreign,
	}}
	for _, scope := range []string{"read", "server"} {
		r.keys[scope] = r.as(
			t, "admin", "POST /api/v1/api-keys", `{"name":"`+scope+`","scope":"`+scope+`"}`,
		).is(http.StatusCreated).json().text("key")
	}
	revoked := r.as(
		t, "admin", "POST /api/v1/api-keys", `{"name":"revoked","scope":"server"}`,
	).is(http.StatusCreated).json()
	r.as(t, "admin", "DELETE /api/v1/api-keys/"+revoked.text("id"), "").is(http.StatusNoContent)
	r.keys["revoked"] = revoked.text("key")
	expired := r.as(
		t, "admin", "POST /api/v1/api-keys", `{"name":"expired","scope":"server"}`,
	).is(http.StatusCreated).json()
	r.as(
		t, "admin", "POST /api/v1/api-keys/"+expired.text("id")+"/rotate", `{"overlap_seconds":0}`,
	).is(http.StatusCreated)
	r.keys["expired"] = expired.text("key")
	id, _, _ := strings.Cut(strings.TrimPrefix(r.keys["server"], "gsm_"), "_")
	r.keys["wrong secret"] = "gsm_" + id + "_" + strings.Repeat("x", 52)
	for _, kind := range []string{"suspended", "erased"} {
		r.enter(t, kind)
		r.keys["as "+kind] = r.keys["server"]
	}
	r.as(t, "server", "PATCH /api/v1/players/"+r.players["suspended"], `{"status":"suspended"}`).is(http.StatusOK)
	r.as(t, "server", "DELETE /api/v1/players/"+r.players["erased"], "").is(http.StatusNoContent)
	return r
}

// clone returns a realm with the same credentials, for documents of its own: see renew.
func (r *realm) clone() realm {
	c := *r
	c.keys, c.players = maps.Clone(r.keys), maps.Clone(r.players)
	return c
}

// enter makes a player of a kind, and its token.
func (r *realm) enter(t *testing.T, kind string) {
	t.Helper()
	p := r.as(t, "server", "POST /api/v1/players", `{"username":"`+speedName()+`"}`).is(http.StatusCreated).json()
	r.players[kind] = p.text("id")
	r.as(
		t, "server", "PATCH /api/v1/players/"+p.text("id"), `{"identities":{"steam":"of-`+p.text("id")+`"}}`,
	).is(http.StatusOK)
	token := r.as(t, "server", "POST /api/v1/players/"+p.text("id")+"/tokens", `{}`).is(http.StatusCreated).json()
	r.keys[kind] = token.text("token")
}

// renew creates the documents again, because callers change them.
func (r *realm) renew(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"self", "other", "host"} {
		r.enter(t, kind)
	}
	session := r.as(
		t, "server", "POST /api/v1/sessions", `{"max_players":4,"join_code":true,"host_id":"`+r.players["host"]+`"}`,
	).is(http.StatusCreated).json()
	r.session, r.code = session.text("id"), session.object("join_code").text("code")
	r.as(
		t, "server", "POST /api/v1/sessions/"+r.session+"/members", `{"player_id":"`+r.players["self"]+`"}`,
	).is(http.StatusCreated)
	r.key = r.as(
		t, "admin", "POST /api/v1/api-keys", `{"name":"target","scope":"read"}`,
	).is(http.StatusCreated).json().text("id")
}

// as sends a request with the credential of a kind of caller.
func (r *realm) as(t *testing.T, kind, request, body string) response {
	t.Helper()
	headers := []string{}
	if credential := r.keys[kind]; credential != "" {
		headers = append(headers, "Authorization", "Bearer "+credential)
	}
	if player, acts := strings.CutPrefix(kind, "as "); acts {
		headers = append(headers, "X-Act-As-Player", r.players[player])
	}
	return r.do(t, request, body, headers...)
}

// ask sends the request of a row, and reports an unexpected status.
func (r *realm) ask(t *testing.T, row access, kind string, want int) response {
	t.Helper()
	path := strings.NewReplacer(
		"{player_id}", r.players["self"], "{session_id}", r.session, "{key_id}", r.key,
		"{webhook_id}", r.webhook,
		"{provider}", "steam", "{subject}", "of-"+r.players["self"],
	).Replace(row.operation) + row.query
	body := ""
	if row.body != nil {
		body = row.body(*r)
	}
	got := r.as(t, kind, path, body)
	if got.status != want {
		t.Errorf("%s: %s is answered %d, want %d: %s", row.operation, kind, got.status, want, got.body)
		return got
	}
	if want == http.StatusUnauthorized &&
		(got.header.Get("WWW-Authenticate") == "" || got.json().text("code") != "unauthenticated") {
		t.Errorf("%s: %s is told %v %s", row.operation, kind, got.header, got.body)
	}
	allowed := []string{"forbidden", "not_host"}
	if code := barred()[kind]; code != "" {
		allowed = []string{code}
	}
	if want == http.StatusForbidden && !slices.Contains(allowed, got.json().text("code")) {
		t.Errorf("%s: %s is told %s", row.operation, kind, fmt.Sprint(got.body))
	}
	r.contract(t).check(t, row.operation, got)
	return got
}
