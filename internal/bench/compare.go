package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/procfs"

	"game-session-manager/internal/bench/floor"
)

const (
	// roundTime is short, so that a slower machine affects all sides.
	roundTime   = 150 * time.Millisecond
	floorWarmUp = 300 * time.Millisecond
	leastRounds = 4
	// joinsPerRound bounds the sessions that are made for a round of joins: a round that has filled all ends.
	joinsPerRound = 40
	sampleJoins   = 5
)

// The names of bare servers.
const (
	bareHTTP   = "net/http"
	bareDriver = "driver"
)

// competitor is a server that takes part in a comparison.
type competitor struct {
	name    string
	api     *api
	process procfs.Proc
	index   int

	requests int64
	took     time.Duration
	cpu      float64
	recorded *recorder
}

// floorLoad is one kind of request of a comparison.
type floorLoad struct {
	operation, pattern string
	onDriver           bool            // whether the server that makes the driver's calls has it
	created            func(id string) // remembers what a request creates; nil if it creates nothing
	// request returns the n-th request of a client to a side. It is not ok when there are no more.
	request func(side, client, n int) (q request, ok bool)
	refill  func(context.Context) error
	sample  func(context.Context) (reply, error) // a response of gsm of the usual size
}

// compare sends the same requests to gsm and to bare servers by turns, until that is done or ctx ends.
func (b *bench) compare(ctx context.Context, s scenario, t *target, r *Report) error {
	if err := b.compareAll(ctx, s, t, r); ctx.Err() == nil {
		return err
	}
	return nil // what failed was interrupted
}

