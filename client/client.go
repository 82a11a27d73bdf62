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
	DefaultTimeout     = 30 * time.Second // of one try
	DefaultRetries     = 3
	DefaultFirstPause  = 100 * time.Millisecond
	DefaultMaxPause    = 5 * time.Second
	DefaultMaxResponse = 64 << 20 // bytes

	userAgent = "gsm-client-go"
	idleConns = 100
)

// Client is a client of one server. It is safe for concurrent use. Create it once and share it, because it keeps its
// connections.
type Client struct {
	Players  *Players
	Sessions *Sessions
	Metrics  *Metrics
	Keys     *Keys
	Webhooks *Webhooks
	Events   *Events

	base        string // without a slash at its end
	http        *http.Client
	agent       string
	bearer      func() string
	actAs       PlayerID
	retries     int
	firstPause  time.Duration
	maxPause    time.Duration
	maxResponse int64
}

// Option configures a [Client].
type Option func(*Client)

// WithHTTPClient sends requests with h, which sets the transport, the proxy and the timeout. The timeout applies to one
// try, and the context of a call to all of its tries. Redirects are not followed unless h has a CheckRedirect: net/http
// would turn a write into a read.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithRetries sets how many times a failed call is retried at most: 0 to never retry. The default is [DefaultRetries].
func WithRetries(n int) Option { return func(c *Client) { c.retries = n } }

// WithBackoff sets the pauses between tries. Each is random, between zero and a bound that starts at first and doubles
// up to longest. A call is not retried if the server asks for more than longest in Retry-After.
func WithBackoff(first, longest time.Duration) Option {
	return func(c *Client) { c.firstPause, c.maxPause = first, longest }
}

// WithUserAgent sets the User-Agent header, by which proxies may tell programs apart.
func WithUserAgent(name string) Option { return func(c *Client) { c.agent = name } }

// WithToken sends an API key or a player token with each request. Use it with https only, except on one machine.
func WithToken(token string) Option {
	return func(c *Client) { c.bearer = func() string { return token } }
}

// WithTokens is [WithToken] for tokens that change. The function is called before each request, concurrently.
func WithTokens(token func() string) Option { return func(c *Client) { c.bearer = token } }

// WithActAs sends each request on behalf of a player, with that player's rights only. It needs an API key of scope
// server or admin.
func WithActAs(player PlayerID) Option { return func(c *Client) { c.actAs = player } }

// WithMaxResponse sets the maximum size of a response body in bytes. Larger ones are an error. The default is
// [DefaultMaxResponse].
func WithMaxResponse(n int64) Option { return func(c *Client) { c.maxResponse = n } }

// New returns a client of the server at the base URL, such as "http://127.0.0.1:8080". It does not connect. It returns
// an error for an invalid URL or option.
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
		firstPause: DefaultFirstPause, maxPause: DefaultMaxPause, maxResponse: DefaultMaxResponse,
	}
	for _, o := range opts {
		o(c)
	}
	switch {
	case c.retries < 0:
		return nil, errors.New("client: WithRetries: must not be negative")
	case c.firstPause <= 0 || c.maxPause < c.firstPause:
		return nil, errors.New("client: WithBackoff: want 0 < first <= longest")
	case c.maxResponse <= 0:
		return nil, errors.New("client: WithMaxResponse: must be positive")
	}
	c.http = withoutRedirects(c.http)
	return c.withServices(), nil
}

// As returns a copy of c that sends another token, such as a player's, and acts as nobody else. It shares the
// connections of c and is cheap: create one for each player.
func (c *Client) As(token string) *Client {
	other := *c
	other.bearer, other.actAs = func() string { return token }, ""
	return other.withServices()
}

// ActAs returns a copy of c that sends requests on behalf of a player: see [WithActAs].
func (c *Client) ActAs(player PlayerID) *Client {
	other := *c
	other.actAs = player
	return other.withServices()
}

// withServices points the groups of calls of c to c itself, which a copy needs.
func (c *Client) withServices() *Client {
	c.Players, c.Sessions, c.Metrics, c.Keys = &Players{c}, &Sessions{c}, &Metrics{c}, &Keys{c}
	c.Webhooks = &Webhooks{c}
	c.Events = &Events{c}
	return c
}

// withoutRedirects returns a copy of h that returns redirects to the caller, unless h has a policy of its own.
func withoutRedirects(h *http.Client) *http.Client {
	if h == nil {
		h = defaultHTTP()
	}
	own := *h
	if own.CheckRedirect == nil {
		own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return &own
}

// defaultHTTP returns a client with more idle connections than net/http keeps for a host: it keeps 2, and closes the
// others under load.
func defaultHTTP() *http.Client {
	h := &http.Client{Timeout: DefaultTimeout}
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.MaxIdleConnsPerHost = idleConns
		h.Transport = t
	}
	return h
}
