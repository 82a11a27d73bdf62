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

// Refusals are told apart by their codes, and bring their facts with them.
func ExampleError() {
	ctx := context.Background()
	c, _ := client.New("http://127.0.0.1:8080")

	_, err := c.Sessions.Join(ctx, sessionID, client.JoinRequest{PlayerID: playerID})
	var refusal *client.Error
	switch {
	case errors.Is(err, client.ErrSessionFull):
		fmt.Println("Somebody was faster.")
	case errors.Is(err, client.ErrPlayerSuspended) && errors.As(err, &refusal):
		fmt.Println("Not before", refusal.Extras["suspended_until"])
	case errors.As(err, &refusal):
		fmt.Println("Tell support:", refusal.Code, refusal.RequestID)
	case err != nil:
		fmt.Println("No answer:", err)
	}
}

// A change that depends on what was read is made on condition of the version, and thought over when that has changed.
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

// Nil sets a field back to its default, and removes an attribute.
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

// The same key makes one player, however often the program starts again.
func ExampleIdempotencyKey() {
	ctx := context.Background()
	c, _ := client.New("http://127.0.0.1:8080")

	p, err := c.Players.Create(ctx, client.Profile{Username: "alice"}, client.IdempotencyKey("import-row-4711"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.ID)
}

// A list is gone through a page at a time, behind the scenes.
func ExampleSessions_All() {
	ctx := context.Background()
	c, _ := client.New("http://127.0.0.1:8080")

	for v, err := range c.Sessions.All(ctx, client.SessionFilter{
		Status: client.StatusOpen, Mode: "ranked", FreeSeats: 1,
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(v.ID, v.FreeSeats)
	}
}

// A game server lets players in by their tickets, whether or not the API can be reached.
func ExampleJWKS_VerifyTicket() {
	ctx := context.Background()
	c, _ := client.New("https://gsm.example")

	keys, err := c.JWKS(ctx) // once; ParseJWKS reads them from a file instead
	if err != nil {
		log.Fatal(err)
	}
	var connecting struct{ Ticket string } // what a player sends when it connects
	ticket, err := keys.VerifyTicket(ctx, connecting.Ticket, client.TicketOptions{Session: sessionID})
	switch {
	case errors.Is(err, client.ErrTicketExpired):
		fmt.Println("Join again.")
	case err != nil:
		fmt.Println("Go away:", err)
	default:
		fmt.Println("Welcome to seat", ticket.Seat, ticket.Player)
	}
}

// A backend that knows its players gives each a token, by which it acts for itself.
func ExamplePlayers_MintToken() {
	ctx := context.Background()
	c, _ := client.New("https://gsm.example")

	token, err := c.Players.MintToken(ctx, playerID, client.TokenRequest{ExpiresIn: 3600})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("until", token.ExpiresAt) // token.Token goes to the player alone
}

// A player acts for itself by its token, over the connections of the client that made it.
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
