package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const board = `{"dashboard": {"uid": "a", "title": "A", "panels": [
	{"title": "row", "type": "row", "panels": [
		{"title": "folded", "targets": [{"refId": "A", "expr": "folded{n=~\"$namespace\"}"}]}]},
	{"title": "open", "targets": [{"refId": "A", "expr": "open", "datasource": {"uid": "${datasource}"}}]}],
	"templating": {"list": [
		{"name": "datasource", "current": {"value": "gsm-prometheus"}},
		{"name": "namespace", "definition": "label_values(up{job=\"gsm\"}, namespace)",
			"includeAll": true, "allValue": ".*"}]}}}`

// answers maps queries to the responses of a fake Grafana.
type answers map[string]string

const (
	values  = `{"results": {"A": {"status": 200, "frames": [{"data": {"values": [[1], [2]]}}]}}}`
	nothing = `{"results": {"A": {"status": 200, "frames": [{"data": {"values": []}}]}}}`
)

// ServeHTTP responds as Grafana does: the result of a failed query has a status of its own.
func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != "admin" || password != "secret" {
		http.Error(w, `{"message": "Invalid username or password"}`, http.StatusUnauthorized)
		return
	}
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.URL.Path == "/api/search":
		_, _ = fmt.Fprint(w, `[{"uid": "a"}]`)
	case r.URL.Path == "/api/dashboards/uid/a":
		_, _ = fmt.Fprint(w, board)
	case strings.HasPrefix(r.URL.Path, "/api/datasources/uid/gsm-prometheus/resources/api/v1/label/namespace/values"):
		_, _ = fmt.Fprintf(w, `{"status": %q, "data": []}`, a["variable"])
	case bytes.Contains(body, []byte(`"expr":"folded{n=~\".*\"}"`)):
		reply(w, a["folded"])
	case bytes.Contains(body, []byte(`"expr":"open"`)) && bytes.Contains(body, []byte(`"uid":"gsm-prometheus"`)):
		reply(w, a["open"])
	default:
		http.NotFound(w, r)
	}
}

func reply(w http.ResponseWriter, text string) {
	if strings.Contains(text, `"error"`) {
		w.WriteHeader(http.StatusBadRequest)
	}
	_, _ = fmt.Fprint(w, text)
}

func TestRun(t *testing.T) {
	broken := `{"results": {"A": {"status": 400, "error": "bad_data: parse error"}}}`
	gone := `{"message": "Plugin not found", "error": ""}`
	for name, c := range map[string]struct {
		variable, folded, open string // responses
		password               string
		err, out               string // parts of the error and the output; an empty err means success
	}{
		"all have data": {"success", values, values, "secret", "", "A: 2 panels, 2 queries\n"},
		"one has none":  {"success", nothing, values, "secret", "", "no data in: folded"},
		"none has any":  {"success", nothing, nothing, "secret", "A: no panel of 2 has data", ""},
		"a query fails": {
			"success", broken, values, "secret",
			"A, panel folded: query A: status 400: bad_data: parse error", "",
		},
		"a query has no result":   {"success", `{"results": {}}`, values, "secret", "0 of 1 queries have a result", ""},
		"the plugin is gone":      {"success", values, gone, "secret", "Plugin not found", ""},
		"a variable fails":        {"error", values, values, "secret", `variable namespace: the status is "error"`, ""},
		"the password is another": {"success", values, values, "wrong", "401", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answers{"variable": c.variable, "folded": c.folded, "open": c.open})
			defer server.Close()
			t.Setenv("GRAFANA_PASSWORD", c.password)
			var out strings.Builder
			err := run(t.Context(), &out, []string{"-wait", "0s", server.URL})
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("the error is %v, want %q", err, c.err)
			}
			if !strings.Contains(out.String(), c.out) {
				t.Errorf("it says %q, want %q", out.String(), c.out)
			}
			if err != nil && strings.Contains(err.Error(), c.password) {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
}
