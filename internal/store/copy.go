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
	copyPage = 1000
	// copyWriters is how many writes a copy has under way: they share commits, and hide the way to a server.
	copyWriters = 64
)

var (
	// ErrNotEmpty says that something is in the database that is to be copied to.
	ErrNotEmpty = errors.New("the target database is not empty")
	// ErrForeignData says that what is in the database to copy to did not come from this source.
	ErrForeignData = errors.New("the target database has data that the source does not have")
	// ErrDiffers says that both sides are not the same after a copy.
	ErrDiffers = errors.New("the databases differ")
)

// Copying copies everything from one store to another, of whatever engines, and compares both in the end. Nobody else
// may write to either meanwhile. It keeps a few pages in memory.
type Copying struct {
	From, To game.Store
	// Resume goes on with a copy that was cut short, at any moment: what is there already must be as the source has it.
	Resume bool
	// Now is when claims must not have expired to be copied.
	Now time.Time
	// Progress is told how many documents of a noun have been dealt with, by one goroutine at a time. It may be nil.
	Progress func(step Step, noun string, done int)
}

// Step is a part of a copy.
type Step string

// The steps, in their order.
const (
	StepCompare Step = "compare" // what is there already, to resume
	StepCopy    Step = "copy"
	StepVerify  Step = "verify"
)

// Copied is what a copy came to, for one noun.
type Copied struct {
	Noun     string
	Count    int    // on both sides
	Written  int    // by this copy; claims, signing keys, events and samples that were there count too
	Checksum string // SHA-256 of all documents in their order, in a form that no engine has a part in
}

// nouns are what is copied, in this order. What the stores come to keep beside is a line here, or it stays behind.
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
			// Databases remove samples while they are copied: those that expire meanwhile stay behind.
			skip: func(m game.MetricsSample) bool { return !m.ExpiresAt.After(now.Add(longestCopy)) },
			write: func(ctx context.Context, s game.Store, m game.MetricsSample) error {
				return s.AppendMetrics(ctx, m)
			},
			find: func(context.Context, game.Store, game.MetricsSample) (game.MetricsSample, error) {
				return game.MetricsSample{}, errors.ErrUnsupported // a sample is appended where it is, too
			},
		},
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

// events keep their places in the feeds.
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

// orderEvents gives places to all events of a store, so that they can be exported. Nobody stores others meanwhile.
func orderEvents(ctx context.Context, s game.Store, now time.Time) error {
	for {
		n, err := s.OrderEvents(ctx, now.Add(longestCopy), copyPage)
		if err != nil || n == 0 {
			return err
		}
	}
}

// signingKeys are so few that they are one page.
func signingKeys() noun {
	return documents[game.SigningKey]{
		plural: "signing_keys",
		page: func(ctx context.Context, s game.Store, _ string) ([]game.SigningKey, error) {
			return s.SigningKeys(ctx)
		},
		id:    func(k game.SigningKey) string { return k.ID },
		write: func(ctx context.Context, s game.Store, k game.SigningKey) error { return s.CreateSigningKey(ctx, k) },
		find: func(context.Context, game.Store, game.SigningKey) (game.SigningKey, error) {
			return game.SigningKey{}, errors.ErrUnsupported // one that is there stays, too
		},
	}
}

// longestCopy is how long a copy may take with its comparison, before samples that expire meanwhile make it fail.
const longestCopy = time.Hour

// The range of all samples.
var (
	firstSample = time.UnixMilli(0).UTC()
	endOfTime   = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// idOfSample writes a position so that ids are in the order of the list.
func idOfSample(m game.MetricsSample) string {
	return fmt.Sprintf("%015d %s", m.At.UnixMilli(), m.Replica)
}

func positionOf(id string) game.MetricsPosition {
	at, replica, _ := strings.Cut(id, " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil { // of the empty id
		return game.MetricsPosition{}
	}
	return game.MetricsPosition{At: time.UnixMilli(ms).UTC(), Replica: replica}
}

// noun is a kind of document, whatever its type.
type noun interface {
	name() string
	empty(ctx context.Context, s game.Store) (bool, error)
	compare(ctx context.Context, c *Copying) error
	copy(ctx context.Context, c *Copying) (written int, err error)
	digest(ctx context.Context, s game.Store, count func(n int)) (digest, error)
}

// digest is what a side has of a noun.
type digest struct {
	count int
	sum   [sha256.Size]byte
}

// Run answers [ErrNotEmpty], [ErrForeignData] and [ErrDiffers]. After any other error it can be resumed.
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

// verify reads both sides of a noun.
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

// counter returns what is told of progress, by many at once.
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

// canonical is the form in which documents are compared: JSON with sorted keys, and times of milliseconds in UTC.
func canonical(d any) ([]byte, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("a document that is not JSON: %w", err)
	}
	return b, nil
}

// lengthPrefixed writes the document's length and the document.
func lengthPrefixed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(b)), uint64(len(b))), b...)
}
