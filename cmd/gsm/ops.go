package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/shirou/gopsutil/v4/disk"

	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
)

// opsHandler serves what operators look at: metrics and profiles. Unless it is public it answers its own machine only.
func opsHandler(reg *prometheus.Registry, public bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	if public {
		return mux
	}
	return api.LocalOnly(mux, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "This listener answers to its own machine only.", http.StatusForbidden)
	}))
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
