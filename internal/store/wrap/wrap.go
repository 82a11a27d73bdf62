// Package wrap puts a function around every operation of a store. The methods are generated from the interface in
// package game: after a change of it, run go generate ./internal/store/wrap.
package wrap

import (
	"context"

	"game-session-manager/internal/game"
)

//go:generate go run ./generate methods.go

// Operation describes a method of a store.
type Operation struct {
	Method     string // such as "CreatePlayer"
	Label      string // for metrics, spans and logs, such as "create_player"
	Collection string // what the method works on, such as "players"; empty if it is the whole database
}

// Around performs an operation: it calls do at most once and returns its error, or another one. It may call do with a
// context derived from ctx.
type Around func(ctx context.Context, o Operation, do func(context.Context) error) error

// Store returns a store that performs every operation of inner through around. Only Close is called directly.
//
// Where around returns an error although do succeeded, the caller gets the error and no result.
func Store(inner game.Store, around Around) game.Store {
	return &store{inner, around}
}

type store struct {
	inner  game.Store
	around Around
}

// read performs an operation that has a result besides its error.
func read[R any](ctx context.Context, s *store, o Operation, do func(context.Context) (R, error)) (R, error) {
	var result R
	succeeded := false
	err := s.around(ctx, o, func(ctx context.Context) (err error) {
		result, err = do(ctx)
		succeeded = err == nil
		return err
	})
	if err != nil && succeeded {
		var none R
		return none, err
	}
	return result, err
}
