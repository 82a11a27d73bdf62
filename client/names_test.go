package client_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNames holds the package to name every failure and every value of an enumeration that package game has: users
// cannot import that package.
func TestNames(t *testing.T) {
	t.Parallel()
	here := declared(t, ".", func(*ast.ValueSpec) bool { return true })
	there := declared(t, "../internal/game", func(v *ast.ValueSpec) bool {
		kind, named := v.Type.(*ast.Ident)
		enums := []string{
			"PlayerStatus", "SessionStatus", "MemberStatus", "EndReason", "Visibility", "Scope", "KeyStatus",
			"Liveness",
		}
		return named && slices.Contains(enums, kind.Name) || isError(v)
	})
	if len(there) < 30 {
		t.Errorf("found only %q in package game", there)
	}
	for _, name := range there {
		if !slices.Contains(here, name) {
			t.Errorf("client does not name game.%s", name)
		}
	}
}

// isError reports whether a variable is &Error{…}.
func isError(v *ast.ValueSpec) bool {
	if len(v.Values) != 1 {
		return false
	}
	address, ok := v.Values[0].(*ast.UnaryExpr)
	if !ok {
		return false
	}
	literal, ok := address.X.(*ast.CompositeLit)
	if !ok {
		return false
	}
	kind, ok := literal.Type.(*ast.Ident)
	return ok && kind.Name == "Error"
}

// declared are the exported constants and variables of the package in a directory that are wanted.
func declared(t *testing.T, dir string, want func(*ast.ValueSpec) bool) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				if v, ok := s.(*ast.ValueSpec); ok && v.Names[0].IsExported() && want(v) {
					names = append(names, v.Names[0].Name)
				}
			}
		}
	}
	return names
}
