package linear

import (
	"fmt"
	"strconv"
	"strings"
)

// String returns the sessions of w.
func (w World) String() string {
	var all []string
	for _, l := range w {
		if l.Version > 0 {
			all = append(all, l.String())
		}
	}
	return strings.Join(all, "; ")
}

// Describe returns an operation and its result in a line.
func Describe(o Operation, r Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d ", o.ID)
	if o.Session > 0 {
		fmt.Fprintf(&b, "session %d: ", o.Session)
	}
	switch {
	case o.Kind == Expire:
		fmt.Fprintf(&b, "the reservation of v%d is over -> %v", o.Reservation, r)
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
		{o.Wait, "or wait"},
		{o.Team != "", o.Team},
		{o.Moves && o.Team == "", "without a team"},
		{o.Code != 0, fmt.Sprintf("code of v%d", o.Code)},
		{o.ByCode, "which finds the session"},
		{o.Ban, "and ban"},
		{o.Seat != "", o.Seat},
		{o.Status != "", o.Status},
		{o.Seats > 0, fmt.Sprintf("max_players %d", o.Seats)},
		{o.TeamSeats > 0, fmt.Sprintf("seats of a team %d", o.TeamSeats)},
		{o.MaxUses > 0, fmt.Sprintf("max_uses %d", o.MaxUses)},
		{o.Seconds > 0, fmt.Sprintf("for %d s", o.Seconds)},
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
	if r.Position > 0 {
		s += fmt.Sprintf(" position %d", r.Position)
	}
	if len(r.LeftOut) > 0 {
		s += fmt.Sprintf(" left out %v", r.LeftOut)
	}
	switch {
	case r.Lobby != nil:
		s += " " + r.Lobby.String()
	case r.Member != nil:
		s += fmt.Sprintf(" v%d %v", r.Version, *r.Member)
	case r.JoinCode != nil:
		s += fmt.Sprintf(" v%d %v", r.Version, *r.JoinCode)
	case r.Version > 0:
		s += fmt.Sprintf(" v%d", r.Version)
	}
	if r.Made > 0 {
		s += fmt.Sprintf(" (made v%d)", r.Made)
	}
	return s
}
