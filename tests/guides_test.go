package tests_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pasted is a block of shell commands of a page, and the block below it that shows what they print.
type pasted struct{ commands, output string }

// blocks returns the blocks of code of a page in a language, each with the block of JSON right below it, if any.
func blocks(t *testing.T, path, language string) (all []pasted) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```\n(?:```json\n(.*?)^```\n)?")
	for _, m := range form.FindAllStringSubmatch(string(text), -1) {
		all = append(all, pasted{m[1], m[2]})
	}
	if len(all) == 0 {
		t.Fatalf("%s has no block of %s", path, language)
	}
	return all
}

// guides returns the paths of the guides by task.
func guides(t *testing.T) []string {
	t.Helper()
	all, _ := filepath.Glob("../docs/guides/*.md")
	all = slices.DeleteFunc(all, func(path string) bool { return filepath.Base(path) == "README.md" })
	if len(all) < 3 {
		t.Fatalf("there are only the guides %v", all)
	}
	return all
}

// eachWay runs a test with jq and without, which the commands of the pages do not need. It gives the test a folder that
// has the programs that they may need, and no others, for PATH.
func eachWay(t *testing.T, run func(t *testing.T, programs string, jq bool)) {
	t.Helper()
	for name, programs := range map[string]string{
		"with jq": "bash cat curl date grep jq sed seq sleep", "without jq": "bash cat curl date grep sed seq sleep",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, program := range strings.Fields(programs) {
				path, err := exec.LookPath(program)
				if err != nil {
					t.Skipf("%s is not installed", program)
				}
				must(t, os.Symlink(path, filepath.Join(dir, program)))
			}
			run(t, dir, name == "with jq")
		})
	}
}

// paste runs blocks of commands one after the other in one shell, and returns what each of them printed.
func (s *server) paste(t *testing.T, programs string, all []pasted) []string {
	t.Helper()
	const mark = "\n-- the end of a block --\n"
	var script strings.Builder
	for _, b := range all {
		fmt.Fprintf(&script, "%s\nprintf '%s'\n", b.commands, strings.ReplaceAll(mark, "\n", `\n`))
	}
	cmd := exec.CommandContext(
		t.Context(), filepath.Join(programs, "bash"), "-eu", "-o", "pipefail", "-c", script.String(),
	)
	cmd.Env = []string{"PATH=" + programs, "API=" + s.url}
	out, err := cmd.CombinedOutput()
	printed := strings.Split(string(out), mark)
	if err != nil || len(printed) != len(all)+1 {
		t.Fatalf("%v, in the block\n%s\nafter\n%s", err, all[min(len(printed), len(all))-1].commands, out)
	}
	return printed[:len(all)]
}

// TestGuides pastes the commands of each guide, and compares what they print with what the guide shows.
func TestGuides(t *testing.T) {
	t.Parallel()
	only(t, sqlite) // on which the guides start the service: they wait for half a minute, and the rules are the same
	s := start(t, withWebhooks)
	for _, path := range guides(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			all := blocks(t, path, "sh")
			eachWay(t, func(t *testing.T, programs string, jq bool) {
				for i, printed := range s.paste(t, programs, all) {
					if missing := all[i].missing(printed, jq); missing != "" {
						t.Errorf("%s: the commands print\n%s\nand not\n%s", path, printed, missing)
					}
				}
			})
		})
	}
}

// missing compares what the commands printed with what the page shows, in which … stands for anything, and returns what
// was not printed, or "". Without jq the commands print whole documents: they must have the fields that are shown, in
// that order.
func (p pasted) missing(printed string, jq bool) string {
	if jq {
		want := strings.TrimSpace(p.output)
		form := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", "[^\n]*?") + "$"
		if !regexp.MustCompile(form).MatchString(strings.TrimSpace(printed)) {
			return want
		}
		return ""
	}
	fields := regexp.MustCompile(`"[a-z_]+":("[^"…]*"|-?\d+|true|false)`)
	for _, field := range fields.FindAllString(p.output, -1) {
		_, after, found := strings.Cut(printed, field)
		if !found {
			return field
		}
		printed = after
	}
	return ""
}

// TestGuidesBeginAlike: each guide can be read alone, and defines the same commands.
func TestGuidesBeginAlike(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	all := guides(t)
	first := blocks(t, all[0], "sh")[0]
	for _, path := range all[1:] {
		if blocks(t, path, "sh")[0] != first {
			t.Errorf("%s and %s begin with different commands", path, all[0])
		}
	}
	for _, path := range all { // a block of JSON elsewhere would show something that nobody checks
		text, err := os.ReadFile(path)
		must(t, err)
		n, below := strings.Count(string(text), "```json"), strings.Count(string(text), "```\n```json")
		if n != below {
			t.Errorf("%s: %d of %d blocks of JSON are not right below commands", path, n-below, n)
		}
	}
}
