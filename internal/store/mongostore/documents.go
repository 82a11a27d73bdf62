package mongostore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"game-session-manager/internal/game"
)

// Stored documents have the structure of their JSON form, with native dates: see [layout]. Derived fields, which
// indexes need, follow the fields of the struct.

// derived is a field that exists for an index. It is computed from the document on each write, and ignored when the
// document is read.
type derived[D any] struct {
	key, kind, doc string // kind and doc are for docs/data-model.md
	value          func(*D) any
}

func derivedPlayerFields() []derived[game.Player] {
	return []derived[game.Player]{
		{
			"username_key", "string, optional", "`username` in lower case: what is unique",
			func(p *game.Player) any { return p.UsernameKey() },
		},
		{
			"username_prefixes", "array of string, optional",
			"the first 1, 2, 4, 8 and 16 characters of `username_key`",
			func(p *game.Player) any { return indexedPrefixes(p.UsernameKey(), usernamePrefix) },
		},
		{
			"display_name_key", "string, optional", "`display_name` with its case folded",
			func(p *game.Player) any { return game.NameKey(p.DisplayName) },
		},
		{
			"display_name_prefixes", "array of string, optional",
			"the first 1, 2, 4, 8, 16 and 32 characters of `display_name_key`",
			func(p *game.Player) any { return indexedPrefixes(game.NameKey(p.DisplayName), namePrefix) },
		},
		{
			"identity_keys", "array of string, optional", "`provider:subject` of each identity: what is unique",
			func(p *game.Player) any { return identityKeys(p) },
		},
		{
			"erasing", "bool, optional",
			"whether there is an `erasing_since`, for an index that needs a value to be equal to",
			func(p *game.Player) any { return p.ErasingSince != nil },
		},
		{
			"sweeping", "bool, optional", "the same of `sweep_since`",
			func(p *game.Player) any { return p.SweepSince != nil },
		},
	}
}

func derivedSessionFields() []derived[game.Session] {
	return []derived[game.Session]{
		{
			"attribute_keys", "array of string, optional",
			"`level=n7`, `mode=sranked`, `pro=btrue`: name, type and value; a hash in the place of a long text",
			func(s *game.Session) any { return attributeKeys(s.Attributes) },
		},
		{
			"named_ids", "array of string, optional", "the players whom `bans` and `wait_list` name",
			func(s *game.Session) any { return texts(s.Named()) },
		},
		{
			"live", "bool, optional", "true until the session has ended, for indexes of live sessions only",
			func(s *game.Session) any { return !s.Status.Terminal() },
		},
		{
			"many_players", "int, optional",
			"how many are members or wait, where that is so many that reading the session takes much memory",
			func(s *game.Session) any { return manyPlayers(s) },
		},
		{"seats_held", "int", "how many `members` there are", func(s *game.Session) any { return len(s.Members) }},
		{"free_seats", "int", "`max_players` without them", func(s *game.Session) any { return s.FreeSeats() }},
		{
			"due_at", "date, optional",
			"when time next changes the session, rounded up to the millisecond; absent if it never does",
			func(s *game.Session) any { return s.NextDue() },
		},
		{
			exclusivePlayers, "array of string, optional",
			"the players whose exclusive places are in the session, sorted: what is unique",
			func(s *game.Session) any { return placeKeys(s.ExclusivePlaces()) },
		},
	}
}

// derivedLeaseFields has the id of a lease, made of its session and its player, and the condition of renewals.
func derivedLeaseFields() []derived[game.Lease] {
	return []derived[game.Lease]{
		{
			"_id", "string", "the session's id, for members followed by `/` and the player's id",
			func(l *game.Lease) any { return string(l.ID()) },
		},
		{
			"least_fence", "long", "the least fence that a renewal may have; above all fences if the lease is expired",
			func(l *game.Lease) any { return leastFence(l) },
		},
	}
}

// leastFence returns the least fence with which a lease can be renewed. With it a renewal has a single condition: each
// takes a server about a quarter longer.
func leastFence(l *game.Lease) int64 {
	if l.State == game.LeaseExpired {
		return math.MaxInt64
	}
	return l.Fence
}

// derivedSampleFields has the id of a sample, made of its time and its replica. Lists are in the order of the ids,
// whose index every server reads in order.
func derivedSampleFields() []derived[game.MetricsSample] {
	return []derived[game.MetricsSample]{
		{"_id", "string", "time and replica", func(m *game.MetricsSample) any { return sampleID(m.At, m.Replica) }},
	}
}

// document is a document with the fields that only the database has.
type document[D any] struct {
	of      D
	derived []derived[D]
	writes  []writeID // ids of the document's last writes, see [lastWrites]
	omit    string    // name of a field that is not encoded
}

func storedPlayer(p game.Player) document[game.Player] {
	return document[game.Player]{of: p, derived: derivedPlayerFields()}
}

func storedSession(s game.Session) document[game.Session] {
	return document[game.Session]{of: s, derived: derivedSessionFields()}
}

func storedKey(k game.Key) document[game.Key] {
	return document[game.Key]{of: k}
}

// storedSample has no write ids, like claims and signing keys: a stored document that is equal proves that the write
// was made.
func storedSample(m game.MetricsSample) document[game.MetricsSample] {
	return document[game.MetricsSample]{of: m, derived: derivedSampleFields()}
}

