package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"game-session-manager/internal/game"
)

const (
	basePath  = "/api/v1"
	mediaJSON = "application/json"
	// RFC 7396, section 4.
	mediaPatch = "application/merge-patch+json"
)

// Options of single calls. Each kind of call takes its own.
type (
	// CreateOption changes how a document is created.
	CreateOption func(*call)
	// ReadOption changes how a document is read.
	ReadOption func(*call)
	// WriteOption changes how a document is changed.
	WriteOption func(*call)
)

// IdempotencyKey makes a creation recognisable over several calls, and programs: for 24 hours the same key and the same
// request answer the document that was made first, and another request with the key is [ErrIdempotencyKeyReuse].
// Without this option each call has a fresh key. A key has 1 to 255 printable ASCII characters.
func IdempotencyKey(key string) CreateOption {
	return func(q *call) { q.key = key }
}

// IfVersion changes the document only if it is at this version, and answers [ErrVersionMismatch] if it is not.
func IfVersion(version int64) WriteOption {
	return func(q *call) {
		q.conditional = true
		q.header.Set("If-Match", etag(version))
	}
}

// IfChangedSince reads the document only if it is not at this version any more, and answers [ErrNotModified] if it is.
func IfChangedSince(version int64) ReadOption {
	return func(q *call) { q.header.Set("If-None-Match", etag(version)) }
}

// ShowMembers sets how much of its members a session has that is read.
func ShowMembers(m MembersShown) ReadOption {
	return func(q *call) {
		if q.query == nil {
			q.query = url.Values{}
		}
		q.query.Set("members", string(m))
	}
}

// WithoutMembers leaves the members out of the session that a change returns, which is short then however many there
// are.
func WithoutMembers() WriteOption {
	return func(q *call) { q.header.Set("Prefer", "return=minimal") }
}

func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// call is one request of the API, whatever the number of tries.
type call struct {
	method string
	path   string
	query  url.Values
	header http.Header
	body   []byte
	err    error // why it cannot be made

	key         string // of idempotency, for creations
	conditional bool   // on a version, so that it is not the same call a second time
	erases      error  // the answer to a retry that finds that the lost try did it
	single      bool   // one try only
	also        int    // a status beside those of success whose body is the document
}

func read(path string, query url.Values) *call {
	return &call{method: http.MethodGet, path: path, query: query, header: http.Header{}}
}

func write(method, path string, body any) *call {
	q := &call{method: method, path: path, header: http.Header{}}
	if body == nil {
		return q
	}
	if method == http.MethodPatch {
		q.body, q.err = json.Marshal(body)
		q.header.Set("Content-Type", mediaPatch)
		return q
	}
	q.body, q.err = filled(body)
	q.header.Set("Content-Type", mediaJSON)
	return q
}

// filled writes an object without the members that are empty text or null: to the server what is left out has its
// default, while "" is no status.
func filled(body any) ([]byte, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, err
	}
	maps.DeleteFunc(members, func(_ string, v json.RawMessage) bool { return string(v) == `""` || string(v) == "null" })
	return json.Marshal(members)
}

// create is a write that makes a document, and one only for all its tries.
func create(path string, body any, opts []CreateOption) *call {
	q := write(http.MethodPost, path, body)
	q.key = rand.Text()
	for _, o := range opts {
		o(q)
	}
	if !validKey(q.key) {
		q.err = fmt.Errorf("IdempotencyKey: must have 1 to %d printable ASCII characters", game.MaxIdempotencyKey)
	}
	q.header.Set("Idempotency-Key", q.key)
	return q
}

func validKey(key string) bool {
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(key) >= 1 && len(key) <= game.MaxIdempotencyKey
}

func with[O ~func(*call)](q *call, opts []O) *call {
	for _, o := range opts {
		o(q)
	}
	return q
}

// segment writes an id into a path. Whatever it is, it stays one segment: "" and ".." are no ids, and would be another
// path.
func segment[ID ~string](id ID) string {
	switch id {
	case "", ".", "..":
		return "-"
	}
	return url.PathEscape(string(id))
}

// fetch makes a call that answers a document.
func fetch[D any](ctx context.Context, c *Client, q *call) (D, error) {
	var d D
	if err := c.send(ctx, q, &d); err != nil {
		var none D
		return none, err
	}
	return d, nil
}

// errBadAnswer says that a success came with a body that is not the document.
var errBadAnswer = errors.New("the response is not the requested document")

// try sends the request once, and reads the answer into out unless that is nil.
func (c *Client) try(ctx context.Context, q *call, out any) error {
	target := c.base + q.path
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, target, bytes.NewReader(q.body))
	if err != nil {
		return err
	}
	req.Header = q.header.Clone()
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", mediaJSON)
	if c.bearer != nil {
		req.Header.Set("Authorization", "Bearer "+c.bearer())
	}
	if c.actAs != "" {
		req.Header.Set("X-Act-As-Player", string(c.actAs))
	}

	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read to its end or refused: nothing is lost
	body, err := io.ReadAll(io.LimitReader(res.Body, c.maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the response: %w", err)
	case int64(len(body)) > c.maxAnswer:
		return fmt.Errorf("%w: it has more than %d bytes", errBadAnswer, c.maxAnswer)
	case res.StatusCode == http.StatusNotModified:
		return ErrNotModified
	case res.StatusCode != q.also && res.StatusCode/100 != 2:
		return newError(res, body)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		if res.StatusCode == q.also {
			return newError(res, body)
		}
		return fmt.Errorf("%w: %w", errBadAnswer, err)
	}
	return nil
}
