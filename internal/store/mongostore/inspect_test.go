package mongostore_test

import (
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
	"game-session-manager/internal/store/storetest"
)

func field(key string, value any) bson.E { return bson.E{Key: key, Value: value} }

// set returns the command that sets fields of a document.
func set(collection, id string, fields ...bson.E) bson.D {
	return edit(collection, id, "$set", fields...)
}

func unset(collection, id string, fields ...bson.E) bson.D {
	return edit(collection, id, "$unset", fields...)
}

func edit(collection, id, operator string, fields ...bson.E) bson.D {
	return bson.D{field("update", collection), field("updates", bson.A{bson.D{
		field("q", bson.D{field("_id", id)}), field("u", bson.D{field(operator, bson.D(fields))}),
	}})}
}

// TestInspectRepairs checks that each damage is reported with the id of the document and no content, repaired, and
// not reported again.
func TestInspectRepairs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage func(p, v string) []bson.D
		want   []string // P and V are the documents' ids
	}{
		"derived fields of a player": {
			func(p, _ string) []bson.D {
				return []bson.D{
					set("players", p, field("username_key", "gone"), field("erasing", true)),
					unset("players", p, field("username_prefixes", ""), field("identity_keys", "")),
				}
			},
			[]string{"players P has fields for indexes that do not agree with it: username_key, username_prefixes, " +
				"identity_keys, erasing"},
		},
		"derived fields of a session": {
			func(_, v string) []bson.D {
				return []bson.D{set("sessions", v, field("seats_held", 99), field("free_seats", 0), field(
					"attribute_keys", bson.A{"pro=btrue"},
				)), unset("sessions", v, field("live", ""), field("due_at", ""))}
			},
			[]string{
				"sessions V has fields for indexes that do not agree with it: attribute_keys, live, seats_held, " +
					"free_seats, due_at",
			},
		},
		"exclusive places": {
			func(_, v string) []bson.D {
				return []bson.D{set("sessions", v, field("exclusive", true), field("exclusive_players", bson.A{"x"}))}
			},
			[]string{"sessions V has fields for indexes that do not agree with it: exclusive_players"},
		},
		"derived fields of a lease": {
			func(_, v string) []bson.D { return []bson.D{set("leases", v, field("least_fence", int64(99)))} },
			[]string{"leases V has fields for indexes that do not agree with it: least_fence"},
		},
		"players of an event": {
			func(p, _ string) []bson.D {
				return []bson.D{set("events", "player/"+p+"/000000000000001", field("players", bson.A{"x"}))}
			},
			[]string{"events player/P/000000000000001 has fields for indexes that do not agree with it: players"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openTest(t, mongotest.Database(t), mongostore.Options{})
			p, v, l := newPlayer(), newSession(), newLease()
			v.MaxDuration, l.Session = 3600, v.ID
			must(t, s.CreatePlayer(t.Context(), p, createdEvent(p)))
			orderAll(t, s, p.CreatedAt)
			must(t, s.CreatePlayer(t.Context(), newPlayer()))
			must(t, s.CreateSession(t.Context(), v))
			_, err := s.RenewLeases(t.Context(), []game.Lease{l})
			must(t, err)
			for _, command := range test.damage(string(p.ID), string(v.ID)) {
				must(t, s.RunCommand(t.Context(), command))
			}
			for _, repair := range []bool{false, true} {
				lines := storetest.Found(t, s, repair)
				for i := range lines {
					lines[i] = strings.NewReplacer(string(p.ID), "P", string(v.ID), "V").Replace(lines[i])
				}
				if !slices.Equal(lines, test.want) {
					t.Errorf("found %q, want %q", lines, test.want)
				}
			}
			if lines := storetest.Found(t, s, false); len(lines) > 0 {
				t.Errorf("after the repair: found %q", lines)
			}
			next := p
			next.Version++
			must(t, s.ReplacePlayer(t.Context(), p, next)) // the repair did not change the version
		})
	}
}

// TestInspectCreatesIndexes drops all indexes. Tools must still open the database.
func TestInspectCreatesIndexes(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	s := openTest(t, url, mongostore.Options{})
	var want []string
	for collection, names := range mongostore.Indexes(t) {
		for _, name := range names {
			must(t, s.RunCommand(t.Context(), bson.D{field("dropIndexes", collection), field("index", name)}))
			want = append(want, collection+"  lack the index "+name)
		}
	}
	slices.Sort(want)
	tool := openTest(t, url, mongostore.Options{Beside: true})
	for _, repair := range []bool{false, true} {
		if lines := storetest.Found(t, tool, repair); !slices.Equal(slices.Sorted(slices.Values(lines)), want) {
			t.Errorf("found %q, want %q", lines, want)
		}
	}
	if lines := storetest.Found(t, tool, false); len(lines) > 0 {
		t.Errorf("after the repair: found %q", lines)
	}
}

