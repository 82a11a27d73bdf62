package game

import "slices"

// fleeting reports whether before has a name or an identity that p has not and after has no more.
func (p *Player) fleeting(before, after *Player) bool {
	if key := before.UsernameKey(); key != p.UsernameKey() && key != after.UsernameKey() {
		return true
	}
	for provider, subject := range before.Identities {
		if p.Identities[provider] != subject && after.Identities[provider] != subject {
			return true
		}
	}
	return false
}

// fleeting reports whether before has an exclusive place or a join code that s has not and after has no more.
func (s *Session) fleeting(before, after *Session) bool {
	if code := before.code(); code != "" && code != s.code() && code != after.code() {
		return true
	}
	if !before.Exclusive || before.keepsPlaces(after) {
		return false
	}
	kept := after.ExclusivePlaces()
	return slices.ContainsFunc(before.ExclusivePlacesBeside(s), func(id PlayerID) bool {
		return !slices.Contains(kept, id)
	})
}

// keepsPlaces reports whether the members of s are the first of after and keep their exclusive places, as when players
// join. It is quick, because each change of a batch asks.
func (s *Session) keepsPlaces(after *Session) bool {
	return !after.Status.Terminal() && len(after.Members) >= len(s.Members) &&
		slices.EqualFunc(s.Members, after.Members[:len(s.Members)], func(a, b Member) bool {
			return a.PlayerID == b.PlayerID && (b.hasPlace() || !a.hasPlace())
		})
}

// code returns the join code, or "".
func (s *Session) code() string {
	if s.JoinCode == nil {
		return ""
	}
	return s.JoinCode.Code
}
