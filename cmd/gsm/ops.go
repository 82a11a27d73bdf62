package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// opsHandler serves metrics, failures, profiles and the log level to operators. Unless public is set, it
// rejects what web pages of other origins send. It leaves out pprof's cmdline handler, because the command line may
// contain secrets.
func opsHandler(watch *watcher, public bool) http.Handler {
	level := levelSwitch{watch.level, watch.logs.System}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(
		watch.registry, promhttp.HandlerOpts{Registry: watch.registry, EnableOpenMetrics: true},
	))
	mux.Handle("GET /debug/errors", watch.failures)
	mux.HandleFunc("GET /debug/log-level", level.tell)
	mux.HandleFunc("PUT /debug/log-level", level.change)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	malformed := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "The Host header is not valid.", http.StatusBadRequest)
	})
	if public {
		return web.WellFormed(mux, malformed)
	}
	return web.WellFormed(web.LoopbackOnly(mux, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "This listener serves its own machine only.", http.StatusForbidden)
	})), malformed)
}

// levelSwitch reads and changes the log level while the program runs.
type levelSwitch struct {
	level *slog.LevelVar
	log   *slog.Logger
}

// maxLevelBody limits the body that names a level, in bytes, including white space.
const maxLevelBody = 64

func (s levelSwitch) tell(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintln(w, strings.ToLower(s.level.Level().String())) // the caller may be gone
}

func (s levelSwitch) change(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLevelBody))
	name := strings.TrimSpace(string(body))
	if err != nil || !slices.Contains([]string{"debug", "info", "warn", "error"}, name) {
		http.Error(w, "The body must be debug, info, warn or error.", http.StatusBadRequest)
		return
	}
	if before, after := s.level.Level(), logLevel(name); before != after {
		// The change is logged at a level that is enabled before and after it. Otherwise the log would seem to end.
		s.level.Set(min(before, after))
		enabled := max(slog.LevelInfo, min(before, after))
		s.log.Log(r.Context(), enabled, "log level changed", "old", before.String(), "new", after.String())
		s.level.Set(after)
	}
	s.tell(w, r)
}

// diskCheck returns a health check of the free space on the disk of an embedded database.
func diskCheck(engine game.Store) func(context.Context) (game.Facts, error) {
	e, embedded := engine.(interface {
		Space(context.Context) (game.Space, error)
	})
	return func(ctx context.Context) (game.Facts, error) {
		if !embedded {
			return game.Facts{"detail": "The database is not on this disk."}, nil
		}
		space, err := e.Space(ctx)
		if err != nil {
			return nil, err //nolint:wrapcheck // the error names what was checked
		}
		facts := game.Facts{"free_bytes": space.FreeBytes, "total_bytes": space.TotalBytes}
		if space.FreeBytes < minFreeDisk {
			err := fmt.Errorf("only %d bytes are free on the disk of the database", space.FreeBytes)
			facts["problem"] = err.Error()
			return facts, err
		}
		return facts, nil
	}
}

// minFreeDisk is the free space that the embedded database needs, in bytes. The disk check fails below it.
const minFreeDisk = 16 << 20
