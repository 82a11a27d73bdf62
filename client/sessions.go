package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
)

// Sessions groups the calls about sessions and their members. Use the one of a [Client].
type Sessions struct{ c *Client }

const sessionsPath = basePath + "/sessions"

func sessionPath(id SessionID) string { return sessionsPath + "/" + segment(id) }

// Create creates a session, with its host as the first member, and returns it with the host's ticket. It returns
// [ErrValidation], and for the host [ErrPlayerNotFound], [ErrPlayerSuspended] or, if the session is exclusive,
// [ErrPlayerInOtherSession].
func (s *Sessions) Create(ctx context.Context, r SessionRequest, opts ...CreateOption) (Joined, error) {
	return fetch[Joined](ctx, s.c, create(sessionsPath, r, opts))
}

// Get returns a session, or [ErrSessionNotFound].
func (s *Sessions) Get(ctx context.Context, id SessionID, opts ...ReadOption) (Session, error) {
	return fetch[Session](ctx, s.c, with(read(sessionPath(id), nil), opts))
}

// SetStatus changes the status of a session. Setting the status that it has changes nothing, and returns
// [ErrValidation] if the move has another connection. It returns [ErrSessionNotFound], [ErrValidation],
// [ErrInvalidTransition], [ErrNotEnoughPlayers] and [ErrSessionEnded].
func (s *Sessions) SetStatus(ctx context.Context, id SessionID, m Move, opts ...WriteOption) (Session, error) {
	return fetch[Session](ctx, s.c, with(write(http.MethodPut, sessionPath(id), m), opts))
}

// Patch changes some of a session's [Settings] and [Timeouts], its connection and its password: "password" is a text,
// or nil to remove it. It returns [ErrSessionNotFound], [ErrValidation], [ErrSeatsTaken] and [ErrSessionEnded].
func (s *Sessions) Patch(ctx context.Context, id SessionID, t Patch, opts ...WriteOption) (Session, error) {
	return fetch[Session](ctx, s.c, with(write(http.MethodPatch, sessionPath(id), t), opts))
}

// Cancel ends a session that has not started. It returns [ErrSessionNotFound] and [ErrInvalidTransition].
func (s *Sessions) Cancel(ctx context.Context, id SessionID, opts ...WriteOption) error {
	return s.c.send(ctx, with(write(http.MethodDelete, sessionPath(id), nil), opts), nil)
}

// Purge removes a session for good; a live one ends first. It is for admins. It succeeds if the session does not exist.
func (s *Sessions) Purge(ctx context.Context, id SessionID, opts ...WriteOption) error {
	q := write(http.MethodDelete, sessionPath(id), nil)
	q.query = url.Values{"purge": {"true"}}
	return s.c.send(ctx, with(q, opts), nil)
}

// AttachServer lets a server take over a session, which raises its fence: the server before can no longer keep the
// session alive, nor change it with [IfFence]. It returns [ErrSessionNotFound], [ErrValidation], [ErrStaleFence] and
// [ErrSessionEnded].
func (s *Sessions) AttachServer(
	ctx context.Context, id SessionID, r ServerRequest, opts ...WriteOption,
) (Session, error) {
	return fetch[Session](ctx, s.c, with(write(http.MethodPut, sessionPath(id)+"/server", r), opts))
}

// List returns one page of the sessions that f selects, newest first. [Sessions.All] iterates over all pages.
func (s *Sessions) List(ctx context.Context, f SessionFilter) (Page[Session], error) {
	return fetch[Page[Session]](ctx, s.c, read(sessionsPath, f.values()))
}

// All returns an iterator over the sessions that f selects, from its cursor on. It reads a page at a time and ends with
// the first error.
func (s *Sessions) All(ctx context.Context, f SessionFilter) iter.Seq2[Session, error] {
	return allPages(ctx, f.Cursor, func(ctx context.Context, cursor string) (Page[Session], error) {
		f.Cursor = cursor
		return s.List(ctx, f)
	})
}

// SetHost makes a member the host. The member must have joined. Setting the host that the session has changes nothing.
// It returns [ErrSessionNotFound], [ErrMemberNotFound], [ErrMemberNotJoined], [ErrPlayerNotFound],
// [ErrPlayerSuspended], [ErrNotHost] and [ErrSessionEnded].
func (s *Sessions) SetHost(ctx context.Context, id SessionID, player PlayerID, opts ...WriteOption) (Session, error) {
	body := map[string]PlayerID{"player_id": player}
	return fetch[Session](ctx, s.c, with(write(http.MethodPut, sessionPath(id)+"/host", body), opts))
}

