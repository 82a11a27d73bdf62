package game

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Kind is the kind of an [Error]. The zero Kind is Internal, so that details of unexpected errors stay private.
type Kind int

// The kinds of failure.
const (
	Internal        Kind = iota // a fault of the service; its details stay private
	Invalid                     // the request is malformed or exceeds a limit
	Forbidden                   // the caller may not do this
	NotFound                    // what the request names does not exist
	Conflict                    // the state of what the request names does not allow it
	Gone                        // what the request names has ended
	Precondition                // the document is not at the required version
	Unauthenticated             // the request has no valid credential
	Unavailable                 // the store cannot be reached or did not respond in time
)

// Error is a failure with a stable code for programs and a message for people. [errors.Is] compares only the codes.
type Error struct {
	Kind    Kind
	Code    string
	Message string         // public: what happened, to which field or id, and what to do
	Extras  map[string]any // public details, such as from, to and allowed
	Fields  []FieldError   // every field that is wrong, for validation_error
	cause   error          // private: for the operator's log
}

// FieldError says what is wrong with one field of a request. It never contains the field's value.
type FieldError struct {
	Field   string // path of the JSON names, such as "attributes.mmr"
	Message string
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Code + ": " + e.Message + ": " + e.cause.Error()
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the private cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error) // errors.Is unwraps; this looks at one link of the chain
	return ok && t.Code == e.Code
}

// Detail returns a copy of e with a message about this occurrence.
func (e *Error) Detail(format string, args ...any) *Error {
	c := *e
	c.Message = fmt.Sprintf(format, args...)
	return &c
}

// With returns a copy of e with another entry in Extras.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.Extras = maps.Clone(e.Extras)
	if c.Extras == nil {
		c.Extras = make(map[string]any)
	}
	c.Extras[key] = value
	return &c
}

