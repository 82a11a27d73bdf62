package tests_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What code generators choke on: types that JSON Schema does not have, references to nothing, enums that leave out a
// type they allow.
func TestSchemasAreSound(t *testing.T) {
	t.Parallel()
	doc := start(t).do(t, "GET /openapi.json", "").is(http.StatusOK).json()
	components := contract{doc}
	types := []string{"array", "boolean", "integer", "null", "number", "object", "string"}
	seen := 0
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(at, x)
			}
		case map[string]any:
			for name, x := range v {
				walk(at+"/"+name, x)
			}
			if ref, ok := v["$ref"].(string); ok && components.resolve(object(v)) == nil {
				t.Errorf("%s refers to %s, which is not there", at, ref)
			}
			allowed, ok := v["type"]
			if !ok || strings.HasSuffix(at, "/properties") || strings.Contains(at, "/securitySchemes/") {
				return // of a property named type, or of no schema
			}
			seen++
			names, isList := allowed.([]any)
			if !isList {
				names = []any{allowed}
			}
			for _, name := range names {
				if s, _ := name.(string); !slices.Contains(types, s) {
					t.Errorf("%s has the type %v", at, allowed)
				}
			}
			if values, ok := v["enum"].([]any); ok && slices.Contains(names, "null") && !slices.Contains(values, nil) {
				t.Errorf("%s may be null, and its enum may not", at)
			}
		}
	}
	walk("", map[string]any(doc))
	if seen < 100 {
		t.Errorf("only %d types in the document", seen)
	}
}

// What generated clients need of each operation: a name for its method, words for its documentation, what comes back
// when it fails, and bodies that can be tried.
func TestOperationsAreDocumented(t *testing.T) {
	t.Parallel()
	c := start(t).contract(t)
	tags := map[string]bool{}
	for _, tag := range c.doc.list("tags") {
		tags[tag.text("name")] = tag.text("description") != ""
	}
	name, seen := regexp.MustCompile("^[a-z][A-Za-z]*$"), map[string]bool{}
	for _, operation := range c.operations() {
		method, path, _ := strings.Cut(operation, " ")
		op := c.at(c.doc, "paths", path, strings.ToLower(method))
		id := op.text("operationId")
		if !name.MatchString(id) || seen[id] {
			t.Errorf("%s has the operationId %q", operation, id)
		}
		seen[id] = true
		if op.text("summary") == "" || op.text("description") == "" {
			t.Errorf("%s has no summary or no description", operation)
		}
		if of, _ := op["tags"].([]any); len(of) != 1 || !tags[of[0].(string)] {
			t.Errorf("%s has the tags %v, of which each needs a description", operation, of)
		}
		if op["requestBody"] != nil && c.at(op, "requestBody", "content", "application/json")["example"] == nil {
			t.Errorf("%s has no example of its body", operation)
		}
		for status, r := range c.at(op, "responses") {
			failed := status >= "400" && c.at(r.(map[string]any), "content", "application/json") == nil
			ref := c.at(r.(map[string]any), "content", "application/problem+json")["schema"]
			if failed && fmt.Sprint(ref) != "map[$ref:#/components/schemas/Problem]" {
				t.Errorf("%s: %s is not a Problem: %v", operation, status, ref)
			}
			if status >= "400" && r.(map[string]any)["description"] == "" {
				t.Errorf("%s: %s has no description", operation, status)
			}
		}
		if c.at(op, "responses", "422") == nil {
			t.Errorf("%s does not say how it fails", operation)
		}
	}
}

// What says whose the contract is, and where it is served.
func TestContractNamesItsLicence(t *testing.T) {
	t.Parallel()
	c := start(t).contract(t)
	info := c.at(c.doc, "info")
	if license := c.at(info, "license"); license.text("identifier") != "Apache-2.0" || license.text("name") == "" {
		t.Errorf("the licence is %v", license)
	}
	if info.text("description") == "" || c.at(info, "contact").text("name") == "" {
		t.Errorf("the document says of itself: %v", info)
	}
	if servers := c.doc.list("servers"); len(servers) != 1 || servers[0].text("url") != "/" {
		t.Errorf("it is served at %v", servers)
	}
}

