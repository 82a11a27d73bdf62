package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"game-session-manager/internal/api"
	"game-session-manager/internal/config"
	"game-session-manager/internal/keeper"
)

// Limits of connections.
const (
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	profileTimeout = 2 * time.Minute // a profile of the ops listener takes as long as it is asked to
)

// process is what runs: the servers and the background work.
type process struct {
	log        *slog.Logger
	config     config.Server
	api        *api.API
	background *keeper.Keeper
	rest, ops  server
}

type server struct {
	name     string
	listener net.Listener
	http     *http.Server
}

// newServer returns a server that cuts off callers who take longer than read to send a header, or longer than write to take
// an answer. Bodies have a deadline of their own: see [api.Limits].
func newServer(name string, l net.Listener, h http.Handler, read, write time.Duration, log *slog.Logger) server {
	return server{name, l, &http.Server{
		Handler:           h,
		ReadHeaderTimeout: read,
		ReadTimeout:       2 * read, // the header and the body
		WriteTimeout:      write,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.With("category", "system").Handler(), slog.LevelDebug), // of callers' mistakes
	}}
}

func (s *server) serve() error {
	if s.http.TLSConfig != nil {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

func (s *server) scheme() string {
	if s.http.TLSConfig != nil {
		return "https"
	}
	return "http"
}

// run serves until ctx ends or a server fails, then shuts down in order: readiness first, so that nothing new is sent
// here; then the listeners and the requests under way; the background work last.
func (p *process) run(ctx context.Context) error {
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.background.Run(background) })
	for _, s := range []server{p.rest, p.ops} {
		g.Go(func() error {
			if err := s.serve(); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving %s: %w", s.name, err)
			}
			return nil
		})
		p.log.Info("listening", "category", "system", "listener", s.name, "address", s.listener.Addr().String(), "scheme", s.scheme())
	}
	p.log.Info("started", "category", "system", "version", version(), "docs", p.rest.scheme()+"://"+p.rest.listener.Addr().String()+"/docs")
	<-ctx.Done()

	p.log.Info("stopping", "category", "system")
	p.api.Stop()
	time.Sleep(p.config.ShutdownDelay)
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.config.ShutdownTimeout)
	defer cancel()
	var failures []error
	if err := p.rest.http.Shutdown(shutdown); err != nil {
		failures = append(failures, fmt.Errorf("requests were cut off after %s: %w", p.config.ShutdownTimeout, err), p.rest.http.Close())
	}
	failures = append(failures, p.ops.http.Close()) // whoever takes a profile does not hold up the end
	stopBackground()
	return errors.Join(append(failures, g.Wait())...)
}

// listenError is an address that could not be listened on.
type listenError struct{ error }

func (e *listenError) Unwrap() error { return e.error }

func listen(ctx context.Context, setting, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &listenError{fmt.Errorf("%s is taken by another program: stop it, or choose another address with %s: %w", addr, setting, err)}
	}
	return nil, &listenError{fmt.Errorf("cannot listen on %s: choose another address with %s: %w", addr, setting, err)}
}
