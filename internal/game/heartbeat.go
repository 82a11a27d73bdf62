package game

import (
	"context"
	"slices"
	"time"
)

// Heartbeat is one heartbeat of the host or the server of a session.
type Heartbeat struct {
	SessionID SessionID `json:"session_id" doc:"The session."`
	// Fence, if not nil, must be that of the session.
	Fence *int64 `json:"fence" doc:"The fence that the sender knows; null to send none. With another than that of the session, the heartbeat is rejected."`
	// Players, if not nil, are all members that are connected.
	Players []PlayerID `json:"players" maxItems:"1000" doc:"All members that are connected. Others become disconnected, except those who joined less than stale_after ago. Null to leave all as they are."`
}

// Validate returns ErrValidation with everything that is wrong regardless of the session.
func (b Heartbeat) Validate() error {
	var p problems
	p.check(validID(string(b.SessionID)), "session_id", "must be a session's id")
	p.check(len(b.Players) <= MaxPlayers, "players", "must have at most %d entries", MaxPlayers)
	p.check(!slices.ContainsFunc(b.Players, func(id PlayerID) bool { return !validID(string(id)) }), "players",
		"must be players' ids")
	return p.err()
}

// HeartbeatReply is what a heartbeat returns.
type HeartbeatReply struct {
	SessionID    SessionID     `json:"session_id" doc:"The session."`
	Status       SessionStatus `json:"status" doc:"The state of the session."`
	EndReason    EndReason     `json:"end_reason" doc:"Why the session has ended; null for a live session."`
	Version      int64         `json:"version" doc:"The version of the session."`
	Liveness     Liveness      `json:"liveness" doc:"Live after a heartbeat that was accepted."`
	Fence        int64         `json:"fence" doc:"The fence of the session."`
	NextDeadline time.Time     `json:"next_deadline" doc:"When the session turns stale, or the member is disconnected, without another heartbeat."`
	ExpiresAt    time.Time     `json:"expires_at" doc:"When the session expires, or the member loses its seat, without another heartbeat."`
}

// BeatResult is the result of one heartbeat of several.
type BeatResult struct {
	HeartbeatReply
	Err error
}

// Heartbeat renews the lease of a session. It returns the errors of [Session.Beat] and [Session.Presence],
// ErrValidation, ErrSessionNotFound, ErrNotHost or ErrForbidden.
func (s *Sessions) Heartbeat(ctx context.Context, b Heartbeat) (HeartbeatReply, error) {
	r, err := s.Heartbeats(ctx, []Heartbeat{b})
	if err != nil {
		return HeartbeatReply{}, err
	}
	return r[0].HeartbeatReply, r[0].Err
}

// Heartbeats renews the leases of up to [MaxHeartbeats] sessions. It returns a result for each heartbeat, in order: one
// that is rejected does not affect the others. It returns ErrForbidden, or ErrStoreUnavailable if nothing is known of
// any.
func (s *Sessions) Heartbeats(ctx context.Context, beats []Heartbeat) ([]BeatResult, error) {
	c := CallerFrom(ctx)
	if c.Scope != ScopePlayer {
		if err := c.mayServe(); err != nil {
			return nil, err
		}
	}
	results := make([]BeatResult, len(beats))
	// A heartbeat that was received counts, even if its client does not wait for the response.
	ctx, cancel := outlasting(ctx)
	defer cancel()
	pulses, err := s.pulses(ctx, beats, results)
	if err != nil {
		s.hearing.failed(err)
		return nil, beforeWrite(err)
	}
	now := s.now()
	var leases []Lease
	var of []int // the heartbeats of the leases
	for i, b := range beats {
		p := pulses[b.SessionID]
		if results[i].Err == nil {
			results[i].Err = c.mayBeat(b, p)
		}
		if results[i].Err == nil {
			leases, of = append(leases, p.lease(c.Project, now)), append(of, i)
			results[i].HeartbeatReply = p.reply(now)
		}
	}
	if len(leases) == 0 {
		return results, nil
	}
	renewed, err := s.store.RenewLeases(ctx, leases)
	if err != nil {
		s.hearing.failed(err)
		return nil, err
	}
	var refused, changing []int
	for n, i := range of {
		p := pulses[beats[i].SessionID]
		switch {
		case !renewed[n]:
			refused = append(refused, i)
		case !p.Leased, p.Liveness != Live, beats[i].Players != nil, c.Scope == ScopePlayer && p.HostLostAt != nil:
			changing = append(changing, i)
		}
	}
	eachAtOnce(len(changing), func(n int) {
		i := changing[n]
		ctx, leave := withOwnRoom(ctx)
		defer leave()
		v, err := s.beat(ctx, beats[i], pulses[beats[i].SessionID].Fence)
		if results[i].Err = err; err == nil {
			results[i].HeartbeatReply = v.Pulse().reply(now)
		}
		for m := range v.Members {
			if beats[i].Players != nil && v.Members[m].Status == SeatJoined {
				s.seen.note(sighted{c.Project, v.Members[m].PlayerID}, now)
			}
		}
	})
	return results, s.explainRefused(ctx, beats, refused, results)
}

