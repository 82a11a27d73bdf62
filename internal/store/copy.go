package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"game-session-manager/internal/game"
)

const (
	copyPage = 1000 // documents
	// copyWriters is the number of concurrent writes. Together they share group commits and hide network latency.
	copyWriters = 64
)

var (
	// ErrNotEmpty is returned if the target has documents and Resume is not set.
	ErrNotEmpty = errors.New("the target database is not empty")
	// ErrForeignData is returned if the target has a document that the source does not have, or has a different
	// version of.
	ErrForeignData = errors.New("the target database has data that the source does not have")
	// ErrDiffers is returned if source and target differ after the copy.
	ErrDiffers = errors.New("the databases differ")
)

// Copying copies all documents from one store to another, of the same or another engine, and then compares both. No
// other process may write to either store meanwhile. Memory use is bounded by a few pages of documents.
type Copying struct {
	From, To game.Store
	// Resume continues an interrupted copy. Documents that are already in the target must be equal to those of the
	// source.
	Resume bool
	// Now is the current time. Claims that have expired by then, and metrics samples that expire soon after, are not
	// copied.
	Now time.Time
	// Progress is called with the number of documents of a noun that a step has processed so far, from one goroutine
	// at a time. It may be nil.
	Progress func(step Step, noun string, done int)
}

// Step is a phase of a copy.
type Step string

// The steps, in the order in which they run.
const (
	StepCompare Step = "compare" // only with Resume: checks what is already in the target
	StepCopy    Step = "copy"
	StepVerify  Step = "verify"
)

// Copied is the result of a copy for one noun.
type Copied struct {
	Noun     string
	Count    int    // documents on each side
	Written  int    // by this copy; includes claims, signing keys, events and samples that already existed
	Checksum string // SHA-256 of all documents in order of their ids, independent of the engine; hexadecimal
}

// nouns returns everything that is copied, in this order. A new kind of document needs an entry here, or it is not
// copied.
func nouns(now time.Time) []noun {
	return []noun{
		documents[game.Player]{
			plural: "players",
			page: func(ctx context.Context, s game.Store, after string) ([]game.Player, error) {
				return s.ExportPlayers(ctx, game.PlayerID(after), copyPage)
			},
			id:    func(p game.Player) string { return string(p.ID) },
			write: func(ctx context.Context, s game.Store, p game.Player) error { return s.CreatePlayer(ctx, p) },
			find: func(ctx context.Context, s game.Store, p game.Player) (game.Player, error) {
				return s.Player(ctx, p.Project, p.ID)
			},
		},
		documents[game.Session]{
			plural: "sessions",
			page: func(ctx context.Context, s game.Store, after string) ([]game.Session, error) {
				return s.ExportSessions(ctx, game.SessionID(after), copyPage)
			},
			id:    func(v game.Session) string { return string(v.ID) },
			write: func(ctx context.Context, s game.Store, v game.Session) error { return s.CreateSession(ctx, v) },
			find: func(ctx context.Context, s game.Store, v game.Session) (game.Session, error) {
				return s.Session(ctx, v.Project, v.ID)
			},
		},
		documents[game.Claim]{
			plural: "idempotency",
			page: func(ctx context.Context, s game.Store, after string) ([]game.Claim, error) {
				return s.ExportClaims(ctx, after, copyPage)
			},
			id:   func(c game.Claim) string { return c.Key },
			skip: func(c game.Claim) bool { return !c.ExpiresAt.After(now) },
			write: func(ctx context.Context, s game.Store, c game.Claim) error {
				held, err := s.Claim(ctx, c, now)
				if err == nil && held != c {
					err = game.ErrExists
				}
				return err
			},
			find: func(ctx context.Context, s game.Store, c game.Claim) (game.Claim, error) {
				return s.Claim(ctx, c, now)
			},
		},
		leases(),
		apiKeys(),
		signingKeys(),
		events(),
		documents[game.MetricsSample]{
			plural: "metrics",
			page: func(ctx context.Context, s game.Store, after string) ([]game.MetricsSample, error) {
				return s.Metrics(
					ctx, game.MetricsQuery{From: firstSample, To: endOfTime, After: positionOf(after), Limit: copyPage},
				)
			},
			id: idOfSample,
			// Databases delete expired samples while the copy runs, so those about to expire are skipped.
			skip: func(m game.MetricsSample) bool { return !m.ExpiresAt.After(now.Add(longestCopy)) },
			write: func(ctx context.Context, s game.Store, m game.MetricsSample) error {
				return s.AppendMetrics(ctx, m)
			},
			find: func(context.Context, game.Store, game.MetricsSample) (game.MetricsSample, error) {
				return game.MetricsSample{}, errors.ErrUnsupported // appending an existing sample succeeds
			},
		},
	}
}

