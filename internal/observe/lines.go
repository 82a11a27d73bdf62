package observe

import (
	"bufio"
	"io"
	"sync"
	"time"
)

// lineBuffer is how many bytes of lines wait at most: as many as a pipe takes whole or not at all (PIPE_BUF of Linux), so that a
// process that is killed leaves no half of a line.
const lineBuffer = 4 << 10

// lines gathers log lines for a while, because a write for each of them is much of the cost of a request that is quick.
type lines struct {
	delay   time.Duration // 0 for none
	mu      sync.Mutex
	out     *bufio.Writer
	waiting *time.Timer // set while lines wait
}

func newLines(w io.Writer, delay time.Duration) *lines {
	return &lines{delay: delay, out: bufio.NewWriterSize(w, lineBuffer)}
}

// Write implements [io.Writer].
func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(line) > l.out.Available() {
		if err := l.out.Flush(); err != nil {
			return 0, err //nolint:wrapcheck // a writer passes errors on as they are
		}
	}
	n, err := l.out.Write(line)
	switch {
	case err == nil && l.delay == 0:
		err = l.out.Flush()
	case l.waiting == nil:
		l.waiting = time.AfterFunc(l.delay, func() { _ = l.flush() }) // nowhere left to tell
	}
	return n, err //nolint:wrapcheck // as above
}

func (l *lines) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting != nil {
		l.waiting.Stop()
		l.waiting = nil
	}
	return l.out.Flush() //nolint:wrapcheck // as above
}
