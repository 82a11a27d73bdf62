package observe

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"regexp"
	"strings"

	"game-session-manager/internal/game"
)

// Bounds of what is told of one failure.
const (
	maxMessage = 1000 // bytes
	maxCauses  = 10
	maxCause   = 300      // bytes
	maxStack   = 16 << 10 // bytes
)

var (
	// quoted is what stands in quotes: somebody's data, for all that is known.
	quoted = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*(?:\"|$)|`[^`]*(?:`|$)")
	// credentials are the user and the password of a URL.
	credentials = regexp.MustCompile(`://[^/\s]*@`)
	uuids       = regexp.MustCompile(`(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)
	// numbers are what differs between occurrences of one failure: counts, addresses, ports, ids of other programs.
	numbers = regexp.MustCompile(`(?i)\b0x[0-9a-f]+\b|\b[0-9a-f]{16,}\b|[0-9]+`)
)

// mask hides what a message may tell of people, ids and passwords.
func mask(message string) string {
	message = credentials.ReplaceAllString(message, "://xxxxx@")
	message = quoted.ReplaceAllString(message, `"…"`)
	return uuids.ReplaceAllString(message, "<id>")
}

// Cause is the attribute of an error in a line that is no report of a failure, with its message as [Errors.Report]
// tells it.
func Cause(err error) slog.Attr { return slog.String("error", cut(mask(err.Error()), maxMessage)) }

// causes lists an error and what it wraps, outermost first and then in depth, as "type: what it adds to the message".
func causes(err error) []string {
	var found []string
	var walk func(error)
	walk = func(err error) {
		if err == nil || len(found) == maxCauses {
			return
		}
		inner := wrapped(err)
		text := err.Error()
		for _, e := range inner {
			text = strings.Replace(text, e.Error(), "", 1)
		}
		line := fmt.Sprintf("%T", err)
		if text = strings.Trim(text, ": \n"); text != "" {
			line += ": " + mask(text)
		}
		found = append(found, cut(line, maxCause))
		for _, e := range inner {
			walk(e)
		}
	}
	walk(err)
	return found
}

func wrapped(err error) []error {
	switch e := err.(type) { //nolint:errorlint // looks at one link of the chain
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	}
	return nil
}

// fingerprint is the same for failures that differ in nothing but numbers, ids and what they quote: 16 hexadecimal
// digits of a hash over the code, the route or task, and the chain of causes with their types, those parts left out.
func fingerprint(f game.Failure, causes []string) string {
	h := fnv.New64a()
	for _, part := range append([]string{string(f.Code), f.Route, f.Task}, causes...) {
		_, _ = h.Write(append(numbers.ReplaceAll([]byte(part), []byte("#")), 0)) // a hash takes everything
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// cut shortens a text to a number of bytes.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
