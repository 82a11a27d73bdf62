package sqlitestore_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
	"game-session-manager/internal/store/storetest"
)

// Each damage is found, with the document's id and no more of it, repaired by the document, and then gone.
func TestInspectRepairs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage []string
		want   []string // the ends of the lines; P, Q and S are the documents' ids
	}{
		"columns of a player": {
			[]string{"UPDATE players SET status = 'suspended', username_key = NULL, erasing = 1 WHERE id = 'P'"},
			[]string{"players P has columns that differ from the document: username_key, status, erasing"},
		},
		"version and project": {
			[]string{"UPDATE sessions SET version = 7, project = 'other'"},
			[]string{"sessions S has columns that differ from the document: project, version"},
		},
		"columns of a session": {
			[]string{"UPDATE sessions SET free_seats = 99, seats_held = 0, mode = '', host_id = NULL"},
			[]string{"sessions S has columns that differ from the document: mode, host_id, free_seats, seats_held"},
		},
		"what time and heartbeats are about": {
			[]string{"UPDATE sessions SET updated_at = 1, due_at = NULL, ended_at = 7, pulse = '{}'"},
			[]string{"sessions S has columns that differ from the document: updated_at, ended_at, due_at, pulse"},
		},
		"indexes of leases and of what is due": {
			[]string{"DROP INDEX leases_by_due", "DROP INDEX sessions_by_due", "DROP INDEX sessions_by_end"},
			[]string{
				"database  has no index leases_by_due", "database  has no index sessions_by_due",
				"database  has no index sessions_by_end",
			},
		},
		"names changed hands": {
			[]string{
				"UPDATE players SET username_key = 'gone' WHERE id = 'P'",
				"UPDATE players SET username_key = (SELECT doc ->> 'username' FROM players WHERE id = 'P') WHERE id " +
					"= 'Q'",
			},
			[]string{
				"players Q has columns that differ from the document: username_key",
				"players P has columns that differ from the document: username_key",
			},
		},
		"identities missing": {
			[]string{"DELETE FROM identities WHERE player_id = 'P'"},
			[]string{"players P lacks 1 entries of identities"},
		},
		"identity of another": {
			[]string{"UPDATE identities SET player_id = 'Q' WHERE player_id = 'P'"},
			[]string{"players Q has 1 superfluous entries of identities", "players P lacks 1 entries of identities"},
		},
		"identities of nobody": {
			[]string{"INSERT INTO identities VALUES ('p', 'steam', '1', '0'), ('p', 'epic', '1', '0'), ('p', 'x', " +
				"'1', 'zz')"},
			[]string{
				"players 0 has 2 entries of identities and no document",
				"players zz has 1 entries of identities and no document",
			},
		},
		"members": {
			[]string{
				"DELETE FROM members",
				"INSERT INTO members SELECT id || x, 1, id FROM sessions, (SELECT 1 AS x UNION SELECT 2)",
			},
			[]string{"sessions S lacks 1 entries of members", "sessions S has 2 superfluous entries of members"},
		},
		"named": {
			[]string{
				"DELETE FROM named",
				"INSERT INTO named SELECT id || x, 1, id FROM sessions, (SELECT 1 AS x UNION SELECT 2)",
			},
			[]string{"sessions S lacks 1 entries of named", "sessions S has 2 superfluous entries of named"},
		},
		"members of nothing": {
			[]string{"INSERT INTO members VALUES ('P', 1, 'nothing')"},
			[]string{"sessions nothing has 1 entries of members and no document"},
		},
		"members and attributes of an ended session": {
			[]string{"UPDATE members SET live = 0", "UPDATE attributes SET live = 0 WHERE key = 'level'"},
			[]string{
				"sessions S lacks 1 entries of members", "sessions S has 1 superfluous entries of members",
				"sessions S lacks 1 entries of attributes", "sessions S has 1 superfluous entries of attributes",
			},
		},
		"attributes": {
			[]string{
				"UPDATE attributes SET value = CAST('3' AS TEXT) WHERE key = 'level'",
				"UPDATE attributes SET value = x'00' WHERE key = 'ranked'",
			},
			[]string{"sessions S lacks 2 entries of attributes", "sessions S has 2 superfluous entries of attributes"},
		},
		"attribute as an integer": {
			[]string{"UPDATE attributes SET value = 3 WHERE key = 'level'"},
			[]string{"sessions S lacks 1 entries of attributes", "sessions S has 1 superfluous entries of attributes"},
		},
		"exclusive places": {
			[]string{"DELETE FROM exclusive_places", "INSERT INTO exclusive_places SELECT 'p', 'x', id FROM sessions"},
			[]string{
				"sessions S lacks 1 entries of exclusive places",
				"sessions S has 1 superfluous entries of exclusive places",
			},
		},
		"exclusive place of another": {
			[]string{"UPDATE exclusive_places SET session_id = 'nothing'"},
			[]string{
				"sessions S lacks 1 entries of exclusive places",
				"sessions nothing has 1 entries of exclusive places and no document",
			},
		},
		"index of keys": {
			[]string{"DROP INDEX api_keys_by_project"},
			[]string{"database  has no index api_keys_by_project"},
		},
		"indexes dropped": {
			[]string{"DROP INDEX players_by_username", "DROP INDEX sessions_by_mode"},
			[]string{"database  has no index players_by_username", "database  has no index sessions_by_mode"},
		},
		"an index": {
			[]string{
				"PRAGMA writable_schema = ON",
				"UPDATE sqlite_schema SET sql = replace(sql, 'erasing = 1', 'erasing = 9') WHERE name = " +
					"'players_erasing'",
				"PRAGMA writable_schema = RESET",
				"UPDATE players SET erasing = 1 WHERE id = 'P'",
				"PRAGMA writable_schema = ON",
				"UPDATE sqlite_schema SET sql = replace(sql, 'erasing = 9', 'erasing = 1') WHERE name = " +
					"'players_erasing'",
				"PRAGMA writable_schema = RESET",
			},
			[]string{
				"database  row 1 missing from index players_erasing",
				"players P has columns that differ from the document: erasing",
			},
		},
		"whom an event names": {
			[]string{
				"DELETE FROM event_players WHERE player_id = 'Q'",
				"INSERT INTO event_players SELECT project, 'x', seq FROM events",
			},
			[]string{
				"events player/P/000000000000001 lacks 1 entries of event_players",
				"events player/P/000000000000001 has 1 superfluous entries of event_players",
			},
		},
		"whom no event names": {
			[]string{"INSERT INTO event_players VALUES ('p', 'x', 99), ('q', 'x', 1)"},
			[]string{"events  has 2 entries of event_players and no document"},
		},
		"columns of an event": {
			[]string{"UPDATE events SET at = 7"},
			[]string{"events player/P/000000000000001 has columns that differ from the document: at"},
		},
		"index of events": {
			[]string{"DROP INDEX events_by_subject"},
			[]string{"database  has no index events_by_subject"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
			p, q, v := benchPlayer(), benchPlayer(), benchSession()
			v.Exclusive, p.Identities = true, map[string]string{"steam": "7"}
			v.Bans = []game.Ban{{PlayerID: q.ID}}
			created := benchEvent(game.SubjectPlayer, string(p.ID), 1, game.PlayerCreated{})
			created.ActingAs = q.ID
			must(t, s.CreatePlayer(
				t.Context(), p, created,
			))
			must(t, s.CreatePlayer(t.Context(), q))
			must(t, s.CreateSession(t.Context(), v))
			k := benchKey()
			must(t, s.CreateKey(t.Context(), k))
			must(t, s.CreateSigningKey(t.Context(), game.SigningKey{ID: "kid"}))
			if lines := storetest.Found(t, s, false); len(lines) > 0 {
				t.Fatalf("found %q in what is sound", lines)
			}
			ids := strings.NewReplacer("'P'", "'"+string(p.ID)+"'", "'Q'", "'"+string(q.ID)+"'")
			must(t, s.OnWriter(t.Context(), func(exec func(string) error) error {
				for _, sql := range test.damage {
					if err := exec(ids.Replace(sql)); err != nil {
						return fmt.Errorf("%s: %w", sql, err)
					}
				}
				return nil
			}))
			short := strings.NewReplacer(string(p.ID), "P", string(q.ID), "Q", string(v.ID), "S", string(k.ID), "K")
			for _, repair := range []bool{false, true} {
				got := storetest.Found(t, s, repair)
				for i := range got {
					got[i] = short.Replace(got[i])
				}
				slices.Sort(got)
				slices.Sort(test.want)
				if !slices.Equal(got, test.want) {
					t.Errorf(
						"repair %v: got\n%s\nwant\n%s", repair, strings.Join(got, "\n"), strings.Join(test.want, "\n"),
					)
				}
			}
			if lines := storetest.Found(t, s, true); len(lines) > 0 {
				t.Errorf("left after the repair: %q", lines)
			}
			for _, want := range []game.Player{p, q} {
				got, err := s.Player(t.Context(), project, want.ID)
				must(t, err)
				if got.Username != want.Username {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
		})
	}
}

// An index that cannot be made, because names are not unique any more, is told of.
func TestInspectWithoutUniqueNames(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	p, q := benchPlayer(), benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.OnWriter(t.Context(), func(exec func(string) error) error {
		return exec("DROP INDEX players_by_username")
	}))
	q.Username = p.Username
	must(t, s.CreatePlayer(t.Context(), q))
	for _, repair := range []bool{false, true} {
		var told []game.Finding
		must(t, s.Inspect(t.Context(), repair, func(f game.Finding) { told = append(told, f) }))
		if want := (game.Finding{
			Collection: "database", Problem: "has no index players_by_username",
		}); !slices.Equal(told, []game.Finding{want}) {
			t.Errorf("repair %v: found %+v", repair, told)
		}
	}
}

