// Package mongostore is the engine for high availability and growth: MongoDB 7 and 8, and FerretDB 2 on DocumentDB.
//
// It owns the collections, their indexes and validators (schema.go), how documents become BSON (documents.go), and what
// becomes of a write whose answer was lost (write.go). Its promises rest on what all those servers share: single
// documents change atomically, updates have conditions, and partial indexes are unique. What a server lacks beyond that
// is found out once, when the store is opened (capabilities.go), and done without.
//
// It leaves every rule to package game: it does not validate, has no clock and does not retry conflicts.
package mongostore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"game-session-manager/internal/game"
)

// Options of a Store. The zero value is good.
type Options struct {
	// Wait is how long Open waits for a server that does not answer yet, or that does not know the user yet.
	Wait time.Duration
	// OnWait is called when Open goes on waiting.
	OnWait func(cause error)
	// OnCommand is called after each command, by the goroutine that sent it, with the context of the call.
	OnCommand func(context.Context, game.Command)
	// MustExist refuses a database that is not there, instead of making one.
	MustExist bool
	// Beside opens the database as it is, and writes nothing to do so. It must be there, and be up to date.
	Beside bool

	retryWrites bool // what the URL says
}

// Store is a [game.Store] in a MongoDB database.
type Store struct {
	client   *mongo.Client
	database *mongo.Database
	server   server
	pool     *pool

	players   collection
	sessions  collection
	claims    collection
	metrics   collection
	keys      collection
	signing   collection
	events    collection
	notices   *mongo.Collection
	feedEnds  *mongo.Collection
	meta      *mongo.Collection
	outbox    *outbox
	feeds     feeds
	tasks     collection
	nameLocks *nameLocks
	noStatus  atomic.Bool // the user may not see the state of the replica set

	mu      sync.Mutex
	closed  bool
	calls   sync.WaitGroup // under way
	closing sync.Once
	failure error // what Close answered
}

var _ game.Store = (*Store)(nil)

// Open connects to the database that a mongodb: or mongodb+srv: URL names, finds out what its server can do, and
// creates the collections, indexes and validators that are missing. It answers [ErrBadURL], [ErrUnreachable],
// [ErrRefused], [ErrNewerSchema], [ErrOlderSchema], [ErrMissing], [ErrUnfit], or what else is wrong, in a sentence for
// the operator. The context bounds opening only.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	waiting, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	for {
		s, err := open(ctx, url, o)
		if err == nil || !errors.Is(err, ErrUnreachable) && !errors.Is(err, errLogin) || waiting.Err() != nil {
			return s, err
		}
		if errors.Is(err, errLogin) {
			err = fmt.Errorf("the user may not have been made yet: %w", err)
		}
		if o.OnWait != nil {
			o.OnWait(err)
		}
		sleep(waiting, waitPause)
	}
}

func open(ctx context.Context, url string, o Options) (*Store, error) {
	settings, err := parse(url)
	if err != nil {
		return nil, err
	}
	s := &Store{
		pool: newPool(), nameLocks: newNameLocks(), outbox: newOutbox(), feeds: newFeeds(),
	}
	o.retryWrites = settings.client.RetryWrites == nil || *settings.client.RetryWrites
	if err := s.connect(settings, o); err != nil {
		return nil, err
	}
	go s.tell()
	if err := s.prepare(withCall(ctx), o); err != nil {
		return nil, errors.Join(settings.explain(err), s.Close())
	}
	return s, nil
}

// prepare finds out what the server is, and brings the database up to date.
func (s *Store) prepare(ctx context.Context, o Options) error {
	if err := s.migrate(ctx, o); err != nil {
		return err
	}
	return s.probe(ctx, o)
}

// Limits of calls.
const (
	// defaultTimeout ends calls whose context has no deadline, which those of tools have not: they would never hear of a
	// server that is gone.
	defaultTimeout = time.Minute
	// stepTimeout is the limit of what a tool does with a whole collection, such as making an index.
	stepTimeout = 6 * time.Hour
	// disconnectTimeout is how long Close waits for the server to hear of it.
	disconnectTimeout = 2 * time.Second
)

// enter lets a call in unless the store is closed. Whoever is in must leave.
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

// limited returns a context that has a deadline.
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
