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

// Session is a session in a response. It is exported because huma ignores embedded fields of other types.
type Session struct {
	game.Session
	Members   []game.Member   `json:"members,omitzero" nullable:"false" doc:"The members in the order in which they took their seats; absent from brief lists."`
	WaitList  []game.Waiter   `json:"wait_list,omitzero" nullable:"false" doc:"Players who wait for a seat, in their order. Seats that become free are reserved for them. The host, servers and admins see all, other players only themselves; absent from brief lists."`
	SeatsHeld int             `json:"seats_held" doc:"How many members there are."`
	FreeSeats int             `json:"free_seats" doc:"How many seats newcomers can take."`
	MemberIDs []game.PlayerID `json:"member_ids,omitzero" nullable:"false" doc:"The players who hold seats, in the order in which they joined; only with members=ids."`

	Players []game.PlayerName `json:"players,omitzero" nullable:"false" doc:"The names of the members, in their order, without those who were erased; only with include=players."`
}

// of returns a session as it is shown.
func (members memberDetail) of(s game.Session) Session {
	shown := Session{Session: s, SeatsHeld: len(s.Members), FreeSeats: s.FreeSeats()}
	switch members {
	case membersFull:
		if shown.Members = s.Members; s.Members == nil {
			shown.Members = []game.Member{}
		}
		if shown.WaitList = s.WaitList; s.WaitList == nil {
			shown.WaitList = []game.Waiter{}
		}
	case membersIDs:
		shown.MemberIDs = make([]game.PlayerID, len(s.Members))
		for i := range s.Members {
			shown.MemberIDs[i] = s.Members[i].PlayerID
		}
	case membersNone:
	}
	return shown
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
