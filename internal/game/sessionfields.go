package game

import (
	"slices"
	"sync"
	"time"
)

// The comparisons of searches by the kind of a field.
var (
	equalities = []Op{OpEqual, OpNot, OpIn}
	ordered    = []Op{OpEqual, OpNot, OpIn, OpLess, OpAtMost, OpGreater, OpAtLeast, OpBetween}
	textual    = []Op{OpEqual, OpNot, OpIn, OpLess, OpAtMost, OpGreater, OpAtLeast, OpBetween, OpPrefix}
)

// SessionFields returns the fields that sessions can be selected by.
func SessionFields() []Field[Session] { return slices.Clone(sessionFields()) }

// sessionFields is [SessionFields] for those who change nothing of it: each condition of a search looks a field up.
var sessionFields = sync.OnceValue(func() []Field[Session] { return append(describedFields(), seatFields()...) })

// describedFields returns the fields of what a session is.
func describedFields() []Field[Session] {
	return []Field[Session]{
		{
			Name: FieldID, Kind: KindID, Ops: []Op{OpIn}, Type: "SessionID", Max: MaxLimit,
			Of: func(s *Session) any { return string(s.ID) },
		},
		{
			Name: FieldStatus, Kind: KindEnum, Type: "SessionStatus",
			Params:   []Param{{"status", OpIn, "Sessions in one of these states, separated by commas."}},
			Ops:      []Op{OpEqual},
			Searched: equalities, Unordered: true,
			Enum: texts(SessionStatuses()), Of: func(s *Session) any { return string(s.Status) },
		},
		{
			Name: "name", Kind: KindText, Searched: textual, Max: MaxSessionText,
			Params: []Param{{"name_prefix", OpPrefix, "Sessions whose name begins with exactly this."}},
			Of:     func(s *Session) any { return s.Name },
		},
		{
			Name: "mode", Kind: KindText, Max: MaxSessionText,
			Params:   []Param{{"mode", OpEqual, "Sessions with this mode."}},
			Searched: textual,
			Of:       func(s *Session) any { return s.Mode },
		},
		{
			Name: "map", Kind: KindText, Max: MaxSessionText,
			Params:   []Param{{"map", OpEqual, "Sessions on this map."}},
			Searched: textual,
			Of:       func(s *Session) any { return s.Map },
		},
		{
			Name: "region", Kind: KindText, Max: MaxSessionText,
			Params:   []Param{{"region", OpEqual, "Sessions in this region."}},
			Searched: textual,
			Of:       func(s *Session) any { return s.Region },
		},
		{
			Name: FieldVisibility, Kind: KindEnum, Type: "Visibility",
			Params:   []Param{{"visibility", OpEqual, "Sessions with this visibility."}},
			Searched: equalities, Unordered: true,
			Enum: texts(Visibilities()), Of: func(s *Session) any { return string(s.Visibility) },
		},
		{
			Name: FieldLiveness, Kind: KindEnum, Type: "Liveness",
			Params: []Param{{
				"liveness", OpEqual,
				"Sessions that have their heartbeats, or need none (live), or have missed them (stale).",
			}},
			Searched: equalities, Unordered: true,
			Enum: texts(Livenesses()),
			Of: func(s *Session) any {
				if s.Liveness == Stale {
					return string(Stale)
				}
				return string(Live) // older documents lack the field
			},
		},
		{
			Name: "created_at", Kind: KindTime, Searched: ordered,
			Params: []Param{
				{"created_after", OpAtLeast, "Sessions that were created at this time or later."},
				{"created_before", OpLess, "Sessions that were created before this time."},
			},
			Of: func(s *Session) any { return s.CreatedAt },
		},
		{
			Name: "updated_at", Kind: KindTime, Searched: ordered,
			Params: []Param{
				{"updated_after", OpAtLeast, "Sessions that were changed at this time or later."},
				{"updated_before", OpLess, "Sessions that were changed before this time."},
			},
			Of: func(s *Session) any { return s.UpdatedAt },
		},
		{
			Name: "ended_at", Kind: KindTime, Searched: append(ordered[:len(ordered):len(ordered)], OpExists),
			Params: []Param{
				{"ended_after", OpAtLeast, "Sessions that ended at this time or later."},
				{"ended_before", OpLess, "Sessions that ended before this time."},
			},
			Of: func(s *Session) any {
				if s.EndedAt == nil || !s.Status.Terminal() {
					return nil
				}
				return *s.EndedAt
			},
		},
		{
			Name: FieldAttributes, Kind: KindAttributes, Ops: []Op{OpIn},
			Searched: append(textual[:len(textual):len(textual)], OpExists),
		},
	}
}

