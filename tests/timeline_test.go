package tests_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"game-session-manager/client"
	"game-session-manager/internal/game"
)

// The timeline tells why a member left: a kick, a leave, a suspension and an erasure differ.
func TestTimeline(t *testing.T) {
	t.Parallel()
	s := start(t)
	sdk := s.api
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	var who []client.PlayerID
	for _, name := range []string{"ada", "bob", "cem", "dora", "eve"} {
		who = append(who, s.newPlayer(t, name).ID)
	}
	v, err := sdk.Sessions.Create(ctx, client.SessionRequest{Settings: client.Settings{MaxPlayers: 8}, HostID: &who[0]})
	must(t, err)
	for _, p := range who[1:] {
		_, err := sdk.Sessions.Join(ctx, v.ID, client.JoinRequest{PlayerID: p})
		must(t, err)
	}
	must(t, sdk.ActAs(who[1]).Sessions.Leave(ctx, v.ID, who[1]))
	must(t, sdk.Sessions.Leave(ctx, v.ID, who[2]))
	_, err = sdk.Players.Patch(ctx, who[3], client.Patch{"status": "suspended"})
	must(t, err)
	must(t, sdk.Players.Delete(ctx, who[4]))
	must(t, sdk.Sessions.Cancel(ctx, v.ID))

	var told []string
	versions := int64(0)
	for e, err := range sdk.Sessions.AllOfTimeline(ctx, v.ID, client.TimelineFilter{Limit: 3}) {
		must(t, err)
		if versions != 0 && e.Version != versions-1 {
			t.Errorf("version %d follows version %d", e.Version, versions)
		}
		versions = e.Version
		for _, c := range e.Changes {
			told = append(told, strings.TrimSpace(c.Type+" "+c.Reason))
		}
		if e.RequestID == "" && e.Actor.Kind != "system" {
			t.Errorf("event %d has no request id", e.Version)
		}
	}
	want := []string{
		"status_changed cancelled_by_admin", "member_removed erased", "member_removed suspended",
		"member_removed kicked",
		"member_left", "member_joined", "member_joined", "member_joined", "member_joined",
		"session_created", "member_joined", "host_changed joined",
	}
	if !slices.Equal(told, want) || versions != 1 {
		t.Errorf("the timeline tells %q from version %d, want %q", told, versions, want)
	}

	_, err = sdk.ActAs(who[0]).Sessions.Timeline(ctx, v.ID, client.TimelineFilter{})
	must(t, err)
	_, err = sdk.ActAs(who[2]).Sessions.Timeline(ctx, v.ID, client.TimelineFilter{})
	if !errors.Is(err, client.ErrNotHost) {
		t.Errorf("a member who is not the host gets %v", err)
	}
}

// The SDK has a field for whatever a change may hold.
func TestChangesInTheSDK(t *testing.T) {
	t.Parallel()
	has := map[string]bool{}
	for f := range reflect.TypeFor[client.Change]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		has[name] = true
	}
	for _, c := range game.AllChanges() {
		for f := range reflect.TypeOf(c).Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !has[name] {
				t.Errorf("client.Change has no %s, of %s", name, game.TypeOf(c))
			}
		}
	}
}
