package tests_test

import (
	"slices"
	"testing"

	"game-session-manager/client"
)

// Players are found by their display names as people write them.
func TestPlayersByDisplayName(t *testing.T) {
	t.Parallel()
	s := start(t)
	ids := map[string]client.PlayerID{}
	for i, name := range []string{"Zoë", "ZOË 2", "Zoe", "Straße", "山田"} {
		p, err := s.api.Players.Create(t.Context(), client.Profile{
			Username: "p-" + string(rune('a'+i)) + "x", DisplayName: name,
		})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = p.ID
	}
	for prefix, names := range map[string][]string{
		"zoë": {"ZOË 2", "Zoë"}, "ZOE": {"Zoe"}, "zo": {"Zoe", "ZOË 2", "Zoë"}, "zoë 2": {"ZOË 2"},
		"strasse": {"Straße"}, "STRASS": {"Straße"}, "山": {"山田"}, "oë": nil,
	} {
		var got, want []client.PlayerID
		for p, err := range s.api.Players.All(t.Context(), client.PlayerFilter{DisplayNamePrefix: prefix, Limit: 2}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.ID)
		}
		for _, name := range names {
			want = append(want, ids[name])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", prefix, got, names)
		}
	}
	s.do(t, "GET /api/v1/players?display_name_prefix=%E2%80%AE", "").wrong("query.display_name_prefix")
	if err := s.api.Players.Delete(t.Context(), ids["山田"]); err != nil {
		t.Fatal(err)
	}
	page, err := s.api.Players.List(t.Context(), client.PlayerFilter{DisplayNamePrefix: "山"})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("an erased player is found: %v, %v", page.Items, err)
	}
}
