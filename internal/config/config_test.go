package config_test

import (
	"net"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/config"
)

func good() config.Server {
	return config.Server{
		HTTPAddr: "127.0.0.1:8080", OpsAddr: "[::1]:0", Database: config.Database{DatabaseURL: "sqlite:gsm.db"},
		LogLevel: "info", LogFormat: "auto", Telemetry: "on",
		RequestTimeout: 10 * time.Second, ShutdownTimeout: 15 * time.Second,
		Limits: config.Limits{
			MaxInFlight: 256, FailedCredentials: 10, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		},
		SQLiteCache: 32, Auth: "auto", TokenIssuer: "gsm", Replica: "auto",
		MetricsInterval: 15 * time.Second, MetricsRetention: 168 * time.Hour, EventRetention: 720 * time.Hour,
		SessionRetention: 720 * time.Hour, Timeouts: goodTimeouts(),
	}
}

func goodTimeouts() config.Timeouts {
	return config.Timeouts{
		ReservationTimeout: time.Minute, DisconnectGrace: 2 * time.Minute, HostGrace: 30 * time.Second,
		EmptyTimeout: 5 * time.Minute, ActivationTimeout: time.Minute, IdleTimeout: 24 * time.Hour,
		StaleAfter: 30 * time.Second, ExpireAfter: time.Hour,
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*config.Server)
		want   []string // parts of the message; nil for no error
	}{
		{"defaults", func(*config.Server) {}, nil},
		{"localhost", func(c *config.Server) { c.HTTPAddr = "localhost:1" }, nil},
		{"every address", func(c *config.Server) { c.HTTPAddr = ":8080" }, nil},
		{"authenticated", func(c *config.Server) { c.HTTPAddr, c.Auth = "0.0.0.0:8080", "on" }, nil},
		{
			"every address and no authentication", func(c *config.Server) { c.HTTPAddr, c.Auth = ":8080", "off" },
			[]string{"GSM_HTTP_ADDR", "loopback", "GSM_AUTH", "GSM_ADMIN_KEY", "gsm keys create"},
		},
		{"another machine's view", func(c *config.Server) { c.HTTPAddr, c.Auth = "0.0.0.0:8080", "off" }, []string{
			"GSM_HTTP_ADDR", "loopback",
		}},
		{
			"a name and no authentication", func(c *config.Server) { c.HTTPAddr, c.Auth = "example.com:80", "off" },
			[]string{"GSM_HTTP_ADDR", "loopback"},
		},
		{"a first key", func(c *config.Server) { c.AdminKey = "gsm_ops_" + strings.Repeat("k", 32) }, nil},
		{"a short first key", func(c *config.Server) { c.AdminKey = "gsm_ops_" + strings.Repeat("k", 31) }, []string{
			"GSM_ADMIN_KEY", "32 to 128",
		}},
		{"a secret key", func(c *config.Server) { c.SecretKey = strings.Repeat("k", 32) }, nil},
		{"a short secret key", func(c *config.Server) { c.SecretKey = strings.Repeat("k", 31) }, []string{
			"GSM_SECRET_KEY", "32",
		}},
		{"no issuer", func(c *config.Server) { c.TokenIssuer = "" }, []string{"GSM_TOKEN_ISSUER"}},
		{"a name", func(c *config.Server) { c.OpsAddr = "example.com:80" }, []string{"GSM_OPS_ADDR", "loopback"}},
		{"no such port", func(c *config.Server) { c.HTTPAddr = "127.0.0.1:99999" }, []string{"HOST:PORT"}},
		{"no port", func(c *config.Server) { c.HTTPAddr = "127.0.0.1" }, []string{"HOST:PORT"}},
		{"an ops listener without a guard", func(c *config.Server) { c.OpsAddr = "0.0.0.0:8081" }, []string{
			"GSM_OPS_ADDR", "GSM_OPS_PUBLIC=true", "firewall",
		}},
		{"an ops listener with a guard", func(c *config.Server) { c.OpsAddr, c.OpsPublic = "0.0.0.0:8081", true }, nil},
		{"no address with a guard", func(c *config.Server) { c.OpsAddr, c.OpsPublic = "8081", true }, []string{
			"GSM_OPS_ADDR", "HOST:PORT",
		}},
		{
			"a guard of ops only",
			func(c *config.Server) { c.HTTPAddr, c.Auth, c.OpsPublic = "0.0.0.0:8080", "off", true },
			[]string{"GSM_HTTP_ADDR"},
		},
		{"a certificate without a key", func(c *config.Server) { c.TLSCert = "cert.pem" }, []string{"GSM_TLS_KEY"}},
		{"a certificate and its key", func(c *config.Server) { c.TLSCert, c.TLSKey = "cert.pem", "key.pem" }, nil},
		{"web pages without authentication", func(c *config.Server) { c.CORSOrigins = "https://a.example" }, []string{
			"GSM_CORS_ORIGINS", "authentication",
		}},
		{
			"web pages with authentication",
			func(c *config.Server) { c.Auth, c.CORSOrigins = "on", "https://a.example" }, nil,
		},
		{"no limit of failures", func(c *config.Server) { c.FailedCredentials = 0 }, nil},
		{"less than none", func(c *config.Server) { c.FailedCredentials = -1 }, []string{"GSM_FAILED_CREDENTIALS"}},
		{"no origins", func(c *config.Server) {
			c.CORSOrigins = "https://a.example/,*, null,https://A.example,https://*.example"
		}, []string{`"https://a.example/"`, `"*"`, `"null"`, `"https://A.example"`, `"https://*.example"`}},
		{"too many at once", func(c *config.Server) { c.MaxInFlight = 100_001 }, []string{"GSM_MAX_IN_FLIGHT"}},
		{"a reader without end", func(c *config.Server) { c.ReadTimeout = time.Hour }, []string{
			"GSM_READ_TIMEOUT", "1m",
		}},
		{"no time to send responses", func(c *config.Server) { c.WriteTimeout = 9 * time.Second }, []string{
			"GSM_WRITE_TIMEOUT", "10s",
		}},
		{"no memory", func(c *config.Server) { c.SQLiteCache = 3 }, []string{"GSM_SQLITE_CACHE", "4"}},
		{"a replica's name", func(c *config.Server) { c.Replica = "eu-1.gsm_2:8080" }, nil},
		{"no name", func(c *config.Server) { c.Replica = "" }, []string{"GSM_REPLICA"}},
		{"another name", func(c *config.Server) { c.Replica = "two words" }, []string{"GSM_REPLICA", "A-Z"}},
		{"samples all the time", func(c *config.Server) { c.MetricsInterval = time.Millisecond }, []string{
			"GSM_METRICS_INTERVAL", "100ms",
		}},
		{"events for ever", func(c *config.Server) { c.EventRetention = 20000 * time.Hour }, []string{
			"GSM_EVENT_RETENTION", "17520h",
		}},
		{"sessions for ever", func(c *config.Server) { c.SessionRetention = 0 }, nil},
		{"sessions as long as events", func(c *config.Server) {
			c.SessionRetention, c.EventRetention = 24*time.Hour, 24*time.Hour
		}, nil},
		{"sessions shorter than events", func(c *config.Server) { c.EventRetention = 721 * time.Hour }, []string{
			"GSM_SESSION_RETENTION", "720h", "GSM_SESSION_RETENTION=721h", "0", "GSM_EVENT_RETENTION",
		}},
		{"sessions less than never", func(c *config.Server) { c.SessionRetention = -time.Hour }, []string{
			"GSM_SESSION_RETENTION", "between 0s and 87600h",
		}},
		{"sessions for too long", func(c *config.Server) { c.SessionRetention = 87601 * time.Hour }, []string{
			"GSM_SESSION_RETENTION", "87600h",
		}},
		{"half a second", func(c *config.Server) { c.HostGrace = 1500 * time.Millisecond }, []string{
			"--host-grace (GSM_HOST_GRACE)", "1.5s", "whole number of seconds",
		}},
		{"expires before it is stale", func(c *config.Server) { c.ExpireAfter = c.StaleAfter }, []string{
			"--expire-after (GSM_EXPIRE_AFTER)", "--stale-after (GSM_STALE_AFTER)", "30s",
		}},
		{"metrics for ever", func(c *config.Server) { c.MetricsRetention = 10000 * time.Hour }, []string{
			"GSM_METRICS_RETENTION", "2160h",
		}},
		{
			"all at once",
			func(c *config.Server) { c.HTTPAddr, c.RequestTimeout, c.ShutdownDelay = "x", time.Hour, -1 },
			[]string{"GSM_HTTP_ADDR", "GSM_REQUEST_TIMEOUT", "GSM_SHUTDOWN_DELAY"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := good()
			test.change(&c)
			err := c.Validate()
			if (err == nil) != (test.want == nil) {
				t.Fatalf("got %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not tell of %s", err, part)
				}
			}
		})
	}
}

