package tests_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts tells the stories in scripts: whole games, as somebody with curl would see them. Beside the commands of
// testscript they use:
//
//	serve                                     starts gsm on a fresh database
//	crash                                     kills it, as kill -9 does, and starts it again on the same database
//	http METHOD path [body] [Name:value]…     sends a request; prints status, important headers and body
//	keep NAME path.in.the.body                sets an environment variable from the last answer
//	await METHOD path regexp                  sends a request until what it prints matches; with ! until it does not
//
// Paths are those below /api/v1. A script ends with the first request that fails in another way than it expects: it
// says what it expects with stdout.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "scripts",
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "PATH="+filepath.Dir(gsm))
			env.Values[storyKey{}] = &story{t: env.T().(testing.TB)}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": scripted(0, 0, (*story).serve),
			"crash": scripted(0, 0, (*story).crash),
			"http":  scripted(2, 9, (*story).request),
			"keep":  scripted(2, 2, (*story).keep),
			"await": func(ts *testscript.TestScript, neg bool, args []string) {
				scripted(
					3, 3, func(s *story, ts *testscript.TestScript, args []string) { s.await(ts, !neg, args) },
				)(ts, false, args)
			},
		},
	})
}

// storyKey finds a script's story among its values.
type storyKey struct{}

// story is the state of one script.
type story struct {
	t      testing.TB
	server *server
	last   response
}

// scripted makes a command of a method.
func scripted(
	least, most int, f func(*story, *testscript.TestScript, []string),
) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < least || len(args) > most {
			ts.Fatalf("want %d to %d arguments, and no !", least, most)
		}
		f(ts.Value(storyKey{}).(*story), ts, args)
	}
}

func (s *story) serve(*testscript.TestScript, []string) { s.server = start(s.t) }

func (s *story) crash(*testscript.TestScript, []string) {
	s.server.kill()
	s.server = start(s.t, onDatabase(s.server.database))
}

func (s *story) request(ts *testscript.TestScript, args []string) {
	text, err := s.send(args)
	ts.Check(err)
	_, err = ts.Stdout().Write([]byte(text))
	ts.Check(err)
}

func (s *story) send(args []string) (printed string, err error) {
	var body string
	headers := []string{}
	for _, arg := range args[2:] {
		if name, value, ok := strings.Cut(arg, ":"); ok && !strings.HasPrefix(arg, "{") {
			headers = append(headers, name, strings.TrimSpace(value))
		} else {
			body = arg
		}
	}
	if s.server == nil {
		return "", errors.New("there is no server: begin with serve")
	}
	if s.last, err = s.server.try(s.t.Context(), args[0]+" /api/v1"+args[1], body, headers...); err != nil {
		return "", err
	}
	return s.last.print()
}

// print formats a response: "201 Created", headers, and the indented body.
func (a response) print() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", a.status, http.StatusText(a.status))
	for _, name := range []string{"Location", "ETag", "Idempotent-Replayed", "Retry-After"} {
		if v := a.header.Get(name); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	if a.body == "" {
		return b.String(), nil
	}
	var tree any
	if err := json.Unmarshal([]byte(a.body), &tree); err != nil {
		return "", err
	}
	pretty, err := json.MarshalIndent(tree, "", "  ")
	return b.String() + string(pretty) + "\n", err
}

func (s *story) keep(ts *testscript.TestScript, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(s.last.body), &v))
	for key := range strings.SplitSeq(args[1], ".") {
		switch tree := v.(type) {
		case map[string]any:
			v = tree[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(tree) {
				ts.Fatalf("no item %s in %v", key, tree)
			}
			v = tree[i]
		}
	}
	if v == nil {
		ts.Fatalf("nothing at %s in %s", args[1], s.last.body)
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

func (s *story) await(ts *testscript.TestScript, match bool, args []string) {
	pattern, err := regexp.Compile(args[2])
	ts.Check(err)
	var text string
	eventually(s.t, fmt.Sprintf("%v is %v in %v", args[2], match, args[:2]), func() bool {
		text, err = s.send(args[:2])
		return err == nil && pattern.MatchString(text) == match
	})
	_, err = ts.Stdout().Write([]byte(text))
	ts.Check(err)
}