// storedLease has no write ids either: see [Store.ReplaceLease].
func storedLease(l game.Lease) document[game.Lease] {
	return document[game.Lease]{of: l, derived: derivedLeaseFields()}
}

func storedWebhook(w game.Webhook) document[game.Webhook] {
	return document[game.Webhook]{of: w}
}

// storedDelivery has no write ids: a record is only ever stored whole.
func storedDelivery(d game.Delivery) document[game.Delivery] { return document[game.Delivery]{of: d} }

func storedClaim(c game.Claim) document[game.Claim] { return document[game.Claim]{of: c} }

func storedSigningKey(k game.SigningKey) document[game.SigningKey] {
	return document[game.SigningKey]{of: k}
}

// first returns the document with the id of the write that creates it.
func (d document[D]) first(id writeID) document[D] {
	d.writes = []writeID{id}
	return d
}

// derivedKeys returns the names of derived fields.
func derivedKeys[D any](all []derived[D]) []string {
	return mapped(all, func(d derived[D]) string { return d.key })
}

// mapped returns what f makes of each.
func mapped[A, B any](all []A, f func(A) B) []B {
	made := make([]B, len(all))
	for i, a := range all {
		made[i] = f(a)
	}
	return made
}

// usualSize is a capacity in bytes that suffices for most documents.
const usualSize = 1 << 10

// MarshalBSON implements [bson.Marshaler].
func (d document[D]) MarshalBSON() ([]byte, error) {
	e := encoder{b: make([]byte, 0, usualSize), omit: d.omit}
	begin, b := bsoncore.AppendDocumentStart(e.b)
	e.b = b
	v := reflect.ValueOf(&d.of).Elem()
	e.fields(layoutOf(v.Type()), v)
	for _, c := range d.derived {
		e.derived(c.key, c.value(&d.of))
	}
	if len(d.writes) > 0 {
		e.within(bson.TypeArray, "writes", func() {
			for i, id := range d.writes {
				e.header(bson.TypeObjectID, strconv.Itoa(i))
				e.b = append(e.b, id[:]...)
			}
		})
	}
	e.end(begin)
	if e.err != nil {
		return nil, e.err
	}
	return e.b, nil
}

// derived encodes a derived field. Empty values are omitted, because a partial index would contain them.
func (e *encoder) derived(key string, value any) {
	switch x := value.(type) {
	case string:
		if x != "" {
			e.text(key, x)
		}
	case bool:
		if x {
			e.flag(key, x)
		}
	case int:
		e.number(key, int64(x))
	case *int:
		if x != nil {
			e.number(key, int64(*x))
		}
	case int64:
		e.long(key, x)
	case *time.Time:
		if x != nil {
			e.date(key, x.Add(time.Millisecond-1)) // rounded up: whatever is due at the stored time is due
		}
	case []string:
		if len(x) == 0 {
			return
		}
		e.within(bson.TypeArray, key, func() {
			for i, s := range x {
				e.text(strconv.Itoa(i), s)
			}
		})
	default:
		panic(fmt.Sprintf("mongostore: derived field %s has the unsupported type %T", key, value))
	}
}

func texts(ids []game.PlayerID) []string {
	return mapped(ids, func(id game.PlayerID) string { return string(id) })
}

// The lengths in characters of the longest indexed prefixes.
const (
	usernamePrefix = 16
	namePrefix     = 32
)

// indexedPrefixes returns the first 1, 2, 4 and so on characters of a key, up to the longest. A list by prefix reads
// the documents that share its longest indexed part, in the order of the list.
func indexedPrefixes(key string, longest int) (prefixes []string) {
	n, next := 0, 1
	for i := range key {
		if n == next {
			prefixes, next = append(prefixes, key[:i]), 2*next
		}
		if n++; next > longest {
			return prefixes
		}
	}
	if n == next {
		prefixes = append(prefixes, key)
	}
	return prefixes
}

func identityKeys(p *game.Player) []string {
	return mapped(slices.Sorted(maps.Keys(p.Identities)), func(provider string) string {
		return identityKey(provider, p.Identities[provider])
	})
}

// sampleTime is a layout of fixed width, so that the order of strings is that of times.
const sampleTime = "2006-01-02T15:04:05.000Z"

func sampleFrom(at time.Time) string { return at.UTC().Format(sampleTime) }

func sampleID(at time.Time, replica string) string { return sampleFrom(at) + " " + replica }

// indexedPrefix returns the longest indexed part of a prefix.
func indexedPrefix(prefix string, longest int) string {
	all := indexedPrefixes(prefix, longest)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// attributeKeys returns the index entries for attributes.
func attributeKeys(a game.Attributes) []string {
	return mapped(slices.Sorted(maps.Keys(a)), func(k string) string { return attributeKey(k, a[k]) })
}

// longestKey is the maximum length in bytes of a string in the attribute index. Longer strings are hashed.
const longestKey = 128

// attributeKey returns the index entry for an attribute: level=n7, level=s7, ranked=btrue. Different values have
// different entries, whatever their types. Names of attributes contain no equals sign.
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

// identityKey returns the index entry for an identity, which is unique in a project. Providers contain no colon.
func identityKey(provider, subject string) string { return provider + ":" + subject }
