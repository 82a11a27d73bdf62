package limits

// Size returns the number of remembered callers.
func (c *Callers) Size() int { return c.buckets.size() }

// MostWaiting is the number of requests that may wait for room.
const MostWaiting = mostWaiting
