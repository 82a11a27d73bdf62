package game_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"game-session-manager/internal/game"
)

// sessionModel is a session as a child would keep it: who sits where, since when and how. Rules that the tables hold
// one by one are predicted here for long random histories.
type sessionModel struct {
	real     game.Session
	now      int // seconds after t0
	status   game.SessionStatus
	host     int   // 0 for none
	hosted   bool  // there was one
	order    []int // who sits, in the order of the seats
	team     map[int]string
	skin     map[int]string // an attribute; empty for none
	conn     map[int]game.MemberStatus
	since    map[int]int
	lost     map[int]int // since when a member is disconnected
	reserved map[int]int // since when a seat is reserved from the wait list
	waits    []int       // who waits; team and skin are what for
	hostLost int         // since when the host is; 0 for not
	empty    int         // since when nobody sits; 0 for not
	settings game.Settings
}

func drawSettings(t *rapid.T) game.Settings {
	seats := rapid.IntRange(1, 6).Draw(t, "max_players")
	s := game.Settings{
		Name:           rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"),
		Visibility:     rapid.SampledFrom(game.Visibilities()).Draw(t, "visibility"),
		Locked:         rapid.IntRange(0, 9).Draw(t, "locked") == 0,
		JoinInProgress: rapid.Bool().Draw(t, "join_in_progress"),
		AllowRematch:   rapid.Bool().Draw(t, "allow_rematch"),
		MaxPlayers:     seats,
		MinPlayers:     rapid.IntRange(0, min(seats, 3)).Draw(t, "min_players"),
		Teams:          map[string]int{},
		Attributes:     game.Attributes{},
	}
	for _, team := range []string{"red", "blue"} {
		if n := rapid.IntRange(0, 3).Draw(t, team); n > 0 {
			s.Teams[team] = n
		}
	}
	return s
}

func newSessionModel(t *rapid.T) *sessionModel {
	m := &sessionModel{
		settings: drawSettings(t), team: map[int]string{}, skin: map[int]string{}, conn: map[int]game.MemberStatus{},
		since: map[int]int{}, lost: map[int]int{}, reserved: map[int]int{}, now: 1,
		status: rapid.SampledFrom([]game.SessionStatus{"open", "open", "pending"}).Draw(t, "status"),
	}
	r := game.SessionRequest{Settings: m.settings, Status: m.status}
	r.Exclusive = rapid.Bool().Draw(t, "exclusive")
	switch how := rapid.IntRange(0, 2).Draw(t, "host"); how {
	case 1:
		r.HostID = new(player(1))
		m.sit(1, "", "")
	case 2:
		team, skin := rapid.SampledFrom(append(slices.Sorted(maps.Keys(m.settings.Teams)), "")).Draw(t, "team"),
			drawSkin(t)
		r.Host = &game.JoinRequest{PlayerID: player(1), Team: team, Attributes: dressed(skin)}
		m.sit(1, team, skin)
	}
	m.hosted = len(m.order) > 0
	m.settle()
	s, err := game.NewSession("id", "p", r, later(m.now))
	if err != nil {
		t.Fatal(err)
	}
	m.real = s
	return m
}

func (m *sessionModel) sit(who int, team, skin string) {
	m.order = append(m.order, who)
	m.team[who], m.skin[who], m.conn[who], m.since[who] = team, skin, "joined", m.now
	m.empty = 0
}

func drawSkin(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", "fox", "owl"}).Draw(t, "skin")
}

// dressed returns the attributes of a join, nil for none.
func dressed(skin string) game.Attributes {
	if skin == "" {
		return nil
	}
	return game.Attributes{"skin": game.StringValue(skin)}
}

// settle finds a host where a player ever was host: who is and has its seat, or else the joined member who joined
// first.
func (m *sessionModel) settle() {
	if m.sits(m.host) && m.conn[m.host] == "joined" {
		m.hostLost = 0
	}
	if m.hosted && !m.sits(m.host) {
		m.succeed()
	}
}

// succeed has the joined member who joined first be host.
func (m *sessionModel) succeed() {
	first := 0
	for _, n := range m.order {
		if m.conn[n] == "joined" && (first == 0 || m.since[n] < m.since[first]) {
			first = n
		}
	}
	m.host, m.hostLost = first, 0
}

func (m *sessionModel) sits(who int) bool { return slices.Contains(m.order, who) }

