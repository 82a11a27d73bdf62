package limits

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// MaxCallers is how many callers are remembered, in some 20 MB.
const MaxCallers = 100_000

// Class is a kind of caller. Each has a rate of its own, which every caller of the class has for itself.
type Class string

// The classes of callers, and of those whose credentials are wrong. Metrics have them as the reason of a refusal.
const (
	Server            Class = "server"             // an API key
	Player            Class = "player"             // a player's token
	FailedCredentials Class = "failed_credentials" //nolint:gosec // an address: the name of a rate, no credential
	FailedKey         Class = "failed_key"         // an API key's id
)

// Callers bounds how often each caller may ask. It may be used by many goroutines.
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
	policy []string // the header, written once
}

func newClass(name Class, r Rate) class {
	return class{name, r, []string{fmt.Sprintf("%q;q=%d;w=%d", name, r.Burst, r.window())}}
}

// NewCallers returns a Callers with these rates. A class that is not in it has no limit.
func NewCallers(rates map[Class]Rate, now func() time.Time) *Callers {
	c := &Callers{now: now, classes: make(map[Class]class), buckets: newBuckets[caller](MaxCallers)}
	for name, r := range rates {
		if r.Limited() {
			c.classes[name] = newClass(name, r)
		}
	}
	return c
}

// Take counts a request of a caller and tells whether it may go on.
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

// Decision is what was decided about one request, with what its caller should know.
type Decision struct {
	Allowed    bool
	Limit      int           // requests at once; 0 for no limit
	Remaining  int           // requests that would be let through now
	Reset      time.Duration // until Limit requests would be; of a refusal it is RetryAfter
	RetryAfter time.Duration // until the next request would be; 0 unless this one is refused

	class  Class
	policy []string
}

// Class is whose rate it was decided by.
func (d Decision) Class() Class { return d.class }

// SetHeaders writes RateLimit-Policy and RateLimit as draft-ietf-httpapi-ratelimit-headers-11 has them, and Retry-After
// of a refusal. A token bucket has no window: its policy tells how many requests fill it (q), and in how many seconds
// they come back (w).
func (d Decision) SetHeaders(h http.Header) {
	if d.Limit > 0 {
		h["Ratelimit-Policy"] = d.policy // in the form that net/http keeps names in
		line := make([]byte, 0, 40)
		line = strconv.AppendQuote(line, string(d.class))
		line = strconv.AppendInt(append(line, ";r="...), int64(d.Remaining), 10)
		line = strconv.AppendInt(append(line, ";t="...), Seconds(d.Reset), 10)
		h["Ratelimit"] = []string{string(line)}
	}
	if !d.Allowed {
		h.Set("Retry-After", strconv.FormatInt(max(1, Seconds(d.RetryAfter)), 10))
	}
}

// Seconds are those that headers tell: whole ones, so that whoever waits for them has waited long enough.
func Seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }
