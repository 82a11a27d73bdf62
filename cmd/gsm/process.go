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
	"game-session-manager/internal/feed"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/report"
)

// Limits of connections.
const (
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	profileTimeout = 2 * time.Minute // the caller chooses how long a profile of the ops listener takes
)

// process holds the servers and the background work.
type process struct {
	log         *slog.Logger
	config      config.Server
	api         *api.API
	hub         *feed.Hub
	background  *keeper.Keeper
	rest, ops   server
	stopSending func() // of webhooks; it waits for what is under way
}

type server struct {
	name     string
	listener net.Listener
	http     *http.Server
	tls      *tls.Config // nil for plain HTTP. Not the one of http, because net/http sets that one if it is nil
}

// timeouts bound how long a caller may take to send the header, and from there to read the response. Request bodies
// have their own deadline: see [api.Limits].
type timeouts struct{ read, write time.Duration }

// newServer returns a server that closes connections of callers that exceed the timeouts.
func newServer(l net.Listener, h http.Handler, errorLog serverLog, t timeouts) server {
	return server{name: errorLog.listener, listener: l, http: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: t.read,
		ReadTimeout:       2 * t.read, // header and body
		WriteTimeout:      t.write,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(errorLog, "", 0),
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

// serverLog receives the log of an [http.Server]. It logs mistakes of callers at debug level and reports failures of
// the server.
type serverLog struct {
	listener string
	log      *slog.Logger
	failures *observe.Errors
}

// Write implements [io.Writer].
func (l serverLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	f := report.Failure{Code: report.FailureServer, Task: l.listener + " listener"}
	// The format is "ADDRESS: VALUE", followed by the stack from the next line on.
	if panicked, ok := strings.CutPrefix(text, "http: panic serving "); ok {
		message, stack, _ := strings.Cut(panicked, "\n")
		_, value, _ := strings.Cut(message, ": ")
		f.Code, f.Err = report.FailurePanic, &report.Panic{Value: value, Stack: stack}
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

// run serves until ctx is cancelled or a server fails. Then it shuts down in order: first readiness, so that no new
// requests are routed here, then the listeners and the requests in flight, and the background work last. Event streams
// end when the listeners close, so that their clients find another process.
func (p *process) run(ctx context.Context) error {
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.background.Run(background) })
	g.Go(func() error { return p.hub.Run(background) })
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
	p.hub.Stop()
	var failures []error
	if err := p.rest.http.Shutdown(shutdown); err != nil {
		err = fmt.Errorf("requests were aborted after %s: %w", p.config.ShutdownTimeout, err)
		failures = append(failures, err, p.rest.http.Close())
	}
	p.api.AwaitStreams(shutdown)
	failures = append(failures, p.ops.http.Close()) // closed at once: a profile in progress must not delay the shutdown
	p.stopSending()                                 // before the lease is given back, or another process sends the same
	stopBackground()
	return errors.Join(append(failures, g.Wait())...)
}

func listen(ctx context.Context, setting, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, failed(exitAddress,
			"%s is in use by another program: stop it, or choose another address with %s: %w", addr, setting, err)
	}
	code := exitFailure
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EACCES) {
		code = exitAddress
	}
	return nil, failed(code, "cannot listen on %s: choose another address with %s: %w", addr, setting, err)
}
