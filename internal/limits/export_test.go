package limits

// Size returns the number of remembered callers.
func (c *Callers) Size() int { return c.buckets.size() }

// MostWaiting is the number of requests that may wait for room.
const MostWaiting = mostWaiting

// size returns the number of stored buckets.
func (all *buckets[K]) size() (n int) {
	for i := range all.parts {
		all.parts[i].mu.Lock()
		n += all.parts[i].buckets.Len()
		all.parts[i].mu.Unlock()
	}
	return n
}
