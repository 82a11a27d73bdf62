package bench

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	firstRate = 100 // a second, unless another one is asked for
	rampBy    = 1.5
	mostSteps = 30
	// mostUnsent is the share of the visits that may not have begun at the end of a step that is good.
	mostUnsent = 0.01
)

// ramp repeats a scenario at growing rates, until one is not good.
func (b *bench) ramp(ctx context.Context, t *target, r *Report) error {
	s, _ := scenarioOf(b.Of)
	w, err := b.prepare(ctx, s)
	defer w.end()
	if err != nil || ctx.Err() != nil {
		return err
	}
	r.Ramp = &Ramp{Bound: float64(b.P99.Microseconds())}
	if b.Rate == 0 {
		b.Rate = firstRate
	}
	r.Rate = b.Rate
	for range mostSteps {
		l := b.load(ctx, w, t)
		step := b.step(l)
		if ctx.Err() != nil {
			step.Good, step.Why = false, "it was interrupted"
		}
		r.Ramp.Steps = append(r.Ramp.Steps, step)
		r.sum(l)
		if !step.Good {
			break
		}
		r.Ramp.HighGood = b.Rate
		b.Rate *= rampBy
	}
	b.finish(ctx, w)
	return nil
}

// sum adds a step to the figures of the whole ramp. Its operations are those of the last step.
func (r *Report) sum(l loaded) {
	r.Seconds += l.took.Seconds()
	r.Requests += l.requests
	r.PerSecond = float64(r.Requests) / r.Seconds
	r.Unsent += l.unsent
	for code, n := range l.errors {
		r.Errors[code] += n
	}
	r.Operations = l.operations
	r.CPU = l.cpu
}

// step judges one rate.
func (b *bench) step(l loaded) Step {
	s := Step{
		Rate: b.Rate, PerSecond: float64(l.requests) / l.took.Seconds(), Errors: l.errors, Unsent: l.unsent, CPU: l.cpu,
	}
	for _, o := range l.operations {
		if o.Latency.P99 >= s.Latency.P99 {
			s.Latency = o.Latency
		}
	}
	p99 := time.Duration(s.Latency.P99) * time.Microsecond
	switch due := b.Rate * b.Duration.Seconds(); {
	case len(l.errors) > 0:
		code := slices.Sorted(maps.Keys(l.errors))[0]
		s.Why = fmt.Sprintf("%d requests failed: %s", l.errors[code], code)
	case p99 > b.P99:
		s.Why = fmt.Sprintf("the 99th percentile is above %v", b.P99)
	case float64(l.unsent) > mostUnsent*due+1:
		s.Why = fmt.Sprintf("%d visits found all %d clients busy", l.unsent, b.Clients)
	}
	s.Good = s.Why == ""
	return s
}
