package tests_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"

	"game-session-manager/client"
	"game-session-manager/tests/linear"
)

// lineage is one session of a run and what clients saw of it.
type lineage struct {
	*linearRun
	id     client.SessionID
	stream uint64
	seen   atomic.Pointer[linear.Lobby] // of the newest version that a client saw

	next    atomic.Int64 // ids of operations
	sent    atomic.Int64 // requests
	left    atomic.Int64
	mu      sync.Mutex
	history linear.History
	refused map[string]bool // requests that were not served
	// expired has the versions by which reservations expired, by the requests that made them.
	expired map[string]int64
	readAt  int64 // before the events were read
}

// open creates a session. Its settings are those of its seed.
func (r *linearRun) open(number uint64) (*lineage, error) {
	random := rand.New(rand.NewPCG(r.seed, number<<8))
	asked := linear.Lobby{
		JoinInProgress: random.IntN(2) == 0, AutoStart: random.IntN(2) == 0, Server: random.IntN(2) == 0,
		MaxPlayers: 4 + random.IntN(linearSeats-3), MinPlayers: random.IntN(4),
	}
	host := random.IntN(len(r.players))
	request := object{
		"host_id": r.players[host].ID, "max_players": asked.MaxPlayers, "min_players": asked.MinPlayers,
		"join_in_progress": asked.JoinInProgress, "auto_start": asked.AutoStart, "allow_rematch": true,
		// Nothing else happens by itself.
		"reservation_timeout": int(r.reserved / time.Second), "disconnect_grace": 86400, "host_grace": 3600,
		"empty_timeout": 0,
	}
	if asked.Server {
		request["connection"] = object{"address": "203.0.113.7", "port": 7777}
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	s := &lineage{linearRun: r, stream: number << 8, refused: map[string]bool{}, expired: map[string]int64{}}
	s.left.Store(int64(r.session))
	for {
		got, err := r.process(random).try(r.ctx, "POST /api/v1/sessions", string(body))
		if err == nil && got.status == http.StatusCreated {
			v := seenSession{}
			if err := json.Unmarshal([]byte(got.body), &v); err != nil {
				return nil, err
			}
			s.id, s.history.Initial = v.ID, linear.New(asked, host)
			first := v.lobby(r.numbers)
			s.seen.Store(&first)
			if first != s.history.Initial.View(linear.Nobody) {
				return nil, fmt.Errorf("created as %v, want %v", first, s.history.Initial)
			}
			return s, nil
		}
		if err == nil && !unavailable(got) || !pause(r.ctx, linearRetry) {
			return nil, fmt.Errorf("created: %d %s, %w", got.status, got.body, err)
		}
	}
}

// process returns a random process, which may be about to be killed.
func (r *linearRun) process(random *rand.Rand) *server {
	return r.processes[random.IntN(len(r.processes))].Load()
}

// client sends the operations of one client.
func (s *lineage) client(number int) {
	random := rand.New(rand.NewPCG(s.seed, s.stream+uint64(number)+1))
	var turns <-chan time.Time
	if s.pace > 0 {
		ticker := time.NewTicker(s.pace)
		defer ticker.Stop()
		turns = ticker.C
	}
	for s.left.Add(-1) >= 0 {
		if seen := s.seen.Load(); seen.Terminal() && s.left.Load() > linearAfter {
			s.left.Store(linearAfter)
		}
		o := s.choose(random)
		for !s.send(random, number, o) { // until it was
			if !pause(s.ctx, linearRetry) {
				return
			}
		}
		if turns == nil {
			continue
		}
		select {
		case <-turns:
		case <-s.ctx.Done():
			return
		}
	}
}

// finish reads the session when all clients are done.
func (s *lineage) finish() {
	random := rand.New(rand.NewPCG(s.seed, s.stream+linearClients+1))
	o := linear.Operation{Kind: linear.Read, Actor: linear.Nobody}
	before := len(s.history.Operations)
	for o.ID = s.newID(); len(s.history.Operations) == before && s.ctx.Err() == nil; {
		s.send(random, linearClients, o)
	}
}

func (s *lineage) newID() int { return int(s.next.Add(1)) }

// send sends an operation and records what it returned. It returns false if it had no effect for reasons that have
// nothing to do with the session.
func (s *lineage) send(random *rand.Rand, number int, o linear.Operation) bool {
	what, body := s.request(o)
	id := fmt.Sprintf("%s-%d", s.id, s.sent.Add(1))
	headers := []string{"X-Request-ID", id}
	if o.Actor != linear.Nobody {
		headers = append(headers, "X-Act-As-Player", string(s.players[o.Actor].ID))
	}
	if o.IfMatch > 0 {
		headers = append(headers, "If-Match", fmt.Sprintf("%q", fmt.Sprint(o.IfMatch)))
	}
	if o.Fence > 0 {
		headers = append(headers, "Session-Fence", fmt.Sprint(o.Fence))
	}
	call := porcupine.Operation{ClientId: number, Input: o, Call: int64(time.Since(s.begin)), Metadata: id}
	ctx, cancel := context.WithTimeout(s.ctx, linearTimeout)
	defer cancel()
	got, err := s.process(random).try(ctx, what, body, headers...)
	call.Return = int64(time.Since(s.begin))
	s.mu.Lock()
	defer s.mu.Unlock()
	result := linear.Result{}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), err == nil && withoutEffect(got):
		s.cut.Add(1)
		s.refused[id] = true
		return false
	case err != nil, unavailable(got):
		s.unknown.Add(1)
		call.Return, result.Unknown = linear.Pending, true
	default:
		if result, err = s.result(o, got); err != nil {
			s.t.Errorf("session %s, seed %d: %s %s: %d %s: %v", s.id, s.seed, what, body, got.status, got.body, err)
			return true
		}
		s.done.Add(1)
	}
	call.Output = result
	if !result.Unknown || o.Kind != linear.Read {
		s.history.Operations = append(s.history.Operations, call)
	}
	if seen := s.seen.Load(); result.Lobby != nil && result.Lobby.Version > seen.Version {
		s.seen.Store(result.Lobby)
	}
	return true
}