func (m *sessionModel) held(team string) int {
	n := 0
	for _, who := range m.order {
		if m.team[who] == team {
			n++
		}
	}
	return n
}

// do runs a rule on a clone, as a change does, and holds what every rule promises: the value it started from is
// untouched, and so is the clone unless a change is reported.
func (m *sessionModel) do(t *rapid.T, rule func(*game.Session) ([]game.Change, error)) (changed bool, err error) {
	before := snapshot(m.real)
	next := m.real.Clone()
	done, err := rule(&next)
	if changed = len(done) > 0; changed {
		done = append(done, next.MoveUp(later(m.now))...)
	}
	if d := cmp.Diff(before, m.real, exact); d != "" {
		t.Fatalf("the rule reached through the clone:\n%s", d)
	}
	if d := cmp.Diff(before, next, exact); (d != "") != changed {
		t.Fatalf("changed is %t, error %v, and the difference:\n%s", changed, err, d)
	}
	if err != nil && changed {
		t.Fatalf("changed and rejected: %v", err)
	}
	if told := told(before, done); told != outline(next) {
		t.Fatalf("the changes %+v describe\n%+v, and the session is\n%+v", done, told, outline(next))
	}
	m.real = next
	return changed, err
}

// outlined is what changes tell of a session.
type outlined struct{ status, reason, host, members, waiting string }

func outline(s game.Session) outlined {
	o := outlined{status: string(s.Status), reason: string(s.EndReason), waiting: fmt.Sprint(waiting(s))}
	if s.HostID != nil {
		o.host = string(*s.HostID)
	}
	for _, m := range s.Members {
		o.members += fmt.Sprintf("%s %t\n", m.PlayerID, m.Status == game.SeatJoined)
	}
	return o
}

// told returns the outline of a session after the changes that are applied to its outline before them.
func told(before game.Session, done []game.Change) outlined {
	s := snapshot(before)
	at := func(id game.PlayerID) int {
		return slices.IndexFunc(s.Members, func(m game.Member) bool { return m.PlayerID == id })
	}
	gone := func(id game.PlayerID) { s.Members = slices.Delete(s.Members, at(id), at(id)+1) }
	for _, c := range done {
		switch c := c.(type) {
		case game.StatusChanged:
			if s.Status, s.EndReason = c.To, c.Reason; c.To.Terminal() {
				s.WaitList = nil
			}
		case game.WaitListJoined:
			s.WaitList = append(s.WaitList, game.Waiter{PlayerID: c.PlayerID})
		case game.WaitListLeft:
			s.WaitList = slices.DeleteFunc(s.WaitList, func(w game.Waiter) bool { return w.PlayerID == c.PlayerID })
		case game.SeatReservedFor:
			s.Members = append(s.Members, game.Member{PlayerID: c.PlayerID})
		case game.MemberJoined:
			if at(c.PlayerID) < 0 {
				s.Members = append(s.Members, game.Member{PlayerID: c.PlayerID})
			}
			s.Members[at(c.PlayerID)].Status = game.SeatJoined
		case game.MemberReconnected:
			s.Members[at(c.PlayerID)].Status = game.SeatJoined
		case game.MemberDisconnected:
			s.Members[at(c.PlayerID)].Status = game.SeatDisconnected
		case game.MemberLeft:
			gone(c.PlayerID)
		case game.MemberRemoved:
			gone(c.PlayerID)
		case game.HostChanged:
			s.HostID = nil
			if c.To != "" {
				s.HostID = &c.To
			}
		}
	}
	return outline(s)
}

func (m *sessionModel) expect(t *rapid.T, changed bool, err error, wantChanged bool, want *game.Error) {
	t.Helper()
	if want != nil {
		rejected(t, err, want)
		return
	}
	if err != nil || changed != wantChanged {
		t.Fatalf("changed is %t, want %t; error %v", changed, wantChanged, err)
	}
}

