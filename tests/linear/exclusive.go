package linear

import "slices"

// Sessions is the number of sessions that a history may have: two, so that a player can be in the wrong one.
const Sessions = 2

// World is the sessions of a history, which is the state of the checker. Those beyond the number that the history has
// are zero.
type World [Sessions]Lobby

// apply returns the possible outcomes of an operation on its session. All of them leave the other sessions alone.
func (w *World) apply(o Operation) []outcome {
	l := w[o.Session]
	for i, other := range w {
		if i != o.Session && l.Exclusive && other.Exclusive {
			l.elsewhere |= other.places()
		}
	}
	all := l.apply(o)
	if o.Wait && all[0].Position > 0 && l.isElsewhere(Member{Player: o.Players[0]}) {
		// It may have been refused a seat that time has freed, which is not stored with a refusal: others see it within
		// a second.
		all = append(all, l.fails(inOther)...)
	}
	for i := range all {
		all[i].lobby.elsewhere = 0
		for _, p := range o.Players {
			if o.Kind == Join && l.elsewhere&(1<<p) != 0 && (o.Actor == p || !o.reserves(p)) {
				all[i].elsewhere = append(all[i].elsewhere, p)
			}
		}
	}
	return all
}

// places returns a bit for each player who is in l so that it can be in no other exclusive session.
func (l *Lobby) places() (players uint64) {
	if l.Terminal() {
		return 0
	}
	for _, m := range l.Members[:l.Held] {
		if l.takes(m) {
			players |= 1 << m.Player
		}
	}
	return players
}

// takes reports whether a member takes its place among exclusive sessions: one who has joined, or reserved the seat
// itself. A reservation by another, or for one who waited, does not.
func (l *Lobby) takes(m Member) bool { return m.Status != Reserved || m.own }

// isElsewhere reports whether a player who takes its place cannot.
func (l *Lobby) isElsewhere(m Member) bool { return l.elsewhere&(1<<m.Player) != 0 }

// inOther is the code of the error for a player who is in another exclusive session.
const inOther = "player_in_other_session"

// isCode reports whether a client that is told the code of an error is told that of an outcome. Of players who get no
// seat, of whom one is in another session as well, it may be told either.
func (x *outcome) isCode(told string) bool {
	return told == x.Code || told == inOther && x.Code != "" && len(x.elsewhere) > 0
}

// withoutOthers returns an operation and its result without the players of a partial party who were left out for being
// in another session. They are found out first, and then the others are seated without them: by then it may not be so
// any more. That it was is not checked.
func withoutOthers(o Operation, told Result) (Operation, Result) {
	in := func(l LeftOut) bool { return l.Code == inOther }
	if !slices.ContainsFunc(told.LeftOut, in) {
		return o, told
	}
	for _, l := range told.LeftOut {
		if in(l) {
			o.without = append(o.without, l.Player)
		}
	}
	told.LeftOut = slices.DeleteFunc(slices.Clone(told.LeftOut), in)
	return o, told
}
