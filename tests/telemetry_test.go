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
// request costs least. The traced one samples one request in a hundred for a collector that takes them. A second one that watches
// nothing tells how far equal servers are apart on this machine at this time. It fails below its target.
//
// The target is for requests a second, as clients see them. They share the processors with the servers: the CPU time of the server
// alone, which is less touched by what else the machine does, is told beside them.
func BenchmarkTelemetry(b *testing.B) {
	names := []string{"off", "on", "on, traces of 1 %", "off again"}
	sides := make([]*side, len(names))
	for i, args := range [][]string{{"--telemetry=off"}, nil, nil, {"--telemetry=off"}} {
		endpoint := ""
		if i == 2 {
			_, endpoint = collect(b)
			b.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
			b.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.01")
		}
		b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
		sides[i] = gsmSide(b, gsm, "sqlite:"+filepath.Join(b.TempDir(), "gsm.db"), args...)
	}
	b.ResetTimer()
	rows := [][]string{{"", "", "req/s", "of off", "target", "CPU µs/req", "of off"}}
	for _, l := range []load{
		{"list a player", telemetryTarget, http.StatusOK, func(int, int) (string, string, bool) { return "/players?limit=1", "", true }, func() {}},
		{"create a player", telemetryTarget, http.StatusCreated, func(int, int) (string, string, bool) {
			return "/players", fmt.Sprintf(`{"username":%q}`, speedName()), true
		}, func() {}},
	} {
		results := measure(b, l, sides)
		off := results[0]
		for i, r := range results {
			rows = append(rows, []string{
				l.name, names[i], fmt.Sprintf("%.0f", median(r.rates)), fmt.Sprintf("%.3f", ratio(r, off)), fmt.Sprint(l.target),
				fmt.Sprintf("%.1f", r.cpu/r.requests*1e6), fmt.Sprintf("%.3f", r.cpu/r.requests/(off.cpu/off.requests)),
			})
			if i == 1 || i == 2 { // those that watch
				l.meets(b, names[i], ratio(r, off))
			}
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	b.Logf("%d clients, %d rounds of %v by turns; ratios of all of them, and medians:\n%s", speedClients, speedRounds, speedRound, table(b, rows))
}
