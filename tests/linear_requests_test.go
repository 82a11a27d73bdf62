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

// lineage is one session of a run, or two exclusive ones with the same players, and what clients saw of them.
type lineage struct {
	*linearRun
	ids     []client.SessionID
	stream  uint64
	players []client.Player
	numbers map[client.PlayerID]int
	seen    [linear.Sessions]atomic.Pointer[linear.Lobby] // of the newest version that a client saw

	next    atomic.Int64 // ids of operations
	sent    atomic.Int64 // requests
	left    atomic.Int64
	mu      sync.Mutex
	history linear.History
	codes   []seenCode
	refused map[string]bool // requests that were not served
	readAt  int64           // before the events were read
	// reserved has the versions that reserved seats, in their order, of each session, and expired those by which the
	// reservations of a version expired.
	reserved [linear.Sessions][]int64
	expired  [linear.Sessions]map[int64]int64
}

// seenCode is a join code that a client saw. Until the versions of all requests are known, its place among them, from
// 1, stands for it in the history.
type seenCode struct {
	text    string
	session int
	version int64 // the lowest at which it was seen
}

// open creates the sessions of a lineage. Their settings are those of its seed.
func (r *linearRun) open(number uint64) (*lineage, error) {
	random := rand.New(rand.NewPCG(r.seed, number<<8))
	s := &lineage{
		linearRun: r, stream: number << 8, numbers: map[client.PlayerID]int{}, refused: map[string]bool{},
	}
	s.left.Store(int64(r.session))
	for i := range linearPlayers {
		var p client.Player
		body := fmt.Sprintf(`{"username":"p-%d-%d"}`, number, i)
		if err := s.create(random, "/api/v1/players", body, &p); err != nil {
			return nil, err
		}
		s.players = append(s.players, p)
		s.numbers[p.ID] = i
	}
	exclusive := random.IntN(3) == 0
	for i := range linear.Sessions {
		if i == 0 || exclusive {
			if err := s.openOne(random, exclusive, i); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// openOne creates a session, whose host is the player of its number.
func (s *lineage) openOne(random *rand.Rand, exclusive bool, number int) error {
	asked := linear.Lobby{
		JoinInProgress: random.IntN(2) == 0, AutoStart: random.IntN(2) == 0, Server: random.IntN(2) == 0,
		Private: random.IntN(4) == 0, Exclusive: exclusive,
		MaxPlayers: 3 + random.IntN(linearSeats-2), MinPlayers: random.IntN(4),
	}
	request := object{
		"host_id": s.players[number].ID, "max_players": asked.MaxPlayers, "min_players": asked.MinPlayers,
		"join_in_progress": asked.JoinInProgress, "auto_start": asked.AutoStart, "allow_rematch": true,
		"exclusive": exclusive, "visibility": client.VisibilityPublic,
		// Nothing else happens by itself.
		"reservation_timeout": int(s.confirm / time.Second), "disconnect_grace": 86400, "host_grace": 3600,
		"empty_timeout": 0,
	}
	if asked.Server {
		request["connection"] = object{"address": "203.0.113.7", "port": 7777}
	}
	if asked.Private {
		request["visibility"] = client.VisibilityPrivate
	}
	if random.IntN(2) == 0 {
		request["join_code"], asked.Code.Made = true, 1
	}
	if random.IntN(2) == 0 {
		asked.TeamSeats = 1 + random.IntN(linearSeats/2)
		request["teams"] = teamsOf(asked.TeamSeats)
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	var v seenSession
	if err := s.create(random, "/api/v1/sessions", string(body), &v); err != nil {
		return err
	}
	s.ids = append(s.ids, v.ID)
	s.history.Initial[number] = linear.New(asked, number)
	first := s.lobby(number, &v)
	s.seen[number].Store(&first)
	shown := first
	if shown.Code.Made > 0 {
		shown.Code.Made = 1
	}
	if shown != s.history.Initial[number].View(linear.Nobody) {
		return fmt.Errorf("created as %v, want %v", shown, s.history.Initial[number])
	}
	return nil
}

func teamsOf(seats int) object { return object{linear.Red: seats, linear.Blue: seats} }

// create creates a document, and tries again if that is cut off.
func (s *lineage) create(random *rand.Rand, path, body string, v any) error {
	key := fmt.Sprint(random.Uint64())
	for {
		got, err := s.process(random).try(s.ctx, "POST "+path, body, "Idempotency-Key", key)
		if err == nil && got.status == http.StatusCreated {
			return json.Unmarshal([]byte(got.body), v)
		}
		wait := got.status == http.StatusConflict && strings.Contains(got.body, "idempotency")
		if err == nil && !unavailable(got) && !wait || !pause(s.ctx, linearRetry) {
			return fmt.Errorf("%s: %d %s, %w", path, got.status, got.body, err)
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
		if s.over() && s.left.Load() > linearAfter {
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

// over reports whether all sessions have been seen to be over.
func (s *lineage) over() bool {
	for i := range s.ids {
		if !s.seen[i].Load().Terminal() {
			return false
		}
	}
	return true
}

// finish reads the sessions when all clients are done.
func (s *lineage) finish() {
	random := rand.New(rand.NewPCG(s.seed, s.stream+linearClients+1))
	for i := range s.ids {
		o := linear.Operation{Kind: linear.Read, Session: i, Actor: linear.Nobody}
		before := len(s.history.Operations)
		for o.ID = s.newID(); len(s.history.Operations) == before && s.ctx.Err() == nil; {
			s.send(random, linearClients, o)
		}
	}
}

func (s *lineage) newID() int { return int(s.next.Add(1)) }

// send sends an operation and records what it returned. It returns false if it had no effect for reasons that have
// nothing to do with the session.
func (s *lineage) send(random *rand.Rand, number int, o linear.Operation) bool {
	what, body := s.request(o)
	id := fmt.Sprintf("%s-%d", s.ids[0], s.sent.Add(1))
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
	case err == nil && got.status == http.StatusTooManyRequests && strings.Contains(got.body, "too_many_guesses"):
		s.refused[id] = true
		return true
	case err != nil, unavailable(got):
		s.unknown.Add(1)
		call.Return, result.Unknown = linear.Pending, true
	default:
		if result, err = s.result(o, got); err != nil {
			s.t.Errorf("sessions %v, seed %d: %s %s: %d %s: %v", s.ids, s.seed, what, body, got.status, got.body, err)
			return true
		}
		s.done.Add(1)
	}
	call.Output = result
	if !result.Unknown || o.Kind != linear.Read {
		s.history.Operations = append(s.history.Operations, call)
	}
	seen := &s.seen[o.Session]
	if result.Lobby != nil && result.Lobby.Version > seen.Load().Version {
		seen.Store(result.Lobby)
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
	path := "/api/v1/sessions/" + string(s.ids[o.Session])
	player := ""
	if len(o.Players) > 0 {
		player = string(s.players[o.Players[0]].ID)
	}
	fields := object{}
	switch o.Kind {
	case linear.Read:
		return "GET " + path, ""
	case linear.Join:
		what, fields = s.joinRequest(path, o)
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
		if o.Moves {
			fields["team"] = o.Team
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
		if o.TeamSeats > 0 {
			fields["teams"] = teamsOf(o.TeamSeats)
		}
	case linear.Host:
		what, fields = "PUT "+path+"/host", object{"player_id": player}
	case linear.Invite:
		what = "PUT " + path + "/invites/" + player
		if o.Seconds > 0 {
			fields["expires_in"] = o.Seconds
		}
	case linear.Rotate:
		what = "POST " + path + "/code"
		if o.MaxUses > 0 {
			fields["max_uses"] = o.MaxUses
		}
	case linear.Uncode:
		return "DELETE " + path + "/code", ""
	case linear.Expire:
	}
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // of strings and numbers
	}
	return what, string(b)
}

func (s *lineage) joinRequest(path string, o linear.Operation) (what string, fields object) {
	var party []object
	for _, p := range o.Players {
		one := object{"player_id": s.players[p].ID}
		if o.Team != "" {
			one["team"] = o.Team
		}
		party = append(party, one)
	}
	if fields = party[0]; len(party) > 1 || o.Partial {
		fields = object{"players": party, "partial": o.Partial}
	}
	if o.Reserve {
		fields["reserve"] = true
	}
	if o.Wait {
		fields["wait"] = true
	}
	if o.Code != 0 {
		fields["code"] = s.codeText(o.Code)
	}
	if o.ByCode {
		return "POST /api/v1/sessions/join-by-code", fields
	}
	return "POST " + path + "/members", fields
}

// codeText returns the characters of a join code.
func (s *lineage) codeText(code int64) string {
	if code == linear.WrongCode {
		return "000000" // once in so many sessions
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.codes[code-1].text
}

// code returns what stands for a join code that was seen. The caller holds mu.
func (s *lineage) code(session int, text string, version int64) int64 {
	i := slices.IndexFunc(s.codes, func(c seenCode) bool { return c.text == text && c.session == session })
	if i < 0 {
		i = len(s.codes)
		s.codes = append(s.codes, seenCode{text, session, version})
	}
	s.codes[i].version = min(s.codes[i].version, version)
	return int64(i + 1)
}

func (s *lineage) joinCode(session int, c client.JoinCode, version int64) linear.JoinCode {
	seen := linear.JoinCode{Made: s.code(session, c.Code, version), Uses: c.Uses}
	if c.MaxUses != nil {
		seen.MaxUses = *c.MaxUses
	}
	return seen
}

// seenSession is what is read of a session, of a member, and of an error.
type seenSession struct {
	client.Session
	LeftOut  []client.LeftOut `json:"left_out"`
	Code     string           `json:"code"`
	Position int              `json:"position"`
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
			Session client.SessionID `json:"session_id"`
		}
		err := json.Unmarshal([]byte(got.body), &p)
		r.Code, r.Version = p.Code, p.Version
		if got.status >= http.StatusInternalServerError || got.status == http.StatusTooManyRequests || p.Code == "" {
			err = errors.Join(err, errors.New("unexpected"))
		}
		other := p.Session != s.ids[o.Session] && slices.Contains(s.ids, p.Session)
		if p.Code == "player_in_other_session" && !other {
			err = errors.Join(err, fmt.Errorf("it is in %s", p.Session))
		}
		return r, err
	}
	if _, err := fmt.Sscanf(got.header.Get("ETag"), `"%d"`, &r.Version); err != nil {
		return r, fmt.Errorf("ETag: %w", err)
	}
	switch o.Kind {
	case linear.Ban:
		return r, nil
	case linear.Rotate:
		var c client.JoinCode
		err := json.Unmarshal([]byte(got.body), &c)
		r.JoinCode = new(s.joinCode(o.Session, c, r.Version))
		return r, err
	case linear.Edit, linear.Invite:
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
	for _, one := range v.LeftOut {
		r.LeftOut = append(r.LeftOut, linear.LeftOut{Player: s.numbers[one.PlayerID], Code: one.Code})
	}
	r.Position = v.Position
	r.Lobby = new(s.lobby(o.Session, &v))
	if r.Version != r.Lobby.Version {
		return r, errors.New("another version in the ETag")
	}
	return r, nil
}

// lobby returns a session in the terms of the specification. The caller holds mu.
func (s *lineage) lobby(session int, v *seenSession) linear.Lobby {
	l := linear.Lobby{
		Version: v.Version, Fence: v.Fence, Status: string(v.Status), Host: linear.Nobody, Locked: v.Locked,
		JoinInProgress: v.JoinInProgress, AutoStart: v.AutoStart, AutoStarted: v.AutoStarted,
		Server: v.Connection != nil, MaxPlayers: v.MaxPlayers, MinPlayers: v.MinPlayers,
		Private: v.Visibility == client.VisibilityPrivate, Exclusive: v.Exclusive, TeamSeats: v.Teams[linear.Red],
		Held: len(v.Members), Waiting: len(v.WaitList),
	}
	if v.HostID != nil {
		l.Host = s.numbers[*v.HostID]
	}
	for i, m := range v.Members[:min(len(v.Members), linear.Players)] {
		l.Members[i] = seenMember(m, s.numbers)
	}
	for i, w := range v.WaitList[:min(len(v.WaitList), linear.Players)] {
		l.WaitList[i] = linear.Waiter{Player: s.numbers[w.PlayerID], Team: w.Team, Position: w.Position}
	}
	if v.JoinCode != nil {
		l.Code = s.joinCode(session, *v.JoinCode, v.Version)
	}
	for _, b := range v.Bans {
		l.Bans |= 1 << s.numbers[b.PlayerID]
	}
	return l
}

func seenMember(m client.Member, numbers map[client.PlayerID]int) linear.Member {
	return linear.Member{
		Player: numbers[m.PlayerID], Status: string(m.Status), Team: m.Team, Ready: m.Ready,
	}
}
