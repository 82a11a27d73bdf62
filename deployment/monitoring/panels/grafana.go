package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const maxAnswer = 64 << 20 // bytes

// grafana is the API of a Grafana, with credentials.
type grafana struct {
	url, user, password string
	http                *http.Client
}

func newGrafana(address, user, password string) *grafana {
	return &grafana{strings.TrimRight(address, "/"), user, password, &http.Client{Timeout: 30 * time.Second}}
}

// dashboard holds the parts of a dashboard that are read.
type dashboard struct {
	UID, Title string
	Panels     []panel
	Templating struct{ List []variable }
}

// panel is a panel, or a collapsed row that contains panels. Targets are passed on with their variables replaced.
type panel struct {
	Title   string
	Panels  []panel
	Targets []map[string]any
}

// variable is a variable of a dashboard.
type variable struct {
	Name, Definition string
	IncludeAll       bool
	AllValue         string
	Current          struct{ Value any }
}

// report is the result of a dashboard's panels.
type report struct {
	title           string
	panels, queries int
	empty           []string
}

func (r report) String() string {
	s := fmt.Sprintf("%s: %d panels, %d queries", r.title, r.panels, r.queries)
	if len(r.empty) > 0 {
		s += "; no data in: " + strings.Join(r.empty, ", ")
	}
	return s
}

// askAll runs the queries of all dashboards.
func (g *grafana) askAll(ctx context.Context) (reports []report, err error) {
	var found []struct{ UID string }
	if err := g.call(ctx, http.MethodGet, "/api/search?type=dash-db&limit=5000", nil, &found); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("there are no dashboards")
	}
	for _, f := range found {
		var response struct{ Dashboard dashboard }
		path := "/api/dashboards/uid/" + url.PathEscape(f.UID)
		if err := g.call(ctx, http.MethodGet, path, nil, &response); err != nil {
			return reports, err
		}
		r, askErr := g.ask(ctx, response.Dashboard)
		reports, err = append(reports, r), errors.Join(err, askErr)
	}
	return reports, err
}

// ask runs the queries of a dashboard, with its variables at their initial values.
func (g *grafana) ask(ctx context.Context, d dashboard) (r report, err error) {
	r.title = d.Title
	chosen := choices(d.Templating.List)
	for _, v := range d.Templating.List {
		if v.Definition == "" {
			continue
		}
		if askErr := g.askVariable(ctx, v, chosen); askErr != nil {
			err = errors.Join(err, fmt.Errorf("%s, variable %s: %w", d.Title, v.Name, askErr))
		}
	}
	data := false
	for _, p := range unfold(d.Panels) {
		if len(p.Targets) == 0 {
			continue
		}
		r.panels++
		r.queries += len(p.Targets)
		values, askErr := g.askPanel(ctx, p, chosen)
		if askErr != nil {
			err = errors.Join(err, fmt.Errorf("%s, panel %s: %w", d.Title, p.Title, askErr))
			continue
		}
		data = data || values > 0
		if values == 0 {
			r.empty = append(r.empty, p.Title)
		}
	}
	if err == nil && !data {
		err = fmt.Errorf("%s: no panel of %d has data", d.Title, r.panels)
	}
	return r, err
}

func unfold(panels []panel) (all []panel) {
	for _, p := range panels {
		all = append(append(all, p), unfold(p.Panels)...)
	}
	return all
}

// choices returns the replacements of variables. Grafana replaces its own, such as $__rate_interval.
func choices(variables []variable) *strings.Replacer {
	var pairs []string
	for _, v := range variables {
		value := fmt.Sprint(v.Current.Value)
		if v.IncludeAll {
			value = cmp.Or(v.AllValue, ".*")
		}
		pairs = append(pairs, "${"+v.Name+"}", value, "$"+v.Name, value)
	}
	return strings.NewReplacer(pairs...)
}

// labelValues matches the query of a variable: the values of a label.
var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

func (g *grafana) askVariable(ctx context.Context, v variable, chosen *strings.Replacer) error {
	m := labelValues.FindStringSubmatch(chosen.Replace(v.Definition))
	if m == nil {
		return fmt.Errorf("it asks something else than label_values: %s", v.Definition)
	}
	path := chosen.Replace("/api/datasources/uid/${datasource}/resources/api/v1/label/") +
		m[2] + "/values?match[]=" + url.QueryEscape(m[1])
	var response struct{ Status string }
	if err := g.call(ctx, http.MethodGet, path, nil, &response); err != nil {
		return err
	}
	if response.Status != "success" {
		return fmt.Errorf("the status is %q", response.Status)
	}
	return nil
}

// result is the result of one query of a panel.
type result struct {
	Status int
	Error  string
	Frames []struct {
		Data struct{ Values [][]json.RawMessage }
	}
}

// askPanel returns the number of values in a panel.
func (g *grafana) askPanel(ctx context.Context, p panel, chosen *strings.Replacer) (values int, err error) {
	for _, q := range p.Targets {
		expr, _ := q["expr"].(string)
		q["expr"], q["intervalMs"], q["maxDataPoints"] = chosen.Replace(expr), 15_000, 500
		if source, ok := q["datasource"].(map[string]any); ok {
			uid, _ := source["uid"].(string)
			source["uid"] = chosen.Replace(uid)
		}
	}
	var response struct{ Results map[string]result }
	asked := map[string]any{"from": "now-30m", "to": "now", "queries": p.Targets}
	err = g.call(ctx, http.MethodPost, "/api/ds/query", asked, &response)
	if err != nil {
		return 0, err
	}
	if len(response.Results) != len(p.Targets) {
		return 0, fmt.Errorf("%d of %d queries have a result", len(response.Results), len(p.Targets))
	}
	for ref, r := range response.Results {
		if r.Error != "" || r.Status/100 != 2 {
			err = errors.Join(err, fmt.Errorf("query %s: status %d: %s", ref, r.Status, r.Error))
		}
		for _, f := range r.Frames {
			for _, column := range f.Data.Values {
				values += len(column)
			}
		}
	}
	return values, err
}

// call sends a request and decodes the response. Errors contain no credentials, and at most a kilobyte of the
// response.
func (g *grafana) call(ctx context.Context, method, path string, body, to any) (err error) {
	var content io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, g.url+path, content) //nolint:gosec // the user's choice
	if err != nil {
		return err
	}
	req.SetBasicAuth(g.user, g.password)
	req.Header.Set("Content-Type", "application/json")
	res, err := g.http.Do(req) //nolint:gosec // as above
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	// A failed query has its error in the response.
	unmarshalErr := json.Unmarshal(text, to)
	told := path == "/api/ds/query" && unmarshalErr == nil && bytes.Contains(text, []byte(`"results"`))
	if res.StatusCode == http.StatusOK || told {
		return unmarshalErr
	}
	return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text[:min(len(text), 1000)])
}
