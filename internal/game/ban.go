package game

import (
	"slices"
	"time"
)

// MaxBans is the maximum number of bans of a session. Those that have ended are gone: see [Session.Elapse].
const MaxBans = 256

// Ban keeps a player out of a session.
type Ban struct {
	PlayerID PlayerID   `json:"player_id" doc:"The player's id."`
	Until    *time.Time `json:"until" doc:"When the ban ends; null for as long as the session lives."`
	Reason   string     `json:"reason" bson:"reason,omitempty" maxLength:"64" doc:"A word of a-z 0-9 _ for programs, such as cheating, or empty."`
}

// BanRequest asks for a ban.
type BanRequest struct {
	// Seconds is how long the ban lasts, or nil for as long as the session lives.
	Seconds *int   `json:"seconds" minimum:"1" maximum:"2592000" doc:"How long the ban lasts; null for as long as the session lives."`
	Reason  string `json:"reason" maxLength:"64" doc:"A word of a-z 0-9 _ for programs, such as cheating, or empty."`
}

// maxBan is the maximum duration of a timed ban in seconds.
const maxBan = 2592000

// Validate returns ErrValidation with everything that is wrong.
func (r BanRequest) Validate() error {
	var p problems
	p.check(r.Seconds == nil || *r.Seconds >= 1 && *r.Seconds <= maxBan, "seconds", "must be 1 to %d", maxBan)
	p.checkReason(r.Reason)
	return p.err()
}

// checkReason adds to p what is wrong with the reason of a ban or of a removal. Events have reasons, so they must not
// be free text about people.
func (p *problems) checkReason(reason string) {
	valid := len(reason) <= MaxAttributeKey
	for _, c := range []byte(reason) {
		valid = valid && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')
	}
	p.check(valid, "reason", "must have at most %d characters of a-z 0-9 _", MaxAttributeKey)
}

// Ban keeps a player out of the session and frees its seat or its place on the wait list, if it has one. It replaces an
// earlier ban of the player. It returns ErrValidation, also for the host, ErrSessionEnded or ErrTooManyBans.
func (s *Session) Ban(id PlayerID, r BanRequest, now time.Time) ([]Change, error) {
	switch err := r.Validate(); {
	case err != nil:
		return nil, err
	case s.Status.Terminal():
		return nil, s.endedError()
	case s.host() == id:
		return nil, InvalidField("player_id", "is the host: hand the session over first")
	}
	b := Ban{PlayerID: id, Reason: r.Reason}
	if r.Seconds != nil {
		b.Until = new(now.Add(seconds(*r.Seconds)))
	}
	bans := slices.DeleteFunc(slices.Clone(s.Bans), func(b Ban) bool { return b.PlayerID == id })
	if len(bans) >= MaxBans {
		return nil, ErrTooManyBans.With("max_bans", MaxBans)
	}
	s.Bans = append(bans, b)
	done := []Change{PlayerBanned{id, b.Until, r.Reason}}
	if s.member(id) >= 0 {
		return append(done, s.free(id, MemberRemoved{id, RemovedKicked, r.Reason}, now)...), nil
	}
	return append(done, s.unwait(id, WaitBanned, r.Reason)...), nil
}

// Unban lifts the ban of a player, and returns what that changed. It succeeds if there is none.
func (s *Session) Unban(id PlayerID, now time.Time) ([]Change, error) {
	switch {
	case s.banOf(id, now) == nil:
		return nil, nil
	case s.Status.Terminal():
		return nil, s.endedError()
	}
	return s.dropBans(func(b Ban) bool { return b.PlayerID == id }), nil
}

// dropBans removes the bans for which drop returns true, and returns what that changed.
func (s *Session) dropBans(drop func(Ban) bool) []Change {
	var done []Change
	for _, b := range s.Bans {
		if drop(b) {
			done = append(done, BanLifted{b.PlayerID})
		}
	}
	if len(done) > 0 {
		s.Bans = slices.DeleteFunc(s.Bans, drop)
	}
	return done
}

// nextBanEnd returns the earliest end of a ban, or nil if none has one.
func (s *Session) nextBanEnd() *time.Time {
	var first *time.Time
	for i := range s.Bans {
		if until := s.Bans[i].Until; until != nil && (first == nil || until.Before(*first)) {
			first = until
		}
	}
	return first
}

// ActiveBans returns the bans that have not ended.
func (s *Session) ActiveBans(now time.Time) []Ban {
	return slices.DeleteFunc(slices.Clone(s.Bans), func(b Ban) bool { return b.ended(now) })
}

func (s *Session) banOf(id PlayerID, now time.Time) *Ban {
	i := slices.IndexFunc(s.Bans, func(b Ban) bool { return b.PlayerID == id && !b.ended(now) })
	if i < 0 {
		return nil
	}
	return &s.Bans[i]
}

func (b Ban) ended(now time.Time) bool { return b.Until != nil && !now.Before(*b.Until) }

func (b Ban) error() error {
	e := ErrPlayerBanned.With("player_id", b.PlayerID)
	if b.Until != nil {
		e = e.With("until", *b.Until)
	}
	return e
}
