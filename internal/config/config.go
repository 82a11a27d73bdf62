// Package config defines the configuration of gsm as documented structs. Their tags define the flags of the command
// line, the environment variables and the help. Only cmd/gsm imports this package.
//
// The tag secret marks a field that holds a secret and is printed masked: "url" for a URL with a password, "value" for
// a value that is secret as a whole.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"game-session-manager/internal/game"
)

// Database is the configuration of every command that works on a database.
type Database struct {
	DatabaseURL  string        `env:"GSM_DATABASE_URL"  default:"sqlite:gsm.db" secret:"url" help:"The database: sqlite:PATH is a file, created if it does not exist; mongodb://USER:PASSWORD@HOST/NAME?authSource=admin is a database of MongoDB or FerretDB, where NAME defaults to gsm."`
	DatabaseWait time.Duration `env:"GSM_DATABASE_WAIT" default:"0s"                         help:"How long to wait at the start for a database server that is still starting, or that does not accept the user and the password yet; at most 10m."`
}

// Validate returns all problems, joined.
func (d *Database) Validate() error {
	return Within("--database-wait (GSM_DATABASE_WAIT)", d.DatabaseWait, 0, 10*time.Minute)
}

// Server is the configuration of "gsm serve".
type Server struct {
	HTTPAddr    string `env:"GSM_HTTP_ADDR"        default:"127.0.0.1:8080" help:"The address of the API. Port 0 picks a free port, which is logged."`
	OpsAddr     string `env:"GSM_OPS_ADDR"         default:"127.0.0.1:8081" help:"The address of the ops listener: Prometheus metrics (/metrics), failures (/debug/errors), the log level (/debug/log-level), profiles (/debug/pprof/)."`
	OpsPublic   bool   `env:"GSM_OPS_PUBLIC"       default:"false" help:"Allow an ops address that other machines can reach. Protect it with a network policy or a firewall."`
	TLSCert     string `env:"GSM_TLS_CERT"                         help:"A PEM file with the certificate of the API and its intermediates. It is reloaded when it changes. Without it TLS is off."`
	TLSKey      string `env:"GSM_TLS_KEY"                          help:"A PEM file with the key of the certificate."`
	Auth        string `env:"GSM_AUTH"             default:"auto" enum:"auto,on,off" help:"Whether requests need an API key or a player token: on, off (on a loopback address only), or auto, which is off on a loopback address and on anywhere else. A credential that is sent is always checked."`
	CORSOrigins string `env:"GSM_CORS_ORIGINS"     help:"The exact origins of web pages that may call the API, separated by commas: https://a.example,https://b.example. Requires authentication."`
	Database
	SQLiteCache    int    `env:"GSM_SQLITE_CACHE"     default:"8" name:"sqlite-cache" help:"The page cache of the embedded database in MiB, 4 to 65536. It is outside Go's heap, so GOMEMLIMIT does not include it."`
	CacheBytes     int64  `env:"GSM_CACHE_BYTES"      default:"4194304" help:"The memory of the embedded database for the players and sessions that were used last, in bytes: 0, which reads each from the file, to 68719476736, and at most a quarter of GOMEMLIMIT."`
	AdminKey       string `env:"GSM_ADMIN_KEY"    secret:"value" help:"An API key of scope admin that is not in the database, for a first start: gsm_ID_SECRET, with an ID of 1 to 32 characters of a-z 0-9 and a secret of 32 to 128 characters of A-Z a-z 0-9 _ -. Set the variable rather than the flag, which other users of the machine can see."`
	SecretKey      string `env:"GSM_SECRET_KEY"   secret:"value" help:"Encrypts the keys that sign player tokens and join tickets, and the secrets of webhooks: at least 32 characters, the same in every process that uses the database. Without it there are no webhooks, and no tokens and tickets, except with authentication off, where a temporary key of the process signs them. Set the variable rather than the flag."`
	TokenIssuer    string `env:"GSM_TOKEN_ISSUER" default:"gsm" help:"The iss claim of player tokens and join tickets: 1 to 128 characters of A-Z a-z 0-9 . _ : / -."`
	OIDCIssuers    string `env:"GSM_OIDC_ISSUERS" help:"OpenID Connect issuers whose tokens players may send, as a JSON list: [{\"issuer\":\"https://id.example\",\"audience\":\"my-game\",\"claim\":\"sub\",\"provider\":\"example\",\"project\":\"default\"}]. The claim identifies the player by its identity at the provider."`
	WebhookPrivate bool   `env:"GSM_WEBHOOK_PRIVATE" default:"false" help:"Allow webhooks to http URLs, and to loopback, private, link-local and other addresses that are not public. Admins of every project can then make this process send requests to such addresses, so it is for receivers in a network of your own."`
	Limits
	Timeouts

	LogLevel        string        `env:"GSM_LOG_LEVEL"        default:"info"            enum:"debug,info,warn,error" help:"The minimum level of log lines: debug, info, warn or error. Debug includes each database operation."`
	LogFormat       string        `env:"GSM_LOG_FORMAT"       default:"auto"            enum:"auto,json,text"        help:"The format of the log on standard output: json, text, or auto, which is text on a terminal and json otherwise."`
	Telemetry       string        `env:"GSM_TELEMETRY"        default:"on"              enum:"on,off"                help:"Off disables log lines and metrics about requests and the database, and traces, to measure their cost. Failures are still reported."`
	RequestTimeout  time.Duration `env:"GSM_REQUEST_TIMEOUT"  default:"10s"  help:"How long a request may take, 1s to 60s; the same in every process that uses the database."`
	ShutdownDelay   time.Duration `env:"GSM_SHUTDOWN_DELAY"   default:"0s"  help:"How long /readyz fails before the listeners close, so that load balancers notice; at most 60s."`
	ShutdownTimeout time.Duration `env:"GSM_SHUTDOWN_TIMEOUT" default:"15s"  help:"How long requests in progress may take to finish after that; at most 5m."`

	Replica          string        `env:"GSM_REPLICA"           default:"auto" help:"The name of this process in stored metrics, unique among the processes that use the database: 1 to 128 characters of A-Z a-z 0-9 . _ : -, or auto, which is the host name."`
	MetricsInterval  time.Duration `env:"GSM_METRICS_INTERVAL"  default:"15s"  help:"How often a sample of the metrics is stored, 100ms to 5m."`
	MetricsRetention time.Duration `env:"GSM_METRICS_RETENTION" default:"168h" help:"How long stored metrics are kept, 1h to 2160h."`
	EventRetention   time.Duration `env:"GSM_EVENT_RETENTION" default:"720h" help:"How long events of sessions, players, API keys and webhooks are kept, 24h to 17520h."`
	SessionRetention time.Duration `env:"GSM_SESSION_RETENTION" default:"720h" help:"How long sessions are kept after they have ended, at least GSM_EVENT_RETENTION and at most 87600h. 0 keeps them."`
}

