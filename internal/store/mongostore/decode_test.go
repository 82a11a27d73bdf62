package mongostore_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
)

// Every document as gsm writes it is read by hand, and to what the driver reads.
func TestDecodeStored(t *testing.T) {
	t.Parallel()
	player, session := stored[game.Player](), stored[game.Session]()
	rapid.Check(t, func(t *rapid.T) {
		p, err := mongostore.StoredPlayer(player.Draw(t, "player"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := mongostore.StoredSession(session.Draw(t, "session"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []mongostore.Reading{mongostore.ReadPlayer(p), mongostore.ReadSession(s)} {
			if !r.Taken || r.Err != nil {
				t.Fatalf("read by hand: %t; by the driver: %v", r.Taken, r.Err)
			}
			sameReading(t, r)
		}
	})
}

// What is read by hand of other documents, the driver reads, and as the same.
func TestDecodeOther(t *testing.T) {
	t.Parallel()
	d := documents()
	rapid.Check(t, func(t *rapid.T) {
		raw, err := bson.Marshal(d.Draw(t, "document"))
		if err != nil {
			t.Skip(err) // a name that BSON cannot have
		}
		sameReading(t, mongostore.ReadPlayer(raw))
		sameReading(t, mongostore.ReadSession(raw))
	})
}

// Nor does it differ in what is no BSON at all.
func FuzzDecode(f *testing.F) {
	at := time.UnixMilli(1_790_000_000_000)
	id := game.PlayerID("0190a000-0000-7000-8000-000000000001")
	p, err := mongostore.StoredPlayer(game.Player{ID: id, ErasingSince: &at, Profile: game.Profile{
		Username: "alice", Identities: map[string]string{"steam": "1"}, Attributes: game.Attributes{"mmr": game.NumberValue(1), "x": game.BoolValue(true)},
	}})
	if err != nil {
		f.Fatal(err)
	}
	s, err := mongostore.StoredSession(game.Session{
		HostID: &id, Connection: &game.Connection{Address: "::1", Port: 1}, Result: "{}", StartedAt: &at,
		Settings: game.Settings{Teams: map[string]int{"red": 1}}, Members: []game.Member{{PlayerID: id, JoinedAt: at}},
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, whole := range []bson.Raw{p, s} {
		for i := range whole {
			for _, b := range []byte{0, 1, '0', 0xff} {
				broken := bytes.Clone(whole)
				broken[i] = b
				f.Add(broken)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		sameReading(t, mongostore.ReadPlayer(raw))
		sameReading(t, mongostore.ReadSession(raw))
	})
}

func sameReading(t rapid.TB, r mongostore.Reading) {
	t.Helper()
	if r.Taken && (r.Err != nil || !reflect.DeepEqual(r.ByHand, r.ByDriver)) {
		t.Fatalf("read by hand:\n%+v\nby the driver:\n%+v\n%v", r.ByHand, r.ByDriver, r.Err)
	}
}

// stored generates documents with every field.
func stored[D any]() *rapid.Generator[D] {
	return rapid.MakeCustom[D](rapid.MakeConfig{Types: map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[game.Value](): rapid.OneOf(rapid.Map(rapid.String(), game.StringValue), rapid.Map(rapid.Bool(), game.BoolValue),
			rapid.Map(rapid.Float64Range(-game.MaxExactNumber, game.MaxExactNumber), game.NumberValue)).AsAny(),
		reflect.TypeFor[time.Time](): rapid.Map(rapid.Int64Range(-1<<47, 1<<48), time.UnixMilli).AsAny(),
		reflect.TypeFor[string]():    rapid.StringMatching(`[a-zé😀 ]*`).AsAny(), // keys cannot have the zero byte
	}})
}

// documents generates documents with the names of gsm's fields, in any case, and values of any type.
func documents() *rapid.Generator[bson.D] {
	text := rapid.OneOf(rapid.StringMatching(`[a-z]{0,3}`), rapid.SampledFrom([]string{"\xff", "é"}))
	scalar := rapid.OneOf(
		text.AsAny(), rapid.Int32().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.Bool().AsAny(),
		rapid.Map(rapid.Int64(), func(n int64) any { return bson.DateTime(n) }),
		rapid.Map(text, func(s string) any { return bson.Symbol(s) }),
		rapid.SampledFrom([]any{nil, bson.Undefined{}, bson.NewObjectID(), bson.Binary{Data: []byte("x")}, bson.MinKey{}, bson.Timestamp{T: 1}, bson.NewDecimal128(0, 1)}),
	)
	names := rapid.SampledFrom([]string{
		"_id", "ID", "project", "username", "Username", "display_name", "identities", "attributes", "status", "suspended_until", "version", "erasing", "erasing_since",
		"seats_swept", "locked", "max_players", "min_players", "teams", "members", "seats_held", "host_id", "connection", "result", "writes", "attribute_keys",
		"username_prefixes", "player_id", "joined_at", "address", "port", "created_at", "0", "other", "",
	})
	var value func(depth int) *rapid.Generator[any]
	document := func(depth int) *rapid.Generator[bson.D] {
		field := rapid.Custom(func(t *rapid.T) bson.E {
			return bson.E{Key: names.Draw(t, "name"), Value: value(depth).Draw(t, "value")}
		})
		return rapid.Map(rapid.SliceOfN(field, 0, 4), func(fields []bson.E) bson.D { return fields })
	}
	value = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return scalar
		}
		return rapid.OneOf(scalar, document(depth-1).AsAny(), rapid.Map(rapid.SliceOfN(value(depth-1), 0, 2), func(a []any) any { return bson.A(a) }))
	}
	return document(3)
}
