package game

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

const (
	// seenEvery is the least time between two records of when a player was seen.
	seenEvery = 15 * time.Minute
	// maxSeen bounds the players in memory who were seen recently. Each takes about 40 bytes.
	maxSeen = 128 << 10
	// maxUnrecorded bounds the players in memory whose sighting is not recorded yet. Each takes about 150 bytes.
	// Others are noted when they are seen again.
	maxUnrecorded = 16 << 10
)

// sightings notes which players were seen, so that background work can record it and requests do not have to wait.
type sightings struct {
	mu   sync.Mutex
	seed maphash.Seed
	// recent are the players, by a hash, who were noted less than seenEvery ago, and when.
	recent     map[uint64]time.Time
	unrecorded map[sighted]time.Time
}

// sighted is a player who was seen.
type sighted struct {
	project ProjectID
	player  PlayerID
}

func newSightings() *sightings {
	return &sightings{
		seed: maphash.MakeSeed(), recent: make(map[uint64]time.Time), unrecorded: make(map[sighted]time.Time),
	}
}

// note notes that a player was seen.
func (s *sightings) note(who sighted, now time.Time) {
	hash := maphash.Comparable(s.seed, who)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, known := s.recent[hash]; known && now.Sub(at).Abs() < seenEvery {
		return
	}
	if len(s.unrecorded) >= maxUnrecorded {
		return
	}
	if len(s.recent) >= maxSeen {
		clear(s.recent)
	}
	s.recent[hash], s.unrecorded[who] = now, now
}

// noteRead notes that a player was seen who was read just now.
func (s *sightings) noteRead(p *Player, now time.Time) {
	if p.seenBefore(now) {
		s.note(sighted{p.Project, p.ID}, now)
	}
}

// seenBefore reports whether the recorded time is so far back that a sighting at the given time is to be recorded.
func (p *Player) seenBefore(now time.Time) bool {
	return p.LastSeenAt == nil || now.Sub(*p.LastSeenAt) >= seenEvery
}

// take returns the sightings that are not recorded, by project, and drops what is no longer recent.
func (s *sightings) take(now time.Time) map[ProjectID]map[PlayerID]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	for hash, at := range s.recent {
		if now.Sub(at).Abs() >= seenEvery {
			delete(s.recent, hash)
		}
	}
	all := make(map[ProjectID]map[PlayerID]time.Time)
	for who, at := range s.unrecorded {
		if all[who.project] == nil {
			all[who.project] = make(map[PlayerID]time.Time)
		}
		all[who.project][who.player] = at
	}
	clear(s.unrecorded)
	return all
}

// forget makes the next sighting of a player be noted again.
func (s *sightings) forget(who sighted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.recent, maphash.Comparable(s.seed, who))
}

// RecordSeen records when players were seen who were noted since the last call: of a player at most every quarter of an
// hour, by whatever process. It makes no version, because nobody asked for a change. It is for background work. What
// cannot be recorded is noted again when the player is seen again.
func (s *Players) RecordSeen(ctx context.Context) error {
	var failures error
	for project, seen := range s.sessions.seen.take(s.now()) {
		ids := make([]PlayerID, 0, len(seen))
		for id := range seen {
			ids = append(ids, id)
		}
		for some := range slices.Chunk(ids, MaxLimit) {
			failures = errors.Join(failures, s.recordSeen(ctx, project, some, seen))
		}
	}
	return failures
}

// recordSeen records when some players of a project were seen.
func (s *Players) recordSeen(
	ctx context.Context, project ProjectID, ids []PlayerID, seen map[PlayerID]time.Time,
) error {
	var failures []error
	q := PlayerQuery{Project: project, Where: Where{In(FieldID, ids...)}, Limit: len(ids), Bytes: MaxPageBytes}
	for more := true; more; {
		found, err := s.store.Players(ctx, q)
		if err != nil {
			for _, id := range ids {
				s.sessions.seen.forget(sighted{project, id})
			}
			return err
		}
		due := slices.DeleteFunc(found.Items, func(p Player) bool { return !p.seenBefore(seen[p.ID]) })
		results := make([]error, len(due))
		eachAtOnce(len(due), func(i int) {
			next, at := due[i], seen[due[i].ID]
			next.LastSeenAt = &at
			if results[i] = s.store.ReplacePlayer(ctx, due[i], next); results[i] != nil {
				s.sessions.seen.forget(sighted{project, next.ID})
			}
			if errors.Is(results[i], ErrStale) || errors.Is(results[i], ErrPlayerNotFound) {
				results[i] = nil // somebody changed, recorded or erased the player meanwhile
			}
		})
		failures = append(failures, results...)
		q.After, more = PlayerID(found.last(func(p Player) string { return string(p.ID) })), found.More
	}
	return errors.Join(failures...)
}
