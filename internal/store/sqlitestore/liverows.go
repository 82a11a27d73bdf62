package sqlitestore

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"game-session-manager/internal/game"
)

const (
	maxLiveRows  = 1_000_000
	liveRowBytes = 168              // that a row takes, with its place in the map of the ids
	liveChunk    = 4096             // rows that are looked at, or read, at a time
	liveReadTime = 10 * time.Second // to read so many
)

// liveRows has the columns of live sessions that searches order by, in memory. An index in the file of a column that
// changes with each join would cost every join some percent. Here a change costs a copy after the commit, and 2 µs for
// each index of the column. The first search that needs them has them read from the file. From then on the writer keeps
// them current.
//
// A row only proposes a session: the statement that reads it decides by the columns of the file.
type liveRows struct {
	max    int         // sessions; of more there are no rows
	room   int64       // in bytes, for the rows and their indexes
	wanted atomic.Bool // by a search
	// indexFrom is how many rows there are from which on they have indexes.
	indexFrom int

	open  context.Context // ends when the store is closed
	close context.CancelFunc
	reads sync.WaitGroup

	mu      sync.RWMutex
	ready   *liveSet // nil for none
	reading bool
	useless bool         // there are too many, or one has an id that is no UUID
	missed  []liveChange // what was committed while the rows are read
	dropped bool         // while the rows are read
}

// newLiveRows returns no rows yet. They take at most a quarter of GOMEMLIMIT.
func newLiveRows(limit int64) *liveRows {
	room := limit / 4
	l := &liveRows{max: int(min(maxLiveRows, room/liveRowBytes)), room: room, indexFrom: liveIndexFrom}
	l.open, l.close = context.WithCancel(context.Background())
	return l
}

// stop ends the reading of rows, and waits for that.
func (l *liveRows) stop() {
	l.mu.Lock()
	l.close()
	l.mu.Unlock()
	l.reads.Wait()
}

// liveSet is a set of rows that keep their slots.
type liveSet struct {
	chunks []*[liveChunk]liveRow
	used   int // slots, including free ones
	free   []int
	slots  map[liveID]int
	// indexes are those by their orders, and moved those in which replace moves a row.
	indexes map[liveOrderKey]*liveIndex
	moved   []*liveIndex
	// searches is how many have asked for an index.
	searches int64
}

type liveID [16]byte

// liveRow is a session; the zero liveRow is a free slot.
type liveRow struct {
	id                                   liveID
	project, status, mode, gameMap, area unique.Handle[string]
	name                                 string
	created, updated                     int64 // Unix time in milliseconds
	freeSeats, held, capacity            int16
	obstacles                            uint8
}

// uuidText is the length of a UUID in text.
const uuidText = 36

func liveIDOf(text string) (id liveID, ok bool) {
	if len(text) != uuidText {
		return id, false
	}
	var digits [2 * len(id)]byte
	copy(digits[:], text[0:8])
	copy(digits[8:], text[9:13])
	copy(digits[12:], text[14:18])
	copy(digits[16:], text[19:23])
	copy(digits[20:], text[24:])
	_, err := hex.Decode(id[:], digits[:])
	return id, err == nil && id.text() == text && id != liveID{}
}

