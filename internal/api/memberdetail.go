package api

import (
	"strings"

	"game-session-manager/internal/game"
)

// memberDetail says how much of its members a session has in a response. The zero value shows them in full.
type memberDetail string

const (
	membersFull memberDetail = ""     // members
	membersIDs  memberDetail = "ids"  // member_ids
	membersNone memberDetail = "none" // neither
)

// MembersQuery is the query parameter members.
type MembersQuery string

func (q MembersQuery) detail() memberDetail {
	if q == "full" {
		return membersFull
	}
	return memberDetail(q)
}

func (members memberDetail) write(w *writer, s *game.Session) { w.session(s, members) }

// sessionBody is a session in a response.
type sessionBody struct {
	game.Session
	members memberDetail
	players []game.PlayerName // nil where they are not asked for
}

// preferred returns what the response to a write of a session has of its members, and the value of Preference-Applied.
func (h PreferHeader) preferred() (members memberDetail, applied string) {
	if prefersMinimal(h.Prefer) {
		return membersNone, "return=minimal"
	}
	return membersFull, ""
}

// prefersMinimal reports whether a Prefer header (RFC 7240) has return=minimal. Names and values are case-insensitive,
// and the first of duplicates counts.
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
