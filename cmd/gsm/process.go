package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"game-session-manager/internal/api"
	"game-session-manager/internal/config"
	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/observe"
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
	tls      *tls.Config // nil for none. Not that of http, which net/http sets where there is none
}

// timeouts are how long callers may take to send a header, and from there to take the answer. Bodies have a deadline of
// their own: see [api.Limits].
type timeouts struct{ read, write time.Duration }

// newServer returns a server that cuts off callers who take longer.
func newServer(l net.Listener, h http.Handler, said serverLog, t timeouts) server {
	return server{name: said.listener, listener: l, http: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: t.read,
		ReadTimeout:       2 * t.read, // the header and the body
		WriteTimeout:      t.write,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(said, "", 0),
	}}
}

func (s *server) serve() error {
	if s.tls != nil {
		s.http.TLSConfig = s.tls
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

func (s *server) scheme() string {
	if s.tls != nil {
		return "https"
	}
	return "http"
}

// serverLog takes what [http.Server] says: of callers' mistakes at debug level, and failures of its own.
type serverLog struct {
	listener string
	log      *slog.Logger
	failures *observe.Errors
}

// Write implements [io.Writer].
func (l serverLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	f := game.Failure{Code: game.FailureServer, Task: l.listener + " listener"}
	// ADDRESS: VALUE, and the stack from the next line on
	if said, ok := strings.CutPrefix(text, "http: panic serving "); ok {
		message, stack, _ := strings.Cut(said, "\n")
		_, value, _ := strings.Cut(message, ": ")
		f.Code, f.Err = game.FailurePanic, &game.Panic{Value: value, Stack: stack}
	} else if strings.HasPrefix(text, "http: Accept error") {
		f.Err = errors.New(text)
	}
	if f.Err != nil {
		l.failures.Report(context.Background(), f)
	} else {
		l.log.Debug("server", slog.String("listener", l.listener), observe.Cause(errors.New(text)))
	}
	return len(line), nil
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
		p.log.Info("listening", "listener", s.name, "address", s.listener.Addr().String(), "scheme", s.scheme())
	}
	p.log.Info("started", "version", version(), "docs", p.rest.scheme()+"://"+p.rest.listener.Addr().String()+"/docs")
	<-ctx.Done()

	p.log.Info("stopping")
	p.api.Stop()
	time.Sleep(p.config.ShutdownDelay)
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.config.ShutdownTimeout)
	defer cancel()
	var failures []error
	if err := p.rest.http.Shutdown(shutdown); err != nil {
		failures = append(failures, fmt.Errorf(
			"requests were aborted after %s: %w", p.config.ShutdownTimeout, err,
		), p.rest.http.Close())
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
		return nil, &listenError{fmt.Errorf(
			"%s is in use by another program: stop it, or choose another address with %s: %w", addr, setting, err,
		)}
	}
	return nil, &listenError{fmt.Errorf("cannot listen on %s: choose another address with %s: %w", addr, setting, err)}
}
