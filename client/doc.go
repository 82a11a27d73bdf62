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
// # Failures
//
// What the server refuses is an [*Error] and matches the sentinel of its code: errors.Is(err, [ErrSessionFull]). What
// did not reach the server, or got no answer, is the error of net/http.
//
// # Retries
//
// A call that fails on its way (a broken connection, 429, 502, 503, 504) is sent again after a growing random pause, or
// after the pause that the server asks for, until the context ends or the tries are used up: see [WithRetries]. Nothing
// is done twice by that:
//
//   - A creation carries an Idempotency-Key, the same in all its tries, so that the server makes one document.
//   - Every other write says how things shall be and not how to change them, so that doing it again changes nothing.
//     What somebody else wrote between two tries is written over, as by any later writer: [IfVersion] prevents that.
//   - A write on condition of a version ([IfVersion]) is sent again only when it is certain that it was not done. After
//     a success nobody heard of, its retry would be told that the version does not match, which is true and misleading.
//   - Erasing a player who does not exist any more, because an earlier try of the same call did it, is a success.
//
// An error that leaves open whether the write was done matches [ErrOutcomeUnknown] too. Read before writing again, or,
// for a creation, make the call again with the same [IdempotencyKey].
package client
