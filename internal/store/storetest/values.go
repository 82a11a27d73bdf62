package storetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func values() []check {
	return []check{
		{"fixtures are full", fullFixtures},
		{"empty, not nil", emptyNotNil},
		{"times", times},
		{"text", text},
		{"numbers", numbers},
		{"large documents", largeDocuments},
		{"nothing is shared", nothingShared},
	}
}

// fullFixtures checks that fixtures set every field: otherwise the loss of one could go unnoticed.
func fullFixtures(t *testing.T, _ game.Store) {
	for _, fixture := range []any{
		newPlayer(), newSession(), newClaim(), newSample(), newKey(), newSigningKey(), memberLease(),
		newWebhook(), newDelivery("w", 1),
	} {
		for _, path := range zeroFields(reflect.ValueOf(fixture), fmt.Sprintf("%T", fixture)) {
			t.Errorf("%s is zero", path)
		}
	}
}

func emptyNotNil(t *testing.T, s game.Store) {
	p := game.Player{ID: game.PlayerID(newID()), Project: project, Version: 1, CreatedAt: now(), UpdatedAt: now()}
	must(t, s.CreatePlayer(t.Context(), p))
	p.Identities, p.Attributes = map[string]string{}, game.Attributes{}
	wantPlayer(t, s, p)

	v := game.Session{
		ID: game.SessionID(newID()), Project: project, Version: 1, CreatedAt: now(), UpdatedAt: now(),
		Status: game.StatusOpen, Settings: game.Settings{MaxPlayers: 1}, Liveness: game.Live,
	}
	must(t, s.CreateSession(t.Context(), v))
	v.Teams, v.Attributes = map[string]int{}, game.Attributes{}
	v.Members, v.Bans, v.WaitList = []game.Member{}, []game.Ban{}, []game.Waiter{}
	wantSession(t, s, v)

	next := v
	next.Version, next.Teams, next.Attributes, next.Bans, next.WaitList = 2, nil, nil, nil, nil
	next.Members = []game.Member{{PlayerID: game.PlayerID(newID()), JoinedAt: now()}}
	must(t, s.ReplaceSession(t.Context(), v, next))
	next.Teams, next.Attributes, next.Members[0].Attributes = map[string]int{}, game.Attributes{}, game.Attributes{}
	next.Bans, next.WaitList = []game.Ban{}, []game.Waiter{}
	wantSession(t, s, next)
}

func times(t *testing.T, s game.Store) {
	east := time.FixedZone("east", 5*3600+1800)
	for _, at := range []time.Time{
		time.Unix(0, 0), time.UnixMilli(1), time.UnixMilli(-1), time.Date(1970, 1, 1, 0, 0, 0, 999e6, time.UTC),
		time.Date(2024, 2, 29, 23, 59, 59, 1e6, time.UTC), time.Date(2100, 12, 31, 23, 59, 59, 999e6, east),
	} {
		p := activePlayer()
		p.CreatedAt, p.UpdatedAt, p.SuspendedUntil = at, at, &at
		must(t, s.CreatePlayer(t.Context(), p))
		wantPlayer(t, s, p)
		got, err := s.Player(t.Context(), project, p.ID)
		must(t, err)
		for _, g := range []time.Time{got.CreatedAt, got.UpdatedAt, *got.SuspendedUntil} {
			if g.Location() != time.UTC {
				t.Errorf("%v is in %v, want UTC", g, g.Location())
			}
		}
	}
	c := newClaim()
	c.ExpiresAt = now().In(east).Add(time.Hour)
	held, err := s.Claim(t.Context(), c, now())
	must(t, err)
	if !held.ExpiresAt.Equal(c.ExpiresAt) || held.ExpiresAt.Location() != time.UTC {
		t.Errorf("the claim expires at %v, want %v in UTC", held.ExpiresAt, c.ExpiresAt)
	}
}

// texts returns strings that are prone to be corrupted.
func texts() []string {
	return []string{
		strings.Repeat("ж", 64), strings.Repeat("🙂", 64), "👩‍👩‍👧‍👦", "שלום עולם", "مرحبا", "e\u0301 is not é", "İıſK",
		"\u2028\u2029",
		`"quoted" 'quoted' \ / <b>&amp;</b>`, "%s %d ? ?1 :a @b $c {$ne: 1}", "'); DROP TABLE players; --", " spaces ",
		"null", "1e9",
		"\ufeffbom", "\ufffd", "\U0010ffff", "$where", "a.b.c",
	}
}

