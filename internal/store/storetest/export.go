package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func exports() []check {
	return []check{
		{"empty store", exportNothing},
		{"players", exportPlayers},
		{"sessions", exportSessions},
		{"claims", exportClaims},
		{"keys", exportKeys},
		{"leases", exportLeases},
		{"every noun", exportEveryNoun},
		{"while others insert", exportWhileInserting},
		{"inspection of a sound store", soundStore},
		{"inspection during writes", soundDuringWrites},
	}
}

// exported returns all documents, read in pages of limit, and checks the sizes of the pages.
func exported[D any](
	t *testing.T, limit int, id func(D) string, page func(context.Context, string, int) ([]D, error),
) []D {
	t.Helper()
	all, after := []D{}, ""
	for {
		found, err := page(t.Context(), after, limit)
		must(t, err)
		if found == nil || len(found) > limit {
			t.Fatalf("a page of %d documents, %v, for a limit of %d", len(found), found, limit)
		}
		all = append(all, found...)
		if len(found) < limit {
			return all
		}
		after = id(found[len(found)-1])
	}
}

func playersOf(s game.Store) func(context.Context, string, int) ([]game.Player, error) {
	return func(ctx context.Context, after string, limit int) ([]game.Player, error) {
		return s.ExportPlayers(ctx, game.PlayerID(after), limit)
	}
}

func sessionsOf(s game.Store) func(context.Context, string, int) ([]game.Session, error) {
	return func(ctx context.Context, after string, limit int) ([]game.Session, error) {
		return s.ExportSessions(ctx, game.SessionID(after), limit)
	}
}

func idOfPlayer(p game.Player) string   { return string(p.ID) }
func idOfSession(v game.Session) string { return string(v.ID) }
func keyOfClaim(c game.Claim) string    { return c.Key }

// wantExported checks that exports by pages of several sizes return all documents in order.
func wantExported[D any](
	t *testing.T, all []D, id func(D) string, page func(context.Context, string, int) ([]D, error),
) {
	t.Helper()
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b D) int { return strings.Compare(id(a), id(b)) })
	for _, limit := range []int{1, 7, len(all), len(all) + 1, 1000} {
		if want(t, exported(t, limit, id, page), all); t.Failed() {
			t.Fatalf("by pages of %d", limit)
		}
	}
}

func exportNothing(t *testing.T, s game.Store) {
	want(t, exported(t, 3, idOfPlayer, playersOf(s)), []game.Player{})
	want(t, exported(t, 3, idOfSession, sessionsOf(s)), []game.Session{})
	want(t, exported(t, 3, keyOfClaim, s.ExportClaims), []game.Claim{})
	want(t, exported(t, 3, idOfKey, keysIn(s)), []game.Key{})
	want(t, exported(t, 3, idOfLease, leasesIn(s)), []game.Lease{})
	want(t, exported(t, 3, idOfEvent, s.ExportEvents), []game.Event{})
}

func exportPlayers(t *testing.T, s game.Store) {
	var all []game.Player
	for i := range 30 {
		p := newPlayer() // being erased, with every field set
		switch i % 3 {
		case 0:
			p = activePlayer()
		case 1:
			p = erasingPlayer(p)
		}
		p.Project = game.ProjectID([]string{"one", "two"}[i%2])
		all = append(all, p)
	}
	for _, i := range []int{2, 0, 1} { // not in the order of the ids
		for k := i; k < len(all); k += 3 {
			must(t, s.CreatePlayer(t.Context(), all[k]))
		}
	}
	wantExported(t, all, idOfPlayer, playersOf(s))
	must(t, s.DeletePlayer(t.Context(), all[4]))
	wantExported(t, slices.Delete(all, 4, 5), idOfPlayer, playersOf(s))
}

func exportSessions(t *testing.T, s game.Store) {
	var all []game.Session
	for i := range 30 {
		v := newSession() // ended, with every field set
		if i%3 == 0 {
			v = openSession(3)
		}
		v.Project = game.ProjectID([]string{"one", "two"}[i%2])
		must(t, s.CreateSession(t.Context(), v))
		all = append(all, v)
	}
	wantExported(t, all, idOfSession, sessionsOf(s))
}

func exportClaims(t *testing.T, s game.Store) {
	var all []game.Claim
	for i := range 30 {
		c := newClaim()
		c.Key = []string{"a", "B", "_", "0"}[i%4] + c.Key
		if i%3 == 0 {
			c.ExpiresAt = c.ExpiresAt.Add(-48 * time.Hour)
		}
		wantHeld(t, s, c, now(), c)
		all = append(all, c)
	}
	wantExported(t, all, keyOfClaim, s.ExportClaims)
}

