// Package mongostore is the engine for high availability and growth: MongoDB 7 and 8, and FerretDB 2 on DocumentDB.
//
// It defines the collections, their indexes and validators (schema.go), the encoding of documents (documents.go), and
// how a write is retried whose reply was lost (write.go). It relies on what all these servers have in common: changes
// of a single document are atomic, updates can be conditional, and partial indexes can be unique. What a server lacks
// beyond that is determined once, when the store is opened (capabilities.go), and worked around.
//
// It implements no rules, which are in package game: it does not validate, reads no clock and does not retry
// conflicts.
package mongostore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"game-session-manager/internal/game"
)

// Options configure a Store. The zero value is ready to use.
type Options struct {
	// Wait is how long Open keeps trying while the server cannot be reached or the login fails. 0 means one attempt.
	Wait time.Duration
	// OnWait is called after each failed attempt that is followed by another.
	OnWait func(cause error)
	// OnCommand is called after each command, by the goroutine that sent it, with the context of the call.
	OnCommand func(context.Context, game.Command)
	// MustExist makes Open fail with [ErrMissing] if the database does not exist, instead of creating it.
	MustExist bool
	// Beside opens the database without writing to it, for tools that run while servers use it. The database must
	// exist and have the current schema.
	Beside bool

	retryWrites bool // from the URL; true by default
}

// Store is a [game.Store] in a MongoDB database.
type Store struct {
	client   *mongo.Client
	database *mongo.Database
	server   server
	pool     *pool

	collections map[string]collection // by name, those of designs
	players     collection
	sessions    collection
	leases      collection
	claims      collection
	metrics     collection
	keys        collection
	signing     collection
	webhooks    collection
	deliveries  collection
	events      collection
	notices     *mongo.Collection
	writers     *mongo.Collection
	feedEnds    *mongo.Collection
	meta        *mongo.Collection
	outbox      *outbox
	feeds       feeds
	nameLocks   *nameLocks
	noStatus    atomic.Bool // the user lacks the permission to read the replica set's status

	renewsTogether bool // see sendTogether

	mu      sync.Mutex
	closed  bool
	calls   sync.WaitGroup // in progress
	closing sync.Once
	failure error // of Close
}

var _ game.Store = (*Store)(nil)

// Open connects to the database of a mongodb: or mongodb+srv: URL, determines the capabilities of the server, and
// creates missing collections, indexes and validators. It returns [ErrBadURL], [ErrUnreachable], [ErrRefused],
// [ErrNewerSchema], [ErrOlderSchema], [ErrMissing], [ErrUnfit], or another error, each with a message for the
// operator. The context limits opening, not the life of the store.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	waiting, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	for {
		s, err := open(ctx, url, o)
		if err == nil || !errors.Is(err, ErrUnreachable) && !errors.Is(err, errLogin) || waiting.Err() != nil {
			return s, err
		}
		if errors.Is(err, errLogin) {
			err = fmt.Errorf("the user may not have been created yet: %w", err)
		}
		if o.OnWait != nil {
			o.OnWait(err)
		}
		_ = game.Sleep(waiting, waitPause)
	}
}

func open(ctx context.Context, url string, o Options) (*Store, error) {
	settings, err := parse(url)
	if err != nil {
		return nil, err
	}
	s := &Store{
		pool: newPool(), nameLocks: newNameLocks(), outbox: newOutbox(), feeds: newFeeds(),
		collections: map[string]collection{},
	}
	o.retryWrites = settings.client.RetryWrites == nil || *settings.client.RetryWrites
	if err := s.connect(settings, o); err != nil {
		return nil, err
	}
	s.outbox.saying.Go(s.present)
	s.outbox.telling.Go(s.tell)
	if err := s.prepare(withCall(ctx), o); err != nil {
		return nil, errors.Join(settings.explain(err), s.Close())
	}
	return s, nil
}

// prepare migrates the database and determines the capabilities of the server.
func (s *Store) prepare(ctx context.Context, o Options) error {
	if err := s.migrate(ctx, o); err != nil {
		return err
	}
	var err error
	if s.renewsTogether, err = s.validated(ctx, leasesCollection, bson.D{}); err != nil {
		return err
	}
	if !o.Beside {
		if err := s.beginEpoch(ctx); err != nil {
			return err
		}
	}
	return s.probe(ctx, o)
}

// Time limits.
const (
	// defaultTimeout limits calls whose context has no deadline, such as those of tools. Without it they would wait
	// forever for a server that is gone.
	defaultTimeout = time.Minute
	// stepTimeout limits operations of tools on a whole collection, such as creating an index.
	stepTimeout = 6 * time.Hour
	// disconnectTimeout is how long Close waits for the connections to be closed.
	disconnectTimeout = 2 * time.Second
)

// enter starts a call, unless the store is closed or ctx has ended. The caller must call leave when it is done. The
// returned context has a deadline.
func (s *Store) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, errClosed
	}
	s.calls.Add(1)
	ctx, cancel := limited(withCall(ctx))
	return ctx, func() {
		cancel()
		s.calls.Done()
	}, nil
}

// limited returns ctx if it has a deadline, and otherwise one that ends after defaultTimeout.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, defaultTimeout)
}

// Close implements [game.Store].
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.calls.Wait()
		s.outbox.close()
		ctx, cancel := context.WithTimeout(context.Background(), disconnectTimeout)
		defer cancel()
		s.failure = s.client.Disconnect(ctx)
	})
	return s.failure
}
