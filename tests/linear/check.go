package linear

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Pending is the time of return of an operation of which the client never heard: it may have its effect at any time.
const Pending = math.MaxInt64

// History is what happened to some sessions, whose players are in no others.
type History struct {
	Initial    World
	Operations []porcupine.Operation // of Operation and Result
}

// model returns the specification for the checker.
func (h History) model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{h.Initial} },
		Step: func(state, input, output any) (next []any) {
			o, told := withoutOthers(input.(Operation), output.(Result))
			w := state.(World)
			for _, x := range w.apply(o) {
				if x.explains(o, told) {
					after := w
					after[o.Session] = x.lobby
					next = append(next, after)
				}
			}
			return next
		},
		Hash: func(state any) uint64 {
			w := state.(World)
			return uint64(w[0].Version<<32 + w[1].Version) //nolint:gosec // any hash does
		},
		DescribeOperation: func(input, output any) string {
			return Describe(input.(Operation), output.(Result))
		},
		DescribeState:             func(state any) string { return state.(World).String() },
		DescribeOperationMetadata: func(request any) string { return fmt.Sprint(request) },
	}
	return m.ToModel()
}

// explains reports whether the outcome of an operation is what the client was told.
func (x *outcome) explains(o Operation, told Result) bool {
	switch {
	case told.Made > 0 && (!x.changed || told.Made != x.lobby.Version), told.Made == Nothing && x.changed:
		return false
	case told.Unknown:
		return true
	case told.Code != "":
		return told.Status == statuses[told.Code] && x.isCode(told.Code) &&
			(told.Version == 0 || told.Version == x.Version)
	case told.Status != x.Status || x.Code != "" || !slices.Equal(told.LeftOut, x.LeftOut),
		told.Position != x.Position, told.Version != 0 && told.Version != x.Version:
		return false
	case told.Lobby != nil:
		return x.Lobby != nil && *told.Lobby == x.Lobby.View(o.Actor)
	case told.Member != nil:
		return x.Member != nil && *told.Member == x.Member.view()
	case told.JoinCode != nil:
		return x.JoinCode != nil && *told.JoinCode == *x.JoinCode
	}
	return true
}

// Check reports whether some order of the operations explains all results, or Unknown if that is not decided within
// the time.
func (h History) Check(within time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(h.model(), h.Operations, within)
}

// WritePage writes a page for a browser with the operations, and the orders that explain most of them.
func (h History) WritePage(path string, within time.Duration) error {
	_, info := porcupine.CheckOperationsVerbose(h.model(), h.Operations, within)
	return porcupine.VisualizePath(h.model(), info, path)
}

// Minimal returns a small part of a history that no order explains. It ends with the first return that cannot be
// explained. Before that, it lacks operations without effect that make no difference. The time bounds each check.
func (h History) Minimal(within time.Duration) History {
	var ends []int64
	for _, o := range h.Operations {
		if o.Return != Pending {
			ends = append(ends, o.Return)
		}
	}
	slices.Sort(ends)
	wrong := func(h History) bool { return h.Check(within) == porcupine.Illegal }
	i, _ := slices.BinarySearchFunc(ends, true, func(end int64, _ bool) int {
		if wrong(h.until(end)) {
			return 1
		}
		return -1
	})
	if i == len(ends) {
		return h
	}
	h = h.until(ends[i])
	for n := len(h.Operations) - 1; n >= 0; n-- {
		o := h.Operations[n]
		if told := o.Output.(Result); o.Input.(Operation).Kind != Read && (told.Unknown || told.Code == "") {
			continue // it may have had an effect, without which others cannot be explained
		}
		less := History{h.Initial, slices.Delete(slices.Clone(h.Operations), n, n+1)}
		if wrong(less) {
			h = less
		}
	}
	return h
}

// until returns the history as it was known at a time: what had not returned was pending.
func (h History) until(end int64) History {
	var seen [Sessions]int64
	for _, o := range h.Operations {
		if told := o.Output.(Result); o.Return <= end {
			s := &seen[o.Input.(Operation).Session]
			*s = max(*s, told.Version, told.Made)
		}
	}
	var all []porcupine.Operation
	for _, o := range h.Operations {
		told := o.Output.(Result)
		switch {
		case o.Call > end, o.Return > end && told.Made == Nothing:
			continue
		case o.Return > end:
			o.Return, o.Output = Pending, Result{Unknown: true}
			if told.Made <= seen[o.Input.(Operation).Session] {
				o.Output = Result{Unknown: true, Made: told.Made}
			}
		}
		all = append(all, o)
	}
	return History{h.Initial, all}
}

// String returns a line for each operation, in the order of their calls.
func (h History) String() string {
	all := slices.SortedFunc(slices.Values(h.Operations), func(a, b porcupine.Operation) int {
		return cmp.Compare(a.Call, b.Call)
	})
	var b strings.Builder
	fmt.Fprintf(&b, "at first: %v\n", h.Initial)
	for _, o := range all {
		end := "    pending"
		if o.Return != Pending {
			end = fmt.Sprintf("%11.3f", float64(o.Return)/float64(time.Millisecond))
		}
		fmt.Fprintf(&b, "%11.3f -%s ms  client %2d  %s", float64(o.Call)/float64(time.Millisecond), end, o.ClientId,
			Describe(o.Input.(Operation), o.Output.(Result)))
		if o.Metadata != nil {
			fmt.Fprintf(&b, "  (request %v)", o.Metadata)
		}
		b.WriteString("\n")
	}
	return b.String()
}
