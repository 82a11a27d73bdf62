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

// opsHandler serves what operators look at, metrics, failures and profiles, and the switch of the log's level. Unless
// its listener is public it answers its own machine only. The command line is no profile and may have secrets in it.
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

// levelSwitch changes the level of the log while the program runs.
type levelSwitch struct {
	level *slog.LevelVar
	log   *slog.Logger
}

// maxLevelBody is how many bytes the name of a level may have, with white space around it.
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
		// Told at a level that is shown: else the end of the lines would look like the end of the program.
		s.level.Set(min(before, after))
		s.log.Log(r.Context(), max(
			slog.LevelInfo, min(before, after),
		), "log level changed", "old", before.String(), "new", after.String())
		s.level.Set(after)
	}
	s.tell(w, r)
}

// diskCheck tells how full the disk of an embedded database is.
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
			return nil, err //nolint:wrapcheck // it says what was looked at
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

// minFreeDisk is how much space the embedded database needs to go on: the disk check is down below it.
const minFreeDisk = 16 << 20