// seatFields returns the fields of who is in a session, and who may be.
func seatFields() []Field[Session] {
	return []Field[Session]{
		{
			Name: FieldHost, Kind: KindID, Type: "PlayerID",
			Params:   []Param{{"host_id", OpEqual, "Sessions that this player hosts."}},
			Searched: append(equalities[:len(equalities):len(equalities)], OpExists), Unordered: true,
			Of: func(s *Session) any {
				if s.HostID == nil {
					return nil
				}
				return string(*s.HostID)
			},
		},
		{
			Name: FieldMember, Kind: KindID, Type: "PlayerID",
			Params:   []Param{{"member_id", OpEqual, "Sessions in which this player holds a seat."}},
			Searched: equalities, Unordered: true,
		},
		{Name: FieldNamed, Kind: KindID, Ops: []Op{OpEqual}, Type: "PlayerID"}, // see [Session.Named]
		{
			Name: FieldFreeSeats, Kind: KindCount, Max: MaxPlayers,
			Params:   []Param{{"free_seats", OpAtLeast, "Sessions with at least this many free seats."}},
			Searched: ordered,
			Of:       func(s *Session) any { return int64(s.FreeSeats()) },
		},
		{
			Name: FieldSeatsHeld, Kind: KindCount, Searched: ordered, Max: MaxPlayers,
			Of: func(s *Session) any { return int64(len(s.Members)) },
		},
		{
			Name: "max_players", Kind: KindCount, Searched: ordered, Max: MaxPlayers,
			Of: func(s *Session) any { return int64(s.MaxPlayers) },
		},
		{
			Name: "locked", Kind: KindFlag, Searched: []Op{OpEqual, OpNot}, Unordered: true,
			Params: []Param{{"locked", OpEqual, "Sessions that are locked (true), or that are not (false)."}},
			Of:     func(s *Session) any { return s.Locked },
		},
		{
			Name: "has_password", Kind: KindFlag, Searched: []Op{OpEqual, OpNot}, Unordered: true,
			Params: []Param{{"has_password", OpEqual, "Sessions with a password (true), or without one (false)."}},
			Of:     func(s *Session) any { return s.HasPassword },
		},
		{
			// Compared by the field of the obstacles: see [joinableClause].
			Name: FieldJoinable, Kind: KindFlag, Searched: []Op{OpEqual, OpNot}, Unordered: true,
			Params: []Param{{"joinable", OpEqual, "Sessions that a newcomer can join (true), or cannot (false)."}},
			Of:     func(s *Session) any { return s.Obstacles() == 0 },
		},
		{
			Name: FieldObstacles, Kind: KindCount, Unordered: true, Max: int(allObstacles),
			Of: func(s *Session) any { return int64(s.Obstacles()) }, //nolint:gosec // seven bits
		},
	}
}

// valueOf returns what a document has for a field as a [Value], times as milliseconds, and false for nothing.
func valueOf(has any) (Value, bool) {
	switch v := has.(type) {
	case string:
		return StringValue(v), true
	case int64:
		return NumberValue(float64(v)), true
	case bool:
		return BoolValue(v), true
	case time.Time:
		return TimeValue(v), true
	}
	return Value{}, false
}

// TimeValue returns the [Value] of a time in clauses and orders: its Unix time in milliseconds.
func TimeValue(t time.Time) Value { return NumberValue(float64(t.UnixMilli())) }
