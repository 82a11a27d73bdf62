package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// apiRoutes excludes probes and documentation pages.
const apiRoutes = `route=~"/api/.*"`

// api is the dashboard of what callers notice.
func api() board {
	return board{
		uid: "gsm-api", title: "gsm: API",
		description: "What callers of the API notice: how much, how fast, how often it fails, and what is refused.",
		rows: []row{
			{"Now", apiNow()},
			{"Requests", apiRequests()},
			{"Response times", apiResponseTimes()},
			{"Errors", apiErrors()},
			{"Objective", apiObjective()},
		},
	}
}

func apiNow() []panel {
	return []panel{
		{
			title: "Requests", kind: "stat", unit: units.RequestsPerSecond,
			description: "Requests to the API a second.",
			queries: []query{
				{`sum(rate(gsm_http_request_duration_seconds_count{GSM,` + apiRoutes + `}[$__rate_interval]))`, "requests"},
			},
		},
		{
			title: "Answered without a 5xx", kind: "stat", unit: units.PercentUnit, warn: .9995, bad: .999,
			description: "Of the last hour's requests. The objective is 99.9 %.",
			queries:     []query{{`1 - max(gsm:slo_errors_per_request:ratio_rate1h{SLO})`, "answered"}},
			runbooks:    []string{"GsmAvailabilityBurnFast", "GsmAvailabilityBurnSlow"},
		},
		{
			title: "Answered within 100 ms", kind: "stat", unit: units.PercentUnit, warn: .995, bad: .99,
			description: "Of the last hour's requests. The objective is 99 %.",
			queries:     []query{{`1 - max(gsm:slo_slow_per_request:ratio_rate1h{SLO})`, "fast"}},
			runbooks:    []string{"GsmLatencyBurnFast", "GsmLatencyBurnSlow"},
		},
		{
			title: "p99", kind: "stat", unit: units.Seconds, warn: .05, bad: .1,
			description: "One request in a hundred takes longer.",
			queries: []query{
				{quantile("0.99", "gsm_http_request_duration_seconds", apiRoutes, ""), "p99"},
			},
		},
		{title: "In flight", kind: "stat", unit: units.Short, description: "Requests that are being answered, with " +
			"those that are queued.", queries: []query{
			{`sum(gsm_http_requests_in_flight{GSM})`, "in flight"},
		}},
		{title: "Replicas", kind: "stat", unit: units.Short, description: "Replicas that answer.", queries: []query{
			{`sum(up{GSM})`, "replicas"},
		}, runbooks: []string{"GsmDown", "GsmReplicaDown"}},
	}
}

func apiRequests() []panel {
	return []panel{
		{
			title: "Requests by route", unit: units.RequestsPerSecond, stacked: true, description: "Requests a second.",
			queries: []query{
				{requests("method, route", ""), "{{method}} {{route}}"},
			},
		},
		{
			title: "Requests by status", unit: units.RequestsPerSecond, stacked: true,
			description: "Requests a second.",
			queries: []query{
				{requests("status", ""), "{{status}}"},
			},
		},
		{title: "Requests in flight by replica", unit: units.Short, description: "Requests that are being answered, " +
			"with those that are queued, and with those for the documentation and the probes.", queries: []query{
			{`gsm_http_requests_in_flight{GSM}`, "{{instance}}"},
		}},
		{title: "Requests by replica", unit: units.RequestsPerSecond, description: "Requests a second. Replicas " +
			"behind one balancer should have about as many.", queries: []query{
			{requests("instance", ""), "{{instance}}"},
		}},
	}
}

func apiResponseTimes() []panel {
	return []panel{
		{
			title: "Response times", unit: units.Seconds, bad: .1, exemplars: true,
			runbooks: []string{"GsmLatencyBurnFast", "GsmStoreSlow"},
			description: "Half of the requests, 95 of 100 and 99 of 100 take no longer. The points are requests that " +
				"were traced.",
			queries: []query{
				{quantile("0.5", "gsm_http_request_duration_seconds", apiRoutes, ""), "p50"},
				{quantile("0.95", "gsm_http_request_duration_seconds", apiRoutes, ""), "p95"},
				{quantile("0.99", "gsm_http_request_duration_seconds", apiRoutes, ""), "p99"},
			},
		},
		{
			title: "p99 by route", unit: units.Seconds, bad: .1, exemplars: true,
			description: "One request in a hundred takes longer.",
			queries: []query{
				{quantile("0.99", "gsm_http_request_duration_seconds", apiRoutes, "method, route"), "{{method}} {{route}}"},
			}, runbooks: []string{"GsmLatencyBurnFast"},
		},
		{
			title: "Spread of response times", kind: "heatmap", width: 24, unit: units.Seconds,
			description: "How many requests a second took how long.",
			queries: []query{
				{
					`sum by (le) (rate(gsm_http_request_duration_seconds_bucket{GSM,` + apiRoutes + `}[$__rate_interval]))`,
					"{{le}}",
				},
			},
		},
	}
}

