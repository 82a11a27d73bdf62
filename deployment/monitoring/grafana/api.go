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
		number("Requests", units.RequestsPerSecond, "Requests to the API a second.",
			query{`sum(rate(gsm_http_request_duration_seconds_count{GSM,` + apiRoutes + `}[$__rate_interval]))`, "requests"}),
		number("Answered without a 5xx", units.PercentUnit, "Of the last hour's requests. The objective is 99.9 %.",
			query{`1 - max(gsm:slo_errors_per_request:ratio_rate1h{SLO})`, "answered"},
		).limits(.9995, .999).explained("GsmAvailabilityBurnFast", "GsmAvailabilityBurnSlow"),
		number("Answered within 100 ms", units.PercentUnit, "Of the last hour's requests. The objective is 99 %.",
			query{`1 - max(gsm:slo_slow_per_request:ratio_rate1h{SLO})`, "fast"},
		).limits(.995, .99).explained("GsmLatencyBurnFast", "GsmLatencyBurnSlow"),
		number("p99", units.Seconds, "One request in a hundred takes longer.",
			query{quantile("0.99", "gsm_http_request_duration_seconds", apiRoutes, ""), "p99"}).limits(.05, .1),
		number("In flight", units.Short, "Requests that are being answered, with those that are queued.",
			query{`sum(gsm_http_requests_in_flight{GSM})`, "in flight"}),
		number("Replicas", units.Short, "Replicas that answer.",
			query{`sum(up{GSM})`, "replicas"}).explained("GsmDown", "GsmReplicaDown"),
	}
}

func apiRequests() []panel {
	return []panel{
		graph("Requests by route", units.RequestsPerSecond, "Requests a second.",
			query{requests("method, route", ""), "{{method}} {{route}}"}).stack(),
		graph("Requests by status", units.RequestsPerSecond, "Requests a second.",
			query{requests("status", ""), "{{status}}"}).stack(),
		graph("Requests in flight by replica", units.Short,
			"Requests that are being answered, with those that are queued, and with those for the documentation and "+
				"the probes.",
			query{`gsm_http_requests_in_flight{GSM}`, "{{instance}}"}),
		graph("Requests by replica", units.RequestsPerSecond,
			"Requests a second. Replicas behind one balancer should have about as many.",
			query{requests("instance", ""), "{{instance}}"}),
	}
}

func apiResponseTimes() []panel {
	return []panel{
		graph("Response times", units.Seconds,
			"Half of the requests, 95 of 100 and 99 of 100 take no longer. The points are requests that were traced.",
			query{quantile("0.5", "gsm_http_request_duration_seconds", apiRoutes, ""), "p50"},
			query{quantile("0.95", "gsm_http_request_duration_seconds", apiRoutes, ""), "p95"},
			query{quantile("0.99", "gsm_http_request_duration_seconds", apiRoutes, ""), "p99"},
		).limits(0, .1).traced().explained("GsmLatencyBurnFast", "GsmStoreSlow"),
		graph("p99 by route", units.Seconds, "One request in a hundred takes longer.",
			query{quantile("0.99", "gsm_http_request_duration_seconds", apiRoutes, "method, route"), "{{method}} {{route}}"},
		).limits(0, .1).traced().explained("GsmLatencyBurnFast"),
		graph("Spread of response times", units.Seconds, "How many requests a second took how long.",
			query{`sum by (le) (rate(gsm_http_request_duration_seconds_bucket{GSM,` + apiRoutes + `}[$__rate_interval]))`, "{{le}}"},
		).as("heatmap").wide(24),
	}
}

func apiErrors() []panel {
	return []panel{
		graph("Error rate by route", units.PercentUnit, "Requests of a route that were answered with a 5xx.",
			query{
				"(" + requests("method, route", `,status=~"5.."`) + " or 0 * " + requests("method, route", "") +
					") / " + requests("method, route", ""), "{{method}} {{route}}",
			},
		).limits(0, .001).explained("GsmAvailabilityBurnFast", "GsmErrorsRepeated", "GsmPanics"),
		graph("Failures of gsm", units.CountsPerSecond,
			"Failures that operators should know of, a second; GET /debug/errors of the ops listener groups them.",
			query{`sum by (code) (rate(gsm_errors_total{GSM}[$__rate_interval]))`, "{{code}}"},
		).explained("GsmErrorsRepeated", "GsmPanics"),
		graph("Problems by code", units.RequestsPerSecond,
			"Problem documents that callers got, a second. Most are the caller's own mistakes.",
			query{`sum by (code) (rate(gsm_http_problems_total{GSM}[$__rate_interval]))`, "{{code}}"}).stack(),
		graph("Problems by route", units.RequestsPerSecond, "Problem documents that callers got, a second.",
			query{`sum by (route) (rate(gsm_http_problems_total{GSM}[$__rate_interval]))`, "{{route}}"}).stack(),
	}
}

func apiObjective() []panel {
	return []panel{
		graph("Burn rate: 5xx", units.Short,
			"1 spends the error budget of 30 days in 30 days, 14.4 spends 2 % of it in an hour. It covers all "+
				"replicas.",
			burn("gsm:slo_errors_per_request", "0.001")...,
		).limits(1, 14.4).explained("GsmAvailabilityBurnFast", "GsmAvailabilityBurnSlow"),
		graph("Burn rate: slower than 100 ms", units.Short,
			"1 spends the budget of 30 days for slow answers in 30 days, 14.4 spends 2 % of it in an hour. It covers "+
				"all replicas.",
			burn("gsm:slo_slow_per_request", "0.01")...,
		).limits(1, 14.4).explained("GsmLatencyBurnFast", "GsmLatencyBurnSlow"),
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
