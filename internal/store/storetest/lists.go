package storetest

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

func lists() []check {
	return []check{
		{"players by every filter", listPlayers},
		{"sessions by every filter", listSessions},
		{"attributes have types", attributeTypes},
		{"erasures of every project", listErasures},
		{"pages", pagesOfPlayers},
		{"pages of members and attributes", pagesOfSessions},
		{"pages while others insert", pagesWhileInserting},
		{"pages of a size in bytes", pagesOfBytes},
		{"pages of players of a size in bytes", pagesOfPlayersOfBytes},
		{"members by their ids only", briefSessions},
	}
}

// matches is what a query of sessions means.
func matches(q game.SessionQuery, v game.Session) bool {
	for k, want := range q.Attributes {
		if got, ok := v.Attributes[k]; !ok || !slices.Contains(want, got) {
			return false
		}
	}
	holds := func(m game.Member) bool { return m.PlayerID == q.Member }
	return v.Project == q.Project &&
		(q.Status == "" || v.Status == q.Status) &&
		(q.Mode == "" || v.Mode == q.Mode) &&
		(q.Map == "" || v.Map == q.Map) &&
		(q.Region == "" || v.Region == q.Region) &&
		(q.Visibility == "" || v.Visibility == q.Visibility) &&
		(q.Host == "" || v.HostID != nil && *v.HostID == q.Host) &&
		(q.Member == "" || slices.ContainsFunc(v.Members, holds)) &&
		(!q.Live || !v.Status.Terminal()) &&
		(q.FreeSeats == 0 || v.FreeSeats() >= q.FreeSeats) &&
		(q.After == "" || v.ID < q.After)
}

// matchesPlayer is what a query of players means.
func matchesPlayer(q game.PlayerQuery, p game.Player) bool {
	return (q.Erasing || q.Sweeping || p.Project == q.Project) &&
		strings.HasPrefix(p.UsernameKey(), q.UsernamePrefix) &&
		(q.Status == "" || p.Status == q.Status) &&
		(q.Sweeping || q.Erasing == (p.ErasingSince != nil)) &&
		(!q.Sweeping || p.SweepSince != nil) &&
		(q.After == "" || p.ID < q.After)
}

// selected returns what matches, newest first, at most limit.
func selected[D any](all []D, limit int, match func(D) bool, id func(D) string) game.Found[D] {
	found := []D{}
	for _, d := range all {
		if match(d) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b D) int { return strings.Compare(id(b), id(a)) })
	return game.Found[D]{Items: found[:min(limit, len(found))], More: len(found) > limit}
}

func selectedSessions(all []game.Session, q game.SessionQuery) game.Found[game.Session] {
	return selected(all, q.Limit, func(v game.Session) bool { return matches(q, v) }, func(v game.Session) string { return string(v.ID) })
}

func selectedPlayers(all []game.Player, q game.PlayerQuery) game.Found[game.Player] {
	return selected(all, q.Limit, func(p game.Player) bool { return matchesPlayer(q, p) }, func(p game.Player) string { return string(p.ID) })
}

func listPlayers(t *testing.T, s game.Store) {
	var all []game.Player
	prefixes := []string{"Anna_", "anna.", "AnnaB-", "bob-", "_a-"}
	for i := range 40 {
		p := activePlayer()
		p.Username = fmt.Sprint(prefixes[i%len(prefixes)], i)
		if i%3 == 0 {
			p.Status = game.PlayerSuspended
		}
		if i%7 == 0 {
			p.Project = "elsewhere"
		}
		if i%5 == 4 && i%2 == 0 {
			p = nameless(p)
		}
		must(t, s.CreatePlayer(t.Context(), p))
		all = append(all, p)
	}
	for _, pr := range []game.ProjectID{project, "elsewhere", "nowhere"} {
		for _, prefix := range []string{"", "a", "anna", "anna_", "annab-", "_", ".", "b", "zz", "anna_1", "ann%"} {
			for _, status := range []game.PlayerStatus{"", game.PlayerActive, game.PlayerSuspended} {
				for _, erasing := range []bool{false, true} {
					for _, after := range []game.PlayerID{"", all[20].ID} {
						q := game.PlayerQuery{Project: pr, UsernamePrefix: prefix, Status: status, Erasing: erasing, After: after, Limit: 7}
						found, err := s.Players(t.Context(), q)
						must(t, err)
						if want(t, found, selectedPlayers(all, q)); t.Failed() {
							t.Fatalf("by %+v", q)
						}
					}
				}
			}
		}
	}
}

