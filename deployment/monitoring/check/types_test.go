package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTypes has TypeScript hold each dashboard against the types of Grafana's SDK, which know the keys and values of panels,
// queries, variables and units.
func TestTypes(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatalf("%v: install Node.js and npm", err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "grafana/schema"))); err != nil {
		t.Fatal(err)
	}
	for _, path := range files(t, "grafana/dashboards/*.json") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// A literal, because TypeScript forgives keys it does not know in what is imported.
		text = fmt.Appendf(nil, "import type { Shipped } from './dashboard';\nexport const board: Shipped = %s;\n", text)
		name := strings.TrimSuffix(filepath.Base(path), ".json") + ".ts"
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	run(t, dir, filepath.Join("node_modules", ".bin", "tsc"))
}
