package sqlitestore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

func BenchmarkCreate(b *testing.B) {
	forClients(b, "writes/s", func(b *testing.B, s game.Store) func(client, i int) error {
		return func(int, int) error {
			p := benchPlayer()
			return s.CreatePlayer(b.Context(), p, benchEvent(game.SubjectPlayer, string(p.ID), 1, game.PlayerCreated{}))
		}
	})
}

func BenchmarkCreateSession(b *testing.B) {
	forClients(b, "writes/s", func(b *testing.B, s game.Store) func(client, i int) error {
		return func(int, int) error {
			v := benchSession()
			return s.CreateSession(b.Context(), v, benchEvent(
				game.SubjectSession, string(v.ID), 1, game.SessionCreated{Status: v.Status},
				game.MemberJoined{PlayerID: *v.HostID}, game.HostChanged{To: *v.HostID, Reason: game.HostJoined},
			))
		}
	})
}

func BenchmarkReplace(b *testing.B) {
	forClients(b, "writes/s", func(b *testing.B, s game.Store) func(client, i int) error {
		players := make([]game.Player, 256)
		for i := range players {
			players[i] = benchPlayer()
			must(b, s.CreatePlayer(b.Context(), players[i]))
		}
		return func(client, _ int) error {
			p := &players[client]
			next := *p
			next.Version++
			next.DisplayName = fmt.Sprint("Version ", next.Version)
			err := s.ReplacePlayer(b.Context(), *p, next,
				benchEvent(game.SubjectPlayer, string(p.ID), next.Version, game.ProfileChanged{
					Fields: []string{"display_name"},
				}))
			*p = next
			return err
		}
	})
}

// BenchmarkReplaceSession lets a player take or leave a seat in a session of ten.
func BenchmarkReplaceSession(b *testing.B) {
	forClients(b, "writes/s", func(b *testing.B, s game.Store) func(client, i int) error {
		sessions := make([]game.Session, 256)
		for i := range sessions {
			sessions[i] = benchSession()
			must(b, s.CreateSession(b.Context(), sessions[i]))
		}
		return func(client, _ int) error {
			v := &sessions[client]
			next := *v
			next.Version++
			var change game.Change
			if n := len(v.Members); n > 9 {
				change = game.MemberLeft{PlayerID: v.Members[n-1].PlayerID}
				next.Members = v.Members[: n-1 : n-1]
			} else {
				joined := member(game.PlayerID(newID()), v.CreatedAt)
				change = game.MemberJoined{PlayerID: joined.PlayerID}
				next.Members = append(v.Members[:n:n], joined)
			}
			err := s.ReplaceSession(
				b.Context(), *v, next, benchEvent(game.SubjectSession, string(v.ID), next.Version, change),
			)
			*v = next
			return err
		}
	})
}

func BenchmarkRead(b *testing.B) {
	const stored = 20_000
	s := openBench(b)
	players, sessions := make([]game.PlayerID, stored), make([]game.SessionID, stored)
	concurrently(b, 256, stored, func(_, i int) error {
		p, v := benchPlayer(), benchSession()
		players[i], sessions[i] = p.ID, v.ID
		if err := s.CreatePlayer(b.Context(), p); err != nil {
			return err
		}
		return s.CreateSession(b.Context(), v)
	})
	ctx, cancel := context.WithCancel(b.Context()) // as a request's context, it can end
	defer cancel()
	reads := map[string]func(i int) error{
		"player":  func(i int) error { _, err := s.Player(ctx, project, players[i%stored]); return err },
		"session": func(i int) error { _, err := s.Session(ctx, project, sessions[i%stored]); return err },
		"list=20": func(int) error {
			open := game.Where{game.Is(game.FieldStatus, game.StatusOpen)}
			_, err := s.Sessions(ctx, game.SessionQuery{Project: project, Where: open, Limit: 20})
			return err
		},
	}
	for _, name := range []string{"player", "session", "list=20"} {
		for _, clients := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%s/clients=%d", name, clients), func(b *testing.B) {
				b.ReportAllocs()
				concurrently(b, clients, b.N, func(_, i int) error { return reads[name](i * 7919) })
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
			})
		}
	}
}

// BenchmarkSearch walks past sessions that do not match, among 100,000.
func BenchmarkSearch(b *testing.B) {
	const stored = 100_000
	s := openBench(b)
	concurrently(b, 256, stored, func(_, i int) error {
		v := benchSession()
		v.Mode, v.Map, v.Region = fmt.Sprint("mode", i%10), fmt.Sprint("map", i%20), fmt.Sprint("region", i%8)
		v.Attributes = game.Attributes{"level": game.NumberValue(float64(i % 50)), "ranked": game.BoolValue(i%2 == 0)}
		v.MaxPlayers = 2 + i%2
		return s.CreateSession(b.Context(), v)
	})
	open, mode := game.Is(game.FieldStatus, game.StatusOpen), game.Is("mode", "mode3")
	with := func(f game.AttributeFilter) game.Where { return append(f.Where(), open) }
	for name, where := range map[string]game.Where{
		"newest": nil,
		"typical": {
			open, mode, game.Is("region", "region1"), game.AtLeast(game.FieldFreeSeats, 1),
			game.Is(game.FieldVisibility, game.VisibilityPublic),
		},
		"attributes": with(game.AttributeFilter{"level": {game.NumberValue(7)}, "ranked": {game.BoolValue(false)}}),
		"either":     with(game.AttributeFilter{"level": {game.NumberValue(7), game.StringValue("7")}}),
		"worst":      {open, game.AtLeast(game.FieldFreeSeats, 5)},
		"no-mode":    {open, mode, game.Is("map", "map4")},
	} {
		q := game.SessionQuery{Project: project, Where: where, Limit: 50}
		b.Run(name, func(b *testing.B) {
			for range b.N {
				_, err := s.Sessions(b.Context(), q)
				must(b, err)
			}
		})
	}
	b.Run("stats", func(b *testing.B) {
		for range b.N {
			_, err := s.Stats(b.Context(), game.CountBound)
			must(b, err)
		}
	})
}

