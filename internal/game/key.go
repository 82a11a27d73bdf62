package game

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// Limits of API keys.
const (
	MaxKeyName   = 64 // characters
	MaxKeyID     = 32
	MinKeySecret = 32
	MaxKeySecret = 128
	MaxProjectID = 64
	// MaxCredential is how many bytes of an Authorization header are looked at: of an API key, or of a token, which is
	// longer.
	MaxCredential = 4 << 10

	keyPrefix = "gsm_"
	// keyCaller stands before the id of a key in the name of its caller.
	keyCaller = "key:"
	// usedEvery is how often the use of a key is recorded at most.
	usedEvery = time.Minute
	// keptAfterEnd is how long keys that are over stay to be seen.
	keptAfterEnd = 30 * 24 * time.Hour
)

// KeyID identifies an API key, in all projects: 1 to 32 of a-z and 0-9.
type KeyID string

// KeyIDPattern is the regular expression of the id of an API key as callers may write it: in either case.
const KeyIDPattern = "^[a-zA-Z0-9]{1,32}$"

// Key is an API key as it is kept: what opens it, its secret, is not in it.
type Key struct {
	ID      KeyID     `json:"id" bson:"_id" doc:"What stands between gsm_ and the secret."`
	Project ProjectID `json:"project" doc:"The game, or the environment of a game, to which the document belongs."`
	Name    string    `json:"name" doc:"For people."`
	Scope   Scope     `json:"scope" doc:"What it may do."`
	// Hash is the SHA-256 of the secret, in base64. A slow hash is for secrets that people choose; these are random.
	Hash       string     `json:"hash" hidden:"true" doc:"SHA-256 of the secret in base64url: the secret itself is stored nowhere."`
	Version    int64      `json:"version" hidden:"true" doc:"Grows by one with each change."`
	CreatedAt  time.Time  `json:"created_at" doc:"In UTC, to the millisecond."`
	ExpiresAt  *time.Time `json:"expires_at" doc:"As it was asked for; null for never."`
	RetiresAt  *time.Time `json:"retires_at" doc:"When a key that was rotated ends, unless it expires before; null for a key that was not rotated."`
	RevokedAt  *time.Time `json:"revoked_at" doc:"Null for a key that was not revoked."`
	LastUsedAt *time.Time `json:"last_used_at" doc:"To the minute; null for never."`
}

// KeyStatus says whether a key lets anybody in.
type KeyStatus string

// The statuses of an API key.
const (
	KeyActive  KeyStatus = "active"
	KeyRevoked KeyStatus = "revoked"
	KeyExpired KeyStatus = "expired" // or retired, after it was rotated
)

// KeyStatuses are all of them.
func KeyStatuses() []KeyStatus { return []KeyStatus{KeyActive, KeyRevoked, KeyExpired} }

// KeyRequest asks for a new API key.
type KeyRequest struct {
	Name      string     `json:"name" minLength:"1" maxLength:"64" doc:"Any text, for people."`
	Scope     Scope      `json:"scope"`
	ExpiresAt *time.Time `json:"expires_at" doc:"In UTC."` // nil for never
}

// Validate answers ErrValidation with everything that is wrong whatever the time.
func (r KeyRequest) Validate() error {
	var p problems
	p.check(r.Name != "", "name", "must have 1 to %d characters", MaxKeyName)
	p.checkName("name", r.Name, MaxKeyName)
	p.check(r.Scope.valid(), "scope", "must be one of %v", KeyScopes())
	p.check(r.ExpiresAt == nil || validTime(*r.ExpiresAt), "expires_at", "must be in the years 1 to 9999 of UTC")
	return p.err()
}

// Secret is an API key as its holder has it. It is shown once, and never logged.
type Secret struct {
	ID     KeyID
	secret string
	hash   string // what is kept of it
}

func secretOf(id KeyID, secret string) Secret {
	sum := sha256.Sum256([]byte(secret))
	return Secret{id, secret, base64.RawURLEncoding.EncodeToString(sum[:])}
}

// String hides the secret, so that no log shows it by accident.
func (s Secret) String() string { return keyPrefix + string(s.ID) + "_…" }

// Reveal returns the text that the holder keeps and sends.
func (s Secret) Reveal() string { return keyPrefix + string(s.ID) + "_" + s.secret }

