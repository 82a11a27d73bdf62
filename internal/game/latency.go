package game

import "slices"

// Latency is a histogram of how long requests took. Unlike quantiles, histograms can be added exactly. The zero value
// has no requests.
type Latency struct {
	// Bounds are the inclusive upper bounds of the buckets in seconds, in ascending order. The first bucket begins at
	// 0.
	Bounds []float64 `json:"bounds"`
	// Counts are the numbers of requests in each bucket, and beyond the last bound: one more than Bounds.
	Counts []int64 `json:"counts"`
}

// Total returns the number of requests.
func (l Latency) Total() int64 {
	var n int64
	for _, c := range l.Counts {
		n += c
	}
	return n
}

// Plus returns the requests of both. If their bounds differ, as between versions of the program, the result has the
// bounds that both have in common: coarser, but still exact.
func (l Latency) Plus(o Latency) Latency {
	switch {
	case l.Total() == 0:
		return o
	case o.Total() == 0:
		return l
	case !slices.Equal(l.Bounds, o.Bounds):
		common := slices.DeleteFunc(slices.Clone(l.Bounds), func(b float64) bool {
			return !slices.Contains(o.Bounds, b)
		})
		l, o = l.coarser(common), o.coarser(common)
	}
	sum := Latency{Bounds: l.Bounds, Counts: slices.Clone(l.Counts)}
	for i, c := range o.Counts {
		sum.Counts[i] += c
	}
	return sum
}

// coarser returns the requests in buckets with only some of the bounds.
func (l Latency) coarser(bounds []float64) Latency {
	c := Latency{Bounds: bounds, Counts: make([]int64, len(bounds)+1)}
	to := 0
	for i, n := range l.Counts {
		if i > 0 && to < len(bounds) && l.Bounds[i-1] >= bounds[to] {
			to++
		}
		c.Counts[to] += n
	}
	return c
}

// Quantile returns an estimate of the time in seconds within which the share q of the requests, 0 to 1, finished. It
// returns false if there were no requests. Like Prometheus's histogram_quantile, it assumes that requests are spread
// evenly within a bucket, and that those beyond the last bound took as long as that bound.
// https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
func (l Latency) Quantile(q float64) (seconds float64, ok bool) {
	total := l.Total()
	if total == 0 {
		return 0, false
	}
	rank := q * float64(total)
	var before, begin float64
	for i, end := range l.Bounds {
		in := float64(l.Counts[i])
		if in > 0 && before+in >= rank {
			return begin + (end-begin)*max(rank-before, 0)/in, true
		}
		before, begin = before+in, end
	}
	return begin, true
}
