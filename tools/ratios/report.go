package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// report records all ratios, and writes the page with them and the tables of other benchmarks.
func (s *settings) report(ctx context.Context) error {
	if err := s.record(ctx); err != nil {
		return err
	}
	all, err := s.recorded()
	if err != nil {
		return err
	}
	var page bytes.Buffer
	head, err := s.head(ctx)
	if err != nil {
		return err
	}
	page.WriteString(head)
	page.WriteString("**Beside bare servers** (`gsm bench SCENARIO --floor`, medians of " + strconv.Itoa(s.samples) +
		" runs; see [the floor](benchmarks.md#the-floor))\n\n")
	page.WriteString("| database | operation | beside | gsm's rate to its | its processor time to gsm's |\n" +
		"|---|---|---|--:|--:|\n")
	for _, r := range all {
		fmt.Fprintf(&page, "| %s | %s | `%s` | %.2f | %.2f |\n", r.Database, r.Operation, r.To, median(r.Rate),
			median(r.Processor))
	}
	tables, err := filepath.Glob(filepath.Join(s.tables, "*.md"))
	if err != nil {
		return err
	}
	slices.Sort(tables)
	for _, name := range tables {
		text, err := os.ReadFile(name) //nolint:gosec // of the directory that the caller names
		if err != nil {
			return err
		}
		page.WriteString("\n")
		page.Write(text)
	}
	return os.WriteFile(s.to, page.Bytes(), 0o600)
}

// head returns the beginning of the page, which says what was measured on which machine.
func (s *settings) head(ctx context.Context) (string, error) {
	version, err := exec.CommandContext(ctx, s.gsm, "version").Output() //nolint:gosec // the caller names the program
	if err != nil {
		return "", fmt.Errorf("gsm version: %w", err)
	}
	return fmt.Sprintf(`# Results of benchmarks

Written by `+"`make bench-report`"+`: do not edit. [benchmarks.md](benchmarks.md) says how to read it, and how to measure on
your own machine.

| | |
|---|---|
| gsm | %s |
| when | %s |
| processors | %d, %s |
| memory | %s |
| system | %s/%s, %s |

`, strings.TrimSpace(strings.TrimPrefix(string(version), "gsm ")), time.Now().UTC().Format(time.DateOnly),
		runtime.NumCPU(), field("/proc/cpuinfo", "model name"), field("/proc/meminfo", "MemTotal"),
		runtime.GOOS, runtime.GOARCH,
		runtime.Version()), nil
}

// field returns the first value of a field in a file of the system, or a dash.
func field(path, name string) string {
	text, _ := os.ReadFile(path) //nolint:gosec // a constant
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "–"
}
