package game

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Limits of lists.
const (
	DefaultLimit = 50
	MaxLimit     = 100
	// MaxPageBytes is the size in bytes at which a page ends early. A page with a single item may be larger.
	MaxPageBytes = 1 << 20
	// maxPageRoom is the memory that a page needs: the largest document may be its last item.
	maxPageRoom = MaxPageBytes + maxSessionBytes
	// briefPageRoom is the memory that a page of brief documents needs.
	briefPageRoom = 2 * MaxPageBytes

	// maxSessionBytes is the maximum stored size of a session in any engine: its members and everything else.
	maxSessionBytes = MaxPlayers*LargestMember + 128<<10
)

// List is one page of a list.
type List[D any] struct {
	Items []D
	// NextCursor continues the list; it is empty on the last page. It stays valid while documents are added, and only
	// works with the same filters.
	NextCursor string

	cursor func(D) string
}

// First returns the page shortened to its first n items, which is at least one.
func (l List[D]) First(n int) List[D] {
	if n < len(l.Items) {
		l.Items = l.Items[:n]
		l.NextCursor = l.cursor(l.Items[n-1])
	}
	return l
}

// Found is a page that a store returns.
type Found[D any] struct {
	Items []D
	More  bool // there are more after these
	// Unreadable are the ids of documents that belong on the page and cannot be decoded, in the order of the list. They
	// are left out of Items, and count as if they were there: the page may consist of them.
	Unreadable []string
}

// last returns the id of the last document on the page, or "" for an empty page. Lists are in descending order.
func (f Found[D]) last(id func(D) string) string {
	last := ""
	if n := len(f.Items); n > 0 {
		last = id(f.Items[n-1])
	}
	if n := len(f.Unreadable); n > 0 && (last == "" || f.Unreadable[n-1] < last) {
		last = f.Unreadable[n-1]
	}
	return last
}

// whole returns an error for callers that must not pass over documents.
func (f Found[D]) whole() error {
	if len(f.Unreadable) == 0 {
		return nil
	}
	return ErrStoreUnavailable.Because(fmt.Errorf("documents that cannot be read: %v", f.Unreadable))
}

// A cursor is the id of the last item and the first bytes of a hash of the filters, in base64. The id is 16 bytes, or
// text if ids are not UUIDs.
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

// decodeCursor returns the id in a cursor. It returns ErrValidation if the cursor is malformed or was made with other
// filters.
func decodeCursor(cursor string, filters any) (string, error) {
	raw, err := decodeTextCursor(cursor, filters)
	switch {
	case raw == "" || err != nil:
		return "", err
	case len(raw) != 16:
		return "", errInvalidCursor()
	}
	h := hex.EncodeToString([]byte(raw))
	return h[0:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32], nil
}

// decodeTextCursor is decodeCursor for ids that are not UUIDs.
func decodeTextCursor(cursor string, filters any) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= cursorHash || len(raw) > maxCursor {
		return "", errInvalidCursor()
	}
	id, hash := raw[:len(raw)-cursorHash], raw[len(raw)-cursorHash:]
	if string(hash) != string(hashFilters(filters)) {
		return "", InvalidField(
			"cursor", "belongs to a list with other filters: send the same filters, or start without a cursor",
		)
	}
	return string(id), nil
}

func errInvalidCursor() error {
	return InvalidField("cursor", "must be the next_cursor of an earlier response")
}

func hashFilters(filters any) []byte {
	b, err := json.Marshal(filters)
	if err != nil {
		panic("game: filters cannot be encoded: " + err.Error()) // queries consist of strings, numbers and valid Values
	}
	sum := sha256.Sum256(b)
	return sum[:cursorHash]
}

// pageSize returns the limit of a page, the default for 0, or ErrValidation for a limit out of range.
func pageSize(limit int) (int, error) {
	switch {
	case limit == 0:
		return DefaultLimit, nil
	case limit < 1 || limit > MaxLimit:
		return 0, InvalidField("limit", "must be 1 to %d", MaxLimit)
	}
	return limit, nil
}

// query describes how documents of one type are listed.
type query[D any] struct {
	filters any // that a cursor belongs to: the query without position and limit
	read    func(after string, limit int) (Found[D], error)
	id      func(D) string
	text    bool // ids are not UUIDs
}

// list returns the page that the cursor and the limit ask for, or ErrValidation.
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
	if last := found.last(q.id); found.More && last != "" {
		l.NextCursor = encode(last, q.filters)
	}
	return l, nil
}
