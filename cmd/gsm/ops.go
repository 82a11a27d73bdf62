package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/shirou/gopsutil/v4/disk"

	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
)

// opsHandler serves what operators look at, metrics, failures and profiles, and the switch of the log's level.
func opsHandler(reg *prometheus.Registry, failures http.Handler, level levelSwitch) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	mux.Handle("GET /debug/errors", failures)
	mux.HandleFunc("GET /debug/log-level", level.tell)
	mux.HandleFunc("PUT /debug/log-level", level.change)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return api.LocalOnly(mux, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "This listener answers to its own machine only.", http.StatusForbidden)
	}))
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
		s.log.Log(r.Context(), max(slog.LevelInfo, min(before, after)), "log level changed", "old", before.String(), "new", after.String())
		s.level.Set(after)
	}
	s.tell(w, r)
}

// diskCheck tells how full the disk of an embedded database is.
func diskCheck(databaseURL string) func(context.Context) (game.Facts, error) {
	path, embedded := strings.CutPrefix(databaseURL, "sqlite:")
	path = strings.TrimPrefix(path, "//")
	if resolved, err := filepath.EvalSymlinks(path); err == nil { // the file may be a link to another disk
		path = resolved
	}
	dir := filepath.Dir(path)
	return func(ctx context.Context) (game.Facts, error) {
		if !embedded {
			return game.Facts{"detail": "The database is not on this disk."}, nil
		}
		u, err := disk.UsageWithContext(ctx, dir)
		if err != nil {
			return nil, fmt.Errorf("looking at the disk of %s: %w", dir, err)
		}
		facts := game.Facts{"free_bytes": u.Free, "total_bytes": u.Total}
		if u.Free < minFreeDisk {
			return facts, fmt.Errorf("only %d bytes are free on the disk of %s", u.Free, dir)
		}
		return facts, nil
	}
}

// minFreeDisk is how much space the embedded database needs to go on: the disk check is down below it.
const minFreeDisk = 16 << 20
