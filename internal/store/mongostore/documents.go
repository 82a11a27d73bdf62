package mongostore

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
)

// Documents are as readable as their JSON, with native dates. What is copied for an index stands beside what it is made
// of; what is optional and unique is absent when empty, because an index counts an empty value as one.

// player is a [game.Player] as it is stored.
type player struct {
	ID               game.PlayerID     `bson:"_id"`
	Project          game.ProjectID    `bson:"project"`
	Username         string            `bson:"username,omitempty"`
	UsernameKey      string            `bson:"username_key,omitempty"`
	UsernamePrefixes derived           `bson:"username_prefixes,omitempty"`
	DisplayName      string            `bson:"display_name"`
	Identities       subjects          `bson:"identities"`
	IdentityKeys     derived           `bson:"identity_keys,omitempty"`
	Attributes       attributes        `bson:"attributes"`
	Status           game.PlayerStatus `bson:"status"`
	SuspendedUntil   *time.Time        `bson:"suspended_until,omitempty"`
	SuspensionReason string            `bson:"suspension_reason,omitempty"`
	Version          int64             `bson:"version"`
	CreatedAt        time.Time         `bson:"created_at"`
	UpdatedAt        time.Time         `bson:"updated_at"`
	Erasing          bool              `bson:"erasing,omitempty"` // for an index that needs a value to be equal to
	ErasingSince     *time.Time        `bson:"erasing_since,omitempty"`
	Sweeping         bool              `bson:"sweeping,omitempty"` // as Erasing
	SweepSince       *time.Time        `bson:"sweep_since,omitempty"`
	Writes           history           `bson:"writes,omitempty"`
}

func storedPlayer(p game.Player) player {
	d := player{
		ID: p.ID, Project: p.Project, Username: p.Username, UsernameKey: p.UsernameKey(), DisplayName: p.DisplayName,
		Identities: p.Identities, Attributes: attributes(p.Attributes), Status: p.Status, SuspendedUntil: p.SuspendedUntil,
		SuspensionReason: p.SuspensionReason, Version: p.Version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		Erasing: p.ErasingSince != nil, ErasingSince: p.ErasingSince,
		Sweeping: p.SweepSince != nil, SweepSince: p.SweepSince,
	}
	for _, n := range prefixLengths() {
		if n <= len(d.UsernameKey) {
			d.UsernamePrefixes = append(d.UsernamePrefixes, d.UsernameKey[:n])
		}
	}
	for _, provider := range slices.Sorted(maps.Keys(p.Identities)) {
		d.IdentityKeys = append(d.IdentityKeys, identityKey(provider, p.Identities[provider]))
	}
	return d
}

// prefixLengths are those of the usernames' prefixes that are indexed: a list by a prefix walks those that share the
// longest of them, in the order of the list.
func prefixLengths() []int { return []int{1, 2, 4, 8, 16} }

// indexedPrefix returns the longest indexed part of a prefix.
func indexedPrefix(prefix string) string {
	longest := 0
	for _, n := range prefixLengths() {
		if n <= len(prefix) {
			longest = n
		}
	}
	return prefix[:longest]
}

func (d player) game() game.Player {
	return game.Player{
		ID: d.ID, Project: d.Project, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
		ErasingSince: d.ErasingSince, SweepSince: d.SweepSince,
		Profile: game.Profile{
			Username: d.Username, DisplayName: d.DisplayName, Identities: d.Identities, Attributes: game.Attributes(d.Attributes),
			Status: d.Status, SuspendedUntil: d.SuspendedUntil, SuspensionReason: d.SuspensionReason,
		},
	}
}

