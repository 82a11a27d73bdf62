package game

import "strings"

// Identifiers. Players and sessions have UUIDs of version 7 (RFC 9562), in lower case, so that their order is the
// order of their creation.
type (
	// PlayerID identifies a player.
	PlayerID string
	// SessionID identifies a session.
	SessionID string
	// ProjectID names a tenant: one game, or one environment of it.
	ProjectID string
)

// DefaultProject is the project of everyone who has not been given another.
const DefaultProject ProjectID = "default"

// IDPattern is the regular expression of a player's or a session's id.
const IDPattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

// validID reports whether s matches [IDPattern], without the cost of a regular expression.
func validID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	return true
}

// ValidPlayerID reports whether a player may have this id.
func ValidPlayerID(id PlayerID) bool { return validID(string(id)) }
