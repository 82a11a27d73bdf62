package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"game-session-manager/internal/api"
)

// BenchmarkCreate sends whole requests, without a network, and counts the CPU time and the allocations of each: of a
// player and a session that are created on the embedded engine, and of a body that is rejected before it.
func BenchmarkCreate(b *testing.B) {
	const attributes = `"attributes":{"mmr":1200,"clan":"owls","ready":true,"level":17,"skin":"dark","lang":"en"}`
	for _, c := range []struct {
		name, path, body string
		status           int
	}{
		{
			"player", "/api/v1/players",
			`{"username":"p%06d","display_name":"Player","identities":{"steam":"s%[1]d"},` + attributes + `}`,
			http.StatusCreated,
		},
		{
			"session", "/api/v1/sessions",
			`{"name":"Friday %d","mode":"duel","region":"eu","max_players":8,"teams":{"red":4,"blue":4},` +
				attributes + `}`,
			http.StatusCreated,
		},
		{
			"rejected", "/api/v1/players", `{"username":"p %d","display_name":"Player",` + attributes + `}`,
			http.StatusUnprocessableEntity,
		},
	} {
		b.Run(c.name, func(b *testing.B) {
			var h http.Handler
			serve(b, func(d *api.Deps) { h = api.New(*d) })
			b.ReportAllocs()
			begin := cpu(b)
			for i := 0; b.Loop(); i++ {
				r := httptest.NewRequestWithContext(
					b.Context(), http.MethodPost, c.path, strings.NewReader(fmt.Sprintf(c.body, i)),
				)
				r.Host = "localhost"
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				if h.ServeHTTP(w, r); w.Code != c.status {
					b.Fatalf("got %d %s", w.Code, w.Body)
				}
			}
			b.ReportMetric((cpu(b)-begin)/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpu returns the CPU time that the process has used, in microseconds.
func cpu(b *testing.B) float64 {
	b.Helper()
	runtime.GC()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e3
}
