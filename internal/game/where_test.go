package game_test

import (
	"testing"

	"game-session-manager/internal/game"
)

// A list is rejected where a clause is on no field of its documents, or compares as the field cannot be compared.
func TestClausesThatFindNothing(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	for field, where := range map[string]game.Where{
		"rating":       {game.Is("rating", "high")},
		"seats_held":   {game.AtLeast("seats_held", 1)},
		"mode":         {game.Prefix("mode", "r")},
		"free_seats":   {game.AtLeast(game.FieldFreeSeats, -1)},
		"region":       {game.Is("region", "a\tb")},
		"attributes.a": {{Field: game.AttributeField("a"), Op: game.OpIn}},
	} {
		_, err := p.sessions.List(p.ctx, game.SessionQuery{Where: where}, "", 1)
		invalid(t, err, field)
	}
	_, err := p.players.List(p.ctx, game.PlayerQuery{Where: game.Where{game.Prefix(game.FieldUsername, "ä")}}, "", 1)
	invalid(t, err, "username_prefix")
}

// A cursor goes with the same clauses in any order, and names are found in any form.
func TestClausesInAnyOrder(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	for range 3 {
		_, err := p.sessions.Create(p.ctx, game.SessionRequest{
			Settings: game.Settings{Mode: "capture the flag", Region: "eu", MaxPlayers: 2},
		}, game.Idempotency{})
		ok(t, err)
	}
	mode, region := game.Is("mode", "capture  the flag"), game.Is("region", "eu")
	first, err := p.sessions.List(p.ctx, game.SessionQuery{Where: game.Where{mode, region}}, "", 1)
	ok(t, err)
	second, err := p.sessions.List(p.ctx, game.SessionQuery{Where: game.Where{region, mode}}, first.NextCursor, 9)
	ok(t, err)
	equal(t, 2, len(second.Items))
}