// outlasting returns a context that ends at the deadline of another one, but not when the client hangs up.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	kept := context.WithoutCancel(ctx)
	if until, limited := ctx.Deadline(); limited {
		return context.WithDeadline(kept, until)
	}
	return kept, func() {}
}

// pulses reads the sessions of heartbeats, and sets the errors of those that are not valid or not found.
func (s *Sessions) pulses(
	ctx context.Context, beats []Heartbeat, results []BeatResult,
) (map[SessionID]*Pulse, error) {
	found := make(map[SessionID]*Pulse, len(beats))
	var ids []SessionID
	for i, b := range beats {
		err := b.Validate()
		if _, twice := found[b.SessionID]; twice && err == nil {
			err = InvalidField("session_id", "must not be that of another heartbeat of the request")
		}
		if results[i].SessionID, results[i].Err = b.SessionID, err; err == nil {
			found[b.SessionID] = nil
			ids = append(ids, b.SessionID)
		}
	}
	if len(ids) == 0 {
		return found, nil
	}
	pulses, err := s.store.Pulses(ctx, CallerFrom(ctx).Project, ids)
	for i := range pulses {
		found[pulses[i].ID] = &pulses[i]
	}
	return found, err
}

// mayBeat returns why a heartbeat is rejected, or nil. p is nil if the session does not exist.
func (c Caller) mayBeat(b Heartbeat, p *Pulse) error {
	if p == nil {
		return SessionNotFound(b.SessionID)
	}
	v := Session{Status: p.Status, EndReason: p.EndReason, HostID: p.HostID, Fence: p.Fence}
	if err := c.mayHost(&v); err != nil {
		return err
	}
	if p.Status.Terminal() {
		return v.endedError()
	}
	if b.Fence != nil && *b.Fence != p.Fence {
		return v.staleFence()
	}
	return nil
}

// lease returns the session's lease after a heartbeat.
func (p *Pulse) lease(project ProjectID, now time.Time) Lease {
	due := now.Add(seconds(p.StaleAfter))
	if idle := now.Add(seconds(p.IdleTimeout)); p.IdleTimeout > 0 && idle.Before(due) {
		due = idle
	}
	return Lease{Project: project, Session: p.ID, State: LeaseLive, Fence: p.Fence, BeatAt: now, DueAt: due}
}

// reply returns the session after a heartbeat.
func (p Pulse) reply(now time.Time) HeartbeatReply {
	expires := seconds(p.ExpireAfter)
	if p.IdleTimeout > 0 {
		expires = min(expires, seconds(p.IdleTimeout))
	}
	return HeartbeatReply{
		SessionID: p.ID, Status: p.Status, EndReason: p.EndReason, Version: p.Version, Liveness: p.Liveness,
		Fence: p.Fence, NextDeadline: now.Add(min(seconds(p.StaleAfter), expires)), ExpiresAt: now.Add(expires),
	}
}

// beat changes a session whose lease was renewed at the fence. Time, or another request, may have given the session
// another host since, with another fence: a heartbeat that names none is only rejected if its sender may no longer send
// it.
func (s *Sessions) beat(ctx context.Context, b Heartbeat, fence int64) (Session, error) {
	by := PlayerID("")
	if c := CallerFrom(ctx); c.Scope == ScopePlayer {
		by = c.Player
	}
	return s.change(ctx, b.SessionID, byHost(ctx, nil), func(v *Session, now time.Time) ([]Change, error) {
		at := fence
		if b.Fence == nil {
			at = v.Fence
		}
		done, err := v.Beat(by, at, now)
		if err != nil || b.Players == nil {
			return done, err
		}
		more, err := v.Presence(b.Players, by, now)
		return append(done, more...), err
	})
}

