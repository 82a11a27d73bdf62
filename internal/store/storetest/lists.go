package storetest

import (
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func lists() []check {
	return []check{
		{"players by every filter", listPlayers},
		{"players by their display names", playersByNames},
		{"players by their ids", playersByIDs},
		{"sessions by every filter", listSessions},
		{"attributes have types", attributeTypes},
		{"sessions before and after their end", listsOfEnded},
		{"erasures of every project", listErasures},
		{"pages", pagesOfPlayers},
		{"pages of members and attributes", pagesOfSessions},
		{"pages while others insert", pagesWhileInserting},
		{"pages of a size in bytes", pagesOfBytes},
		{"pages of players of a size in bytes", pagesOfPlayersOfBytes},
		{"members by their ids only", briefSessions},
		{"lists that take too long", limitedLists},
	}
}

// matches reports whether a session must be in the list for a query.
func matches(q game.SessionQuery, v game.Session) bool {
	return v.Project == q.Project && (q.After == "" || v.ID < q.After) &&
		q.Where.Match(&v)
}

// matchesPlayer reports whether a player must be in the list for a query.
func matchesPlayer(q game.PlayerQuery, p game.Player) bool {
	return (q.Erasing || q.Sweeping || p.Project == q.Project) &&
		all(q.Where, func(c game.Clause) bool { return holds(game.PlayerFields(), &p, c) }) &&
		(q.Sweeping || q.Erasing == (p.ErasingSince != nil)) &&
		(!q.Sweeping || p.SweepSince != nil) &&
		(q.After == "" || p.ID < q.After)
}

func all(w game.Where, holds func(game.Clause) bool) bool {
	return !slices.ContainsFunc(w, func(c game.Clause) bool { return !holds(c) })
}

// holds reports whether a clause on a single-valued field is true of a document.
func holds[D any](fields []game.Field[D], d *D, c game.Clause) bool {
	f, _ := game.FieldOf(fields, c)
	switch has := f.Of(d).(type) {
	case int64:
		wanted, _ := c.Values[0].Any().(float64)
		return c.Op == game.OpAtLeast && float64(has) >= wanted
	case string:
		if c.Op == game.OpPrefix {
			return strings.HasPrefix(has, c.Text())
		}
		return slices.Contains(c.Values, game.StringValue(has))
	}
	return false // the document has no value for the field
}

// withText returns the clauses whose value is not the empty string.
func withText(clauses ...game.Clause) (w game.Where) {
	for _, c := range clauses {
		if len(c.Values) != 1 || c.Values[0] != game.StringValue("") {
			w = append(w, c)
		}
	}
	return w
}

// selected returns the first page of the documents that match, newest first.
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
	return selected(
		all, q.Limit, func(v game.Session) bool { return matches(q, v) },
		func(v game.Session) string { return string(v.ID) },
	)
}

func selectedPlayers(all []game.Player, q game.PlayerQuery) game.Found[game.Player] {
	return selected(
		all, q.Limit, func(p game.Player) bool { return matchesPlayer(q, p) },
		func(p game.Player) string { return string(p.ID) },
	)
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
			p = erasingPlayer(p)
		}
		must(t, s.CreatePlayer(t.Context(), p))
		all = append(all, p)
	}
	for _, pr := range []game.ProjectID{project, "elsewhere", "nowhere"} {
		for _, prefix := range []string{"", "a", "anna", "anna_", "annab-", "_", ".", "b", "zz", "anna_1", "ann%"} {
			for _, status := range []game.PlayerStatus{"", game.PlayerActive, game.PlayerSuspended} {
				for _, erasing := range []bool{false, true} {
					for _, after := range []game.PlayerID{"", all[20].ID} {
						q := game.PlayerQuery{Project: pr, Erasing: erasing, After: after, Limit: 7}
						q.Where = withText(game.Prefix(game.FieldUsername, prefix), game.Is(game.FieldStatus, status))
						wantPlayers(t, s, q, all)
					}
				}
			}
		}
	}
}

