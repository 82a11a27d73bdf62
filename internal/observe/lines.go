package observe

import (
	"bytes"
	"io"
	"sync"
	"time"
)

const (
	// lineChunk is how many bytes are written at a time: as many as a pipe takes whole or not at all (PIPE_BUF of Linux), so that
	// a process that is killed leaves no half of a line. A line that is longer goes alone.
	lineChunk = 4 << 10
	// linesEnough is how many bytes wait for others at most,
	linesEnough = 32 << 10
	// linesMost is how many there may be while what is read by nobody, or slowly, takes no more: loggers wait then.
	linesMost = 256 << 10
)

// plainSize is how many bytes a plain line has, about.
const plainSize = 300

// lines gathers log lines for a while, and writes them where no request waits: a write for each of them is much of the cost of a
// request that is quick, and all requests would wait for the one whose write the disk holds up.
type lines struct {
	delay time.Duration // 0 for none

	writing sync.Mutex // before mu
	out     io.Writer
	written batch // what waiting was before, to be used again

	mu      sync.Mutex
	waiting batch
	timer   *time.Timer // nil before the first line that waits
}

// batch is lines that are written together: first the text, then the plain ones.
type batch struct {
	text  []byte
	plain []plainLine
}

func (b *batch) size() int { return len(b.text) + plainSize*len(b.plain) }

// make makes text of all.
func (b *batch) make() {
	for i := range b.plain {
		b.text = b.plain[i].append(b.text)
	}
	clear(b.plain) // of what it refers to
	b.plain = b.plain[:0]
}

func newLines(w io.Writer, delay time.Duration) *lines { return &lines{delay: delay, out: w} }

// Write implements [io.Writer]. It tells of an error if the line does not wait.
func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	before := l.waiting.size()
	l.waiting.make()
	l.waiting.text = append(l.waiting.text, line...)
	return len(line), l.added(before)
}

// add adds a plain line as Write adds one that is text.
func (l *lines) add(line plainLine) error {
	l.mu.Lock()
	before := l.waiting.size()
	l.waiting.plain = append(l.waiting.plain, line)
	return l.added(before)
}

// added has what waits written in time, and unlocks l.mu. There were so many bytes before.
func (l *lines) added(before int) error {
	after := l.waiting.size()
	if before == 0 && l.delay > 0 {
		l.wake()
	}
	l.mu.Unlock()
	switch {
	case l.delay == 0, after >= linesMost:
		return l.flush()
	case before < linesEnough && after >= linesEnough:
		go func() { _ = l.flush() }() // nowhere left to tell
	}
	return nil
}

// wake has lines written that begin to wait now; l.mu is locked.
func (l *lines) wake() {
	if l.timer == nil {
		l.timer = time.AfterFunc(l.delay, func() { _ = l.flush() }) // nowhere left to tell
		return
	}
	l.timer.Reset(l.delay)
}

// flush writes what waits. When it returns, so is what another flush took before.
func (l *lines) flush() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	l.waiting, l.written = l.written, l.waiting
	l.mu.Unlock()
	l.written.make()
	text := l.written.text
	l.written.text = text[:0]
	for len(text) > 0 {
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
	if len(text) <= lineChunk {
		return len(text)
	}
	if n := bytes.LastIndexByte(text[:lineChunk], '\n'); n >= 0 {
		return n + 1
	}
	return bytes.IndexByte(text, '\n') + 1
}
