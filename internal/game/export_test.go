package game

import (
	"context"
	"errors"
	"time"
)

// Internals that the tests need: constructors that the services wrap, and the queues of changes, which no caller can
// see.
var (
	NewPlayer    = newPlayer
	EncodeCursor = encodeCursor
	DecodeCursor = decodeCursor
	ValidID      = validID
)

// NewSession returns a new session with the usual timeouts.
func NewSession(id SessionID, project ProjectID, r SessionRequest, now time.Time) (Session, error) {
	return newSession(id, project, r, DefaultTimeouts(), now)
}

func (s *Session) Clone() Session { return s.clone() }

// Tend runs the background work on the seats and marks of players.
func (s *Players) Tend(ctx context.Context) error {
	return errors.Join(s.FreeSeats(ctx), s.FinishErasures(ctx))
}

func (p *Player) EraseAt(now time.Time) { p.erase(now) }

func (a Attributes) ProblemsWithin(entries, bytes int) error {
	var p problems
	a.validate(&p, attributeLimits{entries, bytes})
	return p.err()
}

// Verified returns the party with the result of verifying its password against a hash.
func (p Party) Verified(h PasswordHash, right bool) Party {
	p.checked = passwordCheck{h, right}
	return p
}

// Unverified returns the hash against which a rule wants a password to be verified, or "".
func Unverified(err error) PasswordHash {
	open := unverifiedPassword{}
	errors.As(err, &open)
	return open.of
}

// Busy returns how many documents are being changed in this process.
func (s *Sessions) Busy() int { return s.changes.busy() }
func (s *Players) Busy() int  { return s.changes.busy() }

// Waiting returns how many changes of a document wait while a batch is written.
func (s *Sessions) Waiting(p ProjectID, id SessionID) int { return s.changes.waiting(p, string(id)) }

func (s *Players) Waiting(p ProjectID, id PlayerID) int { return s.changes.waiting(p, string(id)) }

// RecentBytes bounds the memory for documents that this process last saw.
const RecentBytes = recentBytes

// RecentBytes returns how much of it is in use.
func (s *Sessions) RecentBytes() int { return s.changes.recent.bytes }
func (s *Players) RecentBytes() int  { return s.changes.recent.bytes }

// MaxBatch is the maximum number of changes in a batch.
const MaxBatch = maxBatch

func (c *changes[D]) waiting(p ProjectID, id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.queues[documentKey{p, id}]; l != nil {
		return len(l.waiting)
	}
	return 0
}

func (c *changes[D]) busy() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queues)
}

// EncodeTextCursor makes the cursor of a list whose ids are texts.
var EncodeTextCursor = encodeTextCursor

func (r MetricsRange) Resolve(now time.Time) (MetricsRange, error) { return r.resolve(now) }

// MergeMetrics merges samples into points.
func MergeMetrics(step time.Duration, samples ...MetricsSample) []MetricsPoint {
	m := metricsSteps{step: step}
	for _, s := range samples {
		m.add(s)
	}
	return m.end()
}

// Same reports whether two values are equal as documents.
func Same[T any](a, b T) bool { return same(a, b) }

// Hearing is a hearing with exported methods.
type Hearing struct{ h hearing }

func (h *Hearing) Heard(now time.Time) { h.h.heard(now) }
func (h *Hearing) Failed()             { h.h.failed(ErrStoreUnavailable) }

func (h *Hearing) Since(now time.Time, staleAfter time.Duration) time.Time {
	return h.h.since(now, staleAfter)
}

// UseCodes has the sessions take their join codes from a function.
func (s *Sessions) UseCodes(next func() string) { s.newCode = next }

// FollowingOf is what a player sees who is in a session at a version.
func FollowingOf(p PlayerID, version int64, hosts bool) *Following {
	return &Following{
		caller: Caller{Scope: ScopePlayer, Player: p}, version: version, member: true, hosts: hosts,
	}
}
