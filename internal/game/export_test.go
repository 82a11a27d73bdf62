package game

import (
	"context"
	"time"
)

// What the tests need of the inside: constructors that the services wrap, and the queue of turns, whose emptiness no
// caller can see.
var (
	NewPlayer    = newPlayer
	NewSession   = newSession
	EncodeCursor = encodeCursor
	DecodeCursor = decodeCursor
	ValidID      = validID
)

func (s *Session) Clone() Session { return s.clone() }

func (s *Session) SettleHost() bool { return s.settleHost() }

func (p *Player) EraseAt(now time.Time) { p.erase(now) }

func (a Attributes) ProblemsWithin(entries, bytes int) error {
	var p problems
	a.validate(&p, attributeLimits{entries, bytes})
	return p.err()
}

// Turns is the queue of the changes of one process.
type Turns = turns

var NewTurns = newTurns

func (t *turns) Take(ctx context.Context, key string) (release func(), err error) {
	return t.take(ctx, key)
}

// Waiting is how many have or want the turn of a key; Keys how many keys are remembered at all.
func (t *turns) Waiting(key string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q := t.queue[key]; q != nil {
		return q.waiting
	}
	return 0
}

func (t *turns) Keys() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue)
}

func (s *Sessions) Turns() *Turns { return s.turns }
func (s *Players) Turns() *Turns  { return s.turns }

func (r MetricsRange) Resolve(now time.Time) (MetricsRange, error) { return r.resolve(now) }

// MergeMetrics merges samples into points.
func MergeMetrics(step time.Duration, samples ...MetricsSample) []MetricsPoint {
	m := metricsSteps{step: step}
	for _, s := range samples {
		m.add(s)
	}
	return m.end()
}
