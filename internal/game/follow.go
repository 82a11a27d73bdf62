package game

import (
	"context"
	"slices"
)

// FollowEnd says why there is nothing more to follow.
type FollowEnd string

// The reasons why following a session ends.
const (
	FollowSessionEnded FollowEnd = "session_ended"
	FollowRemoved      FollowEnd = "removed" // the player lost its seat, or its place on the wait list
)

// Following is what a caller sees of a session that it follows. It is not safe for concurrent use.
type Following struct {
	Session Session // as the caller may see it

	caller  Caller
	version int64 // of the session
	member  bool  // whether the player holds a seat or waits for one
	hosts   bool
	ended   bool
}

// Follow reads a session that the caller wants to follow. It returns ErrSessionNotFound, or ErrForbidden for players
// who hold no seat and do not wait for one.
func (s *Sessions) Follow(ctx context.Context, id SessionID) (*Following, error) {
	c := CallerFrom(ctx)
	if err := c.mayRead(); err != nil {
		return nil, err
	}
	v, err := s.get(ctx, id)
	if err != nil {
		return nil, err
	}
	f := &Following{
		caller: c, version: v.Version, ended: v.Status.Terminal(),
		member: v.member(c.Player) >= 0 || v.waiter(c.Player) >= 0, hosts: v.host() == c.Player,
	}
	if c.Scope == ScopePlayer && !f.member {
		return nil, ErrForbidden.Detail(
			"A player can follow a session only while it holds a seat in it or waits for one.",
		).With("needs", ScopeRead)
	}
	f.Session = c.visibleSession(v)
	return f, nil
}

// FollowProject returns ErrForbidden for callers who may not follow the feed of their project: players. It returns the
// last position in the feed.
func (s *Sessions) FollowProject(ctx context.Context) (end int64, err error) {
	c := CallerFrom(ctx)
	if err := c.MayOperate(); err != nil {
		return 0, err
	}
	return s.store.FeedEnd(ctx, c.Project)
}

// Show returns the next event as the caller may see it, and why it is the last one that the caller may see, or "".
func (f *Following) Show(e Event) (Event, FollowEnd) {
	for _, c := range e.Changes {
		switch c := c.(type) {
		case StatusChanged:
			f.ended = f.ended || c.To.Terminal()
		case SessionPurged:
			f.ended = true
		}
	}
	if f.caller.Scope != ScopePlayer {
		return e, ""
	}
	if e.Version > f.version { // before, the player was what it was when the session was read
		for _, c := range e.Changes {
			f.note(c)
		}
	}
	e = f.visible(e)
	if !f.member {
		return e, FollowRemoved
	}
	return e, ""
}

// Ended returns why no event follows those that were shown, or "".
func (f *Following) Ended() FollowEnd {
	if f.ended {
		return FollowSessionEnded
	}
	return ""
}

// note notes what a change makes of the player.
func (f *Following) note(c Change) {
	is := func(p PlayerID) bool { return p == f.caller.Player }
	switch c := c.(type) {
	case MemberJoined:
		f.member = f.member || is(c.PlayerID)
	case SeatReservedFor:
		f.member = f.member || is(c.PlayerID)
	case WaitListJoined:
		f.member = f.member || is(c.PlayerID)
	case MemberLeft:
		f.member = f.member && !is(c.PlayerID)
	case MemberRemoved:
		f.member = f.member && !is(c.PlayerID)
	case WaitListLeft:
		f.member = f.member && (!is(c.PlayerID) || c.Reason == WaitSeated)
	case HostChanged:
		f.hosts = is(c.To)
	}
}

// visible returns the event without what the player must not see: see [Caller.visibleEvent]. Only the host sees who is
// banned, who else waits, and why others were kicked. An event of which nothing is left does not say who made it.
func (f *Following) visible(e Event) Event {
	e = f.caller.visibleEvent(e)
	if f.hosts {
		return e
	}
	own := f.caller.Player
	left := make(Changes, 0, len(e.Changes))
	for _, c := range e.Changes {
		switch was := c.(type) {
		case PlayerBanned:
			if was.PlayerID != own {
				continue
			}
		case BanLifted:
			if was.PlayerID != own {
				continue
			}
		case WaitListJoined:
			if was.PlayerID != own {
				continue
			}
		case WaitListLeft:
			if was.PlayerID != own {
				continue
			}
		case MemberRemoved:
			if was.PlayerID != own {
				was.Why = ""
			}
			c = was
		}
		left = append(left, c)
	}
	if len(left) == 0 && e.Actor.Kind == ActorPlayer && e.Actor.ID != string(own) {
		e.Actor.ID = ""
	}
	if len(left) == 0 && e.ActingAs != own {
		e.ActingAs = ""
	}
	e.Changes = slices.Clip(left)
	return e
}
