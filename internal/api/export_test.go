package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// ReadProfile reads the body of a new player.
func ReadProfile(body []byte) (game.Profile, []error) {
	r, errs := readBody[game.Profile]("Profile", body)
	return r.Over(game.Profile{}), errs
}

// PatchSettings merges a patch into a session's settings and connection. Timeouts have no defaults.
func PatchSettings(e game.SessionEdit, patch []byte) (game.SessionEdit, []error) {
	r, errs := readBody[sessionPatch]("SettingsPatch", patch)
	return r.MergedInto(patchOf(e)).edit(game.Timeouts{}), errs
}

func readBody[T validated](schema string, body []byte) (r received[T], errs []error) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	addSchemas(registry)
	form := web.NewForm(registry, &huma.Schema{Ref: componentPath + schema}, reflect.TypeFor[T]())
	op := &huma.Operation{Metadata: map[string]any{bodies: &web.Bodies{Form: form}}}
	req := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	var base T
	errs = r.resolve(humago.NewContext(op, req, httptest.NewRecorder()), base)
	return r, errs
}

// ParseAttributes reads an attribute filter.
func ParseAttributes(deep map[string]string, plain ...string) (game.AttributeFilter, error) {
	found, wrong := parseAttributes(deep, plain)
	return found, errors.Join(wrong...)
}

// ShownKey returns an API key as admins see it.
func ShownKey(k game.Key) KeyBody {
	return KeyAt(k, time.Now())
}

// JSON returns the body of a response.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	err := marshal(&b, v)
	return b.Bytes(), err
}

// JoinedSession is the response to a join.
type JoinedSession = joinedSession

// SessionPage returns a page of a list as it is written, with so much of the members.
func SessionPage(l game.List[game.Session], show string) (any, error) {
	return boundedPage(context.Background(), l, nil, memberDetail(show).of)
}

// PrefersMinimal reads a Prefer header.
var PrefersMinimal = prefersMinimal

// Route is a row of the table.
type Route struct {
	Method, Path, Tag                    string
	Open, ActsAs, Exempt, Probe, Streams bool
}

// Routes returns all rows by their patterns.
func (a *API) Routes() map[string]Route {
	all := make(map[string]Route)
	for pattern, r := range a.byPattern {
		all[pattern] = Route{r.method, r.path, r.tag, r.open, r.actsAs, r.exempt, r.probe, r.streams}
	}
	return all
}

// Operations returns the patterns of the operations of the contract.
func (a *API) Operations() []string { return a.operations }

// Tags returns the groups of operations.
func Tags() []*huma.Tag { return tags() }

// Stream adds a route whose responses go on.
func (a *API) Stream(path string, h http.Handler) {
	a.addRoute(route{method: http.MethodGet, path: path, traits: traits{open: true, streams: true}})
	a.mux.Handle(http.MethodGet+" "+path, h)
}
