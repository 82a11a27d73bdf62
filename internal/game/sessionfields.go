package game

import "time"

// The comparisons of searches by the kind of a field.
var (
	equalities = []Op{OpEqual, OpNot, OpIn}
	ordered    = []Op{OpEqual, OpNot, OpIn, OpLess, OpAtMost, OpGreater, OpAtLeast, OpBetween}
	textual    = []Op{OpEqual, OpNot, OpIn, OpLess, OpAtMost, OpGreater, OpAtLeast, OpBetween, OpPrefix}
)

// SessionFields returns the fields that sessions can be selected by.
func SessionFields() []Field[Session] {
	return append(describedFields(), seatFields()...)
}

// describedFields returns the fields of what a session is.
func describedFields() []Field[Session] {
	equal := []Op{OpEqual}
	return []Field[Session]{
		{
			Name: FieldStatus, Kind: KindEnum, Ops: []Op{OpEqual, OpIn}, Param: "status", Type: "SessionStatus",
			Doc:      "Sessions in this state.",
			Searched: equalities, Unordered: true,
			Enum: texts(SessionStatuses()), Of: func(s *Session) any { return string(s.Status) },
		},
		{
			Name: "name", Kind: KindText, Searched: textual, Max: MaxSessionText,
			Of: func(s *Session) any { return s.Name },
		},
		{
			Name: "mode", Kind: KindText, Ops: equal, Param: "mode", Max: MaxSessionText,
			Doc:      "Sessions with this mode.",
			Searched: textual,
			Of:       func(s *Session) any { return s.Mode },
		},
		{
			Name: "map", Kind: KindText, Ops: equal, Param: "map", Max: MaxSessionText,
			Doc:      "Sessions on this map.",
			Searched: textual,
			Of:       func(s *Session) any { return s.Map },
		},
		{
			Name: "region", Kind: KindText, Ops: equal, Param: "region", Max: MaxSessionText,
			Doc:      "Sessions in this region.",
			Searched: textual,
			Of:       func(s *Session) any { return s.Region },
		},
		{
			Name: FieldVisibility, Kind: KindEnum, Ops: equal, Param: "visibility", Type: "Visibility",
			Doc:      "Sessions with this visibility.",
			Searched: equalities, Unordered: true,
			Enum: texts(Visibilities()), Of: func(s *Session) any { return string(s.Visibility) },
		},
		{
			Name: FieldLiveness, Kind: KindEnum, Ops: equal, Param: "liveness", Type: "Liveness",
			Doc:      "Sessions that have their heartbeats, or need none (live), or have missed them (stale).",
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
			Of: func(s *Session) any { return s.CreatedAt },
		},
		{
			Name: "updated_at", Kind: KindTime, Searched: ordered,
			Of: func(s *Session) any { return s.UpdatedAt },
		},
		{
			Name: "ended_at", Kind: KindTime, Searched: append(ordered[:len(ordered):len(ordered)], OpExists),
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
			Name: FieldHost, Kind: KindID, Ops: []Op{OpEqual}, Param: "host_id", Type: "PlayerID",
			Doc:      "Sessions that this player hosts.",
			Searched: append(equalities[:len(equalities):len(equalities)], OpExists), Unordered: true,
			Of: func(s *Session) any {
				if s.HostID == nil {
					return nil
				}
				return string(*s.HostID)
			},
		},
		{
			Name: FieldMember, Kind: KindID, Ops: []Op{OpEqual}, Param: "member_id", Type: "PlayerID",
			Doc:      "Sessions in which this player holds a seat.",
			Searched: equalities, Unordered: true,
		},
		{Name: FieldNamed, Kind: KindID, Ops: []Op{OpEqual}, Type: "PlayerID"}, // see [Session.Named]
		{
			Name: FieldFreeSeats, Kind: KindCount, Ops: []Op{OpAtLeast}, Param: "free_seats", Max: MaxPlayers,
			Doc:      "Sessions with at least this many free seats.",
			Searched: ordered,
			Of:       func(s *Session) any { return int64(s.FreeSeats()) },
		},
		{
			Name: "seats_held", Kind: KindCount, Searched: ordered, Max: MaxPlayers,
			Of: func(s *Session) any { return int64(len(s.Members)) },
		},
		{
			Name: "max_players", Kind: KindCount, Searched: ordered, Max: MaxPlayers,
			Of: func(s *Session) any { return int64(s.MaxPlayers) },
		},
		{
			Name: "locked", Kind: KindFlag, Searched: []Op{OpEqual, OpNot}, Unordered: true,
			Of: func(s *Session) any { return s.Locked },
		},
		{
			// Compared by the field of the obstacles: see [SearchRequest].
			Name: FieldJoinable, Kind: KindFlag, Searched: []Op{OpEqual, OpNot}, Unordered: true,
			Of: func(s *Session) any { return s.Obstacles() == 0 },
		},
		{
			Name: FieldObstacles, Kind: KindCount, Unordered: true, Max: int(allObstacles),
			Of: func(s *Session) any { return int64(s.Obstacles()) }, //nolint:gosec // six bits
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
