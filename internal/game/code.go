package game

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"
)

// Limits of join codes.
const (
	// JoinCodeLength is how many characters a join code has. With 32 of them there are 2^30 codes.
	JoinCodeLength = 6
	// MaxCodeUses is the maximum of max_uses.
	MaxCodeUses = 100_000
	// maxCodeInput is the maximum length in bytes of what a caller may send as a code.
	maxCodeInput   = 32
	maxCodeSeconds = 2592000
	// codeTries is how many codes are tried until one is free. Among a million live codes, all of them are taken once
	// in 10^24 times.
	codeTries = 8
)

// codeAlphabet is Crockford's base 32: no I, L, O and U, which are read as other characters or make up words.
const codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// JoinCode is a short secret by which players find a session and may join it.
type JoinCode struct {
	Code      string     `json:"code" doc:"6 characters of A-Z 0-9 without I, L, O and U, unique among the live sessions of the project."`
	ExpiresAt *time.Time `json:"expires_at" doc:"When the code stops working; null for as long as the session lives."`
	MaxUses   *int       `json:"max_uses" doc:"How many seats can be taken by the code; null for any number."`
	Uses      int        `json:"uses" doc:"How many seats were taken by the code."`
}

// JoinCodeRequest asks for a new join code.
type JoinCodeRequest struct {
	ExpiresIn *int `json:"expires_in" minimum:"1" maximum:"2592000" doc:"For how many seconds the code works; null for as long as the session lives."`
	MaxUses   *int `json:"max_uses" minimum:"1" maximum:"100000" doc:"How many seats can be taken by the code; null for any number."`
}

// Validate returns ErrValidation with everything that is wrong.
func (r JoinCodeRequest) Validate() error {
	var p problems
	p.check(r.ExpiresIn == nil || *r.ExpiresIn >= 1 && *r.ExpiresIn <= maxCodeSeconds, "expires_in",
		"must be 1 to %d", maxCodeSeconds)
	p.check(r.MaxUses == nil || *r.MaxUses >= 1 && *r.MaxUses <= MaxCodeUses, "max_uses",
		"must be 1 to %d", MaxCodeUses)
	return p.err()
}

// NewJoinCode returns a random join code.
func NewJoinCode() string {
	b := make([]byte, JoinCodeLength)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = codeAlphabet[b[i]%byte(len(codeAlphabet))] // 256 is a multiple of 32
	}
	return string(b)
}

// NormalJoinCode returns a code in the form in which it is stored: in upper case, with the characters that people read
// as I, L or O replaced by those that they stand for, and without spaces and hyphens.
func NormalJoinCode(code string) string {
	return strings.NewReplacer("I", "1", "L", "1", "O", "0", " ", "", "-", "").Replace(strings.ToUpper(code))
}

func validJoinCode(code string) bool {
	return len(code) == JoinCodeLength && strings.Trim(code, codeAlphabet) == ""
}

// checkCode adds to p what is wrong with a code that a caller sent. Whether it is a code of a session is not checked.
func (p *problems) checkCode(code string) {
	p.check(len(code) <= maxCodeInput, "code", "must have at most %d characters", maxCodeInput)
}

// open reports whether the session can be joined by the code: it is the same, has not expired and is not used up.
func (c *JoinCode) open(code string, now time.Time) bool {
	return c != nil && c.Code == NormalJoinCode(code) && (c.ExpiresAt == nil || now.Before(*c.ExpiresAt)) &&
		(c.MaxUses == nil || c.Uses < *c.MaxUses)
}

// SetJoinCode replaces the join code of the session, and returns what that changed. It returns ErrValidation or
// ErrSessionEnded.
func (s *Session) SetJoinCode(code string, r JoinCodeRequest, now time.Time) ([]Change, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if s.Status.Terminal() {
		return nil, s.endedError()
	}
	c := JoinCode{Code: code, MaxUses: r.MaxUses}
	if r.ExpiresIn != nil {
		c.ExpiresAt = new(now.Add(seconds(*r.ExpiresIn)))
	}
	s.JoinCode = &c
	return codeChanged(), nil
}

// RemoveJoinCode removes the join code of the session, and returns what that changed. It succeeds if there is none.
func (s *Session) RemoveJoinCode() ([]Change, error) {
	if s.JoinCode == nil {
		return nil, nil
	}
	s.JoinCode = nil
	return codeChanged(), nil
}

// codeChanged returns the change of a join code. It names the field only: events are kept, and many may read them.
func codeChanged() []Change { return []Change{SettingsChanged{[]string{"join_code"}}} }