// playersByNames lists players by the beginnings of display names of many scripts and lengths, which change.
func playersByNames(t *testing.T, s game.Store) {
	names := []string{
		"Zoë", "zoe", "ZOË B", "Straße", "STRASSEN", "Łukasz", "łu", "ΣΊΣΥΦΟΣ", "σίσυφος", "山田太郎", "山",
		"👩‍👩‍👧 Ann", "ann", "Anna%", "ann_", strings.Repeat("x", 64), strings.Repeat("X", 33), strings.Repeat("x", 32),
		"ㅋㅋ", "İstanbul",
	}
	var all []game.Player
	for i := range 3 * len(names) {
		p := activePlayer()
		p.DisplayName = names[i%len(names)]
		if i%7 == 0 {
			p = erasingPlayer(p)
		}
		must(t, s.CreatePlayer(t.Context(), p))
		if i%5 == 1 {
			next := p
			next.Version, next.DisplayName = 2, names[(i+3)%len(names)]
			must(t, s.ReplacePlayer(t.Context(), p, next))
			p = next
		}
		all = append(all, p)
	}
	for _, name := range names {
		runes := []rune(name)
		for n := 1; n <= len(runes); n = n*3/2 + 1 {
			key := game.NameKey(string(runes[:n]))
			for _, also := range []game.Clause{
				{}, game.Is(game.FieldStatus, game.PlayerActive), game.Prefix(game.FieldUsername, "player-"),
			} {
				where := game.Where{game.Prefix(game.FieldName, key)}
				if also.Field != "" {
					where = append(where, also)
				}
				for _, after := range []game.PlayerID{"", all[20].ID} {
					wantPlayers(t, s, game.PlayerQuery{Project: project, Where: where, After: after, Limit: 3}, all)
				}
			}
		}
	}
	wantSound(t, s)
}

// playersByIDs lists players by numbers of ids, with and without other conditions, over pages.
func playersByIDs(t *testing.T, s game.Store) {
	var all []game.Player
	ids := []game.PlayerID{game.PlayerID(newID())} // nobody's
	for i := range game.MaxLimit {
		p := activePlayer()
		switch i % 10 {
		case 3:
			p.Project = "elsewhere"
		case 5:
			p = erasingPlayer(p)
		case 7:
			p.Status = game.PlayerSuspended
		}
		must(t, s.CreatePlayer(t.Context(), p))
		all = append(all, p)
		if i%2 == 1 {
			ids = append(ids, p.ID)
		}
	}
	for _, n := range []int{1, 2, 3, 8, 33, len(ids)} {
		for _, also := range []game.Where{
			nil, {game.Is(game.FieldStatus, game.PlayerSuspended)}, {game.Prefix(game.FieldUsername, "a")},
		} {
			for _, after := range []game.PlayerID{"", all[20].ID, ids[1]} {
				for _, limit := range []int{2, game.MaxLimit} {
					where := append(game.Where{game.In(game.FieldID, ids[:n]...)}, also...)
					wantPlayers(t, s, game.PlayerQuery{Project: project, Where: where, After: after, Limit: limit}, all)
				}
			}
		}
	}
}

func wantPlayers(t *testing.T, s game.Store, q game.PlayerQuery, all []game.Player) {
	t.Helper()
	found, err := s.Players(t.Context(), q)
	must(t, err)
	if want(t, found, selectedPlayers(all, q)); t.Failed() {
		t.Fatalf("by %+v", q)
	}
}

// textsOf returns the string fields of settings, so that fields added later are searched too.
func textsOf(s *game.Settings) (all []*string) {
	for _, f := range reflect.ValueOf(s).Elem().Fields() {
		if text, ok := f.Addr().Interface().(*string); ok {
			all = append(all, text)
		}
	}
	return all
}

