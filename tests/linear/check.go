package linear

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Pending is the time of return of an operation of which the client never heard: it may have its effect at any time.
const Pending = math.MaxInt64

// History is what happened to one session, which is a partition: no operation concerns two.
type History struct {
	Initial    Lobby
	Operations []porcupine.Operation // of Operation and Result
}

// model returns the specification for the checker.
func (h History) model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{h.Initial} },
		Step: func(state, input, output any) (next []any) {
			o := input.(Operation)
			l := state.(Lobby)
			for _, x := range l.apply(o) {
				if x.explains(l, o, output.(Result)) {
					next = append(next, x.lobby)
				}
			}
			return next
		},
		Hash: func(state any) uint64 {
			return uint64(state.(Lobby).Version) //nolint:gosec // any hash does
		},
		DescribeOperation: func(input, output any) string {
			return Describe(input.(Operation), output.(Result))
		},
		DescribeState:             func(state any) string { return state.(Lobby).String() },
		DescribeOperationMetadata: func(request any) string { return fmt.Sprint(request) },
	}
	return m.ToModel()
}

// explains reports whether the outcome of an operation on l is what the client was told.
func (x *outcome) explains(l Lobby, o Operation, told Result) bool {
	changed := x.lobby.Version != l.Version
	if o.Kind == Expire { // which may be of the version before
		changed = x.lobby.Held != l.Held
	}
	switch {
	case told.Made > 0 && (!changed || told.Made != x.lobby.Version), told.Made == Nothing && changed:
		return false
	case told.Unknown:
		return true
	case told.Status != x.Status || told.Code != x.Code || told.LeftOut != x.LeftOut,
		told.Version != 0 && told.Version != x.Version:
		return false
	case told.Lobby != nil:
		return x.Lobby != nil && told.Lobby.View(o.Actor) == x.Lobby.View(o.Actor)
	case told.Member != nil:
		if x.Member == nil {
			return false
		}
		m := *x.Member
		m.since, m.reservation = 0, 0
		return *told.Member == m
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
	var seen int64
	for _, o := range h.Operations {
		if told := o.Output.(Result); o.Return <= end {
			seen = max(seen, told.Version, told.Made)
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
			if told.Made <= seen {
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

// Describe returns an operation and its result in a line.
func Describe(o Operation, r Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d ", o.ID)
	switch {
	case o.Kind == Expire:
		fmt.Fprintf(&b, "the reservation of #%d is over -> %v", o.Reservation, r)
		return b.String()
	case o.Actor == Nobody:
		b.WriteString("server: ")
	default:
		fmt.Fprintf(&b, "player %d: ", o.Actor)
	}
	b.WriteString(string(o.Kind))
	for _, p := range o.Players {
		fmt.Fprintf(&b, " %d", p)
	}
	for _, x := range []struct {
		is   bool
		text string
	}{
		{o.Reserve, "reserve"},
		{o.Partial, "partial"},
		{o.Ban, "and ban"},
		{o.Seat != "", o.Seat},
		{o.Status != "", o.Status},
		{o.Seats > 0, fmt.Sprintf("max_players %d", o.Seats)},
		{o.IfMatch > 0, fmt.Sprintf("If-Match %d", o.IfMatch)},
		{o.Fence > 0, fmt.Sprintf("Session-Fence %d", o.Fence)},
	} {
		if x.is {
			b.WriteString(" " + x.text)
		}
	}
	if o.Ready != nil {
		fmt.Fprintf(&b, " ready %t", *o.Ready)
	}
	if o.Locked != nil {
		fmt.Fprintf(&b, " locked %t", *o.Locked)
	}
	b.WriteString(" -> " + r.String())
	return b.String()
}

// String returns what the client was told.
func (r Result) String() string {
	switch {
	case r.Unknown && r.Made > 0:
		return fmt.Sprintf("outcome unknown, made v%d", r.Made)
	case r.Unknown:
		return "outcome unknown"
	case r.Code != "":
		return fmt.Sprintf("%d %s", r.Status, r.Code)
	}
	s := strconv.Itoa(r.Status)
	if r.LeftOut != "" {
		s += " left out " + r.LeftOut
	}
	switch {
	case r.Lobby != nil:
		s += " " + r.Lobby.String()
	case r.Member != nil:
		s += fmt.Sprintf(" v%d %d %s ready %t", r.Version, r.Member.Player, r.Member.Status, r.Member.Ready)
	case r.Version > 0:
		s += fmt.Sprintf(" v%d", r.Version)
	}
	if r.Made > 0 {
		s += fmt.Sprintf(" (made v%d)", r.Made)
	}
	return s
}
