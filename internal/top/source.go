package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// patience is how long an answer may take: gsm itself waits up to 3 s for its database to count.
	patience = 5 * time.Second
	// maxAnswer is as much of an answer as is read, in bytes; a busy gsm's metrics are some 200 KB.
	maxAnswer = 16 << 20
	// maxGroups is how many groups of errors are kept.
	maxGroups = 100
)

// Source is the ops listener of one gsm.
type Source struct {
	addr string
	http *http.Client
	now  func() time.Time
}

// NewSource returns the source at an address, HOST:PORT.
func NewSource(addr string, now func() time.Time) *Source {
	return &Source{addr: addr, now: now, http: &http.Client{
		Timeout: patience,
		// Proxies of the environment are for the world, not for this machine.
		Transport:     &http.Transport{MaxIdleConns: 1, IdleConnTimeout: 2 * time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Look is what a source answered.
type Look struct {
	Moment Moment
	Groups []Group // the latest first; nil if gsm does not tell
}

// Group is failures that look alike, as /debug/errors has them.
type Group struct {
	Code     string
	Where    string // route or task
	Message  string // of the latest
	Count    int64
	LastSeen time.Time
}

// Look asks once. What answers and is not gsm is [ErrNotGSM].
func (s *Source) Look(ctx context.Context) (Look, error) {
	at := s.now() // as Prometheus takes it: an answer may be long on its way
	body, err := s.get(ctx, "/metrics", "text/plain;version=0.0.4")
	if err != nil {
		return Look{}, err
	}
	defer func() { _ = body.Close() }()
	m, err := Read(io.LimitReader(body, maxAnswer), at)
	if err != nil {
		return Look{}, err
	}
	return Look{m, s.groups(ctx)}, nil
}

// groups returns none where they cannot be had: there is much to see without.
func (s *Source) groups(ctx context.Context) []Group {
	body, err := s.get(ctx, "/debug/errors", "application/json")
	if err != nil {
		return nil
	}
	defer func() { _ = body.Close() }()
	groups, err := readGroups(io.LimitReader(body, maxAnswer))
	if err != nil {
		return nil
	}
	return groups
}

func readGroups(r io.Reader) ([]Group, error) {
	var answer struct {
		Errors []struct {
			Code     string    `json:"code"`
			Route    string    `json:"route"`
			Task     string    `json:"task"`
			Count    int64     `json:"count"`
			LastSeen time.Time `json:"last_seen"`
			Sample   struct {
				Message string `json:"message"`
			} `json:"sample"`
		} `json:"errors"`
	}
	if err := json.NewDecoder(r).Decode(&answer); err != nil {
		return nil, fmt.Errorf("reading /debug/errors: %w", err)
	}
	groups := []Group{}
	for _, e := range answer.Errors[:min(len(answer.Errors), maxGroups)] {
		groups = append(
			groups, Group{clean(e.Code), clean(e.Route + e.Task), clean(e.Sample.Message), e.Count, e.LastSeen},
		)
	}
	return groups, nil
}

// get returns the body of an answer; close it.
func (s *Source) get(ctx context.Context, path, accept string) (io.ReadCloser, error) {
	u := url.URL{Scheme: "http", Host: s.addr, Path: path}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", s.addr, err)
	}
	req.Header.Set("Accept", accept)
	res, err := s.http.Do(req)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) { // which repeats the address
			err = e.Err
		}
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close() // an answer that is not read
		return nil, fmt.Errorf("%w: %s returned %s", ErrNotGSM, path, clean(res.Status))
	}
	return res.Body, nil
}