// variousSessions stores sessions that differ in all fields that lists can filter by.
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
		for n, text := range textsOf(&v.Settings) {
			*text = fmt.Sprint("text", i/(n+1)%3)
		}
		v.Mode, v.Map, v.Region = pick(i, "ranked", "Ranked", ""), pick(i/2, "dust", "mill", "", "dust "),
			pick(i/3, "eu", "us")
		v.Visibility, v.Locked = game.Visibilities()[i/2%2], i%6 == 1
		v.CreatedAt = v.CreatedAt.Add(time.Duration(i%3) * time.Millisecond)
		v.UpdatedAt = v.CreatedAt.Add(time.Duration(i%4) * time.Millisecond)
		if v.Status.Terminal() {
			v.EndedAt = &v.UpdatedAt
		}
		v.Attributes = game.Attributes{"level": game.NumberValue(float64(i % 3)), "pro": game.BoolValue(i%2 == 0)}
		if i%4 == 0 {
			delete(v.Attributes, "pro")
		}
		for k := range i % 3 {
			m := newMember()
			m.PlayerID = players[(i+k)%len(players)]
			v.Members = append(v.Members, m)
		}
		if i%2 == 1 {
			v.WaitList = append(v.WaitList, newWaiter(), newWaiter())
			v.WaitList[0].PlayerID = players[(i+3)%len(players)]
		}
		if len(v.Members) > 0 && i%5 > 0 {
			v.HostID = &v.Members[0].PlayerID
		}
		for k := range (i + 1) % 3 {
			v.Bans = append(v.Bans, game.Ban{PlayerID: players[(i+k+2)%len(players)], Until: later(v.CreatedAt)})
		}
		if i%9 == 8 {
			v.Project = "elsewhere"
		}
		must(t, s.CreateSession(t.Context(), v))
		all[i] = v
	}
	return all
}

// oneOf returns a filter that requires all of the attributes.
func oneOf(a game.Attributes) game.AttributeFilter {
	f := make(game.AttributeFilter)
	for k, v := range a {
		f[k] = []game.Value{v}
	}
	return f
}

// by returns a function that adds clauses to a query.
func by(w ...game.Clause) func(*game.SessionQuery) {
	return func(q *game.SessionQuery) { q.Where = append(slices.Clip(q.Where), w...) }
}

