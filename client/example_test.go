package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"game-session-manager/client"
)

// A match, from the first player to the result.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.New("http://127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	alice, err := c.Players.Create(ctx, client.Profile{Username: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	bob, err := c.Players.Create(ctx, client.Profile{Username: "bob"})
	if err != nil {
		log.Fatal(err)
	}
	match, err := c.Sessions.Create(ctx, client.SessionRequest{
		Settings: client.Settings{
			MaxPlayers: 2,
			Mode:       "ranked",
			Attributes: client.Attributes{"mmr": client.Number(1200)},
		},
		HostID: &alice.ID,
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err = c.Sessions.Join(ctx, match.ID, client.JoinRequest{PlayerID: bob.ID}); err != nil {
		log.Fatal(err)
	}
	if _, err = c.Sessions.SetStatus(ctx, match.ID, client.Move{Status: client.StatusInProgress}); err != nil {
		log.Fatal(err)
	}
	match.Session, err = c.Sessions.SetStatus(ctx, match.ID, client.Move{
		Status: client.StatusEnded,
		Result: `{"winner":"alice","score":[3,1]}`,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(match.Status, match.EndReason)
}

// Errors are distinguished by their codes and have further facts in their extras.
func ExampleError() {
	ctx := context.Background()
	c, _ := client.New("http://127.0.0.1:8080")

	_, err := c.Sessions.Join(ctx, sessionID, client.JoinRequest{PlayerID: playerID})
	var rejected *client.Error
	switch {
	case errors.Is(err, client.ErrSessionFull):
		fmt.Println("The session is full.")
	case errors.Is(err, client.ErrPlayerSuspended) && errors.As(err, &rejected):
		fmt.Println("Suspended until", rejected.Extras["suspended_until"])
	case errors.As(err, &rejected):
		fmt.Println("Tell support:", rejected.Code, rejected.RequestID)
	case err != nil:
		fmt.Println("No response:", err)
	}
}

// A change that depends on a read is made on condition of its version, and repeated if that has changed.
func ExampleIfVersion() {
	ctx := context.Background()
	c, _ := client.New("http://127.0.0.1:8080")

	for {
		v, err := c.Sessions.Get(ctx, sessionID)
		if err != nil {
			log.Fatal(err)
		}
		_, err = c.Sessions.Patch(ctx, v.ID, client.Patch{"max_players": v.MaxPlayers + 1}, client.IfVersion(v.Version))
		if err == nil {
			return
		}
		if !errors.Is(err, client.ErrVersionMismatch) {
			log.Fatal(err)
		}
	}
}

// Nil resets a field to its default, and removes an attribute.
func ExamplePatch() {
	ctx := context.Background()
	c, _ := client.New("http://127.0.0.1:8080")

	_, err := c.Players.Patch(ctx, playerID, client.Patch{
		"display_name": nil,
		"attributes":   client.Patch{"mmr": 1300, "trial": nil},
	})
	if err != nil {
		log.Fatal(err)
	}
}

// The same key creates one player, even if the program is restarted.
func ExampleIdempotencyKey() {
	ctx := context.Background()
	c, _ := client.New("http://127.0.0.1:8080")

	p, err := c.Players.Create(ctx, client.Profile{Username: "alice"}, client.IdempotencyKey("import-row-4711"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.ID)
}

// All reads the list a page at a time.
func ExampleSessions_All() {
	ctx := context.Background()
	c, _ := client.New("http://127.0.0.1:8080")

	for v, err := range c.Sessions.All(ctx, client.SessionFilter{
		Status: []client.SessionStatus{client.StatusOpen}, Mode: "ranked", FreeSeats: 1,
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(v.ID, v.FreeSeats)
	}
}

// A game server verifies the tickets of players, also while the API cannot be reached.
func ExampleJWKS_VerifyTicket() {
	ctx := context.Background()
	c, _ := client.New("https://gsm.example")

	keys, err := c.JWKS(ctx) // once; use ParseJWKS for keys in a file
	if err != nil {
		log.Fatal(err)
	}
	var connecting struct{ Ticket string } // what a player sends when it connects
	ticket, err := keys.VerifyTicket(ctx, connecting.Ticket, client.TicketOptions{Session: sessionID})
	switch {
	case errors.Is(err, client.ErrTicketExpired):
		fmt.Println("Join again.")
	case err != nil:
		fmt.Println("Rejected:", err)
	default:
		fmt.Println("Welcome to seat", ticket.Seat, ticket.Player)
	}
}

// A backend creates a token for a player's own device.
func ExamplePlayers_MintToken() {
	ctx := context.Background()
	c, _ := client.New("https://gsm.example")

	token, err := c.Players.MintToken(ctx, playerID, client.TokenRequest{ExpiresIn: 3600})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("until", token.ExpiresAt) // send token.Token to the player only
}

// A player acts with its own token over the connections of the backend's client.
func ExampleClient_As() {
	ctx := context.Background()
	c, _ := client.New("https://gsm.example", client.WithToken("gsm_…")) // the backend's key

	token, err := c.Players.MintToken(ctx, playerID, client.TokenRequest{})
	if err != nil {
		log.Fatal(err)
	}
	alice := c.As(token.Token)
	joined, err := alice.Sessions.Join(ctx, sessionID, client.JoinRequest{PlayerID: playerID})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(joined.Members), "members")
}
