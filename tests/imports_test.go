package tests_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "game-session-manager/"

// mayImport says which packages of this module each package may import, beside the standard library and other modules.
// "*" is all of them.
func mayImport() map[string][]string {
	return map[string][]string{
		"cmd/gsm":          {"*"},
		"internal/gsmtest": {"*"},
		"internal/store":   {"internal/game", "internal/store/sqlitestore", "internal/store/mongostore"},
		"internal/api": {
			"internal/api/web", "internal/api/wire", "internal/feed", "internal/game", "internal/limits",
			"internal/report",
		},
		"internal/api/web":           {},
		"internal/api/wire":          {"internal/game"},
		"internal/feed":              {"internal/game"},
		"internal/webhooks":          {"internal/game", "internal/report"},
		"internal/filtergen":         {"internal/game"},
		"internal/keeper":            {"internal/game", "internal/report"},
		"internal/observe":           {"internal/game", "internal/report", "internal/store/wrap"},
		"internal/top":               {"internal/game", "internal/report", "internal/store/wrap"},
		"internal/bench":             {"client", "internal/bench/floor"},
		"internal/bench/floor":       {},
		"internal/store/sqlitestore": {"internal/game"},
		"internal/store/mongostore":  {"internal/game"},

		"internal/store/mongostore/mongotest":   {},
		"internal/store/sqlitestore/sqlitetest": {"internal/store/sqlitestore"},
		"internal/store/storetest":              {"internal/game", "internal/game/gametest", "internal/store/wrap"},
		"internal/store/wrap":                   {"internal/game"},
		"internal/store/wrap/generate":          {},
		"client":                                {"internal/api/wire", "internal/game"},
		"internal/game":                         {},
		"internal/game/gametest":                {"internal/game"},
		"internal/config":                       {"internal/game"},
		"internal/limits":                       {},
		"internal/report":                       {},
		"internal/auth":                         {"internal/game", "internal/limits"},
		"tests":                                 {},
		"tests/linear":                          {},

		"deployment/check":       {},
		"deployment/check/agent": {},
		"deployment/check/helm":  {},
	}
}

// onlyFor says which packages alone may import a package, or those below it.
func onlyFor() map[string][]string {
	return map[string][]string{
		"modernc.org/sqlite":         {"internal/store/sqlitestore"},
		"github.com/go-jose/go-jose": {"internal/auth"},
		"github.com/coreos/go-oidc":  {"internal/auth"},
		"go.mongodb.org/mongo-driver": {
			"internal/store/mongostore", "internal/store/mongostore/mongotest", "internal/bench/floor",
			"deployment/check/agent",
		},
		"charm.land/bubbletea":     {"internal/top"},
		"code.dny.dev/ssrf":        {"internal/webhooks"},
		module + "internal/config": {"cmd/gsm", "internal/gsmtest"},
	}
}

// standardOnly are the packages that import the standard library only, beside what mayImport allows and these packages.
func standardOnly() map[string][]string {
	return map[string][]string{
		// Tables of Unicode: docs/decisions/0021-names.md.
		"internal/game":   {"golang.org/x/text/cases", "golang.org/x/text/unicode/norm"},
		"internal/config": nil,
		// It has no dependencies of its own, and receivers must verify as the standard says.
		"client": {"github.com/standard-webhooks/standard-webhooks/libraries/go"},
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := mayImport()[name]
		if !known {
			t.Errorf("%s: say in mayImport what it may import", name)
			continue
		}
		for _, path := range p.Imports {
			if dependency, ours := strings.CutPrefix(path, module); ours {
				if !slices.Contains(allowed, "*") && !slices.Contains(allowed, dependency) {
					t.Errorf("%s must not import %s", name, dependency)
				}
			} else if beside, is := standardOnly()[name]; is && strings.Contains(strings.Split(path, "/")[0], ".") &&
				!slices.Contains(beside, path) {
				t.Errorf("%s must not import %s: it keeps to the standard library", name, path)
			}
			for limited, only := range onlyFor() {
				if (path == limited || strings.HasPrefix(path, limited+"/")) && !slices.Contains(only, name) {
					t.Errorf("%s must not import %s: only %v may", name, path, only)
				}
			}
		}
	}
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

// packages are those of this module, without their tests.
func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "../...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.String())
	}
	var found []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		found = append(found, p)
	}
}
