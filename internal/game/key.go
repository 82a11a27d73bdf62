package game

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
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
	// MaxCredential is the maximum size of a credential in an Authorization header, in bytes. Tokens are longer than
	// API keys.
	MaxCredential = 4 << 10

	keyPrefix = "gsm_"
	// keyCaller is the prefix of [Caller].Name for an API key; the id of the key follows.
	keyCaller = "key:"
	// usedEvery is the minimum time between two records of the use of a key.
	usedEvery = time.Minute
	// keptAfterEnd is how long inactive keys are kept, so that they can still be listed.
	keptAfterEnd = 30 * 24 * time.Hour
)

// KeyID identifies an API key across all projects. It has 1 to 32 characters of a-z and 0-9.
type KeyID string

// KeyIDPattern is a regular expression for the ids of API keys in requests. Either case is accepted.
const KeyIDPattern = "^[a-zA-Z0-9]{1,32}$"

// Key is an API key as it is stored, with a hash in the place of its secret.
type Key struct {
	ID      KeyID     `json:"id" bson:"_id" doc:"The part between gsm_ and the secret."`
	Project ProjectID `json:"project" doc:"The game, or the environment of a game, to which the document belongs."`
	Name    string    `json:"name" doc:"For people."`
	Scope   Scope     `json:"scope" doc:"What it may do."`
	// Hash is the SHA-256 of the secret. Slow hashes protect secrets that people choose; these are random.
	Hash       string     `json:"hash" hidden:"true" doc:"SHA-256 of the secret in base64url: the secret itself is stored nowhere."`
	Version    int64      `json:"version" hidden:"true" doc:"Grows by one with each change."`
	CreatedAt  time.Time  `json:"created_at" doc:"In UTC, to the millisecond."`
	ExpiresAt  *time.Time `json:"expires_at" doc:"As requested; null for never."`
	RetiresAt  *time.Time `json:"retires_at" doc:"When a key that was rotated ends, unless it expires before; null for a key that was not rotated."`
	RevokedAt  *time.Time `json:"revoked_at" doc:"Null for a key that was not revoked."`
	LastUsedAt *time.Time `json:"last_used_at" doc:"To the minute; null for never."`
}

// KeyStatus says whether a key is accepted.
type KeyStatus string

// The statuses of an API key.
const (
	KeyActive  KeyStatus = "active"
	KeyRevoked KeyStatus = "revoked"
	KeyExpired KeyStatus = "expired" // or retired after a rotation
)

// KeyStatuses returns all statuses.
func KeyStatuses() []KeyStatus { return []KeyStatus{KeyActive, KeyRevoked, KeyExpired} }

// KeyRequest asks for a new API key.
type KeyRequest struct {
	Name      string     `json:"name" minLength:"1" maxLength:"64" doc:"Any text, for people."`
	Scope     Scope      `json:"scope"`
	ExpiresAt *time.Time `json:"expires_at" doc:"In UTC."` // nil for never
}

// Validate returns ErrValidation with everything that is wrong regardless of the time.
func (r KeyRequest) Validate() error {
	var p problems
	p.check(r.Name != "", "name", "must have 1 to %d characters", MaxKeyName)
	p.checkName("name", r.Name, MaxKeyName)
	p.check(r.Scope.valid(), "scope", "must be one of %v", KeyScopes())
	p.check(r.ExpiresAt == nil || validTime(*r.ExpiresAt), "expires_at", "must be in the years 1 to 9999 of UTC")
	return p.err()
}

// Secret is the text of an API key. It is returned once, and never logged.
type Secret struct {
	ID     KeyID
	secret string
	hash   string // of the secret, as it is stored
}

func secretOf(id KeyID, secret string) Secret {
	sum := sha256.Sum256([]byte(secret))
	return Secret{id, secret, base64.RawURLEncoding.EncodeToString(sum[:])}
}

// String returns the key without its secret, so that logs cannot reveal it by accident.
func (s Secret) String() string { return keyPrefix + string(s.ID) + "_…" }

// Reveal returns the complete text of the key.
func (s Secret) Reveal() string { return keyPrefix + string(s.ID) + "_" + s.secret }

