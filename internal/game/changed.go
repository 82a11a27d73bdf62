package game

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Change is one thing that a rule did. The types are a closed set, which [ChangeTypes] lists. Their fields are ids,
// times, names of fields and values of closed lists.
type Change interface {
	// change returns the name of the type.
	change() ChangeType
}

// Changes is what one version changed. In JSON each is an object with its type beside its fields.
type Changes []Change

// ChangeType names a type of change: member_joined is that of [MemberJoined].
type ChangeType string

// RemovalReason says why a member lost its seat without asking.
type RemovalReason string

// The reasons for which members lose their seats.
const (
	RemovedKicked    RemovalReason = "kicked"    // by the host, a server or an admin
	RemovedSuspended RemovalReason = "suspended" // the player may not play
	RemovedErased    RemovalReason = "erased"    // the player does not exist any more
)

// RemovalReasons are all of them.
func RemovalReasons() []RemovalReason {
	return []RemovalReason{RemovedKicked, RemovedSuspended, RemovedErased}
}

// HostReason says why the host changed.
type HostReason string

// The reasons for which hosts change.
const (
	HostHandedOver HostReason = "handed_over" // by the host before, a server or an admin
	HostLost       HostReason = "host_lost"   // the host before lost its seat or its connection
	HostJoined     HostReason = "joined"      // there was none, and a member joined
)

// HostReasons are all of them.
func HostReasons() []HostReason { return []HostReason{HostHandedOver, HostLost, HostJoined} }

// LiftReason says why a suspension ended.
type LiftReason string

// The reasons for which suspensions end.
const (
	LiftedByCaller LiftReason = "lifted"
	LiftedByTime   LiftReason = "elapsed" // its suspended_until came
)

// LiftReasons are all of them.
func LiftReasons() []LiftReason { return []LiftReason{LiftedByCaller, LiftedByTime} }

// What rules do to sessions.
type (
	// SessionCreated is the first change of a session.
	SessionCreated struct {
		Status SessionStatus `json:"status"`
	}
	// SettingsChanged names the settings that are others now, and "connection".
	SettingsChanged struct {
		Fields []string `json:"fields"`
	}
	// StatusChanged has a reason where the session has ended.
	StatusChanged struct {
		From   SessionStatus `json:"from"`
		To     SessionStatus `json:"to"`
		Reason EndReason     `json:"reason,omitempty"`
	}
	// MemberJoined is a seat that was taken, or a reserved one that was confirmed.
	MemberJoined struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// MemberReconnected is a disconnected member that joined again.
	MemberReconnected struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// MemberLeft is a seat that its player gave up.
	MemberLeft struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// MemberRemoved is a seat that was taken away from its player.
	MemberRemoved struct {
		PlayerID PlayerID      `json:"player_id"`
		Reason   RemovalReason `json:"reason"`
	}
	// MemberChanged names what is another of a member's place.
	MemberChanged struct {
		PlayerID PlayerID `json:"player_id"`
		Fields   []string `json:"fields"`
	}
	// MemberForgotten is an erased player whose attributes a session that is over no longer has.
	MemberForgotten struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// HostChanged is an office that moved. One of both may be empty.
	HostChanged struct {
		From   PlayerID   `json:"from_player_id,omitempty"`
		To     PlayerID   `json:"to_player_id,omitempty"`
		Reason HostReason `json:"reason"`
	}
)

// What rules do to players, who are the subject of the event.
type (
	// PlayerCreated is the first change of a player.
	PlayerCreated struct{}
	// ProfileChanged names the fields that are others now.
	ProfileChanged struct {
		Fields []string `json:"fields"`
	}
	// SuspensionSet is a suspension that began, or has another end.
	SuspensionSet struct {
		Until *time.Time `json:"until,omitempty"`
	}
	// SuspensionLifted is one that ended.
	SuspensionLifted struct {
		Reason LiftReason `json:"reason"`
	}
	// PlayerErased is the last change of a player.
	PlayerErased struct{}
)

