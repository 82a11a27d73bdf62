package limits

// Size is how many callers are kept.
func (c *Callers) Size() int { return c.table.size() }
