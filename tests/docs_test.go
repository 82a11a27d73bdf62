package tests_test

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/report"
)

var update = flag.Bool("update", false, "write the generated pages of docs anew")

// TestDocs holds the generated pages to the program. `make docs` writes them.
func TestDocs(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t)
	_, manual, _ := runToEnd(t, []string{"COLUMNS=110"}, "serve", "--help")
	for name, want := range map[string]string{
		"openapi.yaml": s.do(t, "GET /openapi.yaml", "").is(http.StatusOK).body,
		"configuration.md": "# Configuration\n\nEach flag of `gsm serve` has an environment variable; a flag takes " +
			"precedence. " +
			"`gsm config` prints the\neffective values. " +
			"This page is the output of `gsm serve --help`.\n\n```\n" + manual + "```\n",
	} {
		path := filepath.Join("..", "docs", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("docs/%s differs from the program: run `make docs`: %v", name, err)
		}
	}
}

// TestDocumentedCodes holds the table of error codes in docs/api.md, and the errors of the SDK, to the codes there are.
func TestDocumentedCodes(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	rules := found(t, "../internal/game/errors.go", `Code: +"([a-z_]+)"`)
	there := slices.Clone(rules)
	own, _ := filepath.Glob("../internal/api/*.go")
	plumbing, _ := filepath.Glob("../internal/api/web/*.go")
	for _, file := range slices.Concat(own, plumbing) {
		there = append(there, found(t, file, `(?:NewProblem|reject)\(\n?(?:[^"\n]|[(,]\n)*"([a-z_]+)"`)...)
	}
	for what, codes := range map[string][]string{
		"docs/api.md":      found(t, "../docs/api.md", "(?m)^\\| \\d{3} \\| `([a-z_]+)` \\|"),
		"client/errors.go": append(found(t, "../client/errors.go", `Code: +"([a-z_]+)"`), rules...),
	} {
		if got, want := sorted(codes), sorted(there); !slices.Equal(got, want) {
			t.Errorf("%s has\n%s\nand there are\n%s", what, strings.Join(got, " "), strings.Join(want, " "))
		}
	}
}

// TestDocumentedFailures holds the table of failures in docs/operations/errors.md to the codes there are.
func TestDocumentedFailures(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	var there []string
	for _, code := range report.FailureCodes() {
		there = append(there, string(code))
	}
	got := found(t, "../docs/operations/errors.md", "(?m)^\\| `([a-z_]+)` \\| (?:ERROR|WARN) \\|")
	if !slices.Equal(sorted(got), sorted(there)) {
		t.Errorf("docs/operations/errors.md has %v, and there are %v", got, there)
	}
	declared := found(t, "../internal/report/report.go", `FailureCode = "([a-z_]+)"`)
	if !slices.Equal(sorted(declared), sorted(there)) {
		t.Errorf("FailureCodes has %v, and there are %v", there, declared)
	}
}

// sorted returns the names in order, each once.
func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// found returns what the first group of an expression matches in a file.
func found(t *testing.T, path, expression string) (all []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(expression).FindAllSubmatch(b, -1) {
		all = append(all, string(m[1]))
	}
	return all
}