// withoutEffect reports whether a response says that the request was not served, and that it had no effect.
func withoutEffect(got response) bool {
	var p object
	return unavailable(got) && json.Unmarshal([]byte(got.body), &p) == nil && p.text("outcome") == "none"
}

// request returns the HTTP request of an operation.
func (s *lineage) request(o linear.Operation) (what, body string) {
	path := "/api/v1/sessions/" + string(s.id)
	player := ""
	if len(o.Players) > 0 {
		player = string(s.players[o.Players[0]].ID)
	}
	fields := object{}
	switch o.Kind {
	case linear.Read:
		return "GET " + path, ""
	case linear.Join:
		var party []object
		for _, p := range o.Players {
			party = append(party, object{"player_id": s.players[p].ID})
		}
		if fields["player_id"] = player; len(party) > 1 || o.Partial {
			fields = object{"players": party, "partial": o.Partial}
		}
		fields["reserve"] = o.Reserve
		what = "POST " + path + "/members"
	case linear.Leave:
		what = "DELETE " + path + "/members/" + player
		if o.Ban {
			what += "?ban=86400"
		}
		return what, ""
	case linear.Ban:
		what = "PUT " + path + "/bans/" + player
	case linear.Unban:
		return "DELETE " + path + "/bans/" + player, ""
	case linear.Edit:
		what = "PATCH " + path + "/members/" + player
		if o.Ready != nil {
			fields["ready"] = *o.Ready
		}
		if o.Seat != "" {
			fields["status"] = o.Seat
		}
	case linear.Move:
		what, fields = "PUT "+path, object{"status": o.Status}
	case linear.Settings:
		what = "PATCH " + path
		if o.Locked != nil {
			fields["locked"] = *o.Locked
		}
		if o.Seats > 0 {
			fields["max_players"] = o.Seats
		}
	case linear.Host:
		what, fields = "PUT "+path+"/host", object{"player_id": player}
	case linear.Expire:
	}
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // of strings and numbers
	}
	return what, string(b)
}

// seenSession is what is read of a session, of a member, and of an error.
type seenSession struct {
	client.Session
	LeftOut []client.LeftOut `json:"left_out"`
	Code    string           `json:"code"`
}

