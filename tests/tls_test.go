package tests_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newCertificate writes a certificate of this machine, signed by its own key, and the key. Each file is replaced at
// once.
func newCertificate(t *testing.T, dir, name string) (serial *big.Int) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if serial, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour),
		NotAfter:    now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	replace(t, filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	return serial
}

func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// shown is the serial number of the certificate that a new connection is shown.
func (s *server) shown(t *testing.T, config *tls.Config) *big.Int {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0].SerialNumber
}

// startTLS starts a server with the certificate in a directory, which clients here take as it is.
func startTLS(t *testing.T, dir string) *server {
	t.Helper()
	s := launch(t, setup{database: freshDatabase(t), args: []string{
		"--tls-cert=" + filepath.Join(dir, "cert.pem"), "--tls-key=" + filepath.Join(dir, "key.pem"),
	}})
	s.url, s.ops = "https://"+s.listening(t, "api"), "http://"+s.listening(t, "ops")
	s.http = newHTTP(t)
	transport := s.http.Transport.(recorded)
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // what is shown is looked at by the tests
	transport.ForceAttemptHTTP2 = true
	s.do(t, "GET /readyz", "").is(http.StatusOK)
	return s
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serial := newCertificate(t, dir, "first")
	s := startTLS(t, dir)
	trusted := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}
	if got := s.shown(t, trusted); got.Cmp(serial) != 0 {
		t.Errorf("the certificate is %v, want %v", got, serial)
	}
	res, err := s.http.Get(s.url + "/api/v1/players")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.ProtoMajor != 2 || res.StatusCode != http.StatusOK {
		t.Errorf("got %s %d", res.Proto, res.StatusCode)
	}
	s.do(t, "GET /api/v1/players", "").has("Strict-Transport-Security", "max-age=63072000")
	s.do(t, "POST /api/v1/players", `{"username":"alice"}`).is(http.StatusCreated)

	if _, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{
		InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10,
	}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	line := s.logged(t, func(l logLine) bool { return l["msg"] == "started" })
	if docs, _ := line["docs"].(string); !strings.HasPrefix(docs, "https://") {
		t.Errorf("the log says %q", docs)
	}
	plain, err := http.Get("http" + strings.TrimPrefix(s.url, "https") + "/api/v1/players")
	if err == nil {
		defer func() { _ = plain.Body.Close() }()
		if plain.StatusCode != http.StatusBadRequest {
			t.Errorf("without TLS: %d", plain.StatusCode)
		}
	}
}

// A new certificate is used without a restart. A pair that does not fit, as while the files are written one after the
// other, leaves the old one in use.
func TestCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	dir, config := t.TempDir(), &tls.Config{InsecureSkipVerify: true}
	first := newCertificate(t, dir, "first")
	s := startTLS(t, dir)

	replace(t, filepath.Join(dir, "key.pem"), []byte("no key\n"))
	eventually(t, "the broken pair is told of", func() bool {
		if got := s.shown(t, config); got.Cmp(first) != 0 {
			t.Fatalf("the certificate is %v, want %v", got, first)
		}
		return strings.Contains(s.stdout.String(), "the new certificate cannot be used")
	})
	if got := s.shown(t, config); got.Cmp(first) != 0 {
		t.Errorf("a broken pair is used: %v, want %v", got, first)
	}

	second := newCertificate(t, dir, "second")
	eventually(t, "the new certificate is used", func() bool { return s.shown(t, config).Cmp(second) == 0 })
	s.do(t, "GET /readyz", "").is(http.StatusOK)
}

func TestCertificatesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	dir := t.TempDir()
	newCertificate(t, dir, "first")
	cert, key := "--tls-cert="+filepath.Join(dir, "cert.pem"), "--tls-key="+filepath.Join(dir, "key.pem")
	startFails(t, exitUsage, []string{cert}, "GSM_TLS_KEY")
	startFails(t, exitUsage, []string{cert, key + ".missing"}, "GSM_TLS_CERT", "key.pem.missing")
	other := t.TempDir()
	newCertificate(t, other, "other")
	startFails(t, exitUsage, []string{
		cert, "--tls-key=" + filepath.Join(other, "key.pem"),
	}, "GSM_TLS_CERT", "private key does not match")
}

// The ops listener is reachable from other machines only with --ops-public, and then under any host name.
func TestOpsListenerIsGuarded(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	startFails(t, exitUsage, []string{
		"--ops-addr=0.0.0.0:0",
	}, "--ops-addr", "GSM_OPS_PUBLIC=true", "network policy or a firewall")
	startFails(t, exitUsage, []string{"--cors-origins=https://a.example"}, "GSM_CORS_ORIGINS", "authentication")
	s := start(t, withArgs("--ops-addr=0.0.0.0:0", "--ops-public"))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.ops, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	got := s.status(t, http.MethodGet, "http://127.0.0.1:"+port+"/metrics", "gsm-ops.example")
	if got != http.StatusOK {
		t.Errorf("/metrics under another name: %d", got)
	}
	if got := s.status(t, http.MethodGet, s.url+"/api/v1/players", "gsm-ops.example"); got != http.StatusForbidden {
		t.Errorf("the API under another name: %d", got)
	}
	s = start(t, withArgs("--ops-public")) // which is a permission: where the listener is on loopback, nothing changes
	if got := s.status(t, http.MethodGet, s.ops+"/metrics", "gsm-ops.example"); got != http.StatusForbidden {
		t.Errorf("/metrics on loopback under another name: %d", got)
	}
}
