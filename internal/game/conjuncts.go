package game

import "slices"

// Conjuncts returns the clauses that all must hold, with those within All.
func (w Where) Conjuncts() (all Where) {
	for _, c := range w {
		if c.All != nil {
			all = append(all, Where(c.All).Conjuncts()...)
			continue
		}
		all = append(all, c)
	}
	return all
}

// ByStatus returns alternatives that together are the clauses, each with at most one status, so that a list can walk an
// index of the statuses for each. It returns the clauses alone if they do not restrict the status.
func (w Where) ByStatus() []Where {
	if len(w.Statuses()) == len(SessionStatuses()) {
		return []Where{w}
	}
	return w.EachStatus()
}

// EachStatus is ByStatus that returns an alternative for each status also if the clauses do not restrict it.
func (w Where) EachStatus() []Where {
	statuses := w.Statuses()
	if c, ok := w.On(FieldStatus); len(statuses) == 0 || ok && c.Op == OpEqual {
		return []Where{w}
	}
	rest := slices.DeleteFunc(slices.Clone(w), func(c Clause) bool { return c.Field == FieldStatus && c.Op == OpIn })
	all := make([]Where, len(statuses))
	for i, s := range statuses {
		all[i] = append(slices.Clone(rest), Is(FieldStatus, s))
	}
	return all
}

// Statuses returns the statuses that sessions which meet the clauses can have, as far as the clauses about the status
// and about obstacles say.
func (w Where) Statuses() []SessionStatus {
	statuses := SessionStatuses()
	for _, c := range w.Conjuncts() {
		statuses = slices.DeleteFunc(statuses, func(s SessionStatus) bool {
			switch {
			case c.Op == OpWithin:
				return !s.within(c.Within())
			case c.Field == FieldStatus && (c.Op == OpEqual || c.Op == OpIn):
				return !slices.Contains(c.Values, StringValue(string(s)))
			}
			return false
		})
	}
	return statuses
}

// within reports whether sessions in the status can have no obstacles but those of set.
func (s SessionStatus) within(set ObstacleSet) bool {
	switch {
	case s.Terminal():
		return set.Has(ObstacleEnded)
	case s == StatusOpen, s == StatusInProgress:
		return true
	}
	return set.Has(ObstacleClosed)
}
