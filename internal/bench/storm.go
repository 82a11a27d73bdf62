package bench

import (
	"context"
	"sync"
)

// otherRequests is how many joins of a storm there are for each request of somebody else, whom the storm must not
// slow down.
const otherRequests = 8

// otherRead is the request of somebody else.
const otherRead = "read player beside"

// roundsKept is how many rounds are remembered. Whoever is later than that races for a session of its own.
const roundsKept = 100

// storm is a race of all players for the seats of one session after the other.
type storm struct {
	players []document
	all     seatings
	mu      sync.Mutex
	rounds  map[int64]*round
}

// round is the race for one session.
type round struct {
	mu      sync.Mutex // held while the session is created
	session *seating
}

// prepareStorm has all players of the stock ask for seats in the same session.
func prepareStorm(ctx context.Context, b *bench) (workload, error) {
	s := &storm{rounds: map[int64]*round{}}
	var err error
	if s.players, err = b.newPlayers(ctx, b.Stock); err != nil {
		return workload{}, err
	}
	first, err := b.newSessions(ctx, 1, func(int) string { return b.sessionBody(b.Seats, "") })
	if err != nil {
		return workload{}, err
	}
	s.of(0).session = newSeating(first[0].ID, b.Seats)
	s.all.add(s.of(0).session)
	return workload{visit: s.visit, check: func(ctx context.Context) { s.all.check(ctx, b) }}, nil
}

func (s *storm) visit(v *visit) {
	if v.n%otherRequests == 0 {
		v.read(otherRead, "/players/", s.players[v.random.IntN(len(s.players))])
		return
	}
	n := v.n - v.n/otherRequests - 1
	everyone := int64(len(s.players))
	if n%everyone == everyone/2 {
		s.session(v, n/everyone+1) // so that nobody waits for it
	}
	at := s.session(v, n/everyone)
	if at == nil {
		return
	}
	player := s.players[n%everyone].ID
	at.note(v.found, player, v.join(joinSession, at.id, player))
}

func (s *storm) of(n int64) *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rounds[n]
	if r == nil {
		r = new(round)
		s.rounds[n] = r
		delete(s.rounds, n-roundsKept)
	}
	return r
}

// session returns the session of a round. It is nil if it could not be created.
func (s *storm) session(v *visit, n int64) *seating {
	r := s.of(n)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session != nil {
		return r.session
	}
	v.create(createSession, post("/sessions", v.sessionBody(v.Seats, "")), func(d document) {
		v.left.session(d.ID)
		r.session = newSeating(d.ID, v.Seats)
		s.all.add(r.session)
	})
	return r.session
}
