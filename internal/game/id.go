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

// IDPattern is the regular expression of a player's or a session's id as callers may write it: in either case (RFC
// 9562, section 4). It is kept and written in lower case.
const IDPattern = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"

// NormalID returns an id in the form in which it is stored: in lower case. Text that is no id in either case stays no
// id.
func NormalID(id string) string {
	for _, c := range []byte(id) {
		if 'A' <= c && c <= 'Z' {
			return strings.ToLower(id)
		}
	}
	return id
}

// UnmarshalText implements [encoding.TextUnmarshaler], by which JSON is decoded: it reads an id in either case.
func (id *PlayerID) UnmarshalText(text []byte) error {
	*id = PlayerID(NormalID(string(text)))
	return nil
}

// UnmarshalText implements [encoding.TextUnmarshaler], by which JSON is decoded: it reads an id in either case.
func (id *SessionID) UnmarshalText(text []byte) error {
	*id = SessionID(NormalID(string(text)))
	return nil
}

// validID reports whether s is an id as it is stored, without the cost of a regular expression.
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
