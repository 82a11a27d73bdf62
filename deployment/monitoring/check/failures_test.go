package check

import (
	"slices"
	"testing"
)

// These panels have results, and the conditions of these alerts hold, only while a database is cut off.
var (
	panelsOfFailure = []string{
		"gsm-api/Error rate by route", "gsm-api/Failures of gsm", "gsm-api/Burn rate: 5xx",
	}
	alertsOfFailure = []string{
		"GsmAvailabilityBurnFast", "GsmAvailabilityBurnSlow", "GsmDatabaseUnavailable", "GsmErrorsRepeated",
	}
)

// fail cuts off the replica on MongoDB until the failure shows, and waits until it has recovered.
func (s *stack) fail(t *testing.T) {
	t.Helper()
	if s.database == nil {
		t.Log("!!! NOT CHECKED, needs mongodb: what a database that cannot be reached shows")
		return
	}
	// Two replicas, each with and without the labels of a pod.
	replicas := []question{{"all replicas reach their databases", `count(gsm_store_up{job="gsm"} == 1) == 4`}}
	s.wantAnswers(t, replicas)
	s.database.setCut(true)
	s.wantAnswers(t, failures(t))
	s.database.setCut(false)
	s.wantAnswers(t, replicas)
}

// failures returns the queries that have a result only during a failure.
func failures(t *testing.T) (all []question) {
	t.Helper()
	asked := map[string]bool{}
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			name := d.UID + "/" + p.Title
			if !slices.Contains(panelsOfFailure, name) {
				continue
			}
			asked[name] = true
			for _, q := range p.Targets {
				for _, c := range choices {
					all = append(all, question{name, "(" + c.Replace(q.Expr) + ") > 0"})
				}
			}
		}
	}
	for _, r := range rules(t) {
		if slices.Contains(alertsOfFailure, r.Alert) {
			asked[r.Alert] = true
			all = append(all, question{r.Alert, r.Expr})
		}
	}
	for _, name := range slices.Concat(panelsOfFailure, alertsOfFailure) {
		if !asked[name] {
			t.Errorf("there is no %s", name)
		}
	}
	return all
}