// What cannot be read is told and left alone.
func TestInspectLeavesDocuments(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	p, q := benchPlayer(), benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.CreatePlayer(t.Context(), q))
	must(t, s.OnWriter(t.Context(), func(exec func(string) error) error {
		if err := exec(fmt.Sprintf("UPDATE players SET doc = '{\"id\":' WHERE id = '%s'", p.ID)); err != nil {
			return err
		}
		return exec(fmt.Sprintf("UPDATE players SET id = 'else' WHERE id = '%s'", q.ID))
	}))
	k := benchKey()
	must(t, s.CreateKey(t.Context(), k))
	must(t, s.CreateSigningKey(t.Context(), game.SigningKey{ID: "kid"}))
	must(t, s.OnWriter(t.Context(), func(exec func(string) error) error {
		return errors.Join(
			exec("UPDATE api_keys SET doc = json_set(doc, '$.name', 7)"), exec("UPDATE signing_keys SET id = 'else'"))
	}))
	want := []string{
		"players " + string(p.ID) + " cannot be read", "players else is stored under an id that is not its own",
		"api_keys " + string(k.ID) + " cannot be read", "signing_keys else is stored under an id that is not its own",
	}
	for range 2 {
		if got := storetest.Found(t, s, false); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		must(t, s.Inspect(t.Context(), true, func(game.Finding) {}))
	}
}