func apiErrors() []panel {
	return []panel{
		{
			title: "Error rate by route", unit: units.PercentUnit, bad: .001,
			runbooks:    []string{"GsmAvailabilityBurnFast", "GsmErrorsRepeated", "GsmPanics"},
			description: "Requests of a route that were answered with a 5xx.",
			queries: []query{{
				"(" + requests(
					"method, route", `,status=~"5.."`,
				) + " or 0 * " + requests("method, route", "") + ") / " + requests("method, route", ""),
				"{{method}} {{route}}",
			}},
		},
		{title: "Failures of gsm", unit: units.CountsPerSecond, description: "Failures that operators should " +
			"know of, a second; GET /debug/errors of the ops listener groups them.", queries: []query{
			{`sum by (code) (rate(gsm_errors_total{GSM}[$__rate_interval]))`, "{{code}}"},
		}, runbooks: []string{"GsmErrorsRepeated", "GsmPanics"}},
		{
			title: "Problems by code", unit: units.RequestsPerSecond, stacked: true,
			description: "Problem documents that callers got, a second. Most are the caller's own mistakes.",
			queries: []query{
				{`sum by (code) (rate(gsm_http_problems_total{GSM}[$__rate_interval]))`, "{{code}}"},
			},
		},
		{
			title: "Problems by route", unit: units.RequestsPerSecond, stacked: true,
			description: "Problem documents that callers got, a second.",
			queries: []query{
				{`sum by (route) (rate(gsm_http_problems_total{GSM}[$__rate_interval]))`, "{{route}}"},
			},
		},
	}
}

func apiObjective() []panel {
	return []panel{
		{
			title: "Burn rate: 5xx", unit: units.Short, warn: 1, bad: 14.4,
			runbooks: []string{"GsmAvailabilityBurnFast", "GsmAvailabilityBurnSlow"},
			description: "1 spends the error budget of 30 days in 30 days, 14.4 spends 2 % of it in an hour. It " +
				"covers all replicas.",
			queries: burn("gsm:slo_errors_per_request", "0.001"),
		},
		{
			title: "Burn rate: slower than 100 ms", unit: units.Short, warn: 1, bad: 14.4,
			runbooks: []string{"GsmLatencyBurnFast", "GsmLatencyBurnSlow"},
			description: "1 spends the budget of 30 days for slow answers in 30 days, 14.4 spends 2 % of it in an " +
				"hour. It covers all replicas.",
			queries: burn("gsm:slo_slow_per_request", "0.01"),
		},
	}
}

// requests returns the rate of requests to the API per second, grouped by the labels in by.
func requests(by, matchers string) string {
	return "sum by (" + by + ") (rate(gsm_http_request_duration_seconds_count{GSM," + apiRoutes + matchers + "}[$__rate_interval]))"
}

// burn returns how many times too fast an error budget is spent, over the windows of the alerts.
func burn(record, budget string) (all []query) {
	for _, w := range []struct{ window, name string }{
		{"5m", "5 minutes"}, {"1h", "1 hour"}, {"6h", "6 hours"}, {"3d", "3 days"},
	} {
		all = append(all, query{record + ":ratio_rate" + w.window + "{SLO} / " + budget, w.name + " {{namespace}}"})
	}
	return all
}

// quantile returns the expression of a quantile of a histogram, over all replicas and grouped by the labels in by,
// which may be empty.
func quantile(q, histogram, matchers, by string) string {
	if matchers != "" {
		matchers = "," + matchers
	}
	if by != "" {
		by = ", " + by
	}
	return "histogram_quantile(" + q + ", sum by (le" + by + ") (rate(" +
		histogram + "_bucket{GSM" + matchers + "}[$__rate_interval])))"
}
