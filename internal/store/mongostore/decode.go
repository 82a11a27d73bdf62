package mongostore

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"game-session-manager/internal/game"
)

// The driver reads a document by reflection, which took 6 to 9 % of the CPU time of a request that reads one. A document whose
// fields are all as gsm writes them is read by hand, in a third of that. Any other, such as one that somebody has edited, is
// left to the driver: what can be read, and as what, is its decision alone.

// record is what is read by hand.
type record interface {
	// field takes one field, unless it is not as gsm writes it.
	field(name []byte, v bsoncore.Value) (ok bool)
}

// decode reads a document.
func decode[D any](raw bson.Raw, d *D) error {
	if r, ok := any(d).(record); ok && walk(bsoncore.Document(raw), r) {
		return nil
	}
	*d = *new(D)
	return bson.Unmarshal(raw, d)
}

// walk hands over the fields of a document, and reports whether each of them was taken.
func walk(document bsoncore.Document, to record) bool {
	length, rest, ok := bsoncore.ReadLength(document)
	if !ok || int(length) != len(document) {
		return false
	}
	for len(rest) > 1 {
		var e bsoncore.Element
		if e, rest, ok = bsoncore.ReadElement(rest); !ok {
			return false
		}
		v, err := e.ValueErr()
		if err != nil || !to.field(e.KeyBytes(), v) {
			return false
		}
	}
	return len(rest) == 1 && rest[0] == 0
}

func (d *player) field(name []byte, v bsoncore.Value) bool {
	switch string(name) {
	case "_id":
		return text(v, &d.ID)
	case "project":
		return text(v, &d.Project)
	case "username":
		return text(v, &d.Username)
	case "display_name":
		return text(v, &d.DisplayName)
	case "identities":
		d.Identities = subjects{}
		return document(v, d.Identities)
	case "attributes":
		d.Attributes = attributes{}
		return document(v, d.Attributes)
	case "status":
		return text(v, &d.Status)
	case "suspended_until":
		return date(v, some(&d.SuspendedUntil))
	case "suspension_reason":
		return text(v, &d.SuspensionReason)
	case "version":
		return number(v, &d.Version)
	case "created_at":
		return date(v, &d.CreatedAt)
	case "updated_at":
		return date(v, &d.UpdatedAt)
	case "erasing":
		return flag(v, &d.Erasing)
	case "erasing_since":
		return date(v, some(&d.ErasingSince))
	case "sweeping":
		return flag(v, &d.Sweeping)
	case "sweep_since":
		return date(v, some(&d.SweepSince))
	case "username_key":
		return text(v, &d.UsernameKey)
	case "username_prefixes", "identity_keys", "writes", "events":
		return true // readers pass over them: see derived and history
	}
	return false
}

func (d *session) field(name []byte, v bsoncore.Value) bool {
	switch string(name) {
	case "_id":
		return text(v, &d.ID)
	case "project":
		return text(v, &d.Project)
	case "name":
		return text(v, &d.Name)
	case "mode":
		return text(v, &d.Mode)
	case "map":
		return text(v, &d.Map)
	case "region":
		return text(v, &d.Region)
	case "visibility":
		return text(v, &d.Visibility)
	case "locked":
		return flag(v, &d.Locked)
	case "join_in_progress":
		return flag(v, &d.JoinInProgress)
	case "allow_rematch":
		return flag(v, &d.AllowRematch)
	case "max_players":
		return number(v, &d.MaxPlayers)
	case "min_players":
		return number(v, &d.MinPlayers)
	case "teams":
		d.Teams = capacities{}
		return document(v, d.Teams)
	case "attributes":
		d.Attributes = attributes{}
		return document(v, d.Attributes)
	case "status":
		return text(v, &d.Status)
	case "members":
		d.Members = members{}
		return array(v, &d.Members)
	case "seats_held":
		return number(v, &d.SeatsHeld)
	case "free_seats":
		return number(v, &d.FreeSeats)
	case "version":
		return number(v, &d.Version)
	case "created_at":
		return date(v, &d.CreatedAt)
	case "updated_at":
		return date(v, &d.UpdatedAt)
	case "attribute_keys", "writes", "events":
		return true // readers pass over them: see derived and history
	}
	return d.optional(name, v)
}

