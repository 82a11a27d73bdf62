package mongostore

import (
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
)

// TestFields checks that every field that documents can be searched by has a row, and that the index of each row
// exists. It needs no server.
func TestFields(t *testing.T) {
	t.Parallel()
	fieldsHaveRows(t, playersCollection, game.PlayerFields(), playersSearched())
	fieldsHaveRows(t, sessionsCollection, game.SessionFields(), sessionsSearched())
}

func fieldsHaveRows[D any](t *testing.T, collection string, fields []game.Field[D], rows []searched) {
	t.Helper()
	for _, f := range fields {
		if !slices.ContainsFunc(rows, func(s searched) bool { return s.field == f.Name && s.path != "" }) {
			t.Errorf("%s cannot be searched by %s: add a row", collection, f.Name)
		}
	}
	for _, s := range rows {
		if !slices.ContainsFunc(fields, func(f game.Field[D]) bool { return f.Name == s.field }) {
			t.Errorf("%s has a row for %s, which is not a field", collection, s.field)
		}
		if s.index != "" && s.index != idIndex && !slices.Contains(indexNames(t, collection), s.index) {
			t.Errorf("%s has no index %s for %s", collection, s.index, s.field)
		}
	}
}

func indexNames(t *testing.T, collection string) (names []string) {
	t.Helper()
	for _, m := range designs()[collection].indexes {
		spec, err := specification(m)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, spec.Lookup("name").StringValue())
	}
	return names
}

// TestComparisons checks the MongoDB condition for every comparison that fields allow.
func TestComparisons(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		c    game.Clause
		want bson.D
	}{
		{game.Is("mode", "a"), bson.D{{Key: "mode", Value: "a"}}},
		{
			game.In(game.FieldStatus, "open", "ended"),
			bson.D{{Key: "status", Value: bson.D{{Key: "$in", Value: bson.A{"open", "ended"}}}}},
		},
		{game.AtLeast(game.FieldFreeSeats, 2), bson.D{{Key: "free_seats", Value: bson.D{{Key: "$gte", Value: 2.0}}}}},
	} {
		var p page
		p.whereFields(sessionsSearched(), game.Where{test.c})
		if got, want := bson.Raw(marshal(t, p.filter)), bson.Raw(marshal(t, test.want)); got.String() != want.String() {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func marshal(tb testing.TB, d bson.D) []byte {
	tb.Helper()
	b, err := bson.Marshal(d)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
