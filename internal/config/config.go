// Package config is what can be configured, as one documented struct. Its tags are the command line's flags, the
// environment and the manual at once; cmd/gsm reads them, and nothing else imports this package.
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
)

// Database is what every command needs that works on a database.
type Database struct {
	DatabaseURL  string        `env:"GSM_DATABASE_URL"  default:"sqlite:gsm.db" help:"Where the data is: sqlite:PATH is a file, made if there is none; mongodb://USER:PASSWORD@HOST/NAME?authSource=admin a database of MongoDB or FerretDB, gsm if no name is given."`
	DatabaseWait time.Duration `env:"GSM_DATABASE_WAIT" default:"0s"            help:"How long to wait at the start for a database server that is still coming up; at most 10m."`
}

// Validate tells what is wrong.
func (d *Database) Validate() error {
	return within("--database-wait (GSM_DATABASE_WAIT)", d.DatabaseWait, 0, 10*time.Minute)
}

// Server is the configuration of "gsm serve".
type Server struct {
	HTTPAddr    string `env:"GSM_HTTP_ADDR"        default:"127.0.0.1:8080" help:"Where the API listens. Port 0 takes a free one, which the log tells."`
	OpsAddr     string `env:"GSM_OPS_ADDR"         default:"127.0.0.1:8081" help:"Where Prometheus metrics (/metrics) and profiles (/debug/pprof/) are."`
	OpsPublic   bool   `env:"GSM_OPS_PUBLIC"   default:"false" help:"Whether that may be an address that other machines reach: a network policy or a firewall guards it then."`
	TLSCert     string `env:"GSM_TLS_CERT"     default:"" help:"A file with the certificate of the API's listener and those above it, in PEM. It is read again when it changes. Without it there is no TLS."`
	TLSKey      string `env:"GSM_TLS_KEY"      default:"" help:"The file with its key, in PEM."`
	CORSOrigins string `env:"GSM_CORS_ORIGINS" default:"" help:"Origins of the web pages that may call the API, exactly and with commas between: https://a.example,https://b.example. Needs authentication."`
	Database
	Limits
	LogLevel        string        `env:"GSM_LOG_LEVEL"        default:"info"            enum:"debug,info,warn,error" help:"The least level of lines that are logged: debug, info, warn or error. Debug shows each operation of the database."`
	LogFormat       string        `env:"GSM_LOG_FORMAT"       default:"auto"            enum:"auto,json,text"        help:"The form of log lines on standard output: json, text, or auto, which is text on a terminal and json elsewhere."`
	RequestTimeout  time.Duration `env:"GSM_REQUEST_TIMEOUT"  default:"10s"  help:"How long a request may take, 1s to 60s; the same in every process on one database."`
	ShutdownDelay   time.Duration `env:"GSM_SHUTDOWN_DELAY"   default:"0s"  help:"How long /readyz fails before the listeners close, so that load balancers notice; at most 60s."`
	ShutdownTimeout time.Duration `env:"GSM_SHUTDOWN_TIMEOUT" default:"15s"  help:"How long requests under way may take to finish after that; at most 5m."`

	Replica          string        `env:"GSM_REPLICA"           default:"auto" help:"The name of this process in stored metrics, its own among those on one database: 1 to 128 of A-Z a-z 0-9 . _ : -, or auto, which is the name of the host."`
	MetricsInterval  time.Duration `env:"GSM_METRICS_INTERVAL"  default:"15s"  help:"How often a sample of the metrics is stored, 100ms to 5m."`
	MetricsRetention time.Duration `env:"GSM_METRICS_RETENTION" default:"168h" help:"How long stored metrics are kept, 1h to 2160h."`
}

// Validate tells everything that is wrong, one problem a line.
func (s *Server) Validate() error {
	return errors.Join(
		loopback("--http-addr (GSM_HTTP_ADDR)", s.HTTPAddr, "There is no authentication, so that whoever reaches the API may do everything: "+
			"listen on 127.0.0.1 or [::1], and put a proxy that authenticates in front of it"),
		s.ops(),
		s.tls(),
		s.cors(),
		s.Database.Validate(),
		s.Limits.validate(s.RequestTimeout),
		within("--request-timeout (GSM_REQUEST_TIMEOUT)", s.RequestTimeout, time.Second, time.Minute),
		within("--shutdown-delay (GSM_SHUTDOWN_DELAY)", s.ShutdownDelay, 0, time.Minute),
		within("--shutdown-timeout (GSM_SHUTDOWN_TIMEOUT)", s.ShutdownTimeout, 0, 5*time.Minute),
		replica("--replica (GSM_REPLICA)", s.Replica),
		within("--metrics-interval (GSM_METRICS_INTERVAL)", s.MetricsInterval, 100*time.Millisecond, 5*time.Minute),
		within("--metrics-retention (GSM_METRICS_RETENTION)", s.MetricsRetention, time.Hour, 90*24*time.Hour),
	)
}

// ops refuses an address of the ops listener that other machines reach, unless somebody said that it is guarded.
func (s *Server) ops() error {
	const name = "--ops-addr (GSM_OPS_ADDR)"
	if s.OpsPublic {
		_, err := hostOf(name, s.OpsAddr)
		return err
	}
	return loopback(name, s.OpsAddr, "Metrics and profiles are not for everyone: listen on 127.0.0.1 or [::1], or set GSM_OPS_PUBLIC=true (--ops-public) where a network policy or a firewall guards it")
}

// loopback refuses an address that others than this machine reach, and says why and what to do.
func loopback(name, addr, why string) error {
	host, err := hostOf(name, addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s: %q is not a loopback address. %s", name, addr, why)
}

func hostOf(name, addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		return "", fmt.Errorf("%s: %q is not HOST:PORT, like 127.0.0.1:8080", name, addr)
	}
	return host, nil
}

// label is a name that is safe wherever metrics are shown.
var label = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

func replica(name, value string) error {
	if !label.MatchString(value) {
		return fmt.Errorf("%s: %q is not a name of 1 to 128 of A-Z a-z 0-9 . _ : -", name, value)
	}
	return nil
}

func within(name string, d, least, most time.Duration) error {
	if d < least || d > most {
		return fmt.Errorf("%s: %s is not within %s and %s", name, d, least, most)
	}
	return nil
}

// Lines returns the effective values as NAME=value, in the order of the struct and with secrets masked.
func (s *Server) Lines() []string {
	v := reflect.ValueOf(*s)
	var lines []string
	for _, f := range reflect.VisibleFields(v.Type()) {
		if !f.Anonymous {
			lines = append(lines, fmt.Sprintf("%s=%s", f.Tag.Get("env"), mask(fmt.Sprint(v.FieldByIndex(f.Index).Interface()))))
		}
	}
	return lines
}

// mask hides the password of a URL.
func mask(value string) string {
	u, err := url.Parse(value)
	switch {
	case err == nil && u.User != nil:
		return u.Redacted()
	case strings.Contains(value, "@"): // a URL too broken to find its password in
		return "xxxxx"
	}
	return value
}
