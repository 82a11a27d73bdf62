package bench

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// mostFindings bounds how many wrong responses are described. One is enough to fail a run.
const mostFindings = 20

// findings are the wrong responses of the server.
type findings struct {
	checked atomic.Int64
	mu      sync.Mutex
	total   int64
	first   []Finding
}

func newFindings() *findings { return &findings{} }

// check counts a comparison, and keeps it as a finding unless it is right.
func (f *findings) check(right bool, what, expected, found string) {
	if !f.right(right) {
		f.wrong(what, expected, found)
	}
}

// right counts a comparison, where there are so many that the words for a wrong one must not be made in vain.
func (f *findings) right(right bool) bool {
	f.checked.Add(1)
	return right
}

// same compares two values.
func same[T comparable](f *findings, what string, expected, found T) {
	if !f.right(expected == found) {
		f.wrong(what, fmt.Sprint(expected), fmt.Sprint(found))
	}
}

func (f *findings) wrong(what, expected, found string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total++
	if len(f.first) < mostFindings {
		f.first = append(f.first, Finding{what, shortened(expected), shortened(found)})
	}
}

func (f *findings) report() Checks {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Checks{Made: f.checked.Load(), WrongTotal: f.total, Wrong: append([]Finding{}, f.first...)}
}

// shortened returns the beginning of a text.
func shortened(text string) string {
	const most = 300
	if len(text) > most {
		return text[:most] + " …"
	}
	return text
}