// session is a [game.Session] as it is stored.
type session struct {
	ID             game.SessionID     `bson:"_id"`
	Project        game.ProjectID     `bson:"project"`
	Name           string             `bson:"name"`
	Mode           string             `bson:"mode"`
	Map            string             `bson:"map"`
	Region         string             `bson:"region"`
	Visibility     game.Visibility    `bson:"visibility"`
	Locked         bool               `bson:"locked"`
	JoinInProgress bool               `bson:"join_in_progress"`
	AllowRematch   bool               `bson:"allow_rematch"`
	MaxPlayers     int                `bson:"max_players"`
	MinPlayers     int                `bson:"min_players"`
	Teams          capacities         `bson:"teams"`
	Attributes     attributes         `bson:"attributes"`
	AttributeKeys  derived            `bson:"attribute_keys,omitempty"`
	Status         game.SessionStatus `bson:"status"`
	EndReason      game.EndReason     `bson:"end_reason,omitempty"`
	HostID         *game.PlayerID     `bson:"host_id,omitempty"`
	Hosted         *bool              `bson:"hosted,omitempty"` // absent from documents from before there was the field
	Members        members            `bson:"members"`
	SeatsHeld      int                `bson:"seats_held"`
	FreeSeats      int                `bson:"free_seats"`
	Connection     *connection        `bson:"connection,omitempty"`
	Result         game.Result        `bson:"result,omitempty"` // as JSON: its keys may be such as fields must not have
	Version        int64              `bson:"version"`
	CreatedAt      time.Time          `bson:"created_at"`
	UpdatedAt      time.Time          `bson:"updated_at"`
	StartedAt      *time.Time         `bson:"started_at,omitempty"`
	EndedAt        *time.Time         `bson:"ended_at,omitempty"`
	Writes         history            `bson:"writes,omitempty"`
}

type member struct {
	PlayerID   game.PlayerID     `bson:"player_id"`
	Team       string            `bson:"team,omitempty"`
	Status     game.MemberStatus `bson:"status"`
	JoinedAt   time.Time         `bson:"joined_at"`
	Attributes attributes        `bson:"attributes"`
}

type connection struct {
	Address  string `bson:"address"`
	Port     int    `bson:"port"`
	Protocol string `bson:"protocol"`
}

func storedSession(v game.Session) session {
	d := session{
		ID: v.ID, Project: v.Project, Name: v.Name, Mode: v.Mode, Map: v.Map, Region: v.Region, Visibility: v.Visibility,
		Locked: v.Locked, JoinInProgress: v.JoinInProgress, AllowRematch: v.AllowRematch, MaxPlayers: v.MaxPlayers,
		MinPlayers: v.MinPlayers, Teams: v.Teams, Attributes: attributes(v.Attributes), AttributeKeys: attributeKeys(v.Attributes),
		Status: v.Status, EndReason: v.EndReason, HostID: v.HostID, Hosted: &v.Hosted, Members: make(members, len(v.Members)),
		SeatsHeld: len(v.Members), FreeSeats: v.FreeSeats(), Connection: (*connection)(v.Connection), Result: v.Result,
		Version: v.Version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, StartedAt: v.StartedAt, EndedAt: v.EndedAt,
	}
	for i, m := range v.Members {
		d.Members[i] = member{m.PlayerID, m.Team, m.Status, m.JoinedAt, attributes(m.Attributes)}
	}
	return d
}

func (d session) game() game.Session {
	v := game.Session{
		ID: d.ID, Project: d.Project, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
		Settings: game.Settings{
			Name: d.Name, Mode: d.Mode, Map: d.Map, Region: d.Region, Visibility: d.Visibility, Locked: d.Locked,
			JoinInProgress: d.JoinInProgress, AllowRematch: d.AllowRematch, MaxPlayers: d.MaxPlayers, MinPlayers: d.MinPlayers,
			Teams: d.Teams, Attributes: game.Attributes(d.Attributes),
		},
		Status: d.Status, EndReason: d.EndReason, HostID: d.HostID,
		Hosted:     d.HostID != nil || d.Hosted != nil && *d.Hosted,
		Members:    make([]game.Member, len(d.Members)),
		Connection: (*game.Connection)(d.Connection), Result: d.Result, StartedAt: d.StartedAt, EndedAt: d.EndedAt,
	}
	for i, m := range d.Members {
		v.Members[i] = game.Member{
			PlayerID: m.PlayerID, Status: m.Status, JoinedAt: m.JoinedAt,
			MemberSettings: game.MemberSettings{Team: m.Team, Attributes: game.Attributes(m.Attributes)},
		}
	}
	return v
}

// claim is a [game.Claim] as it is stored.
type claim struct {
	Key         string    `bson:"_id"`
	Fingerprint string    `bson:"fingerprint"`
	DocumentID  string    `bson:"document_id"`
	ExpiresAt   time.Time `bson:"expires_at"`
}

func (d claim) game() game.Claim {
	return game.Claim{Key: d.Key, Fingerprint: d.Fingerprint, DocumentID: d.DocumentID, ExpiresAt: d.ExpiresAt}
}

// derived are the keys that an index has of a document. They are made anew for each write, so that readers pass over them.
type derived []string

// UnmarshalBSONValue implements [bson.ValueUnmarshaler].
func (*derived) UnmarshalBSONValue(byte, []byte) error { return nil }

