package game

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Limits of a player.
const (
	MinUsername         = 3
	MaxUsername         = 32
	MaxDisplayName      = 64 // characters
	MaxIdentities       = 16
	MaxProvider         = 32
	MaxSubject          = 255
	MaxSuspensionReason = 256 // characters

	usernameMarks = "_.-" // beside letters and digits
)

// Identity is a player's account at another provider.
type Identity struct {
	Provider string // such as "steam"
	Subject  string // the account's id there
}

// PlayerStatus says whether a player may take seats and make requests.
type PlayerStatus string

// The statuses of a player.
const (
	PlayerActive    PlayerStatus = "active"
	PlayerSuspended PlayerStatus = "suspended"
)

// PlayerStatuses returns all statuses.
func PlayerStatuses() []PlayerStatus { return []PlayerStatus{PlayerActive, PlayerSuspended} }

// Profile are the fields of a player that clients set.
type Profile struct {
	Username    string `json:"username" bson:"username,omitempty" minLength:"3" maxLength:"32" pattern:"^[A-Za-z0-9_.-]*$" patternDescription:"of A-Z a-z 0-9 _ . -" doc:"Unique in the project, whatever its case."`
	DisplayName string `json:"display_name" maxLength:"64" doc:"For people, in any script. Left out, it is the username."`

	Identities map[string]string `json:"identities" maxProperties:"16" keys:"^[A-Za-z0-9_-]{1,32}$" values:"minLength=1,maxLength=255" doc:"The player's accounts elsewhere: a provider's name to the subject there. Each pair is unique in the project."`
	Attributes Attributes        `json:"attributes" maxProperties:"64" keys:"^[A-Za-z0-9_-]{1,64}$" doc:"Custom data: keys of A-Z a-z 0-9 _ -, values that are strings, numbers or booleans."`

	// Status is active for a new player. If an edit leaves it out, the suspension stays unchanged, so that an edit of
	// other fields never lifts it by accident.
	Status           PlayerStatus `json:"status" doc:"The state of the document."`
	SuspendedUntil   *time.Time   `json:"suspended_until" doc:"When a suspension ends; null for one without an end."`
	SuspensionReason string       `json:"suspension_reason" bson:"suspension_reason,omitempty" maxLength:"256" doc:"For the record; players may see it."`
}

// Player is a player: the fields that clients set, and those that the service sets.
type Player struct {
	ID      PlayerID  `json:"id" bson:"_id" readOnly:"true" doc:"A UUID of version 7, so that the order of ids is the order of creation."`
	Project ProjectID `json:"project" readOnly:"true" doc:"The game, or the environment of a game, to which the document belongs."`
	Profile
	Version   int64     `json:"version" readOnly:"true" doc:"Grows by one with each change; the ETag."`
	CreatedAt time.Time `json:"created_at" readOnly:"true" doc:"In UTC, to the millisecond."`
	UpdatedAt time.Time `json:"updated_at" readOnly:"true" doc:"In UTC, to the millisecond."`
	// LastSeenAt changes without a version: see [Players.RecordSeen].
	LastSeenAt *time.Time `json:"last_seen_at" readOnly:"true" doc:"When the player last did something, to a quarter of an hour; null if it is not known, and for other players. It changes neither version nor ETag."`

	// ErasingSince marks the remains of a player that is being erased. Callers do not see such players.
	ErasingSince *time.Time `json:"erasing_since,omitzero" hidden:"true" doc:"Since when an erasure is under way."`
	// SweepSince marks a player that was suspended or erased and whose seats background work keeps freeing, until no
	// request can be under way that read the player before: see [Players.FreeSeats]. Callers do not see it, and
	// removing it makes no version.
	SweepSince *time.Time `json:"sweep_since,omitzero" hidden:"true" doc:"Since when the seats of a player who was suspended or erased are freed; its end makes no version."`
}

// newPlayer returns a player of version 1.
func newPlayer(id PlayerID, project ProjectID, f Profile, now time.Time) (Player, error) {
	p := Player{ID: id, Project: project, Version: 1, CreatedAt: now, UpdatedAt: now, LastSeenAt: &now}
	p.Status = PlayerActive
	_, err := p.Edit(f, now)
	p.SweepSince = nil // it holds no seats yet
	return p, err
}

