package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"strconv"
)

// Page is one page of a list, newest first.
type Page[D any] struct {
	Items []D `json:"items"`
	// NextCursor continues the list with the same filters; empty on the last page. It stays good while others create.
	NextCursor string `json:"next_cursor"`
}

// PlayerFilter selects players. Its zero value selects all.
type PlayerFilter struct {
	UsernamePrefix string // in any case
	Status         PlayerStatus
	Limit          int    // items in a page; 0 leaves it to the server
	Cursor         string // where the page begins; empty for the first
}

func (f PlayerFilter) values() url.Values {
	v := url.Values{}
	set(v, "username_prefix", f.UsernamePrefix)
	set(v, "status", f.Status)
	return paged(v, f.Limit, f.Cursor)
}

// SessionFilter selects sessions. Its zero value selects all.
type SessionFilter struct {
	Status     SessionStatus
	Mode       string
	Map        string
	Region     string
	Visibility Visibility
	HostID     PlayerID
	MemberID   PlayerID   // who holds a seat
	FreeSeats  int        // those with at least this many
	Attributes Attributes // those that have all of them
	Members    MembersShown
	Limit      int    // items in a page; 0 leaves it to the server, whose pages may end earlier
	Cursor     string // where the page begins; empty for the first
}

func (f SessionFilter) values() url.Values {
	v := url.Values{}
	set(v, "status", f.Status)
	set(v, "mode", f.Mode)
	set(v, "map", f.Map)
	set(v, "region", f.Region)
	set(v, "visibility", f.Visibility)
	set(v, "host_id", f.HostID)
	set(v, "member_id", f.MemberID)
	if f.FreeSeats != 0 {
		v.Set("free_seats", strconv.Itoa(f.FreeSeats))
	}
	for key, value := range f.Attributes {
		if b, err := json.Marshal(value); err == nil { // a number that is not finite equals nothing
			v.Set("attributes["+key+"]", "="+string(b)) // this value, and no other that is written alike
		}
	}
	set(v, "members", f.Members)
	return paged(v, f.Limit, f.Cursor)
}

func set[S ~string](v url.Values, name string, value S) {
	if value != "" {
		v.Set(name, string(value))
	}
}

func paged(v url.Values, limit int, cursor string) url.Values {
	if limit != 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	set(v, "cursor", cursor)
	return v
}

// all goes through the pages that list answers, from a cursor on. It ends with the first error.
func all[D any](ctx context.Context, cursor string, list func(ctx context.Context, cursor string) (Page[D], error)) iter.Seq2[D, error] {
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
