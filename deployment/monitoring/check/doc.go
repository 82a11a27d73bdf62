// Package check proves what this folder ships: `make monitoring-check` runs its tests.
//
// TestShipped reads rules, dashboards and runbooks. TestAnswers runs Prometheus on the shipped configuration with gsm
// on each engine, and asks it everything that dashboards, rules and alerts ask.
package check
