package api

import (
	"context"

	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
)

type sessionEventsIn struct {
	SessionPath
	EventsParams
	Snapshot bool   `query:"snapshot" doc:"Begin with the session as it is now, unless there is a position from which to continue."`
	Ticket   string `query:"ticket" maxLength:"2048" doc:"A ticket for the events of this session, instead of the header Authorization."`
}

// sessionView is what a caller gets of the events of a session.
type sessionView struct{ *game.Following }

// Wants implements [eventView].
func (sessionView) Wants(*game.Event) bool { return true }

// Gap implements [eventView].
func (sessionView) Gap(current int64) *game.Error {
	return game.ErrFeedGap.With("current_version", current)
}

func (a *API) getSessionEvents(ctx context.Context, in *sessionEventsIn) (*eventsOut, error) {
	id := game.SessionID(game.NormalID(string(in.SessionID)))
	return a.follow(ctx, &in.EventsParams, func(p game.ProjectID) *feed.Follower {
		return a.Feed.Session(p, id)
	}, func(ctx context.Context, s *subscription) (int64, error) {
		following, err := a.Sessions.Follow(ctx, id)
		if err != nil {
			return 0, err
		}
		version := following.Session.Version
		if in.Snapshot {
			shown := membersFull.of(following.Session)
			s.shown = &shown
		}
		following.Session = game.Session{}
		s.view = sessionView{following}
		return version, nil
	})
}
