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

// Identity is a player's account elsewhere.
type Identity struct {
	Provider string // such as "steam"
	Subject  string // the account's id there
}

// PlayerStatus says whether a player may play: take seats, and act for itself.
type PlayerStatus string

// The statuses of a player.
const (
	PlayerActive    PlayerStatus = "active"
	PlayerSuspended PlayerStatus = "suspended"
)

// PlayerStatuses are all of them.
func PlayerStatuses() []PlayerStatus { return []PlayerStatus{PlayerActive, PlayerSuspended} }

// Profile is what a client may set of a player.
type Profile struct {
	Username    string `json:"username" bson:"username,omitempty" minLength:"3" maxLength:"32" pattern:"^[A-Za-z0-9_.-]*$" patternDescription:"of A-Z a-z 0-9 _ . -" doc:"Unique in the project, whatever its case."`
	DisplayName string `json:"display_name" maxLength:"64" doc:"For people, in any script. Left out, it is the username."`

	Identities map[string]string `json:"identities" maxProperties:"16" keys:"^[A-Za-z0-9_-]{1,32}$" values:"minLength=1,maxLength=255" doc:"The player's accounts elsewhere: a provider's name to the subject there. Each pair is unique in the project."`
	Attributes Attributes        `json:"attributes" maxProperties:"64" keys:"^[A-Za-z0-9_-]{1,64}$" doc:"Custom data: keys of A-Z a-z 0-9 _ -, values that are strings, numbers or booleans."`

	// Status is active for a new player. Left out in an edit, it stays as it is with its time and reason, so that an
	// edit of a profile never lifts a suspension by accident.
	Status           PlayerStatus `json:"status" doc:"The state of the document."`
	SuspendedUntil   *time.Time   `json:"suspended_until" doc:"When a suspension ends; null for one without an end."`
	SuspensionReason string       `json:"suspension_reason" bson:"suspension_reason,omitempty" maxLength:"256" doc:"For the record; players may see it."`
}

// Player is someone who plays: what a client set, and what the service knows.
type Player struct {
	ID      PlayerID  `json:"id" bson:"_id" readOnly:"true" doc:"A UUID of version 7, so that the order of ids is the order of creation."`
	Project ProjectID `json:"project" readOnly:"true" doc:"The game, or the environment of a game, to which the document belongs."`
	Profile
	Version   int64     `json:"version" readOnly:"true" doc:"Grows by one with each change; the ETag."`
	CreatedAt time.Time `json:"created_at" readOnly:"true" doc:"In UTC, to the millisecond."`
	UpdatedAt time.Time `json:"updated_at" readOnly:"true" doc:"In UTC, to the millisecond."`

	// ErasingSince marks what is left of a player whose erasure is under way. Such a player does not exist for any
	// caller.
	ErasingSince *time.Time `json:"erasing_since,omitzero" hidden:"true" doc:"Since when an erasure is under way."`
	// SweepSince marks a player who was suspended or erased then and whose seats background work frees until no request
	// can be left that saw the player before: see [Players.FreeSeats]. No caller sees it, and its end makes no version.
	SweepSince *time.Time `json:"sweep_since,omitzero" hidden:"true" doc:"Since when the seats of a player who was suspended or erased are freed; its end makes no version."`
}

// newPlayer returns a player of version 1.
func newPlayer(id PlayerID, project ProjectID, f Profile, now time.Time) (Player, error) {
	p := Player{ID: id, Project: project, Version: 1, CreatedAt: now, UpdatedAt: now}
	p.Status = PlayerActive
	_, err := p.Edit(f, now)
	p.SweepSince = nil // it holds no seats yet
	return p, err
}

// created is what the creation of the player changed.
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

// current names the player's version.
func (p *Player) current() versioned {
	return versioned{p.Project, Subject{SubjectPlayer, string(p.ID)}, p.Version, p.UpdatedAt}
}