func TestLinesMaskSecrets(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"mongodb://user:hush@db.example/gsm", "mongodb://user:hush@db:port/gsm",
		"mongodb://db:port/gsm?tlsCertificateKeyFilePassword=hush",
		"mongodb://db.example/gsm?x=1&tlsCertificateKeyFilePassword=hush&y=2",
		"mongodb://u:hush@db/?authMechanismProperties=AWS_SESSION_TOKEN:hush",
	} {
		c := good()
		c.DatabaseURL = url
		lines := strings.Join(c.Lines(), "\n")
		if strings.Contains(lines, "hush") || !strings.Contains(lines, "GSM_DATABASE_URL=") {
			t.Errorf("a password is printed: %s", lines)
		}
		if !strings.Contains(lines, "GSM_HTTP_ADDR=127.0.0.1:8080\n") {
			t.Errorf("not the form of an environment: %s", lines)
		}
	}
	c := good()
	c.DatabaseURL = "mongodb://db.example/gsm?x=1&authMechanismProperties=hush&y=2"
	lines := strings.Join(c.Lines(), "\n")
	if !strings.Contains(lines, "mongodb://db.example/gsm?x=1&authMechanismProperties=xxxxx&y=2\n") {
		t.Errorf("more than the secret is hidden: %s", lines)
	}
}

