package tests_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// allTraces is the collector of every server without its own, so that the spans of the whole suite are searched for
// secrets.
var allTraces = &traceTexts{where: make(map[string]string)} //nolint:gochecknoglobals // one for the whole process

// traceTexts keeps the texts of traces, each once: what differs from span to span is little.
type traceTexts struct {
	start sync.Once
	url   string

	mu    sync.Mutex
	spans int
	where map[string]string // what in a span each text was
}

// settings returns the environment that makes a server export all spans to this collector quickly.
func (c *traceTexts) settings() []string {
	c.start.Do(func() { c.url = httptest.NewServer(c).URL }) // which ends with the process
	return []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.url, "OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_BSP_MAX_QUEUE_SIZE=65536",
	}
}

// ServeHTTP implements [http.Handler].
func (c *traceTexts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collectorpb.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.add(&request)
}

func (c *traceTexts) add(r *collectorpb.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	attributes := func(of string, all []*commonpb.KeyValue) {
		for _, a := range all {
			c.where[a.GetKey()] = "the key of an attribute of " + of
			c.where[textOf(a.GetValue())] = a.GetKey() + " of " + of
		}
	}
	for _, resource := range r.GetResourceSpans() {
		attributes("a process", resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans++
				c.where[s.GetName()], c.where[s.GetTraceState()] = "a name", "a trace state"
				c.where[s.GetStatus().GetMessage()] = "a status of " + s.GetName()
				attributes(s.GetName(), s.GetAttributes())
				for _, e := range s.GetEvents() {
					c.where[e.GetName()] = "an event of " + s.GetName()
					attributes(e.GetName()+" of "+s.GetName(), e.GetAttributes())
				}
				for _, l := range s.GetLinks() {
					attributes("a link of "+s.GetName(), l.GetAttributes())
				}
			}
		}
	}
}

// textOf returns a value as text. Escapes would hide what is in a text.
func textOf(v *commonpb.AnyValue) string {
	if s, is := v.GetValue().(*commonpb.AnyValue_StringValue); is {
		return s.StringValue
	}
	return v.String()
}

// told returns the secrets found in the spans. It is called when all secrets are known.
func (c *traceTexts) told() (wrong []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for text, what := range c.where {
		for _, found := range secrets.in(text) {
			wrong = append(wrong, fmt.Sprintf("a trace, %s: there is %s", what, found))
		}
	}
	return wrong
}

// tracesItself reports whether a server has its own settings of traces.
func (o *setup) tracesItself() bool {
	return slices.ContainsFunc(o.env, func(v string) bool { return strings.HasPrefix(v, "OTEL_") })
}

var traceCounts = regexp.MustCompile(`(?m)^gsm_trace_spans_(ended|exported)_total (\S+)$`)

// flushed waits briefly until a server has exported its spans. It may be halted or overloaded.
func (s *server) flushed() {
	over := time.After(2 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		counts := traceCounts.FindAllStringSubmatch(s.glance("/metrics"), -1)
		if len(counts) != 2 || counts[0][2] == counts[1][2] {
			return
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return
		case <-over:
			return
		}
	}
}

func textValue(v string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}
}

// The search finds a secret in any part of a span.
func TestAllTracesAreLookedThrough(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do(t, "GET /api/v1/players", "", "X-Request-ID", "traced-for-all-to-see").is(http.StatusOK)
	eventually(t, "the span is collected", func() bool {
		allTraces.mu.Lock()
		defer allTraces.mu.Unlock()
		return allTraces.where["traced-for-all-to-see"] != ""
	})

	secrets.keep("of a test", "hidden-in-a-span-0123456789")
	attributes := func(v string) []*commonpb.KeyValue { return []*commonpb.KeyValue{{Key: "k", Value: textValue(v)}} }
	for part, spoil := range map[string]func(*tracepb.Span, string){
		"name":      func(s *tracepb.Span, v string) { s.Name = v },
		"state":     func(s *tracepb.Span, v string) { s.TraceState = v },
		"status":    func(s *tracepb.Span, v string) { s.Status = &tracepb.Status{Message: v} },
		"attribute": func(s *tracepb.Span, v string) { s.Attributes = attributes(v) },
		"key":       func(s *tracepb.Span, v string) { s.Attributes = []*commonpb.KeyValue{{Key: v}} },
		"event":     func(s *tracepb.Span, v string) { s.Events = []*tracepb.Span_Event{{Name: v}} },
		"in event":  func(s *tracepb.Span, v string) { s.Events = []*tracepb.Span_Event{{Attributes: attributes(v)}} },
		"in link":   func(s *tracepb.Span, v string) { s.Links = []*tracepb.Span_Link{{Attributes: attributes(v)}} },
	} {
		c := &traceTexts{where: make(map[string]string)}
		for text, want := range map[string]int{"nothing of note": 0, "before hidden-in-a-span-0123456789 after": 1} {
			var bad tracepb.Span
			spoil(&bad, text)
			c.add(&collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{
				{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{&bad}}}},
			}})
			if got := len(c.told()); got < want || want == 0 && got > 0 {
				t.Errorf("%s: %d secrets are found in %q", part, got, text)
			}
			c.where = make(map[string]string)
		}
	}
}