// variousSessions stores sessions that differ in all that lists select by.
func variousSessions(t *testing.T, s game.Store, n int) []game.Session {
	players := make([]game.PlayerID, 5)
	for i := range players {
		players[i] = game.PlayerID(newID())
	}
	all := make([]game.Session, n)
	pick := func(i int, from ...string) string { return from[i%len(from)] }
	for i := range all {
		v := openSession(2 + i%4)
		v.Status = game.SessionStatuses()[i%len(game.SessionStatuses())]
		v.Mode, v.Map, v.Region = pick(i, "ranked", "Ranked", ""), pick(i/2, "dust", "mill", "", "dust "), pick(i/3, "eu", "us")
		v.Visibility = game.Visibilities()[i/2%2]
		v.Attributes = game.Attributes{"level": game.NumberValue(float64(i % 3)), "pro": game.BoolValue(i%2 == 0)}
		if i%4 == 0 {
			delete(v.Attributes, "pro")
		}
		for k := range i % 3 {
			m := newMember()
			m.PlayerID = players[(i+k)%len(players)]
			v.Members = append(v.Members, m)
		}
		if len(v.Members) > 0 && i%5 > 0 {
			v.HostID = &v.Members[0].PlayerID
		}
		if i%9 == 8 {
			v.Project = "elsewhere"
		}
		must(t, s.CreateSession(t.Context(), v))
		all[i] = v
	}
	return all
}

// oneOf returns the filter by all of the attributes.
func oneOf(a game.Attributes) game.AttributeFilter {
	f := make(game.AttributeFilter)
	for k, v := range a {
		f[k] = []game.Value{v}
	}
	return f
}

func listSessions(t *testing.T, s game.Store) {
	all := variousSessions(t, s, 72)
	pattern := all[37] // every filter asks for what it has
	filters := []func(*game.SessionQuery){
		func(q *game.SessionQuery) { q.Status = pattern.Status },
		func(q *game.SessionQuery) { q.Mode = pattern.Mode },
		func(q *game.SessionQuery) { q.Map = pattern.Map },
		func(q *game.SessionQuery) { q.Region = pattern.Region },
		func(q *game.SessionQuery) { q.Visibility = pattern.Visibility },
		func(q *game.SessionQuery) { q.Host = *pattern.HostID },
		func(q *game.SessionQuery) { q.Member = pattern.Members[0].PlayerID },
		func(q *game.SessionQuery) { q.FreeSeats = pattern.FreeSeats() },
		func(q *game.SessionQuery) {
			q.Attributes = oneOf(game.Attributes{"level": pattern.Attributes["level"]})
		},
		func(q *game.SessionQuery) { q.Attributes = oneOf(pattern.Attributes) },
		func(q *game.SessionQuery) {
			q.Attributes = oneOf(pattern.Attributes)
			q.Attributes["level"] = []game.Value{game.NumberValue(0), pattern.Attributes["level"], game.NumberValue(7)}
		},
		func(q *game.SessionQuery) { q.After = all[60].ID },
	}
	for set := range 1 << len(filters) {
		if n := bits.OnesCount(uint(set)); n > 3 && n < len(filters)-1 {
			continue // one by one, in twos and threes, and nearly all at once
		}
		q := game.SessionQuery{Project: project, Limit: 9}
		for i, filter := range filters {
			if set&(1<<i) != 0 {
				filter(&q)
			}
		}
		found, err := s.Sessions(t.Context(), q)
		must(t, err)
		if want(t, found, selectedSessions(all, q)); t.Failed() {
			t.Fatalf("by %+v", q)
		}
	}
	for _, v := range game.Visibilities() {
		q := game.SessionQuery{Project: project, Visibility: v, Limit: 100}
		wantFound(t, s, q, selectedSessions(all, q).Items...)
	}
	for n := range 6 {
		q := game.SessionQuery{Project: project, FreeSeats: n, Limit: 100}
		wantFound(t, s, q, selectedSessions(all, q).Items...)
	}
}