func (id liveID) text() string {
	h := hex.EncodeToString(id[:])
	return h[0:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// spread returns the part of the id that [game.FieldSpread] is about, as a number.
func (id *liveID) spread() (n float64) {
	for _, b := range id[10:] {
		n = n*(math.MaxUint8+1) + float64(b)
	}
	return n
}

func liveRowOf(v *game.Session, id liveID) liveRow {
	return liveRow{
		id: id, project: unique.Make(string(v.Project)), status: unique.Make(string(v.Status)),
		mode: unique.Make(v.Mode), gameMap: unique.Make(v.Map), area: unique.Make(v.Region), name: v.Name,
		created: v.CreatedAt.UnixMilli(), updated: v.UpdatedAt.UnixMilli(),
		freeSeats: int16(v.FreeSeats()), held: int16(len(v.Members)), //nolint:gosec // within game.MaxPlayers
		capacity: int16(v.MaxPlayers), obstacles: uint8(v.Obstacles()), //nolint:gosec // likewise, and seven bits
	}
}

const readLiveRows = "SELECT id, project, mode, map, region, name, created_at, updated_at, free_seats, seats_held, " +
	"max_players, obstacles FROM sessions INDEXED BY sessions_by_status WHERE status = ? AND (project, id) > (?, ?) " +
	"ORDER BY project, id LIMIT ?"

// errUseless says that there can be no rows.
var errUseless = errors.New("too many live sessions, or an id that is no UUID")

func scanLiveRow(status game.SessionStatus, columns []driver.Value) (row liveRow, id string, _ error) {
	var project, mode, gameMap, region string
	var free, held, capacity, obstacles int64
	err := scanAll(columns, &id, &project, &mode, &gameMap, &region, &row.name, &row.created, &row.updated,
		&free, &held, &capacity, &obstacles)
	if err != nil {
		return row, "", err
	}
	var ok bool
	if row.id, ok = liveIDOf(id); !ok {
		return row, "", errUseless
	}
	row.project, row.status = unique.Make(project), unique.Make(string(status))
	row.mode, row.gameMap, row.area = unique.Make(mode), unique.Make(gameMap), unique.Make(region)
	row.freeSeats, row.held = int16(free), int16(held)                   //nolint:gosec // within game.MaxPlayers
	row.capacity, row.obstacles = int16(capacity), uint8(obstacles&0xff) //nolint:gosec // likewise, and seven bits
	return row, id, nil
}

// want has the rows read from the file, unless they are there or are being read.
func (l *liveRows) want(r *readers) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ready != nil || l.reading || l.useless || l.open.Err() != nil {
		return
	}
	l.wanted.Store(true)
	l.reading, l.dropped = true, false
	l.reads.Go(func() {
		set, err := readLiveSet(l.open, r, l.max)
		l.have(set, err)
	})
}

// have ends the reading of rows.
func (l *liveRows) have(set *liveSet, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	missed := l.missed
	l.reading, l.missed = false, nil
	for _, c := range missed {
		if err == nil {
			err = set.apply(c, l.max)
		}
	}
	l.useless = l.useless || errors.Is(err, errUseless)
	if err == nil && !l.dropped { // otherwise a later search tries again
		l.ready = set
	}
}

// readLiveSet reads the rows by parts, between which sessions may change.
func readLiveSet(ctx context.Context, r *readers, limit int) (*liveSet, error) {
	l := &liveSet{slots: make(map[liveID]int), indexes: make(map[liveOrderKey]*liveIndex)}
	for _, status := range game.LiveStatuses() {
		project, id := "", ""
		for n := liveChunk; n == liveChunk; {
			n = 0
			ctx, cancel := context.WithTimeout(ctx, liveReadTime)
			args := []any{string(status), project, id, int64(liveChunk)}
			err := r.rows(ctx, readLiveRows, args, func(columns []driver.Value) error {
				row, last, err := scanLiveRow(status, columns)
				if err != nil {
					return err
				}
				n++
				project, id = row.project.Value(), last
				return l.put(row, limit)
			})
			cancel()
			if err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

func (l *liveSet) at(slot int) *liveRow { return &l.chunks[slot/liveChunk][slot%liveChunk] }

// put stores a row.
func (l *liveSet) put(row liveRow, limit int) error {
	slot, ok := l.slots[row.id]
	switch free := len(l.free); {
	case ok:
	case free > 0:
		slot, l.free = l.free[free-1], l.free[:free-1]
	case l.used == limit:
		return errUseless
	default:
		if slot = l.used; slot%liveChunk == 0 {
			l.chunks = append(l.chunks, new([liveChunk]liveRow))
		}
		l.used++
	}
	l.slots[row.id] = slot
	l.replace(slot, row)
	return nil
}

// liveChange is what a write does to the row of a session.
type liveChange struct {
	row   liveRow // has only the id if the session has ended
	ended bool
}

func liveChangeOf(v *game.Session) (liveChange, error) {
	id, ok := liveIDOf(string(v.ID))
	switch {
	case !ok:
		return liveChange{}, errUseless
	case v.Status.Terminal():
		return liveChange{liveRow{id: id}, true}, nil
	}
	return liveChange{liveRowOf(v, id), false}, nil
}

func (l *liveSet) apply(c liveChange, limit int) error {
	if !c.ended {
		return l.put(c.row, limit)
	}
	if slot, ok := l.slots[c.row.id]; ok {
		delete(l.slots, c.row.id)
		l.replace(slot, liveRow{})
		l.free = append(l.free, slot)
	}
	return nil
}

// committed tells of sessions as they were committed, in that order. One that was removed has ended.
func (l *liveRows) committed(all []*game.Session) {
	if len(all) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.reading && l.ready == nil {
		return
	}
	for _, v := range all {
		c, err := liveChangeOf(v)
		switch {
		case err != nil:
		case l.reading:
			l.missed = append(l.missed, c)
		default:
			err = l.ready.apply(c, l.max)
		}
		if err != nil {
			l.ready, l.useless, l.dropped = nil, true, true
			return
		}
	}
	if l.ready != nil && !l.fits(l.ready, len(l.ready.indexes)) {
		clear(l.ready.indexes)
		l.ready.moved = nil
	}
}

// drop forgets the rows, because another program has changed the file. They are read again when they are needed.
func (l *liveRows) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready, l.dropped = nil, true
}

// each calls a function with each row, until it is done. It returns false if there are no rows.
func (l *liveRows) each(look func(*liveRow)) bool {
	for chunk := 0; ; chunk++ {
		more, ok := l.eachOf(chunk, look)
		if !more {
			return ok
		}
	}
}

// eachOf is each for a chunk, between which changes are made.
func (l *liveRows) eachOf(chunk int, look func(*liveRow)) (more, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case l.ready == nil:
		return false, false
	case chunk == len(l.ready.chunks):
		return false, true
	}
	for i := range l.ready.chunks[chunk] {
		if row := &l.ready.chunks[chunk][i]; row.id != (liveID{}) {
			look(row)
		}
	}
	return true, true
}