// created returns the changes of the creation.
func (p *Player) created() []Change {
	l := []Change{PlayerCreated{}}
	if p.Status == PlayerSuspended {
		l = append(l, SuspensionSet{p.SuspendedUntil})
	}
	return l
}

// nextVersion makes a new version of the player.
func (p *Player) nextVersion(now time.Time) versioned {
	p.Version++
	p.UpdatedAt = now
	return p.current()
}

// current identifies the player's version.
func (p *Player) current() versioned {
	return versioned{p.Project, Subject{SubjectPlayer, string(p.ID)}, p.Version, p.UpdatedAt}
}

// Edit replaces the player's profile and returns what that changed. A suspension whose end has passed counts as lifted.
// It returns ErrValidation.
func (p *Player) Edit(f Profile, now time.Time) ([]Change, error) {
	f = f.normal()
	if err := f.Validate(); err != nil {
		return nil, err
	}
	f = f.elapsed(now)
	if f.Status == "" {
		f.Status, f.SuspendedUntil, f.SuspensionReason = p.Status, p.SuspendedUntil, p.SuspensionReason
	}
	if f.Status == PlayerActive {
		if err := f.dropSuspension(p.Profile); err != nil {
			return nil, err
		}
	}
	if p.equal(f) {
		return nil, nil
	}
	switch {
	case f.Status != PlayerSuspended:
		p.SweepSince = nil // seats that are taken from now on are valid
	case p.Status != PlayerSuspended:
		p.SweepSince = &now
	}
	done := p.edited(f)
	p.Profile = f
	return done, nil
}

// edited returns the changes from the profile to another one.
func (p *Player) edited(f Profile) []Change {
	var done []Change
	fields := slices.DeleteFunc(differing(p.Profile, f), func(name string) bool {
		return name == "status" || name == "suspended_until"
	})
	if len(fields) > 0 {
		done = append(done, ProfileChanged{Fields: fields})
	}
	switch {
	case f.Status == PlayerSuspended &&
		(p.Status != PlayerSuspended || !equalTimes(f.SuspendedUntil, p.SuspendedUntil)):
		done = append(done, SuspensionSet{f.SuspendedUntil})
	case f.Status == PlayerActive && p.Status == PlayerSuspended:
		done = append(done, SuspensionLifted{LiftedByCaller})
	}
	return done
}

// Elapse lifts a suspension that has ended and returns what that changed.
func (p *Player) Elapse(now time.Time) []Change {
	f := p.elapsed(now)
	if f.Status == p.Status {
		return nil
	}
	p.Profile, p.SweepSince = f, nil
	return []Change{SuspensionLifted{LiftedByTime}}
}

// elapsed returns the profile without a suspension that has ended at the given time.
func (f Profile) elapsed(now time.Time) Profile {
	if f.Status == PlayerSuspended && f.SuspendedUntil != nil && !now.Before(*f.SuspendedUntil) {
		f.Status, f.SuspendedUntil, f.SuspensionReason = PlayerActive, nil, ""
	}
	return f
}

// dropSuspension removes the time and the reason of the suspension that an active profile lifts, so that clients can
// send a document back with only its status changed. It returns ErrValidation if they differ from those of the old
// profile.
func (f *Profile) dropSuspension(old Profile) error {
	var p problems
	sameEnd := f.SuspendedUntil == nil || equalTimes(f.SuspendedUntil, old.SuspendedUntil)
	p.check(sameEnd, "suspended_until", "is allowed with status suspended only")
	sameReason := f.SuspensionReason == "" || f.SuspensionReason == old.SuspensionReason
	p.check(sameReason, "suspension_reason", "is allowed with status suspended only")
	f.SuspendedUntil, f.SuspensionReason = nil, ""
	return p.err()
}

// CanPlay returns ErrPlayerSuspended if the player is suspended at the given time.
func (p *Player) CanPlay(now time.Time) error {
	if p.elapsed(now).Status != PlayerSuspended {
		return nil
	}
	e := ErrPlayerSuspended.Detail("Player %s is suspended.", p.ID)
	if p.SuspendedUntil != nil {
		e = ErrPlayerSuspended.Detail("Player %s is suspended until %s.", p.ID, p.SuspendedUntil.Format(time.RFC3339)).
			With("suspended_until", *p.SuspendedUntil)
	}
	return e
}