// BenchmarkListByName lists the open sessions of a mode among ever more of others: half are of the mode usual, of which
// one in a hundred has a free seat, one in a hundred of another, and one in a thousand of a rare one.
func BenchmarkListByName(b *testing.B) {
	s, stored := openBench(b), 0
	open, free := game.Is(game.FieldStatus, game.StatusOpen), game.AtLeast(game.FieldFreeSeats, 1)
	for _, n := range []int{2_500, 25_000, 250_000} {
		concurrently(b, 256, n-stored, func(_, i int) error {
			v := benchSession()
			v.Mode, v.MaxPlayers = "usual", 1
			switch {
			case i%1000 == 7:
				v.Mode = "rare"
			case i%2 == 1:
				v.Mode = fmt.Sprint("mode", i%100)
			}
			if i/2%100 == 3 {
				v.MaxPlayers = 2
			}
			return s.CreateSession(b.Context(), v)
		})
		stored = n
		for _, c := range []struct {
			name  string
			where game.Where
		}{
			{"usual", game.Where{open, game.Is("mode", "usual")}},
			{"usual-free", game.Where{open, game.Is("mode", "usual"), free}},
			{"other", game.Where{open, game.Is("mode", "mode3")}},
			{"other-any-status", game.Where{game.Is("mode", "mode3")}},
			{"rare", game.Where{open, game.Is("mode", "rare")}},
			{"none", game.Where{open, game.Is("mode", "none")}},
		} {
			q := game.SessionQuery{Project: project, Where: c.where, Limit: 50}
			b.Run(fmt.Sprintf("open=%d/%s", n, c.name), func(b *testing.B) {
				for range b.N {
					_, err := s.Sessions(b.Context(), q)
					must(b, err)
				}
			})
		}
	}
}

const project = game.DefaultProject

func openBench(b *testing.B) game.Store {
	b.Helper()
	s, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "gsm.db"), sqlitestore.Options{})
	must(b, err)
	b.Cleanup(func() { must(b, s.Close()) })
	return s
}

// forClients measures a call made by several clients at once, each of whom waits for the answer before it calls again.
func forClients(b *testing.B, unit string, setup func(*testing.B, game.Store) func(client, i int) error) {
	for _, clients := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			call := setup(b, openBench(b))
			b.ReportAllocs()
			b.ResetTimer()
			concurrently(b, clients, b.N, call)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit)
		})
	}
}

func concurrently(b *testing.B, clients, n int, call func(client, i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := call(client, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func benchPlayer() game.Player {
	now := time.Now().UTC().Truncate(time.Millisecond)
	id := newID()
	return game.Player{
		ID: game.PlayerID(id), Project: project, Version: 1, CreatedAt: now, UpdatedAt: now,
		Profile: game.Profile{
			Username: "player-" + id[9:], DisplayName: "A player", Status: game.PlayerActive,
			Identities: map[string]string{},
			Attributes: game.Attributes{"mmr": game.NumberValue(1200), "country": game.StringValue("nl")},
		},
	}
}

func benchKey() game.Key {
	p := benchPlayer()
	return game.Key{
		ID: game.KeyID(p.ID), Project: project, Name: "A key", Scope: game.ScopeServer, Hash: "hash", Version: 1,
		CreatedAt: p.CreatedAt,
	}
}

func member(id game.PlayerID, joined time.Time) game.Member {
	return game.Member{
		PlayerID: id, Status: game.SeatJoined, JoinedAt: joined,
		MemberSettings: game.MemberSettings{Attributes: game.Attributes{}},
	}
}

func benchSession() game.Session {
	now := time.Now().UTC().Truncate(time.Millisecond)
	host := game.PlayerID(newID())
	return game.Session{
		ID: game.SessionID(newID()), Project: project, Version: 1, CreatedAt: now, UpdatedAt: now,
		Settings: game.Settings{
			Name: "A session", Mode: "ranked", Map: "dust", Region: "eu-west", Visibility: game.VisibilityPublic,
			MaxPlayers: 10, Teams: map[string]int{},
			Attributes: game.Attributes{"level": game.NumberValue(3), "ranked": game.BoolValue(true)},
		},
		Timeouts: game.DefaultTimeouts(), Fence: 1, Liveness: game.Live,
		Status: game.StatusOpen, HostID: &host, Hosted: true, Members: []game.Member{member(host, now)},
	}
}

func benchEvent(kind game.SubjectKind, id string, version int64, changes ...game.Change) game.Event {
	return game.Event{
		Project: project, Subject: game.Subject{Kind: kind, ID: id}, Version: version,
		At:    time.Now().UTC().Truncate(time.Millisecond),
		Actor: game.Actor{Kind: game.ActorKey, ID: "0123456789abcdef"}, RequestID: "0123456789abcdef0123456789abcdef",
		Changes: changes,
	}
}
