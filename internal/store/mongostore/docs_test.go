package mongostore_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the generated tables of docs/data-model.md and testdata/schema.txt")

// TestDocs checks the tables of fields and filters in docs/data-model.md. "make docs" writes them.
func TestDocs(t *testing.T) {
	t.Parallel()
	storetest.Docs(t, mongostore.DocsTables(t), *update)
}

// TestDocsOfSchema checks that the schema has a new version if it has changed. "make docs" writes testdata/schema.txt.
func TestDocsOfSchema(t *testing.T) {
	t.Parallel()
	const path = "testdata/schema.txt"
	b, err := os.ReadFile(path)
	must(t, err)
	version := fmt.Sprintf("version %d\n", mongostore.SchemaVersion)
	switch schema := version + mongostore.Schema(t); {
	case string(b) == schema:
	case strings.HasPrefix(string(b), version):
		t.Error("the indexes or validators have changed: raise schemaVersion, and run `make docs`")
	case *update:
		must(t, os.WriteFile(path, []byte(schema), 0o644))
	default:
		t.Error(path + " is outdated: run `make docs`")
	}
}

// TestDesigns checks that no noun lacks a collection and that no collection is forgotten by gsm db check and gsm db
// copy. It needs no server.
func TestDesigns(t *testing.T) {
	t.Parallel()
	others := []string{"notices", "writers", "feeds", "meta", "tasks"} // neither exported nor copied
	inspected := mongostore.Inspected()
	for _, n := range game.Nouns(time.Time{}) {
		others = append(others, n.Name())
		if !inspected[n.Name()] && n.Name() != "metrics" {
			t.Errorf("the documents of %s are not inspected: add a row to designs", n.Name())
		}
	}
	for name := range inspected {
		if !slices.Contains(others, name) {
			t.Errorf("collection %s belongs to no noun: add it to game.Nouns", name)
		}
	}
}