func (m *sessionModel) Join(t *rapid.T) {
	m.now++
	who := rapid.IntRange(1, 8).Draw(t, "who")
	team := rapid.SampledFrom([]string{"", "", "red", "blue", "green", "auto"}).Draw(t, "team")
	skin := drawSkin(t)
	wait := rapid.Bool().Draw(t, "wait")
	asked, position := team, 0
	changed, err := m.do(t, func(s *game.Session) ([]game.Change, error) {
		j := game.JoinRequest{PlayerID: player(who), Team: team, Attributes: dressed(skin)}
		p := game.Party{Seats: []game.JoinRequest{j}, Wait: wait}
		got, done, err := s.JoinParty(p, player(who), nil, later(m.now))
		if err == nil {
			position = got[0].Position
		}
		return done, err
	})
	waits := slices.Contains(m.waits, who)
	other := team != "" && team != m.team[who] || skin != "" && skin != m.skin[who]
	if waits && !other {
		asked, skin = m.team[who], m.skin[who]
	}
	if team = m.choose(asked); m.sits(who) && asked == "auto" {
		team, other = "", skin != "" && skin != m.skin[who]
	}
	defer func() {
		if err == nil && position != slices.Index(m.waits, who)+1 {
			t.Fatalf("player %d is number %d, want it in %v", who, position, m.waits)
		}
	}()
	capacity, known := m.settings.Teams[team]
	open := m.status == "open" || m.status == "in_progress" && m.settings.JoinInProgress
	switch {
	case terminal(m.status):
		m.expect(t, changed, err, false, game.ErrSessionEnded)
	case (m.sits(who) || waits) && other:
		m.expect(t, changed, err, false, game.ErrAlreadyMember)
	case m.sits(who):
		m.expect(t, changed, err, m.conn[who] != "joined", nil)
		if m.conn[who] == "reserved" {
			m.since[who] = m.now
		}
		m.conn[who] = "joined"
		m.settle()
	case waits && wait && m.refuses(team):
		m.expect(t, changed, err, false, nil)
	case m.settings.Visibility == game.VisibilityPrivate && !waits:
		m.expect(t, changed, err, false, game.ErrJoinCodeRequired)
	case !open:
		m.expect(t, changed, err, false, game.ErrSessionNotJoinable)
	case m.settings.Locked:
		m.expect(t, changed, err, false, game.ErrSessionLocked)
	case len(m.order) == m.settings.MaxPlayers && !wait:
		m.expect(t, changed, err, false, game.ErrSessionFull)
	case team != "" && !known:
		m.expect(t, changed, err, false, game.ErrValidation)
	case team != "" && m.held(team) == capacity && !wait:
		m.expect(t, changed, err, false, game.ErrTeamFull)
	case m.refuses(team):
		m.expect(t, changed, err, true, nil)
		m.waits = append(m.waits, who)
		m.team[who], m.skin[who] = asked, skin
	default:
		m.expect(t, changed, err, true, nil)
		if waits {
			t.Fatalf("player %d waited for a free seat", who)
		}
		m.sit(who, team, skin)
		m.settle()
	}
}

// gone takes a player's seat away, or its place on the wait list.
func (m *sessionModel) gone(who int) {
	without := func(all []int) []int { return slices.DeleteFunc(all, func(n int) bool { return n == who }) }
	if m.waits = without(m.waits); !m.sits(who) {
		return
	}
	m.order = without(m.order)
	delete(m.reserved, who)
	if len(m.order) == 0 {
		m.empty = m.now
	}
	m.settle()
	m.moveUp()
}

// refuses reports whether there is no seat in a team, or none at all.
func (m *sessionModel) refuses(team string) bool {
	open := m.status == "open" || m.status == "in_progress" && m.settings.JoinInProgress
	return !open || m.settings.Locked || len(m.order) >= m.settings.MaxPlayers ||
		team != "" && m.held(team) >= m.settings.Teams[team]
}

// choose returns the team with most room for who asks for any.
func (m *sessionModel) choose(team string) string {
	if team != "auto" {
		return team
	}
	best := ""
	for _, name := range slices.Sorted(maps.Keys(m.settings.Teams)) {
		if best == "" || m.settings.Teams[name]-m.held(name) > m.settings.Teams[best]-m.held(best) {
			best = name
		}
	}
	return best
}

// moveUp gives the seats that are free to those who wait, in their order.
func (m *sessionModel) moveUp() {
	if terminal(m.status) {
		m.waits = nil
	}
	for _, who := range slices.Clone(m.waits) {
		asked := m.team[who]
		_, known := m.settings.Teams[asked]
		if gone := !known && asked != "" && asked != "auto"; gone || !m.refuses(m.choose(asked)) {
			m.waits = slices.DeleteFunc(m.waits, func(n int) bool { return n == who })
			if !gone {
				m.sit(who, m.choose(asked), m.skin[who])
				m.conn[who], m.reserved[who] = "reserved", m.now
			}
		}
	}
}

