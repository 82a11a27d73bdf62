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

// documents is a noun, described by the functions that copying it needs.
type documents[D any] struct {
	plural string
	page   func(ctx context.Context, s game.Store, after string) ([]D, error) // at most copyPage
	id     func(D) string
	skip   func(D) bool // reports whether d is not copied; may be nil
	write  func(ctx context.Context, s game.Store, d D) error
	find   func(ctx context.Context, s game.Store, d D) (D, error) // what is stored under the id of d
}

func (n documents[D]) name() string { return n.plural }

func (n documents[D]) empty(ctx context.Context, s game.Store) (bool, error) {
	found, err := n.page(ctx, s, "")
	return len(found) == 0, err
}

// all iterates over the documents in a store in order of their ids. An error is the last element.
func (n documents[D]) all(ctx context.Context, s game.Store, count func(n int)) iter.Seq2[D, error] {
	return func(yield func(D, error) bool) {
		after := ""
		for {
			found, err := n.page(ctx, s, after)
			if err != nil {
				var none D
				yield(none, err)
				return
			}
			for _, d := range found {
				if (n.skip == nil || !n.skip(d)) && !yield(d, nil) {
					return
				}
			}
			count(len(found))
			if len(found) < copyPage {
				return
			}
			after = n.id(found[len(found)-1])
		}
	}
}

// compare returns ErrForeignData unless every document of the target is in the source and equal to it.
func (n documents[D]) compare(ctx context.Context, c *Copying) error {
	next, stop := iter.Pull2(n.all(ctx, c.From, func(int) {}))
	defer stop()
	for d, err := range n.all(ctx, c.To, c.counter(StepCompare, n.plural)) {
		if err != nil {
			return err
		}
		source, err, ok := next()
		for ok && err == nil && n.id(source) < n.id(d) {
			source, err, ok = next()
		}
		if err != nil {
			return err
		}
		if !ok || n.id(source) != n.id(d) {
			return fmt.Errorf("%w: %s", ErrForeignData, n.id(d))
		}
		if same, err := equal(source, d); err != nil || !same {
			return errors.Join(err, fmt.Errorf("%w: %s differs there", ErrForeignData, n.id(d)))
		}
	}
	return nil
}

func equal(a, b any) (bool, error) {
	x, err := canonical(a)
	if err != nil {
		return false, err
	}
	y, err := canonical(b)
	return bytes.Equal(x, y), err
}

// copy writes all documents of the source to the target, copyWriters at a time.
func (n documents[D]) copy(ctx context.Context, c *Copying) (written int, err error) {
	var fresh atomic.Int64
	done := c.counter(StepCopy, n.plural)
	g, ctx := errgroup.WithContext(ctx)
	queue := make(chan D, copyPage)
	g.Go(func() error {
		defer close(queue)
		for d, err := range n.all(ctx, c.From, func(int) {}) {
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
				wrote, err := n.put(ctx, c.To, d)
				if err != nil {
					return fmt.Errorf("%s: %w", n.id(d), err)
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
func (n documents[D]) put(ctx context.Context, s game.Store, d D) (wrote bool, err error) {
	err = n.write(ctx, s, d)
	if err == nil {
		return true, nil
	}
	// Engines may return any of these for a document that already exists.
	if !errors.Is(err, game.ErrExists) && !errors.Is(err, game.ErrUsernameTaken) &&
		!errors.Is(err, game.ErrIdentityTaken) {
		return false, err
	}
	stored, findErr := n.find(ctx, s, d)
	if findErr != nil {
		return false, err // another document has the name
	}
	same, err := equal(stored, d)
	if err == nil && !same {
		err = ErrForeignData
	}
	return false, err
}

func (n documents[D]) digest(ctx context.Context, s game.Store, count func(n int)) (digest, error) {
	var d digest
	h := sha256.New()
	for document, err := range n.all(ctx, s, count) {
		if err != nil {
			return digest{}, err
		}
		b, err := canonical(document)
		if err != nil {
			return digest{}, err
		}
		h.Write(lengthPrefixed(b))
		d.count++
	}
	d.sum = [sha256.Size]byte(h.Sum(nil))
	return d, nil
}
