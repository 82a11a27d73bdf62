package mongostore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"game-session-manager/internal/game"
)

// Documents are as readable as their JSON, with native dates: see [layout]. What is copied for an index stands behind
// what the struct has.

// derived is a field that an index needs, and that is made anew of the document for each write. Readers pass over it.
type derived[D any] struct {
	key, kind, doc string // kind and doc are for docs/data-model.md
	value          func(*D) any
}

func ofPlayers() []derived[game.Player] {
	return []derived[game.Player]{
		{
			"username_key", "string, optional", "`username` in lower case: what is unique",
			func(p *game.Player) any { return p.UsernameKey() },
		},
		{
			"username_prefixes", "array of string, optional",
			"the first 1, 2, 4, 8 and 16 characters of `username_key`",
			func(p *game.Player) any { return usernamePrefixes(p.UsernameKey()) },
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

func ofSessions() []derived[game.Session] {
	return []derived[game.Session]{
		{
			"attribute_keys", "array of string, optional",
			"`level=n7`, `mode=sranked`, `pro=btrue`: name, type and value; a hash in the place of a long text",
			func(s *game.Session) any { return attributeKeys(s.Attributes) },
		},
		{
			"live", "bool, optional", "true until the session has ended, for indexes of live sessions only",
			func(s *game.Session) any { return !s.Status.Terminal() },
		},
		{"seats_held", "int", "how many `members` there are", func(s *game.Session) any { return len(s.Members) }},
		{"free_seats", "int", "`max_players` without them", func(s *game.Session) any { return s.FreeSeats() }},
	}
}

// ofSamples has the id of a sample: its time and its replica, so that the index of the ids, which every server reads in
// order, is the list's.
func ofSamples() []derived[game.MetricsSample] {
	return []derived[game.MetricsSample]{
		{"_id", "string", "time and replica", func(m *game.MetricsSample) any { return sampleID(m.At, m.Replica) }},
	}
}

// document is a document as it is stored.
type document[D any] struct {
	of      D
	derived []derived[D]
	writes  []writeID // the ids of its first writes, which [trace] reads, and readers of the document pass over
	but     string    // a field that is left out
}

func storedPlayer(p game.Player) document[game.Player] {
	return document[game.Player]{of: p, derived: ofPlayers()}
}

func storedSession(s game.Session) document[game.Session] {
	return document[game.Session]{of: s, derived: ofSessions()}
}

func storedKey(k game.Key) document[game.Key] {
	return document[game.Key]{of: k}
}

// storedSample keeps no ids of writes, as claims and signing keys: those that are equal are the same.
func storedSample(m game.MetricsSample) document[game.MetricsSample] {
	return document[game.MetricsSample]{of: m, derived: ofSamples()}
}

func storedClaim(c game.Claim) document[game.Claim] { return document[game.Claim]{of: c} }

func storedSigningKey(k game.SigningKey) document[game.SigningKey] {
	return document[game.SigningKey]{of: k}
}

// first returns the document with the id of its first write.
func (d document[D]) first(id writeID) document[D] {
	d.writes = []writeID{id}
	return d
}

// derivedKeys returns the names of fields that are derived.
func derivedKeys[D any](all []derived[D]) []string {
	keys := make([]string, 0, len(all))
	for _, d := range all {
		keys = append(keys, d.key)
	}
	return keys
}

// usualSize is what most documents fit into, in bytes.
const usualSize = 1 << 10

// MarshalBSON implements [bson.Marshaler].
func (d document[D]) MarshalBSON() ([]byte, error) {
	e := encoder{b: make([]byte, 0, usualSize), but: d.but}
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

// derived writes what an index needs. What is empty is absent, because an index counts an empty value as one.
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
		panic(fmt.Sprintf("mongostore: %s is a %T, which nothing derived is yet", key, value))
	}
}

func usernamePrefixes(key string) (prefixes []string) {
	for _, n := range prefixLengths() {
		if n <= len(key) {
			prefixes = append(prefixes, key[:n])
		}
	}
	return prefixes
}

func identityKeys(p *game.Player) (keys []string) {
	for _, provider := range slices.Sorted(maps.Keys(p.Identities)) {
		keys = append(keys, identityKey(provider, p.Identities[provider]))
	}
	return keys
}

// sampleTime has the same length for every time, so that the texts have the order of the times.
const sampleTime = "2006-01-02T15:04:05.000Z"

func sampleFrom(at time.Time) string { return at.UTC().Format(sampleTime) }

func sampleID(at time.Time, replica string) string { return sampleFrom(at) + " " + replica }

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

// attributeKey is different for different values of an attribute, whatever their types: level=n7, level=s7,
// ranked=btrue. No name has an equals sign.
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
