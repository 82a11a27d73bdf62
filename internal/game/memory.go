package game

import (
	"maps"
	"math/bits"
	"reflect"
)

// Copy returns a copy of the player that shares nothing that can be changed in place.
func (p *Player) Copy() Player {
	c := *p
	c.Identities, c.Attributes = maps.Clone(p.Identities), maps.Clone(p.Attributes)
	c.SuspendedUntil, c.LastSeenAt = copied(p.SuspendedUntil), copied(p.LastSeenAt)
	c.ErasingSince, c.SweepSince = copied(p.ErasingSince), copied(p.SweepSince)
	return c
}

// Copy returns a copy of the session that shares nothing that can be changed in place.
func (s *Session) Copy() Session {
	c := s.clone()
	c.Teams, c.Attributes = maps.Clone(s.Teams), maps.Clone(s.Attributes)
	c.HostID, c.Connection, c.JoinCode = copied(s.HostID), copied(s.Connection), copied(s.JoinCode)
	c.HostLostAt, c.EmptySince, c.ServerSince = copied(s.HostLostAt), copied(s.EmptySince), copied(s.ServerSince)
	c.StartedAt, c.EndedAt = copied(s.StartedAt), copied(s.EndedAt)
	if c.JoinCode != nil {
		c.JoinCode.ExpiresAt, c.JoinCode.MaxUses = copied(c.JoinCode.ExpiresAt), copied(c.JoinCode.MaxUses)
	}
	for i := range c.Members {
		m := &c.Members[i]
		m.Attributes = maps.Clone(m.Attributes)
		m.ReconnectedAt, m.Deadline = copied(m.ReconnectedAt), copied(m.Deadline)
	}
	for i := range c.Bans {
		c.Bans[i].Until = copied(c.Bans[i].Until)
	}
	for i := range c.WaitList {
		c.WaitList[i].Attributes = maps.Clone(c.WaitList[i].Attributes)
	}
	return c
}

func copied[V any](p *V) *V {
	if p == nil {
		return nil
	}
	return new(*p)
}

// Weight returns about how many bytes of memory the player takes.
func (p *Player) Weight() int {
	return sizeOf[Player]() + weightOfText(string(p.ID)) + weightOfText(p.Username) + weightOfText(p.DisplayName) +
		weightOfText(p.SuspensionReason) + weightOfTexts(p.Identities) + p.Attributes.weight()
}

// Weight returns about how many bytes of memory the session takes.
func (s *Session) Weight() int {
	id := weightOfText(string(s.ID)) // of a player, too
	n := sizeOf[Session]() + id + weightOfText(s.Name) + weightOfText(s.Mode) +
		weightOfText(s.Map) + weightOfText(s.Region) + weightOfText(string(s.Result)) + weightOfMap(len(s.Teams), 24) +
		s.Attributes.weight() + len(s.Bans)*(id+sizeOf[Ban]()) +
		len(s.Members)*(id+sizeOf[Member]()) + len(s.WaitList)*(id+sizeOf[Waiter]())
	for i := range s.Members {
		n += s.Members[i].Attributes.weight()
	}
	for i := range s.WaitList {
		n += s.WaitList[i].Attributes.weight()
	}
	return n
}

func (a Attributes) weight() int {
	n := weightOfMap(len(a), sizeOf[string]()+sizeOf[Value]())
	for k, v := range a {
		n += weightOfText(k) + weightOfText(v.text)
	}
	return n
}

func weightOfTexts(m map[string]string) int {
	n := weightOfMap(len(m), 2*sizeOf[string]())
	for k, v := range m {
		n += weightOfText(k) + weightOfText(v)
	}
	return n
}

// weightOfMap returns the weight of a map without what its entries point to. A map has a power of two of slots, of
// which at most seven eighths are used, in groups of eight.
func weightOfMap(entries, slot int) int {
	const header, group = 48, 8
	if entries == 0 {
		return header
	}
	slots := group
	if entries > group {
		slots = 1 << bits.Len(uint(entries*8/7))
	}
	return header + slots*(slot+1)
}

// weightOfText returns about what the allocator takes for a text.
func weightOfText(s string) int {
	const step = 16
	return (len(s) + step - 1) / step * step
}

func sizeOf[V any]() int { return int(reflect.TypeFor[V]().Size()) }
