package game

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Change is one thing that a rule changed. [ChangeTypes] lists the types, which are a closed set. Their fields are ids,
// times, names of fields and values of closed lists.
type Change interface {
	// change returns the name of the type.
	change() ChangeType
}

// Changes are the changes of one version. In JSON each is an object with its type beside its fields.
type Changes []Change

// ChangeType names a type of change, such as member_joined for [MemberJoined].
type ChangeType string

// RemovalReason says why a member was removed.
type RemovalReason string

// The reasons why members are removed.
const (
	RemovedKicked    RemovalReason = "kicked"    // by the host, a server or an admin
	RemovedSuspended RemovalReason = "suspended" // the player was suspended
	RemovedErased    RemovalReason = "erased"    // the player was erased
	RemovedTimedOut  RemovalReason = "timed_out" // the member did not confirm its seat or return in time
)

// RemovalReasons returns all reasons.
func RemovalReasons() []RemovalReason {
	return []RemovalReason{RemovedKicked, RemovedSuspended, RemovedErased, RemovedTimedOut}
}

// HostReason says why the host changed.
type HostReason string

// The reasons why hosts change.
const (
	HostHandedOver HostReason = "handed_over" // by the previous host, a server or an admin
	HostLost       HostReason = "host_lost"   // the previous host lost its seat or its connection
	HostJoined     HostReason = "joined"      // there was none, and a member joined
)

// HostReasons returns all reasons.
func HostReasons() []HostReason { return []HostReason{HostHandedOver, HostLost, HostJoined} }

// LiftReason says why a suspension ended.
type LiftReason string

// The reasons why suspensions end.
const (
	LiftedByCaller LiftReason = "lifted"
	LiftedByTime   LiftReason = "elapsed" // suspended_until has passed
)

// LiftReasons returns all reasons.
func LiftReasons() []LiftReason { return []LiftReason{LiftedByCaller, LiftedByTime} }

// The changes of sessions.
type (
	// SessionCreated is the first change of a session.
	SessionCreated struct {
		Status SessionStatus `json:"status"`
	}
	// SettingsChanged lists the settings that changed, and "connection".
	SettingsChanged struct {
		Fields []string `json:"fields"`
	}
	// StatusChanged says that the session changed its status. It has a Reason if the session has ended.
	StatusChanged struct {
		From   SessionStatus `json:"from"`
		To     SessionStatus `json:"to"`
		Reason EndReason     `json:"reason,omitempty"`
	}
	// MemberJoined says that a player took a seat or confirmed a reserved one.
	MemberJoined struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// MemberDisconnected says that a member lost its connection. It keeps its seat for a while.
	MemberDisconnected struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// MemberReconnected says that a disconnected member joined again.
	MemberReconnected struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// MemberLeft says that a player gave up its seat.
	MemberLeft struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// MemberRemoved says that a player lost its seat. Whoever kicked it may have given a word for it, Why.
	MemberRemoved struct {
		PlayerID PlayerID      `json:"player_id"`
		Reason   RemovalReason `json:"reason"`
		Why      string        `json:"why,omitempty"`
	}
	// SeatReservedFor says that a seat was reserved for a player.
	SeatReservedFor struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// WaitListJoined says that a player waits for a seat.
	WaitListJoined struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// WaitListLeft says that a player no longer waits. Whoever kicked or banned it may have given a word for it, Why.
	WaitListLeft struct {
		PlayerID PlayerID `json:"player_id"`
		Reason   WaitEnd  `json:"reason"`
		Why      string   `json:"why,omitempty"`
	}
	// PlayerBanned says that a player was banned from the session, until a time or for as long as the session lives.
	PlayerBanned struct {
		PlayerID PlayerID   `json:"player_id"`
		Until    *time.Time `json:"until,omitempty"`
		Why      string     `json:"why,omitempty"`
	}
	// BanLifted says that a player is no longer banned: the ban was lifted or has ended, or the player was erased.
	BanLifted struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// MemberChanged lists the settings of a member that changed.
	MemberChanged struct {
		PlayerID PlayerID `json:"player_id"`
		Fields   []string `json:"fields"`
	}
	// MemberForgotten says that a session that has ended no longer has the attributes of an erased player.
	MemberForgotten struct {
		PlayerID PlayerID `json:"player_id"`
	}
	// HostChanged says that the host changed. From or To is empty if there was or is none.
	HostChanged struct {
		From   PlayerID   `json:"from_player_id,omitempty"`
		To     PlayerID   `json:"to_player_id,omitempty"`
		Reason HostReason `json:"reason"`
	}
	// LeaseStarted says that the session had its first heartbeat.
	LeaseStarted struct{}
	// LivenessChanged says that the session turned stale, or live again.
	LivenessChanged struct {
		From Liveness `json:"from"`
		To   Liveness `json:"to"`
	}
	// ServerAttached says that a server took over the session, which raised its fence.
	ServerAttached struct {
		Fence int64 `json:"fence"`
	}
	// SessionPurged is the last change of a session that an admin removed.
	SessionPurged struct{}
)

