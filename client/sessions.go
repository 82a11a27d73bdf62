package client

import (
	"context"
	"iter"
	"net/http"
)

// Sessions are the calls about sessions and their members. Take it from a [Client].
type Sessions struct{ c *Client }

const sessionsPath = basePath + "/sessions"

func sessionPath(id SessionID) string { return sessionsPath + "/" + segment(id) }

// Create opens a session, with its host as its first member, and returns it with the host's ticket. It returns
// [ErrValidation], and [ErrPlayerNotFound] or [ErrPlayerSuspended] for the host.
func (s *Sessions) Create(ctx context.Context, r SessionRequest, opts ...CreateOption) (Joined, error) {
	return fetch[Joined](ctx, s.c, create(sessionsPath, r, opts))
}

// Get answers [ErrSessionNotFound].
func (s *Sessions) Get(ctx context.Context, id SessionID, opts ...ReadOption) (Session, error) {
	return fetch[Session](ctx, s.c, with(read(sessionPath(id), nil), opts))
}

// SetStatus moves the session to another status. The status that it has already is a success that changes nothing, and
// [ErrValidation] where it comes with another connection. It returns [ErrSessionNotFound], [ErrValidation],
// [ErrInvalidTransition], [ErrNotEnoughPlayers] and [ErrSessionEnded].
func (s *Sessions) SetStatus(ctx context.Context, id SessionID, m Move, opts ...WriteOption) (Session, error) {
	return fetch[Session](ctx, s.c, with(write(http.MethodPut, sessionPath(id), m), opts))
}

// Patch changes some of the session's [Settings], and its connection. It returns [ErrSessionNotFound], [ErrValidation],
// [ErrSeatsTaken] and [ErrSessionEnded].
func (s *Sessions) Patch(ctx context.Context, id SessionID, t Patch, opts ...WriteOption) (Session, error) {
	return fetch[Session](ctx, s.c, with(write(http.MethodPatch, sessionPath(id), t), opts))
}

// Cancel ends a session that has not been played. It answers [ErrSessionNotFound] and [ErrInvalidTransition].
func (s *Sessions) Cancel(ctx context.Context, id SessionID, opts ...WriteOption) error {
	return s.c.send(ctx, with(write(http.MethodDelete, sessionPath(id), nil), opts), nil)
}

// List answers one page. [Sessions.All] goes through all of them.
func (s *Sessions) List(ctx context.Context, f SessionFilter) (Page[Session], error) {
	return fetch[Page[Session]](ctx, s.c, read(sessionsPath, f.values()))
}

// All goes through the sessions that f selects, from its cursor on, a page at a time. An error ends it.
func (s *Sessions) All(ctx context.Context, f SessionFilter) iter.Seq2[Session, error] {
	return all(ctx, f.Cursor, func(ctx context.Context, cursor string) (Page[Session], error) {
		f.Cursor = cursor
		return s.List(ctx, f)
	})
}

// SetHost makes a member that has joined the host; naming the present host is a success that changes nothing. It
// returns [ErrSessionNotFound], [ErrMemberNotFound], [ErrMemberNotJoined], [ErrPlayerNotFound], [ErrPlayerSuspended],
// [ErrNotHost] and [ErrSessionEnded].
func (s *Sessions) SetHost(ctx context.Context, id SessionID, player PlayerID, opts ...WriteOption) (Session, error) {
	body := map[string]PlayerID{"player_id": player}
	return fetch[Session](ctx, s.c, with(write(http.MethodPut, sessionPath(id)+"/host", body), opts))
}

func memberPath(id SessionID, player PlayerID) string {
	return sessionPath(id) + "/members/" + segment(player)
}

// Member returns a player's place in the session, or [ErrSessionNotFound] or [ErrMemberNotFound].
func (s *Sessions) Member(ctx context.Context, id SessionID, player PlayerID, opts ...ReadOption) (Member, error) {
	return fetch[Member](ctx, s.c, with(read(memberPath(id, player), nil), opts))
}

// PatchMember changes some of a member's [MemberSettings]; the member keeps its seat. Versions are those of the
// session. It returns [ErrSessionNotFound], [ErrMemberNotFound], [ErrValidation], [ErrTeamFull], [ErrNotHost] and
// [ErrSessionEnded].
func (s *Sessions) PatchMember(
	ctx context.Context, id SessionID, player PlayerID, t Patch, opts ...WriteOption,
) (Member, error) {
	return fetch[Member](ctx, s.c, with(write(http.MethodPatch, memberPath(id, player), t), opts))
}

// Join gives a player a seat and returns the session, with a ticket. A member that joins again keeps its seat, and has
// a new ticket; [Sessions.PatchMember] changes its team and attributes. It returns [ErrSessionNotFound],
// [ErrPlayerNotFound], [ErrValidation], [ErrPlayerSuspended], [ErrSessionFull], [ErrTeamFull], [ErrSessionLocked],
// [ErrSessionNotJoinable], [ErrAlreadyMember] (with another team or other attributes) and [ErrSessionEnded]. The
// session has all its members unless [WithoutMembers] is given; [IfVersion] has no effect.
func (s *Sessions) Join(ctx context.Context, id SessionID, j JoinRequest, opts ...WriteOption) (Joined, error) {
	return fetch[Joined](ctx, s.c, with(write(http.MethodPost, sessionPath(id)+"/members", j), opts))
}

// Leave frees a player's seat; having none is a success. A host who leaves hands over to the connected member who
// joined first, or else to the next who joins. It returns [ErrSessionNotFound], and [ErrSessionEnded] for a member of a
// session that is over.
func (s *Sessions) Leave(ctx context.Context, id SessionID, player PlayerID, opts ...WriteOption) error {
	return s.c.send(ctx, with(write(http.MethodDelete, memberPath(id, player), nil), opts), nil)
}
