package check

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// line is a connection to a server that can be cut.
type line struct {
	server string

	mu   sync.Mutex
	cut  bool
	ends []net.Conn // the open connections
}

// newLine returns a line to the server of a URL, and the URL that leads through it. Its timeouts are short, so that
// clients notice quickly when it is cut.
func newLine(t *testing.T, to string) (string, *line) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatalf("%s is no URL", uriEnv) // not the value, which may have a password
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{server: u.Host}
	u.Host = listener.Addr().String()
	q := u.Query()
	q.Del("replicaSet")
	q.Set("directConnection", "true") // otherwise the driver would connect to the members of a replica set directly
	q.Set("serverSelectionTimeoutMS", "500")
	u.RawQuery = q.Encode()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { l.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.setCut(true)
		serving.Wait()
	})
	return u.String(), l
}

// setCut cuts the line and closes its connections, or restores it.
func (l *line) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		for _, c := range l.ends {
			_ = c.Close()
		}
		l.ends = nil
	}
}

// keep reports whether the line is intact. If so, it closes the connections when the line is cut.
func (l *line) keep(ends ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.ends = append(l.ends, ends...)
	}
	return !l.cut
}

// serve copies data in both directions until one side closes.
func (l *line) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if !l.keep(client, server) {
		return
	}
	var passing sync.WaitGroup
	passing.Go(func() { pass(client, server) })
	passing.Go(func() { pass(server, client) })
	passing.Wait()
}

// pass copies data from one side to the other, and closes both at its end.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}
