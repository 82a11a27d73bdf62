package tests_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"game-session-manager/client"
)

// used starts a server and provokes everything that it measures.
func used(t *testing.T) *server {
	t.Helper()
	_, collector := collect(t)
	s := start(t, tracedTo(collector), withWebhooks)
	lobby, _ := s.lobby(t, "p", 2, client.Settings{MaxPlayers: 2})
	late := s.newPlayer(t, "late")
	s.do(
		t, "POST /api/v1/sessions/"+string(lobby.ID)+"/members", fmt.Sprintf(`{"player_id":%q}`, late.ID),
	).problem(http.StatusConflict, "session_full")
	s.do(t, "GET /nothing", "").is(http.StatusNotFound)
	followed := s.sse(t, eventsOf(lobby.ID, ""))
	s.toggle(t, lobby.ID, 1)
	followed.event(t, lobby.Version+1)
	eventually(t, "the lag is measured", func() bool {
		return !strings.Contains(s.metrics(t), "gsm_stream_lag_seconds_count 0")
	})
	s.newWebhook(t, newReceiver(t), client.WebhookSettings{})
	s.toggle(t, lobby.ID, 1)
	eventually(t, "a webhook has had an event", func() bool {
		return !strings.Contains(s.metrics(t), "gsm_webhook_lag_seconds_count 0")
	})
	s.worked(t, "free_seats", "elapse")
	return s
}

// families returns the metrics in Prometheus's protobuf format, the only one with native histograms.
func (s *server) families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	form := expfmt.NewFormat(expfmt.TypeProtoDelim)
	all := make(map[string]*dto.MetricFamily)
	for d := expfmt.NewDecoder(strings.NewReader(s.scrape(t, string(form))), form); ; {
		var f dto.MetricFamily
		if err := d.Decode(&f); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[f.GetName()] = &f
	}
}

// documented returns the metrics that docs/operations/metrics.md has for the engine under test, with their labels.
func documented(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../docs/operations/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	rows := regexp.MustCompile("(?m)^\\| `(gsm_[a-z_]+)` \\| ([^|]*) \\| [^|]* \\| ([^|]*) \\|$")
	for _, row := range rows.FindAllStringSubmatch(string(text), -1) {
		name, labels, what := row[1], strings.ReplaceAll(row[2], "`", ""), row[3]
		of, _, special := strings.Cut(what, ":")
		if special && (of == "Embedded" && underTest.name != sqlite || of == "MongoDB" && underTest.name != mongodb) {
			continue
		}
		all[name] = labels
	}
	return all
}

func TestMetricsAreAsDocumented(t *testing.T) {
	t.Parallel()
	s := used(t)
	exposed := make(map[string]string)
	for name, f := range s.families(t) {
		if !strings.HasPrefix(name, "gsm_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		exposed[name] = strings.Join(sorted(labels), ", ")
	}
	want := documented(t)
	for name, labels := range want {
		want[name] = strings.Join(sorted(strings.Split(labels, ", ")), ", ")
	}
	if len(want) < 10 || !maps.Equal(exposed, want) {
		for _, name := range sorted(append(slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(exposed))...)) {
			got, there := exposed[name]
			labels, written := want[name]
			if !there || !written || got != labels {
				t.Errorf("%s: exposed %t with the labels %q, documented %t with %q", name, there, got, written, labels)
			}
		}
	}
}

func TestMetricsKeepPrometheusRules(t *testing.T) {
	t.Parallel()
	s := used(t)
	problems, err := promlint.New(strings.NewReader(s.metrics(t, "gsm_"))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v: %v", problems, err)
	}
	histograms := 0
	for name, f := range s.families(t) {
		if f.GetType() != dto.MetricType_HISTOGRAM || !strings.HasPrefix(name, "gsm_") ||
			!strings.HasSuffix(name, "_seconds") {
			continue
		}
		histograms++
		for _, m := range f.GetMetric() {
			h := m.GetHistogram()
			native := len(h.GetPositiveSpan()) > 0 || h.GetZeroCount() > 0 // nothing is late in between
			if len(h.GetBucket()) == 0 || !native || len(h.GetPositiveDelta()) > 100 {
				t.Errorf("%s has %d classic and %d native buckets", name, len(h.GetBucket()), len(h.GetPositiveDelta()))
			}
		}
	}
	// Of requests, of operations, of commits or commands, of background work, of how late time is applied, of streams,
	// and two of webhooks.
	if histograms != 8 {
		t.Errorf("%d histograms of durations", histograms)
	}
}

// Whatever callers send, the number of series stays bounded.
func TestMetricsStayFewUnderAFlood(t *testing.T) {
	t.Parallel()
	s := used(t)
	flood := func(from, to int) {
		for i := from; i < to; i++ {
			mark := fmt.Sprintf("flood%d", i)
			for _, what := range []string{
				"GET /" + mark, "GET /api/v1/" + mark, "GET /api/v1/players/" + mark,
				"GET /api/v1/sessions/" + mark + "/members",
				mark + " /api/v1/players", "DELETE /api/v1/" + mark, "POST /api/v1/players", "PUT /" + mark,
				"GET /api/v1/players?" + mark + "=1",
				"GET /api/v1/metrics/system?step=" + mark, "OPTIONS /" + mark, "PATCH /api/v1/players/" + mark,
			} {
				s.do(t, what, "", "X-Request-ID", mark, "User-Agent", mark, "If-Match", `"`+mark+`"`,
					"traceparent", traceparent(callersTrace, true))
			}
			s.do(t, "POST /api/v1/players", `{"username":"`+mark+`"}`, "Idempotency-Key", mark).is(http.StatusCreated)
			s.do(t, "POST /api/v1/players", `{"`+mark+`":1}`).is(http.StatusUnprocessableEntity)
			got := s.status(t, http.MethodGet, s.url+"/api/v1/players", mark+".example")
			if got != http.StatusForbidden {
				t.Errorf("another host: %d", got)
			}
		}
	}
	flood(0, 3)
	before := s.series(t)
	flood(3, 60)
	for name := range s.series(t) {
		// Series of operations may be of background work.
		if !before[name] && strings.HasPrefix(name, "gsm_http_") || strings.Contains(name, "flood") ||
			strings.Contains(name, callersTrace) {
			t.Errorf("a new series: %s", name)
		}
	}
	if got := len(s.series(t)); got > 3000 {
		t.Errorf("%d series", got)
	}
}

// series returns the names and labels of all series.
func (s *server) series(t *testing.T) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	for line := range strings.Lines(s.scrape(t, "")) {
		if end := strings.LastIndex(line, " "); end > 0 && !strings.HasPrefix(line, "#") {
			all[line[:end]] = true
		}
	}
	return all
}
