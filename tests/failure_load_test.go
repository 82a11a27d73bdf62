package tests_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
)

// The load's shape: so many workers that take a turn each so often, each turn a request or a few.
const (
	loadWorkers = 12
	loadPace    = 50 * time.Millisecond
	hotSessions = 4
	hotSeats    = 4 // in each, a third of those who want one
	ownSeats    = 3
	firstWait   = 20 * time.Millisecond // of a caller before it tries again
	longestWait = 300 * time.Millisecond
	enoughToSay = 20 // violations, of which there may be thousands
)

// node is one process at one time.
type node struct {
	*server
	doomed atomic.Bool // set before it is killed: connections to it may break from then on
}

// tally counts the responses of one process.
type tally struct {
	written time.Time     // when the last write was acknowledged
	gap     time.Duration // the longest time without an acknowledged write
}

// traffic is the load of the callers, and the responses that they got.
type traffic struct {
	nodes [2]atomic.Pointer[node]
	hot   [hotSessions]string
	over  chan struct{} // closed when the workers shall end

	mu         sync.Mutex
	tallies    [2]tally
	requests   int
	refused    int // responses 503 store_unavailable
	broken     int // connections to a process that was killed
	retries    int
	worst      time.Duration // the longest that a caller tried
	violations []string
	players    map[string]string // ids by username, of acknowledged creations
	sessions   map[string]*owned // by name
	seats      map[string]string // the hot session that a player has a seat in, by player
}

// owned is a session that one worker alone changes.
type owned struct {
	id, status string
	members    map[string]bool
}

func newTraffic() *traffic {
	return &traffic{
		over: make(chan struct{}), players: map[string]string{}, sessions: map[string]*owned{},
		seats: map[string]string{},
	}
}

// violate records a broken promise.
func (l *traffic) violate(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.violations) < enoughToSay {
		l.violations = append(l.violations, fmt.Sprintf(format, args...))
	}
}

// call sends a request to one process after the other until it gets a response other than unavailability.
func (l *traffic) call(ctx context.Context, what, body string, headers ...string) (response, error) {
	begin, which := time.Now(), rand.IntN(2)
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		n := l.nodes[which].Load()
		a, err := n.try(ctx, what, body, headers...)
		if ctx.Err() != nil {
			return response{}, context.Cause(ctx)
		}
		if l.note(which, n, what, a, err) {
			l.mu.Lock()
			l.worst = max(l.worst, time.Since(begin))
			l.mu.Unlock()
			return a, nil
		}
		which = 1 - which
		select {
		case <-ctx.Done():
			return response{}, context.Cause(ctx)
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// note counts a response and reports whether it is final. Callers may see unavailability with a Retry-After, and
// broken connections to a killed process, but nothing else.
func (l *traffic) note(which int, n *node, what string, a response, err error) bool {
	switch {
	case err != nil && !n.doomed.Load():
		l.violate("%s: a process that lives: %v", what, err)
	case err == nil && a.status >= http.StatusInternalServerError && !unavailable(a):
		l.violate("%s: %d %s", what, a.status, a.body)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	switch {
	case err != nil:
		l.broken++
	case a.status >= http.StatusInternalServerError:
		l.refused++
	default:
		if t := &l.tallies[which]; !strings.HasPrefix(what, "GET ") {
			now := time.Now()
			if !t.written.IsZero() {
				t.gap = max(t.gap, now.Sub(t.written))
			}
			t.written = now
		}
		return true
	}
	l.retries++
	return false
}

// unavailable reports whether a response is allowed while the database is away: 503 store_unavailable, or the
// rejection of a process that holds as many requests as it can.
func unavailable(a response) bool {
	var p object
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" ||
		json.Unmarshal([]byte(a.body), &p) != nil {
		return false
	}
	code := p.text("code")
	return code == "store_unavailable" || code == "overloaded" && p.text("outcome") == "none"
}

// refusals returns how many requests were rejected or cut off until now.
func (l *traffic) refusals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused + l.broken
}

// worker is one caller, and what it knows of its own.
type worker struct {
	*traffic
	number  int
	players []string // ids
	own     []*owned
}

// work takes turns until the load is over. A turn that has begun is ended.
func (w *worker) work(ctx context.Context) error {
	turns := time.NewTicker(loadPace)
	defer turns.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-w.over:
			return nil
		case <-turns.C:
		}
		for _, do := range w.plan(turn) {
			if err := do(ctx); err != nil {
				return fmt.Errorf("worker %d: %w", w.number, err)
			}
		}
	}
}

