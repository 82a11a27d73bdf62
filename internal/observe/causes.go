package observe

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"regexp"
	"strings"

	"game-session-manager/internal/report"
)

// Limits on the description of one failure.
const (
	maxMessage = 1000 // bytes
	maxCauses  = 10
	maxCause   = 300      // bytes
	maxStack   = 16 << 10 // bytes
)

var (
	// quoted matches text in quotes, which may be a person's data.
	quoted = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*(?:\"|$)|`[^`]*(?:`|$)")
	// credentials matches the user and the password of a URL.
	credentials = regexp.MustCompile(`://[^/\s]*@`)
	uuids       = regexp.MustCompile(`(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)
	// numbers matches what differs between occurrences of one failure: counts, addresses, ports and ids.
	numbers = regexp.MustCompile(`(?i)\b0x[0-9a-f]+\b|\b[0-9a-f]{16,}\b|[0-9]+`)
)

// mask replaces what may identify people, ids and passwords in a message.
func mask(message string) string {
	message = credentials.ReplaceAllString(message, "://xxxxx@")
	message = quoted.ReplaceAllString(message, `"…"`)
	return uuids.ReplaceAllString(message, "<id>")
}

// Cause returns the attribute of an error for a line that does not report a failure. The message is masked as
// [Errors.Report] masks it, and limited to 1000 bytes.
func Cause(err error) slog.Attr { return slog.String("error", cut(mask(err.Error()), maxMessage)) }

// causes returns the tree of wrapped errors in depth-first order, each as "type: the text that it adds to the
// message".
func causes(err error) []string {
	var found []string
	var visit func(error)
	visit = func(err error) {
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
			visit(e)
		}
	}
	visit(err)
	return found
}

func wrapped(err error) []error {
	switch e := err.(type) { //nolint:errorlint // one link of the chain at a time
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	}
	return nil
}

// fingerprint returns 16 hexadecimal digits that are the same for failures that differ only in numbers, ids and quoted
// text. It hashes the code, the route or task, and the causes with their types.
func fingerprint(f report.Failure, causes []string) string {
	h := fnv.New64a()
	for _, part := range append([]string{string(f.Code), f.Route, f.Task}, causes...) {
		_, _ = h.Write(append(numbers.ReplaceAll([]byte(part), []byte("#")), 0)) // a hash never fails
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// cut shortens text to limit bytes.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
