package observe_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/game"
	"game-session-manager/internal/observe"
)

// instant is a store that returns empty results at once.
type instant struct{ game.Store }

func (instant) Players(context.Context, game.PlayerQuery) (f game.Found[game.Player], err error) {
	return f, nil
}

// BenchmarkRequest measures the cost of observing a request with one store operation on all processors, compared to
// the same request without observation. BenchmarkTelemetry in tests measures the whole server.
func BenchmarkRequest(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(map[bool]string{false: "off", true: "on"}[on], func(b *testing.B) {
			out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = out.Close() })
			h := request(out, on)
			ctx := game.WithRequestID(b.Context(), "0198c2a5-7d52-7c11-9e0a-4b1f5d2c7a90")
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/players", nil)
				for p.Next() {
					r.Pattern = ""
					h.ServeHTTP(forgetful{}, r)
				}
			})
		})
	}
}

func request(out io.Writer, on bool) http.Handler {
	reg := prometheus.NewRegistry()
	logs := observe.NewLogs(out, observe.LogOptions{
		Format: observe.FormatJSON, Level: slog.LevelInfo, Metrics: reg, Now: time.Now, Delay: 100 * time.Millisecond,
	})
	m := observe.Meter{Metrics: reg, Now: time.Now}
	docs := game.Store(instant{})
	if on {
		docs = observe.Store(docs, logs.Database, m)
	}
	mux := http.NewServeMux()
	caller := game.Caller{Name: "anonymous"}
	body := []byte(`{"items":[]}`)
	mux.HandleFunc("GET /api/v1/players", func(w http.ResponseWriter, r *http.Request) {
		if o, ok := w.(interface{ NoteCaller(c game.Caller) }); ok {
			o.NoteCaller(caller)
		}
		_, _ = docs.Players(r.Context(), game.PlayerQuery{})
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body)
	})
	if !on {
		return mux
	}
	return observe.HTTP(logs, m)(mux)
}

// forgetful discards the response.
type forgetful struct{}

func (forgetful) Header() http.Header         { return nil }
func (forgetful) WriteHeader(int)             {}
func (forgetful) Write(b []byte) (int, error) { return len(b), nil }