func leases() noun {
	find := func(ctx context.Context, s game.Store, l game.Lease) (game.Lease, error) {
		found, err := s.Leases(ctx, []game.LeaseID{l.ID()})
		if err != nil || len(found) == 0 {
			return game.Lease{}, err
		}
		return found[0], nil
	}
	return documents[game.Lease]{
		plural: "leases",
		page: func(ctx context.Context, s game.Store, after string) ([]game.Lease, error) {
			return s.ExportLeases(ctx, game.LeaseID(after), copyPage)
		},
		id: func(l game.Lease) string { return string(l.ID()) },
		write: func(ctx context.Context, s game.Store, l game.Lease) error {
			stored, err := find(ctx, s, l)
			if err == nil && stored.Session != "" { // or it would be renewed
				err = game.ErrExists
			}
			if err != nil {
				return err
			}
			_, err = s.RenewLeases(ctx, []game.Lease{l})
			return err
		},
		find: find,
	}
}

func apiKeys() noun {
	return documents[game.Key]{
		plural: "api_keys",
		page: func(ctx context.Context, s game.Store, after string) ([]game.Key, error) {
			return s.ExportKeys(ctx, game.KeyID(after), copyPage)
		},
		id:    func(k game.Key) string { return string(k.ID) },
		write: func(ctx context.Context, s game.Store, k game.Key) error { return s.CreateKey(ctx, k) },
		find:  func(ctx context.Context, s game.Store, k game.Key) (game.Key, error) { return s.Key(ctx, k.ID) },
	}
}

// events are copied with their places in the feeds.
func events() noun {
	return documents[game.Event]{
		plural: "events",
		page: func(ctx context.Context, s game.Store, after string) ([]game.Event, error) {
			return s.ExportEvents(ctx, after, copyPage)
		},
		id:    func(e game.Event) string { return e.ID() },
		write: func(ctx context.Context, s game.Store, e game.Event) error { return s.PutEvents(ctx, []game.Event{e}) },
		find: func(ctx context.Context, s game.Store, e game.Event) (game.Event, error) {
			q := game.TimelineQuery{Project: e.Project, Subject: e.Subject, Before: e.Version + 1, Limit: 1}
			found, err := s.Timeline(ctx, q)
			if err != nil || len(found) == 0 {
				return game.Event{}, err
			}
			return found[0], nil
		},
	}
}

// orderEvents gives every event its place in the feed, because only events with one are exported. No other process may
// store events meanwhile.
func orderEvents(ctx context.Context, s game.Store, now time.Time) error {
	for {
		n, err := s.OrderEvents(ctx, now.Add(longestCopy), copyPage)
		if err != nil || n == 0 {
			return err
		}
	}
}

// signingKeys fit in one page: there are at most [game.MaxSigningKeys].
func signingKeys() noun {
	return documents[game.SigningKey]{
		plural: "signing_keys",
		page: func(ctx context.Context, s game.Store, _ string) ([]game.SigningKey, error) {
			return s.SigningKeys(ctx)
		},
		id:    func(k game.SigningKey) string { return k.ID },
		write: func(ctx context.Context, s game.Store, k game.SigningKey) error { return s.CreateSigningKey(ctx, k) },
		find: func(context.Context, game.Store, game.SigningKey) (game.SigningKey, error) {
			return game.SigningKey{}, errors.ErrUnsupported // creating an existing key succeeds
		},
	}
}

