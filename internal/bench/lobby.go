package bench

import (
	"context"
	"fmt"
	"sync"
)

// lobbySeats are the seats of a lobby.
const lobbySeats = 4

// visitsHosted is how many visits there are for each of a host.
const visitsHosted = lobbySeats

// beatsOfGame is how many heartbeats a host sends while a game is played.
const beatsOfGame = 3

// lobbies is a game whose players find each other.
type lobbies struct {
	players []document
	mu      sync.Mutex
	order   []string // in which they ended
}

// prepareLobby has each client visit as a player of its own: every fourth time as the host of a new lobby, and the
// other times as a guest of one that it finds.
func prepareLobby(ctx context.Context, b *bench) (workload, error) {
	players, err := b.newPlayers(ctx, b.Clients)
	if err != nil {
		return workload{}, err
	}
	l := &lobbies{players: players}
	return workload{visit: func(v *visit) {
		if v.n%visitsHosted == 0 {
			l.host(v, players[v.client].ID)
		} else {
			l.guest(v, players[v.client].ID)
		}
	}, check: func(ctx context.Context) { l.check(ctx, b) }}, nil
}

// host opens a lobby, waits for guests, plays and ends the session.
func (l *lobbies) host(v *visit, me string) {
	var lobby document
	if !v.create(createSession, post("/sessions", v.sessionBody(lobbySeats, me)), func(d document) { lobby = d }) {
		return
	}
	v.left.session(lobby.ID)
	path := "/sessions/" + lobby.ID
	for range lobbySeats { // guests come meanwhile
		v.think()
		v.call(sendHeartbeat, post(path+"/heartbeat", "{}"))
	}
	v.lookAt(path, lobby.ID)
	v.call("ready", patch(path+"/members/"+me, `{"ready":true}`))
	v.call("start", put(path, `{"status":"in_progress"}`))
	for range beatsOfGame {
		v.think()
		v.call(sendHeartbeat, post(path+"/heartbeat", "{}"))
	}
	v.lookAt(path, lobby.ID)
	r := v.call("end", put(path, `{"status":"ended","result":{"winner":"`+me+`"}}`))
	if r.ok() {
		l.note(lobby.ID)
	}
}

// guest looks for a lobby, joins it, plays and leaves.
func (l *lobbies) guest(v *visit, me string) {
	where := fmt.Sprintf(`{"where":[{"field":"mode","op":"eq","value":%q}],"spread":true,"limit":20}`, v.name("mode"))
	r := v.call(searchSessions, post("/sessions/search", where))
	var found searchPage
	if !r.ok() || r.into(&found) != nil {
		return
	}
	for _, d := range found.Items {
		v.found.check(d.Mode == v.name("mode") && d.Status == "open" && d.FreeSeats > 0,
			"a search finds what matches and can be joined", "an open session with a free seat",
			fmt.Sprintf("%s, %s, %d free", d.ID, d.Status, d.FreeSeats))
	}
	v.think()
	if len(found.Items) == 0 {
		return
	}
	id := found.Items[v.random.IntN(len(found.Items))].ID
	path := "/sessions/" + id
	r = v.call(joinSession, post(path+"/members", `{"player_id":"`+me+`"}`), lateCodes()...)
	if !r.ok() {
		return
	}
	v.think()
	v.call("ready", patch(path+"/members/"+me, `{"ready":true}`), lateCodes()...)
	v.think()
	if seen, ok := v.lookAt(path, id); ok && seen.Status != "ended" {
		v.found.check(isMember(seen, me), "no acknowledged join is lost", me+" is a member of "+id, "it is none")
	}
	v.think()
	v.call("leave", remove(path+"/members/"+me), lateCodes()...)
}

// lateCodes are the errors of those who come too late, as people do.
func lateCodes() []string {
	return []string{"session_full", "session_not_joinable", "session_ended", "invalid_state_transition"}
}

// lookAt reads a session, and checks its members.
func (v *visit) lookAt(path, id string) (d document, ok bool) {
	r := v.call(readSession, get(path))
	if !r.ok() || r.into(&d) != nil {
		return d, false
	}
	same(v.found, readSession+" returns the document", id, d.ID)
	v.checkSeats(d, lobbySeats)
	return d, true
}

// checkSeats checks that no seat is sold twice, and no player has two.
func (b *bench) checkSeats(d document, seats int) {
	b.found.check(len(d.Members) <= seats, "a seat is not sold twice", fmt.Sprint(seats, " seats in ", d.ID),
		fmt.Sprint(len(d.Members), " members"))
	members := map[string]bool{}
	for _, m := range d.Members {
		b.found.check(!members[m.PlayerID], "no player has two seats", "each member once in "+d.ID, m.PlayerID+" twice")
		members[m.PlayerID] = true
	}
}

func isMember(d document, player string) bool {
	for _, m := range d.Members {
		if m.PlayerID == player {
			return true
		}
	}
	return false
}

// note remembers that a session has ended.
func (l *lobbies) note(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.order) < mostReadBack {
		l.order = append(l.order, id)
	}
}

// check reads sessions that have ended, which never change again.
func (l *lobbies) check(ctx context.Context, b *bench) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = together(preparers, len(l.order), func(i int) error {
		if d, found := b.look(ctx, "/sessions/"+l.order[i]); found {
			same(b.found, "a session that was ended stays so", "ended", d.Status)
			b.checkSeats(d, lobbySeats)
		}
		return ctx.Err()
	})
}
