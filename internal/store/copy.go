package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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
	// Now is the current time. Documents that have expired by then are not copied, and neither are those that one of
	// the databases may delete within a [game.ExpiryMargin], which a copy must not exceed.
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
	Written  int    // by this copy; includes claims, signing keys, deliveries, events and samples that existed
	Checksum string // SHA-256 of all documents in order of their ids, independent of the engine; hexadecimal
}

// orderEvents gives every event its place in the feed, because only events with one are exported. No other process may
// store events meanwhile.
func orderEvents(ctx context.Context, s game.Store, now time.Time) error {
	for {
		n, err := s.OrderEvents(ctx, now.Add(game.ExpiryMargin), copyPage)
		if err != nil || n == 0 {
			return err
		}
	}
}

// digest is the number and the checksum of the documents of a noun in one store.
type digest struct {
	count int
	sum   [sha256.Size]byte
}

// Run performs the copy. It returns [ErrNotEmpty], [ErrForeignData] or [ErrDiffers]; after any other error the copy
// can be resumed. The results are those of the nouns that were started.
func (c Copying) Run(ctx context.Context) ([]Copied, error) {
	if err := orderEvents(ctx, c.From, c.Now); err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	all := game.Nouns(c.Now)
	for _, n := range all {
		if err := c.admit(ctx, n); err != nil {
			return nil, fmt.Errorf("%s: %w", n.Name(), err)
		}
	}
	copied := make([]Copied, len(all))
	for i, n := range all {
		written, err := c.copy(ctx, n)
		copied[i] = Copied{Noun: n.Name(), Written: written}
		if err != nil {
			return copied[:i+1], fmt.Errorf("%s: %w", n.Name(), err)
		}
	}
	for i, n := range all {
		if err := c.verify(ctx, n, &copied[i]); err != nil {
			return copied, fmt.Errorf("%s: %w", n.Name(), err)
		}
	}
	return copied, nil
}

// admit checks what the target has of a noun already.
func (c *Copying) admit(ctx context.Context, n game.Noun) error {
	if c.Resume {
		return c.compare(ctx, n)
	}
	found, err := n.Export(ctx, c.To, "", 1)
	if err == nil && len(found) > 0 {
		err = ErrNotEmpty
	}
	return err
}

// verify compares the digests of both sides and adds the result to into.
func (c *Copying) verify(ctx context.Context, n game.Noun, into *Copied) error {
	var from, to digest
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		from, err = digestOf(ctx, n, c.From, c.counter(StepVerify, n.Name()))
		return err
	})
	g.Go(func() (err error) {
		to, err = digestOf(ctx, n, c.To, func(int) {})
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
func canonical(d game.Document) ([]byte, error) {
	b, err := json.Marshal(d.Content)
	if err != nil {
		return nil, fmt.Errorf("the document cannot be encoded as JSON: %w", err)
	}
	return b, nil
}

// lengthPrefixed prepends the length, so that the boundaries of documents are part of the checksum.
func lengthPrefixed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(b)), uint64(len(b))), b...)
}
