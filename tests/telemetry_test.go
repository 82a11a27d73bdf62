package tests_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
)

// telemetryTarget is the least share of the requests that may be left with telemetry on.
const telemetryTarget = 0.95

// BenchmarkTelemetry compares gsm with the same gsm that watches nothing, both on the embedded database, where the rest of a
// request costs least. Traces are on in a third, which samples one request in a hundred for a collector that takes them.
func BenchmarkTelemetry(b *testing.B) {
	names := []string{"on", "off", "on, and traces of 1 %"}
	sides := make([]*side, len(names))
	for i, args := range [][]string{nil, {"--telemetry=off"}, nil} {
		if i == 2 {
			_, url := collect(b)
			b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
			b.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
			b.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.01")
		}
		sides[i] = gsmSide(b, gsm, "sqlite:"+filepath.Join(b.TempDir(), "gsm.db"), args...)
	}
	b.ResetTimer()
	rows := [][]string{{"", "on/off", "traced/off", "target"}}
	for _, name := range names {
		rows[0] = append(rows[0], name+" req/s", "CPU µs/req")
	}
	for _, l := range []load{
		{"list a player", telemetryTarget, http.StatusOK, func(int, int) (string, string, bool) { return "/players?limit=1", "", true }, func() {}},
		{"create a player", telemetryTarget, http.StatusCreated, func(int, int) (string, string, bool) {
			return "/players", fmt.Sprintf(`{"username":%q}`, speedName()), true
		}, func() {}},
	} {
		results := measure(b, l, sides)
		row := []string{l.name, fmt.Sprintf("%.3f", ratio(results[0], results[1])), fmt.Sprintf("%.3f", ratio(results[2], results[1])), fmt.Sprint(l.target)}
		for _, r := range results {
			row = append(row, fmt.Sprintf("%.0f", median(r.rates)), fmt.Sprintf("%.0f", r.cpu/r.requests*1e6))
		}
		rows = append(rows, row)
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	b.Logf("%d clients, %d rounds of %v by turns:\n%s", speedClients, speedRounds, speedRound, table(b, rows))
}
