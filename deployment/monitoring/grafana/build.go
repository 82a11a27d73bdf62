package main

import (
	"fmt"
	"strings"
)

// board is a dashboard. Its uid is in the addresses that people keep: do not change it.
type board struct {
	uid, title, description string
	mongodb                 bool // has panels of MongoDB's exporters
	rows                    []row
}

// row is a titled row of panels, laid out from left to right and on below when it is full.
type row struct {
	title  string
	panels []panel
}

// panel is one picture. Nothing in it has a colour of its own but thresholds, which Grafana shows as well in light as in dark.
type panel struct {
	title       string
	description string
	unit        string // of Grafana: s, reqps, bytes, percentunit, short …
	kind        string // timeseries, if it is empty; stat, table or heatmap
	width       int    // of 24; 12 if it is 0, and 4 for a stat
	queries     []query
	warn, bad   float64  // thresholds, if they are not 0; a warn above bad says that less is worse
	stacked     bool     // areas on top of each other
	exemplars   bool     // points that lead to traces
	runbooks    []string // alerts whose runbooks are linked
}

// query is a PromQL expression and what its series are called. GSM in it stands for the labels of the replicas that were
// chosen, MONGODB for those of the exporters, SLO for those of what was recorded.
type query struct{ expr, legend string }

const (
	schemaVersion = 42
	panelHeight   = 8
	statHeight    = 4
	gridWidth     = 24
)

var labels = strings.NewReplacer(
	"GSM", `job="gsm",namespace=~"$namespace",instance=~"$instance"`,
	"MONGODB", `job="mongodb",namespace=~"$mongodb_namespace"`,
	"SLO", `namespace=~"$namespace"`,
)

type object = map[string]any

var source = object{"type": "prometheus", "uid": "${datasource}"}

// model returns the dashboard in Grafana's own form.
func (b board) model(runbooks string) object {
	var panels []any
	id, y := 0, 0
	for _, r := range b.rows {
		id++
		panels = append(panels, object{
			"id": id, "type": "row", "title": r.title, "collapsed": false, "panels": []any{},
			"gridPos": object{"x": 0, "y": y, "w": gridWidth, "h": 1},
		})
		y++
		x, tallest := 0, 0
		for _, p := range r.panels {
			w, h := p.size()
			if x+w > gridWidth {
				x, y, tallest = 0, y+tallest, 0
			}
			id++
			m := p.model(runbooks)
			m["id"], m["gridPos"] = id, object{"x": x, "y": y, "w": w, "h": h}
			panels = append(panels, m)
			x, tallest = x+w, max(tallest, h)
		}
		y += tallest
	}
	return object{
		"uid": b.uid, "title": b.title, "description": b.description, "tags": []string{"gsm"},
		"schemaVersion": schemaVersion, "editable": false, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
		"time": object{"from": "now-6h", "to": "now"}, "timepicker": object{}, "annotations": object{"list": []any{}},
		"links": []any{object{
			"type": "dashboards", "title": "gsm", "tags": []string{"gsm"}, "asDropdown": true, "includeVars": true, "keepTime": true,
			"icon": "external link", "targetBlank": false, "tooltip": "", "url": "",
		}},
		"templating": object{"list": b.variables()}, "panels": panels,
	}
}

// variables returns the choices at the top. Outside of Kubernetes there is no label namespace: All is .*, which a label that
// is not there matches too. MongoDB may be in another namespace than gsm.
func (b board) variables() []any {
	choice := func(name, label, expr string) object {
		return object{
			"type": "query", "name": name, "label": label, "datasource": source, "definition": expr,
			"query": object{"query": expr, "refId": "variable"}, "refresh": 2, "sort": 1,
			"multi": true, "includeAll": true, "allValue": ".*", "current": object{"text": []string{"All"}, "value": []string{"$__all"}},
			"hide": 0, "options": []any{}, "regex": "",
		}
	}
	all := []any{
		object{
			"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1, "hide": 0,
			"current": object{"text": "Prometheus", "value": "gsm-prometheus"}, "options": []any{}, "regex": "", "multi": false, "includeAll": false,
		},
		choice("namespace", "Namespace", `label_values(up{job="gsm"}, namespace)`),
		choice("instance", "Instance", `label_values(up{job="gsm",namespace=~"$namespace"}, instance)`),
	}
	if b.mongodb {
		all = append(all, choice("mongodb_namespace", "Namespace of MongoDB", `label_values(up{job="mongodb"}, namespace)`))
	}
	return all
}