// Validate returns all problems, joined, one per line.
func (s *Server) Validate() error {
	return errors.Join(
		s.addresses(),
		s.tls(),
		s.cors(),
		adminKey(s.AdminKey),
		secretKey(s.SecretKey),
		matches(
			"--token-issuer (GSM_TOKEN_ISSUER)", s.TokenIssuer, issuer, "1 to 128 characters of A-Z a-z 0-9 . _ : / -",
		),
		s.Database.Validate(),
		Within("--sqlite-cache (GSM_SQLITE_CACHE)", s.SQLiteCache, 4, 64<<10),
		Within("--cache-bytes (GSM_CACHE_BYTES)", s.CacheBytes, 0, 64<<30),
		s.Limits.validate(s.RequestTimeout),
		Within("--request-timeout (GSM_REQUEST_TIMEOUT)", s.RequestTimeout, time.Second, time.Minute),
		Within("--shutdown-delay (GSM_SHUTDOWN_DELAY)", s.ShutdownDelay, 0, time.Minute),
		Within("--shutdown-timeout (GSM_SHUTDOWN_TIMEOUT)", s.ShutdownTimeout, 0, 5*time.Minute),
		matches("--replica (GSM_REPLICA)", s.Replica, label, "1 to 128 of A-Z a-z 0-9 . _ : -"),
		Within("--metrics-interval (GSM_METRICS_INTERVAL)", s.MetricsInterval, 100*time.Millisecond, 5*time.Minute),
		Within("--metrics-retention (GSM_METRICS_RETENTION)", s.MetricsRetention, time.Hour, 90*24*time.Hour),
		Within("--event-retention (GSM_EVENT_RETENTION)", s.EventRetention, 24*time.Hour, 2*365*24*time.Hour),
		s.Timeouts.validate(),
		s.sessionRetention(),
	)
}

// Authenticated reports whether requests need a credential.
func (s *Server) Authenticated() bool {
	return s.Auth == "on" || s.Auth == "auto" && !IsLoopback(s.HTTPAddr)
}

// Settings of addresses, as messages name them.
const (
	httpAddr = "--http-addr (GSM_HTTP_ADDR)"
	opsAddr  = "--ops-addr (GSM_OPS_ADDR)"
)

// Listening returns an error if a listener that others can reach is unprotected. [Server.Validate] checks the
// configured addresses, so that mistakes are reported early. Only the address of a listener shows what a host name
// resolves to.
func (s *Server) Listening(api, ops net.Addr) error {
	return errors.Join(s.apiProtected(api.String()), s.opsProtected(ops.String()))
}

