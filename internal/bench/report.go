package bench

import "time"

// Report is what a run measured. Its JSON is stable: fields are added, not renamed. Times of requests are in
// microseconds.
type Report struct {
	Scenario  string    `json:"scenario"`
	Of        string    `json:"of,omitempty"` // the scenario that a ramp repeats
	Model     string    `json:"model"`        // "closed" or "open"
	Clients   int       `json:"clients"`
	Rate      float64   `json:"rate,omitempty"` // visits a second that were asked for, of the open model
	Seconds   float64   `json:"seconds"`        // that were measured
	StartedAt time.Time `json:"started_at"`
	Server    Server    `json:"server"`
	Machine   Machine   `json:"machine"`

	Requests   int64              `json:"requests"`
	PerSecond  float64            `json:"per_second"`
	Unsent     int64              `json:"unsent"` // visits that were due and did not begin
	Errors     map[string]int64   `json:"errors"` // by code
	CPU        CPU                `json:"cpu"`
	Operations []Operation        `json:"operations"`
	Figures    map[string]float64 `json:"figures,omitempty"`
	Floor      []Comparison       `json:"floor,omitempty"`
	Ramp       *Ramp              `json:"ramp,omitempty"`

	Checks      Checks   `json:"checks"`
	Warnings    []string `json:"warnings"`
	Left        *Left    `json:"left_behind,omitempty"`
	Interrupted bool     `json:"interrupted"`
}

// Server is what was measured.
type Server struct {
	URL      string `json:"url"`
	Version  string `json:"version"`
	Database string `json:"database"` // the engine, and its version if that is known
	Own      bool   `json:"own"`      // whether the run started it
}

// Machine is where the run took place.
type Machine struct {
	CPUs int    `json:"cpus"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
}

// CPU is the processor time of a request in microseconds. Zero is unknown: of a server elsewhere, and on systems other
// than Linux.
type CPU struct {
	Server float64 `json:"server_us_per_request"`
	Client float64 `json:"client_us_per_request"` // of the load itself
}

// Operation is what was measured of one kind of request.
type Operation struct {
	Name      string           `json:"name"`
	Event     bool             `json:"event"` // it is no request, but what a follower hears
	Requests  int64            `json:"requests"`
	PerSecond float64          `json:"per_second"`
	Errors    map[string]int64 `json:"errors"`   // by code
	Rejected  map[string]int64 `json:"rejected"` // as they should be, by code, such as joins of a full session
	Latency   Latency          `json:"latency_us"`
}

// Latency is how long requests took, from when they should have been sent.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   int64   `json:"p50"`
	P90   int64   `json:"p90"`
	P99   int64   `json:"p99"`
	P999  int64   `json:"p99_9"`
	Max   int64   `json:"max"`
}

// Comparison is one kind of request, sent to gsm and to bare servers by turns.
type Comparison struct {
	Operation string `json:"operation"`
	Sides     []Side `json:"sides"` // gsm is the first
}

// Side is what was measured of one of the servers.
type Side struct {
	Name      string  `json:"name"` // "gsm", "net/http" or "driver"
	Requests  int64   `json:"requests"`
	PerSecond float64 `json:"per_second"`
	CPU       float64 `json:"cpu_us_per_request"`
	P99       int64   `json:"p99_us"`
	// RateRatio is gsm's rate in relation to that of this server, and CPURatio the CPU of a request of this server in
	// relation to gsm's: of both, 1 means that gsm costs nothing.
	RateRatio float64 `json:"rate_ratio"`
	CPURatio  float64 `json:"cpu_ratio"`
}

// Ramp is what a ramp found.
type Ramp struct {
	Steps    []Step  `json:"steps"`
	HighGood float64 `json:"highest_good_rate"` // 0 if the first step already was not good
	Bound    float64 `json:"p99_bound_us"`
}

// Step is one rate of a ramp.
type Step struct {
	Rate      float64          `json:"rate"`
	PerSecond float64          `json:"per_second"`
	Latency   Latency          `json:"latency_us"` // of the operation with the worst 99th percentile
	Errors    map[string]int64 `json:"errors"`
	Unsent    int64            `json:"unsent"`
	Good      bool             `json:"good"`
	Why       string           `json:"why,omitempty"` // it is not good
	CPU       CPU              `json:"cpu"`
}

// Checks are the comparisons of what the server returned with what it must return.
type Checks struct {
	Made       int64     `json:"made"`
	WrongTotal int64     `json:"wrong_total"`
	Wrong      []Finding `json:"wrong"` // the first of them
}

// Finding is one wrong response.
type Finding struct {
	What     string `json:"what"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
}

// Left is what the run left in a database that is not its own.
type Left struct {
	Prefix   string `json:"username_prefix"`
	Players  int    `json:"players"`
	Sessions int    `json:"sessions"`       // that have not ended
	Ended    int    `json:"sessions_ended"` // kept for as long as others that have ended
}

// add takes over what was measured of a load.
func (r *Report) add(l loaded) {
	r.Seconds, r.Requests, r.PerSecond = l.took.Seconds(), l.requests, float64(l.requests)/l.took.Seconds()
	r.Unsent, r.Errors, r.CPU, r.Operations = l.unsent, l.errors, l.cpu, l.operations
}

// header returns the report of a run that has not begun.
func (b *bench) header(t *target) Report {
	r := Report{
		Scenario: b.Scenario, Model: "closed", Clients: b.Clients, Rate: b.Rate, StartedAt: time.Now().UTC(),
		Server: t.server, Machine: machine(), Errors: map[string]int64{}, Operations: []Operation{},
		Warnings: append([]string{}, t.warnings...),
	}
	if b.Rate > 0 || b.Scenario == rampName {
		r.Model = "open"
	}
	if b.Scenario == rampName {
		r.Of = b.Of
	}
	return r
}
