package mongostore_test

import (
	"testing"

	"game-session-manager/internal/game"
)

// TestPlacesWithLostReplies takes exclusive places by writes whose replies are lost. Sent again, such a write meets its
// own places, which is no refusal; those of another session are one.
func TestPlacesWithLostReplies(t *testing.T) {
	t.Parallel()
	for name, faults := range lostReplies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s, other := faulty(t)
			seating := func(v game.Session, players ...game.PlayerID) game.Session {
				v.Exclusive, v.Members, v.Version = true, nil, v.Version+1
				for _, id := range players {
					v.Members = append(v.Members, game.Member{
						PlayerID: id, Status: game.SeatJoined, JoinedAt: v.CreatedAt,
						MemberSettings: game.MemberSettings{Attributes: game.Attributes{}},
					})
				}
				return v
			}
			alice, bob := newPlayer().ID, newPlayer().ID
			v := seating(newSession(), alice)
			p.faults("insert", "sessions", nil, faults...)
			must(t, s.CreateSession(t.Context(), v))
			p.faults("insert", "sessions", nil, faults...)
			wantError(t, s.CreateSession(t.Context(), v), game.ErrExists)
			p.faults("insert", "sessions", nil, faults...)
			wantError(t, s.CreateSession(t.Context(), seating(newSession(), alice)), game.ErrPlayerInOtherSession)

			next := seating(v, alice, bob)
			p.faults("update", "sessions", nil, faults...)
			must(t, s.ReplaceSession(t.Context(), v, next))
			third := seating(newSession())
			must(t, s.CreateSession(t.Context(), third))
			p.faults("update", "sessions", nil, faults...)
			wantError(t, s.ReplaceSession(t.Context(), third, seating(third, bob)), game.ErrPlayerInOtherSession)
			found, err := other.ExclusivePlaces(t.Context(), project, []game.PlayerID{alice, bob})
			must(t, err)
			if len(found) != 2 || found[0].Session != v.ID || found[1].Session != v.ID {
				t.Errorf("the places are %v, want both in %s", found, v.ID)
			}
		})
	}
}
