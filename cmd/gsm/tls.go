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
	used   [2]stamp // of the files that current is from
	told   trouble  // that the log has of files that cannot be used
}

// trouble is why files cannot be used, and which.
type trouble struct {
	stamps [2]stamp
	text   string
}

// stamp changes when a file does.
type stamp struct {
	modified time.Time
	size     int64
}

// newTLS returns the configuration of a listener with a certificate of files, nil without a file. A pair that cannot be
// used is an error now, and a warning later.
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
	c.used, c.looked = stamps, now()
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

// refresh reads files that have changed. While they cannot be used, as between the writing of one and of the other, the
// old certificate stays, and they are read again at each look: what was wrong, like permissions, may not be seen in a
// stamp.
func (c *certificate) refresh() {
	now := c.now()
	if now.Sub(c.looked) < certificateAge {
		return
	}
	c.looked = now
	stamps, err := c.stamps()
	if err == nil && stamps == c.used {
		c.told = trouble{}
		return
	}
	if err == nil {
		err = c.load()
	}
	if err != nil {
		if t := (trouble{stamps, err.Error()}); t != c.told {
			c.log.Warn("the new certificate cannot be used, the old one stays in use", "error", err)
			c.told = t
		}
		return
	}
	c.log.Info("using a new certificate", "expires", c.current.Load().Leaf.NotAfter)
	c.used, c.told = stamps, trouble{}
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
