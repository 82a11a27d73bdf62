package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Health says that the server is running.
type Health struct {
	Status        string  `json:"status"` // "ok"
	Version       string  `json:"version"`
	UptimeSeconds float64 `json:"uptime_seconds"`
}

// HealthReport is the health of the server and of each of its components.
type HealthReport struct {
	Health
	Components map[string]Component `json:"components"`
}

// Component is the health of one component of the server, such as its database.
type Component struct {
	Status    string  // "ok" or "down"
	LatencyMS float64 // how long the check took, in milliseconds
	// Facts are further details of the component, as JSON values by name.
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

// Health returns the health of the server's process. It is not retried, because the current state is wanted.
func (c *Client) Health(ctx context.Context) (Health, error) {
	q := read("/health", nil)
	q.single = true
	return fetch[Health](ctx, c, q)
}

// HealthDetailed returns the health of each component. A component that is down is part of the report and not an error.
// It is not retried.
func (c *Client) HealthDetailed(ctx context.Context) (HealthReport, error) {
	q := read("/health/detailed", nil)
	q.single, q.alsoStatus = true, http.StatusServiceUnavailable
	return fetch[HealthReport](ctx, c, q)
}
