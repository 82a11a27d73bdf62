package api

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

type timelineIn struct {
	SessionPath
	Paging
}

func (a *API) getTimeline(ctx context.Context, in *timelineIn) (*pageOut[game.Event], error) {
	l, err := a.Sessions.Timeline(ctx, in.SessionID, in.Cursor, in.Limit)
	return pageResponse(in.IfNoneMatch, newPage(l), err)
}

// changeList has the schema of [game.Changes]: each change as an object with the fields of its type.
type changeList struct{}

// Schema implements [huma.SchemaProvider].
func (changeList) Schema(r huma.Registry) *huma.Schema {
	const name = "Change"
	if r.Map()[name] == nil {
		fields := map[string]*huma.Schema{
			"type": {Type: huma.TypeString, Enum: enum(game.ChangeTypes()), Description: "What happened."},
		}
		for _, c := range game.AllChanges() {
			for f := range reflect.TypeOf(c).Fields() {
				tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				fields[tag] = merged(fields[tag], changeField(f.Type), game.TypeOf(c))
			}
		}
		s := &huma.Schema{Type: huma.TypeObject, Properties: fields, Required: []string{"type"}}
		s.PrecomputeMessages()
		r.Map()[name] = s
	}
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Ref: "#/components/schemas/" + name}}
}

// changeField returns the schema of a change's field.
func changeField(t reflect.Type) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Enum: valuesOf(t)}
	switch t {
	case reflect.TypeFor[[]string]():
		return &huma.Schema{Type: huma.TypeArray, Items: s}
	case reflect.TypeFor[time.Time](), reflect.TypeFor[*time.Time]():
		s.Format = "date-time"
	case reflect.TypeFor[game.PlayerID]():
		s.Format = "uuid"
	case reflect.TypeFor[int64]():
		s.Type, s.Format = huma.TypeInteger, "int64"
	}
	return s
}

// merged returns the schema of a field that changes of several types have. It adds the type of to the field's
// description, and its values.
func merged(old, s *huma.Schema, of game.ChangeType) *huma.Schema {
	if old == nil {
		s.Description = "Of " + string(of) + "."
		return s
	}
	old.Description = strings.TrimSuffix(old.Description, ".") + ", " + string(of) + "."
	for _, v := range s.Enum {
		if !slices.Contains(old.Enum, v) {
			old.Enum = append(old.Enum, v)
		}
	}
	return old
}
