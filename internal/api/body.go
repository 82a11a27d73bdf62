package api

import (
	"errors"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// bodies is the key of an operation's [web.Bodies].
const bodies = "bodies"

// sent is the name of the field that has the body of a request. huma would read one named Body by itself.
const sent = "Sent"

// validated is what a body is made into, with its rules.
type validated interface{ Validate() error }

// Body is the body of a request that is a T.
type Body[T validated] struct{ received[T] }

// Resolve implements [huma.Resolver].
func (b *Body[T]) Resolve(ctx huma.Context) []error {
	var base T
	return b.resolve(ctx, base)
}

// Value returns what was sent.
func (b *Body[T]) Value() T {
	var base T
	return b.Over(base)
}

// Patch is the body of a request that changes a T. Whoever has one resolves it, on a T with which nothing else is
// wrong.
type Patch[T validated] struct{ received[T] }

type received[T validated] struct{ web.Sent[T] }

// resolve reads the body and returns what is wrong with it, by its form and by the rules for what it makes of base, to
// be told together with what is wrong with parameters.
func (r *received[T]) resolve(ctx huma.Context, base T) []error {
	b, _ := ctx.Operation().Metadata[bodies].(*web.Bodies)
	wrong, p := r.Read(ctx, b)
	if p != nil {
		return []error{p}
	}
	errs := make([]error, 0, len(wrong))
	for _, d := range wrong {
		if errs = append(errs, d); d.Location == "body" {
			return errs // no object, of which the rules would find everything missing
		}
	}
	if e := (*game.Error)(nil); errors.As(r.MergedInto(base).Validate(), &e) {
		for _, f := range e.Fields {
			errs = append(errs, &huma.ErrorDetail{Location: "body." + f.Field, Message: f.Message})
		}
	}
	return errs
}

// target returns the type of what is made of the body, for bodyType.
func (received[T]) target() reflect.Type { return reflect.TypeFor[T]() }

// bodyType returns the type of what an operation makes of its body, by the type of its input.
func bodyType(input reflect.Type) reflect.Type {
	f, _ := input.FieldByName(sent)
	return reflect.Zero(f.Type).Interface().(interface{ target() reflect.Type }).target()
}