// result returns what a response says.
func (s *lineage) result(o linear.Operation, got response) (linear.Result, error) {
	r := linear.Result{Status: got.status}
	if got.status == http.StatusNoContent {
		return r, nil
	}
	if got.status >= http.StatusBadRequest {
		var p struct {
			Code    string
			Version int64
		}
		err := json.Unmarshal([]byte(got.body), &p)
		r.Code, r.Version = p.Code, p.Version
		if got.status >= http.StatusInternalServerError || got.status == http.StatusTooManyRequests || p.Code == "" {
			err = errors.Join(err, errors.New("unexpected"))
		}
		return r, err
	}
	if _, err := fmt.Sscanf(got.header.Get("ETag"), `"%d"`, &r.Version); err != nil {
		return r, fmt.Errorf("ETag: %w", err)
	}
	switch o.Kind {
	case linear.Ban:
		return r, nil
	case linear.Edit:
		var m client.Member
		err := json.Unmarshal([]byte(got.body), &m)
		r.Member = new(seenMember(m, s.numbers))
		return r, err
	default: // the others return the session
	}
	var v seenSession
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		return r, err
	}
	var left []string
	for _, one := range v.LeftOut {
		left = append(left, fmt.Sprintf("%d:%s", s.numbers[one.PlayerID], one.Code))
	}
	r.LeftOut = strings.Join(left, " ")
	r.Lobby = new(v.lobby(s.numbers))
	if r.Version != r.Lobby.Version {
		return r, errors.New("another version in the ETag")
	}
	return r, nil
}

// lobby returns a session in the terms of the specification.
func (v *seenSession) lobby(numbers map[client.PlayerID]int) linear.Lobby {
	l := linear.Lobby{
		Version: v.Version, Fence: v.Fence, Status: string(v.Status), Host: linear.Nobody, Locked: v.Locked,
		JoinInProgress: v.JoinInProgress, AutoStart: v.AutoStart, AutoStarted: v.AutoStarted,
		Server: v.Connection != nil, MaxPlayers: v.MaxPlayers, MinPlayers: v.MinPlayers, Held: len(v.Members),
	}
	if v.HostID != nil {
		l.Host = numbers[*v.HostID]
	}
	for i, m := range v.Members[:min(len(v.Members), linear.Players)] {
		l.Members[i] = seenMember(m, numbers)
	}
	for _, b := range v.Bans {
		l.Bans |= 1 << numbers[b.PlayerID]
	}
	return l
}

func seenMember(m client.Member, numbers map[client.PlayerID]int) linear.Member {
	return linear.Member{Player: numbers[m.PlayerID], Status: string(m.Status), Ready: m.Ready}
}

// told adds to the history which requests made which versions, by the events of the session. It returns an error
// unless each version has one event, and each request made at most one version, and none if it was not served.
//
// So the history says for every request what it did, whether it had a response or not, and can be checked in
// milliseconds. This only adds to what must be explained: a fault cannot hide behind an event that is wrong, because
// clients have seen something else.
func (s *lineage) told() error {
	s.readAt = int64(time.Since(s.begin))
	events, version, err := s.events()
	if err != nil {
		return err
	}
	made := map[string]int64{}
	for i, e := range events {
		if want := events[0].Version - int64(i); e.Version != want {
			return fmt.Errorf("event %d is of version %d, want %d", i, e.Version, want)
		}
		if e.Actor.Kind == "system" { // in the name of the request that it came before
			continue
		}
		if made[e.RequestID] != 0 || s.refused[e.RequestID] {
			return fmt.Errorf("request %s made version %d, and also version %d or nothing",
				e.RequestID, e.Version, made[e.RequestID])
		}
		made[e.RequestID] = e.Version
	}
	if len(events) == 0 || events[len(events)-1].Version != 1 || events[0].Version < version {
		return fmt.Errorf("%d events of the versions up to %d", len(events), version)
	}
	s.changes.Add(int64(len(events)))
	reservations := map[client.PlayerID]string{}
	for _, e := range slices.Backward(events) {
		for _, c := range e.Changes {
			switch {
			case c.Type == "seat_reserved":
				reservations[c.PlayerID] = e.RequestID
			case c.Reason == "timed_out":
				s.expired[reservations[c.PlayerID]] = e.Version
			}
		}
	}
	s.expiries.Add(int64(len(s.expired)))
	var all []porcupine.Operation
	for _, o := range s.history.Operations {
		result := o.Output.(linear.Result)
		if result.Made = made[o.Metadata.(string)]; result.Made == 0 {
			result.Made = linear.Nothing
		}
		if o.Output = result; !result.Unknown || result.Made > 0 {
			all = append(all, o)
		}
	}
	s.history.Operations = all
	return nil
}

