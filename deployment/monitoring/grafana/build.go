package main

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	grafana "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// board is a dashboard. Its uid is part of URLs that people keep, so it must not change.
type board struct {
	uid, title, description string
	mongodb                 bool // has panels of MongoDB's exporters
	rows                    []row
}

// row is a titled row of panels, which are laid out from left to right and wrapped.
type row struct {
	title  string
	panels []panel
}

// panel is a panel of a dashboard. Only thresholds set a colour: Grafana adapts theirs to light and dark themes.
type panel struct {
	title, description string
	unit               string // of package units
	kind               string // timeseries, stat, table or heatmap
	width              uint32
	queries            []query
	warn, bad          float64
	stacked, exemplars bool
	runbooks           []string
}

// graph returns a panel of lines over time.
func graph(title, unit, description string, queries ...query) panel {
	return panel{title: title, unit: unit, description: description, queries: queries, kind: "timeseries", width: 12}
}

// number returns a panel with the current value alone.
func number(title, unit, description string, queries ...query) panel {
	return panel{title: title, unit: unit, description: description, queries: queries, kind: "stat", width: 4}
}

// The following methods return the panel with an option.

// limits sets the thresholds; 0 is none. A warn above bad says that less is worse.
func (p panel) limits(warn, bad float64) panel {
	p.warn, p.bad = warn, bad
	return p
}

// as sets another kind than a graph's: table or heatmap.
func (p panel) as(kind string) panel {
	p.kind = kind
	return p
}

// wide sets the width, in 24ths of the dashboard's.
func (p panel) wide(width uint32) panel {
	p.width = width
	return p
}

// stack draws areas on top of each other.
func (p panel) stack() panel {
	p.stacked = true
	return p
}

// traced draws points that lead to traces.
func (p panel) traced() panel {
	p.exemplars = true
	return p
}

// explained links the runbooks of alerts.
func (p panel) explained(alerts ...string) panel {
	p.runbooks = alerts
	return p
}

// query is a PromQL expression and the legend of its series. GSM stands for the labels of the chosen replicas, MONGODB
// for those of the exporters, SLO for those of recording rules.
type query struct{ expr, legend string }

var labels = strings.NewReplacer(
	"GSM", `job="gsm",namespace=~"$namespace",instance=~"$instance"`,
	"MONGODB", `job="mongodb",namespace=~"$mongodb_namespace"`,
	"SLO", `namespace=~"$namespace"`,
)

var source = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}

// build returns the dashboard in Grafana's format.
//
//nolint:staticcheck // the SDK prefers the second version of the model, which older versions of Grafana cannot read
func (b board) build(runbooks string) (grafana.Dashboard, error) {
	d := grafana.NewDashboardBuilder(b.title).Uid(b.uid).Description(b.description).Tags([]string{"gsm"}).Readonly().
		Tooltip(grafana.DashboardCursorSyncCrosshair).Refresh("30s").Time("now-6h", "now").
		Link(grafana.NewDashboardLinkBuilder("gsm").Type(grafana.DashboardLinkTypeDashboards).Tags([]string{"gsm"}).
			AsDropdown(true).IncludeVars(true).KeepTime(true).Icon("external link")).
		WithVariable(grafana.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus").
			Current(grafana.VariableOption{
				Text:  grafana.StringOrArrayOfString{String: cog.ToPtr("Prometheus")},
				Value: grafana.StringOrArrayOfString{String: cog.ToPtr("gsm-prometheus")},
			})).
		WithVariable(choice("namespace", "Namespace", `label_values(up{job="gsm"}, namespace)`)).
		WithVariable(choice("instance", "Instance", `label_values(up{job="gsm",namespace=~"$namespace"}, instance)`))
	if b.mongodb {
		d.WithVariable(
			choice("mongodb_namespace", "Namespace of MongoDB", `label_values(up{job="mongodb"}, namespace)`),
		)
	}
	id := uint32(0)
	for _, r := range b.rows {
		id++
		d.WithRow(grafana.NewRowBuilder(r.title).Id(id))
		for _, p := range r.panels {
			id++
			d.WithPanel(picture{p, id, runbooks})
		}
	}
	built, err := d.Build()
	for i := range built.Links {
		built.Links[i].Placement = nil // beside the choices, and not in a menu
	}
	return built, err
}