func (m *sessionModel) EditMember(t *rapid.T) {
	who := rapid.IntRange(1, 8).Draw(t, "who")
	team, skin := rapid.SampledFrom([]string{"", "red", "blue", "green"}).Draw(t, "team"), drawSkin(t)
	changed, err := m.do(t, func(s *game.Session) ([]game.Change, error) {
		return s.EditMember(player(who), game.MemberEdit{
			MemberSettings: game.MemberSettings{Team: team, Attributes: dressed(skin)},
		}, later(m.now))
	})
	capacity, known := m.settings.Teams[team]
	moves := team != m.team[who] && team != ""
	switch {
	case !m.sits(who):
		m.expect(t, changed, err, false, game.ErrMemberNotFound)
	case team == m.team[who] && skin == m.skin[who]:
		m.expect(t, changed, err, false, nil)
	case terminal(m.status):
		m.expect(t, changed, err, false, game.ErrSessionEnded)
	case moves && !known:
		m.expect(t, changed, err, false, game.ErrValidation)
	case moves && (m.held(team) == capacity || m.claimed(m.team[who], team) >= capacity-m.held(team)):
		m.expect(t, changed, err, false, game.ErrTeamFull)
	default:
		m.expect(t, changed, err, true, nil)
		m.team[who], m.skin[who] = team, skin
		m.moveUp()
	}
}

// claimed returns how many wait for seats that a member would take by moving to a team.
func (m *sessionModel) claimed(from, to string) int {
	n := 0
	for _, who := range m.waits {
		if m.team[who] == to || m.team[who] == "auto" && from == "" {
			n++
		}
	}
	if n == 0 {
		return -1
	}
	return n
}

func (m *sessionModel) SetHost(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "seldom") > 0 {
		t.Skip("a server's session would be seen too little")
	}
	who := rapid.IntRange(1, 8).Draw(t, "who")
	changed, err := m.do(t, func(s *game.Session) ([]game.Change, error) { return s.SetHost(player(who)) })
	switch {
	case m.host == who:
		m.expect(t, changed, err, false, nil)
	case terminal(m.status):
		m.expect(t, changed, err, false, game.ErrSessionEnded)
	case !m.sits(who):
		m.expect(t, changed, err, false, game.ErrMemberNotFound)
	case m.conn[who] != "joined":
		m.expect(t, changed, err, false, game.ErrMemberNotJoined)
	default:
		m.expect(t, changed, err, true, nil)
		m.host, m.hosted, m.hostLost = who, true, 0
	}
}

func (m *sessionModel) Leave(t *rapid.T) {
	who := rapid.IntRange(1, 8).Draw(t, "who")
	changed, err := m.do(t, func(s *game.Session) ([]game.Change, error) { return s.Leave(player(who), later(m.now)) })
	switch {
	case !m.sits(who) && !slices.Contains(m.waits, who):
		m.expect(t, changed, err, false, nil)
	case terminal(m.status):
		m.expect(t, changed, err, false, game.ErrSessionEnded)
	default:
		m.expect(t, changed, err, true, nil)
		m.gone(who)
	}
}

func (m *sessionModel) Forget(t *rapid.T) {
	who := rapid.IntRange(1, 8).Draw(t, "who")
	changed, err := m.do(t, func(s *game.Session) ([]game.Change, error) {
		return s.Forget(player(who), game.RemovedErased, later(m.now)), nil
	})
	m.expect(t, changed, err, m.sits(who) && (!terminal(m.status) || m.skin[who] != "") ||
		slices.Contains(m.waits, who), nil)
	if terminal(m.status) {
		m.skin[who] = ""
		return
	}
	m.gone(who)
}

func (m *sessionModel) Edit(t *rapid.T) {
	next := drawSettings(t)
	changed, err := m.do(t, func(s *game.Session) ([]game.Change, error) {
		return s.Edit(game.SessionEdit{Settings: next, Fixed: s.Fixed, Timeouts: s.Timeouts})
	})
	fits := len(m.order) <= next.MaxPlayers
	for _, who := range m.order {
		fits = fits && (m.team[who] == "" || m.held(m.team[who]) <= next.Teams[m.team[who]])
	}
	switch {
	case cmp.Equal(next, m.settings, exact):
		m.expect(t, changed, err, false, nil)
	case terminal(m.status):
		m.expect(t, changed, err, false, game.ErrSessionEnded)
	case !fits:
		m.expect(t, changed, err, false, game.ErrSeatsTaken)
	default:
		m.expect(t, changed, err, true, nil)
		m.settings = next
		m.moveUp()
	}
}

