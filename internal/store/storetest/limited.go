package storetest

import (
	"errors"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// limitedLists lists by conditions that no index serves. A list that has no time to work ends, and one that has time is
// like any other.
func limitedLists(t *testing.T, s game.Store) {
	var all []game.Session
	for range 9 {
		v := openSession(4)
		must(t, s.CreateSession(t.Context(), v))
		all = append(all, v)
	}
	at := all[4].CreatedAt.Add(time.Millisecond)
	for _, c := range []game.Clause{
		game.Prefix("name", all[0].Name), game.Prefix("name", "nobody"), game.Since("created_at", at),
		game.Before("created_at", at), game.Since("updated_at", at), game.Before("updated_at", at),
		game.Since("ended_at", at), game.Before("ended_at", at), game.AtLeast(game.FieldFreeSeats, 1),
		game.Flag("locked", false), game.Flag("has_password", true), game.WithObstacles(),
	} {
		for _, where := range []game.Where{{c}, {c, game.In(game.FieldStatus, game.LiveStatuses()...)}} {
			q := game.SessionQuery{Project: project, Where: where, Limit: 3, Work: time.Minute}
			for _, q.After = range []game.SessionID{"", all[5].ID} {
				found, err := s.Sessions(t.Context(), q)
				must(t, err)
				want(t, sessionIDs(found.Items), sessionIDs(selectedSessions(all, q).Items))
			}
			q.Work = time.Nanosecond
			if _, err := s.Sessions(t.Context(), q); !errors.Is(err, game.ErrTooBroad) {
				t.Errorf("a list by %s: %v, want ErrTooBroad", describeClause(c), err)
			}
		}
	}
}
