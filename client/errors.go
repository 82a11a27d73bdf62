package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"game-session-manager/internal/game"
)

// Errors by their codes, for [errors.Is].
var (
	ErrInternal            = game.ErrInternal
	ErrValidation          = game.ErrValidation
	ErrIdempotencyKeyReuse = game.ErrIdempotencyKeyReuse
	ErrTooBroad            = game.ErrTooBroad
	ErrNoSessionAvailable  = game.ErrNoSessionAvailable

	ErrUnauthenticated = game.ErrUnauthenticated
	ErrForbidden       = game.ErrForbidden
	ErrNotHost         = game.ErrNotHost
	ErrKeyNotFound     = game.ErrKeyNotFound
	ErrKeyInactive     = game.ErrKeyInactive

	ErrWebhookNotFound = game.ErrWebhookNotFound
	ErrTooManyWebhooks = game.ErrTooManyWebhooks
	ErrWebhookBusy     = game.ErrWebhookBusy
	ErrNoWebhooks      = game.ErrNoWebhooks

	ErrNoTokens          = game.ErrNoTokens
	ErrPlayerUnknown     = game.ErrPlayerUnknown
	ErrIssuerUnavailable = game.ErrIssuerUnavailable

	ErrPlayerNotFound  = game.ErrPlayerNotFound
	ErrUsernameTaken   = game.ErrUsernameTaken
	ErrIdentityTaken   = game.ErrIdentityTaken
	ErrPlayerSuspended = game.ErrPlayerSuspended

	ErrSessionNotFound      = game.ErrSessionNotFound
	ErrSessionFull          = game.ErrSessionFull
	ErrTeamFull             = game.ErrTeamFull
	ErrSessionLocked        = game.ErrSessionLocked
	ErrSessionNotJoinable   = game.ErrSessionNotJoinable
	ErrSessionEnded         = game.ErrSessionEnded
	ErrFeedGap              = game.ErrFeedGap
	ErrMemberNotFound       = game.ErrMemberNotFound
	ErrMemberNotJoined      = game.ErrMemberNotJoined
	ErrAlreadyMember        = game.ErrAlreadyMember
	ErrPlayerBanned         = game.ErrPlayerBanned
	ErrPlayerInOtherSession = game.ErrPlayerInOtherSession
	ErrTooManyBans          = game.ErrTooManyBans
	ErrInvalidJoinCode      = game.ErrInvalidJoinCode
	ErrJoinCodeRequired     = game.ErrJoinCodeRequired
	ErrWaitListFull         = game.ErrWaitListFull
	ErrWrongPassword        = game.ErrWrongPassword
	ErrNotEnoughPlayers     = game.ErrNotEnoughPlayers
	ErrStaleFence           = game.ErrStaleFence
	ErrSeatsTaken           = game.ErrSeatsTaken
	ErrInvalidTransition    = game.ErrInvalidTransition

	ErrVersionMismatch  = game.ErrVersionMismatch
	ErrStoreUnavailable = game.ErrStoreUnavailable

	// These concern the form of a request. With a server of the same version, a Client causes only ErrPayloadTooLarge
	// (by large arguments), ErrNotFound (by a wrong base URL), ErrTooManyFailures (by wrong credentials), and, after
	// the retries, ErrRateLimited and ErrOverloaded (by too many calls).
	ErrNotFound      = &game.Error{Code: "not_found", Message: "The server has no route for this path."}
	ErrMalformedURL  = &game.Error{Code: "malformed_url", Message: "The path or the query is not valid UTF-8."}
	ErrMalformedHost = &game.Error{Code: "malformed_host", Message: "The Host header is not valid."}
	ErrCrossOrigin   = &game.Error{
		Code:    "cross_origin",
		Message: "The server accepts requests from its own machine only: use localhost or a loopback address.",
	}
	ErrMethodNotAllowed     = &game.Error{Code: "method_not_allowed", Message: "The path does not allow this method."}
	ErrPayloadTooLarge      = &game.Error{Code: "payload_too_large", Message: "The body is too large."}
	ErrMalformedJSON        = &game.Error{Code: "malformed_json", Message: "The body is not valid JSON."}
	ErrUnsupportedMediaType = &game.Error{
		Code: "unsupported_media_type", Message: "The content type of the body is not supported.",
	}
	ErrURITooLong      = &game.Error{Code: "uri_too_long", Message: "The path or the query is too long."}
	ErrTooManyHeaders  = &game.Error{Code: "too_many_headers", Message: "The request has too many header lines."}
	ErrRateLimited     = &game.Error{Code: "rate_limited", Message: "Rate limit exceeded."}
	ErrTooManyStreams  = &game.Error{Code: "too_many_streams", Message: "There are too many streams."}
	ErrTooManyFailures = &game.Error{
		Code: "too_many_failures", Message: "Too many wrong API keys from this address, or with this id.",
	}
	ErrTooManyGuesses = &game.Error{Code: "too_many_guesses", Message: "Too many wrong join codes or passwords."}
	ErrOverloaded     = game.ErrOverloaded
	ErrRequestTimeout = &game.Error{Code: "request_timeout", Message: "The request did not arrive in time."}
)

