package game

import (
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"time"
)

// Limits of quick joins.
const (
	// maxQuickTries is how many sessions a quick join tries to join, before it takes them all for full.
	maxQuickTries = 100
	// quickPage is how many it finds at once.
	quickPage = 20
	// maxQuickLooked is how many sessions a quick join looks at that its search finds, whether or not it tries them.
	maxQuickLooked = 1000
	// creationTurns is how many turns to create a session there are. Quick joins that are not equal may share one.
	creationTurns = 1024
)

// QuickJoin asks for seats in any session that matches.
type QuickJoin struct {
	Where  SearchWhere      `json:"where,omitempty" maxItems:"32" nullable:"false" doc:"Conditions that the session must meet, as in a search."`
	Order  []SearchOrder    `json:"order,omitempty" maxItems:"4" nullable:"false" doc:"Which sessions are tried first, as in a search."`
	Create *SessionTemplate `json:"create,omitempty" doc:"The session that is created if none has room; null for none. It must meet where."`
}

// SessionTemplate is what quick joins create sessions from.
type SessionTemplate struct {
	Settings
	Fixed
	TimeoutRequest
	// Hosted is true unless it is set.
	Hosted *bool `json:"hosted" doc:"Whether the first of the players who joins becomes host, which is the default. A server may create a session that belongs to a server."`
}

func (t *SessionTemplate) hosted() bool { return t.Hosted == nil || *t.Hosted }

// errUnfit says that a session does not meet the conditions of a quick join, or no longer does.
var errUnfit = errors.New("the session does not meet the conditions")

// newcomer stands for a player of whom nothing is known. No player has this id.
const newcomer PlayerID = "00000000-0000-0000-0000-000000000000"

// quickJoin is a quick join whose parts were checked.
type quickJoin struct {
	party  Party
	by     PlayerID // as in [Session.JoinParty]
	where  Where    // of the request
	search SearchQuery
	create *SessionTemplate
	turn   string // whose holder may create a session
	key    string // equal for equal requests
}

// Validate returns ErrValidation with everything that is wrong regardless of who joins.
func (r QuickJoin) Validate() error {
	_, err := r.prepare(Caller{Project: DefaultProject, Scope: ScopeServer}, Party{}, DefaultTimeouts())
	return err
}

// prepare checks a quick join of a party, and returns ErrValidation with everything that is wrong. defaults are those
// of sessions without timeouts.
func (r QuickJoin) prepare(c Caller, p Party, defaults Timeouts) (quickJoin, error) {
	var wrong problems
	search, err := SearchRequest{Where: r.Where, Order: r.Order}.query()
	wrong.include(err)
	q := quickJoin{party: p, where: search.Where[:len(r.Where)], create: r.Create}
	if c.Scope == ScopePlayer {
		q.by = c.Player
	}
	search.Project, search.Limit, search.Bytes, search.Current = c.Project, quickPage, MaxPageBytes, true
	search.Where = append(slices.Clip(search.Where), AtLeast(FieldFreeSeats, max(len(p.Seats), 1)))
	q.search = search
	if r.Create != nil {
		wrong.include(q.checkCreate(c.Project, len(wrong) == 0, defaults))
	}
	sum := hashFilters([]any{search, r.Create})
	q.key = hex.EncodeToString(sum)
	q.turn = "create-session-" + strconv.Itoa((int(sum[0])<<8|int(sum[1]))%creationTurns)
	return q, wrong.err()
}

// checkCreate returns what is wrong with the session that would be created: others with an equal request must find it,
// or each would get a session of its own.
func (q *quickJoin) checkCreate(project ProjectID, valid bool, defaults Timeouts) error {
	var wrong problems
	add := func(err error) {
		if e := (*Error)(nil); errors.As(err, &e) {
			for _, f := range e.Fields {
				wrong.add("create."+f.Field, "%s", f.Message)
			}
		}
	}
	t := q.create
	wrong.check(t.Visibility != VisibilityPrivate, "create.visibility",
		"must be public: quick joins find no private sessions")
	wrong.check(!t.Locked, "create.locked", "must be false: nobody could join the session")
	wrong.check(t.MaxPlayers < 1 || len(q.party.Seats) <= t.MaxPlayers, "create.max_players",
		"must be at least the number of players who join: %d", len(q.party.Seats))
	empty, err := newSession("", project, t.request(newcomer), defaults, time.Time{})
	add(err)
	if len(wrong) > 0 || !valid {
		return wrong.err()
	}
	q.empty(&empty)
	full := empty.clone()
	for _, j := range q.party.Seats {
		full.Members = append(full.Members, newMember(j, time.Time{}))
	}
	for i, c := range q.where {
		one := Where{c}
		if !one.Match(&empty) && !one.Match(&full) {
			wrong.add("create", "does not meet where.%d: no equal request would find the session", i)
		}
	}
	return wrong.err()
}

