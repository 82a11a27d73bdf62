package wrap_test

import (
	"context"
	"errors"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/wrap"
)

type contextKey struct{}

func named(id game.PlayerID, name string) (p game.Player) {
	p.ID, p.DisplayName = id, name
	return p
}

// namingStore returns players whose display name is a value of the context.
type namingStore struct {
	game.Store
	err error
}

func (a namingStore) Player(ctx context.Context, _ game.ProjectID, id game.PlayerID) (game.Player, error) {
	name, _ := ctx.Value(contextKey{}).(string)
	return named(id, name), a.err
}

func TestStore(t *testing.T) {
	t.Parallel()
	failure, lost := errors.New("failure"), errors.New("lost")
	for _, test := range []struct {
		name           string
		fails, around  error
		player         game.Player
		err            error
		skip           bool
		performedTimes int
	}{
		{name: "a success", player: named("id", "derived"), performedTimes: 1},
		{
			name: "a failure keeps its result", fails: failure,
			player: named("id", "derived"), err: failure, performedTimes: 1,
		},
		{name: "a result that is lost", around: lost, err: lost, performedTimes: 1},
		{name: "an operation that is not performed", around: lost, skip: true, err: lost},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			performed := 0
			around := func(ctx context.Context, o wrap.Operation, do func(context.Context) error) error {
				if want := (wrap.Operation{Method: "Player", Label: "get_player", Collection: "players"}); o != want {
					t.Errorf("the operation is %+v, want %+v", o, want)
				}
				if test.skip {
					return test.around
				}
				performed++
				if err := do(context.WithValue(ctx, contextKey{}, "derived")); err != nil {
					return err
				}
				return test.around
			}
			p, err := wrap.Store(namingStore{err: test.fails}, around).Player(t.Context(), "project", "id")
			if !errors.Is(err, test.err) || p.ID != test.player.ID || p.DisplayName != test.player.DisplayName {
				t.Errorf("got %+v and error %v, want %+v and %v", p, err, test.player, test.err)
			}
			if performed != test.performedTimes {
				t.Errorf("performed %d times, want %d", performed, test.performedTimes)
			}
		})
	}
}
