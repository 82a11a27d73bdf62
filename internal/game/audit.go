package game

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// Audited reports whether an event is in the audit log of its project: what was done to API keys and the like, and what
// admins and servers did to players against their will, in their own name.
func (e *Event) Audited() bool {
	if e.Subject.Kind != SubjectSession && e.Subject.Kind != SubjectPlayer {
		return true
	}
	if e.Actor.Kind != ActorAdmin && e.Actor.Kind != ActorKey || e.ActingAs != "" {
		return false
	}
	return slices.ContainsFunc(e.Changes, func(c Change) bool {
		s, is := c.(StatusChanged)
		return slices.Contains(AuditedChanges(), TypeOf(c)) || is && slices.Contains(AuditedEnds(), s.Reason)
	})
}

// AuditedChanges returns the types of changes of sessions and players that are audited.
func AuditedChanges() []ChangeType {
	var types []ChangeType
	for _, c := range []Change{
		PlayerBanned{}, BanLifted{}, SessionPurged{}, SuspensionSet{}, SuspensionLifted{}, PlayerErased{},
	} {
		types = append(types, TypeOf(c))
	}
	return types
}

// AuditedEnds returns the reasons of the ends of sessions that are audited: those that are forced.
func AuditedEnds() []EndReason { return []EndReason{ReasonCancelledByAdmin, ReasonForceTerminated} }

// AuditQuery selects events of the audit log. The zero value selects all.
type AuditQuery struct {
	ActorKind ActorKind
	ActorID   string
	From      time.Time // those at this time or later
	To        time.Time // those before this time; zero for all
}

func (q *AuditQuery) selects(e *Event) bool {
	return (q.ActorKind == "" || e.Actor.Kind == q.ActorKind) && (q.ActorID == "" || e.Actor.ID == q.ActorID) &&
		!e.At.Before(q.From) && (q.To.IsZero() || e.At.Before(q.To))
}

// auditSteps bounds how often a request reads further for events that the query selects.
const auditSteps = 10

// auditDisorder is by how much an event may be older than one before it in the feed: they are ordered some time after
// they happened, and clocks differ.
const auditDisorder = time.Hour

// Audit returns a page of the audit log of the caller's project, newest first. A page may have fewer events than the
// limit, and none, although more follow. It returns ErrValidation, or ErrForbidden for callers who are no admins.
func (s *Sessions) Audit(ctx context.Context, q AuditQuery, cursor string, limit int) (List[Event], error) {
	c := CallerFrom(ctx)
	if err := c.mayAdminister(); err != nil {
		return List[Event]{}, err
	}
	filters := []any{"audit", c.Project, q}
	before, err := decodeTextCursor(cursor, filters)
	if err != nil {
		return List[Event]{}, err
	}
	if limit, err = pageSize(limit); err != nil {
		return List[Event]{}, err
	}
	if err := TakeRoom(ctx, 2*MaxPageBytes); err != nil {
		return List[Event]{}, err
	}
	l := List[Event]{Items: []Event{}}
	at := positionBefore(before)
	for range auditSteps {
		found, err := timelinePageOf(func() ([]Event, error) {
			return s.store.Feed(ctx, FeedQuery{
				Project: c.Project, Before: at, Audited: true, Newest: true, Limit: limit + 1,
			})
		}, limit+1)
		if err != nil {
			return List[Event]{}, err
		}
		for i := range found.Items {
			at = found.Items[i].Seq
			if found.Items[i].Unreadable { // also its time may be
				continue
			}
			if !q.From.IsZero() && found.Items[i].At.Before(q.From.Add(-auditDisorder)) {
				return l, nil
			}
			if q.selects(&found.Items[i]) {
				l.Items = append(l.Items, found.Items[i])
			}
		}
		if !found.More {
			return l, nil
		}
		if len(l.Items) > 0 {
			break
		}
	}
	l.NextCursor = encodeTextCursor(strconv.FormatInt(at, 10), filters)
	return l, nil
}
