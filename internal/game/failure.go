package game

import (
	"fmt"
	"runtime/debug"
	"time"
)

// Failure is something that went wrong on our side, for operators.
type Failure struct {
	Code FailureCode
	// Route is the route whose request failed, empty if it was no request. Never with an id in it.
	Route string
	// Task is the background task, the component or the listener that failed, empty if it was a request.
	Task string
	Err  error
}

// FailureCode names a sort of [Failure], from a closed list. It tells operators more than a caller hears.
type FailureCode string

// The codes of failures.
const (
	FailureInternal         FailureCode = "internal"           // an error that nobody named
	FailurePanic            FailureCode = "panic"              // with the stack in its [Panic]
	FailureStoreUnavailable FailureCode = "store_unavailable"  // the store cannot be reached
	FailureStoreSlow        FailureCode = "store_slow"         // the store did not answer before the request's deadline
	FailureBackground       FailureCode = "background"         // a run of a background task; it is tried again
	FailureComponent        FailureCode = "component_down"     // what /health/detailed found
	FailureServer           FailureCode = "server"             // a listener
	FailureIssuer           FailureCode = "issuer_unavailable" // an issuer of players' tokens does not answer
)

// FailureCodes are all codes of failures.
func FailureCodes() []FailureCode {
	return []FailureCode{
		FailureInternal, FailurePanic, FailureStoreUnavailable, FailureStoreSlow, FailureBackground, FailureComponent,
		FailureServer,
		FailureIssuer,
	}
}

// Panic is a panic that was caught, as an error.
type Panic struct {
	Value any
	Stack string
}

// Caught returns the error of a panic. Call it in the deferred function that recovered the value, for the stack's sake.
func Caught(value any) *Panic { return &Panic{Value: value, Stack: string(debug.Stack())} }

func (p *Panic) Error() string { return "panic: " + fmt.Sprint(p.Value) }

// Unwrap returns the error that the code panicked with, nil if it was something else.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Run is one run of a background task, for logs and metrics.
type Run struct {
	Task string
	End  time.Time
	Took time.Duration
	Err  error // why it failed; nil for a success
	// Elsewhere says that there was nothing to do in this process, because another has the task's lease.
	Elsewhere bool
}
