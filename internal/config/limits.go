package config

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Limits is the configuration of limits on callers.
type Limits struct {
	MaxInFlight       int           `env:"GSM_MAX_IN_FLIGHT" default:"256" help:"How many requests are processed at once, up to 100000. Eight times as many wait for at most half the request timeout; others are rejected with 503. A request that has waited an eighth of the request timeout for a processor is rejected, too. 0 is no limit."`
	MaxStreams        int           `env:"GSM_MAX_STREAMS"   default:"10000" help:"How many event streams (server-sent events, WebSockets and long polls) this process serves at once, up to 1000000; each takes up to 40 KiB of memory. One API key has at most half of them, one player 10. Others are rejected. 0 is no limit."`
	RateServer        Rate          `env:"GSM_RATE_SERVER"   default:"1000:2000" help:"The rate limit of one API key: requests per second, and the burst. 0 is no limit. Requests without a credential are not limited."`
	RatePlayer        Rate          `env:"GSM_RATE_PLAYER"   default:"50:100" help:"The rate limit of one player."`
	FailedCredentials int           `env:"GSM_FAILED_CREDENTIALS" default:"10" help:"How many different API keys with a wrong secret one address may send, in a burst and per minute, up to 100000. Twice as many per ten minutes may name one key id. Behind a proxy all callers share its address. 0 is no limit."`
	ReadTimeout       time.Duration `env:"GSM_READ_TIMEOUT"  default:"5s"  help:"How long a caller may take to send the header of a request, and again for its body; 100ms to 1m."`
	WriteTimeout      time.Duration `env:"GSM_WRITE_TIMEOUT" default:"30s" help:"How long it may take from there until the caller has received the response; at least the request timeout, at most 10m."`
}

const (
	mostAtOnce  = 100_000
	mostStreams = 1_000_000
)

func (l *Limits) validate(requestTimeout time.Duration) error {
	return errors.Join(
		Within("--max-in-flight (GSM_MAX_IN_FLIGHT)", l.MaxInFlight, 0, mostAtOnce),
		Within("--max-streams (GSM_MAX_STREAMS)", l.MaxStreams, 0, mostStreams),
		Within("--failed-credentials (GSM_FAILED_CREDENTIALS)", l.FailedCredentials, 0, mostAtOnce),
		Within("--read-timeout (GSM_READ_TIMEOUT)", l.ReadTimeout, 100*time.Millisecond, time.Minute),
		Within("--write-timeout (GSM_WRITE_TIMEOUT)", l.WriteTimeout, requestTimeout, 10*time.Minute),
	)
}

// Rate is a request rate, written as "1000:2000": PerSecond in the long run, and a burst of Burst. The zero Rate is no
// limit.
type Rate struct{ PerSecond, Burst int }

// mostRate is the largest rate. It keeps the float arithmetic of the buckets exact.
const mostRate = 1_000_000

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == "0" {
		*r = Rate{}
		return nil
	}
	perSecond, burst, _ := strings.Cut(string(text), ":")
	n, err := strconv.ParseUint(perSecond, 10, 31)
	m, err2 := strconv.ParseUint(burst, 10, 31)
	if err != nil || err2 != nil || n == 0 || m == 0 || n > mostRate || m > mostRate {
		return fmt.Errorf("%q is not 0 or SECOND:BURST, like 1000:2000, with numbers of 1 to %d", text, mostRate)
	}
	*r = Rate{int(n), int(m)}
	return nil
}

func (r Rate) String() string {
	if r == (Rate{}) {
		return "0"
	}
	return fmt.Sprintf("%d:%d", r.PerSecond, r.Burst)
}

// Origins returns the origins in CORSOrigins.
func (s *Server) Origins() []string {
	var all []string
	for o := range strings.SplitSeq(s.CORSOrigins, ",") {
		if o = strings.TrimSpace(o); o != "" {
			all = append(all, o)
		}
	}
	return all
}

func (s *Server) cors() error {
	const name = "--cors-origins (GSM_CORS_ORIGINS)"
	var wrong []error
	for _, o := range s.Origins() {
		if !sendable(o) {
			wrong = append(wrong, fmt.Errorf("%s: %q is not an origin as browsers send it, like "+
				"https://game.example: in lower case and ASCII (xn--… for other letters), without the default port of "+
				"the scheme, without a path and without *", name, o))
		}
	}
	if len(s.Origins()) > 0 && !s.Authenticated() {
		wrong = append(wrong, fmt.Errorf("%s: not allowed without authentication, because any web page could do "+
			"everything: "+
			"turn authentication on (GSM_AUTH=on, with a key in GSM_ADMIN_KEY), or remove the origins", name))
	}
	return errors.Join(wrong...)
}

// origin matches SCHEME://HOST and SCHEME://HOST:PORT.
var origin = regexp.MustCompile(`^(https?)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?$`)

// sendable reports whether an origin is spelled as browsers spell it. Another spelling would never match.
func sendable(o string) bool {
	parts := origin.FindStringSubmatch(o)
	if parts == nil {
		return false
	}
	scheme, host, port := parts[1], parts[2], parts[3]
	if _, err := strconv.ParseUint(port, 10, 16); port != "" && err != nil ||
		port == map[string]string{"http": "80", "https": "443"}[scheme] {
		return false
	}
	last := host[strings.LastIndex(strings.TrimSuffix(host, "."), ".")+1:]
	if last[0] != '[' && (last[0] < '0' || last[0] > '9') {
		return true // a host name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && (ip.Is4() && ip.String() == host || "["+ip.String()+"]" == host)
}

func (s *Server) tls() error {
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return errors.New(
			"--tls-cert (GSM_TLS_CERT) and --tls-key (GSM_TLS_KEY) must be set together: set both, or neither",
		)
	}
	return nil
}
