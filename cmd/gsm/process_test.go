package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/observe"
)

// Failures of a listener are reported; mistakes of callers are logged at debug level.
func TestServerLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	registry := prometheus.NewRegistry()
	logs := observe.NewLogs(
		&out, observe.LogOptions{Format: observe.FormatJSON, Level: slog.LevelDebug, Metrics: registry, Now: time.Now},
	)
	errorLog := serverLog{"ops", logs.System, observe.NewErrors(logs.Error, registry, time.Now, newID)}

	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic("no map")
	}))
	server.Config = newServer(server.Listener, server.Config.Handler, errorLog, timeouts{time.Second, time.Second}).http
	server.Start()
	if res, err := server.Client().Get(server.URL); err == nil {
		t.Errorf("got status %d, want a closed connection", res.StatusCode)
		_ = res.Body.Close()
	}
	server.Close()
	for _, line := range []string{
		"http: Accept error: too many open files; retrying in 5ms\n",
		"http: TLS handshake error from 127.0.0.1:1: EOF\n",
	} {
		if n, err := errorLog.Write([]byte(line)); err != nil || n != len(line) {
			t.Errorf("%d, %v", n, err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, wants := range [][]string{
		{
			`"level":"ERROR"`, `"category":"error"`, `"code":"panic"`, `"task":"ops listener"`,
			`"error":"panic: no map"`, `"stack":"goroutine `, "TestServerLog",
		},
		{`"level":"ERROR"`, `"category":"error"`, `"code":"server"`, "too many open files"},
		{`"level":"DEBUG"`, `"category":"system"`, "TLS handshake"},
	} {
		for _, want := range wants {
			if i >= len(lines) || !strings.Contains(lines[i], want) {
				t.Errorf("line %d does not tell %s: %q", i, want, lines)
			}
		}
	}
}
