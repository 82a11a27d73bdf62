package tests_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// asked runs gsm health, which must end with the code and say what it is to say on standard error.
func asked(t *testing.T, code int, says string, args ...string) {
	t.Helper()
	got, stdout, stderr := runToEnd(t, nil, append([]string{"health", "--timeout=1m"}, args...)...)
	if got != code || (stdout == "ok\n") != (code == 0) || !strings.Contains(stderr, says) ||
		(stderr == "") != (code == 0) {
		t.Errorf("%v: exit code %d, %q and %q, want %d and %q", args, got, stdout, stderr, code, says)
	}
}

// gsm health says whether a server takes requests, without a credential, also of one that listens on every address.
func TestHealthCommand(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t, withArgs("--auth=on"), func(s *setup) {
		s.env = append(s.env, "GSM_ADMIN_KEY=gsm_ops_"+strings.Repeat("k", 32))
	})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "", "0.0.0.0"} {
		asked(t, 0, "", "--http-addr="+host+":"+port)
	}
	asked(t, 1, "cannot reach gsm", "--http-addr=127.0.0.1:"+port, "--tls-cert=cert.pem") // it speaks no TLS
	s.kill()
	asked(t, 1, "cannot reach gsm", "--http-addr=127.0.0.1:"+port)
	asked(t, 2, "(GSM_HTTP_ADDR)", "--http-addr=nowhere")
	asked(t, 2, "--timeout", "--timeout=0s")
}

// A server that stops, one that speaks TLS and one that hangs, as gsm health sees them.
func TestHealthCommandAnswers(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	release := make(chan struct{})
	response := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" {
				status = http.StatusNotFound
			}
			if status == 0 {
				<-release
			}
			w.WriteHeader(max(status, http.StatusOK))
		})
	}
	stopping := httptest.NewServer(response(http.StatusServiceUnavailable))
	t.Cleanup(stopping.Close)
	asked(t, 1, "does not accept requests: 503", "--http-addr="+stopping.Listener.Addr().String())

	secure := httptest.NewTLSServer(response(http.StatusOK))
	t.Cleanup(secure.Close)
	asked(t, 0, "", "--http-addr="+secure.Listener.Addr().String(), "--tls-cert=cert.pem")

	hanging := httptest.NewServer(response(0))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(release) })
	asked(t, 1, "within 100ms", "--timeout=100ms", "--http-addr="+hanging.Listener.Addr().String())
}
