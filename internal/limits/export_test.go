package limits

// Size is how many callers are kept.
func (c *Callers) Size() int { return c.buckets.size() }

// MostWaiting is how many requests may wait for room.
const MostWaiting = mostWaiting