// Because returns a copy of e with the private cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// KindOf returns the kind of the first Error in err's chain, or Internal.
func KindOf(err error) Kind {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// The named failures. docs/api.md lists their codes; a test compares both.
var (
	ErrInternal = &Error{
		Kind: Internal, Code: "internal",
		Message: "An internal error occurred. Quote the request id when you report it.",
	}

	ErrValidation = &Error{
		Kind: Invalid, Code: "validation_error", Message: "The request is not valid: see errors.",
	}
	ErrTooBroad = &Error{
		Kind: Invalid, Code: "too_broad",
		Message: "The request would have to look at too many sessions. Add a condition that few sessions meet, such " +
			"as one value of mode, region or an attribute, or leave out order or count.",
	}
	ErrIdempotencyKeyReuse = &Error{
		Kind: Invalid, Code: "idempotency_key_reuse",
		Message: "This Idempotency-Key was used with another body in the last 24 hours. " +
			"Use a new key for a new request.",
	}

	ErrUnauthenticated = &Error{
		Kind: Unauthenticated, Code: "unauthenticated", Message: "The request needs a valid credential.",
	}

	ErrForbidden   = &Error{Kind: Forbidden, Code: "forbidden", Message: "The credential does not allow this."}
	ErrNotHost     = &Error{Kind: Forbidden, Code: "not_host", Message: "Only the host of the session may do this."}
	ErrKeyNotFound = &Error{Kind: NotFound, Code: "api_key_not_found", Message: "The API key does not exist."}
	ErrKeyInactive = &Error{
		Kind: Conflict, Code: "api_key_inactive", Message: "The API key was revoked or has expired. Create a new one.",
	}

	ErrWebhookNotFound = &Error{Kind: NotFound, Code: "webhook_not_found", Message: "The webhook does not exist."}
	ErrTooManyWebhooks = &Error{
		Kind: Conflict, Code: "too_many_webhooks",
		Message: "The project has as many webhooks as it may have. Delete one.",
	}
	ErrWebhookBusy = &Error{
		Kind: Conflict, Code: "webhook_busy",
		Message: "As many deliveries of the webhook wait as may. Replay more of them once these have been made.",
	}
	ErrNoWebhooks = &Error{Kind: Conflict, Code: "webhooks_disabled", Message: "Webhooks are disabled: the operator " +
		"has not set GSM_SECRET_KEY, with which their secrets are encrypted."}

	ErrNoTokens = &Error{Kind: Conflict, Code: "tokens_disabled", Message: "Player tokens and join tickets " +
		"are disabled: authentication is on, and the operator has not set GSM_SECRET_KEY."}
	ErrPlayerUnknown = &Error{
		Kind: Forbidden, Code: "player_unknown",
		Message: "The credential is valid, but its player does not exist. Register the player.",
	}
	ErrIssuerUnavailable = &Error{
		Kind: Unavailable, Code: "issuer_unavailable",
		Message: "The issuer of the token cannot be reached, so the token cannot be verified. Try again.",
	}

	ErrPlayerNotFound = &Error{Kind: NotFound, Code: "player_not_found", Message: "The player does not exist."}
	ErrUsernameTaken  = &Error{
		Kind: Conflict, Code: "username_taken",
		Message: "Another player has this username (usernames ignore case). Choose another one.",
	}
	ErrIdentityTaken = &Error{
		Kind: Conflict, Code: "identity_taken", Message: "Another player has one of these identities.",
	}
	ErrPlayerSuspended = &Error{Kind: Forbidden, Code: "player_suspended", Message: "The player is suspended."}

	ErrSessionNotFound = &Error{Kind: NotFound, Code: "session_not_found", Message: "The session does not exist."}
	ErrSessionFull     = &Error{Kind: Conflict, Code: "session_full", Message: "The session has no free seat."}
	ErrTeamFull        = &Error{Kind: Conflict, Code: "team_full", Message: "The team has no free seat."}
	ErrSessionLocked   = &Error{
		Kind: Conflict, Code: "session_locked", Message: "The session is locked: it accepts no new members.",
	}
	ErrSessionNotJoinable = &Error{
		Kind: Conflict, Code: "session_not_joinable",
		Message: "The session accepts no new members in its current status.",
	}
	ErrSessionEnded = &Error{
		Kind: Gone, Code: "session_ended", Message: "The session has ended and cannot be changed.",
	}
	ErrFeedGap = &Error{
		Kind: Gone, Code: "feed_gap",
		Message: "The events after this position cannot be read: they are no longer kept, or the position is of a " +
			"database as it was before a restore. Read what you follow anew, and continue from position.",
	}
	ErrMemberNotFound = &Error{
		Kind: NotFound, Code: "member_not_found", Message: "The player holds no seat in this session.",
	}
	ErrMemberNotJoined = &Error{
		Kind: Conflict, Code: "member_not_joined",
		Message: "The member has not joined: it is reserved or disconnected.",
	}
	ErrAlreadyMember = &Error{
		Kind: Conflict, Code: "already_member",
		Message: "The player already holds a seat, or waits for one, with other settings. Change those of a member " +
			"with PATCH.",
	}
	ErrPlayerInOtherSession = &Error{
		Kind: Conflict, Code: "player_in_other_session",
		Message: "The player is in another exclusive session. Leave that one first.",
	}
	ErrPlayerBanned = &Error{
		Kind: Forbidden, Code: "player_banned", Message: "The player is banned from this session.",
	}
	ErrTooManyBans = &Error{
		Kind: Conflict, Code: "too_many_bans",
		Message: "The session has as many bans as it may have. Lift one, or give bans an end.",
	}
	ErrInvalidJoinCode = &Error{
		Kind: NotFound, Code: "invalid_join_code",
		Message: "No session can be joined with this code: it is wrong, has expired or is used up. Ask for a new one.",
	}
	ErrJoinCodeRequired = &Error{
		Kind: Forbidden, Code: "join_code_required",
		Message: "The session is private: joining it requires its join code or an invitation.",
	}
	ErrWaitListFull = &Error{
		Kind: Conflict, Code: "wait_list_full",
		Message: "The session has no free seat, and as many players wait for one as may. Try again later.",
	}
	ErrWrongPassword = &Error{
		Kind: Forbidden, Code: "wrong_password",
		Message: "The password is wrong. Ask the host for the right one.",
	}
	ErrNoSessionAvailable = &Error{
		Kind: Conflict, Code: "no_session_available",
		Message: "No session that meets the conditions has room. Try again later, or send create.",
	}
	ErrNotEnoughPlayers = &Error{
		Kind: Conflict, Code: "not_enough_players", Message: "The session has fewer members than min_players.",
	}
	ErrStaleFence = &Error{
		Kind: Conflict, Code: "stale_fence",
		Message: "Another host or server has taken over the session. Read the session before you write again.",
	}
	ErrSeatsTaken = &Error{
		Kind: Conflict, Code: "seats_taken", Message: "More seats are held than the new capacity allows.",
	}
	ErrInvalidTransition = &Error{
		Kind: Conflict, Code: "invalid_state_transition",
		Message: "The session cannot move to this status from its current one.",
	}

	ErrVersionMismatch = &Error{
		Kind: Precondition, Code: "version_mismatch",
		Message: "The document is at another version than If-Match requires. Read it again and retry.",
	}
	ErrOverloaded = &Error{
		Kind: Unavailable, Code: "overloaded",
		Message: "Server overloaded; the request was not processed. Try again later.",
	}
	ErrStoreUnavailable = &Error{
		Kind: Unavailable, Code: "store_unavailable",
		Message: "The database cannot be reached or did not respond in time. Try again.",
	}
)

// PlayerNotFound returns the [ErrPlayerNotFound] of one player.
func PlayerNotFound(id PlayerID) error {
	return ErrPlayerNotFound.Detail("Player %s does not exist.", id)
}

// SessionNotFound returns the [ErrSessionNotFound] of one session.
func SessionNotFound(id SessionID) error {
	return ErrSessionNotFound.Detail("Session %s does not exist.", id)
}

// KeyNotFound returns the [ErrKeyNotFound] of one API key.
func KeyNotFound(id KeyID) error {
	return ErrKeyNotFound.Detail("API key %s does not exist.", id)
}

// WebhookNotFound returns the [ErrWebhookNotFound] of one webhook.
func WebhookNotFound(id WebhookID) error {
	return ErrWebhookNotFound.Detail("Webhook %s does not exist.", id)
}

// Errors that engines return to the rules. They never reach a client.
var (
	// ErrExists says that a document with this id is already stored.
	ErrExists = errors.New("a document with this id exists")
	// ErrJoinCodeTaken says that another session of the project has the join code.
	ErrJoinCodeTaken = errors.New("another session has the join code")
	// ErrStale says that the stored document has changed since it was read.
	ErrStale = errors.New("the document was changed meanwhile")
	// ErrUnreadable is the cause of the [ErrStoreUnavailable] of a document that is stored and cannot be decoded.
	ErrUnreadable = errors.New("the stored document cannot be decoded")
)

// Outcomes of a write whose result did not arrive. See [Unanswered].
const (
	// OutcomeNone says that nothing was written.
	OutcomeNone = "none"
	// OutcomeUnknown says that the write may have happened. Retrying is safe with the same Idempotency-Key, or if the
	// request is idempotent by nature.
	OutcomeUnknown = "unknown"
)

// Unanswered returns the [ErrStoreUnavailable] of a write with its outcome and its private cause.
func Unanswered(outcome string, cause error) error {
	e := ErrStoreUnavailable.With("outcome", outcome).Because(cause)
	if outcome == OutcomeUnknown {
		e.Message = "The database did not respond in time, so the change may or may not have happened. Read the " +
			"document before you write again, or retry with the same Idempotency-Key."
	}
	return e
}

// problems collects everything that is wrong with a request, so that it is reported at once.
type problems []FieldError

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// check adds the message unless ok is true.
func (p *problems) check(ok bool, field, format string, args ...any) {
	if !ok {
		p.add(field, format, args...)
	}
}

// err returns ErrValidation with the problems sorted by field, or nil if there are none.
func (p *problems) err() error {
	if len(*p) == 0 {
		return nil
	}
	e := *ErrValidation
	e.Fields = slices.Clone(*p)
	slices.SortStableFunc(e.Fields, func(a, b FieldError) int {
		switch {
		case a.Field < b.Field:
			return -1
		case a.Field > b.Field:
			return 1
		}
		return 0
	})
	return &e
}

// InvalidField returns the ErrValidation of one field.
func InvalidField(field, format string, args ...any) error {
	var p problems
	p.add(field, format, args...)
	return p.err()
}
