// Package game owns the players and the game sessions and every rule about them.
//
// A [Session] moves through these states. The live ones are on the left; the others are terminal and never change
// again:
//
//	pending ──────► open ◄─────► starting          pending, open, starting      ──► cancelled
//	                │ ▲            │               pending, starting, in_progress ──► failed
//	                │ └─ rematch ┐ │               in_progress                  ──► ended
//	                ▼            │ ▼               any live state, by force     ──► ended
//	                └─────────► in_progress        any live state, in time      ──► expired
//
// The rules are pure methods of the models ([Session.Join], [Session.Move], [Player.Edit], …): no clock, no store and
// no log inside. [Players] and [Sessions] read a document, apply a rule and replace the document if nobody changed it
// meanwhile; the one loop that tries again is in change.go. What an engine must do is declared in store.go.
//
// The package imports the standard library alone. It leaves the wire to package api, storing to the engines, and
// knowing who calls to package auth.
package game
