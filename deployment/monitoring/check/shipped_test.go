package check

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

const (
	root       = ".." // deployment/monitoring
	repository = "../../.."
)

// rule is a Prometheus rule: an alert or a recording rule.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

// dashboard holds the parts of a dashboard that the check reads.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Panels        []panel
	Templating    struct{ List []variable }
}

// variable is a variable of a dashboard. Definition is empty if it has no query.
type variable struct{ Name, Definition string }

type panel struct {
	ID                       int
	Type, Title, Description string
	Links                    []struct{ URL string }
	Targets                  []struct{ Expr string }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	GridPos                  struct{ X, Y, W, H int }
	Datasource               struct{ UID string }
}

// files returns the files that match, and fails the test if there are none.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: no files: %v", pattern, err)
	}
	return found
}

func readYAML(t *testing.T, path string, to any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	for _, path := range files(t, "prometheus/rules/*.yml") {
		var f struct{ Groups []struct{ Rules []rule } }
		readYAML(t, path, &f)
		for _, g := range f.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

func dashboards(t *testing.T) (all []dashboard) {
	t.Helper()
	for _, path := range files(t, "grafana/dashboards/*.json") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, d)
	}
	return all
}

// choices replace Grafana's variables. Outside of Kubernetes nothing has a namespace, and All is the only choice. A
// query must have a result with each choice that All includes.
var choices = []*strings.Replacer{
	strings.NewReplacer("$namespace", "", "$mongodb_namespace", "", "$instance", ".*", "$__rate_interval", "30s"),
	strings.NewReplacer(
		"$namespace", namespaces["gsm"], "$mongodb_namespace", namespaces["mongodb"], "$instance", ".*",
		"$__rate_interval", "30s",
	),
}

// run runs a program in a folder, and fails the test if the program fails.
func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}

func TestShipped(t *testing.T) {
	t.Parallel()
	t.Run("promtool", func(t *testing.T) {
		t.Parallel()
		run(t, root, "promtool", "check", "config", "prometheus/prometheus.yml")
		run(t, root, "promtool", append(
			[]string{"check", "rules"}, relative(t, files(t, "prometheus/rules/*.yml"))...,
		)...)
		run(t, root, "promtool", append(
			[]string{"test", "rules"}, relative(t, files(t, "prometheus/tests/*.yml"))...,
		)...)
	})
	t.Run("dashboards are current", current)
	t.Run("panels", panels)
	t.Run("alerts", alerts)
	t.Run("every alert is seen to fire and to resolve", tested)
	t.Run("runbooks", func(t *testing.T) {
		known := alertNames(t)
		for _, path := range files(t, "../../docs/runbooks/*.md") {
			if name := strings.TrimSuffix(filepath.Base(path), ".md"); name != "README" &&
				!slices.Contains(known, name) {
				t.Errorf("%s: there is no such alert", path)
			}
		}
	})
}

func relative(t *testing.T, paths []string) (all []string) {
	t.Helper()
	for _, p := range paths {
		r, err := filepath.Rel(root, p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func current(t *testing.T) {
	dir := t.TempDir()
	run(t, root, "go", "run", "./grafana", dir)
	for _, path := range files(t, "grafana/dashboards/*.json") {
		shipped, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if fresh, err := os.ReadFile(filepath.Join(dir, filepath.Base(path))); err != nil ||
			!bytes.Equal(shipped, fresh) {
			t.Errorf("%s is not what its source says: run make dashboards (%v)", path, err)
		}
	}
}

// panels checks the rules that Grafana applies only when a dashboard is opened, and our own.
func panels(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range dashboards(t) {
		if d.UID == "" || uids[d.UID] || d.SchemaVersion < 41 {
			t.Errorf("%s: no uid, one of another, or an old schema", d.Title)
		}
		uids[d.UID] = true
		ids := map[int]bool{}
		for i, p := range d.Panels {
			if p.ID == 0 || ids[p.ID] {
				t.Errorf("%s/%s: no id, or one of another panel", d.UID, p.Title)
			}
			ids[p.ID] = true
			for _, q := range d.Panels[:i] {
				a, b := p.GridPos, q.GridPos
				if a.X+a.W > 24 || a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
					t.Errorf("%s: %s lies over %s, or sticks out", d.UID, p.Title, q.Title)
				}
			}
			if p.Type == "row" {
				continue
			}
			if !slices.Contains([]string{"timeseries", "stat", "table", "heatmap"}, p.Type) {
				t.Errorf("%s/%s: the type %s is not one that is used here", d.UID, p.Title, p.Type)
			}
			if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" ||
				p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
				t.Errorf("%s/%s: lacks a title, a description, a unit, the data source or a query", d.UID, p.Title)
			}
			for _, l := range p.Links {
				leads(t, d.UID+"/"+p.Title, l.URL)
			}
			for _, q := range p.Targets {
				if _, err := parser.NewParser(parser.Options{}).ParseExpr(choices[0].Replace(q.Expr)); err != nil {
					t.Errorf("%s/%s: %v", d.UID, p.Title, err)
				}
			}
		}
	}
}

// leads checks that the URL of a runbook refers to a file of the repository.
func leads(t *testing.T, who, address string) {
	t.Helper()
	_, path, _ := strings.Cut(address, "docs/runbooks/")
	if _, err := os.Stat(filepath.Join(repository, "docs/runbooks", path)); err != nil || path == "" {
		t.Errorf("%s: %q leads to no runbook: %v", who, address, err)
	}
}

func alertNames(t *testing.T) (names []string) {
	t.Helper()
	for _, r := range rules(t) {
		if r.Alert != "" {
			names = append(names, r.Alert)
		}
	}
	return names
}

func alerts(t *testing.T) {
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s: no summary or no description", r.Alert)
		}
		if want := "{{ $externalLabels.runbooks }}/" + r.Alert + ".md"; r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		leads(t, r.Alert, "docs/runbooks/"+r.Alert+".md")
	}
}

// tested checks that each alert fires in a test of promtool, and is quiet later in the same test.
func tested(t *testing.T) {
	resolved := map[string]bool{}
	for _, path := range files(t, "prometheus/tests/*.yml") {
		var f struct {
			Tests []struct {
				Alerts []struct {
					Name   string `yaml:"alertname"`
					Expect []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		readYAML(t, path, &f)
		for _, test := range f.Tests {
			fired := map[string]bool{}
			for _, a := range test.Alerts { // in order of time
				if len(a.Expect) > 0 {
					fired[a.Name] = true
				} else if fired[a.Name] {
					resolved[a.Name] = true
				}
			}
		}
	}
	for _, name := range alertNames(t) {
		if !resolved[name] {
			t.Errorf("%s: no test of promtool has it fire and then resolve", name)
		}
	}
}
