package mongostore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
)

const project = game.DefaultProject

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func newPlayer() game.Player {
	now, id := time.Now().UTC().Truncate(time.Millisecond), newID()
	return game.Player{
		ID: game.PlayerID(id), Project: project, Version: 1, CreatedAt: now, UpdatedAt: now,
		Profile: game.Profile{
			Username: "p-" + id[9:], DisplayName: "A player", Status: game.PlayerActive,
			Identities: map[string]string{"steam": id}, Attributes: game.Attributes{},
		},
	}
}

func newKey() game.Key {
	return game.Key{
		ID: game.KeyID(newID()), Project: project, Name: "A key", Scope: game.ScopeServer, Hash: "hash", Version: 1,
		CreatedAt: newPlayer().CreatedAt,
	}
}

// faulty returns a store that uses a proxy, and another that uses the same database directly.
func faulty(t *testing.T) (p *proxy, s, other *mongostore.Store) {
	t.Helper()
	url := mongotest.Database(t)
	p = newProxy(t, url)
	return p, openTest(t, p.url, mongostore.Options{}), openTest(t, url, mongostore.Options{})
}

// lostReplies returns the faults after which a write must still be made exactly once.
func lostReplies() map[string][]fault {
	return map[string][]fault{
		"request lost":       {loseRequest},
		"answer lost":        {loseReply},
		"answer denied":      {failReply},
		"lost and denied":    {loseRequest, failReply, failReply},
		"again and again":    {failReply, loseRequest, failReply, loseReply},
		"denied and lost":    {failReply, loseReply},
		"denied three times": {failReply, failReply, failReply},
	}
}