// The changes of players, which are the subject of the event.
type (
	// PlayerCreated is the first change of a player.
	PlayerCreated struct{}
	// ProfileChanged lists the fields that changed.
	ProfileChanged struct {
		Fields []string `json:"fields"`
	}
	// SuspensionSet says that a suspension began or got another end.
	SuspensionSet struct {
		Until *time.Time `json:"until,omitempty"`
	}
	// SuspensionLifted says that a suspension ended.
	SuspensionLifted struct {
		Reason LiftReason `json:"reason"`
	}
	// PlayerErased is the last change of a player.
	PlayerErased struct{}
)

// The changes of API keys, which are the subject of the event.
type (
	// APIKeyCreated is the first change of a key.
	APIKeyCreated struct {
		Scope Scope `json:"scope"`
	}
	// APIKeyRotated says that another key replaces this one, which ends at RetiresAt.
	APIKeyRotated struct {
		RetiresAt time.Time `json:"retires_at"`
	}
	// APIKeyRevoked is the last change of a key.
	APIKeyRevoked struct{}
)

// The changes of webhooks, which are the subject of the event.
type (
	// WebhookCreated is the first change of a webhook.
	WebhookCreated struct{}
	// WebhookChanged lists the settings that changed.
	WebhookChanged struct {
		Fields []string `json:"fields"`
	}
	// WebhookEnabled says that deliveries continue.
	WebhookEnabled struct{}
	// WebhookDisabled says that deliveries were stopped.
	WebhookDisabled struct {
		Reason WebhookReason `json:"reason"`
	}
	// WebhookRotated says that the secret was replaced, and until when the old one signs too.
	WebhookRotated struct {
		PreviousUntil time.Time `json:"previous_until"`
	}
	// WebhookReplayed says that deliveries are repeated.
	WebhookReplayed struct {
		Deliveries int64 `json:"deliveries"`
	}
	// WebhookDeleted is the last change of a webhook.
	WebhookDeleted struct{}
)

// AllChanges returns a zero value of every type of change.
func AllChanges() []Change {
	return []Change{
		SessionCreated{},
		SettingsChanged{},
		StatusChanged{},
		MemberJoined{},
		SeatReservedFor{},
		WaitListJoined{},
		WaitListLeft{},
		PlayerBanned{},
		BanLifted{},
		MemberDisconnected{},
		MemberReconnected{},
		MemberLeft{},
		MemberRemoved{},
		MemberChanged{},
		MemberForgotten{},
		HostChanged{},
		LeaseStarted{},
		LivenessChanged{},
		ServerAttached{},
		SessionPurged{},
		PlayerCreated{},
		ProfileChanged{},
		SuspensionSet{},
		SuspensionLifted{},
		PlayerErased{},
		APIKeyCreated{},
		APIKeyRotated{},
		APIKeyRevoked{},
		WebhookCreated{},
		WebhookChanged{},
		WebhookEnabled{},
		WebhookDisabled{},
		WebhookRotated{},
		WebhookReplayed{},
		WebhookDeleted{},
	}
}

