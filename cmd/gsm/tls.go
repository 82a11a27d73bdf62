package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// certificateCheckInterval is how often the files of a certificate are checked for changes.
const certificateCheckInterval = 2 * time.Second

// certificate serves a certificate from two files that may be replaced at any time.
type certificate struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	mu     sync.Mutex
	looked time.Time
	used   [2]stamp // of the files that current was read from
	logged problem  // the last problem that was logged
}

// problem identifies a problem by its message and by the state of the files.
type problem struct {
	stamps [2]stamp
	text   string
}

// stamp changes when its file changes.
type stamp struct {
	modified time.Time
	size     int64
}

// newTLS returns the configuration of a listener whose certificate is in two files, or nil if certFile is empty. Files
// that cannot be used are an error now; later they are logged as a warning.
func newTLS(certFile, keyFile string, now func() time.Time, log *slog.Logger) (*tls.Config, error) {
	if certFile == "" {
		return nil, nil //nolint:nilnil // TLS is not configured
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, now: now, log: log}
	stamps, err := c.stamps()
	if err == nil {
		err = c.load()
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("--tls-cert (GSM_TLS_CERT), --tls-key (GSM_TLS_KEY): %w", err)}
	}
	c.used, c.looked = stamps, now()
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

// get returns the certificate for a handshake.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.mu.TryLock() { // one handshake checks the files, the others use the current certificate
		defer c.mu.Unlock()
		c.refresh()
	}
	return c.current.Load(), nil
}

// refresh reads the files if they have changed. The old certificate stays in use while they cannot be used, for
// example because only one of them has been written yet. They are then read again at each check, because a fix such as
// a chmod may not change a stamp.
func (c *certificate) refresh() {
	now := c.now()
	if now.Sub(c.looked) < certificateCheckInterval {
		return
	}
	c.looked = now
	stamps, err := c.stamps()
	if err == nil && stamps == c.used {
		c.logged = problem{}
		return
	}
	if err == nil {
		err = c.load()
	}
	if err != nil {
		if t := (problem{stamps, err.Error()}); t != c.logged {
			c.log.Warn("the new certificate cannot be used, the old one stays in use", "error", err)
			c.logged = t
		}
		return
	}
	c.log.Info("using a new certificate", "expires", c.current.Load().Leaf.NotAfter)
	c.used, c.logged = stamps, problem{}
}

func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	c.current.Store(&pair)
	return nil
}

func (c *certificate) stamps() (s [2]stamp, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return s, fmt.Errorf("checking the certificate: %w", err)
		}
		s[i] = stamp{info.ModTime(), info.Size()}
	}
	return s, nil
}
