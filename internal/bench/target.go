package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// target is the server that is measured.
type target struct {
	api      *api
	server   Server
	warnings []string
	child    *child // nil for a server that was there before
	dir      string // of a database that is gone afterwards; empty for another one
}

// connect starts a server, or finds the one that is there, and asks what it is.
func connect(ctx context.Context, o Options) (*target, error) {
	t := &target{server: Server{URL: o.Against, Own: o.Against == ""}}
	token := o.Token
	if t.server.Own {
		token = "" // it needs none, and would check it
		if err := t.start(ctx, o); err != nil {
			t.close()
			return nil, err
		}
	}
	var err error
	if t.api, err = newAPI(t.server.URL, token, o.Clients); err == nil {
		err = t.ask(ctx, token != "")
	}
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// start starts a gsm with a database of its own, or with the one that is asked for.
func (t *target) start(ctx context.Context, o Options) (err error) {
	if o.Progress != nil {
		o.Progress("starting a server")
	}
	logs, err := os.MkdirTemp("", "gsm-bench-")
	if err != nil {
		return fmt.Errorf("a folder for the server's log and database: %w", err)
	}
	t.dir = logs
	url := o.DatabaseURL
	if url == "" {
		url = "sqlite:" + filepath.Join(logs, "gsm.db")
	}
	t.child, err = startServer(ctx, o.Program, url, logs)
	if err != nil {
		return err
	}
	t.server.URL = t.child.url
	return nil
}

// ask finds out about the server.
func (t *target) ask(ctx context.Context, limited bool) error {
	if _, err := t.api.must(ctx, get("/limits")); err != nil {
		return err
	}
	var health struct {
		Version    string `json:"version"`
		Components struct {
			Database struct {
				Engine  string `json:"engine"`
				SQLite  string `json:"sqlite_version"`
				MongoDB struct {
					Product string `json:"product"`
					Version string `json:"version"`
				} `json:"server"`
			} `json:"database"`
		} `json:"components"`
	}
	if err := t.api.outside(ctx, "/health", &health); err != nil {
		return err
	}
	_ = t.api.outside(ctx, "/health/detailed", &health) // which not every key may read
	t.server.Version = health.Version
	db := health.Components.Database
	described := []string{db.Engine, db.SQLite, db.MongoDB.Product, db.MongoDB.Version}
	t.server.Database = strings.Join(slices.DeleteFunc(described, func(s string) bool { return s == "" }), " ")
	if limited {
		return t.askLimits(ctx)
	}
	return nil
}

// askLimits warns of a rate limit that would be measured in place of the server.
func (t *target) askLimits(ctx context.Context) error {
	var limits struct {
		Rates map[string]struct {
			PerSecond float64 `json:"per_second"`
		} `json:"rates"`
	}
	r, err := t.api.must(ctx, get("/limits"))
	if err == nil {
		err = r.into(&limits)
	}
	if most := limits.Rates["server"].PerSecond; most > 0 {
		t.warnings = append(t.warnings, fmt.Sprintf("the server allows one API key %.0f requests a second: start it "+
			"with GSM_RATE_SERVER=0 to measure more", most))
	}
	return err
}

// outside reads a document that is not below the base path.
func (a *api) outside(ctx context.Context, path string, into any) error {
	u := *a.base
	u.Path += path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return err
	}
	req.Header = a.header
	res, err := a.http.Do(req)
	if err != nil {
		return a.advice(get(path), noReply(err))
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	return json.NewDecoder(io.LimitReader(res.Body, mostResponse)).Decode(into)
}

// disposable reports whether everything that the run makes is gone afterwards.
func (t *target) disposable() bool { return t.child != nil && t.child.ownDatabase(t.dir) }

// close ends the server that the run started.
func (t *target) close() {
	if t.api != nil {
		t.api.http.CloseIdleConnections()
	}
	if t.child != nil {
		t.child.stop()
	}
	if t.dir != "" {
		_ = os.RemoveAll(t.dir)
	}
}

// meters are the processor times, in seconds, that the server and this process have used.
type meters struct {
	server, client float64
	known          bool
}

// meters returns what the system says: to ask the server for its metrics costs it more than many a request.
func (t *target) meters() (m meters) {
	self, err := procfs.Self()
	if err != nil || t.child == nil {
		return m
	}
	return metersOf(t.child.process, self)
}

func metersOf(server, client procfs.Proc) meters {
	s, err := server.Stat()
	c, err2 := client.Stat()
	if errors.Join(err, err2) != nil {
		return meters{}
	}
	return meters{s.CPUTime(), c.CPUTime(), true}
}

// cpu returns the processor time of each request.
func (s span) cpu(requests int64) CPU {
	before, after := s.before, s.after
	if !before.known || !after.known || requests == 0 {
		return CPU{}
	}
	each := func(from, to float64) float64 {
		return (to - from) / float64(requests) * float64(time.Second/time.Microsecond)
	}
	return CPU{each(before.server, after.server), each(before.client, after.client)}
}

func machine() Machine { return Machine{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH} }
