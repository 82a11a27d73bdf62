package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair is the files of a certificate.
type pair struct {
	t         *testing.T
	cert, key string
}

// newPair returns the content of the two files of a certificate.
func newPair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	c, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})
}

// write replaces the files and sets their modification times.
func (p *pair) write(at time.Time, cert, key []byte) {
	p.t.Helper()
	for name, content := range map[string][]byte{p.cert: cert, p.key: key} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			p.t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *pair) remove() {
	p.t.Helper()
	if err := os.Remove(p.key); err != nil {
		p.t.Fatal(err)
	}
}

// Files that cannot be used are read again until they can, and each problem is logged once.
func TestCertificateIsTriedAgain(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	files := &pair{t: t, cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	cert, key := newPair(t, 1)
	files.write(now, cert, key)
	var log bytes.Buffer
	config, err := newTLS(
		files.cert, files.key, func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)),
	)
	if err != nil {
		t.Fatal(err)
	}
	looks := func(what string, serial int64, warnings int) {
		t.Helper()
		for range 3 {
			now = now.Add(certificateCheckInterval)
			c, err := config.GetCertificate(nil)
			if err != nil || c.Leaf.SerialNumber.Int64() != serial {
				t.Errorf("%s: certificate %v, want %d: %v", what, c.Leaf.SerialNumber, serial, err)
			}
		}
		if got := strings.Count(log.String(), "level=WARN"); got != warnings {
			t.Errorf("%s: %d warnings in all, want %d:\n%s", what, got, warnings, log.String())
		}
	}
	looks("at first", 1, 0)

	cert2, key2 := newPair(t, 2)
	changed := now
	files.write(changed, cert2, bytes.Repeat([]byte("x"), len(key2)))
	looks("a key that is none", 1, 1)
	files.write(changed.Add(time.Second), cert2, bytes.Repeat([]byte("y"), len(key2)))
	looks("another that is none", 1, 2)
	files.write(changed.Add(time.Second), cert2, key2) // the stamps are unchanged, as after a chmod
	looks("the same files, good now", 2, 2)

	for i := range 2 {
		files.remove()
		looks("no key", 2, 3+i)
		files.write(changed.Add(time.Second), cert2, key2)
		looks("the key is back", 2, 3+i)
	}
	files.remove()
	looks("no key again", 2, 5)
	cert3, key3 := newPair(t, 3)
	files.write(changed.Add(time.Minute), cert3, key3)
	looks("a new pair", 3, 5)
}
