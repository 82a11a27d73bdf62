package api

import (
	"strings"

	"game-session-manager/internal/game"
)

// shown is how much of a session's members a response has. Without its value it is all.
type shown string

const (
	membersFull shown = ""     // members
	membersIDs  shown = "ids"  // member_ids
	membersNone shown = "none" // neither
)

// MembersQuery is a query parameter that says how much of the members is shown.
type MembersQuery string

// shown returns what the parameter asks for.
func (q MembersQuery) shown() shown {
	if q == "full" {
		return membersFull
	}
	return shown(q)
}

func (show shown) write(w *writer, s *game.Session) { w.session(s, show) }

// sessionBody is a session in a response.
type sessionBody struct {
	game.Session
	show shown
}

// preferred returns how much a writer of a session wants to see of it, and the header Preference-Applied.
func (h PreferHeader) preferred() (show shown, applied string) {
	if prefersMinimal(h.Prefer) {
		return membersNone, "return=minimal"
	}
	return membersFull, ""
}

// prefersMinimal reports whether a Prefer header (RFC 7240) has return=minimal. Of preferences that are there twice
// the first counts, and their names and values are read in any case.
func prefersMinimal(header string) bool {
	quoted := false
	for preference := range strings.FieldsFuncSeq(header, func(c rune) bool {
		quoted = quoted != (c == '"')
		return c == ',' && !quoted
	}) {
		token, _, _ := strings.Cut(preference, ";")
		name, value, _ := strings.Cut(token, "=")
		if strings.EqualFold(strings.TrimSpace(name), "return") {
			return strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"`), "minimal")
		}
	}
	return false
}
