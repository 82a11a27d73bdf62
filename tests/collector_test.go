package tests_test

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// span is a span as a collector gets it, with the attributes of its process.
type span struct {
	trace, id, parent, name, state string
	kind                           tracepb.Span_SpanKind
	begin, end                     time.Time
	failed                         bool
	attributes, process            map[string]string
}

// collector keeps the spans that are sent to it.
type collector struct {
	collectorpb.UnimplementedTraceServiceServer
	t     testing.TB
	mu    sync.Mutex
	spans []span
}

// collect runs a collector that speaks OTLP over HTTP and returns its URL.
func collect(t testing.TB) (c *collector, url string) {
	t.Helper()
	c = &collector{t: t}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collectorpb.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = c.Export(r.Context(), &request)
	}))
	t.Cleanup(s.Close)
	return c, s.URL
}

// collectByGRPC is collect over gRPC.
func collectByGRPC(t testing.TB) (c *collector, url string) {
	t.Helper()
	c = &collector{t: t}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(s, c)
	go func() { _ = s.Serve(l) }() // ends with Stop
	t.Cleanup(s.Stop)
	return c, "http://" + l.Addr().String()
}

// Export takes spans.
func (c *collector) Export(
	_ context.Context, r *collectorpb.ExportTraceServiceRequest,
) (*collectorpb.ExportTraceServiceResponse, error) {
	untold(c.t, "a trace", r.String())
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.GetResourceSpans() {
		process := texts(resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, span{
					trace: hex.EncodeToString(s.GetTraceId()), id: hex.EncodeToString(s.GetSpanId()),
					parent: hex.EncodeToString(s.GetParentSpanId()),
					name:   s.GetName(), state: s.GetTraceState(), kind: s.GetKind(),
					begin:      time.Unix(0, int64(s.GetStartTimeUnixNano())),
					end:        time.Unix(0, int64(s.GetEndTimeUnixNano())),
					failed:     s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
					attributes: texts(s.GetAttributes()), process: process,
				})
			}
		}
	}
	return new(collectorpb.ExportTraceServiceResponse), nil
}

// texts returns attributes with their values as text.
func texts(attributes []*commonpb.KeyValue) map[string]string {
	all := make(map[string]string)
	for _, a := range attributes {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_IntValue:
			all[a.GetKey()] = strconv.FormatInt(v.IntValue, 10)
		default:
			all[a.GetKey()] = a.GetValue().GetStringValue()
		}
	}
	return all
}

// all returns the spans for which the condition holds, in the order of their begin.
func (c *collector) all(condition func(span) bool) []span {
	c.mu.Lock()
	defer c.mu.Unlock()
	spans := slices.DeleteFunc(slices.Clone(c.spans), func(s span) bool { return !condition(s) })
	slices.SortStableFunc(spans, func(x, y span) int { return x.begin.Compare(y.begin) })
	return spans
}

// below returns the spans right below another.
func (c *collector) below(parent span) []span {
	return c.all(func(s span) bool { return s.trace == parent.trace && s.parent == parent.id })
}

// spanNames returns the names of spans.
func spanNames(spans []span) string {
	var all []string
	for _, s := range spans {
		all = append(all, s.name)
	}
	return strings.Join(all, ", ")
}

// withEnv adds to the server's environment.
func withEnv(variables ...string) func(*setup) {
	return func(s *setup) { s.env = append(s.env, variables...) }
}

// tracedTo has a server send its traces to a collector, and not before it ends.
func tracedTo(url string) func(*setup) {
	return withEnv("OTEL_EXPORTER_OTLP_ENDPOINT="+url, "OTEL_BSP_SCHEDULE_DELAY=3600000")
}
