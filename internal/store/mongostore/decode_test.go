package mongostore_test

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"game-session-manager/internal/game"
	"game-session-manager/internal/game/gametest"
	"game-session-manager/internal/store/mongostore"
)

// TestFieldsAreStored checks that every field of every document survives encoding and decoding.
func TestFieldsAreStored(t *testing.T) {
	t.Parallel()
	storesFields[game.Player](t)
	storesFields[game.Session](t)
	storesFields[game.Lease](t)
	storesFields[game.Key](t)
	storesFields[game.Claim](t)
	storesFields[game.SigningKey](t)
	storesFields[game.MetricsSample](t)
	storesFields[game.Webhook](t)
	storesFields[game.Delivery](t)
}

func storesFields[D any](t *testing.T) {
	stores(t, gametest.Filled[D]())
	for path, d := range gametest.Each[D]() {
		if s, ok := any(&d).(*game.Session); ok {
			s.Liveness = game.Live // or the session would be restored
		}
		if got := stores(t, d); reflect.ValueOf(got).IsZero() {
			t.Errorf("%T%s is lost", d, path)
		}
	}
}

// stores returns a document after encoding and decoding, and fails the test if it has changed.
func stores[D any](t rapid.TB, d D) D {
	t.Helper()
	raw, err := mongostore.Encoded(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Validate(); err != nil {
		t.Fatalf("%T cannot be encoded as BSON: %v", d, err)
	}
	got, err := mongostore.Decode[D](raw)
	if err != nil || !reflect.DeepEqual(got, asRead(d)) {
		t.Fatalf("stored\n%+v\nread\n%+v\n%v", d, got, err)
	}
	return got
}

// asRead returns a document as decode does: a session is restored.
func asRead[D any](d D) D {
	d = gametest.Normal(d)
	if s, ok := any(&d).(*game.Session); ok {
		s.Restore()
	}
	return d
}

// TestStoredFormat checks that documents in testdata, which earlier versions stored, are read and written in the same
// form.
func TestStoredFormat(t *testing.T) {
	t.Parallel()
	sameFormat(t, "player", gametest.Filled[game.Player]())
	sameFormat(t, "player_empty", game.Player{})
	sameFormat(t, "session", gametest.Filled[game.Session]())
	sameFormat(t, "session_empty", game.Session{Members: []game.Member{{}}, Connection: &game.Connection{}})
	sameFormat(t, "lease", gametest.Filled[game.Lease]())
	sameFormat(t, "api_key", gametest.Filled[game.Key]())
	sameFormat(t, "api_key_empty", game.Key{})
	sameFormat(t, "claim", gametest.Filled[game.Claim]())
	sameFormat(t, "signing_key", gametest.Filled[game.SigningKey]())
	sameFormat(t, "sample", gametest.Filled[game.MetricsSample]())
	sameFormat(t, "sample_empty", game.MetricsSample{})
}

func sameFormat[D any](t *testing.T, file string, d D) {
	t.Helper()
	text, err := os.ReadFile("testdata/stored/" + file + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var old bson.D
	if err := bson.UnmarshalExtJSON(text, true, &old); err != nil {
		t.Fatal(err)
	}
	raw, err := bson.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	read, err := mongostore.Decode[D](raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []D{d, read} {
		raw, err := mongostore.Encoded(d)
		if err != nil {
			t.Fatal(err)
		}
		var now bson.D
		if err := bson.Unmarshal(raw, &now); err != nil {
			t.Fatal(err)
		}
		sameValues(t, file, old, now)
	}
}

// sameValues compares two documents, ignoring the order of fields.
func sameValues(t *testing.T, path string, old, now any) {
	t.Helper()
	switch o := old.(type) {
	case bson.D:
		n, _ := now.(bson.D)
		for _, e := range o {
			at := slices.IndexFunc(n, func(f bson.E) bool { return f.Key == e.Key })
			if at < 0 {
				t.Errorf("%s.%s is lost", path, e.Key)
				continue
			}
			sameValues(t, path+"."+e.Key, e.Value, n[at].Value)
		}
		return
	case bson.A:
		if n, _ := now.(bson.A); len(o) == len(n) {
			for i := range o {
				sameValues(t, fmt.Sprint(path, ".", i), o[i], n[i])
			}
			return
		}
	}
	if !reflect.DeepEqual(old, now) {
		t.Errorf("%s is %v, and was %v", path, now, old)
	}
}

// TestDecodeEdited decodes documents that other programs have edited.
func TestDecodeEdited(t *testing.T) {
	t.Parallel()
	read := func(fields ...bson.E) (game.Session, error) {
		raw, err := bson.Marshal(bson.D(fields))
		if err != nil {
			t.Fatal(err)
		}
		return mongostore.Decode[game.Session](raw)
	}
	field := func(key string, v any) bson.E { return bson.E{Key: key, Value: v} }
	s, err := read(
		field("max_players", 4.0), field("version", int32(7)), field("host_id", nil), field("name", nil),
		field("other", bson.D{}), field("seats_held", "many"), field("started_at", nil),
		field("attributes", bson.D{{Key: "mmr", Value: int64(3)}}),
	)
	want := game.Session{Version: 7}
	want.MaxPlayers, want.Attributes = 4, game.Attributes{"mmr": game.NumberValue(3)}
	want.Restore()
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, wrong := range []bson.E{
		field("max_players", 4.5), field("max_players", "4"), field("max_players", 1e300), field("name", 7),
		field("locked", "yes"), field("members", bson.D{}), field("members", bson.A{"one"}),
		field("teams", bson.A{}), field("attributes", bson.D{{Key: "a", Value: bson.A{}}}),
		field("created_at", "2026-01-01T00:00:00Z"), field("connection", "here"),
	} {
		if s, err := read(wrong); err == nil {
			t.Errorf("%v was decoded as %+v", wrong, s)
		}
	}
	player := game.PlayerID("0190a000-0000-7000-8000-000000000001")
	if s, err := read(field("host_id", player)); err != nil || !s.Hosted {
		t.Errorf("a session with a host and without the field hosted: got %+v, %v", s, err)
	}
}

// TestDecodeStored checks that documents with random content survive encoding and decoding.
func TestDecodeStored(t *testing.T) {
	t.Parallel()
	player, session := stored[game.Player](), stored[game.Session]()
	rapid.Check(t, func(t *rapid.T) {
		stores(t, player.Draw(t, "player"))
		stores(t, session.Draw(t, "session"))
	})
}

// FuzzDecode checks that decode does not panic, and that what it returns can be stored.
func FuzzDecode(f *testing.F) {
	for _, document := range []any{
		gametest.Filled[game.Player](), gametest.Filled[game.Session](), gametest.Filled[game.Lease](),
		gametest.Filled[game.MetricsSample](),
	} {
		whole, err := mongostore.Encoded(document)
		if err != nil {
			f.Fatal(err)
		}
		for i := range whole {
			if testing.Short() && i%5 != 0 {
				continue
			}
			for _, b := range []byte{0, 1, '0', 0xff} {
				broken := bytes.Clone([]byte(whole))
				broken[i] = b
				f.Add(broken)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		again[game.Player](t, raw)
		again[game.Session](t, raw)
		again[game.Lease](t, raw)
		again[game.MetricsSample](t, raw)
	})
}

func again[D any](t *testing.T, raw bson.Raw) {
	d, err := mongostore.Decode[D](raw)
	if err != nil {
		return
	}
	b, err := mongostore.Encoded(d)
	if err != nil {
		t.Fatal(err)
	}
	once, err := mongostore.Decode[D](b)
	if err != nil {
		t.Fatal(err)
	}
	if twice, err := mongostore.Encoded(once); err != nil || !bytes.Equal(twice, b) {
		t.Fatalf("read\n%+v\nand again\n%+v\n%v", d, once, err)
	}
}

// stored generates documents with a value for every field.
func stored[D any]() *rapid.Generator[D] {
	return rapid.MakeCustom[D](rapid.MakeConfig{Types: map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[game.Value](): rapid.OneOf(
			rapid.Map(rapid.String(), game.StringValue), rapid.Map(rapid.Bool(), game.BoolValue),
			rapid.Map(rapid.Float64Range(-game.MaxExactNumber, game.MaxExactNumber), game.NumberValue),
		).AsAny(),
		reflect.TypeFor[time.Time](): rapid.Map(rapid.Int64Range(-1<<47, 1<<48), time.UnixMilli).AsAny(),
		reflect.TypeFor[string]():    rapid.StringMatching(`[a-zé😀 ]*`).AsAny(), // keys cannot have the zero byte
	}})
}
