package check

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// question is a query in the shipped files.
type question struct{ where, expr string }

// absence is a query that has no result in the check, with the reason. Needs names what would give it a result. If
// that is available, the query must have one.
type absence struct{ Where, Needs, Reason string }

// needs are the values of Needs, and whether the recording provides them if the server does not.
var needs = map[string]bool{
	"mongodb": false, "exporter": false, "diagnostics": true, "replica set": true, "secondary": true,
}

// TestAnswers runs every query of the shipped files, and while a database is cut off, the queries that show failures.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	s.fail(t)
	if s.has["exporter"] { // it reports 0 if it cannot reach the server
		s.wantAnswers(t, []question{{"the exporter reaches the server", `mongodb_up{job="mongodb"} == 1`}})
	}
	asked := questions(t)
	var listed []absence
	readYAML(t, "absent.yml", &listed)
	due := slices.DeleteFunc(slices.Clone(asked), func(q question) bool {
		a := find(listed, q)
		return a != nil && !s.has[a.Needs]
	})
	s.wantAnswers(t, due) // the last results appear with the slowest rates
	t.Logf("asked %d questions; Prometheus has %d series", len(due), s.series(t))
	s.checkAbsences(t, listed, asked)
	if !s.has["exporter"] {
		return
	}
	s.play(t, strings.TrimSpace(os.Getenv(uriEnv)))
	recorded := slices.DeleteFunc(asked, func(q question) bool {
		a := find(listed, q)
		return a == nil || s.has[a.Needs]
	})
	s.wantAnswers(t, recorded)
	for _, a := range listed {
		if !s.has[a.Needs] {
			t.Logf("ASKED OF A RECORDING: %s: %s", a.Where, a.Reason)
		}
	}
	s.askThroughGrafana(t)
}

// wantAnswers waits until each query has had a result.
func (s *stack) wantAnswers(t *testing.T, asked []question) {
	t.Helper()
	open := slices.Clone(asked)
	if within(t, func() bool {
		open = slices.DeleteFunc(open, func(q question) bool {
			n, err := s.ask(q.expr)
			if err != nil {
				t.Fatalf("%s: %v\n%s", q.where, err, q.expr)
			}
			return n > 0
		})
		return len(open) == 0
	}) {
		return
	}
	for _, q := range open {
		t.Errorf("%s: no result for %s", q.where, q.expr)
	}
}

func (s *stack) checkAbsences(t *testing.T, listed []absence, asked []question) {
	t.Helper()
	for _, a := range listed {
		if !slices.ContainsFunc(asked, func(q question) bool { return q.where == a.Where }) {
			t.Errorf("absent.yml: nothing is called %s", a.Where)
		}
		_, known := needs[a.Needs]
		if a.Reason == "" || !known {
			t.Errorf("absent.yml: %s: no reason, or needs %q", a.Where, a.Needs)
		}
		if s.has[a.Needs] {
			continue
		}
		if !s.has["exporter"] || !needs[a.Needs] {
			t.Logf("NOT CHECKED, needs %s: %s: %s", a.Needs, a.Where, a.Reason)
		}
		for _, q := range asked {
			if q.where != a.Where {
				continue
			}
			if n, err := s.ask(q.expr); err != nil || n > 0 {
				t.Errorf("absent.yml: %s has %d results, take it off the list (%v)", q.where, n, err)
			}
		}
	}
}

func find(listed []absence, q question) *absence {
	if i := slices.IndexFunc(listed, func(a absence) bool { return a.Where == q.where }); i >= 0 {
		return &listed[i]
	}
	return nil
}

// labelValues matches the query of a dashboard variable: the values of a label.
var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// questions returns the queries of all panels and variables, the expressions of all recording rules, and the series
// that alerts read, because alerts themselves have no result normally.
func questions(t *testing.T) []question {
	t.Helper()
	all := map[question]bool{}
	for _, d := range dashboards(t) {
		for _, v := range d.Templating.List {
			if m := labelValues.FindStringSubmatch(v.Definition); m != nil {
				all[question{d.UID + "/" + v.Name, "group by (" + m[2] + ") (" + choices[1].Replace(m[1]) + ")"}] = true
			} else if v.Definition != "" {
				t.Errorf("%s/%s asks something else than label_values: %s", d.UID, v.Name, v.Definition)
			}
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				for _, c := range choices {
					all[question{d.UID + "/" + p.Title, c.Replace(q.Expr)}] = true
				}
			}
		}
	}
	for _, r := range rules(t) {
		if r.Record != "" {
			all[question{r.Record, r.Expr}] = true
			all[question{r.Record, r.Record}] = true
			continue
		}
		e, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
		if err != nil {
			t.Fatalf("%s: %v", r.Alert, err)
		}
		parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
			if v, ok := n.(*parser.VectorSelector); ok {
				all[question{r.Alert, v.String()}] = true
			}
			return nil
		})
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b question) int {
		return cmp.Or(cmp.Compare(a.where, b.where), cmp.Compare(a.expr, b.expr))
	})
}

// ask returns the number of series in the result.
func (s *stack) ask(expr string) (int, error) {
	res, err := s.http.PostForm(s.prometheus+"/api/v1/query", url.Values{"query": {expr}})
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	var response struct {
		Error string
		Data  struct{ Result []json.RawMessage }
	}
	if err := json.NewDecoder(res.Body).Decode(&response); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", res.Status, response.Error)
	}
	return len(response.Data.Result), nil
}

func (s *stack) series(t *testing.T) int {
	t.Helper()
	n, err := s.ask(`{__name__=~".+"}`)
	if err != nil {
		t.Error(err)
	}
	return n
}
