// Package report has the types in which the parts of the program report to its operators: failures, and runs of
// background tasks. Package observe receives them. It imports nothing of this module.
package report

import (
	"fmt"
	"runtime/debug"
	"time"
)

// Failure is a fault of the service that operators should know about.
type Failure struct {
	Code FailureCode
	// Route is the pattern of the route, without ids, or "" if no request failed.
	Route string
	// Task is the background task, component or listener that failed, or "" if a request failed.
	Task string
	Err  error
}

// FailureCode is a kind of [Failure], from a closed list. It is more specific than what clients see.
type FailureCode string

// The codes of failures.
const (
	FailureInternal         FailureCode = "internal"           // an unexpected error
	FailurePanic            FailureCode = "panic"              // Err is a [Panic] with the stack
	FailureStoreUnavailable FailureCode = "store_unavailable"  // the store cannot be reached
	FailureStoreSlow        FailureCode = "store_slow"         // the store did not respond before the deadline
	FailureBackground       FailureCode = "background"         // a run of a background task, which will be tried again
	FailureComponent        FailureCode = "component_down"     // reported by /health/detailed
	FailureServer           FailureCode = "server"             // a listener
	FailureIssuer           FailureCode = "issuer_unavailable" // an issuer of player tokens cannot be reached
)

// FailureCodes returns all codes of failures.
func FailureCodes() []FailureCode {
	return []FailureCode{
		FailureInternal, FailurePanic, FailureStoreUnavailable, FailureStoreSlow, FailureBackground, FailureComponent,
		FailureServer, FailureIssuer,
	}
}

// Groups is the response of /debug/errors, the latest first.
type Groups struct {
	Errors []Group `json:"errors"`
}

// Group is the failures with one fingerprint.
type Group struct {
	Fingerprint string      `json:"fingerprint"`
	Code        FailureCode `json:"code"`
	Route       string      `json:"route,omitempty"`
	Task        string      `json:"task,omitempty"`
	Count       int64       `json:"count"`
	FirstSeen   time.Time   `json:"first_seen"`
	LastSeen    time.Time   `json:"last_seen"`
	Sample      Sample      `json:"sample"`
}

// Sample is one occurrence of a failure.
type Sample struct {
	ErrorID   string   `json:"error_id"`
	RequestID string   `json:"request_id,omitempty"`
	RunID     string   `json:"run_id,omitempty"`
	Message   string   `json:"message"`
	Causes    []string `json:"causes"`
	Stack     string   `json:"stack,omitempty"`
}

// Panic is the error of a recovered panic.
type Panic struct {
	Value any
	Stack string
}

// Caught returns the error of a recovered panic. Call it in the deferred function that recovers, so that it has the
// stack.
func Caught(value any) *Panic { return &Panic{Value: value, Stack: string(debug.Stack())} }

func (p *Panic) Error() string { return "panic: " + fmt.Sprint(p.Value) }

// Unwrap returns the value that was passed to panic if it is an error, or nil.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Run describes one run of a background task for logs and metrics.
type Run struct {
	Task string
	End  time.Time
	Took time.Duration
	Err  error // why it failed; nil for a success
	// Elsewhere is set if this process did nothing because another has the lease of the task.
	Elsewhere bool
}