func text(t *testing.T, s game.Store) {
	for i, str := range texts() {
		v := newSession()
		v.Name, v.Mode, v.Map, v.Region = str, str, str, str
		v.Attributes = game.Attributes{
			"a-b_c": game.StringValue(str), "_": game.StringValue("x"), "-": game.StringValue("y"),
		}
		must(t, s.CreateSession(t.Context(), v))
		wantSession(t, s, v)
		for _, q := range []game.SessionQuery{
			{Where: game.Where{game.Is("mode", str)}},
			{Where: game.Where{game.Is("map", str)}},
			{Where: game.Where{game.Is("region", str)}},
			{Where: game.AttributeFilter{"a-b_c": {game.StringValue(str)}}.Where()},
		} {
			wantFound(t, s, q, v)
		}

		p := activePlayer()
		p.DisplayName = str
		p.Identities = map[string]string{"a-b_c": str, "_": fmt.Sprint("subject", i)}
		p.Attributes = game.Attributes{strings.Repeat("k", 64): game.StringValue(str), "_-": game.StringValue("")}
		must(t, s.CreatePlayer(t.Context(), p))
		wantPlayer(t, s, p)
		rival := activePlayer()
		rival.Identities = map[string]string{"a-b_c": str}
		wantError(t, s.CreatePlayer(t.Context(), rival), game.ErrIdentityTaken)

		mark := erasingPlayer(p)
		must(t, s.ReplacePlayer(t.Context(), p, mark))
		must(t, s.DeletePlayer(t.Context(), mark))
		must(t, s.CreatePlayer(t.Context(), rival))
	}
}

func numbers(t *testing.T, s game.Store) {
	v := openSession(2)
	for i, f := range []float64{
		0, 1, -1, 0.1, -0.5, 1e21, 1e-7, 1e300, -1e300, 5e-324, 1<<53 - 1, -(1<<53 - 1), 1200, 3.141592653589793,
	} {
		v.Attributes[fmt.Sprint("n", i)] = game.NumberValue(f)
	}
	must(t, s.CreateSession(t.Context(), v))
	wantSession(t, s, v)
	for k, f := range v.Attributes {
		wantFound(t, s, game.SessionQuery{Where: game.AttributeFilter{k: {f}}.Where()}, v)
	}
	next := v
	next.Version = 1<<53 - 1
	must(t, s.ReplaceSession(t.Context(), v, next))
	wantSession(t, s, next)
}

func largeDocuments(t *testing.T, s game.Store) {
	p := activePlayer()
	p.Attributes = game.Attributes{}
	for i := range game.MaxPlayerAttributes {
		p.Attributes[fmt.Sprint("key", i)] = game.StringValue(strings.Repeat("ab€", 48))
	}
	must(t, s.CreatePlayer(t.Context(), p))
	wantPlayer(t, s, p)

	v := openSession(game.MaxPlayers)
	v.Status, v.EndReason = game.StatusEnded, game.ReasonCompleted
	v.Attributes["long"] = game.StringValue(strings.Repeat("x", 16<<10))
	v.Result = game.Result(`{"log":"` + strings.Repeat("<", game.MaxResultBytes-10) + `"}`)
	for range game.MaxPlayers {
		m := newMember()
		m.Attributes = newAttributes()
		v.Members = append(v.Members, m)
	}
	must(t, s.CreateSession(t.Context(), v))
	wantSession(t, s, v)
	wantFound(t, s, game.SessionQuery{Where: game.AttributeFilter{"long": {v.Attributes["long"]}}.Where()}, v)
	wantFound(t, s, game.SessionQuery{Where: game.Where{game.Is(game.FieldMember, v.Members[999].PlayerID)}}, v)
}

func nothingShared(t *testing.T, s game.Store) {
	p, v := newPlayer(), newSession()
	p.ErasingSince = nil
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.CreateSession(t.Context(), v))
	spoil := func(p game.Player, v game.Session) {
		p.Identities["steam"], p.Attributes["mmr"], *p.SuspendedUntil = "spoilt", game.BoolValue(false), time.Now()
		v.Teams["red"], v.Attributes["mmr"], *v.HostID, v.Connection.Port = 99, game.BoolValue(false), "spoilt", 1
		v.Members[0].Team, v.Members[0].Attributes["mmr"] = "spoilt", game.BoolValue(false)
		*v.StartedAt, v.JoinCode.Code, *v.JoinCode.MaxUses = time.Now(), "spoilt", 1
	}
	first, err := s.Player(t.Context(), project, p.ID)
	must(t, err)
	session, err := s.Session(t.Context(), project, v.ID)
	must(t, err)
	spoil(p, v)
	wantPlayer(t, s, first)
	wantSession(t, s, session)

	again, err := s.Players(t.Context(), game.PlayerQuery{Project: project, Limit: 1})
	must(t, err)
	sessions, err := s.Sessions(t.Context(), game.SessionQuery{Project: project, Limit: 1})
	must(t, err)
	spoil(again.Items[0], sessions.Items[0])
	wantPlayer(t, s, first)
	wantSession(t, s, session)
}
