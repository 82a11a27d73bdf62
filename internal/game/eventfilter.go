package game

import "slices"

// eventField is a field that events can be selected by, and its values in an event.
type eventField struct {
	Field[Event]
	of func(*Event) []string
}

// eventFields returns the fields, in the order of the documentation.
func eventFields() []eventField {
	return []eventField{
		{
			Field: Field[Event]{
				Name: "subject_kind", Kind: KindEnum, Type: "SubjectKind", Enum: texts(SubjectKinds()),
				Params: []Param{{
					"subject_kind", OpIn, "Events about documents of these kinds, separated by commas.",
				}},
			},
			of: func(e *Event) []string { return []string{string(e.Subject.Kind)} },
		},
		{
			Field: Field[Event]{
				Name: "subject_id", Kind: KindText, Max: maxSubjectID,
				Params: []Param{{"subject_id", OpEqual, "Events about the document with this id."}},
			},
			of: func(e *Event) []string { return []string{e.Subject.ID} },
		},
		{
			Field: Field[Event]{
				Name: "session_id", Kind: KindID, Type: "SessionID",
				Params: []Param{{"session_id", OpEqual, "Events about this session."}},
			},
			of: func(e *Event) []string {
				if e.Subject.Kind != SubjectSession {
					return nil
				}
				return []string{e.Subject.ID}
			},
		},
		{
			Field: Field[Event]{
				Name: "player_id", Kind: KindID, Type: "PlayerID",
				Params: []Param{{
					"player_id", OpEqual, "Events that name this player: what happened to it and what it did.",
				}},
			},
			of: func(e *Event) []string { return texts(e.Players()) },
		},
		{
			Field: Field[Event]{
				Name: "type", Kind: KindEnum, Type: "ChangeType", Enum: texts(ChangeTypes()),
				Params: []Param{{
					"type", OpIn,
					"Events with a change of one of these types, separated by commas. They have all their changes.",
				}},
			},
			of: func(e *Event) []string {
				types := make([]string, len(e.Changes))
				for i, c := range e.Changes {
					types[i] = string(TypeOf(c))
				}
				return types
			},
		},
		{
			Field: Field[Event]{
				Name: "actor_kind", Kind: KindEnum, Type: "ActorKind", Enum: texts(ActorKinds()),
				Params: []Param{{"actor_kind", OpIn, "Events by actors of these kinds, separated by commas."}},
			},
			of: func(e *Event) []string { return []string{string(e.Actor.Kind)} },
		},
	}
}

// maxSubjectID is the maximum length of the id of a subject in a filter.
const maxSubjectID = 64

// EventFields returns the fields that events can be selected by.
func EventFields() []Field[Event] {
	var fields []Field[Event]
	for _, f := range eventFields() {
		fields = append(fields, f.Field)
	}
	return fields
}

// EventFilter selects events. The zero value selects all.
type EventFilter []eventClause

// eventClause says that an event has one of the values.
type eventClause struct {
	of     func(*Event) []string
	values []string
}

// NewEventFilter returns the filter that selects the events for which all clauses hold. The fields are among
// [EventFields], and are compared by OpEqual or OpIn.
func NewEventFilter(w Where) EventFilter {
	fields := eventFields()
	var all EventFilter
	for _, c := range w {
		i := slices.IndexFunc(fields, func(f eventField) bool { return f.Name == c.Field })
		clause := eventClause{of: fields[i].of}
		for _, v := range c.Values {
			text := v.text
			if id := NormalID(text); validID(id) {
				text = id
			}
			clause.values = append(clause.values, text)
		}
		all = append(all, clause)
	}
	return all
}

// Match reports whether the filter selects an event.
func (f EventFilter) Match(e *Event) bool {
	for _, c := range f {
		if !slices.ContainsFunc(c.of(e), func(v string) bool { return slices.Contains(c.values, v) }) {
			return false
		}
	}
	return true
}
