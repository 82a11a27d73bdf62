package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Page is one page of a list, newest first.
type Page[D any] struct {
	Items []D `json:"items"`
	// NextCursor returns the next page of the same list, with the same filters. It is empty on the last page, and stays
	// valid while documents are created.
	NextCursor string `json:"next_cursor"`
}

// setAttributes sets the parameters that select sessions with all of the attributes.
func setAttributes(v url.Values, a Attributes) {
	for key, value := range a {
		if b, err := json.Marshal(value); err == nil { // a number that is not finite has no JSON, and no session has it
			v.Set("attributes["+key+"]", "="+string(b)) // = distinguishes 1200 from "1200"
		}
	}
}

func set[S ~string](v url.Values, name string, value S) {
	if value != "" {
		v.Set(name, string(value))
	}
}

// joined returns the values as a list in a query.
func joined[S ~string](values []S) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ",")
}

// number formats n, or returns "" for 0.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// flag formats a boolean, or returns "" for nil.
func flag(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

// instant formats a time, or returns "" for the zero time.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func paged(v url.Values, limit int, cursor string) url.Values {
	set(v, "limit", number(limit))
	set(v, "cursor", cursor)
	return v
}

// allPages returns an iterator over the items of all pages that list returns, from a cursor on. It ends with the first
// error.
func allPages[D any](
	ctx context.Context, cursor string, list func(ctx context.Context, cursor string) (Page[D], error),
) iter.Seq2[D, error] {
	return func(yield func(D, error) bool) {
		for next := cursor; ; {
			page, err := list(ctx, next)
			if err != nil {
				var none D
				yield(none, err)
				return
			}
			for _, d := range page.Items {
				if !yield(d, nil) {
					return
				}
			}
			if next = page.NextCursor; next == "" {
				return
			}
		}
	}
}
