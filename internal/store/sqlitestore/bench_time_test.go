//go:build unix

package sqlitestore_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// BenchmarkRenewLeases renews leases in calls of as many as a request may have, of ten times as many. Each
// has another deadline afterwards.
func BenchmarkRenewLeases(b *testing.B) {
	for _, callers := range []int{1, 4} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := openBench(b)
			const batches = 10
			all := make([][]game.Lease, batches)
			for i := range all {
				all[i] = make([]game.Lease, game.MaxHeartbeats)
				for k := range all[i] {
					at := time.Now().UTC().Truncate(time.Millisecond)
					all[i][k] = game.Lease{
						Project: project, Session: game.SessionID(newID()), State: game.LeaseLive, Fence: 1, BeatAt: at,
						DueAt: at.Add(30 * time.Second),
					}
				}
			}
			renew := func(batch []game.Lease) error {
				now := time.Now()
				for k := range batch {
					batch[k].BeatAt, batch[k].DueAt = now, now.Add(30*time.Second)
				}
				_, err := s.RenewLeases(b.Context(), batch)
				return err
			}
			for _, batch := range all {
				rand.Shuffle(len(batch), func(i, k int) { batch[i], batch[k] = batch[k], batch[i] })
				must(b, renew(batch))
			}
			var turns [batches]sync.Mutex
			b.ReportAllocs()
			b.ResetTimer()
			used := processTime()
			concurrently(b, callers, b.N, func(_, i int) error {
				turns[i%batches].Lock()
				defer turns[i%batches].Unlock()
				return renew(all[i%batches])
			})
			leases := float64(b.N * game.MaxHeartbeats)
			b.ReportMetric(leases/b.Elapsed().Seconds(), "leases/s")
			b.ReportMetric(float64((processTime()-used).Nanoseconds())/leases, "cpu-ns/lease")
		})
	}
}

// BenchmarkPurgeSessions removes ended sessions of ten members while clients create players, each of whom waits a
// moment before the next. It tells how long the creations take, also without a purge.
func BenchmarkPurgeSessions(b *testing.B) {
	for _, purging := range []bool{false, true} {
		b.Run(fmt.Sprintf("purging=%t", purging), func(b *testing.B) {
			s := openBench(b)
			ended := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)
			concurrently(b, 64, b.N, func(_, i int) error {
				v := benchSession()
				v.Status, v.EndReason = game.StatusEnded, game.ReasonCompleted
				v.EndedAt = new(ended.Add(time.Duration(i)))
				for len(v.Members) < v.MaxPlayers {
					v.Members = append(v.Members, member(game.PlayerID(newID()), ended))
				}
				return s.CreateSession(b.Context(), v)
			})
			const least = 1000 // creations to measure
			stop, enough, took := make(chan struct{}), make(chan struct{}), make([][]time.Duration, 4)
			var made atomic.Int64
			var clients sync.WaitGroup
			for client := range took {
				clients.Go(func() {
					for ticks := time.NewTicker(5 * time.Millisecond); ; {
						select {
						case <-stop:
							return
						case <-ticks.C:
						}
						start := time.Now()
						if err := s.CreatePlayer(b.Context(), benchPlayer()); err != nil {
							b.Error(err)
							return
						}
						took[client] = append(took[client], time.Since(start))
						if made.Add(1) == least {
							close(enough)
						}
					}
				})
			}
			b.ResetTimer()
			for purged := 0; purging && purged < b.N; {
				n, err := s.PurgeSessions(b.Context(), ended.Add(time.Hour), 1000)
				must(b, err)
				purged += n
			}
			if purging {
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sessions/s")
			} else {
				<-enough
			}
			close(stop)
			clients.Wait()
			all := slices.Concat(took...)
			slices.Sort(all)
			if len(all) > 0 {
				b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
			}
		})
	}
}

// processTime returns the CPU time that the process has used.
func processTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
