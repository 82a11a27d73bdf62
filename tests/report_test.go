package tests_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reportVariable names a directory in which benchmarks write their tables, for make bench-report.
const reportVariable = "GSM_BENCH_REPORT"

// reportTable logs a table, whose first row is its header, and writes it to the report, if there is one, as name.md.
func reportTable(b *testing.B, name, title string, rows [][]string) {
	b.Helper()
	b.Logf("%s\n%s", title, table(b, rows))
	directory := os.Getenv(reportVariable)
	if directory == "" {
		return
	}
	var text strings.Builder
	text.WriteString("**" + title + "**\n\n")
	for i, row := range rows {
		text.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			text.WriteString("|---" + strings.Repeat("|--:", len(row)-1) + "|\n")
		}
	}
	must(b, os.WriteFile(filepath.Join(directory, name+".md"), []byte(text.String()), 0o600))
}
