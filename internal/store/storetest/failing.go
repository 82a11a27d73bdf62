package storetest

import (
	"context"
	"sync"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/wrap"
)

// Fault makes an operation fail.
type Fault struct {
	Operation string // the method's name
	From      int    // the first call that fails, counted from 1; 0 is 1
	Calls     int    // how many calls fail; 0 for all from then on
	After     bool   // whether the operation is performed and only its result is lost
	Err       error
}

// Failing returns a store that fails as the faults say, and otherwise does what s does.
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