// ParseSecret reads the text of an API key, gsm_<id>_<secret>, and reports whether it has that form. The secret has 32
// to 128 characters of A-Z a-z 0-9 _ -.
func ParseSecret(text string) (Secret, bool) {
	rest, ours := strings.CutPrefix(text, keyPrefix)
	id, secret, whole := strings.Cut(rest, "_")
	if !ours || !whole || !ValidKeyID(KeyID(id)) || len(secret) < MinKeySecret || len(secret) > MaxKeySecret ||
		!consistsOf(secret, "_-") {
		return Secret{}, false
	}
	return secretOf(KeyID(id), secret), true
}

// ValidKeyID reports whether this is the form of a key's id.
func ValidKeyID(id KeyID) bool {
	if len(id) < 1 || len(id) > MaxKeyID {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// ValidProject reports whether a project may have this name: 1 to 64 of a-z 0-9 and -.
func ValidProject(p ProjectID) bool {
	return len(p) >= 1 && len(p) <= MaxProjectID && !slices.ContainsFunc([]byte(p), func(c byte) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-'
	})
}

// StaticKey returns the key that a secret of the configuration opens: an admin's, of the default project, which is kept
// nowhere.
func StaticKey(s Secret, name string) Key {
	return Key{ID: s.ID, Project: DefaultProject, Name: name, Scope: ScopeAdmin, Hash: s.hash, Version: 1}
}

// Opens reports whether the secret is the key's and the key holds at the time. It takes as long for a wrong secret as
// for a right one, and for the zero Key, which nothing opens.
func (k *Key) Opens(s Secret, now time.Time) bool { return k.Fits(s) && !k.Over(now) }

// Fits reports whether the secret is the key's, which may have ended. It takes as long as Opens.
func (k *Key) Fits(s Secret) bool {
	same := subtle.ConstantTimeCompare([]byte(s.hash), []byte(k.hashOrNone())) == 1
	return same && k.Hash != "" && k.ID == s.ID
}

// noHash has the form of a hash.
const noHash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// hashOrNone returns something of the same length for the zero Key.
func (k *Key) hashOrNone() string {
	if k.Hash == "" {
		return noHash
	}
	return k.Hash
}

// Status is that of the key at the time.
func (k *Key) Status(now time.Time) KeyStatus {
	switch {
	case k.RevokedAt != nil:
		return KeyRevoked
	case k.Over(now):
		return KeyExpired
	}
	return KeyActive
}

// Over reports whether the key is revoked or has ended at the time.
func (k *Key) Over(now time.Time) bool { return k.ended(now) != nil }

// End is when the key ends unless it is revoked: when it expires, or before that when it retires; nil for never.
func (k *Key) End() *time.Time {
	if k.ExpiresAt == nil || k.RetiresAt != nil && k.RetiresAt.Before(*k.ExpiresAt) {
		return k.RetiresAt
	}
	return k.ExpiresAt
}

// revoke ends the key, unless it has ended, and returns what that changed.
func (k *Key) revoke(now time.Time) []Change {
	if k.Over(now) {
		return nil
	}
	k.RevokedAt = &now
	return []Change{APIKeyRevoked{}}
}

// retire ends the key after a time, unless it ends before that, and returns what that changed.
func (k *Key) retire(now time.Time, after time.Duration) []Change {
	end := now.Add(after)
	if old := k.End(); old != nil && !old.After(end) || k.Over(now) {
		return nil
	}
	k.RetiresAt = &end
	return []Change{APIKeyRotated{end}}
}

// nextVersion makes a new version of the key.
func (k *Key) nextVersion(now time.Time) versioned {
	k.Version++
	return k.versionAt(now)
}

// versionAt names the key's version, which was made at the time.
func (k *Key) versionAt(now time.Time) versioned {
	return versioned{k.Project, Subject{SubjectKey, string(k.ID)}, k.Version, now}
}

// Caller is who sends the key.
func (k *Key) Caller() Caller {
	return Caller{Project: k.Project, Scope: k.Scope, Name: keyCaller + string(k.ID)}
}

// ended is when the key was over, nil if it is not at the time.
func (k *Key) ended(now time.Time) *time.Time {
	if k.RevokedAt != nil {
		return k.RevokedAt
	}
	if end := k.End(); end != nil && !now.Before(*end) {
		return end
	}
	return nil
}
