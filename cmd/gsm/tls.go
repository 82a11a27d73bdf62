package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// certificateCheckInterval is how often the files of a certificate are read again.
const certificateCheckInterval = 2 * time.Second

// certificate serves a certificate from two files that may be replaced at any time.
type certificate struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	mu     sync.Mutex
	looked time.Time
	logged problem // the last one that was logged; zero if the files can be used
}

// problem identifies a problem by its message and by the content of the files.
type problem struct {
	content [sha256.Size]byte
	text    string
}

// newTLS returns the configuration of a listener whose certificate is in two files, or nil if certFile is empty. Files
// that cannot be used are an error now; later they are logged as a warning.
func newTLS(certFile, keyFile string, now func() time.Time, log *slog.Logger) (*tls.Config, error) {
	if certFile == "" {
		return nil, nil //nolint:nilnil // TLS is not configured
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, now: now, log: log, looked: now()}
	first, _, err := c.read()
	if err != nil {
		return nil, failed(exitUsage, "--tls-cert (GSM_TLS_CERT), --tls-key (GSM_TLS_KEY): %w", err)
	}
	c.current.Store(&first)
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

// get returns the certificate for a handshake.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.mu.TryLock() { // one handshake reads the files, the others use the current certificate
		defer c.mu.Unlock()
		c.refresh()
	}
	return c.current.Load(), nil
}

// refresh reads the files again. The old certificate stays in use while they cannot be used, for example because only
// one of them has been written yet.
func (c *certificate) refresh() {
	now := c.now()
	if now.Sub(c.looked) < certificateCheckInterval {
		return
	}
	c.looked = now
	pair, content, err := c.read()
	if err != nil {
		if p := (problem{content, err.Error()}); p != c.logged {
			c.log.Warn("the new certificate cannot be used, the old one stays in use", "error", err)
			c.logged = p
		}
		return
	}
	c.logged = problem{}
	if !slices.EqualFunc(pair.Certificate, c.current.Load().Certificate, bytes.Equal) {
		c.log.Info("using a new certificate", "expires", pair.Leaf.NotAfter)
		c.current.Store(&pair)
	}
}

// read returns the certificate in the files, and a hash of their content.
func (c *certificate) read() (pair tls.Certificate, content [sha256.Size]byte, err error) {
	cert, certErr := os.ReadFile(c.certFile)
	key, keyErr := os.ReadFile(c.keyFile)
	if err := errors.Join(certErr, keyErr); err != nil {
		return pair, content, err
	}
	pair, err = tls.X509KeyPair(cert, key)
	return pair, sha256.Sum256(slices.Concat(cert, key)), err
}
