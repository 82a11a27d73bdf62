package game

import (
	"errors"
	"slices"
	"strconv"
	"time"
)

// ReasonCode says why a session is not found by a search, or why a player cannot join it.
type ReasonCode string

// The codes of reasons that only searches have. They also have those of [Obstacles], unless these are included.
const (
	ReasonConditionFalse ReasonCode = "condition_not_met" // a condition does not hold
	ReasonConditionTrue  ReasonCode = "condition_met"     // a condition within not holds
	ReasonHidden         ReasonCode = "hidden"            // the session is private, and the player has no seat in it
)

// SearchReasons returns the codes of all reasons why a search does not find a session.
func SearchReasons() []ReasonCode {
	all := []ReasonCode{ReasonConditionFalse, ReasonConditionTrue, ReasonHidden}
	for _, o := range Obstacles() {
		all = append(all, ReasonCode(o))
	}
	return all
}

// JoinRefusals returns the errors of a join that say why a player gets no seat. Their codes are the reasons why it
// cannot join.
func JoinRefusals() []*Error {
	return []*Error{
		ErrSessionEnded, ErrPlayerNotFound, ErrPlayerSuspended, ErrJoinCodeRequired, ErrWrongPassword,
		ErrSessionNotJoinable, ErrPlayerBanned, ErrSessionLocked, ErrSessionFull, ErrTeamFull,
		ErrPlayerInOtherSession, ErrValidation,
	}
}

// ReasonCodes returns all codes of reasons.
func ReasonCodes() []ReasonCode {
	all := SearchReasons()
	for _, e := range JoinRefusals() {
		all = append(all, ReasonCode(e.Code))
	}
	return all
}

// ReasonAbout says what a reason is about.
type ReasonAbout string

// What reasons are about.
const (
	AboutSearch ReasonAbout = "search" // the search does not find the session
	AboutJoin   ReasonAbout = "join"   // the player cannot join it
)

// ReasonsAbout returns all that reasons can be about.
func ReasonsAbout() []ReasonAbout { return []ReasonAbout{AboutSearch, AboutJoin} }

// Reason is one reason, for programs.
type Reason struct {
	About  ReasonAbout `json:"about" doc:"Whether the search does not find the session, or the player cannot join it."`
	Code   ReasonCode  `json:"code" doc:"Of a search condition_not_met, condition_met (within not), hidden, or what include would have to name; of a join the code of the error."`
	At     string      `json:"at,omitzero" doc:"Of a condition: its place in the request, such as where.1.any.0."`
	Field  string      `json:"field,omitzero" doc:"The field of the session that decides, if there is one."`
	Op     Op          `json:"op,omitzero" doc:"How actual is compared with wanted."`
	Wanted SearchValue `json:"wanted,omitzero" doc:"What the field is compared with."`
	Actual SearchValue `json:"actual,omitzero" doc:"What the session has; absent if it has nothing, or a list."`
	Detail string      `json:"detail" doc:"The reason for people."`
}

// Reasons returns why a search does not find the session, for a caller; none if it does. It returns ErrValidation if
// the request is invalid.
func (r SearchRequest) Reasons(s *Session, c Caller) ([]Reason, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	var all []Reason
	for i, one := range r.Where {
		all = append(all, one.reasons(s, "where."+strconv.Itoa(i), true)...)
	}
	for _, o := range Obstacles() {
		if s.Obstacles().Has(o) && !slices.Contains(r.Include, o) {
			all = append(all, s.reason(AboutSearch, ReasonCode(o), s.obstacle(o), JoinRequest{}))
		}
	}
	if may, err := c.maySearch(nil); err != nil || !may.Match(s) {
		hidden := s.reason(AboutSearch, ReasonHidden, ErrJoinCodeRequired, JoinRequest{})
		hidden.Detail = "The session is private: other players than its members do not find it."
		all = append(all, hidden)
	}
	return all, nil
}

// reasons returns why the condition is not what it should be; none if it is.
func (c SearchCondition) reasons(s *Session, at string, should bool) []Reason {
	if c.holds(s) == should {
		return nil
	}
	var all []Reason
	switch {
	case c.Any != nil, c.All != nil:
		name, inner := "any", c.Any
		if c.All != nil {
			name, inner = "all", c.All
		}
		for i, one := range inner {
			all = append(all, one.reasons(s, at+"."+name+"."+strconv.Itoa(i), should)...)
		}
		return all
	case c.Not != nil:
		return c.Not.reasons(s, at+".not", !should)
	}
	r := Reason{
		About: AboutSearch, Code: ReasonConditionFalse, At: at, Field: c.Field, Op: c.Op, Wanted: c.Value,
		Actual: s.shown(c.Field), Detail: "The condition at " + at + " does not hold.",
	}
	if !should {
		r.Code, r.Detail = ReasonConditionTrue, "The condition at "+at+" holds, and must not."
	}
	return []Reason{r}
}

