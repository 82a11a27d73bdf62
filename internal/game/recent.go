package game

import (
	linked "container/list" // list is a function here
	"sync"
	"time"
)

const (
	// recentFor is for how long documents are remembered. It is short because a database that is restored under a
	// running process may give a version a second time.
	recentFor = 10 * time.Second
	// recentBytes bounds the memory for documents of one type, as far as it is known, and largestRecent that of one.
	recentBytes   = 8 << 20
	largestRecent = 64 << 10
	// sightBytes is about how much memory a sight takes beside its document.
	sightBytes = 256
)

// recent remembers the documents that this process has read or written for a change, so that the next change of each
// needs no read: the condition of its write finds out whether the document was current. Documents that another process
// changes meanwhile are marked, and read before each change.
type recent[D any] struct {
	collection[D]

	mu     sync.Mutex
	sights map[documentKey]*linked.Element
	order  linked.List // of sight[D], in the order in which they were seen
	bytes  int
}

// sight is a document as this process last saw it, or the mark of one that others change.
type sight[D any] struct {
	key    documentKey
	doc    D
	marked bool
	at     time.Time
	bytes  int
}

func newRecent[D any](c collection[D]) *recent[D] {
	return &recent[D]{collection: c, sights: make(map[documentKey]*linked.Element)}
}

// last returns a document as this process last saw it. The caller must not change it in place.
func (r *recent[D]) last(key documentKey) (D, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trim()
	s := r.sight(key)
	return s.doc, s.bytes > 0 && !s.marked
}

// saw remembers a document, unless it is marked, large or to be read.
func (r *recent[D]) saw(key documentKey, d D) {
	if r.weigh == nil {
		return
	}
	size := r.weigh(&d)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trim()
	switch {
	case r.sight(key).marked:
	case size == 0, size > largestRecent:
		r.remove(key)
	default:
		r.put(sight[D]{key: key, doc: r.clone(d), bytes: sightBytes + size})
	}
}

// sawNew remembers a document that was just created, unless another change has seen it since.
func (r *recent[D]) sawNew(key documentKey, d D) {
	r.mu.Lock()
	_, seen := r.sights[key]
	r.mu.Unlock()
	if !seen {
		r.saw(key, d)
	}
}

// tidy forgets what was not seen for long, as every use does: a process that makes no changes keeps no names.
func (r *recent[D]) tidy() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trim()
}

// changedElsewhere marks a document that another process has changed since this one saw it.
func (r *recent[D]) changedElsewhere(key documentKey) {
	if r.weigh == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(sight[D]{key: key, marked: true, bytes: sightBytes})
}

// forget has a document read before its next change.
func (r *recent[D]) forget(key documentKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(key)
}

// sight returns how a document was last seen, or the zero sight.
func (r *recent[D]) sight(key documentKey) (s sight[D]) {
	if e, there := r.sights[key]; there {
		s, _ = e.Value.(sight[D])
	}
	return s
}

func (r *recent[D]) remove(key documentKey) {
	if e, there := r.sights[key]; there {
		r.bytes -= r.sight(key).bytes
		r.order.Remove(e)
		delete(r.sights, key)
	}
}

func (r *recent[D]) put(s sight[D]) {
	r.remove(s.key)
	s.at = r.now()
	r.sights[s.key] = r.order.PushBack(s)
	r.bytes += s.bytes
	r.trim()
}

// trim forgets what was not seen for long, and the oldest of too much.
func (r *recent[D]) trim() {
	for e := r.order.Front(); e != nil; e = r.order.Front() {
		oldest, _ := e.Value.(sight[D])
		if r.bytes <= recentBytes && r.now().Sub(oldest.at).Abs() < recentFor {
			return
		}
		r.remove(oldest.key)
	}
}
