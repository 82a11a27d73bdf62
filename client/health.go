package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Health says that the server answers.
type Health struct {
	Status        string  `json:"status"` // "ok"
	Version       string  `json:"version"`
	UptimeSeconds float64 `json:"uptime_seconds"`
}

// HealthReport says how each part of the server is.
type HealthReport struct {
	Health
	Components map[string]Component `json:"components"`
}

// Component is the health of one part of the server, such as its database.
type Component struct {
	Status    string  // "ok" while it works
	LatencyMS float64 // how long it took to answer, where it was asked
	// Facts are what else the part tells about itself, as JSON values by name.
	Facts map[string]any
}

// UnmarshalJSON implements [json.Unmarshaler].
func (c *Component) UnmarshalJSON(b []byte) error {
	var named struct {
		Status    string  `json:"status"`
		LatencyMS float64 `json:"latency_ms"`
	}
	facts := map[string]any{}
	if err := json.Unmarshal(b, &named); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &facts); err != nil {
		return err
	}
	delete(facts, "status")
	delete(facts, "latency_ms")
	*c = Component{Status: named.Status, LatencyMS: named.LatencyMS, Facts: facts}
	return nil
}

// Health asks whether the server answers. It is one try: the present is what is asked for.
func (c *Client) Health(ctx context.Context) (Health, error) {
	q := read("/health", nil)
	q.single = true
	return fetch[Health](ctx, c, q)
}

// HealthDetailed asks how each part of the server is. A part that is down is told in the report and is no error.
func (c *Client) HealthDetailed(ctx context.Context) (HealthReport, error) {
	q := read("/health/detailed", nil)
	q.single, q.also = true, http.StatusServiceUnavailable
	return fetch[HealthReport](ctx, c, q)
}
