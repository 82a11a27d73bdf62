package sqlitestore_test

import (
	"flag"
	"testing"

	"game-session-manager/internal/store/sqlitestore"
	"game-session-manager/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the generated tables of docs/data-model.md")

// TestDocs checks the tables of columns in docs/data-model.md. "make docs" writes them.
func TestDocs(t *testing.T) {
	t.Parallel()
	storetest.Docs(t, sqlitestore.DocsTables(), *update)
}
