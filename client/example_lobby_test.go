package client_test

import (
	"context"
	"errors"
	"fmt"

	"game-session-manager/client"
)

// lobbyScreen shows a lobby and keeps it up to date until the lobby is over, the player has left it, or ctx ends.
func lobbyScreen(ctx context.Context, c *client.Client, lobby client.SessionID, show func(client.Session)) error {
	for {
		now, err := c.Sessions.Events(ctx, lobby, client.EventRead{Snapshot: true})
		if err != nil {
			return err
		}
		show(*now.Session)
		err = followLobby(ctx, c, lobby, now.Position, show)
		if !errors.Is(err, client.ErrFeedGap) { // after which the lobby is shown anew
			return err
		}
	}
}

// followLobby shows the lobby after each change.
func followLobby(
	ctx context.Context, c *client.Client, lobby client.SessionID, position string, show func(client.Session),
) error {
	for event, err := range c.Sessions.Follow(ctx, lobby, position) {
		if err != nil {
			return err
		}
		v, err := c.Sessions.Get(ctx, lobby)
		if err != nil {
			return err
		}
		if v.Version >= event.Version { // or the next event shows more
			show(v)
		}
	}
	return nil // the lobby is over
}

// A lobby screen begins with the lobby as it is, and follows what happens to it.
func ExampleSessions_Follow() {
	ctx := context.Background()
	c, _ := client.New("http://127.0.0.1:8080")

	err := lobbyScreen(ctx, c, sessionID, func(v client.Session) {
		fmt.Println(v.Status, len(v.Members), "of", v.MaxPlayers)
	})
	switch {
	case errors.Is(err, client.ErrRemoved):
		fmt.Println("You are no longer in the lobby.")
	case err != nil:
		fmt.Println("The lobby cannot be shown:", err)
	default:
		fmt.Println("The lobby is over.")
	}
}
