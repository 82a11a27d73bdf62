package sqlitestore

import (
	"context"
	"database/sql/driver"
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
	_, one := t[key]
	_, any := t[unknownDocument]
	return one || any
}

// newMemory returns a memory of so many bytes, but of at most a quarter of GOMEMLIMIT.
func newMemory(limit, memoryLimit int64) *memory {
	m := &memory{limit: min(limit, memoryLimit/4), start: time.Now(), fills: make(map[documentKey]int64)}
	m.checked.Store(-int64(trustFor))
	m.forgetAll()
	return m
}

func (m *memory) on() bool { return m.limit > 0 && !m.closed.Load() }

// forgetAll has everything read from the file.
func (m *memory) forgetAll() {
	entries, err := simplelru.NewLRU[documentKey, *remembered](math.MaxInt, nil)
	if err != nil {
		panic(err) // only if the size is not positive
	}
	m.mu.Lock()
	defer m.mu.Unlock()
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
	age := m.since() - m.checked.Load()
	if age > int64(trustFor/2) {
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
	key.id = strings.Clone(key.id) // which may be part of a request
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
	m.remove(key)
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
	if t.has(unknownDocument) {
		m.forgetAll()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changing = t
	for key := range t {
		m.remove(key)
		delete(m.fills, key)
	}
}

// end keeps what a transaction has stored, after its commit. The memory must not have been closed meanwhile.
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
	m.forgetAll()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changing = nil
}

// kind says how documents of a table are read by their ids.
type kind[D any] struct {
	table  string
	read   func(context.Context, *Store, game.ProjectID, string) (driver.Value, error)
	decode func(*Store, driver.Value) (D, error)
	copy   func(*D) D
	weigh  func(*D) int
	of     func(*D) game.ProjectID
}

// recall returns a document from memory or from the file. It reports whether there is one.
func recall[D any](ctx context.Context, s *Store, k kind[D], project game.ProjectID, id string) (d D, ok bool, _ error) {
	if ctx.Err() != nil {
		return d, false, unread(context.Cause(ctx))
	}
	key := documentKey{k.table, id}
	e, fill := s.memory.look(key)
	if e != nil {
		doc, err := decoded(s, k, key, e)
		if err != nil || k.of(doc) != project {
			return d, false, err
		}
		return k.copy(doc), true, nil
	}
	var kept *remembered
	defer func() { s.memory.keep(key, fill, kept) }()
	text, err := k.read(ctx, s, project, id)
	if text == nil || err != nil {
		return d, false, unread(err)
	}
	if d, err = k.decode(s, text); err != nil {
		return d, false, err
	}
	if fill != 0 && textSize(text) < game.LargeFrom {
		kept = entryOf(k, k.copy(&d))
	}
	return d, true, nil
}

// decoded returns the document of an entry, which must not be changed. It sees to it that the memory has it decoded.
func decoded[D any](s *Store, k kind[D], key documentKey, e *remembered) (*D, error) {
	if e.doc == nil {
		d, err := k.decode(s, e.text)
		if err != nil {
			return nil, err
		}
		old := e
		e = entryOf(k, k.copy(&d))
		s.memory.replace(key, old, e)
	}
	if s.memory.verify != nil {
		s.memory.verify(key, e)
	}
	doc, ok := e.doc.(*D)
	if !ok {
		return nil, errUnplanned
	}
	return doc, nil
}

// entryOf returns what is remembered of a document that nobody changes. A copy takes less than what was decoded, whose lists have
// room for more.
func entryOf[D any](k kind[D], d D) *remembered {
	return &remembered{doc: &d, bytes: entryBytes + int64(k.weigh(&d))}
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