// UsernameKey returns the form of the username that is unique in a project.
func (p *Player) UsernameKey() string { return UsernameKey(p.Username) }

// UsernameKey returns a username, or a prefix of one, in lower case.
func UsernameKey(s string) string { return strings.ToLower(s) }

// Validate returns ErrValidation with everything that is wrong.
func (f Profile) Validate() error {
	var p problems
	p.check(len(f.Username) >= MinUsername && len(f.Username) <= MaxUsername && consistsOf(f.Username, usernameMarks),
		"username", "must have %d to %d characters of A-Z a-z 0-9 _ . -", MinUsername, MaxUsername)
	p.checkName("display_name", f.DisplayName, MaxDisplayName)
	f.validateIdentities(&p)
	f.Attributes.validate(&p, attributeLimits{MaxPlayerAttributes, maxPlayerAttributeBytes})
	known := f.Status == "" || slices.Contains(PlayerStatuses(), f.Status)
	p.check(known, "status", "must be one of %v", PlayerStatuses())
	p.check(f.SuspendedUntil == nil || f.Status != "", "suspended_until", "requires status suspended")
	inRange := f.SuspendedUntil == nil || validTime(*f.SuspendedUntil)
	p.check(inRange, "suspended_until", "must be in the years 1 to 9999 of UTC")
	p.check(f.SuspensionReason == "" || f.Status != "", "suspension_reason", "requires status suspended")
	p.checkProse("suspension_reason", f.SuspensionReason, MaxSuspensionReason)
	return p.err()
}

func (f Profile) validateIdentities(p *problems) {
	if len(f.Identities) > MaxIdentities {
		p.add("identities", "must have at most %d entries", MaxIdentities)
		return
	}
	for provider, subject := range f.Identities {
		if !ValidProvider(provider) {
			p.add("identities", "a provider must have 1 to %d characters of A-Z a-z 0-9 _ -", MaxProvider)
			continue
		}
		p.check(ValidSubject(subject),
			"identities."+provider, "must have 1 to %d bytes and no control characters", MaxSubject)
	}
}

// ValidProvider reports whether name is valid as the provider of an identity: 1 to 32 characters of A-Z a-z 0-9 _ -.
func ValidProvider(name string) bool {
	return len(name) >= 1 && len(name) <= MaxProvider && consistsOf(name, "_-")
}

// ValidSubject reports whether subject is valid in an identity: 1 to 255 bytes without control characters.
func ValidSubject(subject string) bool {
	return len(subject) >= 1 && len(subject) <= MaxSubject && validLine(subject)
}

// normal returns f in the form in which it is stored.
func (f Profile) normal() Profile {
	f.DisplayName = storedName(f.DisplayName)
	if f.DisplayName == "" {
		f.DisplayName = f.Username
	}
	f.Identities = maps.Clone(f.Identities)
	if f.Identities == nil {
		f.Identities = map[string]string{}
	}
	f.Attributes = maps.Clone(f.Attributes).orEmpty()
	if f.SuspendedUntil != nil {
		t := f.SuspendedUntil.UTC().Truncate(time.Millisecond)
		f.SuspendedUntil = &t
	}
	return f
}

func (f Profile) equal(o Profile) bool { return same(f, o) }

// validTime reports whether RFC 3339 can represent t in UTC, which has years of four digits. An offset may move a time
// out of that range.
func validTime(t time.Time) bool {
	year := t.UTC().Year()
	return 1 <= year && year <= 9999
}

func equalTimes(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// erase removes all personal data from the player and marks it as being erased. Its names become free for others.
func (p *Player) erase(now time.Time) []Change {
	*p = Player{
		ID: p.ID, Project: p.Project, Version: p.Version, CreatedAt: p.CreatedAt, ErasingSince: &now, SweepSince: &now,
		Profile: Profile{Identities: map[string]string{}, Attributes: Attributes{}},
	}
	return []Change{PlayerErased{}}
}
