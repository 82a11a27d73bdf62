package tests_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/config"
)

// What operators and callers must not read: a value that was sent as a secret or as somebody's data, and a name that
// was.
const (
	hush      = "hush-7d1c"
	hushedKey = "hushed_key"
)

// hushedAPIKey is an API key of scope admin with a secret to hide.
func hushedAPIKey() string { return "gsm_ops_" + strings.Repeat(hush, 4) }

// secretHeaders hold what lets somebody in, or may. Beside them every header of the contract is sent, except
// X-Request-ID, which is told.
func secretHeaders() []string {
	return []string{
		"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "Idempotency-Key", "X-Forwarded-For",
		"User-Agent", "Referer",
	}
}

// secretSettings are the fields of the configuration that are marked as secret, each set to one, as environment
// variables. host is where a server is looked for.
func secretSettings(t *testing.T, host string) (env []string) {
	t.Helper()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Server]()) {
		switch f.Tag.Get("secret") {
		case "url":
			env = append(env, fmt.Sprintf(
				"%s=mongodb://gsm:%s@%s/gsm?serverSelectionTimeoutMS=100", f.Tag.Get("env"), hush, host,
			))
		case "value":
			env = append(env, f.Tag.Get("env")+"=gsm_hush_"+strings.Repeat(hush, 4)) // which is an API key
		}
	}
	if len(env) == 0 {
		t.Fatal("no field of the configuration is marked as secret")
	}
	return env
}

func TestSecretSettingsAreNotTold(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	env := append(secretSettings(
		t, closedAddress(t),
	), "GSM_DATABASE_WAIT=300ms", "GSM_LOG_LEVEL=debug", "GSM_HTTP_ADDR=127.0.0.1:0", "GSM_OPS_ADDR=127.0.0.1:0")
	for _, args := range []string{"config", "serve"} {
		code, stdout, stderr := runToEnd(t, env, args)
		if strings.Contains(stdout+stderr, hush) {
			t.Errorf("gsm %s tells a secret: %s%s", args, stdout, stderr)
		}
		if want := map[string]int{"config": 0, "serve": exitDatabase}[args]; code != want {
			t.Errorf("gsm %s: exit code %d, want %d: %s", args, code, want, stderr)
		}
		if args == "serve" && !strings.Contains(stdout, "waiting for the database") {
			t.Errorf("gsm serve does not tell that it waits: %s", stdout)
		}
	}
}

// teller sends requests with what must not be told in all of their parts.
type teller struct {
	*server
	t               *testing.T
	contract        contract
	player, session string
	taken, refused  int
}

// Values that callers send appear neither in the log nor in metrics, tracked failures and error responses, whether the
// request is accepted, rejected, or fails in the store.
func TestWhatCallersSendIsNotTold(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--log-level=debug"), expectErrors, func(s *setup) {
		s.env = append(s.env, "GSM_ADMIN_KEY="+hushedAPIKey())
	})
	x := &teller{server: s, t: t, contract: s.contract(t)}
	personal := `"attributes":{"` + hushedKey + `":"` + hush + `"}`
	x.player = x.send(
		"POST /api/v1/players",
		`{"username":"`+hush+`","display_name":"`+hush+`","identities":{"steam":"`+hush+`"},`+personal+`}`,
	).is(http.StatusCreated).json().text("id")
	x.session = x.send(
		"POST /api/v1/sessions",
		`{"max_players":4,"name":"`+hush+`","mode":"`+hush+`","map":"`+hush+`","region":"`+hush+
			`","password":"`+hush+`",`+personal+`}`,
	).is(http.StatusCreated).json().text("id")
	x.send(
		"POST /api/v1/sessions/"+x.session+"/members",
		`{"player_id":"`+x.player+`","password":"`+hush+`",`+personal+`}`,
	).is(http.StatusCreated)
	x.send("POST /api/v1/players", `{"username":"`+hush+`"}`).is(http.StatusConflict)
	x.send("PATCH /api/v1/sessions/"+x.session, `{"password":"`+hush+`2"}`).is(http.StatusOK)
	x.sendEverything()
	x.send("GET /"+hush, "").is(http.StatusNotFound)
	for _, wrong := range []string{
		hush, "Bearer " + hush, "Bearer " + hushedAPIKey() + "x", "Bearer " + hush + "." + hush + "." + hush,
	} {
		a := s.do(t, "GET /api/v1/players", "", "Authorization", wrong).is(http.StatusUnauthorized)
		if strings.Contains(a.body, hush) {
			t.Errorf("the answer tells what was sent: %s", a.body)
		}
	}
	x.send("GET /api/v1/sessions?attributes["+hushedKey+"]="+hush+"&name="+hush, "").is(http.StatusUnprocessableEntity)
	spoil(t, s.database)
	x.sendEverything()
	x.send("GET /api/v1/players/"+x.player, "").is(http.StatusServiceUnavailable)
	if x.taken < 10 || x.refused < 30 {
		t.Errorf("only %d requests were taken and %d refused", x.taken, x.refused)
	}

	failures := s.operate(t, "GET /debug/errors", "").is(http.StatusOK).body
	if strings.Contains(failures, `"errors":[]`) {
		t.Error("nothing failed")
	}
	metrics := s.metrics(t)
	s.terminate(t)          // so that all lines are there
	var log strings.Builder // without the ids of documents that cannot be read, by which operators find them
	for line := range strings.Lines(s.stdout.String()) {
		if !strings.Contains(line, "a document cannot be read") || strings.Contains(line, hush) {
			log.WriteString(line)
		}
	}
	for what, text := range map[string]string{
		"log": log.String(), "standard error": s.stderr.String(), "metrics": metrics, "/debug/errors": failures,
	} {
		for _, private := range []string{hush, hushedKey, x.player, x.session} {
			if at := strings.Index(text, private); at >= 0 {
				t.Errorf("%s: tells %s: …%s…", what, private, text[max(0, at-300):min(len(text), at+100)])
			}
		}
	}
	if !strings.Contains(s.stdout.String(), `"level":"DEBUG"`) || !strings.Contains(s.stdout.String(), `"category":"error"`) {
		t.Error("the log is not of everything")
	}
}

