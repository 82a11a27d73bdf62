package api

import (
	"fmt"
	"net/http"

	jsonv2 "github.com/go-json-experiment/json"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// document is a document with an id and a version.
type document interface {
	game.Player | game.Session | game.Webhook
}

// identity returns the path and the version of a document.
func identity[D document](d D) (path string, version int64) {
	switch d := any(d).(type) {
	case game.Player:
		return basePath + "/players/" + string(d.ID), d.Version
	case game.Session:
		return basePath + "/sessions/" + string(d.ID), d.Version
	case game.Webhook:
		return basePath + "/webhooks/" + string(d.ID), d.Version
	}
	panic(fmt.Sprintf("api: %T is not a document", d)) // unreachable: see the constraint
}

// bodyOut is a response that is a body alone.
type bodyOut[B any] struct{ Body B }

// bodyResponse returns the response to a call that returned its body. As all handlers, it may return it with an error,
// which is then the response.
func bodyResponse[B any](b B, err error) (*bodyOut[B], error) { return &bodyOut[B]{b}, err }

// pageOut is a response with a page of a list.
type pageOut[D any] struct {
	Status int
	ETag   string `header:"ETag"`
	Body   page[D]
}

// pageResponse returns the response to a call that read a page: 304 if the caller's If-None-Match lists the entity tag
// of the page. That is a hash of the body, so that it is exact whatever the page has.
func pageResponse[D any](ifNoneMatch string, p page[D], err error) (*pageOut[D], error) {
	if err == nil && p.json == nil {
		p.json, err = jsonv2.Marshal(p, sortedNames)
	}
	out := &pageOut[D]{http.StatusOK, web.BodyETag(p.json), p}
	if web.IfNoneMatch(ifNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, err
}

// cachedOut is a response with a header that says how long it may be cached.
type cachedOut[B any] struct {
	CacheControl string `header:"Cache-Control"`
	Body         B
}

// taggedOut is a response with a part of a session, which has the entity tag of the session.
type taggedOut[B any] struct {
	ETag string `header:"ETag"`
	Body B
}

// documentOut is a response with a document.
type documentOut[D document] struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotent-Replayed"`
	Body     D
}

// documentResponse returns the response to a call that read or changed a document.
func documentResponse[D document](d D, err error) (*documentOut[D], error) {
	_, version := identity(d)
	return &documentOut[D]{Status: http.StatusOK, ETag: web.ETag(version), Body: d}, err
}

// createdResponse returns the response to a call that created a document, or that an earlier try had created.
func createdResponse[D document](c game.Created[D], err error) (*documentOut[D], error) {
	out, err := documentResponse(c.Document, err)
	out.Status = http.StatusCreated
	out.Location, _ = identity(c.Document)
	if c.Replayed {
		out.Replayed = "true"
	}
	return out, err
}

// conditionalResponse returns the response to a read: 304 if the caller's If-None-Match lists the document's version.
func conditionalResponse[D document](ifNoneMatch string, d D, err error) (*documentOut[D], error) {
	out, err := documentResponse(d, err)
	if web.IfNoneMatch(ifNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, err
}

// sessionOut is a response with a session.
type sessionOut struct {
	Status   int
	ETag     string   `header:"ETag"`
	Location string   `header:"Location"`
	Replayed string   `header:"Idempotent-Replayed"`
	Applied  string   `header:"Preference-Applied"`
	Body     *Session // large: nobody copies it
}

// sessionResponse returns the response with a session, given that with a document, and the value of Preference-Applied.
func sessionResponse(
	out *documentOut[game.Session], err error, members memberDetail, applied string,
) (*sessionOut, error) {
	body := members.of(out.Body)
	return &sessionOut{out.Status, out.ETag, out.Location, out.Replayed, applied, &body}, err
}

// changed returns the response to a call that changed a session.
func (h PreferHeader) changed(s game.Session, err error) (*sessionOut, error) {
	out, err := documentResponse(s, err)
	members, applied := h.preferred()
	return sessionResponse(out, err, members, applied)
}