func attributeTypes(t *testing.T, s game.Store) {
	values := []game.Value{
		game.NumberValue(1200), game.StringValue("1200"), game.StringValue("1200.0"), game.BoolValue(true), game.StringValue("true"),
		game.NumberValue(1), game.NumberValue(0), game.BoolValue(false), game.StringValue(""), game.StringValue("0"),
		game.NumberValue(0.1), game.NumberValue(-1200), game.NumberValue(1<<53 - 1), game.NumberValue(1<<53 - 2), game.StringValue("Ä"),
	}
	stored := make([]game.Session, len(values))
	for i, value := range values {
		v := openSession(2)
		v.Attributes = game.Attributes{"key": value, "Key": game.StringValue("another key")}
		must(t, s.CreateSession(t.Context(), v))
		stored[i] = v
	}
	for _, either := range [][]int{{0, 1}, {1, 0}, {3, 4}, {6, 9, 7}, {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
		10,
	}} { // in any order of values
		q := game.SessionQuery{
			Project: project, Limit: 100,
			Attributes: game.AttributeFilter{"Key": {game.StringValue("another key")}},
		}
		for _, i := range either {
			q.Attributes["key"] = append(q.Attributes["key"], values[i])
		}
		wantFound(t, s, q, selectedSessions(stored, q).Items...)
		all := selectedSessions(stored, q).Items
		q.After = all[0].ID
		wantFound(t, s, q, all[1:]...)
	}
	for i, value := range values {
		wantFound(t, s, game.SessionQuery{Attributes: game.AttributeFilter{"key": {value}}}, stored[i])
		wantFound(t, s, game.SessionQuery{Attributes: game.AttributeFilter{"KEY": {value}}})

		next := stored[i]
		next.Version, next.Attributes = 2, game.Attributes{"Key": value}
		must(t, s.ReplaceSession(t.Context(), stored[i], next))
		wantFound(t, s, game.SessionQuery{Attributes: game.AttributeFilter{"key": {value}}})
		wantFound(t, s, game.SessionQuery{Attributes: game.AttributeFilter{"Key": {value}}}, next)
	}
}

// Erasures and sweeps are listed for background work, which goes on with those of every project.
func listErasures(t *testing.T, s game.Store) {
	var all []game.Player
	for i := range 12 {
		p := activePlayer()
		p.Project = game.ProjectID(fmt.Sprint("project", i%3))
		if i%2 == 0 {
			p = nameless(p)
		}
		if i%4 < 2 {
			p.SweepSince = later(p.CreatedAt)
		}
		must(t, s.CreatePlayer(t.Context(), p))
		all = append(all, p)
	}
	for _, q := range []game.PlayerQuery{
		{Erasing: true, Limit: 4},
		{Erasing: true, Limit: 4, Project: "project1"},
		{Limit: 4},
		{Sweeping: true, Limit: 4},
		{Sweeping: true, Limit: 4, Project: "project1"},
		{Sweeping: true, Limit: 9, After: all[5].ID},
	} {
		found, err := s.Players(t.Context(), q)
		must(t, err)
		want(t, found, selectedPlayers(all, q))
	}
}

func pagesOfPlayers(t *testing.T, s game.Store) {
	var all []game.Player
	for range 25 {
		p := activePlayer()
		must(t, s.CreatePlayer(t.Context(), p))
		all = append(all, p)
	}
	got := []game.Player{}
	q := game.PlayerQuery{Project: project, Limit: 4}
	for {
		found, err := s.Players(t.Context(), q)
		must(t, err)
		got = append(got, found.Items...)
		if !found.More {
			break
		}
		q.After = found.Items[len(found.Items)-1].ID
	}
	want(t, got, selectedPlayers(all, game.PlayerQuery{Project: project, Limit: len(all)}).Items)
}

func pagesOfSessions(t *testing.T, s game.Store) {
	all := variousSessions(t, s, 60)
	for _, q := range []game.SessionQuery{
		{},
		{Member: all[1].Members[0].PlayerID},
		{Member: all[1].Members[0].PlayerID, Live: true},
		{Attributes: oneOf(game.Attributes{"level": game.NumberValue(1)})},
		{Mode: "ranked"},
		{FreeSeats: 2},
	} {
		q.Project, q.Limit = project, len(all)
		wanted := selectedSessions(all, q).Items
		got := []game.Session{}
		for q.Limit = 3; ; {
			found, err := s.Sessions(t.Context(), q)
			must(t, err)
			got = append(got, found.Items...)
			if !found.More {
				break
			}
			q.After = found.Items[len(found.Items)-1].ID
		}
		want(t, got, wanted)
	}
}

// pagesWhileInserting walks through the sessions that were there when it began, while others come and change.
func pagesWhileInserting(t *testing.T, s game.Store) {
	there := map[game.SessionID]int{}
	var last game.Session
	for range 40 {
		last = openSession(2)
		must(t, s.CreateSession(t.Context(), last))
		there[last.ID] = 0
	}
	q := game.SessionQuery{Project: project, Limit: 3}
	for {
		found, err := s.Sessions(t.Context(), q)
		must(t, err)
		for _, v := range found.Items {
			there[v.ID]++
		}
		if !found.More {
			break
		}
		q.After = found.Items[len(found.Items)-1].ID
		must(t, s.CreateSession(t.Context(), openSession(2)))
		next := last
		next.Version++
		must(t, s.ReplaceSession(t.Context(), last, next))
		last = next
	}
	for id, n := range there {
		if n != 1 {
			t.Errorf("session %s was shown %d times", id, n)
		}
	}
}
