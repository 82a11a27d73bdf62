package storetest

import (
	"context"
	"sync"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/wrap"
)

// Fault makes calls of an operation fail with Err.
type Fault struct {
	Operation string // name of the method
	From      int    // number of the first call that fails, from 1; 0 means 1
	Calls     int    // how many calls fail; 0 means all from the first
	After     bool   // whether the operation is performed before it fails
	Err       error
}

// Failing returns a store that forwards to s, except for the calls that the faults make fail.
func Failing(s game.Store, faults ...Fault) game.Store {
	var mu sync.Mutex
	calls := make(map[string]int)
	return wrap.Store(s, func(ctx context.Context, o wrap.Operation, do func(context.Context) error) error {
		mu.Lock()
		calls[o.Method]++
		n := calls[o.Method]
		mu.Unlock()
		for _, fault := range faults {
			from := max(fault.From, 1)
			if fault.Operation != o.Method || n < from || fault.Calls > 0 && n >= from+fault.Calls {
				continue
			}
			if fault.After {
				if err := do(ctx); err != nil {
					return err
				}
			}
			return fault.Err
		}
		return do(ctx)
	})
}