// holds reports whether the condition, which is valid, holds for a session.
func (c SearchCondition) holds(s *Session) bool {
	var none problems
	return Where{c.clause(&none, "")}.Match(s)
}

// shown returns the single value that the session has for a field, as requests write it, or none.
func (s *Session) shown(field string) SearchValue {
	if f, ok := FieldOf(sessionFields(), Clause{Field: field}); ok && f.Of != nil {
		if at, is := f.Of(s).(time.Time); is {
			return OneValue(StringValue(at.Format("2006-01-02T15:04:05.000Z07:00")))
		}
	} else if ok && f.Kind != KindAttributes {
		return SearchValue{} // a list, such as the members
	}
	if values := s.valuesOf(field); len(values) == 1 {
		return OneValue(values[0])
	}
	return SearchValue{}
}

// JoinReasons returns all reasons why a player who has no seat cannot join the session; none if it can. unable are
// reasons that the session does not know.
func (s *Session) JoinReasons(j JoinRequest, unable []error, now time.Time) (all []Reason) {
	if s.member(j.PlayerID) >= 0 {
		return nil
	}
	add := func(err error) {
		if e := (*Error)(nil); errors.As(err, &e) {
			all = append(all, s.reason(AboutJoin, ReasonCode(e.Code), err, j))
		}
	}
	if err := s.obstacle(ObstacleEnded); err != nil {
		add(err)
		return all
	}
	for _, err := range unable {
		add(err)
	}
	p := Party{Seats: []JoinRequest{j}}
	if s.waiter(j.PlayerID) < 0 {
		add(s.obstacle(ObstaclePrivate))
		add(s.obstacle(ObstaclePassword))
	}
	for err := range s.refusals(s.withTeams(p)[0], now) {
		add(err)
	}
	return all
}

// reason returns the reason that an error of a rule says, with the field that decides.
func (s *Session) reason(about ReasonAbout, code ReasonCode, err error, j JoinRequest) Reason {
	r := Reason{About: about, Code: code}
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		return r
	}
	r.Detail = e.Message
	if len(e.Fields) > 0 {
		r.Field, r.Detail = e.Fields[0].Field, "The "+e.Fields[0].Field+" "+e.Fields[0].Message+"."
		return r
	}
	is := func(field string, op Op, wanted ...Value) {
		r.Field, r.Op, r.Wanted = field, op, SearchValue{values: wanted, list: op == OpIn}
		r.Actual = s.shown(field)
	}
	switch {
	case errors.Is(e, ErrSessionFull):
		is(FieldFreeSeats, OpAtLeast, NumberValue(1))
	case errors.Is(e, ErrSessionLocked):
		is("locked", OpEqual, BoolValue(false))
	case errors.Is(e, ErrJoinCodeRequired):
		is(FieldVisibility, OpEqual, StringValue(string(VisibilityPublic)))
	case errors.Is(e, ErrSessionNotJoinable) && e.Extras["liveness"] != nil:
		is(FieldLiveness, OpEqual, StringValue(string(Live)))
	case errors.Is(e, ErrSessionNotJoinable), errors.Is(e, ErrSessionEnded):
		wanted := []Value{StringValue(string(StatusOpen))}
		if s.JoinInProgress {
			wanted = append(wanted, StringValue(string(StatusInProgress)))
		}
		is(FieldStatus, OpIn, wanted...)
	case errors.Is(e, ErrTeamFull):
		team := s.withTeams(Party{Seats: []JoinRequest{j}})[0].Team
		r.Field, r.Op, r.Wanted = "teams."+team, OpAtLeast, OneValue(NumberValue(1))
		r.Actual = OneValue(NumberValue(float64(s.Teams[team] - s.inTeam(team))))
	case errors.Is(e, ErrWrongPassword):
		is("has_password", OpEqual, BoolValue(false))
	case errors.Is(e, ErrPlayerInOtherSession):
		r.Field, r.Op, r.Wanted, r.Actual = "exclusive", OpEqual, OneValue(BoolValue(false)), OneValue(BoolValue(true))
	}
	return r
}
