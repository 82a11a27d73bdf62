package sqlitestore

import (
	"bytes"
	"math"
	"slices"

	"github.com/tidwall/btree"

	"game-session-manager/internal/game"
)

const (
	// liveIndexFrom is how many rows there are from which on an index is worth more than a look at each row.
	liveIndexFrom  = 20_000
	liveIndexBytes = 72  // that a row takes in an index
	liveIndexStep  = 512 // rows that are put into a new index at a time, so that writers wait a millisecond at most
	// maxLiveIndexes bounds what a change of a row costs: 2 to 4 µs for each index of what it changes.
	maxLiveIndexes = 8
	// liveIndexUnused is for how many searches an index must have been of no use before another may take its place:
	// making one of a million rows takes seconds.
	liveIndexUnused = 1000
)

// liveIndex has the rows in an order. The first search in the order has it made, in the background, while that one and
// those beside it look at each row.
type liveIndex struct {
	order rowOrder // by one or two fields
	tree  *btree.BTreeG[liveItem]
	slots int   // rows in the slots below are in the tree; math.MaxInt once all are
	used  int64 // the number of the last search that used it
}

// liveItem is a row with its first key, which the row has too until it changes, or only a position.
type liveItem struct {
	num  float64
	text string
	row  *liveRow
	at   *rowPosition
}

// liveOrderKey identifies the order of an index.
type liveOrderKey struct {
	first, second         string
	firstDesc, secondDesc bool
}

// liveOrderOf returns the part of an order that an index can have: two fields of it at most, because the sessions that
// are equal in both are few. An order by a distance is another one for each number, and none at all.
func liveOrderOf(orders []game.Order) (part []game.Order, key liveOrderKey) {
	first := orders[0]
	if first.Near != nil {
		return nil, key
	}
	first.Start = ""
	part, key = []game.Order{first}, liveOrderKey{first: first.Field, firstDesc: first.Desc}
	if len(orders) > 1 && first.Field != game.FieldSpread {
		if second := orders[1]; second.Near == nil && second.Field != game.FieldSpread {
			part, key.second, key.secondDesc = append(part, second), second.Field, second.Desc
		}
	}
	return part, key
}

func newLiveIndex(order rowOrder) *liveIndex {
	x := &liveIndex{order: order}
	less := func(a, b liveItem) bool { return x.compare(&a, &b) < 0 }
	x.tree = btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
	return x
}

func (x *liveIndex) compare(a, b *liveItem) int {
	for i := range x.order.keys {
		if d := x.order.compareKey(i, x.key(a, i), x.key(b, i)); d != 0 {
			return d
		}
	}
	return bytes.Compare(b.id(), a.id())
}

func (x *liveIndex) key(item *liveItem, i int) rowKey {
	switch {
	case i == 0:
		return rowKey{num: item.num, text: item.text}
	case item.at != nil:
		return item.at.keys[i]
	}
	return x.order.keys[i](item.row)
}

func (i *liveItem) id() []byte {
	if i.at != nil {
		return i.at.id[:]
	}
	return i.row.id[:]
}

func (x *liveIndex) item(row *liveRow) liveItem {
	k := x.order.keys[0](row)
	return liveItem{num: k.num, text: k.text, row: row}
}

// position returns an item at the place of a row, which the row may leave.
func (x *liveIndex) position(row *liveRow) *liveItem {
	at := &rowPosition{id: row.id}
	for _, key := range x.order.keys {
		at.keys = append(at.keys, key(row))
	}
	return itemAt(at)
}

func itemAt(p *rowPosition) *liveItem {
	return &liveItem{num: p.keys[0].num, text: p.keys[0].text, at: p}
}

// unmoved reports whether rows have the same place.
func (x *liveIndex) unmoved(a, b *liveRow) bool {
	if a.id != b.id {
		return false
	}
	for _, key := range x.order.keys {
		if key(a) != key(b) {
			return false
		}
	}
	return true
}

