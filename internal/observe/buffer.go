package observe

import (
	"bytes"
	"io"
	"sync"
	"time"
)

const (
	// writeSize is the size of a write in bytes: the largest one that a pipe takes whole (PIPE_BUF on Linux), so that
	// a process that is killed leaves no partial line. A longer line is written alone.
	writeSize = 4 << 10
	// bufferSize is the number of buffered bytes that are written without delay.
	bufferSize = 32 << 10
	// maxBufferSize is the number of buffered bytes at which loggers wait for the writer.
	maxBufferSize = 256 << 10
)

// lineBuffer buffers log lines, each of which is one call of Write, and writes them in the background. A system call
// for each line would be a large part of the cost of a quick request, and a slow disk would delay all requests.
type lineBuffer struct {
	delay time.Duration // longest time that a line is buffered; 0 writes each line at once

	writing sync.Mutex // locked before mu
	out     io.Writer
	written []byte // spare buffer, swapped with buffered at each flush

	mu       sync.Mutex
	buffered []byte
	timer    *time.Timer
}

func newLineBuffer(w io.Writer, delay time.Duration) *lineBuffer {
	l := &lineBuffer{delay: delay, out: w}
	l.timer = time.AfterFunc(delay, func() { _ = l.flush() }) // there is nowhere to report an error
	return l
}

// Write implements [io.Writer]. It returns errors only if lines are not delayed.
func (l *lineBuffer) Write(line []byte) (int, error) {
	l.mu.Lock()
	before := len(l.buffered)
	l.buffered = append(l.buffered, line...)
	after := len(l.buffered)
	l.mu.Unlock()
	switch {
	case l.delay == 0, after >= maxBufferSize:
		return len(line), l.flush()
	case before < bufferSize && after >= bufferSize:
		l.timer.Reset(0)
	case before == 0:
		l.timer.Reset(l.delay)
	}
	return len(line), nil
}

// flush writes the buffered lines. When it returns, the lines of earlier flushes are written too.
func (l *lineBuffer) flush() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	l.buffered, l.written = l.written[:0], l.buffered
	l.mu.Unlock()
	for text := l.written; len(text) > 0; {
		n := wholeLines(text)
		if _, err := l.out.Write(text[:n]); err != nil {
			return err //nolint:wrapcheck // passed on unchanged
		}
		text = text[n:]
	}
	return nil
}

// wholeLines returns how many bytes of text to write at once.
func wholeLines(text []byte) int {
	if len(text) <= writeSize {
		return len(text)
	}
	if n := bytes.LastIndexByte(text[:writeSize], '\n'); n >= 0 {
		return n + 1
	}
	return bytes.IndexByte(text, '\n') + 1
}
