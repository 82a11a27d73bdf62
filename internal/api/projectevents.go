package api

import (
	"context"

	"game-session-manager/internal/game"
)

type projectEventsIn struct {
	EventsParams
	EventFilters
}

// feedView is what a caller gets of the feed of its project.
type feedView struct{ filter game.EventFilter }

// Show implements [eventView].
func (feedView) Show(e game.Event) (game.Event, game.FollowEnd) { return e, "" }

// Wants implements [eventView]. An event that cannot be read is passed over.
func (v feedView) Wants(e *game.Event) bool { return !e.Unreadable && v.filter.Match(e) }

// Ended implements [eventView].
func (feedView) Ended() game.FollowEnd { return "" }

// Gap implements [eventView].
func (feedView) Gap(int64) *game.Error { return game.ErrFeedGap }

func (a *API) getEvents(ctx context.Context, in *projectEventsIn) (*eventsOut, error) {
	filter := game.NewEventFilter(in.where())
	return a.follow(ctx, &in.EventsParams, a.Feed.Project, func(ctx context.Context, s *subscription) (int64, error) {
		s.view = feedView{filter}
		return a.Sessions.FollowProject(ctx)
	})
}
