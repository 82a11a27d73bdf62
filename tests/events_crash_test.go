package tests_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
)

// eventsFleet is the processes of one database, which are killed and started again.
type eventsFleet struct {
	servers []atomic.Pointer[server]
	made    atomic.Int64 // versions
}

// retryPause is how long a follower waits before it looks for a process that is alive.
const retryPause = 10 * time.Millisecond

// any returns one of the processes, which may be dead.
func (f *eventsFleet) any() *server { return f.servers[rand.N(len(f.servers))].Load() }

// Each follower sees every version of its session once and in order, while processes are killed and followers leave and
// come back to others.
func TestEveryVersionThroughCrashes(t *testing.T) {
	t.Parallel()
	const sessions, followers, kills, versions = 4, 12, 3, 60
	first := start(t)
	f := &eventsFleet{servers: make([]atomic.Pointer[server], 1)}
	if underTest.name == mongodb {
		f.servers = make([]atomic.Pointer[server], 2)
		f.servers[1].Store(start(t, onDatabase(first.database)))
	}
	f.servers[0].Store(first)
	var ids []client.SessionID
	for range sessions {
		v := first.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
		ids = append(ids, v.ID)
	}
	var writers, readers sync.WaitGroup
	for _, id := range ids {
		writers.Go(func() { f.write(t, id, versions) })
	}
	var lost atomic.Int64
	for i := range followers {
		readers.Go(func() { lost.Add(f.follow(t, ids[i%sessions], versions)) })
	}
	for k := range int64(kills) {
		due := (k + 1) * sessions * versions / (kills + 1)
		eventually(t, "there is load", func() bool { return f.made.Load() >= due })
		i := rand.N(len(f.servers))
		f.servers[i].Load().kill()
		f.servers[i].Store(start(t, onDatabase(first.database)))
	}
	writers.Wait()
	readers.Wait()
	t.Logf("%d followers came back %d times", followers, lost.Load())
}

// write makes versions of a session until it is at the last. Retries may make more.
func (f *eventsFleet) write(t *testing.T, id client.SessionID, last int64) {
	for version := int64(0); version < last && t.Context().Err() == nil; {
		s := f.any()
		v, err := s.api.Sessions.Get(t.Context(), id)
		if err == nil {
			patch := client.Patch{"locked": !v.Locked}
			v, err = s.api.Sessions.Patch(t.Context(), id, patch, client.IfVersion(v.Version))
		}
		if err == nil {
			version = v.Version
			f.made.Add(1)
		}
	}
}

// follow reads a session's events from the first to the last, and returns how often it had to connect again.
func (f *eventsFleet) follow(t *testing.T, id client.SessionID, last int64) (again int64) {
	version, position := int64(0), "0"
	deadline := time.Now().Add(patience)
	for ; version < last; again++ {
		if time.Now().After(deadline) {
			t.Errorf("a follower is at version %d of %d", version, last)
			return again
		}
		ctx, cancel := context.WithCancel(t.Context())
		st, res, err := f.any().openSSE(ctx, eventsOf(id, "?after="+position))
		if st == nil {
			if err == nil && res.StatusCode < 500 {
				t.Errorf("after %s: status %d", position, res.StatusCode)
				cancel()
				return again
			}
			cancel()
			<-time.After(retryPause)
			continue
		}
		leaves := version + 1 + rand.N(last/2) // to come back, perhaps to another process
		for m := range st.messages {
			if m.Event == nil {
				break
			}
			if version++; m.Event.Version != version {
				t.Errorf("after version %d comes %d", version-1, m.Event.Version)
				cancel()
				return again
			}
			if position = m.Position; version >= min(leaves, last) {
				break
			}
		}
		cancel()
	}
	return again
}