func TestWritesWithLostRepliesAreMadeOnce(t *testing.T) {
	t.Parallel()
	for name, faults := range lostReplies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s, other := faulty(t)
			player := newPlayer()
			p.faults("insert", "players", nil, faults...)
			must(t, s.CreatePlayer(t.Context(), player))
			wantPlayer(t, other, player)

			next := player
			next.Version, next.Username = 2, "renamed"
			p.faults("update", "players", nil, faults...)
			must(t, s.ReplacePlayer(t.Context(), player, next))
			wantPlayer(t, other, next)

			p.faults("delete", "players", nil, faults...)
			must(t, s.DeletePlayer(t.Context(), next))
			_, err := other.Player(t.Context(), project, player.ID)
			wantError(t, err, game.ErrPlayerNotFound)

			claim := game.Claim{
				Key: newID(), Fingerprint: "print", DocumentID: newID(), ExpiresAt: player.CreatedAt.Add(time.Hour),
			}
			p.faults("insert", "idempotency", nil, faults...)
			held, err := s.Claim(t.Context(), claim, player.CreatedAt)
			must(t, err)
			if held != claim {
				t.Errorf("got claim %+v, want %+v", held, claim)
			}
			p.faults("delete", "idempotency", nil, faults...)
			_, err = s.PurgeClaims(t.Context(), claim.ExpiresAt, 10)
			must(t, err)

			key := newKey()
			p.faults("insert", "api_keys", nil, faults...)
			must(t, s.CreateKey(t.Context(), key))
			used := key
			used.Version, used.LastUsedAt = 2, &key.CreatedAt
			p.faults("update", "api_keys", nil, faults...)
			must(t, s.ReplaceKey(t.Context(), key, used))
			p.faults("delete", "api_keys", nil, faults...)
			must(t, s.DeleteKey(t.Context(), used))

			signing := game.SigningKey{ID: newID(), CreatedAt: key.CreatedAt, ExpiresAt: key.CreatedAt}
			p.faults("insert", "signing_keys", nil, faults...)
			must(t, s.CreateSigningKey(t.Context(), signing))
			p.faults("delete", "signing_keys", nil, faults...)
			must(t, s.DeleteSigningKey(t.Context(), signing.ID))

			sample := game.MetricsSample{At: player.CreatedAt, Replica: "a", ExpiresAt: player.CreatedAt.Add(time.Hour)}
			p.faults("insert", "metrics", nil, faults...)
			must(t, s.AppendMetrics(t.Context(), sample))

			renewals := newLeases(3)
			p.faults("update", "leases", nil, faults...)
			renewed, err := s.RenewLeases(t.Context(), renewals)
			must(t, err)
			if !slices.Equal(renewed, []bool{true, true, true}) {
				t.Errorf("renewed %v", renewed)
			}
			closed := renewals[0]
			closed.State = game.LeaseExpired
			p.faults("update", "leases", nil, faults...)
			must(t, s.ReplaceLease(t.Context(), renewals[0], closed))
			wantLeases(t, other, closed, renewals[1], renewals[2])
			p.faults("update", "leases", nil, faults...)
			renewed, err = s.RenewLeases(t.Context(), renewals)
			must(t, err)
			if !slices.Equal(renewed, []bool{false, true, true}) {
				t.Errorf("renewed %v, the first of which is closed", renewed)
			}
			p.faults("delete", "leases", nil, faults...)
			must(t, s.DeleteLease(t.Context(), closed))
			wantLeases(t, other, renewals[1], renewals[2])

			session, purged := newSession(), newSession()
			purged.Status, purged.EndedAt = game.StatusEnded, &purged.CreatedAt
			must(t, s.CreateSession(t.Context(), session))
			must(t, s.CreateSession(t.Context(), purged, sessionCreated(purged)))
			p.faults("delete", "sessions", nil, faults...)
			must(t, s.DeleteSession(t.Context(), session))
			p.faults("delete", "sessions", nil, faults...)
			_, err = s.PurgeSessions(t.Context(), purged.CreatedAt.Add(time.Hour), 10)
			must(t, err)
			for _, v := range []game.Session{session, purged} {
				_, err := other.Session(t.Context(), project, v.ID)
				wantError(t, err, game.ErrSessionNotFound)
			}
			events, err := other.Timeline(t.Context(), game.TimelineQuery{
				Project: project, Subject: game.Subject{Kind: game.SubjectSession, ID: string(purged.ID)}, Limit: 10,
			})
			must(t, err)
			if len(events) != 1 {
				t.Errorf("%d events of the session that was purged are left", len(events))
			}

			lease := game.TaskLease{Name: "work", Holder: "a", Generation: 1, Until: sample.ExpiresAt}
			p.faults("insert", "tasks", nil, faults...)
			must(t, s.PutTaskLease(t.Context(), game.TaskLease{Name: "work"}, lease))
			p.faults("update", "tasks", nil, faults...)
			must(t, s.PutTaskLease(t.Context(), lease, lease.GiveBack(player.CreatedAt)))
		})
	}
}

// TestWritesBeforeOthers lets another process write before the first gets the reply to its write.
func TestWritesBeforeOthers(t *testing.T) {
	t.Parallel()
	p, s, other := faulty(t)
	rename := func(old game.Player, name string) game.Player {
		old.Version, old.DisplayName = old.Version+1, name
		return old
	}
	player := newPlayer()
	must(t, s.CreatePlayer(t.Context(), player))

	// The write was made, and three others after it.
	mine := rename(player, "mine")
	last := mine
	p.faults("update", "players", func() {
		for i := range 3 {
			next := rename(last, fmt.Sprint("theirs ", i))
			must(t, other.ReplacePlayer(t.Context(), last, next))
			last = next
		}
	}, loseReply)
	must(t, s.ReplacePlayer(t.Context(), player, mine))
	p.settled()
	wantPlayer(t, other, last)

	// The write was not made, and another was.
	player, mine = last, rename(last, "mine")
	theirs := rename(player, "theirs")
	p.faults("update", "players", func() { must(t, other.ReplacePlayer(t.Context(), player, theirs)) }, loseRequest)
	wantError(t, s.ReplacePlayer(t.Context(), player, mine), game.ErrStale)
	wantPlayer(t, other, theirs)

	// A player that was created and renamed must not be created again.
	born := newPlayer()
	p.faults("insert", "players", func() {
		must(t, other.ReplacePlayer(t.Context(), born, rename(born, "theirs")))
	}, loseReply)
	must(t, s.CreatePlayer(t.Context(), born))
	wantPlayer(t, other, rename(born, "theirs"))

	// A username was free, and another player has taken it.
	late, thief := newPlayer(), newPlayer()
	thief.Username = late.Username
	p.faults("insert", "players", func() { must(t, other.CreatePlayer(t.Context(), thief)) }, loseRequest)
	wantError(t, s.CreatePlayer(t.Context(), late), game.ErrUsernameTaken)
	_, err := other.Player(t.Context(), project, late.ID)
	wantError(t, err, game.ErrPlayerNotFound)
}

