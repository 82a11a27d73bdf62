package sqlitestore

import (
	"context"
	"slices"

	"game-session-manager/internal/game"
)

// drive is a way to read the sessions d that a search may find: through an index, without those that the index leaves
// out.
type drive struct {
	from  string
	where term
	// rows counts what the index has, without reading sessions.
	rows string
	// upTo is the last position in the order of the search that is read; nil for all.
	upTo *game.Position
}

// maxProbes is how many indexes are asked how many rows they have.
const maxProbes = 6

// liveFlagsOf returns the values that the column live has in rows of sessions with the statuses.
func liveFlagsOf(statuses []game.SessionStatus) (live []any) {
	for _, terminal := range []bool{false, true} {
		if slices.ContainsFunc(statuses, func(s game.SessionStatus) bool { return s.Terminal() == terminal }) {
			live = append(live, flag(!terminal))
		}
	}
	return live
}

// drives returns the ways to read what the conjuncts select, those that are likely to have the fewest sessions first.
func drives(project game.ProjectID, all []game.Clause, live []any) (found []drive) {
	byRank := [4][]drive{}
	for _, c := range all {
		d, rank, ok := driveBy(project, c, live)
		if ok {
			byRank[rank] = append(byRank[rank], d)
		}
	}
	return slices.Concat(byRank[:]...)
}

func driveBy(project game.ProjectID, c game.Clause, live []any) (d drive, rank int, ok bool) {
	if key, attribute := c.Attribute(); attribute {
		if !slices.Contains([]game.Op{
			game.OpEqual, game.OpIn, game.OpLess, game.OpAtMost, game.OpGreater, game.OpAtLeast, game.OpBetween,
			game.OpPrefix,
		}, c.Op) {
			return drive{}, 0, false
		}
		rank = 2
		if c.Op == game.OpEqual || c.Op == game.OpIn {
			rank = 1
		}
		return attributeDrive(project, key, live, compared("a.value", c, true)), rank, true
	}
	switch {
	case c.Op != game.OpEqual:
	case c.Field == game.FieldMember:
		return drive{
			from: "members m CROSS JOIN sessions d ON d.id = m.session_id",
			where: term{
				"m.player_id = ? AND m.live IN (" + marks(len(live)) + ") AND d.project = ?",
				append(append([]any{c.Text()}, live...), string(project)),
			},
			rows: "", // a player is in few sessions
		}, 0, true
	case c.Field == game.FieldHost:
		return drive{
			from:  "sessions d INDEXED BY sessions_by_host",
			where: termOf("d.host_id IS NOT NULL AND d.project = ? AND d.host_id = ?", string(project), c.Text()),
		}, 0, true
	case namesSessions(c):
		column := "d." + c.Field
		from := "sessions d INDEXED BY sessions_by_" + c.Field
		return drive{
			from:  from,
			where: termOf(column+" <> '' AND d.project = ? AND "+column+" = ?", string(project), c.Text()),
			rows:  from,
		}, 3, true
	}
	return drive{}, 0, false
}

// attributeDrive reads the sessions with an attribute in a range of values.
func attributeDrive(project game.ProjectID, key string, live []any, value term) drive {
	return drive{
		from: "attributes a CROSS JOIN sessions d ON d.id = a.session_id",
		where: term{
			"a.project = ? AND a.key = ? AND a.live IN (" + marks(len(live)) + ") AND " + value.sql,
			slices.Concat([]any{string(project), key}, live, value.args),
		},
		rows: "attributes a",
	}
}

// statusDrive reads all sessions in some statuses.
func statusDrive(project game.ProjectID, statuses []game.SessionStatus) drive {
	args := make([]any, len(statuses), len(statuses)+1)
	for i, s := range statuses {
		args[i] = string(s)
	}
	return drive{
		from:  "sessions d INDEXED BY sessions_by_status",
		where: term{"d.status IN (" + marks(len(statuses)) + ") AND d.project = ?", append(args, string(project))},
	}
}

// narrow returns the way with the fewest sessions, and false if all have many.
func (s *Store) narrow(ctx context.Context, all []drive) (best drive, ok bool, _ error) {
	fewest := int64(s.sizes.narrow)
	for _, d := range all[:min(len(all), maxProbes)] {
		if d.rows == "" {
			return d, true, nil
		}
		var n int64
		err := s.readers.rows(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+d.rows+" WHERE "+d.where.sql+" LIMIT ?)",
			append(slices.Clip(d.where.args), fewest), one64(&n))
		if err != nil {
			return drive{}, false, err
		}
		if n < fewest {
			best, fewest, ok = d, n, true
		}
	}
	return best, ok, nil
}
