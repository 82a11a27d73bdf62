package report_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"game-session-manager/internal/report"
)

// A code that the list forgets would have no count in the metrics and no line in the runbooks.
func TestFailureCodes(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "report.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []report.FailureCode
	ast.Inspect(file, func(n ast.Node) bool {
		if s, is := n.(*ast.ValueSpec); is {
			code, err := strconv.Unquote(s.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, report.FailureCode(code))
		}
		return true
	})
	if !slices.Equal(found, report.FailureCodes()) {
		t.Errorf("the list has %v, the constants are %v", report.FailureCodes(), found)
	}
}