// TestOutcomes checks the outcome that an error states when the deadline passes first.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	p, s, other := faulty(t)
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	player := newPlayer()
	p.faults("insert", "players", nil, hold)
	wantOutcome(t, s.CreatePlayer(soon(), player), game.OutcomeUnknown)
	wantPlayer(t, other, player)

	// The document has had more writes than it remembers.
	last := player
	last.Version++
	p.faults("update", "players", func() {
		for range mongostore.HistorySize {
			next := last
			next.Version++
			must(t, other.ReplacePlayer(t.Context(), last, next))
			last = next
		}
	}, loseReply)
	next := player
	next.Version++
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	wantOutcome(t, s.ReplacePlayer(ctx, player, next), game.OutcomeUnknown)
	p.settled()

	// A delete was made. It must not seem unmade because the document could not be read.
	doomed := newPlayer()
	must(t, s.CreatePlayer(t.Context(), doomed))
	p.faultsOf(map[string]fault{"find players": hold})
	p.faults("delete", "players", func() { p.faultsOf(map[string]fault{"find players": hold}) }, loseReply)
	ctx, cancel = context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	wantOutcome(t, s.DeletePlayer(ctx, doomed), game.OutcomeUnknown)
	_, err := other.Player(t.Context(), project, doomed.ID)
	wantError(t, err, game.ErrPlayerNotFound)

	// A claim is not stored if the existing one cannot be read.
	claim := game.Claim{
		Key: newID(), Fingerprint: "print", DocumentID: newID(), ExpiresAt: last.CreatedAt.Add(time.Hour),
	}
	_, err = other.Claim(t.Context(), claim, last.CreatedAt)
	must(t, err)
	for _, f := range []fault{failReply, hold} {
		p.faultsOf(map[string]fault{"find idempotency": f})
		_, err = s.Claim(soon(), claim, last.CreatedAt)
		wantOutcome(t, err, game.OutcomeNone)
	}

	// A call that gets no connection has sent nothing.
	alone := openTest(t, withOption(t, p.url, "maxPoolSize", "1"), mongostore.Options{})
	p.faults("find", "players", nil, hold)
	var cancelRead context.CancelFunc
	reading, cancelRead := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := alone.Player(reading, project, player.ID)
		ended <- err
	}()
	eventually(t, func() bool { return alone.Pool().InUse == 1 })
	wantOutcome(t, alone.CreatePlayer(soon(), newPlayer()), game.OutcomeNone)
	cancelRead()
	wantError(t, <-ended, game.ErrStoreUnavailable)
}

func wantPlayer(t *testing.T, s game.Store, wanted game.Player) {
	t.Helper()
	got, err := s.Player(t.Context(), project, wanted.ID)
	must(t, err)
	if got.Version != wanted.Version || got.DisplayName != wanted.DisplayName || got.Username != wanted.Username {
		t.Errorf("got player %+v, want %+v", got, wanted)
	}
}

func wantError(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got error %v, want %v", err, target)
	}
}

func wantOutcome(t *testing.T, err error, outcome string) {
	t.Helper()
	e := (*game.Error)(nil)
	if !errors.As(err, &e) || e.Code != game.ErrStoreUnavailable.Code || e.Extras["outcome"] != outcome {
		t.Errorf("got error %v, want one with outcome %s", err, outcome)
	}
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the condition was not met in time")
		}
	}
}
