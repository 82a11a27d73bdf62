package limits

// Size is how many callers are kept.
func (c *Callers) Size() int { return c.table.size() }

// Adapt adapts a limit to how long the run queue is.
func Adapt(c *Concurrency, long bool) { c.adapt(long) }

// MostWaiting is how many requests may wait for room.
const MostWaiting = mostWaiting
