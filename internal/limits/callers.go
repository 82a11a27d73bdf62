package limits

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// MaxCallers is how many callers are remembered. They need about 20 MB.
const MaxCallers = 100_000

// Class is a kind of caller. Each caller has its own bucket, with the rate of its class.
type Class string

// Classes of callers, of failed credentials and of wrong guesses. Metrics use them as labels of rejected requests.
const (
	Server            Class = "server"             // an API key
	Player            Class = "player"             // a player's token
	FailedCredentials Class = "failed_credentials" //nolint:gosec // by address; the name of a rate, not a credential
	FailedKey         Class = "failed_key"         // by the id of the API key
	WrongJoinCode     Class = "wrong_join_code"    // by who guesses
	WrongPassword     Class = "wrong_password"     // by who guesses, and session
)

// Callers limits the request rate of each caller. It is safe for concurrent use.
type Callers struct {
	now     func() time.Time
	classes map[Class]class
	buckets *buckets[caller]
}

type caller struct {
	class Class
	name  string
}

type class struct {
	name   Class
	rate   Rate
	policy []string // value of RateLimit-Policy, formatted once
}

func newClass(name Class, r Rate) class {
	return class{name, r, []string{fmt.Sprintf("%q;q=%d;w=%d", name, r.Burst, r.window())}}
}

// NewCallers returns a Callers with the rates of the classes. A class without a rate is not limited.
func NewCallers(rates map[Class]Rate, now func() time.Time) *Callers {
	c := &Callers{now: now, classes: make(map[Class]class), buckets: newBuckets[caller](MaxCallers)}
	for name, r := range rates {
		if r.Limited() {
			c.classes[name] = newClass(name, r)
		}
	}
	return c
}

// Take takes a token for a request of a caller and returns the decision.
func (c *Callers) Take(of Class, name string) Decision {
	cl, ok := c.classes[of]
	if !ok {
		return Decision{Allowed: true}
	}
	d := Decision{Limit: cl.rate.Burst, class: of, policy: cl.policy}
	c.buckets.with(caller{of, name}, cl.rate, c.now(), func(b *bucket) {
		d.Allowed = b.take()
		d.Remaining = int(b.tokens)
		if d.Allowed {
			d.Reset = b.wait(cl.rate, float64(cl.rate.Burst))
		} else {
			d.RetryAfter = b.wait(cl.rate, 1)
			d.Reset = d.RetryAfter
		}
	})
	return d
}

// Decision is the decision about one request, with the values of its rate limit headers.
type Decision struct {
	Allowed    bool
	Limit      int           // burst; 0 for no limit
	Remaining  int           // requests that would be accepted now
	Reset      time.Duration // time until Limit requests would be accepted; RetryAfter if this one is rejected
	RetryAfter time.Duration // time until the next request would be accepted; 0 unless this one is rejected

	class  Class
	policy []string
}

// Class returns the class whose rate decided.
func (d Decision) Class() Class { return d.class }

// SetHeaders sets RateLimit-Policy and RateLimit as defined in draft-ietf-httpapi-ratelimit-headers-11, and
// Retry-After for a rejected request. A token bucket has no window: the policy gives the burst (q) and the seconds
// that an empty bucket takes to fill (w).
func (d Decision) SetHeaders(h http.Header) {
	if d.Limit > 0 {
		h["Ratelimit-Policy"] = d.policy // the canonical form of net/http
		line := make([]byte, 0, 40)
		line = strconv.AppendQuote(line, string(d.class))
		line = strconv.AppendInt(append(line, ";r="...), int64(d.Remaining), 10)
		line = strconv.AppendInt(append(line, ";t="...), wholeSeconds(d.Reset), 10)
		h["Ratelimit"] = []string{string(line)}
	}
	if !d.Allowed {
		h.Set("Retry-After", strconv.FormatInt(max(1, wholeSeconds(d.RetryAfter)), 10))
	}
}

// wholeSeconds returns d in whole seconds for a header, rounded up, so that a caller that waits that long has waited
// enough.
func wholeSeconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }
