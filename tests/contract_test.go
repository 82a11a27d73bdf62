package tests_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"game-session-manager/client"
	"game-session-manager/internal/game"
)

// contract is the OpenAPI document at /openapi.json.
type contract struct{ doc object }

// contract returns the document, which is requested once.
func (s *server) contract(t testing.TB) contract {
	t.Helper()
	s.described.Lock()
	defer s.described.Unlock()
	if s.description.doc == nil {
		s.description = contract{s.do(t, "GET /openapi.json", "").is(http.StatusOK).json()}
	}
	return s.description
}

// at follows keys and references. It returns nil if a key does not exist.
func (c contract) at(o object, keys ...string) object {
	for _, key := range keys {
		next, _ := o[key].(map[string]any)
		o = c.resolve(next)
	}
	return o
}

func (c contract) resolve(o object) object {
	if ref, ok := strings.CutPrefix(o.text("$ref"), "#/"); ok {
		return c.at(c.doc, strings.Split(ref, "/")...)
	}
	return o
}

// operations returns all operations, as "METHOD path".
func (c contract) operations() []string {
	var all []string
	for path := range c.at(c.doc, "paths") {
		for method := range c.at(c.doc, "paths", path) {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(all)
	return all
}

// check fails the test unless the operation documents the response.
func (c contract) check(t testing.TB, operation string, a response) {
	t.Helper()
	method, path, _ := strings.Cut(operation, " ")
	response := c.at(c.doc, "paths", path, strings.ToLower(method), "responses", strconv.Itoa(a.status))
	if response == nil {
		t.Errorf("%s: %d is not in the contract: %s", a.what, a.status, a.body)
		return
	}
	media := c.at(response, "content", a.header.Get("Content-Type"))
	switch {
	case a.body == "" && len(c.at(response, "content")) == 0:
	case media == nil:
		t.Errorf("%s: the contract has no %s for %d", a.what, a.header.Get("Content-Type"), a.status)
	default:
		for _, p := range c.conforms(c.at(media, "schema"), map[string]any(a.json()), "") {
			t.Errorf("%s: %d: %s, by the contract: %s", a.what, a.status, p, a.body)
		}
	}
}

// conforms returns where a value violates its schema: types, names, enumerations.
func (c contract) conforms(schema object, v any, at string) (problems []string) {
	schema = c.resolve(schema)
	if types := typesOf(schema); len(types) > 0 &&
		!slices.ContainsFunc(types, func(name string) bool { return isOfType(v, name) }) {
		return []string{fmt.Sprintf("%s is %v and not %v", at, v, types)}
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, v) {
		problems = append(problems, fmt.Sprintf("%s is %v and not one of %v", at, v, enum))
	}
	if anyOf := schema.list("anyOf"); len(anyOf) > 0 {
		if !slices.ContainsFunc(anyOf, func(s object) bool { return len(c.conforms(s, v, at)) == 0 }) {
			problems = append(problems, at+" is none of the alternatives")
		}
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			problems = append(problems, c.conforms(c.at(schema, "items"), item, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case map[string]any:
		problems = append(problems, c.conformsObject(schema, v, at)...)
	}
	return problems
}

func (c contract) conformsObject(schema object, v map[string]any, at string) (problems []string) {
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, there := v[name.(string)]; !there {
			problems = append(problems, fmt.Sprintf("%s.%s is missing", at, name))
		}
	}
	properties := c.at(schema, "properties")
	for _, name := range slices.Sorted(maps.Keys(v)) {
		field := c.at(schema, "properties", name)
		_, known := properties[name]
		switch others := schema["additionalProperties"].(type) {
		case bool:
			if !known && !others {
				problems = append(problems, fmt.Sprintf("%s.%s is not in the contract", at, name))
			}
		case map[string]any:
			if !known {
				field = others
			}
		}
		problems = append(problems, c.conforms(field, v[name], at+"."+name)...)
	}
	return problems
}

func typesOf(schema object) []string {
	switch types := schema["type"].(type) {
	case string:
		return []string{types}
	case []any:
		var names []string
		for _, name := range types {
			names = append(names, name.(string))
		}
		return names
	}
	return nil
}

func isOfType(v any, name string) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	case []any:
		return name == "array"
	}
	return name == "object"
}

// TestContract makes every operation return every status that can be provoked, and checks each response against the
// contract.
func TestContract(t *testing.T) {
	t.Parallel()
	s := start(t, withWebhooks)
	c := s.contract(t)
	v, players := s.lobby(t, "p", 2, client.Settings{
		MaxPlayers: 2, Teams: map[string]int{"red": 1},
		Attributes: client.Attributes{"n": client.Number(1), "s": client.String("")},
	})
	extra := s.newPlayers(t, "extra", 3)
	if _, err := s.api.Players.Patch(t.Context(), extra[1].ID, client.Patch{
		"status": "suspended", "suspended_until": "2999-01-01T00:00:00Z",
	}); err != nil {
		t.Fatal(err)
	}
	join := func(p client.Player) string { return fmt.Sprintf(`{"player_id":%q}`, p.ID) }
	player, session, members := "/api/v1/players/{player_id}", "/api/v1/sessions/{session_id}",
		"/api/v1/sessions/{session_id}/members"
	const identity, webhook = "/api/v1/players/by-identity/{provider}/{subject}", "/api/v1/webhooks/{webhook_id}"
	hook, err := s.api.Webhooks.Create(t.Context(), client.WebhookSettings{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	secrets.keep("webhook", hook.Secret)
	type ids = []any
	here, gone := ids{v.ID, players[1].ID}, ids{nobody, nobody}
	tag := []string{"If-Match", `"99"`}
	coded := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 4}, JoinCode: true})
	byCode := func(code string) string { return fmt.Sprintf(`{"code":%q,"player_id":%q}`, code, extra[2].ID) }
	steps := []struct {
		operation string
		ids       ids // of the session and the player
		body      string
		headers   []string
		status    int
	}{
		{"GET /health", nil, "", nil, 200},
		{"GET /health/detailed", nil, "", nil, 200},
		{"GET /livez", nil, "", nil, 200},
		{"GET /readyz", nil, "", nil, 200},

		{"POST /api/v1/players", nil, `{"username":"new","identities":{"steam":"1"},"attributes":{"a":true}}`, []string{
			"Idempotency-Key", "k",
		}, 201},
		{"POST /api/v1/players", nil, `{"username":"other"}`, []string{"Idempotency-Key", "k"}, 422},
		{"POST /api/v1/players", nil, `{"username":"new"}`, nil, 409},
		{"POST /api/v1/players", nil, `{`, nil, 400},
		{"POST /api/v1/players", nil, `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413},
		{"POST /api/v1/players", nil, `{}`, []string{"Content-Type", "text/plain"}, 415},
		{"POST /api/v1/players", nil, `{"x":1}`, nil, 422},
		{"GET /api/v1/players", nil, "", nil, 200},
		{"GET /api/v1/players", nil, "", []string{"If-None-Match", "*"}, 304},
		{"GET " + player, here, "", nil, 200},
		{"GET " + player, here, "", []string{"If-None-Match", "*"}, 304},
		{"GET " + identity, nil, "", nil, 404},
		{"PUT " + identity, nil, `{"username":"x"}`, nil, 422},
		{"PUT " + identity, nil, `{"username":"new"}`, nil, 409},
		{"PUT " + identity, nil, `{"display_name":"Zoe"}`, nil, 201},
		{"PUT " + identity, nil, "", nil, 200},
		{"GET " + identity, nil, "", nil, 200},
		{"GET " + identity, nil, "", []string{"If-None-Match", "*"}, 304},
		{"GET " + player + "/sessions", here, "", nil, 200},
		{"GET " + player + "/sessions", here, "", []string{"If-None-Match", "*"}, 304},
		{"GET " + player + "/sessions", gone, "", nil, 404},
		{"GET " + player + "/export", here, "", nil, 200},
		{"GET " + player + "/export", gone, "", nil, 404},
		{"GET " + player, gone, "", nil, 404},
		{"GET " + player, ids{"x", "x"}, "", nil, 422},
		{"PUT " + player, here, `{"username":"replaced"}`, nil, 200},
		{"PUT " + player, here, `{"username":"new"}`, nil, 409},
		{"PUT " + player, here, `{"username":"replaced"}`, tag, 412},
		{"PATCH " + player, here, `{"attributes":{"b":1,"c":null}}`, nil, 200},
		{"PATCH " + player, gone, `{}`, nil, 404},
		{"PATCH " + player, here, `{}`, tag, 412},
		{"PATCH " + player, here, `{"x":1}`, nil, 422},
		{"DELETE " + player, here, "", tag, 412},
		{"POST " + player + "/tokens", here, `{"expires_in":60}`, nil, 201},
		{"POST " + player + "/tokens", ids{extra[1].ID}, `{}`, nil, 403},
		{"POST " + player + "/tokens", gone, `{}`, nil, 404},
		{"POST " + player + "/tokens", here, `{"expires_in":1}`, nil, 422},
		{"GET /.well-known/jwks.json", nil, "", nil, 200},
		{"POST /api/v1/api-keys", nil, `{"name":"eu","scope":"server"}`, nil, 201},
		{"GET /api/v1/api-keys", nil, "", nil, 200},
		{"GET /api/v1/api-keys", nil, "", []string{"If-None-Match", "*"}, 304},
		{"GET /api/v1/api-keys/{key_id}", ids{"nosuchkey"}, "", nil, 404},
		{"DELETE /api/v1/api-keys/{key_id}", ids{"nosuchkey"}, "", nil, 404},
		{"POST /api/v1/api-keys/{key_id}/rotate", ids{"nosuchkey"}, `{}`, nil, 404},

		{"POST /api/v1/webhooks", nil, `{"url":"https://a.example","types":["member_joined"]}`, nil, 201},
		{"POST /api/v1/webhooks", nil, `{"url":"here"}`, nil, 422},
		{"GET /api/v1/webhooks", nil, "", nil, 200},
		{"GET " + webhook, ids{string(hook.ID)}, "", nil, 200},
		{"GET " + webhook, ids{nobody}, "", nil, 404},
		{"PATCH " + webhook, ids{string(hook.ID)}, `{"subjects":["session"]}`, tag, 412},
		{"PATCH " + webhook, ids{string(hook.ID)}, `{"subjects":["session"],"name":null}`, nil, 200},
		{"PATCH " + webhook, ids{nobody}, `{}`, nil, 404},
		{"POST " + webhook + "/rotate", ids{string(hook.ID)}, `{"overlap_seconds":60}`, nil, 201},
		{"POST " + webhook + "/rotate", ids{nobody}, "", nil, 404},
		{"POST " + webhook + "/test", ids{string(hook.ID)}, "", nil, 200},
		{"POST " + webhook + "/test", ids{nobody}, "", nil, 404},
		{"GET " + webhook + "/deliveries", ids{string(hook.ID)}, "", nil, 200},
		{"GET " + webhook + "/deliveries", ids{nobody}, "", nil, 404},
		{"POST " + webhook + "/replay", ids{string(hook.ID)}, `{}`, nil, 200},
		{"POST " + webhook + "/replay", ids{nobody}, "", nil, 404},
		{"DELETE " + webhook, ids{string(hook.ID)}, "", tag, 412},
		{"DELETE " + webhook, ids{string(hook.ID)}, "", nil, 204},
		{"DELETE " + webhook, ids{string(hook.ID)}, "", nil, 404},

		{"POST /api/v1/sessions", nil, `{"max_players":4,"connection":{"address":"10.0.0.1","port":1}}`, nil, 201},
		{"POST /api/v1/sessions", nil, fmt.Sprintf(`{"max_players":4,"host_id":%q}`, extra[1].ID), nil, 403},
		{"POST /api/v1/sessions", nil, `{"max_players":4,"host_id":"` + nobody + `"}`, nil, 404},
		{"POST /api/v1/sessions", nil, `{}`, nil, 422},
		{"GET /api/v1/sessions", nil, "", nil, 200},
		{"GET /api/v1/sessions", nil, "", []string{"If-None-Match", "*"}, 304},
		{"POST /api/v1/sessions/search", nil, `{"order":[{"by":"attributes.a","near":1}],"count":true}`, nil, 200},
		{"POST /api/v1/sessions/search", nil, `{"where":[{"field":"x","op":"eq","value":1}]}`, nil, 422},
		{"POST /api/v1/sessions/quick-join", nil, `{"player_id":"` + nobody + `"}`, nil, 404},
		{"POST /api/v1/sessions/quick-join", nil, `{"create":{"max_players":0}}`, nil, 422},
		{"POST " + session + "/explain", here, `{"where":[{"field":"mode","op":"eq","value":"a"}]}`, nil, 200},
		{"POST " + session + "/explain", gone, "", nil, 404},
		{"GET " + session, here, "", nil, 200},
		{"GET " + session, here, "", []string{"If-None-Match", "*"}, 304},
		{"GET " + session, gone, "", nil, 404},
		{"POST " + members, here, join(players[1]), nil, 200},
		{"POST " + members, here, join(extra[1]), nil, 403},
		{"POST " + members, here, join(extra[0]), nil, 409},
		{"POST " + members, gone, join(extra[0]), nil, 404},
		{"POST " + members, here, `{}`, nil, 422},
		{"POST " + members, here, `{"players":[` + join(players[1]) + `,` + join(players[0]) + `]}`, nil, 200},
		{
			"POST " + members, here, `{"partial":true,"players":[` + join(extra[0]) + `,` + join(extra[1]) + `]}`,
			nil, 200,
		},
		{"POST " + members, here, `{"players":[` + join(players[1]) + `,` + join(extra[0]) + `]}`, nil, 409},
		{"POST " + members, here, `{"players":[` + join(players[1]) + `,{}]}`, nil, 422},
		{"PUT " + session + "/bans/{player_id}", ids{v.ID, extra[2].ID}, `{"seconds":60,"reason":"afk"}`, nil, 200},
		{"PUT " + session + "/bans/{player_id}", ids{v.ID, extra[2].ID}, `{"seconds":0}`, nil, 422},
		{"PUT " + session + "/bans/{player_id}", ids{v.ID, players[0].ID}, "", nil, 422},
		{"PUT " + session + "/bans/{player_id}", ids{v.ID, extra[2].ID}, "", tag, 412},
		{"PUT " + session + "/bans/{player_id}", gone, "", nil, 404},
		{"PUT " + session + "/bans/{player_id}", here, "", []string{"Session-Fence", "0"}, 409},
		{"DELETE " + session + "/bans/{player_id}", here, "", []string{"Session-Fence", "0"}, 409},
		{"DELETE " + session + "/bans/{player_id}", here, "", tag, 412},
		{"DELETE " + session + "/bans/{player_id}", gone, "", nil, 404},
		{"POST " + members, here, join(extra[2]), nil, 403},
		{"GET " + session + "/bans", here, "", nil, 200},
		{"GET " + session + "/bans", gone, "", nil, 404},
		{"DELETE " + session + "/bans/{player_id}", ids{v.ID, extra[2].ID}, "", nil, 204},
		{"DELETE " + session + "/bans/{player_id}", ids{v.ID, extra[2].ID}, "", nil, 204},
		{"POST " + session + "/code", here, `{"expires_in":60,"max_uses":3}`, nil, 200},
		{"POST " + session + "/code", here, "", nil, 200},
		{"POST " + session + "/code", here, `{"expires_in":0}`, nil, 422},
		{"POST " + session + "/code", here, "", tag, 412},
		{"POST " + session + "/code", here, "", []string{"Session-Fence", "0"}, 409},
		{"POST " + session + "/code", gone, "", nil, 404},
		{"DELETE " + session + "/code", here, "", tag, 412},
		{"DELETE " + session + "/code", here, "", []string{"Session-Fence", "0"}, 409},
		{"DELETE " + session + "/code", here, "", nil, 204},
		{"DELETE " + session + "/code", gone, "", nil, 404},
		{"POST /api/v1/sessions/join-by-code", nil, byCode(coded.JoinCode.Code), nil, 201},
		{"POST /api/v1/sessions/join-by-code", nil, byCode(coded.JoinCode.Code), nil, 200},
		{"POST /api/v1/sessions/join-by-code", nil, byCode("wrong"), nil, 404},
		{"POST /api/v1/sessions/join-by-code", nil, byCode(""), nil, 422},
		{"PUT " + session + "/invites/{player_id}", ids{coded.ID, extra[0].ID}, `{"expires_in":60}`, nil, 201},
		{"PUT " + session + "/invites/{player_id}", ids{coded.ID, extra[0].ID}, "", nil, 200},
		{"PUT " + session + "/invites/{player_id}", ids{coded.ID, extra[1].ID}, "", nil, 403},
		{"PUT " + session + "/invites/{player_id}", ids{v.ID, extra[0].ID}, "", nil, 409},
		{"PUT " + session + "/invites/{player_id}", here, `{"expires_in":0}`, nil, 422},
		{"PUT " + session + "/invites/{player_id}", here, "", tag, 412},
		{"PUT " + session + "/invites/{player_id}", gone, "", nil, 404},
		{"GET " + members + "/{player_id}", here, "", nil, 200},
		{"GET " + members + "/{player_id}", here, "", []string{"If-None-Match", "*"}, 304},
		{"GET " + members + "/{player_id}", gone, "", nil, 404},
		{"PATCH " + members + "/{player_id}", here, `{"team":"red","attributes":{"a":1}}`, nil, 200},
		{"PATCH " + members + "/{player_id}", ids{v.ID, players[0].ID}, `{"team":"red"}`, nil, 409},
		{"PATCH " + members + "/{player_id}", here, `{"team":null}`, tag, 412},
		{"PATCH " + members + "/{player_id}", ids{v.ID, nobody}, `{}`, nil, 404},
		{"PATCH " + members + "/{player_id}", here, `{"x":1}`, nil, 422},
		{"PUT " + session + "/host", here, join(players[1]), nil, 200},
		{"PUT " + session + "/host", here, join(extra[1]), nil, 403},
		{"PUT " + session + "/host", here, join(extra[0]), nil, 404},
		{"PUT " + session + "/host", here, join(players[0]), tag, 412},
		{"PUT " + session + "/host", here, `{}`, nil, 422},
		{"POST " + session + "/heartbeat", here, "", nil, 200},
		{"POST " + session + "/heartbeat", here, `{"fence":0,"players":[]}`, nil, 409},
		{"POST " + session + "/heartbeat", gone, `{}`, nil, 404},
		{"POST " + session + "/heartbeat", here, `{"fence":"x"}`, nil, 422},
		{"POST /api/v1/heartbeats", nil, `{"sessions":[{"session_id":"x"},{"session_id":"` + nobody + `"}]}`, nil, 200},
		{"POST /api/v1/heartbeats", nil, `{"sessions":[{"session_id":"` + string(v.ID) + `","fence":0}]}`, nil, 200},
		{"POST /api/v1/heartbeats", nil, `{"sessions":[{"session_id":"` + string(v.ID) + `"}]}`, nil, 200},
		{"POST /api/v1/heartbeats", nil, `{}`, nil, 422},
		{"POST " + members + "/{player_id}/heartbeat", here, "", nil, 200},
		{"POST " + members + "/{player_id}/heartbeat", here, "", []string{"Session-Fence", "0"}, 409},
		{"POST " + members + "/{player_id}/heartbeat", gone, "", nil, 404},
		{"PATCH " + members + "/{player_id}", here, `{"status":"disconnected"}`, nil, 200},
		{"PATCH " + members + "/{player_id}", here, `{"status":"joined"}`, nil, 200},
		{"PUT " + session + "/server", here, `{"connection":{"address":"10.0.0.1","port":1}}`, nil, 200},
		{"PUT " + session + "/server", here, `{}`, []string{"Session-Fence", "0"}, 409},
		{"PUT " + session + "/server", here, `{}`, tag, 412},
		{"PUT " + session + "/server", gone, `{}`, nil, 404},
		{"PUT " + session + "/server", here, `{"connection":null,"activation_timeout":-1}`, nil, 422},
		{"DELETE " + members + "/{player_id}", here, "", tag, 412},
		{"DELETE " + members + "/{player_id}", here, "", nil, 204},
		{"DELETE " + members + "/{player_id}", gone, "", nil, 404},
		{"POST " + members, here, join(extra[0]), nil, 201},
		{"PATCH " + session, here, `{"teams":{"blue":2},"region":null}`, nil, 200},
		{"PATCH " + session, here, `{"max_players":1}`, nil, 409},
		{"PATCH " + session, here, `{}`, tag, 412},
		{"PUT " + session, here, `{"status":"in_progress"}`, nil, 200},
		{"PUT " + session, here, `{"status":"pending"}`, nil, 409},
		{"PUT " + session, here, `{"status":"x"}`, nil, 422},
		{"DELETE " + session, here, "", nil, 409},
		{"PUT " + session, here, `{"status":"ended","result":{"a":[1,null]}}`, nil, 200},
		{"PUT " + session, here, `{"status":"ended","result":{"b":1}}`, nil, 410},
		{"PATCH " + session, here, `{"region":"x"}`, nil, 410},
		{"PUT " + session + "/host", ids{v.ID}, join(extra[0]), nil, 410},
		{"PATCH " + members + "/{player_id}", ids{v.ID, extra[0].ID}, `{"team":"red"}`, nil, 410},
		{"POST " + members, here, join(extra[2]), nil, 410},
		{"PUT " + session + "/bans/{player_id}", ids{v.ID, extra[0].ID}, "", nil, 410},
		{"POST " + session + "/code", here, "", nil, 410},
		{"PUT " + session + "/invites/{player_id}", ids{v.ID, extra[0].ID}, "", nil, 410},
		{"DELETE " + members + "/{player_id}", ids{v.ID, extra[0].ID}, "", nil, 410},
		{"DELETE " + session, ids{
			s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 1}}).ID,
		}, "", nil, 204},
		{"DELETE " + session, gone, "", nil, 404},
		{"POST " + session + "/heartbeat", here, "", nil, 410},
		{"PUT " + session + "/server", here, `{}`, nil, 410},
		{"DELETE " + session, here, "", []string{"Session-Fence", "x"}, 422},
		{"DELETE " + session, here, "", []string{"Session-Fence", "0"}, 409},
		{"GET " + session + "/timeline", here, "", nil, 200},
		{"GET " + session + "/timeline", here, "", []string{"If-None-Match", "*"}, 304},
		{"GET " + session + "/timeline", gone, "", nil, 404},
		{"GET " + session + "/events", here, "", nil, 200},
		{"GET " + session + "/events", here, "", []string{"Last-Event-ID", "x"}, 410},
		{"GET " + session + "/events", gone, "", nil, 404},
		{"GET /api/v1/events", nil, "", nil, 200},
		{"GET /api/v1/audit", nil, "", nil, 200},
		{"GET /api/v1/audit", nil, "", []string{"If-None-Match", "*"}, 304},
		{"GET /api/v1/events", nil, "", []string{"Last-Event-ID", "x"}, 410},
		{"POST " + session + "/events/ticket", here, "", nil, 200},
		{"POST " + session + "/events/ticket", gone, "", nil, 404},
		{"DELETE " + player, here, "", nil, 204},
		{"DELETE " + player, here, "", nil, 404},

		{"GET /api/v1/metrics/system", nil, "", nil, 200},
		{"GET /api/v1/limits", nil, "", nil, 200},
	}
	tried := map[string]bool{}
	for _, step := range steps {
		target := strings.NewReplacer("{provider}", "steam", "{subject}", "7656").Replace(step.operation)
		if step.ids != nil {
			target = strings.NewReplacer(
				"{session_id}", fmt.Sprint(step.ids[0]), "{key_id}", fmt.Sprint(step.ids[0]),
				"{webhook_id}", fmt.Sprint(step.ids[0]), "{player_id}",
				fmt.Sprint(step.ids[len(step.ids)-1]),
			).Replace(target)
		}
		a := s.do(t, target, step.body, step.headers...)
		if a.status != step.status {
			t.Errorf("%s %.80s: got %d, want %d: %s", target, step.body, a.status, step.status, a.body)
		}
		c.check(t, step.operation, a)
		tried[step.operation] = true
	}
	for _, operation := range c.operations() {
		if !tried[operation] {
			t.Errorf("%s is in the contract, and no step of this test tries it", operation)
		}
	}
}

// TestLimits compares the limits of the contract, of the server and of package game: a value at a limit is accepted,
// one beyond is rejected.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.contract(t)
	text := func(n int) any { return strings.Repeat("x", n) }
	number := func(n int) any { return n }
	entries := func(value any) func(int) any {
		return func(n int) any {
			m := object{}
			for i := range n {
				m[fmt.Sprint("k", i)] = value
			}
			return m
		}
	}
	player, session := "/api/v1/players", "/api/v1/sessions"
	for _, l := range []struct {
		path, field, keyword string
		limit, beyond        int
		value                func(int) any
	}{
		{player, "username", "minLength", game.MinUsername, -1, text},
		{player, "username", "maxLength", game.MaxUsername, 1, text},
		{
			player, "display_name", "maxLength", game.MaxDisplayName, 1,
			func(n int) any { return strings.Repeat("é", n) },
		},
		{player, "identities", "maxProperties", game.MaxIdentities, 1, entries("x")},
		{player, "attributes", "maxProperties", game.MaxPlayerAttributes, 1, entries(1)},
		{player, "suspension_reason", "maxLength", game.MaxSuspensionReason, 1, text},
		{session, "max_players", "minimum", 1, -1, number},
		{session, "max_players", "maximum", game.MaxPlayers, 1, number},
		{session, "min_players", "minimum", 0, -1, number},
		{session, "min_players", "maximum", game.MaxPlayers, 1, number},
		{session, "name", "maxLength", game.MaxSessionText, 1, text},
		{session, "mode", "maxLength", game.MaxSessionText, 1, func(n int) any { return strings.Repeat("語", n) }},
		{session, "map", "maxLength", game.MaxSessionText, 1, text},
		{session, "region", "maxLength", game.MaxSessionText, 1, text},
		{session, "teams", "maxProperties", game.MaxTeams, 1, entries(1)},
		{session, "attributes", "maxProperties", game.MaxSessionAttributes, 1, entries(true)},
	} {
		name := l.path + " " + l.field + " " + l.keyword
		schema := c.at(
			c.doc, "paths", l.path, "post", "requestBody", "content", "application/json", "schema", "properties",
			l.field,
		)
		if schema[l.keyword] != float64(l.limit) {
			t.Errorf("%s is %v in the contract, want %d", name, schema[l.keyword], l.limit)
		}
		body := func(n int) string {
			b := object{"max_players": game.MaxPlayers}
			if l.path == player {
				b = object{"username": fmt.Sprintf("u-%d-%s", l.limit, l.field), "status": "suspended"}
			}
			b[l.field] = l.value(n)
			return encode(t, b)
		}
		s.do(t, "POST "+l.path, body(l.limit)).is(http.StatusCreated)
		s.do(t, "POST "+l.path, body(l.limit+l.beyond)).wrong("body." + l.field)
	}
}

// TestSizes tests limits in bytes, for which the contract has no keyword.
func TestSizes(t *testing.T) {
	t.Parallel()
	s := start(t)
	filled := func(n int) string { return strings.Repeat("x", n-len("k")) }
	player := func(n int) string {
		return encode(t, object{"username": fmt.Sprint("u", n), "attributes": object{"k": filled(n)}})
	}
	s.do(t, "POST /api/v1/players", player(16<<10)).is(http.StatusCreated)
	s.do(t, "POST /api/v1/players", player(16<<10+1)).wrong("body.attributes")

	session := func(n int) response {
		return s.do(
			t, "POST /api/v1/sessions", encode(t, object{"max_players": 2, "attributes": object{"k": filled(n)}}),
		)
	}
	path := session(16 << 10).is(http.StatusCreated).header.Get("Location")
	session(16<<10 + 1).wrong("body.attributes")

	p := s.newPlayer(t, "member")
	member := func(n int) response {
		return s.do(
			t, "POST "+path+"/members", encode(t, object{"player_id": p.ID, "attributes": object{"k": filled(n)}}),
		)
	}
	member(4<<10 + 1).wrong("body.attributes")
	member(4 << 10).is(http.StatusCreated)

	s.do(t, "PUT "+path, `{"status":"in_progress"}`).is(http.StatusOK)
	end := func(n int) response {
		return s.do(t, "PUT "+path, encode(
			t, object{"status": "ended", "result": object{"k": strings.Repeat("x", n-len(`{"k":""}`))}},
		))
	}
	end(game.MaxResultBytes + 1).wrong("body.result")
	end(game.MaxResultBytes).is(http.StatusOK)
}
