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

// Statuses returns the statuses that sessions which meet the clauses can have, as far as the clauses about the status
// and about obstacles say.
func (w Where) Statuses() []SessionStatus {
	statuses := SessionStatuses()
	for _, c := range w.Conjuncts() {
		if c.Op != OpEqual && c.Op != OpIn {
			continue
		}
		statuses = slices.DeleteFunc(statuses, func(s SessionStatus) bool {
			switch c.Field {
			case FieldStatus:
				return !slices.Contains(c.Values, StringValue(string(s)))
			case FieldObstacles:
				return !slices.ContainsFunc(c.Values, func(v Value) bool { return s.canHave(ObstacleSet(v.num)) })
			}
			return false
		})
	}
	return statuses
}

// canHave reports whether sessions in the status can have the obstacles.
func (s SessionStatus) canHave(set ObstacleSet) bool {
	closed, ended := set&SetOf(ObstacleClosed) != 0, set&SetOf(ObstacleEnded) != 0
	switch {
	case s.Terminal() || ended:
		return s.Terminal() && ended
	case s == StatusOpen:
		return !closed
	case s == StatusInProgress:
		return true
	}
	return closed
}

// Without returns the obstacles that sessions cannot have that meet a clause of [WithObstacles].
func (c Clause) Without() (none []Obstacle) {
	for _, o := range Obstacles() {
		if !slices.ContainsFunc(c.Values, func(v Value) bool { return ObstacleSet(v.num)&SetOf(o) != 0 }) {
			none = append(none, o)
		}
	}
	return none
}