// longestCopy is the maximum duration of a copy including verification. Samples that expire within it are not copied,
// or the two sides would differ.
const longestCopy = time.Hour

// The range that includes all samples.
var (
	firstSample = time.UnixMilli(0).UTC()
	endOfTime   = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// idOfSample returns an id whose string order is the order of the list.
func idOfSample(m game.MetricsSample) string {
	return fmt.Sprintf("%015d %s", m.At.UnixMilli(), m.Replica)
}

func positionOf(id string) game.MetricsPosition {
	at, replica, _ := strings.Cut(id, " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil { // the id is empty
		return game.MetricsPosition{}
	}
	return game.MetricsPosition{At: time.UnixMilli(ms).UTC(), Replica: replica}
}

// noun is one kind of document. It hides the type parameter of documents.
type noun interface {
	name() string
	empty(ctx context.Context, s game.Store) (bool, error)
	compare(ctx context.Context, c *Copying) error
	copy(ctx context.Context, c *Copying) (written int, err error)
	digest(ctx context.Context, s game.Store, count func(n int)) (digest, error)
}

// digest is the number and the checksum of the documents of a noun in one store.
type digest struct {
	count int
	sum   [sha256.Size]byte
}

// Run performs the copy. It returns [ErrNotEmpty], [ErrForeignData] or [ErrDiffers]; after any other error the copy
// can be resumed. The results are those of the nouns that were started.
func (c Copying) Run(ctx context.Context) ([]Copied, error) {
	all := nouns(c.Now)
	if err := orderEvents(ctx, c.From, c.Now); err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	for _, n := range all {
		if c.Resume {
			if err := n.compare(ctx, &c); err != nil {
				return nil, fmt.Errorf("%s: %w", n.name(), err)
			}
			continue
		}
		empty, err := n.empty(ctx, c.To)
		if err == nil && !empty {
			err = ErrNotEmpty
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.name(), err)
		}
	}
	copied := make([]Copied, len(all))
	for i, n := range all {
		written, err := n.copy(ctx, &c)
		copied[i] = Copied{Noun: n.name(), Written: written}
		if err != nil {
			return copied[:i+1], fmt.Errorf("%s: %w", n.name(), err)
		}
	}
	for i, n := range all {
		if err := c.verify(ctx, n, &copied[i]); err != nil {
			return copied, fmt.Errorf("%s: %w", n.name(), err)
		}
	}
	return copied, nil
}

// verify compares the digests of both sides and adds the result to into.
func (c *Copying) verify(ctx context.Context, n noun, into *Copied) error {
	var from, to digest
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		from, err = n.digest(ctx, c.From, c.counter(StepVerify, n.name()))
		return err
	})
	g.Go(func() (err error) {
		to, err = n.digest(ctx, c.To, func(int) {})
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if from != to {
		return fmt.Errorf(
			"%w: %d in the source with checksum %x, %d in the copy with checksum %x", ErrDiffers, from.count, from.sum,
			to.count, to.sum,
		)
	}
	into.Count, into.Checksum = from.count, hex.EncodeToString(from.sum[:])
	return nil
}

// counter returns a function that adds n to the progress of a step. It may be called concurrently.
func (c *Copying) counter(step Step, noun string) func(n int) {
	total := 0
	var mu sync.Mutex
	return func(n int) {
		mu.Lock()
		defer mu.Unlock()
		total += n
		if c.Progress != nil {
			c.Progress(step, noun, total)
		}
	}
}

// canonical returns the form in which documents are compared: JSON with sorted keys.
func canonical(d any) ([]byte, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("the document cannot be encoded as JSON: %w", err)
	}
	return b, nil
}

// lengthPrefixed prepends the length, so that the boundaries of documents are part of the checksum.
func lengthPrefixed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(b)), uint64(len(b))), b...)
}