// events returns the timeline of a session, newest first, and the version that the session had before.
func (s *lineage) events() (all []client.Event, version int64, err error) {
	for {
		p := s.processes[0].Load()
		v, err := p.api.Sessions.Get(s.ctx, s.id)
		filter := client.TimelineFilter{Limit: 100}
		for all = nil; err == nil; {
			var page client.Page[client.Event]
			page, err = p.api.Sessions.Timeline(s.ctx, s.id, filter)
			all = append(all, page.Items...)
			if filter.Cursor = page.NextCursor; filter.Cursor == "" {
				break
			}
		}
		if err == nil || !pause(s.ctx, linearRetry) {
			return all, v.Version, err
		}
	}
}

// weight is how often a kind of operation is chosen.
type weight struct {
	kind linear.Kind
	of   int
}

// choose returns a random operation, of those that are more or less likely to succeed on the session as it was seen.
func (s *lineage) choose(random *rand.Rand) linear.Operation {
	seen := s.seen.Load()
	o := linear.Operation{ID: s.newID(), Kind: chosen(random, s.weights), Actor: linear.Nobody}
	once := func(in int) bool { return random.IntN(in) == 0 }
	player := random.IntN(len(s.players))
	if member := seen.Members[random.IntN(max(seen.Held, 1))]; seen.Held > 0 && o.Kind != linear.Join && !once(5) {
		player = member.Player
	}
	o.Players = []int{player}
	switch o.Kind {
	case linear.Read, linear.Expire:
		o.Players = nil
		return o
	case linear.Join:
		s.chooseJoin(random, &o)
		return o
	case linear.Leave:
		o.Ban = once(12)
	case linear.Unban:
		if banned := slices.Collect(bannedIn(seen)); len(banned) > 0 {
			o.Players[0] = banned[random.IntN(len(banned))]
		}
	case linear.Edit:
		if o.Seat = []string{"", "", linear.Joined, linear.Disconnected}[random.IntN(4)]; o.Seat == "" || once(4) {
			o.Ready = new(!once(4))
		}
	case linear.Move:
		o.Status = []string{linear.Open, linear.Open, linear.Starting, linear.InProgress}[random.IntN(4)]
		if once(15) {
			o.Status = []string{linear.Ended, linear.Cancelled, linear.Failed}[random.IntN(3)]
		}
	case linear.Settings:
		if o.Locked = new(once(3)); once(2) {
			o.Locked, o.Seats = nil, max(4, seen.MinPlayers)+random.IntN(linearSeats-3)
		}
	default:
	}
	switch {
	case once(3):
		o.Actor = player
	case once(3) && seen.Host != linear.Nobody:
		o.Actor = seen.Host
	}
	if (o.Kind == linear.Leave || o.Kind == linear.Ban) && o.Actor == player {
		o.Ban = false // nobody bans itself
	}
	if once(6) && o.Kind != linear.Leave {
		o.IfMatch = seen.Version
	}
	if once(8) {
		o.Fence = seen.Fence
	}
	return o
}

// chooseJoin chooses who joins, and how.
func (s *lineage) chooseJoin(random *rand.Rand, o *linear.Operation) {
	once := func(in int) bool { return random.IntN(in) == 0 }
	for seen := s.seen.Load(); seen.Member(o.Players[0]) >= 0 && random.Float64() >= s.rejoins; {
		o.Players[0] = random.IntN(len(s.players))
	}
	if once(3) {
		o.Players = random.Perm(len(s.players))[:1+random.IntN(3)]
		o.Partial = once(4)
	}
	o.Reserve = random.Float64() < s.reserves
	switch {
	case once(3):
		o.Actor = o.Players[random.IntN(len(o.Players))]
	case once(6) && (len(o.Players) > 1 || o.Reserve):
		o.Actor = random.IntN(len(s.players))
	}
	if once(12) {
		o.Fence = s.seen.Load().Fence
	}
}

func bannedIn(l *linear.Lobby) func(func(int) bool) {
	return func(yield func(int) bool) {
		for p := range linear.Players {
			if l.Banned(p) && !yield(p) {
				return
			}
		}
	}
}

func chosen(random *rand.Rand, weights []weight) linear.Kind {
	sum := 0
	for _, w := range weights {
		sum += w.of
	}
	n := random.IntN(sum)
	for _, w := range weights {
		if n -= w.of; n < 0 {
			return w.kind
		}
	}
	panic("unreachable")
}
