package tests_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// readersVariable is the environment variable that makes this program a process of followers, as
// [BenchmarkFollowers] needs them: with as little memory and time for each as can be.
const readersVariable = "GSM_TEST_READERS"

// readersOrder is what they read, in the first line of standard input.
type readersOrder struct {
	Address string   // of the server
	From    string   // the address of the followers, each of which has its own ports
	Paths   []string // of a follower each
}

// readersOpening is how many streams are opened at once.
const readersOpening = 16

// serveReaders follows, and writes after which times events came for each further line of standard input, until that
// ends. The first of these it writes when all streams have begun.
func serveReaders() error {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var o readersOrder
	if err := json.Unmarshal(line, &o); err != nil {
		return err
	}
	var came [len(lags{})]atomic.Int64
	var opening sync.WaitGroup
	failures := make([]error, readersOpening)
	for k := range readersOpening {
		opening.Go(func() {
			for i := k; i < len(o.Paths) && failures[k] == nil; i += readersOpening {
				failures[k] = o.read(o.Paths[i], func(lag time.Duration) {
					came[max(0, min(lag.Milliseconds(), int64(len(came)-1)))].Add(1)
				})
			}
		})
	}
	opening.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	for {
		if _, err := in.ReadBytes('\n'); err != nil {
			return nil //nolint:nilerr // the benchmark has ended
		}
		counts := map[int]int64{}
		for i := range came {
			if n := came[i].Swap(0); n > 0 {
				counts[i] = n
			}
		}
		text, err := json.Marshal(counts)
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
}

// read opens a stream, and has its events read from then on. A server that has too much to do is asked again.
func (o readersOrder) read(path string, event func(lag time.Duration)) error {
	var lines *bufio.Reader
	for begin := time.Now(); ; {
		asked, status, err := o.ask(path)
		if err != nil {
			return err
		}
		lines = asked
		if strings.Contains(status, " 200 ") {
			break
		}
		if !strings.Contains(status, " 503 ") || time.Since(begin) > patience {
			return fmt.Errorf("a stream begins with %q", status)
		}
		<-time.After(rand.N(time.Second))
	}
	for { // until the first line of the stream, after which no event is missed
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return err
		}
		if bytes.HasPrefix(line, []byte("retry:")) {
			break
		}
	}
	go readEvents(lines, event)
	return nil
}

// ask requests a stream and returns the status of the response.
func (o readersOrder) ask(path string) (lines *bufio.Reader, status string, err error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(o.From)}, Timeout: patience}
	conn, err := d.Dial("tcp", o.Address)
	if err != nil {
		return nil, "", err
	}
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", path, o.Address)
	if err == nil {
		lines = bufio.NewReaderSize(conn, 1024)
		status, err = lines.ReadString('\n')
	}
	if err != nil || !strings.Contains(status, " 200 ") {
		_ = conn.Close()
	}
	return lines, status, err
}

// readEvents reads the lines of a stream, of which each event has one that tells its time.
func readEvents(lines *bufio.Reader, event func(lag time.Duration)) {
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				fmt.Fprintln(os.Stderr, "a stream broke:", err)
			}
			return
		}
		_, rest, is := bytes.Cut(line, []byte(`"at":"`))
		if !is {
			continue
		}
		text, _, _ := bytes.Cut(rest, []byte(`"`))
		if at, err := time.Parse(time.RFC3339, string(text)); err == nil {
			event(time.Since(at))
		}
	}
}
