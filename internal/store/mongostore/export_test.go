package mongostore

import (
	"context"
	"testing"

	"game-session-manager/internal/game"
)

// ErrClosed is the cause of refusals after Close.
var ErrClosed = errClosed

// HistorySize is how many writes a document remembers.
const HistorySize = historySize

// SQLClass returns the class of an error code of PostgreSQL.
var SQLClass = sqlClass

// Plan is how the server reads something.
type Plan struct {
	Index  string // that it is told to use
	Stages []string
}

// PlayersPlan returns the plan of a list.
func (s *Store) PlayersPlan(tb testing.TB, q game.PlayerQuery) Plan {
	return s.plan(tb, playersCollection, s.playersPage(q))
}

// SessionsPlan returns the plan of a list.
func (s *Store) SessionsPlan(tb testing.TB, q game.SessionQuery) Plan {
	return s.plan(tb, sessionsCollection, sessionsPage(q))
}

func (s *Store) plan(tb testing.TB, collection string, p page) Plan {
	tb.Helper()
	index := p.hint(s.server.capabilities)
	found, err := s.explain(tb.Context(), collection, p, index)
	if err != nil {
		tb.Fatal(err)
	}
	return Plan{index, found}
}

// Ordered reports whether indexes give an order.
func (s *Store) Ordered() bool { return s.server.OrderedIndexes }

// Product returns what the server is.
func (s *Store) Product() string { return s.server.product }

// Indexes returns the names of the indexes of every collection.
func Indexes(tb testing.TB) map[string][]string {
	tb.Helper()
	all := make(map[string][]string)
	for name, d := range designs() {
		for _, m := range d.indexes {
			spec, err := specification(m)
			if err != nil {
				tb.Fatal(err)
			}
			all[name] = append(all[name], spec.Lookup("name").StringValue())
		}
	}
	return all
}

// RunCommand runs a command on the database.
func (s *Store) RunCommand(ctx context.Context, command any) error {
	return s.database.RunCommand(ctx, command).Err()
}
