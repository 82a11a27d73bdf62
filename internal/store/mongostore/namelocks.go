package mongostore

import (
	"context"
	"hash/maphash"
	"slices"

	"game-session-manager/internal/game"
)

// nameLockCount is the number of locks. The more there are, the rarer two names share one.
const nameLockCount = 1024

// nameLocks lets only one write of this process at a time claim a unique name. DocumentDB makes inserts that conflict
// in a unique index wait for each other, and aborts them after a second. Without the locks, a few clients that want
// one name could prevent each other from getting it indefinitely.
type nameLocks struct {
	seed  maphash.Seed
	slots [nameLockCount]chan struct{} // each holds an element while it is locked
}

func newNameLocks() *nameLocks {
	l := &nameLocks{seed: maphash.MakeSeed()}
	for i := range l.slots {
		l.slots[i] = make(chan struct{}, 1)
	}
	return l
}

// lock waits for the locks of all names and returns a function that releases them. They are taken in a fixed order to
// prevent deadlocks.
func (l *nameLocks) lock(ctx context.Context, names []string) (release func(), err error) {
	slots := mapped(names, func(name string) int { return int(maphash.String(l.seed, name) % nameLockCount) })
	slices.Sort(slots)
	slots = slices.Compact(slots)
	for i, slot := range slots {
		select {
		case l.slots[slot] <- struct{}{}:
		case <-ctx.Done():
			l.release(slots[:i])
			return nil, context.Cause(ctx)
		}
	}
	return func() { l.release(slots) }, nil
}

func (l *nameLocks) release(slots []int) {
	for _, slot := range slots {
		<-l.slots[slot]
	}
}

// claimedNames returns the unique names that a player has after a change but not before it.
func claimedNames(before, after game.Player) []string {
	had := uniqueNames(&before)
	return slices.DeleteFunc(uniqueNames(&after), func(name string) bool { return slices.Contains(had, name) })
}

// uniqueNames returns the names that no other player of the project may have. Identities contain a colon and
// usernames do not, so they cannot be confused.
func uniqueNames(p *game.Player) []string {
	names := identityKeys(p)
	if p.Username != "" {
		names = append(names, p.UsernameKey())
	}
	for i, name := range names {
		names[i] = string(p.Project) + "\x00" + name
	}
	return names
}
