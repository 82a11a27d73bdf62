package game

import (
	"context"
	"slices"
)

// Caller is who makes a request. Package auth makes Callers of credentials; what they may do stands in authority.go.
// The zero Caller is nobody, who may do nothing.
type Caller struct {
	Project ProjectID
	Scope   Scope
	// Name tells callers apart in logs and for idempotency keys; it is never a secret and never personal.
	Name string
	// Player is who a caller of [ScopePlayer] is.
	Player PlayerID
	// ActsAs says that a server acts as the player.
	ActsAs bool
}

// Anonymous is whoever sends no credential where there is no authentication: an admin of the default project.
func Anonymous() Caller {
	return Caller{Project: DefaultProject, Scope: ScopeAdmin, Name: "anonymous"}
}

// Scope says what a caller may do.
type Scope string

// The scopes.
const (
	ScopeAdmin  Scope = "admin"  // everything in its project, API keys too, and the metrics of the service
	ScopeServer Scope = "server" // everything with the players and sessions of its project
	ScopeRead   Scope = "read"   // reads the players and sessions of its project
	ScopePlayer Scope = "player" // what a player may do: no key has it, tokens have
)

// KeyScopes are those that an API key may have.
func KeyScopes() []Scope { return []Scope{ScopeAdmin, ScopeServer, ScopeRead} }

func (s Scope) valid() bool { return slices.Contains(KeyScopes(), s) }

type (
	callerKey    struct{}
	requestIDKey struct{}
	runIDKey     struct{}
)

// WithCaller returns a context that carries the caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the context's caller. Without one it is nobody, who sees no project at all.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// WithRequestID returns a context that carries the id of the request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestIDFrom returns the context's request id, empty if there is none.
func RequestIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// WithRunID returns a context that carries the id of a run of background work.
func WithRunID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, runIDKey{}, id)
}

// RunIDFrom returns the id of the context's run of background work, empty if there is none.
func RunIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(runIDKey{}).(string)
	return id
}
