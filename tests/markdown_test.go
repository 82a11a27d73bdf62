package tests_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	maxColumns   = 120 // of a line of prose; tables and code may be wider
	maxPageLines = 150 // of a page of docs/operations
)

// TestMarkdown checks every Markdown file of the repository: lines of prose are not too long, and relative links lead
// to files and headings that exist.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	for _, path := range markdownFiles(t) {
		lines := prose(t, path)
		for n, line := range lines {
			if c := utf8.RuneCountInString(line); c > maxColumns && !strings.HasPrefix(strings.TrimSpace(line), "|") {
				t.Errorf("%s:%d: %d columns, at most %d are allowed", path, n+1, c, maxColumns)
			}
		}
		if filepath.Base(filepath.Dir(path)) == "operations" && len(lines) > maxPageLines {
			t.Errorf("%s has %d lines, at most %d are allowed", path, len(lines), maxPageLines)
		}
		links := regexp.MustCompile(`\]\(([^)\s]+)\)`)
		for _, link := range links.FindAllStringSubmatch(strings.Join(lines, "\n"), -1) {
			if !strings.Contains(link[1], ":") {
				leads(t, path, link[1])
			}
		}
	}
}

// leads fails unless a relative link of a page names a file, and its fragment a heading of that file.
func leads(t *testing.T, page, link string) {
	t.Helper()
	to, fragment, _ := strings.Cut(link, "#")
	path := page
	if to != "" {
		path = filepath.Join(filepath.Dir(page), to)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("%s: the link %s: %v", page, link, err)
		return
	}
	if fragment != "" && !slices.Contains(anchors(t, path), fragment) {
		t.Errorf("%s: the link %s: %s has no such heading", page, link, path)
	}
}

// markdownFiles returns the paths of the Markdown files of the repository, and none of what its checks leave there.
func markdownFiles(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		if err == nil && d.IsDir() && name != ".." &&
			(strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "dist", "generated"}, name)) {
			return filepath.SkipDir
		}
		if err == nil && filepath.Ext(name) == ".md" {
			all = append(all, path)
		}
		return err
	})
	if err != nil || len(all) < 30 {
		t.Fatalf("found %d pages: %v", len(all), err)
	}
	return all
}

// prose returns the lines of a Markdown file, with the lines of code blocks empty.
func prose(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	code := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if code || fence {
			lines[i] = ""
		}
		code = code != fence
	}
	return lines
}

// anchors returns the fragments that GitHub gives the headings of a Markdown file.
func anchors(t *testing.T, path string) (all []string) {
	t.Helper()
	for _, line := range prose(t, path) {
		if marks, heading, ok := strings.Cut(line, " "); ok && marks != "" && strings.Trim(marks, "#") == "" {
			heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
			all = append(all, strings.ReplaceAll(heading, " ", "-"))
		}
	}
	return all
}
