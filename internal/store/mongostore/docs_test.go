package mongostore_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"game-session-manager/internal/store/mongostore"
)

var update = flag.Bool("update", false, "write the generated tables of docs/data-model.md anew")

// TestDocs checks the tables of fields in docs/data-model.md against the structs. "make docs" writes them.
func TestDocs(t *testing.T) {
	t.Parallel()
	const path = "../../../docs/data-model.md"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for name, table := range mongostore.FieldTables() {
		place := regexp.MustCompile(`(?s)(<!-- fields of ` + name + ` -->\n).*?(<!-- end -->)`)
		if !place.MatchString(page) {
			t.Errorf("docs/data-model.md lacks the markers for the fields of %s", name)
		}
		page = place.ReplaceAllString(page, "${1}"+strings.ReplaceAll(table, "$", "$$")+"${2}")
	}
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if page != string(b) {
		t.Error("docs/data-model.md is not what the structs say: run `make docs`")
	}
}
