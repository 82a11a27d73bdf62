// Package check tests the files in this folder: `make monitoring-check` runs it.
//
// TestShipped checks rules, dashboards and runbooks. TestAnswers runs Prometheus with the shipped configuration and
// gsm on each engine, and runs all queries of dashboards, rules and alerts.
package check