// TestInspectFindsOtherDefinitions uses indexes, validators and ids that gsm does not create.
func TestInspectFindsOtherDefinitions(t *testing.T) {
	t.Parallel()
	s := openTest(t, mongotest.Database(t), mongostore.Options{})
	for _, command := range []bson.D{
		{field("dropIndexes", "players"), field("index", "players_by_username")},
		{field("createIndexes", "players"), field("indexes", bson.A{bson.D{
			field("name", "players_by_username"), field("key", bson.D{field("project", 1), field("username_key", 1)}),
			field("unique", true),
		}})}, // not limited to players with a username
		{field("collMod", "sessions"), field("validator", bson.D{})},
		{field("collMod", "idempotency"), field("validator", bson.D{})},
		{field("collMod", "leases"), field("validator", bson.D{field("fence", bson.D{field("$gte", 0)})})},
		{field("insert", "idempotency"), field("documents", bson.A{bson.D{field("_id", 7)}})},
	} {
		must(t, s.RunCommand(t.Context(), command))
	}
	want := []string{
		"idempotency  lack their validator, which a user with the role dbAdmin can set",
		"leases  have a validator, which slows heartbeats down, and which a user with the role dbAdmin can remove",
		"players  have an index players_by_username with another definition: drop it, and run gsm db init repaired: " +
			"false",
		"sessions  lack their validator, which a user with the role dbAdmin can set",
		"idempotency  have a document whose id is not a string, which gsm did not write: remove it repaired: false",
	}
	if lines := storetest.Found(t, s, true); !slices.Equal(lines, want) {
		t.Errorf("found %q, want %q", lines, want)
	}
}

// TestInspectFindsUnreadableKeys uses a key that gsm cannot decode, and a collection that was dropped.
func TestInspectFindsUnreadableKeys(t *testing.T) {
	t.Parallel()
	s := openTest(t, mongotest.Database(t), mongostore.Options{})
	k := newKey()
	must(t, s.CreateKey(t.Context(), k))
	for _, command := range []bson.D{
		{field("collMod", "api_keys"), field("validator", bson.D{})},
		set("api_keys", string(k.ID), field("version", "one")),
		{field("drop", "signing_keys")},
	} {
		must(t, s.RunCommand(t.Context(), command))
	}
	want := []string{
		"api_keys  lack their validator, which a user with the role dbAdmin can set",
		"signing_keys  lack their validator, which a user with the role dbAdmin can set",
		"api_keys " + string(k.ID) + " cannot be read repaired: false",
	}
	if lines := storetest.Found(t, s, true); !slices.Equal(lines, want) {
		t.Errorf("found %q, want %q", lines, want)
	}
	if lines := storetest.Found(t, s, true); !slices.Equal(lines, want[2:]) {
		t.Errorf("after the repair found %q, want %q", lines, want[2:])
	}
}

// TestInspectReportsFailedRepairs gives two players the same username, which the unique index keeps from being
// repaired.
func TestInspectReportsFailedRepairs(t *testing.T) {
	t.Parallel()
	s := openTest(t, mongotest.Database(t), mongostore.Options{})
	p, rival := newPlayer(), newPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.CreatePlayer(t.Context(), rival))
	must(t, s.RunCommand(t.Context(), set("players", string(rival.ID), field("username", p.Username))))
	lines := storetest.Found(t, s, true)
	want := "players " + string(rival.ID) + " has fields for indexes that do not agree with it: username_key, " +
		"username_prefixes, and another document has their values repaired: false"
	if !slices.Equal(lines, []string{want}) {
		t.Errorf("found %q, want %q", lines, want)
	}
}

func TestBesideAndMustExist(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	for _, o := range []mongostore.Options{{MustExist: true}, {Beside: true}} {
		_, err := mongostore.Open(t.Context(), url, o)
		wantError(t, err, mongostore.ErrMissing)
	}
	must(t, openTest(
		t, url, mongostore.Options{},
	).RunCommand(t.Context(), bson.D{field("dropIndexes", "players"), field("index", "players_by_project")}))
	for _, o := range []mongostore.Options{{Beside: true}} {
		if lines := storetest.Found(t, openTest(t, url, o), false); len(lines) != 1 {
			t.Errorf("%+v: found %q, want the missing index, because tools do not create it", o, lines)
		}
	}
	if lines := storetest.Found(t, openTest(t, url, mongostore.Options{MustExist: true}), false); len(lines) != 0 {
		t.Errorf("found %q after a start", lines)
	}
}

func createdEvent(p game.Player) game.Event {
	return game.Event{
		Project: p.Project, Subject: game.Subject{Kind: game.SubjectPlayer, ID: string(p.ID)}, Version: p.Version,
		At: p.CreatedAt, Actor: game.Actor{Kind: game.ActorSystem, ID: "test"},
		Changes: game.Changes{game.PlayerCreated{}},
	}
}

// TestInspectLeavesEvents uses events whose content contradicts their ids, which are not repaired.
func TestInspectLeavesEvents(t *testing.T) {
	t.Parallel()
	s := openTest(t, mongotest.Database(t), mongostore.Options{})
	p, q := newPlayer(), newPlayer()
	must(t, s.CreatePlayer(t.Context(), p, createdEvent(p)))
	must(t, s.CreatePlayer(t.Context(), q, createdEvent(q)))
	orderAll(t, s, p.CreatedAt)
	must(t, s.RunCommand(t.Context(), set("events", createdID(p), field("subject", "another"))))
	must(t, s.RunCommand(
		t.Context(), set("events", createdID(q), field("changes", bson.A{bson.D{field("type", "unknown")}})),
	))
	want := []string{
		"events " + createdID(p) + " is stored under an id that is not its own repaired: false",
		"events " + createdID(q) + " cannot be read repaired: false",
	}
	if got := storetest.Found(t, s, true); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func createdID(p game.Player) string {
	e := createdEvent(p)
	return e.ID()
}
