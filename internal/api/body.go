package api

import (
	"errors"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// bodies is the key of the [web.Bodies] in an operation's metadata.
const bodies = "bodies"

// sent is the name of the field with the body of a request. It is not Body, because huma would decode that itself.
const sent = "Sent"

// validated is the type that a body is decoded into, with its rules.
type validated interface{ Validate() error }

// Body is a request body that is a T.
type Body[T validated] struct{ received[T] }

// Resolve implements [huma.Resolver].
func (b *Body[T]) Resolve(ctx huma.Context) []error {
	var base T
	return b.resolve(ctx, base)
}

// Value returns the body.
func (b *Body[T]) Value() T {
	var base T
	return b.Over(base)
}

// Patch is a request body that changes a T. Its input type calls resolve with a base that is valid.
type Patch[T validated] struct{ received[T] }

type received[T validated] struct{ web.Sent[T] }

// resolve reads the body and returns everything that is wrong with it, by its form and by the rules for base with the
// body applied. huma reports it together with invalid parameters.
func (r *received[T]) resolve(ctx huma.Context, base T) []error {
	b, _ := ctx.Operation().Metadata[bodies].(*web.Bodies)
	p := takeBodyRoom(ctx, b)
	if p != nil {
		return []error{p}
	}
	wrong, p := r.Read(ctx, b)
	if p != nil {
		return []error{p}
	}
	errs := make([]error, 0, len(wrong))
	for _, d := range wrong {
		if errs = append(errs, d); d.Location == "body" {
			return errs // not an object: the rules would report every field as missing
		}
	}
	if e := (*game.Error)(nil); errors.As(r.MergedInto(base).Validate(), &e) {
		for _, f := range e.Fields {
			errs = append(errs, &huma.ErrorDetail{Location: "body." + f.Field, Message: f.Message})
		}
	}
	return errs
}

// target returns the type that the body is decoded into, for bodyType.
func (received[T]) target() reflect.Type { return reflect.TypeFor[T]() }

// bodyType returns the type that the body of an operation is decoded into, given the type of the operation's input.
func bodyType(input reflect.Type) reflect.Type {
	f, _ := input.FieldByName(sent)
	return reflect.Zero(f.Type).Interface().(interface{ target() reflect.Type }).target()
}