// history are the ids of a document's last writes, which [trace] reads, and readers of the document pass over.
type history []writeID

// UnmarshalBSONValue implements [bson.ValueUnmarshaler].
func (*history) UnmarshalBSONValue(byte, []byte) error { return nil }

// attributes is [game.Attributes] with its keys in order, so that equal ones are equal bytes.
type attributes game.Attributes

// MarshalBSONValue implements [bson.ValueMarshaler].
func (a attributes) MarshalBSONValue() (kind byte, data []byte, err error) {
	return ordered(a, func(v game.Value) any { return v.Any() })
}

// UnmarshalBSONValue implements [bson.ValueUnmarshaler].
func (a *attributes) UnmarshalBSONValue(_ byte, data []byte) error {
	*a = attributes{}
	return each(data, func(key string, v bson.RawValue) bool {
		if s, ok := v.StringValueOK(); ok {
			(*a)[key] = game.StringValue(s)
		} else if b, ok := v.BooleanOK(); ok {
			(*a)[key] = game.BoolValue(b)
		} else if f, ok := v.AsFloat64OK(); ok {
			(*a)[key] = game.NumberValue(f)
		} else {
			return false
		}
		return true
	})
}

// subjects are a player's identities: a provider's name to the subject there.
type subjects map[string]string

// MarshalBSONValue implements [bson.ValueMarshaler].
func (m subjects) MarshalBSONValue() (kind byte, data []byte, err error) {
	return ordered(m, func(v string) any { return v })
}

// UnmarshalBSONValue implements [bson.ValueUnmarshaler].
func (m *subjects) UnmarshalBSONValue(_ byte, data []byte) error {
	*m = subjects{}
	return each(data, func(key string, v bson.RawValue) (ok bool) {
		(*m)[key], ok = v.StringValueOK()
		return ok
	})
}

// capacities are teams: names to numbers of seats.
type capacities map[string]int

// MarshalBSONValue implements [bson.ValueMarshaler].
func (m capacities) MarshalBSONValue() (kind byte, data []byte, err error) {
	return ordered(m, func(v int) any { return v })
}

// UnmarshalBSONValue implements [bson.ValueUnmarshaler].
func (m *capacities) UnmarshalBSONValue(_ byte, data []byte) error {
	*m = capacities{}
	return each(data, func(key string, v bson.RawValue) bool {
		n, ok := v.AsInt64OK()
		(*m)[key] = int(n)
		return ok
	})
}

// ordered returns a map as a document with its keys in order.
func ordered[M ~map[K]V, K ~string, V any](m M, value func(V) any) (kind byte, data []byte, err error) {
	if len(m) == 0 { // as most are
		return byte(bson.TypeEmbeddedDocument), []byte{5, 0, 0, 0, 0}, nil
	}
	d := make(bson.D, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		d = append(d, bson.E{Key: string(k), Value: value(m[k])})
	}
	data, err = bson.Marshal(d)
	return byte(bson.TypeEmbeddedDocument), data, err
}

// each calls the function with the fields of a document, until it answers that one is not as it should be.
func each(document []byte, field func(key string, v bson.RawValue) bool) error {
	all, err := bson.Raw(document).Elements()
	if err != nil {
		return err
	}
	for _, e := range all {
		if !field(e.Key(), e.Value()) {
			return errDecoding
		}
	}
	return nil
}

// attributeKeys returns what an index finds attributes by.
func attributeKeys(a game.Attributes) []string {
	keys := make([]string, 0, len(a))
	for _, k := range slices.Sorted(maps.Keys(a)) {
		keys = append(keys, attributeKey(k, a[k]))
	}
	return keys
}

// longestKey bounds what of a value goes into the index: a longer text goes in as its hash.
const longestKey = 128

// attributeKey is different for different values of an attribute, whatever their types: level=n7, level=s7, ranked=btrue. No
// name has an equals sign.
func attributeKey(name string, v game.Value) string {
	switch x := v.Any().(type) {
	case float64:
		return name + "=n" + strconv.FormatFloat(x, 'g', -1, 64)
	case bool:
		return name + "=b" + strconv.FormatBool(x)
	}
	text, _ := v.Any().(string)
	if len(text) > longestKey {
		sum := sha256.Sum256([]byte(text))
		return name + "=h" + hex.EncodeToString(sum[:])
	}
	return name + "=s" + text
}

// identityKey is the form of an identity that is unique in a project. No provider has a colon.
func identityKey(provider, subject string) string { return provider + ":" + subject }
