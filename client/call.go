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
	"strings"

	"game-session-manager/internal/game"
)

const (
	basePath   = "/api/v1"
	mediaJSON  = "application/json"
	mediaPatch = "application/merge-patch+json" // RFC 7396, section 4
)

// Options of single calls, by the kind of call that accepts them.
type (
	// CreateOption configures a call that creates a document.
	CreateOption func(*call)
	// ReadOption configures a call that reads a document.
	ReadOption func(*call)
	// WriteOption configures a call that changes a document.
	WriteOption func(*call)
)

// IdempotencyKey sets the idempotency key of a creation, so that it can be repeated across calls and programs. For 24
// hours, the same key with the same request returns the document that was created first, and the same key with another
// request returns [ErrIdempotencyKeyReuse]. Without this option, each call has a random key. A key has 1 to 255
// printable ASCII characters.
func IdempotencyKey(key string) CreateOption {
	return func(q *call) { q.key = key }
}

// IfVersion changes the document only if it is at this version. Otherwise the call returns [ErrVersionMismatch].
func IfVersion(version int64) WriteOption {
	return func(q *call) {
		q.conditional = true
		q.header.Set("If-Match", etag(version))
	}
}

// IfFence changes the session only if it is at this fence, which grows when the host changes and when a server takes
// over. Otherwise the call returns [ErrStaleFence]: whoever held the session before must not overwrite what its
// successor does.
func IfFence(fence int64) WriteOption {
	return func(q *call) {
		q.conditional = true
		q.header.Set("Session-Fence", strconv.FormatInt(fence, 10))
	}
}

// IfChangedSince reads the document only if it is no longer at this version. Otherwise the call returns
// [ErrNotModified].
func IfChangedSince(version int64) ReadOption {
	return func(q *call) { q.header.Set("If-None-Match", etag(version)) }
}

// ShowMembers sets how much of its members a session has in the response.
func ShowMembers(m MembersShown) ReadOption {
	return func(q *call) { q.query.Set("members", string(m)) }
}

// ShowPlayers adds the names of the members to the session in the response. Do not combine it with [IfChangedSince]:
// the names are not part of the session's version, so that the server returns the session whether it has changed or
// not.
func ShowPlayers() ReadOption {
	return func(q *call) { q.query.Set("include", "players") }
}

// WithoutMembers leaves the members out of the session that a change returns. It keeps responses small, however many
// members there are.
func WithoutMembers() WriteOption {
	return func(q *call) { q.header.Set("Prefer", "return=minimal") }
}

func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// call is one call of the API, which may take several tries.
type call struct {
	method string
	path   string
	query  url.Values
	header http.Header
	body   []byte
	err    error // the request is invalid and is not sent

	key         string // the idempotency key of a creation
	conditional bool   // on a version or a fence: a second try would find that which the first one made
	doneIf      error  // the error of a retry that proves that an earlier try succeeded
	single      bool   // never retried
	reads       bool   // changes nothing, whatever its method is
	alsoStatus  int    // a status other than 2xx whose body is the document too
}

func read(path string, query url.Values) *call {
	if query == nil {
		query = url.Values{} // for options
	}
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
	q.body, q.err = withoutEmpty(body)
	q.header.Set("Content-Type", mediaJSON)
	return q
}

// withoutEmpty encodes an object without its members that are null or empty strings. The server gives a missing field
// its default, but rejects "" as a status.
func withoutEmpty(body any) ([]byte, error) {
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

// create returns a call that creates a document: the same one in all its tries.
func create(path string, body any, opts []CreateOption) *call {
	q := write(http.MethodPost, path, body)
	q.key = rand.Text()
	with(q, opts)
	if !validKey(q.key) {
		q.err = fmt.Errorf("IdempotencyKey: must have 1 to %d printable ASCII characters", game.MaxIdempotencyKey)
	}
	q.header.Set("Idempotency-Key", q.key)
	return q
}

func validKey(key string) bool {
	return len(key) >= 1 && len(key) <= game.MaxIdempotencyKey &&
		!strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
}

func with[O ~func(*call)](q *call, opts []O) *call {
	for _, o := range opts {
		o(q)
	}
	return q
}

// segment escapes an id for use in a path. An empty id and dots become "-", which is no id, because they would address
// another path.
func segment[ID ~string](id ID) string {
	switch id {
	case "", ".", "..":
		return "-"
	}
	return url.PathEscape(string(id))
}

// fetch makes a call that returns a document.
func fetch[D any](ctx context.Context, c *Client, q *call) (D, error) {
	var d D
	err := c.send(ctx, q, &d)
	if err != nil {
		d = *new(D) // not what was decoded before the error
	}
	return d, err
}

// errBadResponse says that the body of a successful response is not the document.
var errBadResponse = errors.New("the response is not the requested document")

// request returns the request of a call.
func (c *Client) request(ctx context.Context, q *call) (*http.Request, error) {
	target := c.base + q.path
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, target, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
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
	return req, nil
}

// try sends the request once and decodes the response into out, unless that is nil.
func (c *Client) try(ctx context.Context, q *call, out any) error {
	req, err := c.request(ctx, q)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // the body was read, or is not wanted
	body, err := io.ReadAll(io.LimitReader(res.Body, c.maxResponse+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the response: %w", err)
	case int64(len(body)) > c.maxResponse:
		return fmt.Errorf("%w: it has more than %d bytes", errBadResponse, c.maxResponse)
	case res.StatusCode == http.StatusNotModified:
		return ErrNotModified
	case res.StatusCode != q.alsoStatus && res.StatusCode/100 != 2:
		return newError(res, body)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		if res.StatusCode == q.alsoStatus {
			return newError(res, body)
		}
		return fmt.Errorf("%w: %w", errBadResponse, err)
	}
	return nil
}
