package bench

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// The requests of joins.
const (
	joinSession = "join session"
	joinAgain   = "join again"
)

// joinsRepeated is how many joins there are for each that is sent twice.
const joinsRepeated = 32

// seating is who was given a seat in one session.
type seating struct {
	id           string
	seats        int
	mu           sync.Mutex
	acknowledged map[string]bool
	unknown      map[string]bool // who may have a seat
	full         bool            // somebody was rejected because of it
}

func newSeating(id string, seats int) *seating {
	return &seating{id: id, seats: seats, acknowledged: map[string]bool{}, unknown: map[string]bool{}}
}

// note adds what a join returned to a player who asks for the first time.
func (s *seating) note(f *findings, player string, r reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.ok():
		same(f, "a first join takes a new seat", http.StatusCreated, r.status)
		s.acknowledged[player] = true
		if !f.right(len(s.acknowledged) <= s.seats) {
			f.wrong("a seat is not sold twice", fmt.Sprint(s.seats, " seats in ", s.id),
				fmt.Sprint(len(s.acknowledged), " joins were acknowledged"))
		}
	case r.code == "session_full":
		s.full = true
	case r.unknown:
		s.unknown[player] = true
	}
}

// check compares the members of the session with the joins.
func (s *seating) check(f *findings, d document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	members := map[string]bool{}
	for _, m := range d.Members {
		f.check(!members[m.PlayerID], "no player has two seats", "each member once in "+s.id, m.PlayerID+" twice")
		members[m.PlayerID] = true
		f.check(s.acknowledged[m.PlayerID] || s.unknown[m.PlayerID], "only those who asked have a seat",
			"no member of "+s.id+" who was rejected or never asked", m.PlayerID)
	}
	f.check(len(d.Members) <= s.seats, "a seat is not sold twice", fmt.Sprint(s.seats, " seats in ", s.id),
		fmt.Sprint(len(d.Members), " members"))
	same(f, "free seats are what members leave", s.seats-len(d.Members), d.FreeSeats)
	for _, player := range slices.Sorted(maps.Keys(s.acknowledged)) {
		f.check(members[player], "no acknowledged join is lost", player+" is a member of "+s.id, "it is none")
	}
	if s.full && len(s.unknown) == 0 {
		same(f, "a session is full when it says so: members of "+s.id, s.seats, len(d.Members))
	}
}

// seatings are the sessions that were filled. The first ones are read in the end, and the last ones.
type seatings struct {
	mu  sync.Mutex
	all []*seating
}

func (s *seatings) add(one *seating) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, one)
	if len(s.all) > 2*mostReadBack { // the older ones of those that follow the first
		s.all = slices.Delete(s.all, mostReadBack, mostReadBack+1)
	}
}

func (s *seatings) check(ctx context.Context, b *bench) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = together(preparers, len(s.all), func(i int) error {
		if d, found := b.look(ctx, "/sessions/"+s.all[i].id); found {
			s.all[i].check(b.found, d)
		}
		return ctx.Err()
	})
}

// prepareJoin has each client fill sessions of its own, one after the other.
func prepareJoin(ctx context.Context, b *bench) (workload, error) {
	players, err := b.newPlayers(ctx, max(b.Stock, b.Seats))
	if err != nil {
		return workload{}, err
	}
	all := new(seatings)
	type place struct {
		session *seating
		asked   int
	}
	places := make([]place, b.Clients)
	visit := func(v *visit) {
		p := &places[v.client]
		if p.session == nil || p.asked == b.Seats {
			host := players[v.random.IntN(len(players))].ID
			*p = place{}
			v.create(createSession, post("/sessions", v.sessionBody(v.Seats, host)), func(d document) {
				v.left.session(d.ID)
				p.session, p.asked = newSeating(d.ID, v.Seats), 1
				p.session.acknowledged[host] = true
				all.add(p.session)
			})
		}
		if p.session == nil {
			return
		}
		player := players[(v.client*len(players)/v.Clients+p.asked)%len(players)].ID
		p.asked++
		if p.session.acknowledged[player] { // the host
			return
		}
		r := v.join(joinSession, p.session.id, player)
		p.session.note(v.found, player, r)
		if r.ok() && v.n%joinsRepeated == 0 {
			again := v.join(joinAgain, p.session.id, player)
			v.found.check(again.status == http.StatusOK || again.unknown || again.status >= http.StatusTooManyRequests,
				"a join that is repeated takes no other seat", "200", fmt.Sprint(again.status, " ", again.code))
		}
	}
	return workload{visit: visit, check: func(ctx context.Context) { all.check(ctx, b) }}, nil
}

// join asks for a seat. Those who come late are rejected as they should be.
func (v *visit) join(operation, session, player string) reply {
	return v.call(operation, post("/sessions/"+session+"/members", `{"player_id":"`+player+`"}`), "session_full")
}
