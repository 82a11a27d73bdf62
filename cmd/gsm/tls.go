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

// certificateAge is how long a certificate is shown before its files are looked at again.
const certificateAge = 2 * time.Second

// certificate is a pair of files that may be replaced while it is used.
type certificate struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	mu     sync.Mutex
	looked time.Time
	seen   [2]stamp // of what was read last, good or not
}

// stamp changes when a file does.
type stamp struct {
	modified time.Time
	size     int64
}

// newTLS returns the configuration of a listener with a certificate of files, nil without a file. A pair that cannot be used
// is an error now, and a warning later.
func newTLS(certFile, keyFile string, now func() time.Time, log *slog.Logger) (*tls.Config, error) {
	if certFile == "" {
		return nil, nil //nolint:nilnil // no TLS is what was asked for
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, now: now, log: log}
	stamps, err := c.stamps()
	if err == nil {
		err = c.load()
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("--tls-cert (GSM_TLS_CERT), --tls-key (GSM_TLS_KEY): %w", err)}
	}
	c.seen, c.looked = stamps, now()
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

// get is called for each handshake.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.mu.TryLock() { // one looks, and the others go on with what there is
		defer c.mu.Unlock()
		c.refresh()
	}
	return c.current.Load(), nil
}

// refresh reads files that have changed. While they do not fit together, as between the writing of one and of the other, the
// old certificate stays.
func (c *certificate) refresh() {
	now := c.now()
	if now.Sub(c.looked) < certificateAge {
		return
	}
	c.looked = now
	stamps, err := c.stamps()
	if err == nil && stamps == c.seen {
		return
	}
	if err == nil {
		err = c.load()
	}
	if err != nil {
		c.log.Warn("the new certificate cannot be used, the old one stays", "error", err)
	} else {
		c.log.Info("a new certificate is used", "expires", c.current.Load().Leaf.NotAfter)
	}
	c.seen = stamps
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
			return s, fmt.Errorf("looking at the certificate: %w", err)
		}
		s[i] = stamp{info.ModTime(), info.Size()}
	}
	return s, nil
}
