package game

import "slices"

// Named returns the players whom the session names beside its members, each once and in order: those who are banned
// and those who wait. Engines keep them in an index, by which sweeps find the sessions of a player. Whatever else in
// a session comes to name players belongs here, and in [Session.Forget].
func (s *Session) Named() []PlayerID {
	if len(s.Bans)+len(s.WaitList) == 0 {
		return nil
	}
	named := make([]PlayerID, 0, len(s.Bans)+len(s.WaitList))
	for i := range s.WaitList {
		named = append(named, s.WaitList[i].PlayerID)
	}
	for i := range s.Bans {
		named = append(named, s.Bans[i].PlayerID)
	}
	slices.Sort(named)
	return slices.Compact(named)
}
