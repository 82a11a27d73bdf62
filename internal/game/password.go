package game

import (
	"context"
	"errors"
	"regexp"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// MaxPassword is the maximum number of characters of a session's password. In bytes it is bounded by that, too: a
	// character has 4 at most.
	MaxPassword = 128
	// maxVerifications is how often a join verifies its password while the session gets other passwords.
	maxVerifications = 4
)

// PasswordHash is the slow hash of a session's password in the PHC string format. Only hashes of argon2id are stored.
type PasswordHash string

// passwordHashForm is the form of a stored hash, with a salt of 16 and a hash of 32 bytes in base64.
var passwordHashForm = regexp.MustCompile(
	`^\$argon2id\$v=19\$m=[0-9]{1,6},t=[0-9]{1,2},p=[0-9]{1,2}\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`,
)

// PasswordHasher hashes and verifies passwords. Both take tens of milliseconds and much memory, so that it limits how
// many run at once: while a call waits for others and its context ends, it returns ErrOverloaded.
type PasswordHasher interface {
	// Hash returns the hash of a password with a salt of its own.
	Hash(ctx context.Context, password string) (PasswordHash, error)
	// Verify reports whether the hash is that of the password. It returns an error, too, for a hash that it cannot
	// read.
	Verify(ctx context.Context, h PasswordHash, password string) (bool, error)
}

// checkPassword adds to p what is wrong with a password that a caller sent. The empty one is none.
func (p *problems) checkPassword(password string) {
	p.check(utf8.ValidString(password), "password", "must be valid UTF-8")
	p.check(utf8.RuneCountInString(password) <= MaxPassword, "password", "must have at most %d characters", MaxPassword)
}

// ValidPassword returns ErrValidation if a session cannot have the password. The empty one is none.
func ValidPassword(password string) error {
	var p problems
	p.checkPassword(password)
	return p.err()
}

// normalPassword returns a password in the form in which it is hashed: NFC, because keyboards of different systems
// write the same letters as different characters.
func normalPassword(password string) string { return norm.NFC.String(password) }

// passwordCheck is the result of verifying the password of a party against a hash.
type passwordCheck struct {
	of    PasswordHash
	right bool
}

// unverifiedPassword says that the password of a party has to be verified against the hash, which takes too long for a
// rule, before the rule can decide.
type unverifiedPassword struct{ of PasswordHash }

func (unverifiedPassword) Error() string { return "the password is not verified" }

// byPassword returns why a player may not ask for a seat by the password of its party, or nil. The session has one.
// Because hashing is slow, who would get no seat with the right password either is told that first. It is nothing that
// the password protects: those who do not know it may read the session.
func (s *Session) byPassword(p Party, j JoinRequest, now time.Time) error {
	err := s.joinable(j, now)
	if p.Wait && seatTaken(err) {
		err = s.canWait(j)
	}
	if err != nil {
		return err
	}
	return s.checkPassword(p)
}

// checkPassword returns why the password of a party does not open the session, which has one, or nil. A check counts
// for the hash that the session has now.
func (s *Session) checkPassword(p Party) error {
	switch {
	case p.Password == "":
		return ErrWrongPassword.Detail(
			"The session has a password: joining it requires the password, the join code or an invitation.")
	case p.checked.of != s.PasswordHash:
		return unverifiedPassword{s.PasswordHash}
	case !p.checked.right:
		return ErrWrongPassword
	}
	return nil
}

// setPassword sets the hash of the password, or removes the password if it is empty.
func (s *Session) setPassword(h PasswordHash) { s.PasswordHash, s.HasPassword = h, h != "" }

// brokenPassword returns the rules that the password breaks. Findings never contain the hash.
func (s *Session) brokenPassword() problems {
	var wrong problems
	has := s.PasswordHash != ""
	wrong.check(s.HasPassword == has, "has_password", "must say whether there is a password_hash")
	wrong.check(!has || !s.Status.Terminal(), "password_hash", "must be removed when the session ends")
	wrong.check(
		!has || passwordHashForm.MatchString(string(s.PasswordHash)), "password_hash", "must be one of argon2id",
	)
	return wrong
}

// hashPassword returns the hash of a password that is valid, or "" for none.
func (s *Sessions) hashPassword(ctx context.Context, password string) (PasswordHash, error) {
	if password == "" {
		return "", nil
	}
	h, err := s.passwords.Hash(ctx, normalPassword(password))
	return h, beforeWrite(err)
}

// NewPassword returns the hash of a new password of a session for [SessionEdit], or "" for the empty password. For the
// password that the session has, it is the hash that the session has. Because hashing is slow, it happens before the
// change, and only for callers who may make that. It returns the error of the condition, ErrValidation,
// ErrSessionNotFound, ErrSessionEnded, ErrNotHost, ErrForbidden or ErrOverloaded.
func (s *Sessions) NewPassword(
	ctx context.Context, id SessionID, c Condition[Session], password string,
) (PasswordHash, error) {
	if err := ValidPassword(password); err != nil || password == "" {
		return "", err
	}
	v, err := s.get(ctx, id)
	if err != nil {
		return "", beforeWrite(err)
	}
	if err := byHost(ctx, c)(v); err != nil {
		return "", err
	}
	if v.Status.Terminal() {
		return "", v.endedError()
	}
	KeepRoom(ctx, 0) // of the session only the hash is needed while this waits for others
	if v.PasswordHash != "" {
		same, err := s.passwords.Verify(ctx, v.PasswordHash, normalPassword(password))
		if err != nil || same {
			return v.PasswordHash, beforeWrite(err)
		}
	}
	return s.hashPassword(ctx, password)
}

// verifyPassword returns the party with the result for the password that the error of a join is about. It returns other
// errors as they are, and after too many verifications ErrOverloaded.
func (s *Sessions) verifyPassword(ctx context.Context, p Party, err error) (Party, error) {
	open := unverifiedPassword{}
	if !errors.As(err, &open) {
		return p, err
	}
	if p.verifications++; p.verifications > maxVerifications {
		return p, Overloaded(errors.New("the session gets other passwords all the time"))
	}
	KeepRoom(ctx, 0) // the session is read again
	right, err := s.passwords.Verify(ctx, open.of, normalPassword(p.Password))
	if err != nil {
		return p, beforeWrite(err)
	}
	p.checked = passwordCheck{open.of, right}
	return p, nil
}
