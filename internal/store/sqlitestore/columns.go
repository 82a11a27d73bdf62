package sqlitestore

import (
	"slices"
	"strings"
	"sync"
	"time"

	"game-session-manager/internal/game"
)

// searched describes how documents are searched by a field.
type searched struct {
	field string // of [game.SessionFields] or [game.PlayerFields]
	// column contains a copy of the field's value. It is "" if rows of another table contain the values, or if searches
	// compare another field.
	column string
	// index starts with the project and the column and continues in the order of the list; that of a name has the
	// status in between. If it is "", the list is scanned and rows that do not match are skipped.
	index string
	// only is the condition that a statement needs for SQLite to use a partial index, which omits documents with the
	// usual value.
	only, usual string
}

// playersSearched returns how players are searched. The caller must not change it.
var playersSearched = sync.OnceValue(func() []searched {
	return []searched{
		{game.FieldID, "id", "sqlite_autoindex_players_1", "", ""},
		{game.FieldUsername, "username_key", "players_by_username", "username_key IS NOT NULL", ""},
		{game.FieldName, "name_key", "players_by_name", "name_key IS NOT NULL", ""},
		{game.FieldStatus, "status", "players_not_active", "status <> 'active'", "active"},
	}
})

// sessionsSearched returns how sessions are searched. The caller must not change it.
var sessionsSearched = sync.OnceValue(func() []searched {
	return []searched{
		{game.FieldID, "id", "sqlite_autoindex_sessions_1", "", ""},
		{game.FieldStatus, "status", "sessions_by_status", "", ""},
		{"mode", "mode", "sessions_by_mode", "mode <> ''", ""},
		{"map", "map", "sessions_by_map", "map <> ''", ""},
		{"region", "region", "sessions_by_region", "region <> ''", ""},
		{game.FieldVisibility, "visibility", "sessions_not_public", "visibility <> 'public'", "public"},
		{game.FieldLiveness, "liveness", "sessions_stale", "liveness <> 'live'", "live"},
		{game.FieldHost, "host_id", "sessions_by_host", "host_id IS NOT NULL", ""},
		{game.FieldFreeSeats, "free_seats", "", "", ""},
		{"seats_held", "seats_held", "", "", ""},
		{"max_players", "max_players", "", "", ""},
		{"name", "name", "", "", ""},
		{"locked", "locked", "", "", ""},
		{"has_password", "has_password", "", "", ""},
		{"created_at", "created_at", "", "", ""},
		{"updated_at", "updated_at", "", "", ""},
		{"ended_at", "ended_at", "", "", ""},
		{game.FieldObstacles, "obstacles", "", "", ""},
		{field: game.FieldJoinable}, // searches compare the obstacles
		{field: game.FieldMember},
		{field: game.FieldNamed},
		{field: game.FieldAttributes},
	}
})

// column is a copy of a part of the document, for indexes. Copies cost less than columns that SQLite generates from the
// document: see docs/decisions/0027-filters-and-generated-columns.md.
type column[D any] struct {
	name string
	of   func(*D) any // values compare with ==
}

func columnsOf[D any](fields []game.Field[D], all []searched) []column[D] {
	var columns []column[D]
	for _, s := range all {
		i := slices.IndexFunc(fields, func(f game.Field[D]) bool { return f.Name == s.field })
		if s.column != "" && s.column != "id" { // every document has that one
			of := fields[i].Of
			columns = append(columns, column[D]{s.column, func(d *D) any { return stored(of(d)) }})
		}
	}
	return columns
}

var (
	sessionColumns = append(columnsOf(game.SessionFields(), sessionsSearched()), []column[game.Session]{
		{"due_at", func(v *game.Session) any { return millis(v.NextDue()) }},
		{"join_code", func(v *game.Session) any {
			if v.JoinCode == nil {
				return nil
			}
			return v.JoinCode.Code
		}},
		{"pulse", pulseOf(newCodec())},
	}...)
	playerColumns = append(columnsOf(game.PlayerFields(), playersSearched()), []column[game.Player]{
		{"erasing", func(p *game.Player) any { return flag(p.ErasingSince != nil) }},
		{"sweeping", func(p *game.Player) any { return flag(p.SweepSince != nil) }},
		{"suspended_until", func(p *game.Player) any { return millis(p.SuspendedUntil) }},
	}...)
)

// stored returns the value of a field as its column has it: times in milliseconds, and 0 and 1 for false and true.
func stored(has any) any {
	switch v := has.(type) {
	case time.Time:
		return v.UnixMilli()
	case bool:
		return flag(v)
	}
	return has
}

// millis returns the Unix time in milliseconds, or nil for none.
func millis(at *time.Time) any {
	if at == nil {
		return nil
	}
	return at.UnixMilli()
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// place identifies a version of a stored document.
type place struct {
	table, id, project string
	version            int64
}

func (p place) key() []any { return []any{p.id, p.project} }

// insertion returns the statement that inserts a document.
func insertion[D any](at place, columns []column[D], doc string, d *D) (sql string, args []any) {
	args = []any{at.id, at.project, at.version, doc}
	var names strings.Builder
	for _, c := range columns {
		names.WriteString(", " + c.name)
		args = append(args, c.of(d))
	}
	sql = "INSERT INTO " + at.table + " (id, project, version, doc" + names.String() + ")"
	return sql + " VALUES (" + marks(len(args)) + ")", args
}

// replacement returns the statement that replaces a document at the version. It sets only the columns that differ,
// because SQLite writes every index of a column that is set.
func replacement[D any](
	at place, columns []column[D], version int64, doc string, old, next *D,
) (sql string, args []any) {
	args = []any{version, doc}
	var set strings.Builder
	for _, c := range columns {
		if v := c.of(next); v != c.of(old) {
			set.WriteString(", " + c.name + " = ?")
			args = append(args, v)
		}
	}
	sql = "UPDATE " + at.table + " SET version = ?, doc = ?" + set.String()
	return sql + " WHERE id = ? AND project = ? AND version = ?", append(args, at.id, at.project, at.version)
}