// explainRefused sets the errors of heartbeats whose leases were not renewed: the session has expired, or another host
// or server has taken over.
func (s *Sessions) explainRefused(ctx context.Context, beats []Heartbeat, refused []int, results []BeatResult) error {
	if len(refused) == 0 {
		return nil
	}
	ids := make([]LeaseID, len(refused))
	for n, i := range refused {
		ids[n] = LeaseIDOf(beats[i].SessionID, "")
	}
	found, err := s.store.Leases(ctx, ids)
	if err != nil {
		return err
	}
	leases := make(map[SessionID]Lease, len(found))
	for _, l := range found {
		leases[l.Session] = l
	}
	eachAtOnce(len(refused), func(n int) {
		i := refused[n]
		id := beats[i].SessionID
		ctx, leave := withOwnRoom(ctx)
		defer leave()
		results[i] = BeatResult{HeartbeatReply{SessionID: id}, s.whyRefused(ctx, id, leases[id])}
	})
	return nil
}

// whyRefused returns why the lease of a session was not renewed. The lease is zero if background work has removed it
// meanwhile, because the session has ended.
func (s *Sessions) whyRefused(ctx context.Context, id SessionID, l Lease) error {
	if l.State == LeaseLive || l.State == LeaseStale {
		v := Session{Fence: l.Fence}
		return v.staleFence()
	}
	var v Session
	var err error
	if l.State == LeaseExpired {
		v, err = s.expire(ctx, l)
	} else {
		v, err = s.get(ctx, id)
	}
	switch {
	case err != nil:
		return err
	case !v.Status.Terminal(): // there is a lease, which cannot be read
		return Unanswered(OutcomeNone, ErrUnreadable)
	}
	return v.endedError()
}

// MemberHeartbeat renews the lease of a member, and reconnects the member if it is disconnected. It returns
// ErrSessionNotFound, ErrMemberNotFound, ErrMemberNotJoined for a reservation, ErrSessionEnded, ErrNotHost or
// ErrForbidden, and the error of the condition.
func (s *Sessions) MemberHeartbeat(
	ctx context.Context, id SessionID, c Condition[Session], player PlayerID,
) (HeartbeatReply, error) {
	ctx, cancel := outlasting(ctx) // as in Heartbeats
	defer cancel()
	v, err := s.get(ctx, id)
	if err != nil {
		s.hearing.failed(err)
		return HeartbeatReply{}, beforeWrite(err)
	}
	may := byMember(ctx, player, c)
	reconnect := func(v *Session, now time.Time) ([]Change, error) {
		m, err := v.beating(player)
		if err != nil {
			return nil, err
		}
		return v.connect(m, now), nil
	}
	if may != nil {
		if err := may(v); err != nil {
			return HeartbeatReply{}, err
		}
	}
	m, err := v.beating(player)
	if err != nil {
		return HeartbeatReply{}, err
	}
	now := s.now()
	due := now.Add(seconds(v.StaleAfter))
	lease := Lease{Project: v.Project, Session: id, Player: player, State: LeaseLive, BeatAt: now, DueAt: due}
	if _, err := s.store.RenewLeases(ctx, []Lease{lease}); err != nil {
		s.hearing.failed(err)
		return HeartbeatReply{}, err
	}
	s.seen.note(sighted{v.Project, player}, now)
	if m.Status == SeatDisconnected {
		if v, err = s.change(ctx, id, may, reconnect); err != nil {
			return HeartbeatReply{}, err
		}
	}
	l := v.Pulse().reply(now)
	l.NextDeadline, l.ExpiresAt = due, due.Add(seconds(v.DisconnectGrace))
	return l, nil
}

// beating returns the member that sends a heartbeat. It returns ErrSessionEnded, ErrMemberNotFound or
// ErrMemberNotJoined.
func (s *Session) beating(player PlayerID) (*Member, error) {
	if s.Status.Terminal() {
		return nil, s.endedError()
	}
	i := s.member(player)
	switch {
	case i < 0:
		return nil, s.noMember(player)
	case s.Members[i].Status == SeatReserved:
		return nil, ErrMemberNotJoined.Detail("Player %s has not confirmed its reservation.", player).
			With("member_status", s.Members[i].Status)
	}
	return &s.Members[i], nil
}

// replace replaces a session in the store. If the authority over a leased session changed, a fresh lease begins.
func (s *Sessions) replace(ctx context.Context, old, next Session, events ...Event) error {
	err := s.storePlaces(ctx, &next, next.ExclusivePlacesBeside(&old), func() error {
		return s.store.ReplaceSession(ctx, old, next, events...)
	})
	if err == nil && next.Leased && next.Fence > old.Fence && next.Liveness == Live && !next.Status.Terminal() {
		p := next.Pulse()
		// The session is the record: if this fails, the keeper finds the session's fence above that of the lease.
		_, _ = s.store.RenewLeases(ctx, []Lease{p.lease(next.Project, next.UpdatedAt)})
	}
	return err
}
