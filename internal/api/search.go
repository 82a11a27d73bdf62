package api

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

type searchSessionsIn struct {
	Sent Body[game.SearchRequest]
}

type searchSessionsOut struct{ Body searchPage }

// searchPage is a page of sessions without their members.
type searchPage struct {
	Items      []foundSession `json:"items" nullable:"false" maxItems:"100" doc:"Sessions without their members. A page may have fewer than the limit, and even none, although there are more: next_cursor alone says whether there are."`
	NextCursor *string        `json:"next_cursor" doc:"Continues the search; null on the last page."`
	Count      *int           `json:"count,omitempty" doc:"How many sessions the search finds, at most 1000; only with count."`
	CountExact *bool          `json:"count_exact,omitempty" doc:"Whether it finds no more than count; only with count."`

	Reasons []game.SearchReason `json:"reasons,omitempty" nullable:"false" doc:"What the search would find without each condition, and with each obstacle included; only with explain."`

	json []byte // the encoded page
}

// encoded returns the page as it was encoded before.
func (p searchPage) encoded() []byte { return p.json }

// foundSession is a session in a search.
type foundSession struct{ Session }

func (a *API) searchSessions(ctx context.Context, in *searchSessionsIn) (*searchSessionsOut, error) {
	r := in.Sent.Value()
	found, err := a.Sessions.Search(ctx, r)
	if err != nil {
		return nil, err
	}
	var only []string
	if r.Fields != nil {
		only = append([]string{"id"}, r.Fields...)
	}
	p, err := boundedPage(ctx, found.List, only, membersNone.of)
	if err != nil {
		return nil, err
	}
	body := searchPage{json: p.json}
	if b, whole := bytes.CutSuffix(p.json, []byte("}")); whole {
		if r.Count {
			b = strconv.AppendInt(append(b, `,"count":`...), int64(found.Count), 10)
			b = strconv.AppendBool(append(b, `,"count_exact":`...), found.Counted)
		}
		if r.Explain {
			reasons, err := json.Marshal(found.Reasons)
			if err != nil {
				return nil, err //nolint:wrapcheck // texts and numbers can be encoded
			}
			b = append(append(b, `,"reasons":`...), reasons...)
		}
		body.json = append(b, '}')
	}
	return &searchSessionsOut{body}, nil
}

// searchSchemas completes the schemas of searches.
func searchSchemas(r huma.Registry) {
	r.RegisterTypeAlias(reflect.TypeFor[game.SearchValue](), reflect.TypeFor[searchValue]())
	search := requestOf[game.SearchRequest](r)
	named(r, "SearchOrder", requestOf[game.SearchOrder](r, "by"))
	search.Properties["include"].Items.Enum = enum(game.Obstacles())
	search.Properties["fields"].Items.Enum = enum(game.FoundFields())
	found := r.Map()["FoundSession"]
	found.Description = "A session, or those of its fields that the search asks for."
	found.Required = []string{"id"}
	maps.DeleteFunc(found.Properties, func(name string, _ *huma.Schema) bool {
		return !slices.Contains(game.FoundFields(), name)
	})
	condition := r.Map()["SearchCondition"]
	condition.Description = "A comparison, with field, op and value, or one of any, all and not."
	condition.Required = nil
	condition.Properties["op"].Enum = enum(game.Ops())
	condition.PrecomputeMessages()
	named(r, "SearchRequest", search)
}

// searchValue has the schema of a [game.SearchValue].
type searchValue struct{}

// Schema implements [huma.SchemaProvider].
func (searchValue) Schema(r huma.Registry) *huma.Schema {
	one := attributeValue{}.Schema(r)
	return &huma.Schema{
		Description: "What the field is compared with: an array for in and between, true or false for exists.",
		AnyOf: append(one.AnyOf, &huma.Schema{
			Type: huma.TypeArray, Items: one, MaxItems: new(game.MaxInValues),
		}),
	}
}
