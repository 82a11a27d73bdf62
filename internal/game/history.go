package game

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// HistoryQuery selects sessions of a player. The zero value selects all.
type HistoryQuery struct {
	Statuses []SessionStatus // those in one of these states; none for all
	From     time.Time       // those created at this time or later; zero for all
	To       time.Time       // those created before this time; zero for all
	Brief    bool            // see [SessionQuery]
}

// historySteps bounds how often a request looks further for sessions that the query selects. Each step looks at up to
// [MaxLimit] sessions that the player has left.
const historySteps = 10

// History returns a page of the sessions in which a player holds a seat or held one, newest first, as the caller may
// see them. Those that the player has left are found by the events that are kept. A page may have fewer sessions than
// the limit, and none, although more follow. It returns ErrPlayerNotFound, ErrValidation, or ErrForbidden for players
// who ask for another one.
func (s *Players) History(
	ctx context.Context, id PlayerID, q HistoryQuery, cursor string, limit int,
) (List[Session], error) {
	c := CallerFrom(ctx)
	if err := c.maySeeHistory(id); err != nil {
		return List[Session]{}, err
	}
	h := history{store: s.store, project: c.Project, player: PlayerID(NormalID(string(id))), HistoryQuery: q}
	after, err := decodeCursor(cursor, h.filters())
	if err != nil {
		return List[Session]{}, err
	}
	if limit, err = pageSize(limit); err != nil {
		return List[Session]{}, err
	}
	if _, err := s.get(ctx, h.player); err != nil {
		return List[Session]{}, err
	}
	found, next, err := h.page(ctx, SessionID(after), limit)
	if err != nil {
		return List[Session]{}, err
	}
	for i := range found {
		found[i] = c.visibleSession(found[i])
	}
	l := List[Session]{Items: found, cursor: func(v Session) string { return encodeCursor(string(v.ID), h.filters()) }}
	if next != "" {
		l.NextCursor = encodeCursor(string(next), h.filters())
	}
	return l, nil
}

// history reads the sessions of a player.
type history struct {
	store   Store
	project ProjectID
	player  PlayerID
	named   bool // also those in which the player waits or is banned
	HistoryQuery
}

// filters is what a cursor belongs to.
func (h *history) filters() any {
	statuses := slices.Compact(slices.Sorted(slices.Values(h.Statuses)))
	return []any{"history", h.project, h.player, statuses, h.From, h.To}
}

// page returns a page of the sessions after an id, and the id after which the next page begins, "" if there is none.
func (h *history) page(ctx context.Context, after SessionID, limit int) (found []Session, next SessionID, err error) {
	if first := h.first(); first != "" && (after == "" || after > first) {
		after = first
	}
	last := h.last()
	for range historySteps {
		if found, next, err = h.step(ctx, after, limit); err != nil {
			return nil, "", err
		}
		found = slices.DeleteFunc(found, func(v Session) bool { return !h.inRange(v.CreatedAt) })
		if next != "" && next <= last {
			next = ""
		}
		if len(found) > 0 || next == "" {
			return found, next, nil
		}
		after = next
	}
	return found, next, nil
}

func (h *history) inRange(t time.Time) bool {
	return !t.Before(h.From) && (h.To.IsZero() || t.Before(h.To))
}

// first returns an id that no session has which was created before the end of the range, or "" if there is no end. An
// id is made before its session is created, by a clock that may differ.
func (h *history) first() SessionID {
	if h.To.IsZero() {
		return ""
	}
	return leastID(h.To.Add(ClockSkew))
}

// last returns an id below those of all sessions that were created in the range. A retry of a creation uses the id that
// its first try has made, for as long as its claim is kept.
func (h *history) last() SessionID {
	if h.From.IsZero() {
		return ""
	}
	return leastID(h.From.Add(-IdempotencyTTL - ClockSkew))
}

// leastID returns the least id that can be made at a time (RFC 9562, section 5.7).
func leastID(t time.Time) SessionID {
	const bits = 48
	ms := min(max(t.UnixMilli(), 0), 1<<bits-1)
	return SessionID(fmt.Sprintf("%08x-%04x-0000-0000-000000000000", ms>>16, ms&0xffff))
}

// indexes returns the fields by which sessions name the player now.
func (h *history) indexes() []string {
	if h.named {
		return []string{FieldMember, FieldNamed}
	}
	return []string{FieldMember}
}

// step merges a page of the sessions that name the player with some of those that it has left. It returns what it has
// found down to the id up to which it has seen all, and this id, "" if there are no more.
func (h *history) step(ctx context.Context, after SessionID, limit int) (found []Session, seen SessionID, err error) {
	room := maxPageRoom
	if h.Brief {
		room = briefPageRoom
	}
	if err := TakeRoom(ctx, (1+len(h.indexes()))*room); err != nil {
		return nil, "", err
	}
	q := SessionQuery{Project: h.project, After: after, Limit: limit, Brief: h.Brief, Bytes: MaxPageBytes}
	var where Where
	if len(h.Statuses) > 0 {
		where = Where{In(FieldStatus, h.Statuses...)}
	}
	add := func(more []Session) {
		for _, v := range more {
			if !slices.ContainsFunc(found, func(o Session) bool { return o.ID == v.ID }) {
				found = append(found, v)
			}
		}
	}
	for _, field := range h.indexes() {
		q.Where = append(Where{Is(field, h.player)}, where...)
		some, err := h.store.Sessions(ctx, q)
		if err != nil {
			return nil, "", err
		}
		if some.More {
			seen = max(seen, lastSession(some))
		}
		add(some.Items)
	}
	left, err := h.store.Departures(ctx, DepartureQuery{h.project, h.player, after, MaxLimit})
	if err != nil {
		return nil, "", err
	}
	if n := len(left); n == MaxLimit {
		seen = max(seen, left[n-1])
	}
	left = slices.DeleteFunc(left, func(id SessionID) bool {
		return id < seen || slices.ContainsFunc(found, func(v Session) bool { return v.ID == id })
	})
	if len(left) > 0 {
		q.Where, q.Limit = append(Where{In(FieldID, left...)}, where...), len(left)
		rest, err := h.store.Sessions(ctx, q)
		if err != nil {
			return nil, "", err
		}
		if rest.More {
			seen = max(seen, lastSession(rest))
		}
		add(rest.Items)
	}
	found = slices.DeleteFunc(found, func(v Session) bool { return v.ID < seen })
	slices.SortFunc(found, func(a, b Session) int { return strings.Compare(string(b.ID), string(a.ID)) })
	if len(found) > limit {
		found, seen = found[:limit], found[limit-1].ID
	}
	return found, seen, nil
}

func lastSession(f Found[Session]) SessionID {
	return SessionID(f.last(func(v Session) string { return string(v.ID) }))
}