func (SessionCreated) change() ChangeType     { return "session_created" }
func (SettingsChanged) change() ChangeType    { return "settings_changed" }
func (StatusChanged) change() ChangeType      { return "status_changed" }
func (MemberJoined) change() ChangeType       { return "member_joined" }
func (SeatReservedFor) change() ChangeType    { return "seat_reserved" }
func (WaitListJoined) change() ChangeType     { return "wait_list_joined" }
func (WaitListLeft) change() ChangeType       { return "wait_list_left" }
func (PlayerBanned) change() ChangeType       { return "player_banned" }
func (BanLifted) change() ChangeType          { return "ban_lifted" }
func (MemberDisconnected) change() ChangeType { return "member_disconnected" }
func (MemberReconnected) change() ChangeType  { return "member_reconnected" }
func (MemberLeft) change() ChangeType         { return "member_left" }
func (MemberRemoved) change() ChangeType      { return "member_removed" }
func (MemberChanged) change() ChangeType      { return "member_changed" }
func (MemberForgotten) change() ChangeType    { return "member_forgotten" }
func (HostChanged) change() ChangeType        { return "host_changed" }
func (LeaseStarted) change() ChangeType       { return "lease_started" }
func (LivenessChanged) change() ChangeType    { return "liveness_changed" }
func (ServerAttached) change() ChangeType     { return "server_attached" }
func (SessionPurged) change() ChangeType      { return "session_purged" }
func (PlayerCreated) change() ChangeType      { return "player_created" }
func (ProfileChanged) change() ChangeType     { return "profile_changed" }
func (SuspensionSet) change() ChangeType      { return "suspension_set" }
func (SuspensionLifted) change() ChangeType   { return "suspension_lifted" }
func (PlayerErased) change() ChangeType       { return "player_erased" }
func (APIKeyCreated) change() ChangeType      { return "api_key_created" }
func (APIKeyRotated) change() ChangeType      { return "api_key_rotated" }
func (APIKeyRevoked) change() ChangeType      { return "api_key_revoked" }
func (WebhookCreated) change() ChangeType     { return "webhook_created" }
func (WebhookChanged) change() ChangeType     { return "webhook_changed" }
func (WebhookEnabled) change() ChangeType     { return "webhook_enabled" }
func (WebhookDisabled) change() ChangeType    { return "webhook_disabled" }
func (WebhookRotated) change() ChangeType     { return "webhook_rotated" }
func (WebhookReplayed) change() ChangeType    { return "webhook_replayed" }
func (WebhookDeleted) change() ChangeType     { return "webhook_deleted" }

// ChangeTypes returns the names of all types of changes.
func ChangeTypes() []ChangeType {
	var names []ChangeType
	for _, c := range AllChanges() {
		names = append(names, TypeOf(c))
	}
	return names
}

// TypeOf returns the name of the type of a change.
func TypeOf(c Change) ChangeType { return c.change() }

// DecodeChange returns a change of the named type. It calls decode with a pointer to a new value of the type. It
// returns ErrUnknownChange if there is no such type.
func DecodeChange(name ChangeType, decode func(any) error) (Change, error) {
	for _, c := range AllChanges() {
		if TypeOf(c) != name {
			continue
		}
		p := reflect.New(reflect.TypeOf(c))
		err := decode(p.Interface())
		return p.Elem().Interface().(Change), err //nolint:forcetypeassert // AllChanges lists nothing else
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownChange, name)
}

// ErrUnknownChange is returned for a type of change that this version of the program does not know.
var ErrUnknownChange = errors.New("unknown type of change")

// MarshalJSON implements [json.Marshaler].
func (l Changes) MarshalJSON() ([]byte, error) { return l.Encode(json.Marshal) }

// Encode returns the changes as JSON, given a function that encodes the fields of one.
func (l Changes) Encode(encode func(any) ([]byte, error)) ([]byte, error) {
	b := append(make([]byte, 0, 128), '[') // as long as most
	for i, c := range l {
		fields, err := encode(c)
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

// playersIn returns the players that a change names.
func playersIn(c Change) []PlayerID {
	var named []PlayerID
	for _, v := range reflect.ValueOf(c).Fields() {
		if id, ok := v.Interface().(PlayerID); ok && id != "" {
			named = append(named, id)
		}
	}
	return named
}
