package sqlitestore

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"slices"

	"game-session-manager/internal/game"
)

// searchStep is a statement for a part of a page.
type searchStep struct {
	sql  string
	args []any
	end  *game.Position // where it ends; nil if nothing follows
}

// inSteps reads a page by steps of growing sizes, each from the end of the one before it, until the page is full. What
// follows the last step is left to the next page, so that a page has a limited cost whatever the conditions.
func (s *Store) inSteps(
	ctx context.Context, q game.SearchQuery, first, last int,
	next func(rest game.SearchQuery, size int) (searchStep, error),
) (game.Hits, error) {
	h := game.Hits{Found: game.Found[game.Session]{Items: []game.Session{}}}
	o, spent := orderingOf(q.Order), 0
	for size := first; size <= last; size *= 4 {
		rest := q
		rest.Limit -= len(h.Items) + len(h.Unreadable)
		if q.Bytes > 0 {
			rest.Bytes = max(1, q.Bytes-spent)
		}
		step, err := next(rest, size)
		if err != nil {
			return h, err
		}
		found, err := s.hits(ctx, rest, step.sql, step.args, func(columns []driver.Value) (err error) {
			spent += max(textSize(columns[0])/8, 1<<10) // about game.BriefCost
			h.Next, err = o.position(columns[2], columns[3:])
			return err
		})
		if err != nil {
			return h, err
		}
		h.Items, h.Unreadable = append(h.Items, found.Items...), append(h.Unreadable, found.Unreadable...)
		full := len(h.Items)+len(h.Unreadable) == q.Limit || q.Bytes > 0 && spent >= q.Bytes
		h.More = found.More || full && step.end != nil
		if h.More || step.end == nil {
			return h, nil
		}
		q.After = step.end
	}
	h.More, h.Next = true, q.After
	return h, nil
}

// windows reads a page in the order of the ids.
func (s *Store) windows(ctx context.Context, q game.SearchQuery, statuses []game.SessionStatus) (game.Hits, error) {
	return s.inSteps(ctx, q, s.sizes.firstWindow, s.sizes.lastWindow,
		func(rest game.SearchQuery, size int) (step searchStep, _ error) {
			from := ""
			if rest.After != nil {
				from = string(rest.After.ID)
			}
			to, err := s.windowEnd(ctx, q.Project, statuses, from, size)
			if to != "" {
				step.end = &game.Position{ID: game.SessionID(to)}
			}
			step.sql, step.args = windowSQL(rest, statuses, from, to)
			return step, err
		})
}

// errNoRows says that the live rows cannot be used, or not yet.
var errNoRows = errors.New("no live rows")

// byRows reads a page in an order of fields that [liveRows] have. It returns errNoRows if that is not possible.
func (s *Store) byRows(ctx context.Context, q game.SearchQuery, statuses []game.SessionStatus) (game.Hits, error) {
	o, ok := rowOrderOf(q.Order)
	if _, fits := o.from(q.After); !ok || !fits || slices.ContainsFunc(statuses, game.SessionStatus.Terminal) {
		return game.Hits{}, errNoRows
	}
	s.rows.want(s.readers)
	s.writer.askOthers()
	may, exact := rowConditions(q.Project, q.Where)
	return s.inSteps(ctx, q, s.sizes.firstRows, s.sizes.lastRows,
		func(rest game.SearchQuery, size int) (step searchStep, _ error) {
			if exact {
				size = rest.Limit + 1
			}
			after, _ := o.from(rest.After)
			first, more, ok := s.rows.first(o, may, after, size)
			if !ok {
				return step, errNoRows
			}
			d := drive{from: "sessions d"}
			if more {
				step.end = o.position(first[len(first)-1])
				d.upTo = step.end
			}
			ids := make([]string, len(first))
			for i := range first {
				ids[i] = first[i].id.text()
			}
			text, err := json.Marshal(ids)
			d.where = termOf(
				"+d.project = ? AND d.id IN (SELECT value FROM json_each(?))", string(q.Project), string(text),
			)
			step.sql, step.args = searchSQL(rest, d)
			return step, err
		})
}
