package game

import "slices"

// Obstacle is a reason why no newcomer can join a session, whoever it is. Bans and full teams are not among them: they
// depend on who joins.
type Obstacle string

// The obstacles.
const (
	ObstacleFull   Obstacle = "full"   // every seat is held
	ObstacleLocked Obstacle = "locked" // new members are rejected
	ObstacleStale  Obstacle = "stale"  // heartbeats are missing, and it does not need a host
	ObstacleClosed Obstacle = "closed" // it is live, and its status accepts no new members
	ObstacleEnded  Obstacle = "ended"  // it has ended; then it has no other obstacles
)

// Obstacles returns all obstacles. The order is that of the bits of [ObstacleSet], which are stored.
func Obstacles() []Obstacle {
	return []Obstacle{ObstacleFull, ObstacleLocked, ObstacleStale, ObstacleClosed, ObstacleEnded}
}

// ObstacleSet is a set of obstacles, a bit for each.
type ObstacleSet uint

// allObstacles is the greatest set.
const allObstacles ObstacleSet = 1<<5 - 1

// SetOf returns a set of obstacles. Unknown ones are ignored.
func SetOf(all ...Obstacle) (s ObstacleSet) {
	for _, o := range all {
		if i := slices.Index(Obstacles(), o); i >= 0 {
			s |= 1 << i
		}
	}
	return s
}

// Obstacles returns why no newcomer can join the session; none if one can. It agrees with [Session.JoinParty].
func (s *Session) Obstacles() ObstacleSet {
	if s.Status.Terminal() {
		return SetOf(ObstacleEnded)
	}
	var all []Obstacle
	if s.Status != StatusOpen && (s.Status != StatusInProgress || !s.JoinInProgress) {
		all = append(all, ObstacleClosed)
	}
	if s.Liveness == Stale && !s.leaderless() {
		all = append(all, ObstacleStale)
	}
	if s.Locked {
		all = append(all, ObstacleLocked)
	}
	if s.FreeSeats() <= 0 {
		all = append(all, ObstacleFull)
	}
	return SetOf(all...)
}

// within returns the sets that sessions can have if they have no obstacles but those of s.
func (s ObstacleSet) within() (sets []ObstacleSet) {
	ended := SetOf(ObstacleEnded)
	for set := ObstacleSet(0); set <= s; set++ {
		if set&^s == 0 && (set&ended == 0 || set == ended) {
			sets = append(sets, set)
		}
	}
	return sets
}

// clause returns the clause that a session has no obstacles but those of s.
func (s ObstacleSet) clause() Clause {
	c := Clause{Field: FieldObstacles, Op: OpIn}
	for _, set := range s.within() {
		c.Values = append(c.Values, NumberValue(float64(set)))
	}
	if len(c.Values) == 1 {
		c.Op = OpEqual
	}
	return c
}

// WithObstacles returns the clause that a session has no obstacles but the given ones.
func WithObstacles(all ...Obstacle) Clause { return SetOf(all...).clause() }
