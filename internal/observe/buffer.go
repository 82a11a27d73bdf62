package observe

import (
	"bytes"
	"io"
	"sync"
	"time"
)

const (
	// writeSize is how many bytes are written at a time: as many as a pipe takes whole or not at all (PIPE_BUF of
	// Linux), so that a process that is killed leaves no half of a line. A line that is longer is written alone.
	writeSize = 4 << 10
	// bufferSize is from how many buffered bytes on they are written without delay.
	bufferSize = 32 << 10
	// maxBufferSize is from how many buffered bytes on loggers wait for the writer, which may be slow or blocked.
	maxBufferSize = 256 << 10
)

// lineBuffer buffers log lines, each of which is one Write, and writes them where no request waits: a system call for
// each is much of the cost of a quick request, and all requests would wait for one that the disk delays.
type lineBuffer struct {
	delay time.Duration // for which a line is buffered at most; 0 to write each at once

	writing sync.Mutex // locked before mu
	out     io.Writer
	written []byte // the buffer that buffered was before, to be used again

	mu       sync.Mutex
	buffered []byte
	timer    *time.Timer
}

func newLineBuffer(w io.Writer, delay time.Duration) *lineBuffer {
	l := &lineBuffer{delay: delay, out: w}
	l.timer = time.AfterFunc(delay, func() { _ = l.flush() }) // nobody is left to be told of an error
	return l
}

// Write implements [io.Writer]. It returns errors only of lines that are not delayed.
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

// flush writes what is buffered. When it returns, what another flush took before is written too.
func (l *lineBuffer) flush() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	l.buffered, l.written = l.written[:0], l.buffered
	l.mu.Unlock()
	for text := l.written; len(text) > 0; {
		n := wholeLines(text)
		if _, err := l.out.Write(text[:n]); err != nil {
			return err //nolint:wrapcheck // a writer passes errors on as they are
		}
		text = text[n:]
	}
	return nil
}

// wholeLines returns how many bytes of the text are to be written together.
func wholeLines(text []byte) int {
	if len(text) <= writeSize {
		return len(text)
	}
	if n := bytes.LastIndexByte(text[:writeSize], '\n'); n >= 0 {
		return n + 1
	}
	return bytes.IndexByte(text, '\n') + 1
}