// Edit replaces the player's profile and returns what that changed. A suspension whose end is past is over already. It
// returns ErrValidation.
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
		if err := f.lift(p.Profile); err != nil {
			return nil, err
		}
	}
	if p.equal(f) {
		return nil, nil
	}
	switch {
	case f.Status != PlayerSuspended:
		p.SweepSince = nil // a seat that is taken from now on is good
	case p.Status != PlayerSuspended:
		p.SweepSince = &now
	}
	done := p.edited(f)
	p.Profile = f
	return done, nil
}

// edited returns what another profile changes, which differs.
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

// Elapse does what time has done to the player, and returns what that changed: it lifts a suspension that has ended.
func (p *Player) Elapse(now time.Time) []Change {
	f := p.elapsed(now)
	if f.Status == p.Status {
		return nil
	}
	p.Profile, p.SweepSince = f, nil
	return []Change{SuspensionLifted{LiftedByTime}}
}

// elapsed returns the profile without a suspension that has ended at the time.
func (f Profile) elapsed(now time.Time) Profile {
	if f.Status == PlayerSuspended && f.SuspendedUntil != nil && !now.Before(*f.SuspendedUntil) {
		f.Status, f.SuspendedUntil, f.SuspensionReason = PlayerActive, nil, ""
	}
	return f
}

// lift drops what an active profile still tells of the suspension that it lifts, so that a document can be sent back
// with another status alone. It answers ErrValidation where the profile tells of another suspension.
func (f *Profile) lift(old Profile) error {
	var p problems
	p.check(f.SuspendedUntil == nil || equalTimes(
		f.SuspendedUntil, old.SuspendedUntil,
	), "suspended_until", "is allowed with status suspended only")
	p.check(
		f.SuspensionReason == "" || f.SuspensionReason == old.SuspensionReason, "suspension_reason",
		"is allowed with status suspended only",
	)
	f.SuspendedUntil, f.SuspensionReason = nil, ""
	return p.err()
}

// CanPlay returns ErrPlayerSuspended if the player may neither take a seat nor act for itself at the time.
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

// UsernameKey is the form of the username that is unique in a project.
func (p *Player) UsernameKey() string { return UsernameKey(p.Username) }

// UsernameKey folds the case of a username, or of the beginning of one.
func UsernameKey(s string) string { return strings.ToLower(s) }

// Validate answers ErrValidation with everything that is wrong.
func (f Profile) Validate() error {
	var p problems
	p.check(len(f.Username) >= MinUsername && len(f.Username) <= MaxUsername && consistsOf(f.Username, usernameMarks),
		"username", "must have %d to %d characters of A-Z a-z 0-9 _ . -", MinUsername, MaxUsername)
	p.checkName("display_name", f.DisplayName, MaxDisplayName)
	f.validateIdentities(&p)
	f.Attributes.validate(&p, attributeLimits{MaxPlayerAttributes, maxPlayerAttributeBytes})
	p.check(
		f.Status == "" || slices.Contains(PlayerStatuses(), f.Status), "status", "must be one of %v", PlayerStatuses(),
	)
	p.check(f.SuspendedUntil == nil || f.Status != "", "suspended_until", "requires status suspended")
	p.check(
		f.SuspendedUntil == nil || validTime(*f.SuspendedUntil), "suspended_until",
		"must be in the years 1 to 9999 of UTC",
	)
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

// ValidProvider reports whether an identity may be of a provider of this name: 1 to 32 of A-Z a-z 0-9 _ -.
func ValidProvider(name string) bool {
	return len(name) >= 1 && len(name) <= MaxProvider && consistsOf(name, "_-")
}

// ValidSubject reports whether an identity may have this subject: 1 to 255 bytes without control characters.
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

// validTime reports whether RFC 3339 can write t in UTC: an offset may carry a time out of its four digits of a year.
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

// erase turns the player into the mark of an erasure: nothing personal is left, and its names are free for others.
func (p *Player) erase(now time.Time) []Change {
	*p = Player{
		ID: p.ID, Project: p.Project, Version: p.Version, CreatedAt: p.CreatedAt, ErasingSince: &now, SweepSince: &now,
		Profile: Profile{Identities: map[string]string{}, Attributes: Attributes{}},
	}
	return []Change{PlayerErased{}}
}
