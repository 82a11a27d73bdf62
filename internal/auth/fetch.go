package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	fetchTimeout = 5 * time.Second
	// fetchEvery is the minimum time between two requests for one URL of an issuer, whatever tokens arrive. Until then
	// the last response or error is used.
	fetchEvery   = 5 * time.Second
	maxFetched   = 256 << 10 // bytes of a response
	maxPages     = 8         // of one issuer: two, and the targets of redirects
	maxRedirects = 3
)

// fetchError is the error of a request to an issuer.
type fetchError struct{ error }

func (e *fetchError) Unwrap() error { return e.error }

// newFetcher returns the HTTP client for one issuer.
func newFetcher(now func() time.Time) *http.Client {
	f := &fetcher{now: now, turn: semaphore.NewWeighted(1), pages: make(map[string]page), inner: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxIdleConns: 2,
		TLSHandshakeTimeout: fetchTimeout, ResponseHeaderTimeout: fetchTimeout, MaxResponseHeaderBytes: 64 << 10,
	}}
	return &http.Client{Timeout: fetchTimeout, Transport: f, CheckRedirect: checkRedirect}
}

func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects || r.URL.Scheme != via[0].URL.Scheme {
		return errors.New("redirects too often, or to another scheme")
	}
	return nil
}

// fetcher is an [http.RoundTripper] that caches responses for a while, so that nobody can make it send a request to the
// issuer for every token. It accepts only valid JSON.
type fetcher struct {
	inner http.RoundTripper
	now   func() time.Time

	turn  *semaphore.Weighted // guards pages
	pages map[string]page
}

type page struct {
	at     time.Time
	status int
	header http.Header
	body   []byte
	err    error
}

// RoundTrip implements [http.RoundTripper].
func (f *fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := f.turn.Acquire(r.Context(), 1); err != nil {
		return nil, &fetchError{err}
	}
	defer f.turn.Release(1)
	p, ok := f.pages[r.URL.String()]
	if !ok || f.now().Sub(p.at) >= fetchEvery {
		p = f.read(r)
		p.at = f.now() // after the read, or a slow response would not be cached
		if len(f.pages) >= maxPages {
			clear(f.pages)
		}
		f.pages[r.URL.String()] = p
	}
	if p.err != nil {
		return nil, &fetchError{p.err}
	}
	return &http.Response{
		Status: http.StatusText(p.status), StatusCode: p.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: p.header.Clone(), Body: io.NopCloser(bytes.NewReader(p.body)), ContentLength: int64(len(p.body)),
		Request: r,
	}, nil
}

func (f *fetcher) read(r *http.Request) page {
	if err := mayFetch(r.URL); err != nil {
		return page{err: err}
	}
	res, err := f.inner.RoundTrip(r)
	if err != nil {
		return page{err: err}
	}
	defer func() { _ = res.Body.Close() }() // the body was read, or is not wanted
	body, err := io.ReadAll(io.LimitReader(res.Body, maxFetched+1))
	redirects := res.StatusCode/100 == 3
	switch {
	case err != nil:
	case len(body) > maxFetched:
		err = fmt.Errorf("the response has more than %d bytes", maxFetched)
	case !redirects && res.StatusCode != http.StatusOK:
		err = fmt.Errorf("the response has status %d", res.StatusCode)
	case !redirects && !json.Valid(body):
		err = errors.New("the response is not JSON")
	}
	return page{status: res.StatusCode, header: res.Header, body: body, err: err}
}

// mayFetch rejects URLs whose responses others could read or change in transit.
func mayFetch(u *url.URL) error {
	ip := net.ParseIP(u.Hostname())
	switch {
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()):
		return nil
	}
	return errors.New("must begin with https://, or be on a loopback address")
}