// send sends a request with all secret headers, and fails the test if a rejection repeats what was sent.
func (x *teller) send(what, body string) response {
	x.t.Helper()
	var headers []string
	for _, name := range secretHeaders() {
		if name == "Authorization" {
			headers = append(headers, name, "Bearer "+hushedAPIKey())
		} else if name != "Idempotency-Key" || strings.HasPrefix(what, "POST") {
			headers = append(headers, name, fmt.Sprintf("%s %d", hush, x.taken+x.refused))
		}
	}
	a := x.do(x.t, what, body, headers...)
	if a.status < http.StatusBadRequest {
		x.taken++
		return a
	}
	x.refused++
	if strings.Contains(a.body, hush) {
		x.t.Errorf("%s: the answer tells what was sent: %s", what, a.body)
	}
	return a
}

// sendEverything asks for each operation but those that remove what the others need.
func (x *teller) sendEverything() {
	x.t.Helper()
	known := strings.NewReplacer("{player_id}", x.player, "{session_id}", x.session, "{key_id}", "nosuchkey",
		"{webhook_id}", nobody, "{provider}", "steam", "{subject}", hush)
	unknown := strings.NewReplacer("{player_id}", hush, "{session_id}", hush, "{key_id}", hush,
		"{webhook_id}", hush, "{provider}", hush, "{subject}", hush+"-unknown")
	for _, operation := range x.contract.operations() {
		method, path, _ := strings.Cut(operation, " ")
		if method == http.MethodDelete {
			continue
		}
		op := x.contract.at(x.contract.doc, "paths", path, strings.ToLower(method))
		for _, parameter := range op.list("parameters") {
			if p := x.contract.resolve(parameter); p.text("in") == "query" {
				x.send(known.Replace(operation)+"?"+p.text("name")+"="+hush, "")
			}
		}
		body := ""
		if schema := x.contract.at(op, "requestBody", "content", "application/json", "schema"); schema != nil {
			b, err := json.Marshal(x.contract.filled(schema, 8))
			if err != nil {
				x.t.Fatal(err)
			}
			if !strings.Contains(string(b), hush) { // of numbers alone
				b = []byte(`{"` + hushedKey + `":"` + hush + `"}`)
			}
			body = string(b)
			x.send(known.Replace(operation), body+"{") // which is no JSON
		}
		x.send(known.Replace(operation), body)
		x.send(unknown.Replace(operation), body)
	}
}

// filled is a value of a schema in which every text that callers choose is one to hide. Objects and arrays are nested
// as deep as levels says: conditions of searches have no end of their own.
func (c contract) filled(schema object, levels int) any {
	schema = c.resolve(schema)
	if all := schema.list("anyOf"); len(all) > 0 {
		return c.filled(all[0], levels)
	}
	if values, ok := schema["enum"].([]any); ok {
		return values[0]
	}
	types := typesOf(schema)
	switch {
	case slices.Contains(types, "object"):
		o := object{}
		if levels == 0 {
			return o
		}
		if others, ok := schema["additionalProperties"].(map[string]any); ok {
			o[hushedKey] = c.filled(others, levels-1)
		} else if schema["additionalProperties"] == true {
			o[hushedKey] = hush
		}
		properties := c.at(schema, "properties")
		for _, name := range slices.Collect(maps.Keys(properties)) {
			o[name] = c.filled(c.at(properties, name), levels-1)
		}
		return o
	case slices.Contains(types, "array"):
		if levels == 0 {
			return []any{}
		}
		return []any{c.filled(c.at(schema, "items"), levels-1)}
	case slices.Contains(types, "string"):
		return hush
	case slices.Contains(types, "boolean"):
		return true
	}
	return 2
}