// replace stores a row in a slot, and in the indexes that have the slot. The zero row frees the slot.
func (l *liveSet) replace(slot int, row liveRow) {
	at := l.at(slot)
	l.moved = l.moved[:0]
	for _, x := range l.indexes {
		if slot >= x.slots || x.unmoved(at, &row) {
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

// index returns an index for the first fields of an order, or nil. It has one made if that is worth it and there is
// room.
func (l *liveRows) index(orders []game.Order) *liveIndex {
	part, key := liveOrderOf(orders)
	if part == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	set := l.ready
	if set == nil || set.used < l.indexFrom || l.open.Err() != nil {
		return nil
	}
	set.searches++
	if x, there := set.indexes[key]; there {
		if x.used = set.searches; x.slots == math.MaxInt {
			return x
		}
		return nil
	}
	order, ok := rowOrderOf(part)
	if !ok || !l.fits(set, len(set.indexes)+1) && !set.dropUnused() ||
		len(set.indexes) == maxLiveIndexes && !set.dropUnused() {
		return nil
	}
	x := newLiveIndex(order)
	x.used = set.searches
	set.indexes[key] = x
	l.reads.Go(func() {
		for l.extend(set, x) {
		}
	})
	return nil
}

// dropUnused removes an index that has been of no use for long, and reports whether there is one.
func (l *liveSet) dropUnused() bool {
	for key, x := range l.indexes {
		if l.searches-x.used > liveIndexUnused {
			delete(l.indexes, key)
			return true
		}
	}
	return false
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

// walk calls a function with each row from a position on, in the order of an index, until it returns false. It returns
// false itself if the index is gone.
func (l *liveRows) walk(x *liveIndex, o rowOrder, after *rowPosition, look func(*liveRow) bool) bool {
	from, rank := x.begin(o, after)
	for ; rank <= 1; rank++ { // the order of a spread begins in the middle, and then follow the rows before it
		done := false
		each := func(row *liveRow) bool {
			if o.keys[0](row).rank != rank {
				return false
			}
			done = !look(row)
			return !done
		}
		for more := true; more; {
			var ok bool
			if from, more, ok = l.walkOf(x, from, each); !ok {
				return false
			}
		}
		if done || o.orders[0].Field != game.FieldSpread {
			return true
		}
		from = nil
	}
	return true
}

// begin returns where the rows after a position begin, nil for the first one, and the rank that they have.
func (x *liveIndex) begin(o rowOrder, after *rowPosition) (from *liveItem, rank int) {
	all := len(x.order.keys)
	p := &rowPosition{keys: make([]rowKey, all)}
	switch {
	case after != nil:
		copy(p.keys, after.keys)
		rank, p.keys[0].rank = p.keys[0].rank, 0
	case o.orders[0].Field == game.FieldSpread:
		p.keys[0].num = spreadNumber(o.orders[0].Start)
	default:
		return nil, 0
	}
	if after != nil && x.whole(o) {
		p.id = after.id
	} else { // before all that have the same keys
		copy(p.id[:], slices.Repeat([]byte{math.MaxUint8}, len(p.id)))
	}
	return itemAt(p), rank
}

// whole reports whether the index has all of an order.
func (x *liveIndex) whole(o rowOrder) bool { return len(x.order.keys) == len(o.keys) }

// past reports whether a row and all that follow it in the index come after a position.
func (x *liveIndex) past(o rowOrder, row *liveRow, p *rowPosition) bool {
	for i := range x.order.keys {
		if d := o.compareKey(i, o.keys[i](row), p.keys[i]); d != 0 {
			return d > 0
		}
	}
	return false
}

// walkOf is walk for some rows, after which changes are made. It returns where it ended.
func (l *liveRows) walkOf(x *liveIndex, from *liveItem, look func(*liveRow) bool) (end *liveItem, more, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.ready == nil || !l.ready.has(x) {
		return nil, false, false
	}
	n := 0
	each := func(i liveItem) bool {
		if from != nil && x.compare(&i, from) == 0 {
			return true // the last one of those before
		}
		if !look(i.row) {
			return false
		}
		if n++; n == liveChunk {
			end, more = x.position(i.row), true
		}
		return n < liveChunk
	}
	if from == nil {
		x.tree.Scan(each)
	} else {
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
