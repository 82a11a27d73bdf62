package api_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/api"
)

// narrow is a listener whose connections have small buffers, so that a client that does not read is noticed soon.
type narrow struct{ net.Listener }

func (l narrow) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, is := c.(*net.TCPConn); is {
		_ = tcp.SetWriteBuffer(4 << 10)
	}
	return c, err
}

// streamsSeen records the ends of streams.
type streamsSeen struct {
	mu    sync.Mutex
	ended []string
	lag   int
}

func (s *streamsSeen) Opened(string) {}

func (s *streamsSeen) Closed(_, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, reason)
}

func (s *streamsSeen) Delivered(time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag++
}

func (s *streamsSeen) reasons() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.ended, " ")
}

// A client that does not read loses its stream, in either form. Others get every event, and nobody waits for it.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	seen := new(streamsSeen)
	w := newStreamWorld(t, func(d *api.Deps) {
		d.Streams, d.Authenticate, d.Local = seen, anyone, true
		d.Limits.WriteTimeout = 300 * time.Millisecond
	})
	at, err := url.Parse(w.path())
	if err != nil {
		t.Fatal(err)
	}
	slow := []string{"Accept: text/event-stream\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"}
	for _, headers := range slow {
		conn, err := net.Dial("tcp", at.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", at.Path, headers); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReaderSize(conn, 16).ReadString(' '); err != nil || line != "HTTP/1.1 " {
			t.Fatalf("%q, %v", line, err)
		}
	}
	versions := make(chan int64, 100_000)
	readerCtx, stop := context.WithCancel(t.Context())
	defer stop()
	req, err := http.NewRequestWithContext(readerCtx, http.MethodGet, w.path(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(versions)
		defer func() { _ = res.Body.Close() }()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			var version int64
			if _, id, is := strings.Cut(lines.Text(), "id: "); is {
				_, number, _ := strings.Cut(id, ".")
				if _, err := fmt.Sscan(number, &version); err == nil {
					versions <- version
				}
			}
		}
	}()
	last := int64(1)
	for deadline := time.Now().Add(time.Minute); strings.Count(seen.reasons(), "slow") < len(slow); {
		if time.Now().After(deadline) {
			t.Fatalf("the streams that are not read end with %q", seen.reasons())
		}
		last = w.edit()
	}
	for want := int64(2); want <= last; want++ {
		if got, open := <-versions; !open || got != want {
			t.Fatalf("the other reader gets version %d, want %d of %d", got, want, last)
		}
	}
}
