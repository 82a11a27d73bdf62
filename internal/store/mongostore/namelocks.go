package mongostore

import (
	"context"
	"hash/maphash"
	"slices"

	"game-session-manager/internal/game"
)

// nameLockCount is how many names may be claimed at once. More of them make it rarer that two names share a turn.
const nameLockCount = 1024

// turns let the claims of one name follow each other inside a process. DocumentDB has those that meet in a unique index
// wait for each other, and breaks that up after a second, by which time others have come: without turns a few clients
// who want one name can keep each other from it for good.
type nameLocks struct {
	seed  maphash.Seed
	slots [nameLockCount]chan struct{} // each holds a token while somebody has the turn
}

func newNameLocks() *nameLocks {
	l := &nameLocks{seed: maphash.MakeSeed()}
	for i := range l.slots {
		l.slots[i] = make(chan struct{}, 1)
	}
	return l
}

// take waits for the turns of all names and returns what ends them. They are taken in one order, so that nobody waits
// in a circle.
func (l *nameLocks) lock(ctx context.Context, names []string) (release func(), err error) {
	slots := make([]int, len(names))
	for i, name := range names {
		slots[i] = int(maphash.String(l.seed, name) % nameLockCount)
	}
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

// claimedNames returns the unique names that a player has after a change and did not have before it.
func claimedNames(before, after game.Player) []string {
	had := uniqueNames(&before)
	return slices.DeleteFunc(uniqueNames(&after), func(name string) bool { return slices.Contains(had, name) })
}

// uniqueNames returns what no other player of the project may have. Identities have a colon, and usernames have none.
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
