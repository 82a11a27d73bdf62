package mongostore

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
)

// A process tells whoever moves events, by notices, of the documents whose events it has stored.

const (
	// tellEvery is how long others wait to be told of events that this process did not move itself.
	tellEvery = 250 * time.Millisecond
	// quietTicks is for how many ticks a process that moves events tells nobody of its own: longer than it is between
	// two moves.
	quietTicks = 8
	// maxUntold bounds how many documents are remembered whose events are to be moved. The events of others are found
	// later, by the time of the change.
	maxUntold  = 1 << 16
	noticeSize = 500 // documents in a notice
	// noticeLimit bounds each command by which a process tells others of something.
	noticeLimit = 5 * time.Second
)

// stored notes that events of a document are to be moved.
func (o *outbox) stored(events []game.Event) {
	if len(events) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written = true
	o.add(events[0].Subject)
}

// add remembers a document to tell of.
func (o *outbox) add(s game.Subject) {
	if _, is := o.untold[s]; is || len(o.untold) < maxUntold {
		o.added++
		o.untold[s] = o.added
	} else {
		o.missed = true
	}
}

// forgot reports whether there were more documents to tell of than are remembered.
func (o *outbox) forgot() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.missed
}

// wrote reports whether this process has stored events.
func (o *outbox) wrote() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written
}

// moving says that this process moves events, and knows best of its own.
func (o *outbox) moving() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.quiet = quietTicks
}

// tells reports at a turn whether others are to be told.
func (o *outbox) tells() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.quiet = max(o.quiet-1, 0)
	return o.quiet == 0
}

// toTell returns documents of which others are to be told, at most so many.
func (o *outbox) toTell(limit int) []untold {
	o.mu.Lock()
	defer o.mu.Unlock()
	some := make([]untold, 0, min(limit, len(o.untold)))
	for s, n := range o.untold {
		if len(some) == limit {
			break
		}
		some = append(some, untold{s, n})
	}
	return some
}

// told forgets documents of which others were told, or whose events were moved, except those that were added again
// since.
func (o *outbox) told(of []untold) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, u := range of {
		if o.untold[u.subject] == u.added {
			delete(o.untold, u.subject)
		}
	}
}

// notice tells whoever moves events of documents whose events another process has stored.
type notice struct {
	ID       bson.ObjectID                 `bson:"_id"`
	Subjects map[game.SubjectKind][]string `bson:"subjects"`
}

// tell tells others of events that this process has stored and has not moved itself, until the store is closed.
func (s *Store) tell() {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if s.outbox.tells() {
				s.tellOf(s.outbox.toTell(maxUntold))
			}
		case <-s.outbox.stop:
			told := s.tellOf(s.outbox.toTell(maxUntold))
			s.outbox.saying.Wait() // or it would say afterwards that this process is there
			if told && s.outbox.wrote() && !s.outbox.forgot() {
				s.leave()
			}
			return
		}
	}
}

// tellOf stores notices, and reports whether it could. What fails is told again at the next turn, or found by the time
// of the change. It ends at the first failure, so that a server that is away is waited for once.
func (s *Store) tellOf(all []untold) bool {
	for some := range slices.Chunk(all, noticeSize) {
		n := notice{bson.NewObjectID(), map[game.SubjectKind][]string{}}
		for _, u := range some {
			n.Subjects[u.subject.Kind] = append(n.Subjects[u.subject.Kind], u.subject.ID)
		}
		ctx, cancel := context.WithTimeout(context.Background(), noticeLimit)
		_, err := s.notices.InsertOne(ctx, n)
		cancel()
		if err != nil {
			return false
		}
		s.outbox.told(some)
	}
	return true
}

// close tells of what is left, and ends what tells of it.
func (o *outbox) close() {
	close(o.stop)
	o.telling.Wait()
}
