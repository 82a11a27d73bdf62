package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"game-session-manager/internal/game"
)

// exported iterates over the documents of a noun in order of their ids, without those that have expired. count is
// called with the size of each page. An error is the last element.
func exported(ctx context.Context, n game.Noun, s game.Store, count func(int)) iter.Seq2[game.Document, error] {
	return func(yield func(game.Document, error) bool) {
		after := ""
		for {
			found, err := n.Export(ctx, s, after, copyPage)
			if err != nil {
				yield(game.Document{}, err)
				return
			}
			for _, d := range found {
				if after = d.ID; !d.Expired && !yield(d, nil) {
					return
				}
			}
			if count(len(found)); len(found) < copyPage {
				return
			}
		}
	}
}

// compare returns ErrForeignData unless every document of the target is in the source and equal to it.
func (c *Copying) compare(ctx context.Context, n game.Noun) error {
	next, stop := iter.Pull2(exported(ctx, n, c.From, func(int) {}))
	defer stop()
	for d, err := range exported(ctx, n, c.To, c.counter(StepCompare, n.Name())) {
		if err != nil {
			return err
		}
		source, err, ok := next()
		for ok && err == nil && source.ID < d.ID {
			source, err, ok = next()
		}
		if err != nil {
			return err
		}
		if !ok || source.ID != d.ID {
			return fmt.Errorf("%w: %s", ErrForeignData, d.ID)
		}
		if same, err := equal(source, d); err != nil || !same {
			return errors.Join(err, fmt.Errorf("%w: %s differs there", ErrForeignData, d.ID))
		}
	}
	return nil
}

func equal(a, b game.Document) (bool, error) {
	x, err := canonical(a)
	if err != nil {
		return false, err
	}
	y, err := canonical(b)
	return bytes.Equal(x, y), err
}

// copy writes all documents of the source to the target, copyWriters at a time.
func (c *Copying) copy(ctx context.Context, n game.Noun) (written int, err error) {
	var fresh atomic.Int64
	done := c.counter(StepCopy, n.Name())
	g, ctx := errgroup.WithContext(ctx)
	queue := make(chan game.Document, copyPage)
	g.Go(func() error {
		defer close(queue)
		for d, err := range exported(ctx, n, c.From, func(int) {}) {
			if err != nil {
				return err
			}
			select {
			case queue <- d:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range copyWriters {
		g.Go(func() error {
			for d := range queue {
				wrote, err := put(ctx, n, c.To, d)
				if err != nil {
					return fmt.Errorf("%s: %w", d.ID, err)
				}
				if wrote {
					fresh.Add(1)
				}
				done(1)
			}
			return nil
		})
	}
	err = g.Wait()
	return int(fresh.Load()), err
}

// put writes a document and reports whether it did. A document that is already stored must be equal.
func put(ctx context.Context, n game.Noun, s game.Store, d game.Document) (wrote bool, err error) {
	err = n.Create(ctx, s, d)
	if err == nil {
		return true, nil
	}
	// Engines may return any of these for a document that already exists.
	if !errors.Is(err, game.ErrExists) && !errors.Is(err, game.ErrUsernameTaken) &&
		!errors.Is(err, game.ErrIdentityTaken) {
		return false, err
	}
	stored, findErr := n.Find(ctx, s, d)
	if findErr != nil {
		return false, err // another document has the name
	}
	same, err := equal(stored, d)
	if err == nil && !same {
		err = ErrForeignData
	}
	return false, err
}

func digestOf(ctx context.Context, n game.Noun, s game.Store, count func(int)) (digest, error) {
	var all digest
	h := sha256.New()
	for d, err := range exported(ctx, n, s, count) {
		if err != nil {
			return digest{}, err
		}
		b, err := canonical(d)
		if err != nil {
			return digest{}, err
		}
		h.Write(lengthPrefixed(b))
		all.count++
	}
	all.sum = [sha256.Size]byte(h.Sum(nil))
	return all, nil
}
