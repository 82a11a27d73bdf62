package bench

import (
	"context"
	"fmt"
	"strconv"
	"sync"
)

// The requests of changes.
const (
	putPlayer    = "put player"
	patchSession = "patch session"
)

// written are the acknowledged writes of one document, by the versions that they made.
type written struct {
	path     string
	username string // of a player
	mu       sync.Mutex
	through  int64          // all versions up to this one are known
	ahead    map[int64]bool // and these
	gaps     map[int64]bool // but not these, of writes whose outcome is unknown or not known yet
	highest  int64          // of them
	value    int64          // what its write wrote
	unknown  int64          // writes that may have had their effect
}

func newWritten(path string, d document) *written {
	return &written{
		path: path + d.ID, username: d.Username, through: d.Version, highest: d.Version, ahead: map[int64]bool{},
		gaps: map[int64]bool{},
	}
}

// mostAhead bounds the versions that are remembered beyond one that is not known, and mostGaps those that are not.
const (
	mostAhead = 1000
	mostGaps  = 10_000
)

// acknowledged adds a write. No two of them can have made the same version.
func (w *written) acknowledged(f *findings, version, value int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !f.right(w.gaps[version] || version > w.through && !w.ahead[version]) {
		f.wrong("each acknowledged write makes a version of its own", w.path+": a version that no other write made",
			fmt.Sprintf("version %d of the write %d", version, value))
		return
	}
	if w.gaps[version] {
		delete(w.gaps, version)
	} else {
		w.ahead[version] = true
	}
	w.advance()
	for len(w.ahead) > mostAhead && len(w.gaps) < mostGaps {
		w.through++
		w.gaps[w.through] = true
		w.advance()
	}
	if version > w.highest {
		w.highest, w.value = version, value
	}
}

// advance takes the versions that follow into through.
func (w *written) advance() {
	for w.ahead[w.through+1] {
		w.through++
		delete(w.ahead, w.through)
	}
}

// latest returns the highest version that was acknowledged.
func (w *written) latest() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.highest
}

// check compares the document with the writes: none is lost, and the last one is what is stored.
func (w *written) check(f *findings, d document) {
	w.mu.Lock()
	defer w.mu.Unlock()
	missing := d.Version - w.through - int64(len(w.ahead)) + int64(len(w.gaps))
	f.check(missing <= w.unknown, "versions grow by one with each write",
		fmt.Sprintf("%s: at most %d versions without an acknowledged write", w.path, w.unknown),
		strconv.FormatInt(missing, 10))
	f.check(d.Version >= w.highest, "no acknowledged write is lost",
		fmt.Sprintf("%s: version %d or later", w.path, w.highest), fmt.Sprintf("version %d", d.Version))
	if d.Version == w.highest && w.value != 0 {
		same(f, w.path+": the last write is what is stored", w.value, int64(d.Attributes.Write))
	}
}

// readsOfWrites is how many writes there are for each read of a document that is being written.
const readsOfWrites = 16

// preparePut has all clients write a few documents.
func preparePut(ctx context.Context, b *bench) (workload, error) {
	n := min(b.Stock, b.Clients)
	players, err := b.newPlayers(ctx, n)
	if err != nil {
		return workload{}, err
	}
	sessions, err := b.newSessions(ctx, n, func(i int) string { return b.sessionBody(usualSeats, players[i].ID) })
	if err != nil {
		return workload{}, err
	}
	var all []*written
	for i := range n {
		all = append(all, newWritten("/players/", players[i]), newWritten("/sessions/", sessions[i]))
	}
	return workload{visit: func(v *visit) { v.write(all[v.random.IntN(len(all))]) }, check: func(ctx context.Context) {
		_ = together(preparers, len(all), func(i int) error {
			if d, found := b.look(ctx, all[i].path); found {
				all[i].check(b.found, d)
			}
			return ctx.Err()
		})
	}}, nil
}

// write writes a value that nobody else writes.
func (v *visit) write(w *written) {
	value := v.n + 1 // a document without a write has 0
	operation, q := patchSession, patch(w.path, fmt.Sprintf(`{"attributes":{"write":%d}}`, value))
	if w.username != "" {
		operation, q = putPlayer, put(w.path, putBody(w.username, value))
	}
	r := v.call(operation, q)
	var d document
	switch {
	case !r.ok():
		if r.unknown {
			w.mu.Lock()
			w.unknown++
			w.mu.Unlock()
		}
		return
	case r.into(&d) != nil:
		v.found.wrong(operation+" returns the document", "JSON", string(r.body))
		return
	}
	same(v.found, operation+" returns what was written", value, int64(d.Attributes.Write))
	w.acknowledged(v.found, d.Version, value)
	if v.n%readsOfWrites == 0 {
		v.readAfterWrite(w)
	}
}

func putBody(username string, n int64) string {
	return fmt.Sprintf(`{"username":%q,"display_name":"A player","attributes":{"mmr":1200,"country":"nl","write":%d}}`,
		username, n)
}

// readAfterWrite reads a document, which cannot be older than what was acknowledged before.
func (v *visit) readAfterWrite(w *written) {
	least := w.latest()
	r := v.call("read after write", get(w.path))
	var d document
	if r.ok() && r.into(&d) == nil {
		v.found.check(d.Version >= least, "a read is not older than an acknowledged write",
			fmt.Sprintf("%s: version %d or later", w.path, least), fmt.Sprintf("version %d", d.Version))
	}
}
