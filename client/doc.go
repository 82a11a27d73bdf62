// Package client is the Go SDK of gsm, the game session manager.
//
//	c, err := client.New("http://127.0.0.1:8080")
//	…
//	alice, err := c.Players.Create(ctx, client.Profile{Username: "alice"})
//	lobby, err := c.Sessions.Create(ctx, client.SessionRequest{
//		Settings: client.Settings{MaxPlayers: 4, Mode: "ranked"},
//		HostID:   &alice.ID,
//	})
//	joined, err := c.Sessions.Join(ctx, lobby.ID, client.JoinRequest{PlayerID: bob.ID})
//	if errors.Is(err, client.ErrSessionFull) {
//		…
//	}
//
// # Errors
//
// A request that the server rejects returns an [*Error], which matches the sentinel of its code: errors.Is(err,
// [ErrSessionFull]). A request that did not reach the server, or got no response, returns the error of net/http.
//
// # Retries
//
// A call that fails in transit (a broken connection, 429, 502, 503, 504) is retried after a growing random pause, or
// after the pause that the server asks for, until the context ends or the retries are used up: see [WithRetries].
// Retries do not repeat effects:
//
//   - A creation sends the same Idempotency-Key in all its tries, so that the server creates one document.
//   - Every other write sets a state instead of changing it by an amount, so that repeating it changes nothing. It
//     overwrites what others wrote between two tries, as any later write does: [IfVersion] prevents that.
//   - A write with [IfVersion] or [IfFence] is retried only if the failed try certainly had no effect. Otherwise a
//     retry after a success whose response was lost would fail with [ErrVersionMismatch] or [ErrStaleFence].
//   - Deleting a player that an earlier try of the same call deleted is a success.
//
// # Heartbeats
//
// A host or a game server keeps a session alive with [Sessions.KeepAlive]:
//
//	err := c.Sessions.KeepAlive(ctx, lobby.Session)
//	if errors.Is(err, client.ErrStaleFence) {
//		… // another host or server has taken over
//	}
//
// # Events
//
// [Sessions.Follow] is an iterator over what happens to a session, which goes on through lost connections and restarts,
// and [Events.Follow] one over what happens in the project:
//
//	for event, err := range c.Sessions.Follow(ctx, lobby.ID, position) {
//		…
//	}
//
// # Unknown outcomes
//
// An error that leaves open whether a write had its effect also matches [ErrOutcomeUnknown]. Read the document before
// writing again, or repeat a creation with the same [IdempotencyKey].
package client