// request returns the request for a session, of a host if it is hosted.
func (t *SessionTemplate) request(host PlayerID) SessionRequest {
	r := SessionRequest{Settings: t.Settings, Fixed: t.Fixed, TimeoutRequest: t.TimeoutRequest}
	if t.hosted() {
		r.HostID = &host
	}
	return r
}

// empty takes the members out of a new session. If players host it, the first who joins becomes host.
func (q *quickJoin) empty(s *Session) { s.Members, s.HostID = []Member{}, nil }

// room returns the session that the quick join creates, with its players in it, and the result for each. It returns
// the errors of [Session.JoinParty].
func (q *quickJoin) room(id SessionID, defaults Timeouts, now time.Time) (Session, []Seated, error) {
	s, err := newSession(id, q.search.Project, q.create.request(q.party.Seats[0].PlayerID), defaults, now)
	if err != nil {
		return Session{}, nil, err
	}
	q.empty(&s)
	seated, _, err := s.JoinParty(q.party, q.by, nil, now)
	s.Fence = 1 // of the first host
	return s, seated, err
}

// fits reports whether a session in which players of the party have seats is what the quick join asks for: with them,
// or as it was before they joined. So a retry finds the session that the first try filled.
func (q *quickJoin) fits(s *Session) bool {
	if s.Status.Terminal() {
		return false
	}
	if q.where.Match(s) {
		return true
	}
	before := *s
	before.Members = slices.DeleteFunc(slices.Clone(s.Members), func(m Member) bool {
		return slices.ContainsFunc(q.party.Seats, func(j JoinRequest) bool { return j.PlayerID == m.PlayerID })
	})
	return q.where.Match(&before)
}

// joinsAgain is the condition under which the party gets its seats again. It returns errUnfit.
func (q *quickJoin) joinsAgain(s Session) error {
	if s.member(q.first()) >= 0 && q.fits(&s) {
		return nil
	}
	return errUnfit
}

// opens is the condition under which the party joins a session as newcomers: it is what a search would find at that
// moment, and needs neither a code nor a password. It returns errUnfit.
func (q *quickJoin) opens(s Session) error {
	if q.search.Where.Match(&s) {
		return nil
	}
	return errUnfit
}

// first returns the player whose seat the party would get again.
func (q *quickJoin) first() PlayerID {
	if q.by != "" {
		return q.by
	}
	return q.party.Seats[0].PlayerID
}

// again returns the query for the live sessions in which the party may have its seats, the newest first. It has all
// conditions that the party's seats do not change, so that it finds only sessions of which fits decides the rest.
func (q *quickJoin) again() SearchQuery {
	live := WithObstacles(slices.DeleteFunc(Obstacles(), func(o Obstacle) bool { return o == ObstacleEnded })...)
	where := Where{Is(FieldMember, q.first()), live}
	for _, c := range q.where {
		if !c.dependsOnSeats() {
			where = append(where, c)
		}
	}
	return SearchQuery{
		Project: q.search.Project, Where: where, Limit: MaxLimit, Bytes: MaxPageBytes, Current: true, Work: SearchTime,
	}
}

// dependsOnSeats reports whether a change of the members alone may change the result of the clause.
func (c Clause) dependsOnSeats() bool {
	if c.Not != nil {
		return c.Not.dependsOnSeats()
	}
	return slices.Contains([]string{FieldMember, FieldFreeSeats, FieldSeatsHeld, FieldObstacles}, c.Field) ||
		slices.ContainsFunc(slices.Concat(c.Any, c.All), Clause.dependsOnSeats)
}

// skips reports whether a quick join goes on with the next session after an error of a join.
func skips(err error) bool {
	switch KindOf(err) {
	case Conflict:
		return !errors.Is(err, ErrAlreadyMember)
	case Forbidden, NotFound, Gone, Invalid: // Invalid: it does not have the team
		return true
	case Internal, Precondition, Unauthenticated, Unavailable:
	}
	return errors.Is(err, errUnfit)
}
