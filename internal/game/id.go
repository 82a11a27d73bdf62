package game

import "strings"

// Identifiers. Players and sessions have UUIDs of version 7 (RFC 9562), in lower case, so that their order is the
// order of their creation.
type (
	// PlayerID identifies a player.
	PlayerID string
	// SessionID identifies a session.
	SessionID string
	// ProjectID identifies a tenant: one game, or one environment of it.
	ProjectID string
)

// DefaultProject is the project of callers without another one.
const DefaultProject ProjectID = "default"

// IDPattern is a regular expression for the ids of players and sessions in requests. RFC 9562, section 4, allows either
// case; ids are stored and returned in lower case.
const IDPattern = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"

// NormalID returns an id in lower case, as it is stored. It does not validate the id.
func NormalID(id string) string {
	for _, c := range []byte(id) {
		if 'A' <= c && c <= 'Z' {
			return strings.ToLower(id)
		}
	}
	return id
}

// UnmarshalText implements [encoding.TextUnmarshaler], which JSON decoding uses. It accepts either case.
func (id *PlayerID) UnmarshalText(text []byte) error {
	*id = PlayerID(NormalID(string(text)))
	return nil
}

// UnmarshalText implements [encoding.TextUnmarshaler], which JSON decoding uses. It accepts either case.
func (id *SessionID) UnmarshalText(text []byte) error {
	*id = SessionID(NormalID(string(text)))
	return nil
}

// validID reports whether s is an id in lower case. It avoids the cost of a regular expression.
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

// ValidPlayerID reports whether id has the form of a player's id in lower case.
func ValidPlayerID(id PlayerID) bool { return validID(string(id)) }
