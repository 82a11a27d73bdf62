package sqlitestore

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"game-session-manager/internal/game"
)

const (
	// trustFor is for how long what is in memory is relied on since the writer has found that no other program had
	// changed the file. Whoever reads when half of it has passed has the writer look again.
	trustFor = 100 * time.Millisecond
	// entryBytes is about how much memory an entry takes beside its document.
	entryBytes = 320
)

// memory has documents as they are in the file, those that were used last, for reads by id.
//
// It never has another version than the file. What a transaction changes is forgotten before its commit, and until that
// has ended, reads of it go to the file. Then the memory has the new documents, and only then do callers have their
// results. The writer learns from SQLite which rows a statement changes (see [conn.notice]), so that no method can
// forget to tell.
//
// What a read found in the file is kept only if the document was not changed since the read began, whenever that ends.
type memory struct {
	limit   int64 // in bytes; 0 for no memory
	ask     func()
	start   time.Time
	checked atomic.Int64 // when the writer last found out that it has seen all changes, since the start
	asked   atomic.Int64 // when it was last asked to: not for each read while it cannot find out
	closed  atomic.Bool
	verify  func(documentKey, *remembered) // compares each entry that is used with the file, in tests

	mu       sync.Mutex
	entries  *simplelru.LRU[documentKey, *remembered]
	bytes    int64
	fills    map[documentKey]int64 // reads of the file under way whose result may be kept, by their numbers
	lastFill int64
	changing transaction // which is being committed

	hits, misses, evicted atomic.Int64
}

// documentKey identifies a document.
type documentKey struct{ table, id string }

// remembered is a document; nothing of it ever changes. One that was written and not read yet is not decoded.
type remembered struct {
	text  string
	doc   any // a pointer; nil if there is the text
	bytes int64
}

// transaction has the documents that a transaction changes, as they will be stored; "" for those that are removed and
// those of which this is not known.
type transaction map[documentKey]string

// unknownDocument is in a transaction that changes documents of which SQLite did not tell the ids.
var unknownDocument documentKey

func (t transaction) has(key documentKey) bool {
	_, this := t[key]
	_, unknown := t[unknownDocument]
	return this || unknown
}

// newMemory returns a memory of so many bytes, but of at most a quarter of GOMEMLIMIT.
func newMemory(limit, memoryLimit int64) *memory {
	m := &memory{limit: min(limit, memoryLimit/4), start: time.Now(), fills: make(map[documentKey]int64)}
	m.checked.Store(-int64(trustFor))
	m.asked.Store(-int64(trustFor))
	m.forgetAll()
	return m
}

func (m *memory) on() bool { return m.limit > 0 && !m.closed.Load() }

// forgetAll has everything read from the file.
func (m *memory) forgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.empty()
}

func (m *memory) empty() {
	entries, err := simplelru.NewLRU[documentKey, *remembered](math.MaxInt, nil)
	if err != nil {
		panic(err) // only if the size is not positive
	}
	m.entries, m.bytes = entries, 0
	clear(m.fills)
}

func (m *memory) close() {
	m.closed.Store(true)
	m.forgetAll()
}

// since returns the time on the clock of checked.
func (m *memory) since() int64 { return int64(time.Since(m.start)) }

// trusted reports whether the memory may be relied on.
func (m *memory) trusted() bool {
	now := m.since()
	age := now - m.checked.Load()
	if asked := m.asked.Load(); age > int64(trustFor/2) && now-asked > int64(trustFor/2) &&
		m.asked.CompareAndSwap(asked, now) {
		m.ask()
	}
	return age <= int64(trustFor)
}

// look returns a document, or nil and the number with which keep is called once it was read from the file. The number
// is 0 if what is read must not be kept.
func (m *memory) look(key documentKey) (*remembered, int64) {
	if !m.on() {
		return nil, 0
	}
	trusted := m.trusted()
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries.Get(key); ok && trusted {
		m.hits.Add(1)
		return e, 0
	}
	m.misses.Add(1)
	changing := m.changing.has(key)
	if _, filling := m.fills[key]; changing || filling || !trusted {
		return nil, 0
	}
	m.lastFill++
	m.fills[key] = m.lastFill
	return nil, m.lastFill
}

// keep ends a read of the file. e is nil if there is nothing to keep.
func (m *memory) keep(key documentKey, fill int64, e *remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if fill == 0 || m.fills[key] != fill {
		return
	}
	delete(m.fills, key)
	if e != nil {
		key.id = strings.Clone(key.id) // which may be part of a request
		m.put(key, e)
	}
}

// replace stores a document in a form that is better to read.
func (m *memory) replace(key documentKey, old, e *remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now, ok := m.entries.Peek(key); ok && now == old {
		m.put(key, e)
	}
}

func (m *memory) put(key documentKey, e *remembered) {
	if old, ok := m.entries.Peek(key); ok {
		m.bytes -= old.bytes
	}
	m.entries.Add(key, e)
	m.bytes += e.bytes
	for m.bytes > m.limit {
		_, oldest, _ := m.entries.RemoveOldest()
		m.bytes -= oldest.bytes
		m.evicted.Add(1)
	}
}

func (m *memory) remove(key documentKey) {
	if e, ok := m.entries.Peek(key); ok {
		m.bytes -= e.bytes
		m.entries.Remove(key)
	}
}

// begin forgets what a transaction changes, before its commit.
func (m *memory) begin(t transaction) {
	if !m.on() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changing = t
	if t.has(unknownDocument) {
		m.empty()
	}
	for key := range t {
		m.remove(key)
		delete(m.fills, key)
	}
}

// end keeps what a transaction has stored, after its commit.
func (m *memory) end(t transaction) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changing = nil
	if !m.on() {
		return
	}
	for key, text := range t {
		if text != "" && len(text) < game.LargeFrom {
			m.put(key, &remembered{text: text, bytes: entryBytes + int64(len(text))})
		}
	}
}

// fail forgets everything, because it is not known what a transaction has left in the file.
func (m *memory) fail() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.empty()
	m.changing = nil
}

// Recalled returns how much the memory of documents is used.
func (s *Store) Recalled() game.Recalled {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	return game.Recalled{
		Hits: m.hits.Load(), Misses: m.misses.Load(), Evicted: m.evicted.Load(), Documents: int64(m.entries.Len()),
		Bytes: m.bytes, Limit: m.limit,
	}
}