func (m *sessionModel) Move(t *rapid.T) {
	m.now++
	live := []game.SessionStatus{"open", "starting", "in_progress", "open", "starting", "in_progress", "pending"}
	to := rapid.SampledFrom(append(live, game.SessionStatuses()...)).Draw(t, "to")
	reason := rapid.SampledFrom(append([]game.EndReason{"", "", "", ""}, game.EndReasons()...)).Draw(t, "reason")
	wantChanged, _, want := expectMove(m.real, to, reason)
	if want == nil && wantChanged && (to == "starting" || to == "in_progress") &&
		len(m.order) < m.settings.MinPlayers {
		want = game.ErrNotEnoughPlayers
	}
	changed, err := m.do(t, func(s *game.Session) ([]game.Change, error) {
		return s.Move(game.Move{Status: to, EndReason: reason}, later(m.now))
	})
	m.expect(t, changed, err, wantChanged, want)
	if changed {
		m.status = to
		m.moveUp()
	}
}

func (m *sessionModel) Expire(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "seldom") > 0 {
		t.Skip("an early end ends the history")
	}
	changed, err := m.do(t, func(s *game.Session) ([]game.Change, error) {
		return s.Expire("lease_expired", later(m.now))
	})
	switch {
	case m.status == "expired":
		m.expect(t, changed, err, false, nil)
	case terminal(m.status):
		m.expect(t, changed, err, false, game.ErrInvalidTransition)
	default:
		m.expect(t, changed, err, true, nil)
		m.status = "expired"
		m.moveUp()
	}
}

// Connect changes how a member holds its seat. Reservations without an end are made by hand.
func (m *sessionModel) Connect(t *rapid.T) {
	if len(m.order) == 0 {
		t.Skip("nobody to connect")
	}
	m.now++
	i := rapid.IntRange(0, len(m.order)-1).Draw(t, "seat")
	who := m.order[i]
	how := rapid.SampledFrom([]game.MemberStatus{"reserved", "joined", "disconnected"}).Draw(t, "how")
	if how == "reserved" {
		if terminal(m.status) || who == m.host {
			t.Skip("no reservations of hosts")
		}
		m.real = snapshot(m.real)
		m.real.Members[i].Status, m.real.Members[i].Deadline = how, nil
		m.conn[who] = how
		delete(m.reserved, who)
		return
	}
	changed, err := m.do(t, func(s *game.Session) ([]game.Change, error) {
		e := game.MemberEdit{MemberSettings: s.Members[i].MemberSettings, Status: how}
		return s.EditMember(player(who), e, later(m.now))
	})
	switch was := m.conn[who]; {
	case how == was:
		m.expect(t, changed, err, false, nil)
	case terminal(m.status):
		m.expect(t, changed, err, false, game.ErrSessionEnded)
	case how == "joined":
		m.expect(t, changed, err, true, nil)
		if was == "reserved" {
			m.since[who] = m.now
		}
		m.conn[who] = how
		m.settle()
	case was == "reserved":
		m.expect(t, changed, err, false, game.ErrValidation)
	default:
		m.expect(t, changed, err, true, nil)
		m.conn[who], m.lost[who] = how, m.now
		if who == m.host {
			m.hostLost = m.now
		}
	}
}

// Elapse lets time pass and applies what it does, one deadline after the other. The deadlines are those of
// [game.DefaultTimeouts].
func (m *sessionModel) Elapse(t *rapid.T) {
	m.now += rapid.SampledFrom([]int{1, 10, 29, 30, 31, 60, 120, 299, 300, 301}).Draw(t, "seconds")
	changed, err := m.do(t, func(s *game.Session) ([]game.Change, error) {
		due := s.NextDue()
		done := s.Elapse(later(m.now), t0, 0)
		if happened := due != nil && !due.After(later(m.now)); happened != (len(done) > 0) {
			t.Fatalf("due at %v, at %s: %v", due, later(m.now), done)
		}
		return done, nil
	})
	happened := false
	for !terminal(m.status) {
		at, effect := m.now+1, func() {}
		due := func(since, after int, do func()) {
			if since != 0 && after != 0 && since+after < at {
				at, effect = since+after, do
			}
		}
		for _, who := range m.order {
			if m.conn[who] == "disconnected" {
				due(m.lost[who], 120, func() { m.gone(who) })
			}
			if m.conn[who] == "reserved" {
				due(m.reserved[who], 60, func() { m.gone(who) })
			}
		}
		due(m.hostLost, 30, m.succeed)
		due(m.empty, m.real.EmptyTimeout, func() {
			m.status = map[bool]game.SessionStatus{true: "expired", false: "cancelled"}[m.status == "in_progress"]
		})
		if m.status == "pending" {
			due(1, 60, func() { m.status = "failed" })
		}
		if at > m.now {
			break
		}
		happened = true
		effect()
	}
	m.moveUp()
	m.expect(t, changed, err, happened, nil)
}

