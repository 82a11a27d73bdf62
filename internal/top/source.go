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

	"game-session-manager/internal/report"
)

const (
	// patience is the timeout of a request: gsm itself waits up to 3 s for its database to count.
	patience = 5 * time.Second
	// maxResponse limits how much of a response is read, in bytes. The metrics of a busy gsm have about 200 KB.
	maxResponse = 16 << 20
	// maxGroups is the number of groups of errors that are kept.
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
		// No proxy: the ops listener is usually on this machine.
		Transport:     &http.Transport{MaxIdleConns: 1, IdleConnTimeout: 2 * time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Look is the result of a request to a source.
type Look struct {
	Moment Moment
	Groups []Group // latest first; nil if unknown
}

// Group is a group of similar failures, as served by /debug/errors.
type Group struct {
	Code     string
	Where    string // route or task
	Message  string // of the latest failure
	Count    int64
	LastSeen time.Time
}

// Look requests the metrics and the groups of errors. It returns [ErrNotGSM] if the response is not from gsm.
func (s *Source) Look(ctx context.Context) (Look, error) {
	at := s.now() // before the request, like Prometheus: the response may take long
	body, err := s.get(ctx, "/metrics", "text/plain;version=0.0.4")
	if err != nil {
		return Look{}, err
	}
	defer func() { _ = body.Close() }()
	m, err := Read(io.LimitReader(body, maxResponse), at)
	if err != nil {
		return Look{}, err
	}
	return Look{m, s.groups(ctx)}, nil
}

// groups returns nil if they cannot be read, because the metrics are useful without them.
func (s *Source) groups(ctx context.Context) []Group {
	body, err := s.get(ctx, "/debug/errors", "application/json")
	if err != nil {
		return nil
	}
	defer func() { _ = body.Close() }()
	groups, err := readGroups(io.LimitReader(body, maxResponse))
	if err != nil {
		return nil
	}
	return groups
}

func readGroups(r io.Reader) ([]Group, error) {
	var response report.Groups
	if err := json.NewDecoder(r).Decode(&response); err != nil {
		return nil, fmt.Errorf("reading /debug/errors: %w", err)
	}
	groups := []Group{}
	for _, e := range response.Errors[:min(len(response.Errors), maxGroups)] {
		where, what := clean(e.Route+e.Task), clean(e.Sample.Message)
		groups = append(groups, Group{clean(string(e.Code)), where, what, e.Count, e.LastSeen})
	}
	return groups, nil
}

// get returns the body of a response. The caller must close it.
func (s *Source) get(ctx context.Context, path, accept string) (io.ReadCloser, error) {
	u := url.URL{Scheme: "http", Host: s.addr, Path: path}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", s.addr, err)
	}
	req.Header.Set("Accept", accept)
	res, err := s.http.Do(req)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) { // its message would repeat the address
			err = e.Err
		}
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close() // the body is not needed
		return nil, fmt.Errorf("%w: %s returned %s", ErrNotGSM, path, clean(res.Status))
	}
	return res.Body, nil
}