var (
	// ErrNotModified says that a document still has the version given to [IfChangedSince].
	ErrNotModified = errors.New("the document has not changed")
	// ErrOutcomeUnknown says that a write may or may not have had its effect. It is joined with the error that is the
	// cause.
	ErrOutcomeUnknown = errors.New("outcome unknown: the write may have had its effect")
)

// Error is an error response of the server, or of a proxy before it. Match it by its code with [errors.Is].
type Error struct {
	Status    int    // the HTTP status
	Code      string // stable, for programs; empty if the response is not the server's
	Message   string // for people; it may change
	RequestID string // identifies the request in the server's log
	ErrorID   string // identifies an internal error in the server's log; otherwise empty

	// Fields lists everything that is wrong with the request, for [ErrValidation].
	Fields []FieldError
	// Extras are further facts as JSON values by name, such as from, to and allowed for [ErrInvalidTransition].
	Extras map[string]any
	// RetryAfter is how long the server asks to wait before a retry; zero if it does not.
	RetryAfter time.Duration
}

// FieldError says what is wrong with one part of a request.
type FieldError struct {
	Location string `json:"location"` // such as body.username or query.limit
	Message  string `json:"message"`
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", e.Status)
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	b.WriteString(": " + e.Message)
	for i, f := range e.Fields {
		separator := ", "
		if i == 0 {
			separator = " ["
		}
		b.WriteString(separator + f.Location + " " + f.Message)
	}
	if len(e.Fields) > 0 {
		b.WriteString("]")
	}
	switch {
	case e.ErrorID != "":
		b.WriteString(" (request " + e.RequestID + ", error " + e.ErrorID + ")")
	case e.RequestID != "":
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// Is reports whether target is the error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*game.Error)
	return ok && e.Code != "" && t.Code == e.Code
}

// problem is the server's form of an error (RFC 9457). Its other members are extras.
type problem struct {
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Code      string       `json:"code"`
	Detail    string       `json:"detail"`
	RequestID string       `json:"request_id"`
	ErrorID   string       `json:"error_id"`
	Errors    []FieldError `json:"errors"`
}

const maxExcerpt = 200 // bytes of a response that is not a problem document

// newError returns the error of a response that is not a success.
func newError(res *http.Response, body []byte) *Error {
	e := &Error{Status: res.StatusCode, RequestID: res.Header.Get("X-Request-ID"), RetryAfter: retryAfter(res.Header)}
	if !e.read(body) {
		e.Message = excerpt(res, body)
	}
	return e
}

// read sets what a problem document says, and reports whether the body is one.
func (e *Error) read(body []byte) bool {
	var p problem
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return false
	}
	e.Code, e.Message, e.Fields, e.ErrorID = p.Code, p.Detail, p.Errors, p.ErrorID
	e.Status = cmp.Or(e.Status, p.Status) // that of the response, unless this is a part of one
	if e.Message == "" {
		e.Message = p.Title
	}
	if p.RequestID != "" {
		e.RequestID = p.RequestID
	}
	if json.Unmarshal(body, &e.Extras) == nil {
		for _, known := range []string{
			"type", "title", "status", "code", "detail", "request_id", "error_id", "errors", "instance",
		} {
			delete(e.Extras, known)
		}
	}
	return true
}

// excerpt describes a response that is not the server's, such as the error page of a proxy.
func excerpt(res *http.Response, body []byte) string {
	text := strings.Join(strings.Fields(string(body)), " ")
	if !utf8.ValidString(text) {
		text = strconv.QuoteToASCII(text)
	}
	if len(text) > maxExcerpt {
		text = strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
	}
	switch location := res.Header.Get("Location"); {
	case location != "" && res.StatusCode/100 == 3:
		return "redirected to " + location + ": is the base URL right?"
	case text == "":
		return http.StatusText(res.StatusCode)
	}
	return "not a response of gsm: " + text
}

// retryAfter parses a Retry-After header (RFC 9110, section 10.2.3): seconds or a date.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}