// TestInspectLeavesEvents has events that are not what they are stored as.
func TestInspectLeavesEvents(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	p, v := benchPlayer(), benchSession()
	must(t, s.CreatePlayer(t.Context(), p, benchEvent(game.SubjectPlayer, string(p.ID), 1, game.PlayerCreated{})))
	must(t, s.CreateSession(
		t.Context(), v, benchEvent(game.SubjectSession, string(v.ID), 1, game.SessionCreated{Status: v.Status}),
	))
	must(t, s.OnWriter(t.Context(), func(exec func(string) error) error {
		return errors.Join(
			exec("DELETE FROM event_players"),
			exec("UPDATE events SET id = 'x' WHERE id LIKE 'player/%'"),
			exec("UPDATE events SET doc = 'x' WHERE id LIKE 'session/%'"),
		)
	}))
	want := []string{
		"events session/" + string(v.ID) + "/000000000000001 cannot be read repaired: false",
		"events x is stored under an id that is not its own repaired: false",
	}
	if got := storetest.Found(t, s, true); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestTables checks that no table is forgotten by gsm db check and gsm db copy.
func TestTables(t *testing.T) {
	t.Parallel()
	var nouns []string
	for _, n := range game.Nouns(time.Time{}) {
		nouns = append(nouns, n.Name())
	}
	others := []string{
		// The noun idempotency; parts of documents; and tasks and the epoch, which are neither exported nor copied.
		"claims",
		"identities", "members", "named", "attributes", "exclusive_places", "event_players", "departures", "audited",
		"feeds",
		"tasks", "epoch",
	}
	for name, documents := range sqlitestore.Tables(t) {
		if !slices.Contains(nouns, name) && !slices.Contains(others, name) {
			t.Errorf("table %s belongs to no noun: add it to game.Nouns", name)
		}
		if documents && name != "metrics" && !slices.Contains(sqlitestore.InspectedTables(), name) {
			t.Errorf("the documents of table %s are not inspected: add it to inspectedTables", name)
		}
	}
}
