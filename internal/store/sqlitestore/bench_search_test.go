package sqlitestore_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
	"game-session-manager/internal/store/storetest"
)

// browserTarget is the greatest acceptable 99th percentile of a search.
const browserTarget = 50 * time.Millisecond

// BenchmarkBrowser measures searches. The floor reads the documents that a search returns, by their ids, through
// database/sql.
func BenchmarkBrowser(b *testing.B) {
	path := filepath.Join(b.TempDir(), "gsm.db")
	s, err := sqlitestore.Open(b.Context(), path, sqlitestore.Options{})
	must(b, err)
	defer func() { must(b, s.Close()) }()
	db, err := sql.Open("sqlite", path+"?_pragma=query_only(1)")
	must(b, err)
	defer func() { must(b, db.Close()) }()
	storetest.Browser{
		Store: s, Slowest: browserTarget,
		Fill: func(b *testing.B, n int, r *rand.Rand) {
			b.Helper()
			sessions := make(chan game.Session, 100)
			go func() {
				defer close(sessions)
				for range n {
					sessions <- storetest.BrowserSession(r)
				}
			}()
			concurrently(b, 1024, n, func(_, _ int) error { return s.CreateSession(b.Context(), <-sessions) })
		},
		Ready: func(b *testing.B) { b.Helper(); waitForIndexes(b, s) },
		Floor: func(ctx context.Context, _ game.SearchQuery, ids []game.SessionID) error {
			return readByIDs(ctx, db, ids)
		},
	}.Measure(b)
}

// waitForIndexes waits until the rows that searches look at are in memory, with their indexes.
func waitForIndexes(b *testing.B, s *sqlitestore.Store) {
	b.Helper()
	waitForRows(b, s)
	for _, shape := range storetest.Shapes() { // each order that is asked for has an index
		_, err := s.SearchSessions(b.Context(), shape.Query)
		must(b, err)
	}
	eventually(b, s.LiveIndexed, func() string { return "the indexes are not complete" })
}

// readByIDs reads documents, which is the least that a search has to do.
func readByIDs(ctx context.Context, db *sql.DB, ids []game.SessionID) error {
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	const byIDs = "SELECT doc FROM sessions WHERE id IN (SELECT value FROM json_each(?))"
	rows, err := db.QueryContext(ctx, byIDs, string(text))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // was only read
	for rows.Next() {
		var doc string
		if err := rows.Scan(&doc); err != nil {
			return err
		}
	}
	return rows.Err()
}
