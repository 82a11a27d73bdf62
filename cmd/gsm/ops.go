package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
)

// opsHandler serves what operators look at: metrics and profiles.
func opsHandler(reg *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg, EnableOpenMetrics: true}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return api.LocalOnly(mux, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "This listener answers to its own machine only.", http.StatusForbidden)
	}))
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
			return facts, fmt.Errorf("only %d bytes are free on the disk of the database", space.FreeBytes)
		}
		return facts, nil
	}
}

// minFreeDisk is how much space the embedded database needs to go on: the disk check is down below it.
const minFreeDisk = 16 << 20
