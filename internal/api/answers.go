package api

import (
	"fmt"
	"net/http"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// document is what the API keeps by id and version.
type document interface{ game.Player | game.Session }

// identity returns the path and the version of a document.
func identity[D document](d D) (path string, version int64) {
	switch d := any(d).(type) {
	case game.Player:
		return basePath + "/players/" + string(d.ID), d.Version
	case game.Session:
		return basePath + "/sessions/" + string(d.ID), d.Version
	}
	panic(fmt.Sprintf("api: %T is no document", d)) // the constraint has no other
}

// documentOut answers with a document.
type documentOut[D document] struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotent-Replayed"`
	Body     D
}

// answer is the answer to a call that read or changed a document.
func answer[D document](d D, err error) (*documentOut[D], error) {
	if err != nil {
		return nil, err
	}
	_, version := identity(d)
	return &documentOut[D]{Status: http.StatusOK, ETag: web.ETag(version), Body: d}, nil
}

// creation is the answer to a call that created a document, now or in an earlier try.
func creation[D document](c game.Created[D], err error) (*documentOut[D], error) {
	out, err := answer(c.Document, err)
	if err != nil {
		return nil, err
	}
	out.Status = http.StatusCreated
	out.Location, _ = identity(c.Document)
	if c.Replayed {
		out.Replayed = "true"
	}
	return out, nil
}

// read is the answer to a call that read a document, for a caller who may have it already by an If-None-Match header.
func read[D document](ifNoneMatch string, d D, err error) (*documentOut[D], error) {
	out, err := answer(d, err)
	if err != nil {
		return nil, err
	}
	if _, version := identity(d); web.IfNoneMatch(ifNoneMatch, version) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

// sessionOut is a response with a session, and with as much of its members as is wanted.
type sessionOut struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotent-Replayed"`
	Applied  string `header:"Preference-Applied"`
	Body     sessionBody
}

// showing makes a session's response of that of any document.
func showing(out *documentOut[game.Session], err error, show shown, applied string) (*sessionOut, error) {
	if err != nil {
		return nil, err
	}
	return &sessionOut{out.Status, out.ETag, out.Location, out.Replayed, applied, sessionBody{out.Body, show}}, nil
}
