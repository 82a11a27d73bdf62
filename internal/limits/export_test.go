package limits

// Size is how many callers are kept.
func (c *Callers) Size() int { return c.table.size() }

// Lower lowers a limit as a long run queue does.
func Lower(c *Concurrency) { c.lower() }
