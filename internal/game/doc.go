// Package game owns the players and the game sessions and every rule about them.
//
// A [Session] moves through these states. The live ones are on the left; the others are terminal: a session
// that has ended never changes again.
//
//	pending ──────► open ◄─────► starting          pending, open, starting      ──► cancelled
//	                │ ▲            │               pending, starting, in_progress ──► failed
//	                │ └─ rematch ┐ │               in_progress                  ──► ended
//	                ▼            │ ▼               any live state, by force     ──► ended
//	                └─────────► in_progress        any live state, in time      ──► expired
//
// The rules are pure methods of the models, such as [Session.Join], [Session.Move] and [Player.Edit]: they use no
// clock, no store and no log. [Players], [Sessions] and [Keys] read a document, apply a rule and replace the document
// if it has not changed meanwhile; change.go has the loop that retries. store.go declares what an engine must do.
//
// The package imports only the standard library and a table of Unicode. HTTP is the business of package api, storage
// that of the engines, and authentication that of package auth.
package game