// admit returns why a player who holds no seat may not ask for one, or nil. Everybody may join a public session without
// a password. Others can be joined with their code or their password, and by servers; the host may reserve seats for
// others. by is as in [Session.JoinParty].
func (s *Session) admit(p Party, j JoinRequest, by PlayerID, now time.Time) error {
	switch {
	case p.Code != "" && !s.JoinCode.open(p.Code, now):
		return ErrInvalidJoinCode
	case p.Code != "", by == "", by == s.host():
		return nil
	case s.PasswordHash != "":
		return s.byPassword(p, j, now)
	}
	return s.obstacle(ObstaclePrivate)
}

// countUse counts a seat that was taken by the code.
func (s *Session) countUse() {
	c := *s.JoinCode // the session before the change has it too
	c.Uses++
	s.JoinCode = &c
}

// brokenRules returns the rules that the join code breaks, given the session that has it.
func (c *JoinCode) brokenRules(s *Session) problems {
	var wrong problems
	if c == nil {
		return nil
	}
	wrong.check(!s.Status.Terminal(), "join_code", "must be removed when the session ends")
	wrong.check(validJoinCode(c.Code), "join_code",
		"must have %d characters of A-Z 0-9 without I L O U", JoinCodeLength)
	wrong.check(c.Uses >= 0 && (c.MaxUses == nil || c.Uses <= *c.MaxUses), "join_code",
		"is used more often than allowed")
	return wrong
}

// RotateJoinCode gives a session a new join code, in place of the one that it has. It returns the errors of
// [Session.SetJoinCode] and of the condition, ErrSessionNotFound, ErrNotHost or ErrForbidden.
func (s *Sessions) RotateJoinCode(
	ctx context.Context, id SessionID, c Condition[Session], r JoinCodeRequest,
) (Session, JoinCode, error) {
	var v Session
	var made JoinCode // only valid if the change was made: an abandoned one may still set it
	err := s.withCode(func(code string) (err error) {
		v, err = s.change(ctx, id, byHost(ctx, c), func(v *Session, now time.Time) ([]Change, error) {
			done, err := v.SetJoinCode(code, r, now)
			if err == nil {
				made = *v.JoinCode
			}
			return done, err
		})
		return err
	})
	if err != nil {
		return Session{}, JoinCode{}, err
	}
	return v, made, nil
}

// withCode calls do with a random code, and again with another while the store returns ErrJoinCodeTaken.
func (s *Sessions) withCode(do func(code string) error) error {
	err := ErrJoinCodeTaken
	for range codeTries {
		if err = do(s.newCode()); !errors.Is(err, ErrJoinCodeTaken) {
			return err
		}
	}
	return Overloaded(err)
}

// RemoveJoinCode removes the join code of a session. It returns the error of the condition, ErrSessionNotFound,
// ErrNotHost or ErrForbidden.
func (s *Sessions) RemoveJoinCode(ctx context.Context, id SessionID, c Condition[Session]) (Session, error) {
	return s.change(ctx, id, byHost(ctx, c), func(v *Session, _ time.Time) ([]Change, error) {
		return v.RemoveJoinCode()
	})
}

// JoinByCode gives seats to the players of a party in the session with the party's code: see [Sessions.JoinParty]. It
// returns ErrInvalidJoinCode, too, if no session has the code, or if it has expired or is used up.
func (s *Sessions) JoinByCode(ctx context.Context, p Party) (Session, []Seated, error) {
	caller := CallerFrom(ctx)
	may, err := caller.mayJoin(p, nil)
	if err != nil {
		return Session{}, nil, err
	}
	if err := p.Validate(); err != nil {
		return Session{}, nil, err
	}
	code := NormalJoinCode(p.Code)
	if !validJoinCode(code) {
		return Session{}, nil, ErrInvalidJoinCode
	}
	id, err := s.store.SessionByJoinCode(ctx, caller.Project, code)
	if err != nil {
		return Session{}, nil, beforeWrite(err)
	}
	cannot, err := s.unable(ctx, p)
	if err != nil {
		return Session{}, nil, err
	}
	v, seated, err := s.joinParty(ctx, id, func(v Session) error {
		switch {
		case v.JoinCode == nil || v.JoinCode.Code != code: // it has lost the code meanwhile
			return ErrInvalidJoinCode
		case may != nil:
			return may(v)
		}
		return nil
	}, p, cannot)
	if errors.Is(err, ErrSessionNotFound) { // purged meanwhile
		err = ErrInvalidJoinCode
	}
	return v, seated, err
}

// mayKnowCode reports whether the caller may see the join code of a session: members, its host, servers and admins.
func (c Caller) mayKnowCode(s *Session) bool {
	if c.Scope == ScopePlayer {
		return s.member(c.Player) >= 0
	}
	return slices.Contains([]Scope{ScopeServer, ScopeAdmin}, c.Scope)
}
