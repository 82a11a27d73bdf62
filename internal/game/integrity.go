package game

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
)

// brokenRules returns the rules that the player breaks.
func (p *Player) brokenRules() problems {
	var wrong problems
	wrong.document(string(p.ID), p.Project, p.Version, p.CreatedAt)
	if p.ErasingSince != nil {
		left := p.Username != "" || p.DisplayName != "" || len(p.Identities) > 0 || len(p.Attributes) > 0 ||
			p.LastSeenAt != nil
		wrong.check(!left, "erasing_since", "is set, but personal data is left")
		return wrong
	}
	wrong.check(
		p.SweepSince == nil || p.Status == PlayerSuspended, "sweep_since",
		"must be set for suspended or erased players only",
	)
	wrong.check(p.DisplayName != "", "display_name", "is missing")
	wrong.check(p.Status != "", "status", "is missing")
	wrong.check(
		p.Status == PlayerSuspended || p.SuspendedUntil == nil && p.SuspensionReason == "", "status",
		"must be suspended to have a time or a reason",
	)
	wrong.include(p.Profile.Validate())
	return wrong
}

// brokenRules returns the rules that the session breaks, except those about its host: see hostProblem.
func (s *Session) brokenRules() problems {
	var wrong problems
	wrong.document(string(s.ID), s.Project, s.Version, s.CreatedAt)
	wrong.include(s.Settings.Validate())
	wrong.check(s.Visibility != "", "visibility", "is missing")
	s.Connection.validate(&wrong)
	ended := s.Status.Terminal()
	wrong.check(slices.Contains(SessionStatuses(), s.Status), "status", "must be one of %v", SessionStatuses())
	wrong.check(ended == (s.EndReason != ""), "end_reason", "must be set if and only if the session has ended")
	knownReason := s.EndReason == "" || slices.Contains(EndReasons(), s.EndReason)
	wrong.check(knownReason, "end_reason", "must be one of %v", EndReasons())
	wrong.check(ended == (s.EndedAt != nil), "ended_at", "must be set if and only if the session has ended")
	wrong.check(s.Result == "" || s.Status == StatusEnded, "result", "is allowed with status ended only")
	wrong.check(len(s.Result) <= MaxResultBytes, "result", "must have at most %d bytes", MaxResultBytes)
	s.checkMembers(&wrong)
	s.checkWaitList(&wrong)
	return slices.Concat(wrong, s.JoinCode.brokenRules(s), s.brokenPassword())
}

func (s *Session) checkMembers(wrong *problems) {
	const field = "members"
	wrong.check(len(s.Members) <= s.MaxPlayers, field, "hold %d seats of %d", len(s.Members), s.MaxPlayers)
	seated := make(map[PlayerID]struct{}, len(s.Members))
	teams := make(map[string]int)
	for _, m := range s.Members {
		_, twice := seated[m.PlayerID]
		seated[m.PlayerID] = struct{}{}
		wrong.check(!twice, field, "must hold one seat each")
		wrong.check(validID(string(m.PlayerID)), field, "must be players' ids")
		wrong.check(
			m.Status == SeatReserved || m.Status == SeatJoined || m.Status == SeatDisconnected, field,
			"have an unknown status",
		)
		wrong.check(m.Status == SeatReserved || !m.SelfReserved, field, "are reserved by themselves and have joined")
		m.Attributes.validate(wrong, attributeLimits{MaxMemberAttributes, maxMemberAttributeBytes})
		if m.Team != "" {
			teams[m.Team]++
		}
	}
	for team, held := range teams {
		capacity, ok := s.Teams[team]
		wrong.check(ok, field, "are in an unknown team")
		wrong.check(!ok || held <= capacity, field, "exceed the seats of their team")
	}
}

func (s *Session) checkWaitList(wrong *problems) {
	const field = "wait_list"
	wrong.check(len(s.WaitList) <= MaxWaiting, field, "has more than %d players", MaxWaiting)
	wrong.check(!s.Status.Terminal() || len(s.WaitList) == 0, field, "must be empty once the session has ended")
	for i := range s.WaitList {
		w := &s.WaitList[i]
		wrong.check(validID(string(w.PlayerID)), field, "must have players' ids")
		wrong.check(s.waiter(w.PlayerID) == i, field, "must have each player once")
		wrong.check(s.member(w.PlayerID) < 0, field, "must not have members")
		w.Attributes.validate(wrong, attributeLimits{MaxMemberAttributes, maxMemberAttributeBytes})
	}
}

// brokenRules returns the rules that the API key breaks, without its name and hash.
func (k *Key) brokenRules() problems {
	var wrong problems
	wrong.check(ValidKeyID(k.ID), "id", "must have 1 to %d characters of a-z 0-9", MaxKeyID)
	wrong.check(ValidProject(k.Project), "project", "must have 1 to %d characters of a-z 0-9 -", MaxProjectID)
	wrong.check(k.Version >= 1, "version", "must be 1 or more")
	wrong.check(!k.CreatedAt.IsZero(), "created_at", "is missing")
	hash, err := base64.RawURLEncoding.DecodeString(k.Hash)
	wrong.check(err == nil && len(hash) == sha256.Size, "hash", "must be a SHA-256 in base64url")
	wrong.include(KeyRequest{Name: k.Name, Scope: k.Scope}.Validate())
	return wrong
}

// brokenRules returns the rules that the claim breaks at a time.
func (c *Claim) brokenRules(now time.Time) problems {
	var wrong problems
	wrong.check(c.Key != "" && c.Fingerprint != "" && c.DocumentID != "", "key", "fingerprint and document must be set")
	wrong.check(!c.ExpiresAt.After(now.Add(IdempotencyTTL+overdue)), "expires_at", "is later than it can be")
	return wrong
}

// brokenRules returns the rules that the signing key breaks.
func (k *SigningKey) brokenRules() problems {
	var wrong problems
	public, err := base64.RawURLEncoding.DecodeString(k.PublicKey)
	wrong.check(err == nil && len(public) == ed25519.PublicKeySize, "public_key", "must be an Ed25519 key in base64url")
	wrong.check(k.ID == thumbprint(k.PublicKey), "id", "must be the thumbprint of public_key")
	wrong.check(k.Sealed != "", "sealed", "is missing")
	wrong.check(!k.CreatedAt.IsZero(), "created_at", "is missing")
	wrong.check(k.ExpiresAt.After(k.CreatedAt), "expires_at", "must be later than created_at")
	return wrong
}

// thumbprint returns the RFC 7638 thumbprint of an Ed25519 public key (RFC 8037) in base64url.
func thumbprint(public string) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + public + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// document checks the fields that players and sessions have in common.
func (p *problems) document(id string, project ProjectID, version int64, created time.Time) {
	p.check(validID(id), "id", "is not an id")
	p.check(project != "", "project", "is missing")
	p.check(version >= 1, "version", "must be 1 or more")
	p.check(!created.IsZero(), "created_at", "is missing")
}

// include adds the fields of a validation error.
func (p *problems) include(err error) {
	if e := (*Error)(nil); errors.As(err, &e) {
		*p = append(*p, e.Fields...)
	}
}

// describeProblems returns a sentence without names that clients chose: for attributes.hair_colour it says attributes.
func describeProblems(p problems) string {
	var parts []string
	for _, f := range p {
		field, _, _ := strings.Cut(f.Field, ".")
		parts = append(parts, field+" "+f.Message)
	}
	slices.Sort(parts)
	return "breaks the rules: " + strings.Join(slices.Compact(parts), "; ")
}