// ParseSecret parses the text of an API key, gsm_<id>_<secret>, and reports whether it is well-formed. The secret has
// 32 to 128 characters of A-Z a-z 0-9 _ -.
func ParseSecret(text string) (Secret, bool) {
	rest, ours := strings.CutPrefix(text, keyPrefix)
	id, secret, whole := strings.Cut(rest, "_")
	if !ours || !whole || !ValidKeyID(KeyID(id)) || len(secret) < MinKeySecret || len(secret) > MaxKeySecret ||
		!consistsOf(secret, "_-") {
		return Secret{}, false
	}
	return secretOf(KeyID(id), secret), true
}

// ValidKeyID reports whether id has the form of the id of an API key.
func ValidKeyID(id KeyID) bool {
	text := string(id)
	return len(text) >= 1 && len(text) <= MaxKeyID && consistsOf(text, "") && text == strings.ToLower(text)
}

// ValidProject reports whether p has 1 to 64 characters of a-z 0-9 and -.
func ValidProject(p ProjectID) bool {
	text := string(p)
	return len(text) >= 1 && len(text) <= MaxProjectID && consistsOf(text, "-") && text == strings.ToLower(text)
}

// StaticKey returns the key for a secret from the configuration. It has scope admin in the default project and is not
// stored.
func StaticKey(s Secret, name string) Key {
	return Key{ID: s.ID, Project: DefaultProject, Name: name, Scope: ScopeAdmin, Hash: s.hash, Version: 1}
}

// Opens reports whether the secret belongs to the key and the key is active at the given time. It takes the same time
// for wrong secrets as for right ones. The zero Key has no secret.
func (k *Key) Opens(s Secret, now time.Time) bool { return k.Fits(s) && !k.Inactive(now) }

// Fits reports whether the secret belongs to the key, even if the key is inactive. It takes as long as Opens.
func (k *Key) Fits(s Secret) bool {
	same := subtle.ConstantTimeCompare([]byte(s.hash), []byte(k.hashOrNone())) == 1
	return same && k.Hash != "" && k.ID == s.ID
}

// noHash has the length of a hash.
const noHash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// hashOrNone returns noHash for the zero Key, so that the comparison takes the same time.
func (k *Key) hashOrNone() string {
	if k.Hash == "" {
		return noHash
	}
	return k.Hash
}

// Status returns the status of the key at the given time.
func (k *Key) Status(now time.Time) KeyStatus {
	switch {
	case k.RevokedAt != nil:
		return KeyRevoked
	case k.Inactive(now):
		return KeyExpired
	}
	return KeyActive
}

// Inactive reports whether the key was revoked, has expired or is retired at the given time.
func (k *Key) Inactive(now time.Time) bool { return k.ended(now) != nil }

// End returns when an unrevoked key becomes inactive: the earlier of ExpiresAt and RetiresAt, or nil for never.
func (k *Key) End() *time.Time {
	if k.ExpiresAt == nil || k.RetiresAt != nil && k.RetiresAt.Before(*k.ExpiresAt) {
		return k.RetiresAt
	}
	return k.ExpiresAt
}

// revoke makes the key inactive now and returns what that changed.
func (k *Key) revoke(now time.Time) []Change {
	if k.Inactive(now) {
		return nil
	}
	k.RevokedAt = &now
	return []Change{APIKeyRevoked{}}
}

// retire makes the key inactive after a while unless it ends earlier, and returns what that changed.
func (k *Key) retire(now time.Time, after time.Duration) []Change {
	end := now.Add(after)
	if old := k.End(); old != nil && !old.After(end) || k.Inactive(now) {
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

// versionAt identifies the key's version, which was made at the given time.
func (k *Key) versionAt(now time.Time) versioned {
	return versioned{k.Project, Subject{SubjectKey, string(k.ID)}, k.Version, now}
}

// Caller returns the caller that the key authenticates.
func (k *Key) Caller() Caller {
	return Caller{Project: k.Project, Scope: k.Scope, Name: keyCaller + string(k.ID)}
}

// ended returns since when the key is inactive, or nil if it is active at the given time.
func (k *Key) ended(now time.Time) *time.Time {
	if k.RevokedAt != nil {
		return k.RevokedAt
	}
	if end := k.End(); end != nil && !now.Before(*end) {
		return end
	}
	return nil
}
