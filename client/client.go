package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Defaults of a Client.
const (
	DefaultTimeout    = 30 * time.Second // of one try
	DefaultRetries    = 3
	DefaultFirstPause = 100 * time.Millisecond
	DefaultMaxPause   = 5 * time.Second
	DefaultMaxAnswer  = 64 << 20 // bytes

	userAgent = "gsm-client-go"
	idleConns = 100
)

// Client speaks to one server. It may be used by many goroutines at once, and should be: it keeps its connections.
type Client struct {
	Players  *Players
	Sessions *Sessions
	Metrics  *Metrics
	Keys     *Keys

	base      string // without a slash at its end
	http      *http.Client
	agent     string
	bearer    func() string
	actAs     PlayerID
	retries   int
	first     time.Duration
	longest   time.Duration
	maxAnswer int64
}

// Option changes how a [Client] behaves.
type Option func(*Client)

// WithHTTPClient sends the requests with h, for its transport, its proxy or its timeout. The timeout is that of one
// try; the context's is that of the call. Redirects are not followed unless h says how: net/http would turn a write
// into a read.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithRetries sets how often a call is sent again at most. Zero never retries.
func WithRetries(n int) Option { return func(c *Client) { c.retries = n } }

// WithBackoff sets the pauses between tries: each is random between zero and a bound that begins at first and doubles
// up to longest. A server that asks for more than longest by Retry-After is not asked again.
func WithBackoff(first, longest time.Duration) Option {
	return func(c *Client) { c.first, c.longest = first, longest }
}

// WithUserAgent names the program in the server's log.
func WithUserAgent(name string) Option { return func(c *Client) { c.agent = name } }

// WithToken sends an API key or a player's token with each request. Use it with https only, except on one machine.
func WithToken(token string) Option {
	return func(c *Client) { c.bearer = func() string { return token } }
}

// WithTokens is [WithToken] for tokens that change: the function is called before each request, by many goroutines at
// once.
func WithTokens(token func() string) Option { return func(c *Client) { c.bearer = token } }

// WithActAs has a server key act as a player, with that player's rights only.
func WithActAs(player PlayerID) Option { return func(c *Client) { c.actAs = player } }

// WithMaxAnswer sets the size in bytes beyond which an answer is refused.
func WithMaxAnswer(n int64) Option { return func(c *Client) { c.maxAnswer = n } }

// New returns a Client of the server at the base URL, such as "http://127.0.0.1:8080". It does not connect.
func New(baseURL string, opts ...Option) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("client: base URL: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("client: base URL %q: want http://HOST:PORT or https://HOST", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("client: base URL %q: must have no user, query or fragment", u.Redacted())
	}
	c := &Client{
		base: strings.TrimRight(u.String(), "/"), agent: userAgent, retries: DefaultRetries,
		first: DefaultFirstPause, longest: DefaultMaxPause, maxAnswer: DefaultMaxAnswer,
	}
	for _, o := range opts {
		o(c)
	}
	switch {
	case c.retries < 0:
		return nil, errors.New("client: WithRetries: must not be negative")
	case c.first <= 0 || c.longest < c.first:
		return nil, errors.New("client: WithBackoff: want 0 < first <= longest")
	case c.maxAnswer <= 0:
		return nil, errors.New("client: WithMaxAnswer: must be positive")
	}
	c.http = unredirected(c.http)
	return c.linked(), nil
}

// As returns a Client of the same server that sends another token, such as a player's, and is set up like c in all
// else. It shares c's connections and costs next to nothing: make one for each player.
func (c *Client) As(token string) *Client {
	other := *c
	other.bearer, other.actAs = func() string { return token }, ""
	return other.linked()
}

// ActAs returns a Client that acts as a player by c's server key: see [WithActAs].
func (c *Client) ActAs(player PlayerID) *Client {
	other := *c
	other.actAs = player
	return other.linked()
}

// linked returns c with its nouns.
func (c *Client) linked() *Client {
	c.Players, c.Sessions, c.Metrics, c.Keys = &Players{c}, &Sessions{c}, &Metrics{c}, &Keys{c}
	return c
}

// unredirected returns a copy of h that hands redirects back, unless h says what to do with them.
func unredirected(h *http.Client) *http.Client {
	if h == nil {
		h = defaultHTTP()
	}
	own := *h
	if own.CheckRedirect == nil {
		own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return &own
}

// defaultHTTP keeps more idle connections than net/http, which keeps 2 for each host and drops the others under load.
func defaultHTTP() *http.Client {
	h := &http.Client{Timeout: DefaultTimeout}
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.MaxIdleConnsPerHost = idleConns
		h.Transport = t
	}
	return h
}