// plan says what a worker does in a turn.
func (w *worker) plan(turn int) []func(context.Context) error {
	name := fmt.Sprintf("w%d-%d", w.number, turn)
	register := func(ctx context.Context) error { return w.register(ctx, name) }
	switch {
	case turn == 0:
		return []func(context.Context) error{register, func(ctx context.Context) error { return w.open(ctx, name) }}
	case turn%6 == 1:
		return []func(context.Context) error{register}
	case turn%6 == 2:
		return []func(context.Context) error{func(ctx context.Context) error { return w.open(ctx, name) }}
	case turn%6 == 3:
		return []func(context.Context) error{w.join, w.look}
	case turn%6 == 4:
		return []func(context.Context) error{w.move}
	}
	return []func(context.Context) error{w.race, w.look}
}

// register creates a player.
func (w *worker) register(ctx context.Context, name string) error {
	a, err := w.call(
		ctx, "POST /api/v1/players", fmt.Sprintf(`{"username":%q}`, name), "Idempotency-Key", "player-"+name,
	)
	if err != nil {
		return err
	}
	var p client.Player
	if json.Unmarshal([]byte(a.body), &p) != nil || a.status != http.StatusCreated || p.Username != name {
		w.violate("creating player %s: %d %s", name, a.status, a.body)
		return nil
	}
	w.players = append(w.players, string(p.ID))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.traffic.players[name] = string(p.ID)
	return nil
}

// open creates a session that this worker alone changes.
func (w *worker) open(ctx context.Context, name string) error {
	a, err := w.call(ctx, "POST /api/v1/sessions", fmt.Sprintf(
		`{"max_players":%d,"name":%q}`, ownSeats, name,
	), "Idempotency-Key", "session-"+name)
	if err != nil {
		return err
	}
	var v client.Session
	if json.Unmarshal([]byte(a.body), &v) != nil || a.status != http.StatusCreated || v.Name != name {
		w.violate("creating session %s: %d %s", name, a.status, a.body)
		return nil
	}
	o := &owned{id: string(v.ID), status: string(v.Status), members: map[string]bool{}}
	w.own = append(w.own, o)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions[name] = o
	return nil
}

// join seats a player in the newest session of this worker, or takes it out again.
func (w *worker) join(ctx context.Context) error {
	o, p := w.own[len(w.own)-1], w.players[rand.IntN(len(w.players))]
	if o.members[p] || len(o.members) == ownSeats || o.status != string(client.StatusOpen) {
		return nil
	}
	a, err := w.call(ctx, "POST /api/v1/sessions/"+o.id+"/members", fmt.Sprintf(`{"player_id":%q}`, p))
	if err != nil {
		return err
	}
	if a.status != http.StatusCreated && a.status != http.StatusOK {
		w.violate("joining a session with a free seat: %d %s", a.status, a.body)
		return nil
	}
	o.members[p] = true
	if rand.IntN(3) > 0 {
		return nil
	}
	if a, err = w.call(ctx, "DELETE /api/v1/sessions/"+o.id+"/members/"+p, ""); err != nil {
		return err
	}
	if a.status != http.StatusNoContent {
		w.violate("leaving a session: %d %s", a.status, a.body)
		return nil
	}
	delete(o.members, p)
	return nil
}

// move brings a session of this worker into its next state.
func (w *worker) move(ctx context.Context) error {
	o := w.own[max(0, len(w.own)-1-rand.IntN(5))]
	next := map[string]string{"open": "in_progress", "in_progress": "ended"}[o.status]
	if next == "" {
		return nil
	}
	a, err := w.call(ctx, "PUT /api/v1/sessions/"+o.id, fmt.Sprintf(`{"status":%q}`, next))
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		w.violate("moving a session from %s to %s: %d %s", o.status, next, a.status, a.body)
		return nil
	}
	o.status = next
	return nil
}

