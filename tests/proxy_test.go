package tests_test

import (
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// proxyTo starts a proxy before a server, and returns its URL and a function that turns it to another server.
func proxyTo(t *testing.T, server string) (front string, aim func(server string)) {
	t.Helper()
	var target atomic.Pointer[url.URL]
	aim = func(server string) {
		u, err := url.Parse(server)
		must(t, err)
		target.Store(u)
	}
	aim(server)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target.Load()) },
		FlushInterval: -1, // events pass at once
		ErrorLog:      log.New(io.Discard, "", 0),
	})
	t.Cleanup(proxy.Close)
	t.Cleanup(proxy.CloseClientConnections)
	return proxy.URL, aim
}
