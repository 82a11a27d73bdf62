package api

import (
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json/jsontext"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// normaliseParams is a middleware of huma that accepts parameters in every form that the contract allows, as bodies
// are: integers such as 4e0, and ids in upper or lower case. It rejects other forms of booleans.
func normaliseParams(ctx huma.Context, next func(huma.Context)) {
	if len(ctx.Operation().Parameters) > 0 {
		ctx = normalised{ctx}
	}
	next(ctx)
}

type normalised struct{ humaContext }

// humaContext is embedded under this name because [huma.Context] has a method named Context.
type humaContext huma.Context

// Unwrap lets humago reach the request and its writer.
func (n normalised) Unwrap() huma.Context { return n.humaContext }

// Param implements [huma.Context].
func (n normalised) Param(name string) string {
	return n.normal("path", name, n.humaContext.Param(name))
}

// Query implements [huma.Context].
func (n normalised) Query(name string) string {
	return n.normal("query", name, n.humaContext.Query(name))
}

// Header implements [huma.Context]. Several lines of a header are one list (RFC 9110, section 5.3).
func (n normalised) Header(name string) string {
	value := n.humaContext.Header(name)
	if value == "" {
		return value
	}
	if r, _ := humago.Unwrap(n); r != nil {
		value = strings.Join(r.Header.Values(name), ", ")
	}
	return n.normal("header", name, value)
}

func (n normalised) normal(in, name, value string) string {
	all := n.Operation().Parameters
	i := slices.IndexFunc(all, func(p *huma.Param) bool { return p.In == in && p.Name == name })
	if i < 0 || value == "" {
		return value
	}
	switch s := all[i].Schema; {
	case s.Type == huma.TypeInteger:
		if number := jsontext.Value(value); number.IsValid() && number.Kind() == jsontext.KindNumber {
			if integer, ok := web.WholeNumber(value); ok {
				return integer
			}
		}
	case s.Type == huma.TypeBoolean && value != "true" && value != "false":
		return "neither" // huma would accept 1 and T
	case s.Pattern == game.IDPattern, s.Pattern == game.KeyIDPattern:
		return game.NormalID(value)
	}
	return value
}

// explainParam replaces huma's message about an invalid integer or time, which is an error text of Go's parsers.
func explainParam(op *huma.Operation, d *huma.ErrorDetail) {
	in, name, _ := strings.Cut(d.Location, ".")
	for _, p := range op.Parameters {
		text, ok := d.Value.(string) // text that could not be parsed; errors of limits have the parsed value
		switch {
		case !ok || p.In != in || p.Name != name:
		case p.Schema.Type == huma.TypeInteger:
			d.Message = web.MustBeWhole
		case p.Schema.Type == huma.TypeBoolean:
			d.Message = "must be true or false"
		case p.Schema.Format == "date-time" && text != "":
			d.Message = web.MustBeTime
		}
	}
}
