package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	basePath = "/api/v1"
	// requestTimeout is more than the server takes for a request, or for a long poll.
	requestTimeout = 70 * time.Second
	// mostPauses bounds how often the preparation waits for a server that is busy.
	mostPauses = 30
	// mostResponse is more than the largest response, which is a session with all its members.
	mostResponse = 32 << 20
)

// errTooLarge is a response that no gsm sends.
var errTooLarge = fmt.Errorf("a response is larger than %d MiB", mostResponse>>20)

// api sends requests with net/http alone, never twice. The Go SDK would decode every response into whole documents,
// whose cost, on a machine that client and server share, would be measured instead of the server's.
type api struct {
	base   *url.URL
	header http.Header // of every request; nothing changes it
	http   *http.Client
}

func newAPI(base, token string, connections int) (*api, error) {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	switch {
	case strings.Contains(base, "@"): // not quoted: what is before it may be a password
		return nil, errors.New("--against: a URL with a user or a password is not supported: the API key goes into " +
			"GSM_TOKEN (--token)")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("--against: %q is not the URL of a server, such as http://127.0.0.1:8080", base)
	}
	h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"gsm-bench"}}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConns: connections, MaxIdleConnsPerHost: connections,
		DisableCompression: true, // a server would spend its time on it
	}
	return &api{base: u, header: h, http: &http.Client{
		Transport: transport, Timeout: requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// request is one request of the API. Its path is without the base path, and may have a query.
type request struct {
	method, path string
	body         []byte
}

func get(path string) request { return request{method: http.MethodGet, path: path} }

func post(path, body string) request { return request{http.MethodPost, path, []byte(body)} }

func put(path, body string) request { return request{http.MethodPut, path, []byte(body)} }

func patch(path, body string) request { return request{http.MethodPatch, path, []byte(body)} }

func remove(path string) request { return request{method: http.MethodDelete, path: path} }

// reply is a response, or why there is none.
type reply struct {
	status int
	body   []byte
	code   string // of an error: that of the problem document, or what it is otherwise; empty for 2xx
	// unknown says that a write may have had its effect, although it was not acknowledged.
	unknown bool
	err     error // there is no response
}

func (r reply) ok() bool { return r.code == "" }

// into decodes the response.
func (r reply) into(v any) error {
	if r.err != nil {
		return r.err
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		return fmt.Errorf("a response with the status %d is not the document: %w", r.status, err)
	}
	return nil
}

// send sends a request once.
func (a *api) send(ctx context.Context, q request) reply {
	res, err := a.roundTrip(ctx, q)
	if err != nil {
		return noReply(err)
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	r := reply{status: res.StatusCode}
	r.body, err = readBody(res)
	if err != nil {
		return noReply(err)
	}
	if r.status/100 != 2 {
		r.explain()
	}
	return r
}

// readBody reads a response, in one piece if its length is known.
func readBody(res *http.Response) (body []byte, err error) {
	switch n := res.ContentLength; {
	case n > mostResponse:
		return nil, errTooLarge
	case n >= 0:
		body = make([]byte, n)
		_, err = io.ReadFull(res.Body, body)
		return body, err
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, mostResponse+1))
	if err == nil && len(body) > mostResponse {
		return nil, errTooLarge
	}
	return body, err
}

func (a *api) roundTrip(ctx context.Context, q request) (*http.Response, error) {
	target, err := a.base.Parse(a.base.Path + basePath + q.path)
	if err != nil {
		return nil, err
	}
	req := (&http.Request{
		Method: q.method, URL: target, Host: a.base.Host, Header: a.header,
		ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if q.body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(q.body)), int64(len(q.body))
	}
	return a.http.Do(req)
}

func noReply(err error) reply {
	r := reply{err: err, unknown: true, code: "connection"}
	if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		r.code = "timeout"
	}
	if errors.Is(err, errTooLarge) {
		r.code = "response_too_large"
	}
	return r
}

// explain reads the problem document of an error.
func (r *reply) explain() {
	var p struct {
		Code    string `json:"code"`
		Outcome string `json:"outcome"`
	}
	if json.Unmarshal(r.body, &p) != nil || p.Code == "" {
		p.Code = "status_" + strconv.Itoa(r.status)
	}
	r.code = p.Code
	r.unknown = r.status >= http.StatusInternalServerError && p.Outcome != "none"
}

// must sends a request of the preparation or of a check. It waits for a server that is busy, and returns an error that
// says what to do unless the status is one of want, or 2xx if there is none. A POST is not interrupted by ctx, since
// nobody would know the id of what it may have created.
func (a *api) must(ctx context.Context, q request, want ...int) (reply, error) {
	sending := ctx
	if q.method == http.MethodPost {
		sending = context.WithoutCancel(ctx)
	}
	for n := 0; ; n++ {
		if ctx.Err() != nil {
			return noReply(context.Cause(ctx)), context.Cause(ctx)
		}
		r := a.send(sending, q)
		if r.err == nil && (len(want) == 0 && r.ok() || slices.Contains(want, r.status)) {
			return r, nil
		}
		busy := r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable && !r.unknown
		if !busy || n == mostPauses {
			return r, a.advice(q, r)
		}
		select {
		case <-ctx.Done():
			return r, context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// advice returns the error of a request, with what to do about it.
func (a *api) advice(q request, r reply) error {
	path, _, _ := strings.Cut(q.path, "?")
	switch {
	case errors.Is(r.err, errTooLarge):
		return fmt.Errorf("%s %s at %s: %w: no gsm sends that", q.method, path, a.base, r.err)
	case r.err != nil:
		return fmt.Errorf("no gsm responds at %s: start one with gsm serve, or correct --against: %w", a.base, r.err)
	case r.code == "unauthenticated":
		return fmt.Errorf("%s rejects the API key: set GSM_TOKEN (--token) to a key of scope server or admin, "+
			"which gsm keys create makes", a.base)
	case r.code == "forbidden":
		return fmt.Errorf("the API key may not %s %s: set GSM_TOKEN (--token) to one of scope server or admin",
			q.method, path)
	case r.code == "rate_limited":
		return fmt.Errorf("%s limits the rate of the API key: start it with GSM_RATE_SERVER=0 to measure it, or with "+
			"a higher rate", a.base)
	case r.code == "overloaded":
		return fmt.Errorf("%s is overloaded: lower --clients or --rate, or start it with a higher GSM_MAX_IN_FLIGHT",
			a.base)
	}
	return fmt.Errorf("%s %s: %d %s", q.method, path, r.status, bytes.TrimSpace(r.body))
}