// What rules do to API keys, which are the subject of the event.
type (
	// APIKeyCreated is the first change of a key.
	APIKeyCreated struct {
		Scope Scope `json:"scope"`
	}
	// APIKeyRotated is a key that another replaces, and that ends then.
	APIKeyRotated struct {
		RetiresAt time.Time `json:"retires_at"`
	}
	// APIKeyRevoked is the end of a key.
	APIKeyRevoked struct{}
)

// AllChanges has a zero value of every type of change.
func AllChanges() []Change {
	return []Change{
		SessionCreated{},
		SettingsChanged{},
		StatusChanged{},
		MemberJoined{},
		MemberReconnected{},
		MemberLeft{},
		MemberRemoved{},
		MemberChanged{},
		MemberForgotten{},
		HostChanged{},
		PlayerCreated{},
		ProfileChanged{},
		SuspensionSet{},
		SuspensionLifted{},
		PlayerErased{},
		APIKeyCreated{},
		APIKeyRotated{},
		APIKeyRevoked{},
	}
}

func (SessionCreated) change() ChangeType    { return "session_created" }
func (SettingsChanged) change() ChangeType   { return "settings_changed" }
func (StatusChanged) change() ChangeType     { return "status_changed" }
func (MemberJoined) change() ChangeType      { return "member_joined" }
func (MemberReconnected) change() ChangeType { return "member_reconnected" }
func (MemberLeft) change() ChangeType        { return "member_left" }
func (MemberRemoved) change() ChangeType     { return "member_removed" }
func (MemberChanged) change() ChangeType     { return "member_changed" }
func (MemberForgotten) change() ChangeType   { return "member_forgotten" }
func (HostChanged) change() ChangeType       { return "host_changed" }
func (PlayerCreated) change() ChangeType     { return "player_created" }
func (ProfileChanged) change() ChangeType    { return "profile_changed" }
func (SuspensionSet) change() ChangeType     { return "suspension_set" }
func (SuspensionLifted) change() ChangeType  { return "suspension_lifted" }
func (PlayerErased) change() ChangeType      { return "player_erased" }
func (APIKeyCreated) change() ChangeType     { return "api_key_created" }
func (APIKeyRotated) change() ChangeType     { return "api_key_rotated" }
func (APIKeyRevoked) change() ChangeType     { return "api_key_revoked" }

// ChangeTypes are the names of all types of changes.
func ChangeTypes() []ChangeType {
	var names []ChangeType
	for _, c := range AllChanges() {
		names = append(names, TypeOf(c))
	}
	return names
}

// TypeOf names the type of a change.
func TypeOf(c Change) ChangeType { return c.change() }

// DecodeChange returns the change of a type that the function decodes into what it is handed, which is a pointer to a
// new one. It returns ErrUnknownChange for a type that does not exist.
func DecodeChange(name ChangeType, decode func(any) error) (Change, error) {
	for _, c := range AllChanges() {
		if TypeOf(c) != name {
			continue
		}
		p := reflect.New(reflect.TypeOf(c))
		err := decode(p.Interface())
		return p.Elem().Interface().(Change), err //nolint:forcetypeassert // it is one
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownChange, name)
}

// ErrUnknownChange says that a change is of a type that this version of the program does not know.
var ErrUnknownChange = errors.New("unknown type of change")

// MarshalJSON implements [json.Marshaler].
func (l Changes) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, c := range l {
		fields, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"type":"`...)
		b = append(b, TypeOf(c)...)
		b = append(b, '"')
		if len(fields) > len("{}") {
			b = append(b, ',')
		}
		b = append(b, fields[1:]...)
	}
	return append(b, ']'), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Changes) UnmarshalJSON(b []byte) error {
	var all []json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	*l = make(Changes, 0, len(all))
	for _, raw := range all {
		var head struct {
			Type ChangeType `json:"type"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return err
		}
		c, err := DecodeChange(head.Type, func(to any) error { return json.Unmarshal(raw, to) })
		if err != nil {
			return err
		}
		*l = append(*l, c)
	}
	return nil
}

// playersIn are those whom a change names.
func playersIn(c Change) []PlayerID {
	var named []PlayerID
	for _, v := range reflect.ValueOf(c).Fields() {
		if id, ok := v.Interface().(PlayerID); ok && id != "" {
			named = append(named, id)
		}
	}
	return named
}
