package check

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// line is the way to a server, which can be cut.
type line struct {
	server string

	mu   sync.Mutex
	cut  bool
	ends []net.Conn // of what is connected
}

// newLine returns a line to the server of a URL, and the URL that leads over it. Who uses it gives up soon on a line
// that is cut.
func newLine(t *testing.T, to string) (string, *line) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatalf("%s is no URL", uriEnv) // and what it is may have a password
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{server: u.Host}
	u.Host = listener.Addr().String()
	q := u.Query()
	q.Del("replicaSet")
	q.Set("directConnection", "true") // or the driver would go around the line to the members of a replica set
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

// setCut cuts the line, and what is connected over it, or mends it.
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

// keep returns whether the line is whole, and if so closes the ends when it is cut.
func (l *line) keep(ends ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.ends = append(l.ends, ends...)
	}
	return !l.cut
}

// serve passes on what comes from either end until one of them closes.
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

// pass passes on what comes, and closes both ends after it.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}