func listSessions(t *testing.T, s game.Store) {
	all := variousSessions(t, s, 72)
	pattern := all[37] // matches every filter
	either := oneOf(pattern.Attributes)
	either["level"] = []game.Value{game.NumberValue(0), pattern.Attributes["level"], game.NumberValue(7)}
	filters := []func(*game.SessionQuery){
		by(game.Is(game.FieldMember, pattern.Members[0].PlayerID)),
		by(game.Is(game.FieldNamed, pattern.Bans[0].PlayerID)),
		by(oneOf(game.Attributes{"level": pattern.Attributes["level"]}).Where()...),
		by(oneOf(pattern.Attributes).Where()...),
		by(either.Where()...),
		func(q *game.SessionQuery) { q.After = all[60].ID },
	}
	indexed := len(filters)
	for _, rare := range []bool{false, true} {
		for _, f := range game.SessionFields() {
			for _, p := range f.Params {
				plain := f.Kind == game.KindTime || f.Kind == game.KindFlag || p.Op == game.OpPrefix
				if f.Of == nil || rare != plain {
					continue // among the filters above, or of the other kind
				}
				filters = append(filters, by(paramClause(f, p, &pattern)))
			}
		}
		if !rare {
			indexed = len(filters)
		}
	}
	for set := range 1 << len(filters) {
		n, rare := bits.OnesCount(uint(set)), bits.OnesCount(uint(set>>indexed))
		if (n > 3 || rare > 1 && n > 2) && n < len(filters)-1 {
			continue // test up to three filters together, with one that has no index, and nearly all of them
		}
		if n == 3 && omitted(set) {
			continue
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
		q := game.SessionQuery{Project: project, Where: game.Where{game.Is(game.FieldVisibility, v)}, Limit: 100}
		wantFound(t, s, q, selectedSessions(all, q).Items...)
	}
	for n := range 6 {
		q := game.SessionQuery{Project: project, Where: game.Where{game.AtLeast(game.FieldFreeSeats, n)}, Limit: 100}
		wantFound(t, s, q, selectedSessions(all, q).Items...)
	}
}

// paramClause returns the clause of a parameter that finds a session.
func paramClause(f game.Field[game.Session], p game.Param, like *game.Session) game.Clause {
	switch v := f.Of(like).(type) {
	case int64:
		return game.AtLeast(f.Name, int(v))
	case bool:
		if f.Name == game.FieldJoinable {
			return game.WithObstacles(obstaclesOf(like)...)
		}
		return game.Flag(f.Name, v)
	case time.Time:
		if p.Op == game.OpLess {
			return game.Before(f.Name, v.Add(time.Nanosecond))
		}
		return game.Since(f.Name, v.Add(-time.Nanosecond))
	case string:
		if p.Op == game.OpPrefix {
			return game.Prefix(f.Name, v[:min(2, len(v))])
		}
		if p.Op == game.OpIn {
			return game.In(f.Name, v, string(game.StatusCancelled))
		}
		return game.Is(f.Name, v)
	}
	return game.Clause{Field: f.Name, Op: game.OpExists, Values: []game.Value{game.BoolValue(false)}} // it has none
}

func obstaclesOf(v *game.Session) []game.Obstacle {
	return slices.DeleteFunc(game.Obstacles(), func(o game.Obstacle) bool { return !v.Obstacles().Has(o) })
}

// Engines keep live sessions apart from those that have ended. listsOfEnded asks for both, for one and for the other,
// before sessions end and after.
func listsOfEnded(t *testing.T, s game.Store) {
	all := variousSessions(t, s, 12)
	holder, banned, level := newMember(), game.PlayerID(newID()), game.NumberValue(1)
	for i, v := range all {
		next := v
		next.Version++
		next.Status, next.EndReason, next.EndedAt = game.StatusOpen, "", nil
		next.HostID, next.Hosted = &holder.PlayerID, true
		next.Members, next.Bans = []game.Member{holder}, []game.Ban{{PlayerID: banned}}
		next.Attributes = game.Attributes{"level": level, "pro": game.BoolValue(i%4 == 0)}
		must(t, s.ReplaceSession(t.Context(), v, next))
		all[i] = next
	}
	pro := game.AttributeFilter{"level": {level}, "pro": {game.BoolValue(true), game.BoolValue(false)}}
	filters := []func(*game.SessionQuery){
		by(game.Is(game.FieldMember, holder.PlayerID)),
		by(game.Is(game.FieldNamed, banned)),
		by(game.Is(game.FieldHost, holder.PlayerID)),
		by(game.AttributeFilter{"level": {level}}.Where()...),
		by(pro.Where()...),
		func(q *game.SessionQuery) { q.After = all[9].ID },
	}
	statuses := []func(*game.SessionQuery){
		by(),
		by(game.Is(game.FieldStatus, game.StatusOpen)),
		by(game.Is(game.FieldStatus, game.StatusEnded)),
		by(game.In(game.FieldStatus, game.LiveStatuses()...)),
		by(game.In(game.FieldStatus, game.StatusOpen, game.StatusEnded)),
		by(game.WithObstacles(game.ObstacleFull)),
		by(game.Clause{Not: new(game.WithObstacles(game.ObstacleFull))}),
	}
	compare := func() {
		for set := range 1 << len(filters) {
			for i, status := range statuses {
				if omitted(set + i) {
					continue
				}
				q := game.SessionQuery{Project: project, Limit: 5}
				for i, filter := range filters {
					if set&(1<<i) != 0 {
						filter(&q)
					}
				}
				status(&q)
				found, err := s.Sessions(t.Context(), q)
				must(t, err)
				if want(t, found, selectedSessions(all, q)); t.Failed() {
					t.Fatalf("by %+v", q)
				}
			}
		}
	}
	compare()
	for i, v := range all {
		if i%2 == 0 {
			continue
		}
		next := v
		next.Version++
		next.Status, next.EndReason, next.EndedAt = game.StatusEnded, game.ReasonCompleted, later(v.CreatedAt)
		if i%3 == 0 { // also where the members and attributes change with it
			next.Members = []game.Member{holder, newMember()}
			next.Bans = append(next.Bans, game.Ban{PlayerID: holder.PlayerID})
			next.Attributes = game.Attributes{"level": level, "pro": game.StringValue("no")}
		}
		must(t, s.ReplaceSession(t.Context(), v, next))
		all[i] = next
	}
	compare()
}

func attributeTypes(t *testing.T, s game.Store) {
	values := []game.Value{
		game.NumberValue(1200), game.StringValue("1200"), game.StringValue("1200.0"), game.BoolValue(true),
		game.StringValue("true"), game.NumberValue(1), game.NumberValue(0), game.BoolValue(false),
		game.StringValue(""), game.StringValue("0"),
		game.NumberValue(0.1), game.NumberValue(-1200), game.NumberValue(1<<53 - 1), game.NumberValue(1<<53 - 2),
		game.StringValue("Ä"),
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
		f := game.AttributeFilter{"Key": {game.StringValue("another key")}}
		for _, i := range either {
			f["key"] = append(f["key"], values[i])
		}
		q := game.SessionQuery{Project: project, Limit: 100, Where: f.Where()}
		wantFound(t, s, q, selectedSessions(stored, q).Items...)
		all := selectedSessions(stored, q).Items
		q.After = all[0].ID
		wantFound(t, s, q, all[1:]...)
	}
	for i, value := range values {
		wantFound(t, s, game.SessionQuery{Where: game.AttributeFilter{"key": {value}}.Where()}, stored[i])
		wantFound(t, s, game.SessionQuery{Where: game.AttributeFilter{"KEY": {value}}.Where()})

		next := stored[i]
		next.Version, next.Attributes = 2, game.Attributes{"Key": value}
		must(t, s.ReplaceSession(t.Context(), stored[i], next))
		wantFound(t, s, game.SessionQuery{Where: game.AttributeFilter{"key": {value}}.Where()})
		wantFound(t, s, game.SessionQuery{Where: game.AttributeFilter{"Key": {value}}.Where()}, next)
	}
}

// listErasures checks that erasures and sweeps are listed for all projects, whatever project the query names.
func listErasures(t *testing.T, s game.Store) {
	var all []game.Player
	for i := range 12 {
		p := activePlayer()
		p.Project = game.ProjectID(fmt.Sprint("project", i%3))
		if i%2 == 0 {
			p = erasingPlayer(p)
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
		{Where: game.Where{game.Is(game.FieldMember, all[1].Members[0].PlayerID)}},
		{Where: game.Where{game.Is(game.FieldNamed, all[1].Bans[0].PlayerID)}},
		{Where: game.Where{
			game.Is(game.FieldMember, all[1].Members[0].PlayerID), game.In(game.FieldStatus, game.LiveStatuses()...),
		}},
		{Where: oneOf(game.Attributes{"level": game.NumberValue(1)}).Where()},
		{Where: game.Where{game.Is("mode", "ranked")}},
		{Where: game.Where{game.AtLeast(game.FieldFreeSeats, 2)}},
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

// pagesWhileInserting reads all pages while sessions are created and changed. Sessions that existed at the beginning
// must be returned once.
func pagesWhileInserting(t *testing.T, s game.Store) {
	shown := map[game.SessionID]int{}
	var last game.Session
	for range 40 {
		last = openSession(2)
		must(t, s.CreateSession(t.Context(), last))
		shown[last.ID] = 0
	}
	q := game.SessionQuery{Project: project, Limit: 3}
	for {
		found, err := s.Sessions(t.Context(), q)
		must(t, err)
		for _, v := range found.Items {
			shown[v.ID]++
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
	for id, n := range shown {
		if n != 1 {
			t.Errorf("session %s was returned %d times", id, n)
		}
	}
}