func (p panel) size() (w, h int) {
	w, h = p.width, panelHeight
	if p.kind == "stat" {
		h = statHeight
	}
	switch {
	case w != 0:
	case p.kind == "stat":
		w = 4
	default:
		w = 12
	}
	return w, h
}

func (p panel) model(runbooks string) object {
	kind := p.kind
	if kind == "" {
		kind = "timeseries"
	}
	var targets, links []any
	for i, q := range p.queries {
		t := object{
			"refId": string(rune('A' + i)), "datasource": source, "editorMode": "code", "expr": labels.Replace(q.expr),
			"legendFormat": q.legend, "exemplar": p.exemplars, "range": true, "instant": false,
		}
		switch kind {
		case "stat", "table":
			t["range"], t["instant"] = false, true
		case "heatmap":
			t["format"] = "heatmap"
		}
		if kind == "table" {
			t["format"] = "table"
		}
		targets = append(targets, t)
	}
	for _, alert := range p.runbooks {
		links = append(links, object{
			"type": "link", "title": "Runbook: " + alert, "url": fmt.Sprintf("%s/%s.md", runbooks, alert), "targetBlank": true,
			"tags": []string{}, "asDropdown": false, "includeVars": false, "keepTime": false, "icon": "doc", "tooltip": "",
		})
	}
	m := object{
		"type": kind, "title": p.title, "description": p.description, "datasource": source, "targets": targets,
		"fieldConfig": object{"defaults": p.field(kind), "overrides": []any{}}, "options": options(kind),
	}
	if links != nil {
		m["links"] = links
	}
	return m
}

// field returns how values are shown.
func (p panel) field(kind string) object {
	steps := []any{object{"color": "green", "value": nil}}
	switch {
	case p.bad != 0 && p.warn > p.bad: // less is worse
		steps = []any{object{"color": "red", "value": nil}, object{"color": "orange", "value": p.bad}, object{"color": "green", "value": p.warn}}
	default:
		if p.warn != 0 {
			steps = append(steps, object{"color": "orange", "value": p.warn})
		}
		if p.bad != 0 {
			steps = append(steps, object{"color": "red", "value": p.bad})
		}
	}
	f := object{"unit": p.unit, "thresholds": object{"mode": "absolute", "steps": steps}, "color": object{"mode": "palette-classic"}, "mappings": []any{}}
	switch kind {
	case "stat":
		f["color"] = object{"mode": "thresholds"}
	case "timeseries":
		f["min"] = 0
		c := object{"drawStyle": "line", "lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": false}
		if p.stacked {
			c["stacking"], c["fillOpacity"] = object{"mode": "normal", "group": "A"}, 25
		}
		if len(steps) > 1 {
			c["thresholdsStyle"] = object{"mode": "line"}
		}
		f["custom"] = c
	}
	return f
}

func options(kind string) object {
	switch kind {
	case "stat":
		return object{
			"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
			"colorMode":     "value", "graphMode": "none", "textMode": "auto", "justifyMode": "auto", "orientation": "auto",
			"percentChangeColorMode": "standard", "showPercentChange": false, "wideLayout": true,
		}
	case "table":
		return object{"frameIndex": 0, "showHeader": true, "cellHeight": "sm"}
	case "heatmap":
		return object{
			"calculate": false, "cellGap": 1, "color": object{"mode": "scheme", "scheme": "Turbo", "steps": 32, "scale": "exponential", "exponent": 0.5, "fill": "dark-orange", "reverse": false},
			"yAxis": object{"axisPlacement": "left"}, "legend": object{"show": true}, "tooltip": object{"mode": "single", "yHistogram": false, "showColorScale": false},
			"exemplars": object{"color": "rgba(255,0,255,0.7)"}, "filterValues": object{"le": 1e-9}, "rowsFrame": object{"layout": "auto"}, "showValue": "never",
		}
	default:
		return object{
			"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
			"tooltip": object{"mode": "multi", "sort": "desc"},
		}
	}
}
