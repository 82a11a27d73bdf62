package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// Party asks for seats for players who join together: 1 to [MaxParty].
type Party struct {
	Players []JoinRequest `json:"players"`
	// Partial seats those who can be seated. Otherwise all are, or none.
	Partial bool `json:"partial"`
	// Reserve reserves the seats for the session's ReservationTimeout. Each player confirms its own by [Sessions.Join].
	Reserve bool `json:"reserve"`
	// Code is the join code of the session. A private session requires it: see [Sessions.Join].
	Code string `json:"code,omitzero"`
	// Password is the password of the session, which one that has a password requires: see [Sessions.Join].
	Password string `json:"password,omitzero"`
}

// JoinedParty is a session after a party joined it.
type JoinedParty struct {
	Session
	// Tickets are those of the players who have joined: see [VerifyTicket]. A player gets its own only.
	Tickets map[PlayerID]string `json:"tickets"`
	// LeftOut are the players without a seat, if the party is partial.
	LeftOut []LeftOut `json:"left_out"`
}

// LeftOut says why a player of a party got no seat.
type LeftOut struct {
	PlayerID PlayerID `json:"player_id"`
	Code     string   `json:"code"`   // the code of the error that the player would have got alone
	Detail   string   `json:"detail"` // for people; it may change
}

// JoinParty gives seats to the players of a party in one step. A caller that is a player joins itself; for the others
// seats are reserved, and if it is not in the party it must have a seat. Unless the party is partial, the call returns
// the error of the first player who cannot be seated, as [Sessions.Join] does for one, and nobody got a seat; the
// "player_id" among the Extras of the [*Error] is that player.
//
// The session has all its members unless [WithoutMembers] is given. [IfVersion] has no effect.
func (s *Sessions) JoinParty(ctx context.Context, id SessionID, p Party, opts ...WriteOption) (JoinedParty, error) {
	if p.Players == nil {
		p.Players = []JoinRequest{}
	}
	return fetch[JoinedParty](ctx, s.c, with(write(http.MethodPost, sessionPath(id)+"/members", p), opts))
}

// Ready sets whether a member is ready. When all are, a session with AutoStart starts. It returns the errors of
// [Sessions.PatchMember].
func (s *Sessions) Ready(
	ctx context.Context, id SessionID, player PlayerID, ready bool, opts ...WriteOption,
) (Member, error) {
	return s.PatchMember(ctx, id, player, Patch{"ready": ready}, opts...)
}

// Kick says how a member is kicked.
type Kick struct {
	// Reason is a word of a-z 0-9 _ for programs, such as "afk", or empty.
	Reason string
	// BanSeconds is for how long the player is also banned from the session; 0 for a kick without a ban.
	BanSeconds int
}

// Kick frees the seat of another player, who may come back at once unless it is banned. It is for the host and for
// servers, and succeeds if the player has no seat. It returns [ErrSessionNotFound], [ErrValidation] (also for a ban of
// the host), [ErrNotHost], [ErrTooManyBans] and [ErrSessionEnded], and [ErrPlayerNotFound] for a ban.
func (s *Sessions) Kick(ctx context.Context, id SessionID, player PlayerID, k Kick, opts ...WriteOption) error {
	q := write(http.MethodDelete, memberPath(id, player), nil)
	q.query = url.Values{}
	if k.Reason != "" {
		q.query.Set("reason", k.Reason)
	}
	if k.BanSeconds != 0 {
		q.query.Set("ban", strconv.Itoa(k.BanSeconds))
	}
	return s.c.send(ctx, with(q, opts), nil)
}

// Invite reserves a seat for a player, who confirms it by [Sessions.Join] without a code. Inviting again sets another
// deadline, and for a player who has joined it changes nothing. [Sessions.Kick] withdraws an invitation. It is for the
// host and for servers. It returns [ErrSessionNotFound], [ErrPlayerNotFound], [ErrValidation], [ErrPlayerSuspended],
// [ErrPlayerBanned], [ErrSessionFull], [ErrSessionLocked], [ErrSessionNotJoinable], [ErrNotHost] and [ErrSessionEnded].
func (s *Sessions) Invite(
	ctx context.Context, id SessionID, player PlayerID, r InviteRequest, opts ...WriteOption,
) (Member, error) {
	path := sessionPath(id) + "/invites/" + segment(player)
	return fetch[Member](ctx, s.c, with(write(http.MethodPut, path, r), opts))
}

func banPath(id SessionID, player PlayerID) string {
	return sessionPath(id) + "/bans/" + segment(player)
}

// Ban keeps a player out of a session, and frees its seat if it has one. It replaces an earlier ban of the player. It
// is for the host and for servers. It returns [ErrSessionNotFound], [ErrPlayerNotFound], [ErrValidation] (also for the
// host), [ErrNotHost], [ErrTooManyBans] and [ErrSessionEnded].
func (s *Sessions) Ban(
	ctx context.Context, id SessionID, player PlayerID, r BanRequest, opts ...WriteOption,
) (Ban, error) {
	return fetch[Ban](ctx, s.c, with(write(http.MethodPut, banPath(id, player), r), opts))
}

// Unban lifts the ban of a player. It succeeds if there is none. It returns [ErrSessionNotFound], [ErrNotHost] and
// [ErrSessionEnded].
func (s *Sessions) Unban(ctx context.Context, id SessionID, player PlayerID, opts ...WriteOption) error {
	return s.c.send(ctx, with(write(http.MethodDelete, banPath(id, player), nil), opts), nil)
}

// Bans returns the bans of a session that have not ended. It is for the host and for API keys. It returns
// [ErrSessionNotFound] and [ErrNotHost].
func (s *Sessions) Bans(ctx context.Context, id SessionID) ([]Ban, error) {
	page, err := fetch[Page[Ban]](ctx, s.c, read(sessionPath(id)+"/bans", nil))
	return page.Items, err
}
