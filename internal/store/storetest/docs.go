package storetest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Docs checks generated tables in docs/data-model.md. Each stands between a comment with its title and one that says
// "end". If update is set, Docs writes them.
func Docs(t *testing.T, tables map[string]string, update bool) {
	t.Helper()
	const path = "../../../docs/data-model.md"
	b, err := os.ReadFile(path)
	must(t, err)
	page := string(b)
	for title, table := range tables {
		place := regexp.MustCompile(`(?s)(<!-- ` + regexp.QuoteMeta(title) + ` -->\n).*?(<!-- end -->)`)
		if !place.MatchString(page) {
			t.Errorf("docs/data-model.md lacks <!-- %s --> and <!-- end -->", title)
		}
		page = place.ReplaceAllString(page, "${1}"+strings.ReplaceAll(table, "$", "$$")+"${2}")
	}
	if update {
		must(t, os.WriteFile(path, []byte(page), 0o644))
	} else if page != string(b) {
		t.Error("docs/data-model.md is outdated: run `make docs`")
	}
}