// choice returns a variable of the dashboard. Outside of Kubernetes there is no label namespace: All is .*, which also
// matches a missing label. MongoDB may be in another namespace than gsm.
func choice(name, label, expr string) *grafana.QueryVariableBuilder {
	query := map[string]any{"query": expr, "refId": "variable"}
	all := grafana.VariableOption{
		Text:  grafana.StringOrArrayOfString{ArrayOfString: []string{"All"}},
		Value: grafana.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
	}
	return grafana.NewQueryVariableBuilder(name).Label(label).Datasource(source).Definition(expr).
		Query(grafana.StringOrMap{Map: query}).Refresh(grafana.VariableRefreshOnTimeRangeChanged).
		Sort(grafana.VariableSortAlphabeticalAsc).Multi(true).IncludeAll(true).AllValue(".*").Current(all)
}

// picture is a panel with its position on a dashboard.
type picture struct {
	panel
	id       uint32
	runbooks string // where they are
}

// Build implements [cog.Builder].
func (p picture) Build() (grafana.Panel, error) {
	m, err := p.shape().Build()
	if err != nil {
		return m, err
	}
	height := uint32(8)
	if p.kind == "stat" {
		height = 4
	}
	m.Id, m.Title, m.Description, m.Datasource = &p.id, &p.title, &p.description, &source
	m.GridPos = &grafana.GridPos{W: p.width, H: height}
	m.FieldConfig.Defaults.Unit, m.FieldConfig.Defaults.Thresholds = &p.unit, p.thresholds()
	for i, q := range p.queries {
		t := prometheus.NewDataqueryBuilder().RefId(string(rune('A' + i))).Datasource(source).
			EditorMode(prometheus.QueryEditorModeCode).Expr(labels.Replace(q.expr)).LegendFormat(q.legend).
			Exemplar(p.exemplars)
		switch p.kind {
		case "stat":
			t.Instant()
		case "table":
			t.Instant().Format(prometheus.PromQueryFormatTable)
		case "heatmap":
			t.Range().Format(prometheus.PromQueryFormatHeatmap)
		default:
			t.Range()
		}
		target, err := t.Build()
		if err != nil {
			return m, err
		}
		m.Targets = append(m.Targets, target)
	}
	for _, alert := range p.panel.runbooks {
		link, err := grafana.NewDashboardLinkBuilder("Runbook: " + alert).Type(grafana.DashboardLinkTypeLink).
			Icon("doc").Url(fmt.Sprintf("%s/%s.md", p.runbooks, alert)).TargetBlank(true).Build()
		if err != nil {
			return m, err
		}
		link.Placement = nil
		m.Links = append(m.Links, link)
	}
	return m, nil
}

// shape returns the options of the panel's kind.
func (p panel) shape() cog.Builder[grafana.Panel] {
	switch p.kind {
	case "stat":
		return stat.NewPanelBuilder().GraphMode(common.BigValueGraphModeNone).Orientation(common.VizOrientationAuto).
			ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
			ColorScheme(grafana.NewFieldColorBuilder().Mode(grafana.FieldColorModeIdThresholds))
	case "table":
		return table.NewPanelBuilder()
	case "heatmap":
		return heatmap.NewPanelBuilder().ShowValue(common.VisibilityModeNever).
			Tooltip(heatmap.NewHeatmapTooltipBuilder().Mode(common.TooltipDisplayModeSingle)).
			Color(heatmap.NewHeatmapColorOptionsBuilder().Mode(heatmap.HeatmapColorModeScheme).Scheme("Turbo").
				Steps(32).Scale(heatmap.HeatmapColorScaleExponential).Exponent(0.5).Fill("dark-orange"))
	}
	m := timeseries.NewPanelBuilder().Min(0).LineWidth(1).FillOpacity(8).ShowPoints(common.VisibilityModeNever).
		ColorScheme(grafana.NewFieldColorBuilder().Mode(grafana.FieldColorModeIdPaletteClassic)).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true)).
		Tooltip(
			common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending),
		)
	if p.stacked {
		m.FillOpacity(25).Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
	}
	if len(p.thresholds().Steps) > 1 {
		m.ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeLine))
	}
	return m
}

func (p panel) thresholds() *grafana.ThresholdsConfig {
	steps := []grafana.Threshold{{Color: "green"}}
	switch {
	case p.bad != 0 && p.warn > p.bad: // less is worse
		steps = []grafana.Threshold{{Color: "red"}, {Color: "orange", Value: &p.bad}, {Color: "green", Value: &p.warn}}
	default:
		if p.warn != 0 {
			steps = append(steps, grafana.Threshold{Color: "orange", Value: &p.warn})
		}
		if p.bad != 0 {
			steps = append(steps, grafana.Threshold{Color: "red", Value: &p.bad})
		}
	}
	return &grafana.ThresholdsConfig{Mode: grafana.ThresholdsModeAbsolute, Steps: steps}
}