func (b *bench) compareAll(ctx context.Context, s scenario, t *target, r *Report) error {
	b.say("preparing")
	sessions := max(b.Stock, b.Clients)
	if slices.Contains(s.floor, sendHeartbeats) {
		sessions = b.leases()
	}
	stock, err := b.newFloorStock(ctx, sessions)
	if err != nil {
		return err
	}
	var loads []floorLoad
	config := floor.Config{Responses: map[string]floor.Response{}}
	for _, name := range s.floor {
		l := stock.load(name)
		a, err := l.sample(ctx)
		if err != nil {
			return err
		}
		if l.created != nil {
			b.note(l, a.body)
		}
		config.Responses[l.pattern] = floor.Response{Status: a.status, Body: string(a.body)}
		loads = append(loads, l)
	}
	sides := []*competitor{{name: "gsm", api: t.api, process: t.child.process}}
	for _, name := range []string{bareHTTP, bareDriver} {
		config.DatabaseURL = ""
		if name == bareDriver {
			if config.DatabaseURL = t.child.database; !strings.HasPrefix(config.DatabaseURL, "mongodb") {
				continue
			}
		}
		log := filepath.Join(t.dir, fmt.Sprintf("floor-%d-log", len(sides)))
		c, err := startFloor(ctx, b.Program, log, config)
		if err != nil {
			return err
		}
		defer c.stop()
		bare, err := newAPI(c.url, "", b.Clients)
		if err != nil {
			return err
		}
		sides = append(sides, &competitor{name: name, api: bare, process: c.process, index: len(sides)})
	}
	begin := time.Now()
	for _, l := range loads {
		err := b.compareOne(ctx, l, sides, r)
		r.Seconds = time.Since(begin).Seconds()
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// compareOne sends one kind of request to all sides by turns, in another order each time, so that none comes always
// after the same one.
func (b *bench) compareOne(ctx context.Context, l floorLoad, all []*competitor, r *Report) error {
	var sides []*competitor
	for _, c := range all {
		if c.name != bareDriver || l.onDriver {
			one := *c
			one.recorded = newRecorder()
			sides = append(sides, &one)
		}
	}
	for _, c := range sides {
		if err := b.round(ctx, l, c, floorWarmUp); err != nil {
			return err
		}
		c.requests, c.took, c.cpu, c.recorded = 0, 0, 0, newRecorder()
	}
	if err := b.rounds(ctx, l, sides); err != nil && ctx.Err() == nil {
		return err
	}
	c := Comparison{Operation: l.operation}
	for _, s := range sides {
		side := s.side()
		if first := c.Sides; len(first) > 0 && side.PerSecond > 0 && first[0].CPU > 0 {
			side.RateRatio, side.CPURatio = first[0].PerSecond/side.PerSecond, side.CPU/first[0].CPU
		}
		c.Sides = append(c.Sides, side)
		r.Requests += side.Requests
	}
	r.Floor = append(r.Floor, c)
	return nil
}

// rounds has all sides take turns.
func (b *bench) rounds(ctx context.Context, l floorLoad, sides []*competitor) error {
	rounds := max(leastRounds, int(b.Duration/roundTime)/len(sides))
	for n := range rounds {
		b.say("%s, round %d of %d", l.operation, n+1, rounds)
		for _, i := range rand.Perm(len(sides)) { //nolint:gosec // any order will do
			if err := b.round(ctx, l, sides[i], roundTime); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *competitor) side() Side {
	s := Side{Name: c.name, Requests: c.requests}
	if c.requests == 0 {
		return s
	}
	s.PerSecond = float64(c.requests) / c.took.Seconds()
	s.CPU = c.cpu / float64(c.requests) * float64(time.Second/time.Microsecond)
	if all := c.recorded.operations(c.took); len(all) > 0 {
		s.P99 = all[0].Latency.P99
	}
	return s
}

// round sends requests to one side for a while. A request that fails ends the comparison.
func (b *bench) round(ctx context.Context, l floorLoad, c *competitor, during time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if l.refill != nil {
		if err := l.refill(ctx); err != nil {
			return err
		}
	}
	round, cancel := context.WithTimeout(context.WithoutCancel(ctx), during)
	defer cancel()
	var failed atomic.Pointer[error]
	counts := make([]int, b.Clients)
	made := make([][][]byte, b.Clients) // what was created, to be read when the time is over
	var requests atomic.Int64
	before := c.cpuTime()
	begin := time.Now()
	arrivals{clients: b.Clients}.run(round, func(client int, intended time.Time) {
		q, ok := l.request(c.index, client, counts[client])
		if !ok || failed.Load() != nil {
			cancel()
			return
		}
		counts[client]++
		a := c.api.send(context.WithoutCancel(ctx), q)
		if !a.ok() {
			failed.Store(new(fmt.Errorf("%s: %w", c.name, c.api.advice(q, a))))
			return
		}
		c.recorded.record(l.operation, intended, a, false)
		requests.Add(1)
		if l.created != nil && c.name != bareHTTP { // which stores nothing
			made[client] = append(made[client], a.body)
		}
	})
	c.took += time.Since(begin)
	c.cpu += c.cpuTime() - before
	c.requests += requests.Load()
	b.note(l, slices.Concat(made...)...)
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// note remembers what was created.
func (b *bench) note(l floorLoad, bodies ...[]byte) {
	for _, body := range bodies {
		var d document
		if json.Unmarshal(body, &d) == nil && d.ID != "" {
			l.created(d.ID)
		}
	}
}

// cpuTime returns the processor time in seconds that the server has used; 0 where that is unknown.
func (c *competitor) cpuTime() float64 {
	s, err := c.process.Stat()
	if err != nil {
		return 0
	}
	return s.CPUTime()
}

// floorStock is what requests of a comparison read and change.
type floorStock struct {
	*bench
	players, sessions []document
	open              []string // sessions to be filled
	most              atomic.Int64
	writes            atomic.Int64
}

func (b *bench) newFloorStock(ctx context.Context, sessions int) (*floorStock, error) {
	s := &floorStock{bench: b}
	var err error
	if s.players, err = b.newPlayers(ctx, max(b.Stock, b.Clients, b.Seats+1)); err != nil {
		return nil, err
	}
	s.sessions, err = b.newSessions(ctx, sessions, func(i int) string {
		return b.sessionBody(b.Seats, s.players[i%len(s.players)].ID)
	})
	return s, err
}

// load returns the requests of an operation.
func (s *floorStock) load(operation string) floorLoad {
	// Clients walk through the documents, each from a place of its own.
	pick := func(all []document, client, n int) document { return all[(client*len(all)/s.Clients+n)%len(all)] }
	simple := func(operation, pattern string, onDriver bool, ask func(side, client, n int) request) floorLoad {
		return floorLoad{
			operation: operation, pattern: pattern, onDriver: onDriver,
			request: func(side, client, n int) (request, bool) { return ask(side, client, n), true },
			sample: func(ctx context.Context) (reply, error) {
				return s.api.must(ctx, ask(0, 0, 0))
			},
		}
	}
	switch operation {
	case readPlayer:
		return simple(operation, "GET "+basePath+"/players/{id}", true, func(_, client, n int) request {
			return get("/players/" + pick(s.players, client, n).ID)
		})
	case readSession:
		return simple(operation, "GET "+basePath+"/sessions/{id}", true, func(_, client, n int) request {
			return get("/sessions/" + pick(s.sessions, client, n).ID)
		})
	case createPlayer:
		l := simple(operation, "POST "+basePath+"/players", true, func(int, int, int) request {
			return post("/players", playerBody(s.newUsername()))
		})
		l.created = s.left.player
		return l
	case createSession:
		l := simple(operation, "POST "+basePath+"/sessions", true, func(_, client, n int) request {
			return post("/sessions", s.sessionBody(s.Seats, pick(s.players, client, n).ID))
		})
		l.created = s.left.session
		return l
	case putPlayer:
		// Each side has players of its own: gsm would notice that another one has changed them.
		return simple(operation, "PUT "+basePath+"/players/{id}", true, func(side, client, n int) request {
			const sides = 3
			each := len(s.players) / sides
			p := s.players[(client*each/s.Clients+n)%each*sides+side]
			return put("/players/"+p.ID, putBody(p.Username, s.writes.Add(1)))
		})
	case sendHeartbeats:
		return simple(operation, "POST "+basePath+"/heartbeats", false, func(_, client, n int) request {
			return post("/heartbeats", s.beats(client, n))
		})
	}
	return floorLoad{
		operation: operation, pattern: "POST " + basePath + "/sessions/{id}/members", onDriver: true,
		request: s.join, refill: s.refill, sample: s.sampleJoin,
	}
}

// beats returns the heartbeats of some sessions of a client.
func (s *floorStock) beats(client, n int) string {
	mine := s.sessions[client*len(s.sessions)/s.Clients : (client+1)*len(s.sessions)/s.Clients]
	var all []string
	for i := range min(s.Batch, len(mine)) {
		d := mine[(n*s.Batch+i)%len(mine)]
		all = append(all, fmt.Sprintf(`{"session_id":%q,"fence":%d}`, d.ID, d.Fence))
	}
	return `{"sessions":[` + strings.Join(all, ",") + `]}`
}

// join fills a client's sessions one after the other.
func (s *floorStock) join(_, client, n int) (request, bool) {
	filled := n / (s.Seats - 1)
	s.filled(int64(filled))
	i := filled*s.Clients + client
	if i >= len(s.open) {
		return request{}, false
	}
	player := s.players[1+n%(s.Seats-1)].ID
	return post("/sessions/"+s.open[i]+"/members", `{"player_id":"`+player+`"}`), true
}

// filled notes how many sessions a client has filled in a round.
func (s *floorStock) filled(n int64) {
	for {
		most := s.most.Load()
		if n <= most || s.most.CompareAndSwap(most, n) {
			return
		}
	}
}

// refill makes sessions for a round of joins: some more than the most so far.
func (s *floorStock) refill(ctx context.Context) error {
	n := s.Clients * min(joinsPerRound, int(2+2*s.most.Load()))
	made, err := s.newSessions(ctx, n, func(int) string { return s.sessionBody(s.Seats, s.players[0].ID) })
	s.open = s.open[:0]
	for _, d := range made {
		s.open = append(s.open, d.ID)
	}
	return err
}

// sampleJoin returns the response to a join of a session with some members.
func (s *floorStock) sampleJoin(ctx context.Context) (r reply, err error) {
	d := s.sessions[0]
	for i := range min(sampleJoins, s.Seats-1) {
		r, err = s.api.must(ctx, post("/sessions/"+d.ID+"/members", `{"player_id":"`+s.players[1+i].ID+`"}`),
			http.StatusCreated)
		if err != nil {
			return r, err
		}
	}
	return r, nil
}
