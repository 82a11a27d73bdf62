package check

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// askThroughGrafana runs the program panels against a fake of Grafana's API, with the real dashboards and the real
// Prometheus. Only the pipeline's smoke test uses Grafana itself.
func (s *stack) askThroughGrafana(t *testing.T) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/search", func(w http.ResponseWriter, _ *http.Request) {
		var found []map[string]string
		for _, d := range dashboards(t) {
			found = append(found, map[string]string{"uid": d.UID})
		}
		_ = json.NewEncoder(w).Encode(found)
	})
	mux.HandleFunc("GET /api/dashboards/uid/{uid}", func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(filepath.Join(root, "grafana/dashboards", filepath.Base(r.PathValue("uid"))+".json"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprintf(w, `{"dashboard": %s}`, text)
	})
	const resources = "GET /api/datasources/uid/gsm-prometheus/resources/{path...}"
	mux.HandleFunc(resources, func(w http.ResponseWriter, r *http.Request) {
		_, body := s.pass(t, "/"+r.PathValue("path")+"?"+r.URL.RawQuery, nil)
		_, _ = w.Write(body)
	})
	mux.HandleFunc("POST /api/ds/query", s.query(t))
	server := httptest.NewServer(mux)
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./panels", server.URL)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GRAFANA_PASSWORD=any")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %v", cmd, err)
	}
	t.Logf("panels says:\n%s", out)
}

// query responds like Grafana's data source.
func (s *stack) query(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Queries []struct {
				RefID, Expr string
				Instant     bool
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		status, results := http.StatusOK, map[string]any{}
		for _, q := range asked.Queries {
			form := url.Values{"query": {strings.ReplaceAll(q.Expr, "$__rate_interval", "30s")}}
			path := "/api/v1/query"
			if !q.Instant {
				now := time.Now().Unix()
				path = "/api/v1/query_range"
				form.Set("start", strconv.FormatInt(now-300, 10))
				form.Set("end", strconv.FormatInt(now, 10))
				form.Set("step", "15")
			}
			code, body := s.pass(t, path, form)
			var response struct {
				Error string
				Data  struct {
					Result []struct {
						Value  json.RawMessage
						Values json.RawMessage
					}
				}
			}
			if err := json.Unmarshal(body, &response); err != nil {
				t.Errorf("Prometheus says %s", body)
			}
			frames := []any{}
			for _, series := range response.Data.Result {
				values := cmp.Or(string(series.Values), "["+string(series.Value)+"]")
				frames = append(frames, map[string]any{"data": map[string]any{"values": json.RawMessage(values)}})
			}
			status = max(status, code)
			results[q.RefID] = map[string]any{"status": code, "error": response.Error, "frames": frames}
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"results": results})
	}
}

// pass sends a request to Prometheus.
func (s *stack) pass(t *testing.T, path string, form url.Values) (status int, body []byte) {
	t.Helper()
	method := http.MethodPost
	if form == nil {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.prometheus+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := s.http.Do(req)
	if err != nil {
		t.Error(err)
		return http.StatusBadGateway, nil
	}
	defer func() { _ = res.Body.Close() }()
	var text json.RawMessage
	if err := json.NewDecoder(res.Body).Decode(&text); err != nil {
		t.Error(err)
	}
	return res.StatusCode, text
}
