package game

import (
	"context"
	"slices"
)

// Caller is who makes a request. Package auth derives it from the credential; authority.go decides what it may do. The
// zero Caller may do nothing.
type Caller struct {
	Project ProjectID
	Scope   Scope
	// Name tells callers apart in logs and for idempotency keys. It contains no secrets and no personal data.
	Name string
	// Player is the id of a caller of [ScopePlayer].
	Player PlayerID
	// ActsAs is set when a server acts for Player.
	ActsAs bool
}

// Anonymous returns the caller without a credential while authentication is off: an admin of the default project.
func Anonymous() Caller {
	return Caller{Project: DefaultProject, Scope: ScopeAdmin, Name: "anonymous"}
}

// Scope says what a caller may do.
type Scope string

// The scopes.
const (
	ScopeAdmin  Scope = "admin"  // everything in its project, including API keys, and the metrics of the service
	ScopeServer Scope = "server" // everything with the players and sessions of its project
	ScopeRead   Scope = "read"   // reads the players and sessions of its project
	ScopePlayer Scope = "player" // acts as one player; tokens have it, API keys never
)

// KeyScopes returns the scopes that an API key may have.
func KeyScopes() []Scope { return []Scope{ScopeAdmin, ScopeServer, ScopeRead} }

func (s Scope) valid() bool { return slices.Contains(KeyScopes(), s) }

type (
	callerKey    struct{}
	requestIDKey struct{}
	runIDKey     struct{}
)

// WithCaller returns a copy of ctx that carries the caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller that ctx carries, or the zero Caller.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// WithRequestID returns a copy of ctx that carries the id of the request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestIDFrom returns the request id that ctx carries, or "".
func RequestIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// WithRunID returns a copy of ctx that carries the id of a run of a background task.
func WithRunID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, runIDKey{}, id)
}

// RunIDFrom returns the run id that ctx carries, or "".
func RunIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(runIDKey{}).(string)
	return id
}
