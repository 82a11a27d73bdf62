package game

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
)

// Limits of lists.
const (
	DefaultLimit = 50
	MaxLimit     = 100
	// MaxPageBytes is the size of a page, in bytes, with which it ends early. One that has a single item may be larger.
	MaxPageBytes = 1 << 20
	// maxPageRoom is what [TakeRoom] is asked for a page: the largest document may be its last one.
	maxPageRoom = MaxPageBytes + maxSessionBytes
	// briefPageRoom is that for a page of brief documents.
	briefPageRoom = 2 * MaxPageBytes

	// maxSessionBytes is what the largest session takes in any engine: the attributes of its members, what else is of
	// them, and itself.
	maxSessionBytes = MaxPlayers*LargestMember + 128<<10
)

// List is one page of a list, and where the next one begins.
type List[D any] struct {
	Items []D
	// NextCursor continues the list; empty on the last page. It stays good while others insert, and is refused with
	// other filters.
	NextCursor string

	cursor func(D) string
}

// First returns the page as it is when it ends early, after n of its items, which are at least one.
func (l List[D]) First(n int) List[D] {
	if n < len(l.Items) {
		l.Items = l.Items[:n]
		l.NextCursor = l.cursor(l.Items[n-1])
	}
	return l
}

// Found is what a store finds of a list.
type Found[D any] struct {
	Items []D
	More  bool // the list goes on after these
}

// A cursor is the id of the last item and the first bytes of a hash of the filters, in base64. The id is 16 bytes, or a
// text where ids are no UUIDs.
const (
	cursorHash = 8
	maxCursor  = 384 // bytes
)

func encodeCursor(id string, filters any) string {
	raw, _ := hex.DecodeString(id[0:8] + id[9:13] + id[14:18] + id[19:23] + id[24:36])
	return encodeTextCursor(string(raw), filters)
}

func encodeTextCursor(id string, filters any) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte(id), hashFilters(filters)...))
}

// decodeCursor returns the id in a cursor, and ErrValidation for one that is not ours or was made with other filters.
func decodeCursor(cursor string, filters any) (string, error) {
	raw, err := decodeTextCursor(cursor, filters)
	switch {
	case raw == "" || err != nil:
		return "", err
	case len(raw) != 16:
		return "", errNoCursor()
	}
	h := hex.EncodeToString([]byte(raw))
	return h[0:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32], nil
}

// decodeTextCursor is decodeCursor where ids are no UUIDs.
func decodeTextCursor(cursor string, filters any) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= cursorHash || len(raw) > maxCursor {
		return "", errNoCursor()
	}
	id, hash := raw[:len(raw)-cursorHash], raw[len(raw)-cursorHash:]
	if string(hash) != string(hashFilters(filters)) {
		return "", InvalidField(
			"cursor", "belongs to a list with other filters: send the same filters, or start without a cursor",
		)
	}
	return string(id), nil
}

func errNoCursor() error {
	return InvalidField("cursor", "must be the next_cursor of an earlier response")
}

func hashFilters(filters any) []byte {
	b, err := json.Marshal(filters)
	if err != nil {
		panic("game: filters that are no JSON: " + err.Error()) // a query is made of strings, numbers and valid Values
	}
	sum := sha256.Sum256(b)
	return sum[:cursorHash]
}

// pageSize returns the limit to ask for, and ErrValidation for one out of range. Zero asks for the default.
func pageSize(limit int) (int, error) {
	switch {
	case limit == 0:
		return DefaultLimit, nil
	case limit < 1 || limit > MaxLimit:
		return 0, InvalidField("limit", "must be 1 to %d", MaxLimit)
	}
	return limit, nil
}

// query is how one noun is listed.
type query[D any] struct {
	filters any // what the cursor goes with: the noun's query without position and limit
	read    func(after string, limit int) (Found[D], error)
	id      func(D) string
	text    bool // ids are no UUIDs
}

// list returns the page of a list that a cursor and a limit ask for, and ErrValidation for those that are wrong.
func list[D any](q query[D], cursor string, limit int) (List[D], error) {
	encode, decode := encodeCursor, decodeCursor
	if q.text {
		encode, decode = encodeTextCursor, decodeTextCursor
	}
	after, err := decode(cursor, q.filters)
	if err != nil {
		return List[D]{}, err
	}
	if limit, err = pageSize(limit); err != nil {
		return List[D]{}, err
	}
	found, err := q.read(after, limit)
	if err != nil {
		return List[D]{}, err
	}
	l := List[D]{Items: found.Items, cursor: func(d D) string { return encode(q.id(d), q.filters) }}
	if n := len(l.Items); found.More && n > 0 {
		l.NextCursor = l.cursor(l.Items[n-1])
	}
	return l, nil
}