// What generators make code of that does not compile, or that fails on what the server sends.
func TestSchemasGenerateClients(t *testing.T) {
	t.Parallel()
	c := start(t).contract(t)
	keywords := strings.Fields("$ref additionalProperties anyOf default description enum examples format items " +
		"maximum " +
		"maxItems maxLength maxProperties minimum minItems minLength oneOf pattern patternProperties properties " +
		"propertyNames readOnly required type")
	var check func(at string, s object)
	check = func(at string, s object) {
		for keyword := range s {
			if !slices.Contains(keywords, keyword) {
				t.Errorf("%s has the keyword %s", at, keyword)
			}
		}
		if values, ok := s["enum"].([]any); ok && (slices.Contains(values, "") || slices.Contains(values, nil)) {
			t.Errorf("%s: generators make a name of each of %v: leave out what is none", at, values)
		}
		if s["readOnly"] == true && len(typesOf(s)) == 0 && s["$ref"] == nil && s["anyOf"] == nil {
			t.Errorf("%s has no type", at)
		}
		if values, ok := s["additionalProperties"].(map[string]any); ok {
			if values["anyOf"] != nil {
				t.Errorf("%s has alternatives as values, of which some generators make a class that reads none", at)
			}
			check(at+"/*", values)
		}
		for name := range c.at(s, "properties") {
			property, _ := s["properties"].(map[string]any)[name].(map[string]any)
			check(at+"/"+name, property)
		}
		if items, ok := s["items"].(map[string]any); ok {
			check(at+"/items", items)
		}
	}
	schemas := c.at(c.doc, "components", "schemas")
	for name := range schemas {
		check(name, c.at(schemas, name))
	}
	for _, operation := range c.operations() {
		method, path, _ := strings.Cut(operation, " ")
		for _, p := range c.at(c.doc, "paths", path, strings.ToLower(method)).list("parameters") {
			p = c.resolve(p)
			check(operation+" "+p.text("name"), c.at(p, "schema"))
		}
	}
	for place, want := range map[string]string{
		"Session/attributes":       "string number boolean",
		"ProfilePatch/attributes":  "string number boolean null",
		"SettingsPatch/attributes": "string number boolean null",
	} {
		name, field, _ := strings.Cut(place, "/")
		var got []string
		for _, values := range c.at(schemas, name, "properties", field, "patternProperties") {
			for _, value := range object(values.(map[string]any)).list("anyOf") {
				got = append(got, value.text("type"))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has values that are %v, want %s", place, got, want)
		}
	}
}

// In a merge patch null gives a field its default. What has none does not take it.
func TestPatchesAreNullWhereNullIsMeant(t *testing.T) {
	t.Parallel()
	c := start(t).contract(t)
	for name, never := range map[string][]string{
		"ProfilePatch": {"status", "username"}, "SettingsPatch": {"max_players"},
		"MemberPatch":     {"status"},
		"ConnectionPatch": {"address", "port"},
	} {
		for field, p := range c.at(c.doc, "components", "schemas", name, "properties") {
			p := object(p.(map[string]any))
			null := slices.Contains(typesOf(p), "null")
			for _, one := range p.list("anyOf") {
				null = null || one.text("type") == "null"
			}
			if null == slices.Contains(never, field) {
				t.Errorf("%s: %s may be null: %t", name, field, null)
			}
		}
	}
}

// The header by which a server acts as a player is in the contract, once.
func TestActingAsAPlayerIsInTheContract(t *testing.T) {
	t.Parallel()
	c := start(t).contract(t)
	for operation, want := range map[string]bool{
		"POST /api/v1/sessions": true, "GET /api/v1/players/{player_id}": true, "POST /api/v1/players": false,
		"GET /api/v1/api-keys": false, "GET /health": false,
	} {
		method, path, _ := strings.Cut(operation, " ")
		parameters := c.at(c.doc, "paths", path, strings.ToLower(method)).list("parameters")
		got := slices.ContainsFunc(parameters, func(p object) bool {
			return p.text("$ref") == "#/components/parameters/ActAsPlayer"
		})
		if got != want {
			t.Errorf("%s has the header: %t", operation, got)
		}
	}
}

// What the pages of the documentation send as it is works.
func TestExamplesWork(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	c := s.contract(t)
	key := []string{"Authorization", "Bearer " + adminKey}
	send := func(operation string, id ...string) response {
		t.Helper()
		method, path, _ := strings.Cut(operation, " ")
		op := c.at(c.doc, "paths", path, strings.ToLower(method))
		example := c.at(op, "requestBody", "content", "application/json")["example"]
		target := strings.NewReplacer(id...).Replace(operation)
		body := encode(t, example)
		if len(id) > 0 {
			body = regexp.MustCompile(`"player_id":"[^"]*"`).ReplaceAllString(body, `"player_id":"`+id[1]+`"`)
			body = regexp.MustCompile(`"session_id":"[^"]*"`).ReplaceAllString(body, `"session_id":"`+id[3]+`"`)
		}
		return s.do(t, target, body, key...)
	}
	player := send("POST /api/v1/players").is(http.StatusCreated).json().text("id")
	session := send("POST /api/v1/sessions").is(http.StatusCreated).json().text("id")
	ids := []string{"{player_id}", player, "{session_id}", session}
	send("PATCH /api/v1/players/{player_id}", ids...).is(http.StatusOK)
	send("PUT /api/v1/players/{player_id}", ids...).is(http.StatusOK)
	send("PUT /api/v1/players/by-identity/{provider}/{subject}", append(
		ids, "{provider}", "steam", "{subject}", "7656",
	)...).is(http.StatusCreated)
	send("POST /api/v1/players/{player_id}/tokens", ids...).is(http.StatusCreated)
	if a := send("POST /api/v1/heartbeats", ids...).is(http.StatusOK); strings.Contains(a.body, "error") {
		t.Errorf("the example of heartbeats: %s", a.body)
	}
	send("POST /api/v1/sessions/{session_id}/members", ids...).is(http.StatusCreated)
	send("PATCH /api/v1/sessions/{session_id}/members/{player_id}", ids...).is(http.StatusOK)
	send("PUT /api/v1/sessions/{session_id}/host", ids...).is(http.StatusOK)
	send("POST /api/v1/sessions/{session_id}/heartbeat", ids...).is(http.StatusOK)
	send("PUT /api/v1/sessions/{session_id}/server", ids...).is(http.StatusOK)
	send("PATCH /api/v1/sessions/{session_id}", ids...).is(http.StatusOK)
	send("PUT /api/v1/sessions/{session_id}", ids...).is(http.StatusOK)
	send("POST /api/v1/api-keys").is(http.StatusCreated)
}