// optional takes what a session may not have.
func (d *session) optional(name []byte, v bsoncore.Value) bool {
	switch string(name) {
	case "end_reason":
		return text(v, &d.EndReason)
	case "host_id":
		return text(v, some(&d.HostID))
	case "hosted":
		return flag(v, some(&d.Hosted))
	case "connection":
		return document(v, some(&d.Connection))
	case "result":
		return text(v, &d.Result)
	case "started_at":
		return date(v, some(&d.StartedAt))
	case "ended_at":
		return date(v, some(&d.EndedAt))
	}
	return false
}

// members are read by hand into a slice.
type members []member

func (m *members) field(_ []byte, v bsoncore.Value) bool {
	*m = append(*m, member{})
	return document(v, &(*m)[len(*m)-1])
}

func (m *member) field(name []byte, v bsoncore.Value) bool {
	switch string(name) {
	case "player_id":
		return text(v, &m.PlayerID)
	case "team":
		return text(v, &m.Team)
	case "status":
		return text(v, &m.Status)
	case "joined_at":
		return date(v, &m.JoinedAt)
	case "attributes":
		m.Attributes = attributes{}
		return document(v, m.Attributes)
	}
	return false
}

func (c *connection) field(name []byte, v bsoncore.Value) bool {
	switch string(name) {
	case "address":
		return text(v, &c.Address)
	case "port":
		return number(v, &c.Port)
	case "protocol":
		return text(v, &c.Protocol)
	}
	return false
}

func (a attributes) field(name []byte, v bsoncore.Value) bool {
	var s string
	if text(v, &s) {
		a[string(name)] = game.StringValue(s)
		return true
	}
	var b bool
	if flag(v, &b) {
		a[string(name)] = game.BoolValue(b)
		return true
	}
	f, ok := v.DoubleOK()
	a[string(name)] = game.NumberValue(f)
	return ok
}

func (m subjects) field(name []byte, v bsoncore.Value) bool {
	var s string
	ok := text(v, &s)
	m[string(name)] = s
	return ok
}

func (m capacities) field(name []byte, v bsoncore.Value) bool {
	var n int
	ok := number(v, &n)
	m[string(name)] = n
	return ok
}

// text reads a string, which ends with a zero.
func text[T ~string](v bsoncore.Value, into *T) bool {
	s, ok := v.StringValueOK()
	*into = T(s)
	return ok && v.Data[len(v.Data)-1] == 0
}

// number reads an integer, of either size.
func number[T ~int | ~int64](v bsoncore.Value, into *T) bool {
	if n, ok := v.Int32OK(); ok {
		*into = T(n)
		return true
	}
	n, ok := v.Int64OK()
	*into = T(n)
	return ok
}

// flag reads a boolean, which is a byte of 0 or 1.
func flag(v bsoncore.Value, into *bool) bool {
	b, ok := v.BooleanOK()
	*into = b
	return ok && v.Data[0] <= 1
}

// date reads a time.
func date(v bsoncore.Value, into *time.Time) bool {
	ms, ok := v.DateTimeOK()
	*into = time.UnixMilli(ms).UTC()
	return ok
}

// document reads a document within another.
func document(v bsoncore.Value, to record) bool {
	d, ok := v.DocumentOK()
	return ok && walk(d, to)
}

// array reads an array, which is a document whose names are numbers.
func array(v bsoncore.Value, to record) bool {
	a, ok := v.ArrayOK()
	return ok && walk(bsoncore.Document(a), to)
}

// some returns a new value of what is optional.
func some[T any](p **T) *T {
	*p = new(T)
	return *p
}
