package tests_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"game-session-manager/client"
)

// The audit log has what admins and servers did, with who did it, and not what players did.
func TestAudit(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	ctx := t.Context()
	admin := s.connect(t, client.WithToken(adminKey))
	began := time.Now().Add(-time.Minute)
	key, err := admin.Keys.Create(ctx, client.KeyRequest{Name: "server", Scope: client.ScopeServer})
	if err != nil {
		t.Fatal(err)
	}
	server := s.connect(t, client.WithToken(key.Token))
	var players []client.Player
	for _, name := range []string{"auditor", "audited", "quitter"} {
		p, err := server.Players.Create(ctx, client.Profile{Username: name})
		if err != nil {
			t.Fatal(err)
		}
		players = append(players, p)
	}
	v, err := server.Sessions.Create(ctx, client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 4}, HostID: &players[0].ID,
	})
	if err != nil {
		t.Fatal(err)
	}
	session := "/api/v1/sessions/" + string(v.ID)
	as := func(token string, more ...string) []string {
		return append([]string{"Authorization", "Bearer " + token}, more...)
	}
	ban := "PUT " + session + "/bans/" + string(players[1].ID)
	s.do(t, ban, `{"seconds":60}`, as(key.Token, "X-Request-ID", "the-ban")...).is(http.StatusOK)
	s.do(t, "PUT "+session+"/bans/"+string(players[2].ID), `{"seconds":60}`,
		as(key.Token, "X-Act-As-Player", string(players[0].ID))...).is(http.StatusOK) // by a host: not audited
	if _, err := admin.Players.Patch(ctx, players[1].ID, client.Patch{"status": "suspended"}); err != nil {
		t.Fatal(err)
	}
	if err := admin.Players.Delete(ctx, players[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := admin.Sessions.Cancel(ctx, v.ID); err != nil {
		t.Fatal(err)
	}
	if err := admin.Keys.Revoke(ctx, key.ID); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"api_key_created", "player_banned", "suspension_set", "player_erased", "status_changed", "api_key_revoked",
	}
	var all []client.Event
	eventually(t, "all is in the audit log", func() bool {
		all = nil
		for e, err := range admin.Events.AllOfAudit(ctx, client.AuditFilter{Limit: 2}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		return len(all) >= len(want)
	})
	if !slices.IsSortedFunc(all, func(a, b client.Event) int { return int(b.Seq - a.Seq) }) {
		t.Errorf("not in order: %+v", all)
	}
	types := changesIn(all)
	for _, w := range want {
		if !slices.Contains(types, w) {
			t.Errorf("the audit log has %v, and not %s", types, w)
		}
	}
	if len(all) != len(want) {
		t.Errorf("the audit log has %+v", all)
	}
	find := func(f client.AuditFilter) []client.Event {
		t.Helper()
		p, err := admin.Events.Audit(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		return p.Items
	}
	byKey := find(client.AuditFilter{ActorID: string(key.ID)})
	if len(byKey) != 1 || byKey[0].RequestID != "the-ban" || byKey[0].Actor.Kind != "key" {
		t.Errorf("the key did %+v", byKey)
	}
	if n := len(find(client.AuditFilter{ActorKind: "admin", From: began, To: time.Now().Add(time.Minute)})); n != 5 {
		t.Errorf("admins did %d things", n)
	}
	for _, f := range []client.AuditFilter{{To: began}, {From: time.Now().Add(time.Hour)}} {
		if found := find(f); len(found) > 0 {
			t.Errorf("%+v finds %+v", f, found)
		}
	}
	for _, query := range []string{"?cursor=x", "?limit=0", "?actor_kind=x", "?from=yesterday", "?actor=x"} {
		s.do(t, "GET /api/v1/audit"+query, "", as(adminKey)...).
			problem(http.StatusUnprocessableEntity, "validation_error")
	}
}
