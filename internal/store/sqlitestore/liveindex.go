package sqlitestore

import (
	"bytes"
	"cmp"
	"math"

	"github.com/tidwall/btree"

	"game-session-manager/internal/game"
)

const (
	// liveIndexFrom is how many rows there are from which on an index is worth more than a look at each row.
	liveIndexFrom  = 20_000
	liveIndexBytes = 64  // that a row takes in an index
	liveIndexStep  = 512 // rows that are put into a new index at a time, so that writers wait a millisecond at most
)

// liveIndex has the rows in the order of a field. The first search in the order has it made, in the background, while
// that one and those beside it look at each row.
type liveIndex struct {
	key   func(*liveRow) rowKey // in the ascending order
	tree  *btree.BTreeG[liveItem]
	slots int // rows in the slots below are in the tree; math.MaxInt once all are
}

// liveItem is a row with its key, which the row has too until it changes.
type liveItem struct {
	num  float64
	text string
	row  *liveRow
}

func (a liveItem) compare(b liveItem) int {
	switch {
	case a.num < b.num:
		return -1
	case a.num > b.num:
		return 1
	}
	return cmp.Or(cmp.Compare(a.text, b.text), bytes.Compare(b.row.id[:], a.row.id[:]))
}

func newLiveIndex(field string) *liveIndex {
	key := rowKeyOf(game.Order{Field: field})
	less := func(a, b liveItem) bool { return a.compare(b) < 0 }
	return &liveIndex{key: key, tree: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

func (x *liveIndex) item(row *liveRow) liveItem {
	k := x.key(row)
	return liveItem{k.num, k.text, row}
}

// replace stores a row in a slot, and in the indexes that have the slot. The zero row frees the slot.
func (l *liveSet) replace(slot int, row liveRow) {
	at := l.at(slot)
	l.moved = l.moved[:0]
	for _, x := range l.indexes {
		if slot >= x.slots || at.id == row.id && x.key(at) == x.key(&row) {
			continue
		}
		if at.id != (liveID{}) {
			x.tree.Delete(x.item(at))
		}
		l.moved = append(l.moved, x)
	}
	*at = row
	for _, x := range l.moved {
		if at.id != (liveID{}) {
			x.tree.Set(x.item(at))
		}
	}
}

// fits reports whether there is room for so many indexes.
func (l *liveRows) fits(set *liveSet, indexes int) bool {
	return int64(set.used)*int64(liveRowBytes+indexes*liveIndexBytes) <= l.room
}

// index returns the index for an order, or nil. It has one made if that is worth it and there is room.
func (l *liveRows) index(by game.Order) *liveIndex {
	if by.Near != nil { // another order for each number
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	set := l.ready
	if set == nil || set.used < l.indexFrom || l.open.Err() != nil {
		return nil
	}
	x, there := set.indexes[by.Field]
	switch {
	case there && x.slots == math.MaxInt:
		return x
	case !there && l.fits(set, len(set.indexes)+1):
		x = newLiveIndex(by.Field)
		set.indexes[by.Field] = x
		l.reads.Go(func() {
			for l.extend(set, x) {
			}
		})
	}
	return nil
}

// extend puts further rows into an index. It returns false when the index is complete or no longer needed.
func (l *liveRows) extend(set *liveSet, x *liveIndex) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ready != set || !set.has(x) || l.open.Err() != nil {
		return false
	}
	for range liveIndexStep {
		if x.slots == set.used {
			x.slots = math.MaxInt
			return false
		}
		if row := set.at(x.slots); row.id != (liveID{}) {
			x.tree.Set(x.item(row))
		}
		x.slots++
	}
	return true
}

// walk calls a function with each row from a position on, in an order, until it returns false. It returns false itself
// if the index is gone.
func (l *liveRows) walk(x *liveIndex, o rowOrder, after *rowPosition, look func(*liveRow) bool) bool {
	by := o.orders[0]
	first := &liveItem{num: spreadNumber(by.Start), row: edge(by.Desc)}
	if by.Field != game.FieldSpread {
		first = nil
	}
	rank := 0
	if after != nil {
		k := after.keys[0]
		first, rank = &liveItem{k.num, k.text, edge(by.Desc)}, k.rank
	}
	for ; rank <= 1; rank++ { // the order of a spread begins in the middle, and then follow the rows before it
		done := false
		each := func(row *liveRow) bool {
			if o.keys[0](row).rank != rank {
				return false
			}
			done = !look(row)
			return !done
		}
		for from, more := first, true; more; {
			var ok bool
			if from, more, ok = l.walkOf(x, by.Desc, from, each); !ok {
				return false
			}
		}
		if done || by.Field != game.FieldSpread {
			return true
		}
		first = nil
	}
	return true
}

// edge returns a row that comes before all others with the same key.
func edge(desc bool) *liveRow {
	row := &liveRow{}
	if !desc {
		for i := range row.id {
			row.id[i] = math.MaxUint8
		}
	}
	return row
}

// walkOf is walk for some rows, after which changes are made. It returns where it ended.
func (l *liveRows) walkOf(
	x *liveIndex, desc bool, from *liveItem, look func(*liveRow) bool,
) (end *liveItem, more, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.ready == nil || !l.ready.has(x) {
		return nil, false, false
	}
	n := 0
	each := func(i liveItem) bool {
		if from != nil && i.compare(*from) == 0 {
			return true // the last one of those before
		}
		if !look(i.row) {
			return false
		}
		if n++; n == liveChunk {
			end, more = &liveItem{i.num, i.text, &liveRow{id: i.row.id}}, true
		}
		return n < liveChunk
	}
	switch {
	case from == nil && desc:
		x.tree.Reverse(each)
	case from == nil:
		x.tree.Scan(each)
	case desc:
		x.tree.Descend(*from, each)
	default:
		x.tree.Ascend(*from, each)
	}
	return end, more, true
}

func (l *liveSet) has(x *liveIndex) bool {
	for _, other := range l.indexes {
		if other == x {
			return true
		}
	}
	return false
}
