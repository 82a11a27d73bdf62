package game

import (
	"cmp"
	"slices"
)

// Obstacle is a reason why a newcomer cannot join a session: a player who has no seat in it and is not on its wait
// list, who has neither a join code nor a password, and who asks for no team. Bans are not among them: they depend on
// who joins.
type Obstacle string

// The obstacles.
const (
	ObstacleFull     Obstacle = "full"     // no seat is free, or others wait for the next one
	ObstacleLocked   Obstacle = "locked"   // new members are rejected
	ObstacleStale    Obstacle = "stale"    // heartbeats are missing, and it does not need a host
	ObstacleClosed   Obstacle = "closed"   // it is live, and its status accepts no new members
	ObstacleEnded    Obstacle = "ended"    // it has ended; then it has no other obstacles
	ObstaclePrivate  Obstacle = "private"  // joining it requires a join code or an invitation
	ObstaclePassword Obstacle = "password" // joining it requires its password, a join code or an invitation
)

// Obstacles returns all obstacles. The order is that of the bits of [ObstacleSet], which are stored.
func Obstacles() []Obstacle {
	return []Obstacle{
		ObstacleFull, ObstacleLocked, ObstacleStale, ObstacleClosed, ObstacleEnded, ObstaclePrivate,
		ObstaclePassword,
	}
}

// ObstacleSet is a set of obstacles, a bit for each.
type ObstacleSet uint

// allObstacles is the greatest set.
const allObstacles ObstacleSet = 1<<7 - 1

// SetOf returns a set of obstacles. Unknown ones are ignored.
func SetOf(all ...Obstacle) (s ObstacleSet) {
	for _, o := range all {
		if i := slices.Index(Obstacles(), o); i >= 0 {
			s |= 1 << i
		}
	}
	return s
}

// Has reports whether the obstacle is in the set.
func (s ObstacleSet) Has(o Obstacle) bool { return s&SetOf(o) != 0 }

// Obstacles returns why no newcomer can join the session; none if one can.
func (s *Session) Obstacles() ObstacleSet {
	if s.obstacle(ObstacleEnded) != nil {
		return SetOf(ObstacleEnded)
	}
	var set ObstacleSet
	for i, o := range Obstacles() {
		if s.obstacle(o) != nil {
			set |= 1 << i
		}
	}
	return set
}

// obstacle returns the error that a newcomer gets for an obstacle, or nil if the session does not have it. Joins and
// searches know the obstacles from here alone.
func (s *Session) obstacle(o Obstacle) error {
	switch {
	case o == ObstacleEnded && s.Status.Terminal():
		return s.endedError()
	case o == ObstaclePrivate && s.Visibility == VisibilityPrivate && !s.HasPassword:
		return ErrJoinCodeRequired
	case o == ObstaclePassword && s.HasPassword:
		return s.checkPassword(Party{})
	case o == ObstacleClosed && s.Status != StatusOpen && (s.Status != StatusInProgress || !s.JoinInProgress):
		return ErrSessionNotJoinable.Detail(
			"The session is %s and accepts no new members.", s.Status,
		).With("session_status", s.Status)
	case o == ObstacleStale && s.Liveness == Stale && !s.leaderless():
		return ErrSessionNotJoinable.Detail("The session is stale: its host or server has missed its heartbeats.").
			With("session_status", s.Status).With("liveness", s.Liveness)
	case o == ObstacleLocked && s.Locked:
		return ErrSessionLocked
	case o == ObstacleFull:
		return s.noSeat(JoinRequest{})
	}
	return nil
}

// accepts returns why the session accepts nobody in its present state, or nil.
func (s *Session) accepts() error {
	return cmp.Or(s.obstacle(ObstacleClosed), s.obstacle(ObstacleStale))
}

// WithObstacles returns the clause that a session has no obstacles but the given ones.
func WithObstacles(all ...Obstacle) Clause {
	return Clause{Field: FieldObstacles, Op: OpWithin, Values: []Value{NumberValue(float64(SetOf(all...)))}}
}

// Within returns the set of a clause of [WithObstacles].
func (c Clause) Within() ObstacleSet { return ObstacleSet(c.Values[0].num) }