// A field whose name suggests a secret must have the tag, which masks it and makes tests/redaction_test.go set it.
func TestSecretsAreMarked(t *testing.T) {
	t.Parallel()
	suspect := regexp.MustCompile(`(?i)password|secret|key|token|url|credential|code`)
	// Not secrets: a name, a file name and a number.
	notSecret := map[string]bool{"TokenIssuer": true, "TLSKey": true, "FailedCredentials": true}
	marked := 0
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Server]()) {
		switch tag := f.Tag.Get("secret"); tag {
		case "url", "value":
			marked++
		case "":
			if notSecret[f.Name] {
				continue
			}
			if suspect.MatchString(f.Name) || suspect.MatchString(f.Tag.Get("env")) {
				t.Errorf("%s sounds like a secret: mark it with the tag secret", f.Name)
			}
		default:
			t.Errorf("%s has the tag secret:%q, which nothing knows", f.Name, tag)
		}
	}
	if marked == 0 {
		t.Error("no field is marked")
	}
}

// Every setting has an environment variable and a help text.
func TestEveryFieldIsDocumented(t *testing.T) {
	t.Parallel()
	// Without these, the feature is off.
	optional := map[string]bool{
		"AdminKey": true, "SecretKey": true, "OIDCIssuers": true, "TLSCert": true, "TLSKey": true, "CORSOrigins": true,
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Server]()) {
		if f.Anonymous {
			continue
		}
		if !strings.HasPrefix(f.Tag.Get("env"), "GSM_") || f.Tag.Get("default") == "" && !optional[f.Name] ||
			!strings.HasSuffix(f.Tag.Get("help"), ".") {
			t.Errorf("%s needs an environment variable, a default and a sentence: %s", f.Name, f.Tag)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Rate{
		"1000:2000": {PerSecond: 1000, Burst: 2000}, "1:1": {PerSecond: 1, Burst: 1}, "0": {},
	} {
		var r config.Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want || r.String() != text {
			t.Errorf("%s is %+v, %v", text, r, err)
		}
	}
	for _, text := range []string{
		"", "x", "1", "1:", ":1", "0:1", "1:0", "-1:1", "1:2:3", "1.5:2", "1000001:1", "1:1000001", " 1:2",
	} {
		r := config.Rate{PerSecond: 7, Burst: 7}
		if err := r.UnmarshalText([]byte(text)); err == nil || r != (config.Rate{PerSecond: 7, Burst: 7}) {
			t.Errorf("%q is taken as %v", text, r)
		}
	}
}

// An origin that browsers spell differently would never match.
func TestOriginsThatBrowsersSend(t *testing.T) {
	t.Parallel()
	try := func(origin string) error {
		c := good()
		c.Auth, c.CORSOrigins = "on", origin
		return c.Validate()
	}
	for _, o := range []string{
		"https://a.example", "http://localhost:3000", "https://a.example:80", "http://a.example:443",
		"https://a.example:8443", "https://xn--bcher-kva.example",
		"http://127.0.0.1:3000", "http://[::1]:3000", "https://[2001:db8::1]", "https://1.a.example",
		"https://a_b.example", "https://a.example.", "http://a:65535",
	} {
		if err := try(o); err != nil {
			t.Errorf("%s: %v", o, err)
		}
	}
	for _, o := range []string{
		"https://a.example:443", "http://a.example:80", "https://bücher.example", "https://A.example",
		"https://a.example/", "https://a.example:", "https://a.example:080",
		"https://a.example:0", "https://a.example:65536", "https://a.example:x", "https://a.example?x",
		"https://a.example#x", "https://u@a.example", "https://a..example",
		"https://.a", "https://*.example", "*", "null", "a.example", "ftp://a.example", "https://",
		"https://a%2eexample", "http://127.1", "http://127.0.0.01",
		"http://0x7f.0.0.1", "http://1", "http://[::0]", "http://[0:0:0:0:0:0:0:1]", "http://[::ffff:127.0.0.1]",
		"http://[::1", "http://[]", "HTTPS://a.example",
	} {
		if err := try(o); err == nil || !strings.Contains(err.Error(), "GSM_CORS_ORIGINS") {
			t.Errorf("%s: %v", o, err)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	c := good()
	c.CORSOrigins = "https://a.example, http://localhost:3000,"
	if got := c.Origins(); !slices.Equal(got, []string{"https://a.example", "http://localhost:3000"}) {
		t.Errorf("got %q", got)
	}
}

// The address of the listener decides, because a hosts file may map localhost to any address.
func TestListening(t *testing.T) {
	t.Parallel()
	addr := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 8080} }
	for _, test := range []struct {
		name     string
		change   func(*config.Server)
		api, ops string
		want     []string // parts of the message; nil for no error
	}{
		{"loopback", func(*config.Server) {}, "127.0.0.1", "::1", nil},
		{
			"localhost elsewhere", func(c *config.Server) { c.HTTPAddr = "localhost:8080" }, "192.0.2.2", "127.0.0.1",
			[]string{
				"GSM_HTTP_ADDR", `"192.0.2.2:8080"`, "loopback", "GSM_AUTH=on", "GSM_ADMIN_KEY", "gsm keys create",
			},
		},
		{
			"localhost elsewhere, off", func(c *config.Server) { c.HTTPAddr, c.Auth = "localhost:8080", "off" },
			"2001:db8::2", "127.0.0.1",
			[]string{"GSM_HTTP_ADDR"},
		},
		{
			"every address", func(c *config.Server) { c.HTTPAddr, c.Auth = "localhost:8080", "off" }, "::", "127.0.0.1",
			[]string{"GSM_HTTP_ADDR"},
		},
		{
			"localhost elsewhere, on", func(c *config.Server) { c.HTTPAddr, c.Auth = "localhost:8080", "on" },
			"192.0.2.2", "127.0.0.1", nil,
		},
		{"ops elsewhere", func(c *config.Server) { c.OpsAddr = "localhost:8081" }, "127.0.0.1", "192.0.2.2", []string{
			"GSM_OPS_ADDR", "GSM_OPS_PUBLIC=true",
		}},
		{
			"authentication is not for ops", func(c *config.Server) { c.Auth = "on" }, "192.0.2.2", "192.0.2.2",
			[]string{"GSM_OPS_ADDR"},
		},
		{"ops elsewhere, guarded", func(c *config.Server) { c.OpsPublic = true }, "127.0.0.1", "192.0.2.2", nil},
		{
			"a guard of ops only", func(c *config.Server) { c.OpsPublic = true }, "192.0.2.2", "192.0.2.2",
			[]string{"GSM_HTTP_ADDR"},
		},
	} {
		c := good()
		test.change(&c)
		err := c.Listening(addr(test.api), addr(test.ops))
		if (err == nil) != (test.want == nil) {
			t.Errorf("%s: got %v", test.name, err)
		}
		for _, part := range test.want {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not tell of %s", test.name, err, part)
			}
		}
	}
}

func TestAuthenticated(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		auth, addr string
		want       bool
	}{
		{"auto", "127.0.0.1:8080", false},
		{"auto", "[::1]:8080", false},
		{"auto", "localhost:8080", false},
		{"auto", ":8080", true},
		{"auto", "0.0.0.0:8080", true},
		{"auto", "[::]:8080", true},
		{"auto", "192.0.2.1:8080", true},
		{"auto", "example.com:8080", true},
		{"on", "127.0.0.1:8080", true},
		{"off", "127.0.0.1:8080", false},
	} {
		c := config.Server{Auth: test.auth, HTTPAddr: test.addr}
		if got := c.Authenticated(); got != test.want {
			t.Errorf("%s on %s: %t", test.auth, test.addr, got)
		}
	}
}