// apiProtected returns an error if the API needs no credential and is reachable from other machines.
func (s *Server) apiProtected(addr string) error {
	if s.Authenticated() || IsLoopback(addr) {
		return nil
	}
	return fmt.Errorf("%s: %q is not a loopback address, and without authentication everyone who can reach it could "+
		"do everything. Listen on 127.0.0.1 or [::1], or set GSM_AUTH=on and create a key: GSM_ADMIN_KEY, or "+
		"gsm keys create", httpAddr, addr)
}

// opsProtected returns an error if the ops listener is reachable from other machines, unless OpsPublic says that this
// is intended.
func (s *Server) opsProtected(addr string) error {
	if s.OpsPublic || IsLoopback(addr) {
		return nil
	}
	return fmt.Errorf("%s: %q is not a loopback address. Metrics and profiles are not for everyone: listen on "+
		"127.0.0.1 or [::1], "+
		"or set GSM_OPS_PUBLIC=true (--ops-public) if a network policy or a firewall protects it", opsAddr, addr)
}

// addresses checks the configured addresses.
func (s *Server) addresses() error {
	check := func(name, addr string, apiProtected func(string) error) error {
		if err := Address(name, addr); err != nil {
			return err
		}
		return apiProtected(addr)
	}
	return errors.Join(check(httpAddr, s.HTTPAddr, s.apiProtected), check(opsAddr, s.OpsAddr, s.opsProtected))
}

// Address returns an error unless addr is HOST:PORT. name is the setting, for the message.
func Address(name, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		return fmt.Errorf("%s: %q is not HOST:PORT, like 127.0.0.1:8080", name, addr)
	}
	return nil
}

// IsLoopback reports whether only this machine can reach HOST:PORT. It trusts the name localhost: see
// [Server.Listening].
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// adminKey checks an admin key. Errors do not contain it.
func adminKey(value string) error {
	if _, ok := game.ParseSecret(value); value != "" && !ok {
		return errors.New("--admin-key (GSM_ADMIN_KEY): must be gsm_ID_SECRET, with an ID of 1 to 32 characters of " +
			"a-z 0-9 and a secret of 32 to 128 characters of A-Z a-z 0-9 _ -")
	}
	return nil
}

// minSecretKey is the shortest length of a secret key, in characters: 128 random bits in hexadecimal.
const minSecretKey = 32

// secretKey checks a secret key. Errors do not contain it.
func secretKey(value string) error {
	if value != "" && len(value) < minSecretKey {
		return fmt.Errorf("--secret-key (GSM_SECRET_KEY): must have at least %d characters: use random ones, such as "+
			"the output of openssl rand -hex 32", minSecretKey)
	}
	return nil
}

// Names that are safe in logs, headers and metrics.
var (
	label  = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)
	issuer = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,128}$`)
)

func matches(name, value string, form *regexp.Regexp, words string) error {
	if !form.MatchString(value) {
		return fmt.Errorf("%s: %q must have %s", name, value, words)
	}
	return nil
}

// settingName returns the flag and the variable of a setting, by the name of its field in JSON.
func settingName(name string) string {
	return "--" + strings.ReplaceAll(name, "_", "-") + " (GSM_" + strings.ToUpper(name) + ")"
}

// Within returns an error unless least <= v <= most. name is the setting, for the message.
func Within[T int | int64 | time.Duration](name string, v, least, most T) error {
	if v < least || v > most {
		return fmt.Errorf("%s: %v must be between %v and %v", name, v, least, most)
	}
	return nil
}

// Lines returns the effective values as NAME=value, in the order of the struct, with secrets masked.
func (s *Server) Lines() []string {
	v := reflect.ValueOf(*s)
	var lines []string
	for _, f := range reflect.VisibleFields(v.Type()) {
		if !f.Anonymous {
			value := fmt.Sprint(v.FieldByIndex(f.Index).Interface())
			lines = append(lines, f.Tag.Get("env")+"="+mask(f.Tag.Get("secret"), value))
		}
	}
	return lines
}

// masked replaces secrets.
const masked = "xxxxx"

// mask returns the value of a field with its secret masked, according to its secret tag.
func mask(secret, value string) string {
	switch {
	case secret == "" || value == "":
		return value
	case secret == "url":
		return maskURL(value)
	}
	return masked
}

// secretOption matches options of a URL that hold a secret, such as MongoDB's tlsCertificateKeyFilePassword.
var secretOption = regexp.MustCompile(`(?i)([?&][^=&]*(?:password|secret|token|properties)[^=&]*=)[^&]*`)

// maskURL masks the password of a URL and its secret options.
func maskURL(value string) string {
	u, err := url.Parse(value)
	if err != nil && strings.ContainsAny(value, "@?") { // a password cannot be located in an invalid URL
		return masked
	}
	if err == nil && u.User != nil {
		value = u.Redacted()
	}
	return secretOption.ReplaceAllString(value, "${1}"+masked)
}