func memberPath(id SessionID, player PlayerID) string {
	return sessionPath(id) + "/members/" + segment(player)
}

// Member returns a member of a session, or [ErrSessionNotFound] or [ErrMemberNotFound].
func (s *Sessions) Member(ctx context.Context, id SessionID, player PlayerID, opts ...ReadOption) (Member, error) {
	return fetch[Member](ctx, s.c, with(read(memberPath(id, player), nil), opts))
}

// PatchMember changes some of a member's [MemberSettings] and its status: "disconnected" for a member that has
// disconnect_grace to return, and "joined" for one that has. The member keeps its seat. [IfVersion] refers to the
// version of the session. It returns [ErrSessionNotFound], [ErrMemberNotFound], [ErrValidation], [ErrTeamFull],
// [ErrPlayerInOtherSession] (to a member that confirms its reservation), [ErrNotHost] and [ErrSessionEnded].
// [Sessions.Ready] is a shorter way to set "ready".
func (s *Sessions) PatchMember(
	ctx context.Context, id SessionID, player PlayerID, t Patch, opts ...WriteOption,
) (Member, error) {
	return fetch[Member](ctx, s.c, with(write(http.MethodPatch, memberPath(id, player), t), opts))
}

// Join gives a player a seat and returns the session with the player's ticket. A member that joins again keeps its seat
// and gets a new ticket, and a reserved seat is confirmed; use [Sessions.PatchMember] to change its team and
// attributes. It returns [ErrSessionNotFound], [ErrPlayerNotFound], [ErrValidation], [ErrPlayerSuspended],
// [ErrPlayerBanned], [ErrSessionFull], [ErrTeamFull], [ErrSessionLocked], [ErrSessionNotJoinable], [ErrAlreadyMember]
// (if a member joins with another team or other attributes), [ErrPlayerInOtherSession] (if both sessions are exclusive;
// "session_id" among the Extras of the [*Error] is the other one) and [ErrSessionEnded].
//
// A player that joins a private session without an invitation needs its join code: see [Code]. Without it the error is
// [ErrJoinCodeRequired], with a wrong one [ErrInvalidJoinCode], and after too many wrong ones [ErrTooManyGuesses].
//
// A session with a password, public or private, requires it of a player without a code or an invitation: see
// [Password]. The error of a missing or wrong one is [ErrWrongPassword], and after too many wrong ones
// [ErrTooManyGuesses].
//
// The session has all its members unless [WithoutMembers] is given. [IfVersion] has no effect.
func (s *Sessions) Join(ctx context.Context, id SessionID, j JoinRequest, opts ...WriteOption) (Joined, error) {
	return fetch[Joined](ctx, s.c, with(write(http.MethodPost, sessionPath(id)+"/members", j), opts))
}

// JoinOrWait is [Sessions.Join] for a player who would rather wait than be rejected with [ErrSessionFull] or
// [ErrTeamFull]: then it gets a place on the wait list, which [Joined.Position] is, and no ticket. Seats that become
// free are reserved for those who wait, in their order. Called again, it returns the position while the player waits,
// and confirms the reservation once there is one; a caller that only looks finds its place in the session's WaitList.
//
// It returns the errors of Join, [ErrWaitListFull], and [ErrAlreadyMember] if the player waits for another team or with
// other attributes: [Sessions.Leave] leaves the wait list.
func (s *Sessions) JoinOrWait(ctx context.Context, id SessionID, j JoinRequest, opts ...WriteOption) (Joined, error) {
	body := struct {
		JoinRequest
		Wait bool `json:"wait"`
	}{j, true}
	return fetch[Joined](ctx, s.c, with(write(http.MethodPost, sessionPath(id)+"/members", body), opts))
}

// Leave frees a player's seat, or its place on the wait list. It is a success if the player has neither. If the host
// leaves, the connected member who joined first becomes host, or else the next player who joins. It returns
// [ErrSessionNotFound], and [ErrSessionEnded] for a member of a session that has ended.
func (s *Sessions) Leave(ctx context.Context, id SessionID, player PlayerID, opts ...WriteOption) error {
	return s.c.send(ctx, with(write(http.MethodDelete, memberPath(id, player), nil), opts), nil)
}
