package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"

	"game-session-manager/internal/game"
)

// Parameters of the hashes of passwords. OWASP's Password Storage Cheat Sheet requires of argon2id at least 19 MiB of
// memory, two passes and one thread: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html.
const (
	passwordMemory  = 19 << 10 // KiB
	passwordTime    = 2        // passes
	passwordThreads = 1
	passwordSalt    = 16 // bytes
	passwordBytes   = 32
	// passwordsAtOnce is how many hashes are computed at once.
	passwordsAtOnce = 2
)

// errHashForm says that a stored hash is not one that Passwords makes.
var errHashForm = errors.New("the stored hash of a password is not one of argon2id with at most 19 MiB")

// Passwords implements [game.PasswordHasher] by argon2id. A hash takes 19 MiB of memory and tens of milliseconds of a
// processor. At most two are computed at once. It is safe for concurrent use.
type Passwords struct{ slots chan struct{} }

// NewPasswords returns a Passwords.
func NewPasswords() *Passwords { return &Passwords{make(chan struct{}, passwordsAtOnce)} }

// Hash implements [game.PasswordHasher].
func (p *Passwords) Hash(ctx context.Context, password string) (game.PasswordHash, error) {
	salt := make([]byte, passwordSalt)
	_, _ = rand.Read(salt) // never fails
	h, err := p.compute(ctx, password, salt, passwordTime, passwordMemory, passwordThreads)
	if err != nil {
		return "", err
	}
	encode := base64.RawStdEncoding.EncodeToString
	return game.PasswordHash(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, passwordMemory,
		passwordTime, passwordThreads, encode(salt), encode(h))), nil
}

// Verify implements [game.PasswordHasher]. It reads hashes with other parameters, too, if they need no more memory and
// no more than ten times as long.
func (p *Passwords) Verify(ctx context.Context, stored game.PasswordHash, password string) (bool, error) {
	var (
		version, memory, time uint32
		threads               uint8
		rest                  string
	)
	n, err := fmt.Sscanf(string(stored), "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &memory, &time, &threads, &rest)
	if err != nil || n != 5 || version != argon2.Version || memory < 1 || memory > passwordMemory || time < 1 ||
		time > 10*passwordTime || threads < 1 || len(rest) != saltText+1+hashText || rest[saltText] != '$' {
		return false, errHashForm
	}
	decode := base64.RawStdEncoding.Strict().DecodeString
	salt, errSalt := decode(rest[:saltText])
	wanted, errHash := decode(rest[saltText+1:])
	if errSalt != nil || errHash != nil {
		return false, errHashForm
	}
	h, err := p.compute(ctx, password, salt, time, memory, threads)
	return err == nil && subtle.ConstantTimeCompare(h, wanted) == 1, err
}

// Lengths of a salt and a hash in base64 without padding.
const (
	saltText = (passwordSalt*8 + 5) / 6
	hashText = (passwordBytes*8 + 5) / 6
)

// compute returns a hash, once fewer than two others are computed. It returns game.ErrOverloaded if ctx ends before.
func (p *Passwords) compute(
	ctx context.Context, password string, salt []byte, time, memory uint32, threads uint8,
) ([]byte, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, game.Overloaded(context.Cause(ctx))
	}
	defer func() { <-p.slots }()
	return argon2.IDKey([]byte(password), salt, time, memory, threads, passwordBytes), nil
}