// Check compares the model and holds what is true of every session at any time.
func (m *sessionModel) Check(t *rapid.T) {
	s := m.real
	if s.Status != m.status {
		t.Fatalf("the status is %s, want %s", s.Status, m.status)
	}
	if got := seated(s); !slices.Equal(got, m.order) {
		t.Fatalf("seats are held by %v, want %v", got, m.order)
	}
	if got := waiting(s); !slices.Equal(got, m.waits) {
		t.Fatalf("on the wait list are %v, want %v", got, m.waits)
	}
	for i, who := range m.waits {
		if w := s.WaitList[i]; !m.refuses(m.choose(w.Team)) || w.Team != m.team[who] || m.sits(who) {
			t.Fatalf("player %d waits as %+v", who, w)
		}
	}
	if sorted := slices.Sorted(slices.Values(m.order)); len(slices.Compact(sorted)) != len(s.Members) {
		t.Fatalf("a player holds two seats: %v", m.order)
	}
	if m.host == 0 != (s.HostID == nil) || s.HostID != nil && *s.HostID != player(m.host) {
		t.Fatalf("the host is %v, want %d", s.HostID, m.host)
	}
	if s.Hosted != m.hosted {
		t.Fatalf("hosted is %t, want %t", s.Hosted, m.hosted)
	}
	checkHost(t, s)
	if len(s.Members) > s.MaxPlayers || s.FreeSeats() != s.MaxPlayers-len(s.Members) {
		t.Fatalf("%d of %d seats are held, %d are free", len(s.Members), s.MaxPlayers, s.FreeSeats())
	}
	teams := map[string]int{}
	for i, mem := range s.Members {
		teams[mem.Team]++
		who := m.order[i]
		if mem.Status != m.conn[who] || mem.Team != m.team[who] || mem.JoinedAt != later(m.since[who]) ||
			!maps.Equal(mem.Attributes, dressed(m.skin[who])) {
			t.Fatalf("player %d sits as %+v", who, mem)
		}
	}
	for team, held := range teams {
		if team != "" && held > s.Teams[team] {
			t.Fatalf("%d of %d seats of team %s are held", held, s.Teams[team], team)
		}
	}
	checkEnd(t, s)
	m.checkPlaces(t)
}

// checkPlaces holds that whoever has joined an exclusive session has its place there until it leaves or the session
// ends. The model's reservations are made by others.
func (m *sessionModel) checkPlaces(t *rapid.T) {
	var want []game.PlayerID
	for _, who := range m.order {
		if m.real.Exclusive && !m.status.Terminal() && m.conn[who] != "reserved" {
			want = append(want, player(who))
		}
	}
	if got := m.real.ExclusivePlaces(); !slices.Equal(got, want) {
		t.Fatalf("the exclusive places are of %v, want %v", got, want)
	}
}

// checkHost holds that authority can always be got back: a live session that was ever hosted, and in which a member has
// joined, has a host, who has joined or is disconnected for a while.
func checkHost(t reporter, s game.Session) {
	t.Helper()
	someone := slices.ContainsFunc(s.Members, func(m game.Member) bool { return m.Status == game.SeatJoined })
	if s.HostID == nil {
		if s.Hosted && someone && !s.Status.Terminal() {
			t.Fatalf("a session that was hosted has no host and members %+v", s.Members)
		}
		return
	}
	host, err := s.Member(*s.HostID)
	if err != nil || !s.Hosted {
		t.Fatalf("hosted is %t, and the host is no member: %v", s.Hosted, err)
	}
	if lost := host.Status == game.SeatDisconnected; lost != (s.HostLostAt != nil) || host.Status == game.SeatReserved {
		t.Fatalf("the host is %s, and lost since %v", host.Status, s.HostLostAt)
	}
}

func TestSessionHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		t.Repeat(rapid.StateMachineActions(newSessionModel(t)))
	})
}