// race wants a seat in a session that all workers want seats in, or gives its own back.
func (w *worker) race(ctx context.Context) error {
	p := w.players[0]
	w.mu.Lock()
	held := w.seats[p]
	w.mu.Unlock()
	if held != "" {
		a, err := w.call(ctx, "DELETE /api/v1/sessions/"+held+"/members/"+p, "")
		if err != nil {
			return err
		}
		if a.status != http.StatusNoContent {
			w.violate("leaving a session: %d %s", a.status, a.body)
		}
		held = ""
	} else {
		id := w.hot[rand.IntN(hotSessions)]
		a, err := w.call(ctx, "POST /api/v1/sessions/"+id+"/members", fmt.Sprintf(`{"player_id":%q}`, p))
		if err != nil {
			return err
		}
		switch a.status {
		case http.StatusOK, http.StatusCreated:
			held = id
		case http.StatusConflict: // full
		default:
			w.violate("joining a session: %d %s", a.status, a.body)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seats[p] = held
	return nil
}

// look reads what this worker knows.
func (w *worker) look(ctx context.Context) error {
	o := w.own[rand.IntN(len(w.own))]
	a, err := w.call(ctx, "GET /api/v1/sessions/"+o.id, "")
	if err != nil {
		return err
	}
	if problem := o.differs(a); problem != "" {
		w.violate("session %s: %s", o.id, problem)
	}
	a, err = w.call(ctx, "GET /api/v1/sessions/"+w.hot[rand.IntN(hotSessions)], "")
	if err != nil {
		return err
	}
	var v client.Session
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || a.status != http.StatusOK || sound(v) != nil {
		w.violate("a session that all want seats in: %d, %v", a.status, sound(v))
	}
	return nil
}

// differs returns the difference between a response and what was acknowledged.
func (o *owned) differs(a response) string {
	var v client.Session
	if a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &v) != nil {
		return fmt.Sprintf("%d %s", a.status, a.body)
	}
	return o.differsFrom(v)
}

func (o *owned) differsFrom(v client.Session) string {
	if err := sound(v); err != nil {
		return err.Error()
	}
	if string(v.Status) != o.status || len(v.Members) != len(o.members) {
		return fmt.Sprintf("%s with %d members, want %s with %d", v.Status, len(v.Members), o.status, len(o.members))
	}
	for _, m := range v.Members {
		if !o.members[string(m.PlayerID)] {
			return fmt.Sprintf("%s has a seat and shall not", m.PlayerID)
		}
	}
	return ""
}

// verify compares everything that is stored with what was acknowledged.
func (l *traffic) verify(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := 0
	for after := ""; ; {
		page, err := l.nodes[0].Load().api.Players.List(t.Context(), client.PlayerFilter{Limit: 100, Cursor: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Items {
			seen++
			if l.players[p.Username] != string(p.ID) {
				t.Errorf("player %s is %s, and was acknowledged as %q", p.Username, p.ID, l.players[p.Username])
			}
		}
		if after = page.NextCursor; after == "" {
			break
		}
	}
	if seen != len(l.players) {
		t.Errorf("%d players are stored, and %d were acknowledged", seen, len(l.players))
	}
	l.verifySessions(t)
}

func (l *traffic) verifySessions(t *testing.T) {
	t.Helper()
	seated, hot, found := 0, 0, map[string]bool{}
	for after := ""; ; {
		page, err := l.nodes[1].Load().api.Sessions.List(
			t.Context(), client.SessionFilter{Limit: 100, Members: client.MembersFull, Cursor: after},
		)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Items {
			if v.Mode == "hot" {
				hot++
				for _, m := range v.Members {
					seated++
					if l.seats[string(m.PlayerID)] != string(v.ID) {
						t.Errorf(
							"%s has a seat in %s, and was told of one in %q", m.PlayerID, v.ID,
							l.seats[string(m.PlayerID)],
						)
					}
				}
				if err := sound(v); err != nil {
					t.Error(err)
				}
				continue
			}
			o := l.sessions[v.Name]
			switch {
			case o == nil || found[v.Name] || o.id != string(v.ID):
				t.Errorf("session %s, named %s, is another than the one that was acknowledged", v.ID, v.Name)
			case o.differsFrom(v) != "":
				t.Errorf("session %s: %s", v.ID, o.differsFrom(v))
			}
			found[v.Name] = true
		}
		if after = page.NextCursor; after == "" {
			break
		}
	}
	held := 0
	for _, id := range l.seats {
		if id != "" {
			held++
		}
	}
	if hot != hotSessions || len(found) != len(l.sessions) || seated != held {
		t.Errorf(
			"%d and %d sessions are stored with %d seats, and %d and %d were acknowledged with %d", hot, len(found),
			seated, hotSessions, len(l.sessions), held,
		)
	}
}