// exportEveryNoun checks that every noun has documents, and pages of them in order of their ids.
func exportEveryNoun(t *testing.T, s game.Store) {
	Fill(t, s, 50)
	for n := 1; n > 0; { // only events with a place are exported
		var err error
		n, err = s.OrderEvents(t.Context(), now().Add(time.Hour), 1000)
		must(t, err)
	}
	for _, n := range game.Nouns(now()) {
		page := func(ctx context.Context, after string, limit int) ([]game.Document, error) {
			return n.Export(ctx, s, after, limit)
		}
		id := func(d game.Document) string { return d.ID }
		all := exported(t, 1000, id, page)
		if len(all) == 0 {
			t.Errorf("no %s are stored: a group needs to fill them", n.Title())
		}
		wantExported(t, all, id, page)
	}
}

// exportWhileInserting checks that a document that existed before the export is returned once.
func exportWhileInserting(t *testing.T, s game.Store) {
	var all []game.Player
	for range 20 {
		p := activePlayer()
		must(t, s.CreatePlayer(t.Context(), p))
		all = append(all, p)
	}
	seen := map[game.PlayerID]int{}
	after := game.PlayerID("")
	for page := 0; ; page++ {
		found, err := s.ExportPlayers(t.Context(), after, 3)
		must(t, err)
		for _, p := range found {
			seen[p.ID]++
		}
		if len(found) < 3 {
			break
		}
		after = found[2].ID
		if page < 3 {
			must(t, s.CreatePlayer(t.Context(), activePlayer()))
		}
	}
	for _, p := range all {
		if seen[p.ID] != 1 {
			t.Errorf("player %s was on %d pages", p.ID, seen[p.ID])
		}
	}
}

// soundStore makes every kind of change, after which derived data must be correct.
func soundStore(t *testing.T, s game.Store) {
	wantSound(t, s)
	variousSessions(t, s, 40)
	for i := range 20 {
		old := activePlayer()
		must(t, s.CreatePlayer(t.Context(), old))
		next := newPlayer()
		next.ID, next.Version, next.CreatedAt = old.ID, 2, old.CreatedAt
		next.Username = fmt.Sprint("Renamed", i)
		delete(next.Identities, "epic")
		switch i % 4 {
		case 0:
			next = erasingPlayer(old)
		case 1:
			must(t, s.DeletePlayer(t.Context(), old))
			continue
		}
		must(t, s.ReplacePlayer(t.Context(), old, next))
	}
	for range 10 {
		old := openSession(5)
		must(t, s.CreateSession(t.Context(), old))
		next := newSession()
		next.ID, next.Version, next.Mode, next.Map, next.Region = old.ID, 2, "", "", "us"
		next.Attributes = game.Attributes{"country": game.BoolValue(false), "n": game.NumberValue(3)}
		must(t, s.ReplaceSession(t.Context(), old, next))
	}
	c := newClaim()
	wantHeld(t, s, c, now(), c)
	changeKeys(t, s)
	wantSound(t, s)
}

func changeKeys(t *testing.T, s game.Store) {
	old, gone := plainKey(), plainKey()
	must(t, s.CreateKey(t.Context(), old))
	must(t, s.CreateKey(t.Context(), gone))
	next := newKey()
	next.ID, next.Version = old.ID, 2
	must(t, s.ReplaceKey(t.Context(), old, next))
	must(t, s.DeleteKey(t.Context(), gone))
	must(t, s.CreateSigningKey(t.Context(), newSigningKey()))
	changeWebhooks(t, s)
}

// soundDuringWrites inspects while documents change.
func soundDuringWrites(t *testing.T, s game.Store) {
	sessions := variousSessions(t, s, 30)
	for _, err := range together(len(sessions)+3, func(i int) error {
		if i >= len(sessions) {
			return s.Inspect(t.Context(), i%2 == 0, func(f game.Finding) { t.Errorf("found %+v", f) })
		}
		v := sessions[i]
		for range 10 {
			next := v
			next.Version++
			next.Members = append(slices.Clone(v.Members), newMember())
			next.Attributes = game.Attributes{"turn": game.NumberValue(float64(next.Version))}
			if err := s.ReplaceSession(t.Context(), v, next); err != nil {
				return err
			}
			v = next
			p := activePlayer()
			if err := s.CreatePlayer(t.Context(), p); err != nil {
				return err
			}
		}
		return nil
	}) {
		must(t, err)
	}
	wantSound(t, s)
}

// wantSound checks that an inspection finds nothing.
func wantSound(t *testing.T, s game.Store) {
	t.Helper()
	for _, repair := range []bool{false, true} {
		must(t, s.Inspect(t.Context(), repair, func(f game.Finding) { t.Errorf("found %+v", f) }))
	}
}

// Found returns the findings of an inspection, one line each, for engines' own tests of damaged databases. A line
// says so if Repaired differs from repair.
func Found(tb testing.TB, s game.Inspector, repair bool) []string {
	tb.Helper()
	lines := []string{}
	must(tb, s.Inspect(tb.Context(), repair, func(f game.Finding) {
		line := fmt.Sprint(f.Collection, " ", f.ID, " ", f.Problem)
		if f.Repaired != repair {
			line += fmt.Sprint(" repaired: ", f.Repaired)
		}
		lines = append(lines, line)
	}))
	return lines
}
