package check

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// question is one that the shipped files ask Prometheus.
type question struct{ where, expr string }

// absence is a question that gets no answer in the check, and why. Needs names what would have it answer: mongodb, exporter,
// or failure for what cannot be broken from outside. With that at hand the question must be answered.
type absence struct{ Where, Query, Needs, Reason string }

// TestAnswers asks a Prometheus all that the shipped files ask.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	asked := questions(t)
	var listed []absence
	readYAML(t, "absent.yml", &listed)
	var open []string
	deadline := time.Now().Add(patience)
	for { // the last answers come with the slowest rates
		open = open[:0]
		for _, q := range asked {
			if a := find(listed, q); a != nil && !s.has[a.Needs] {
				continue
			}
			if n, err := s.ask(q.expr); err != nil {
				t.Fatalf("%s: %v\n%s", q.where, err, q.expr)
			} else if n == 0 {
				open = append(open, q.where+": no answer to "+q.expr)
			}
		}
		if len(open) == 0 || time.Now().After(deadline) {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	for _, o := range open {
		t.Error(o)
	}
	t.Logf("asked %d questions; Prometheus has %d series", len(asked), s.series(t))
	s.checkAbsences(t, listed, asked)
}

func (s *stack) checkAbsences(t *testing.T, listed []absence, asked []question) {
	t.Helper()
	for _, a := range listed {
		if !slices.ContainsFunc(asked, func(q question) bool { return a.fits(q) }) {
			t.Errorf("absent.yml: nothing asks %s %s", a.Where, a.Query)
		}
		if a.Reason == "" || !slices.Contains([]string{"mongodb", "exporter", "failure"}, a.Needs) {
			t.Errorf("absent.yml: %s: no reason, or needs %q", a.Where, a.Needs)
		}
		if s.has[a.Needs] {
			continue
		}
		t.Logf("NOT CHECKED, needs %s: %s %s: %s", a.Needs, a.Where, a.Query, a.Reason)
		for _, q := range asked {
			if !a.fits(q) {
				continue
			}
			if n, err := s.ask(q.expr); err != nil || n > 0 {
				t.Errorf("absent.yml: %s has %d answers, take it off the list (%v)", q.where, n, err)
			}
		}
	}
}

func (a absence) fits(q question) bool {
	return a.Where == q.where && (a.Query == "" || a.Query == q.expr)
}

func find(listed []absence, q question) *absence {
	if i := slices.IndexFunc(listed, func(a absence) bool { return a.fits(q) }); i >= 0 {
		return &listed[i]
	}
	return nil
}

// questions returns the queries of all panels, the expressions of all records, and of alerts, which are quiet as a rule,
// what they read.
func questions(t *testing.T) []question {
	t.Helper()
	all := map[question]bool{}
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				all[question{d.UID + "/" + p.Title, chosen.Replace(q.Expr)}] = true
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

// ask returns how many series answer.
func (s *stack) ask(expr string) (int, error) {
	res, err := s.http.PostForm(s.prometheus+"/api/v1/query", url.Values{"query": {expr}})
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Error string
		Data  struct{ Result []json.RawMessage }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", res.Status, answer.Error)
	}
	return len(answer.Data.Result), nil
}

func (s *stack) series(t *testing.T) int {
	t.Helper()
	n, err := s.ask(`{__name__=~".+"}`)
	if err != nil {
		t.Error(err)
	}
	return n
}

// load has a server answer what players and their mistakes make it answer.
func (s *stack) load(t *testing.T, api string) {
	t.Helper()
	post := func(path, body string) string {
		res, err := s.http.Post(api+"/api/v1"+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return ""
		}
		defer func() { _ = res.Body.Close() }()
		var made struct{ ID string }
		_ = json.NewDecoder(res.Body).Decode(&made) // a problem has no id
		return made.ID
	}
	get := func(path string) {
		if res, err := s.http.Get(api + path); err != nil {
			t.Error(err)
		} else {
			_ = res.Body.Close()
		}
	}
	s.turn++
	player := func(name string) string { return post("/players", fmt.Sprintf(`{"username":"%s-%d"}`, name, s.turn)) }
	host, guest, late := player("host"), player("guest"), player("late")
	session := post("/sessions", fmt.Sprintf(`{"max_players":2,"mode":"ranked","host_id":%q}`, host))
	post("/sessions/"+session+"/members", fmt.Sprintf(`{"player_id":%q}`, guest))
	post("/sessions/"+session+"/members", fmt.Sprintf(`{"player_id":%q}`, late)) // full
	player("host")                                                               // taken
	post("/players", `{"username":""}`)
	get("/api/v1/players/" + host)
	get("/api/v1/players/00000000-0000-7000-8000-000000000000")
	get("/api/v1/sessions?status=open")
	get("/api/v1/nothing")
	get("/health/detailed")
}

func getenv(name string) string { return strings.TrimSpace(os.Getenv(name)) }
