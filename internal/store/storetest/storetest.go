// Package storetest tests the guarantees of [game.Store]. Every engine runs the whole suite on its own stores,
// without exceptions.
//
// What only one engine has, such as locks, migrations and recovery from crashes, is tested by that engine.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"game-session-manager/internal/game"
	"game-session-manager/internal/game/gametest"
)

// project is the project of documents in tests that need only one.
const project = game.DefaultProject

// prompt is the time within which a call must return after its context has ended. It is long, to suit busy machines.
const prompt = 5 * time.Second

// omitted reports whether the i-th of many similar cases is left out: with -short a fifth of them is tried.
func omitted(i int) bool { return testing.Short() && i%5 != 0 }

// check is one test. It gets an empty store that no other test uses.
type check struct {
	name string
	run  func(*testing.T, game.Store)
}

// group is the checks of one kind, with a call of each method and a document of each noun that they are about.
type group struct {
	checks []check
	calls  func(s game.Store) []call // on documents that need not be stored; nil for none
	// fill stores the i-th of various documents, for checks of all nouns; nil for none.
	fill func(ctx context.Context, s game.Store, i int) error
}

// groups returns the suite by its groups.
func groups() map[string]group {
	return map[string]group{
		"Players":     {checks: players(), fill: fillPlayers},
		"Sessions":    {checks: sessions(), fill: fillSessions},
		"Exclusive":   {checks: exclusives(), calls: exclusiveCalls},
		"JoinCodes":   {checks: joinCodes()},
		"Times":       {checks: sessionTimes(), calls: sessionTimeCalls},
		"Leases":      {checks: leases(), calls: leaseCalls, fill: fillLeases},
		"Claims":      {checks: claims(), fill: fillClaims},
		"Keys":        {checks: keys(), calls: keyCalls, fill: fillKeys},
		"SigningKeys": {checks: signingKeys(), fill: fillSigningKeys},
		"Webhooks":    {checks: webhooks(), calls: webhookCalls, fill: fillWebhooks},
		"Deliveries":  {checks: deliveries(), calls: deliveryCalls, fill: fillDeliveries},
		"Metrics":     {checks: metrics(), fill: fillSamples},
		"Tasks":       {checks: tasks(), calls: taskCalls},
		"Lists":       {checks: lists()},
		"Search":      {checks: search(), calls: searchCalls},
		"Suspensions": {checks: suspensions()},
		"Events":      {checks: events(), calls: departureCalls},
		"Export":      {checks: exports()},
		"Refusals":    {checks: refusals()},
		"Values":      {checks: values()},
		"Concurrency": {checks: concurrency()},
		"Lifecycle":   {checks: lifecycle()},
		"Model":       {checks: model()},
	}
}

// Run runs the suite. open returns an empty store, and registers a cleanup that closes and removes it.
func Run(t *testing.T, open func(t *testing.T) game.Store) {
	for name, g := range groups() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range g.checks {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, open(t))
				})
			}
		})
	}
}

// Fill stores documents of every noun, n players and fewer of the others. Some have expired.
func Fill(tb testing.TB, s game.Store, n int) {
	tb.Helper()
	const writers = 64 // share the commits of groups
	for name, g := range groups() {
		if g.fill == nil {
			continue
		}
		for _, err := range together(writers, func(w int) error {
			for i := w; i < n; i += writers {
				if err := g.fill(tb.Context(), s, i); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		}) {
			must(tb, err)
		}
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// now returns the time in UTC, truncated to milliseconds, which every engine preserves.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// later returns a time after t with other milliseconds.
func later(t time.Time) *time.Time {
	l := t.Add(3661*time.Second + 7*time.Millisecond)
	return &l
}

// newPlayer returns a player with every field set and names that no other player has.
func newPlayer() game.Player {
	at, id := now(), newID()
	return filled(game.Player{
		ID: game.PlayerID(id), Project: project, Version: 1, CreatedAt: at, UpdatedAt: *later(at),
		ErasingSince: later(*later(at)), SweepSince: later(at),
		Profile: game.Profile{
			Username:         "Player-" + id[14:],
			DisplayName:      "Zoë the 2nd",
			Identities:       map[string]string{"steam": id, "epic": "x-" + id},
			Attributes:       newAttributes(),
			Status:           game.PlayerSuspended,
			SuspendedUntil:   later(at),
			SuspensionReason: "said things",
		},
	})
}

// filled returns the document with a value for each field that is zero.
func filled[D any](d D) D {
	gametest.Fill(&d)
	return d
}

// activePlayer returns a player that is neither suspended nor being erased.
func activePlayer() game.Player {
	p := newPlayer()
	p.ErasingSince, p.SweepSince = nil, nil
	p.SuspendedUntil, p.SuspensionReason, p.Status = nil, "", game.PlayerActive
	return p
}

// newSession returns a session with every field set.
func newSession() game.Session {
	at, host := now(), game.PlayerID(newID())
	return filled(game.Session{
		ID: game.SessionID(newID()), Project: project, Version: 1, CreatedAt: at, UpdatedAt: *later(at),
		Settings: game.Settings{
			Name: "Friday night", Mode: "ranked", Map: "dust", Region: "eu-west", Visibility: game.VisibilityPrivate,
			Locked: true, JoinInProgress: true, AllowRematch: true, MaxPlayers: 10, MinPlayers: 2,
			Teams: map[string]int{"red": 5, "blue": 4}, Attributes: newAttributes(),
		},
		Status: game.StatusEnded, EndReason: game.ReasonCompleted, HostID: &host, Hosted: true,
		Members: []game.Member{
			{PlayerID: host, Status: game.SeatJoined, JoinedAt: at, MemberSettings: inTeam("red")},
			{
				PlayerID: game.PlayerID(newID()), Status: game.SeatDisconnected, JoinedAt: *later(at),
				MemberSettings: inTeam("blue"),
			},
		},
		Connection: &game.Connection{Address: "203.0.113.7", Port: 27015, Protocol: "udp"},
		Result:     `{"score":{"blue":1,"red":2.5},"winner":"red"}`,
		StartedAt:  later(at), EndedAt: later(*later(at)),
		JoinCode: &game.JoinCode{Code: newID(), ExpiresAt: later(at), MaxUses: new(9), Uses: 3}, // longer, to be unique
	})
}

// openSession returns an open session without members and bans.
func openSession(seats int) game.Session {
	v := newSession()
	v.Status, v.EndReason, v.Result, v.StartedAt, v.EndedAt = game.StatusOpen, "", "", nil, nil
	v.HostID, v.Members, v.Locked, v.MaxPlayers, v.Teams = nil, []game.Member{}, false, seats, map[string]int{}
	v.Visibility, v.HostLostAt, v.EmptySince, v.Exclusive = game.VisibilityPublic, nil, nil, false
	v.Bans = []game.Ban{}
	v.WaitList = []game.Waiter{}
	return v
}

func newAttributes() game.Attributes {
	return game.Attributes{
		"mmr": game.NumberValue(1200.5), "country": game.StringValue("nl"), "pro": game.BoolValue(true),
	}
}

func inTeam(name string) game.MemberSettings {
	return game.MemberSettings{Team: name, Attributes: newAttributes()}
}

func newMember() game.Member {
	return game.Member{
		PlayerID: game.PlayerID(newID()), Status: game.SeatJoined, JoinedAt: now(),
		MemberSettings: game.MemberSettings{Attributes: game.Attributes{}},
	}
}

func newWaiter() game.Waiter {
	return game.Waiter{
		PlayerID: game.PlayerID(newID()), Team: "red", Attributes: newAttributes(), Since: now(),
	}
}

// reporter is the common part of [testing.T] and rapid's T.
type reporter interface {
	Helper()
	Fatal(args ...any)
	Errorf(format string, args ...any)
}

// must ends the test unless err is nil.
func must(tb reporter, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// wantError checks that err is the target.
func wantError(tb reporter, err, target error) {
	tb.Helper()
	if !errors.Is(err, target) {
		tb.Errorf("got error %v, want %v", err, target)
	}
}

// want compares documents. Nil and empty values differ, because engines must return empty ones.
func want(tb reporter, got, wanted any) {
	tb.Helper()
	if reflect.DeepEqual(got, wanted) { // most are, and this is the cheapest way to see it
		return
	}
	equalValues := cmp.Comparer(func(a, b game.Value) bool { return a == b })
	if d := cmp.Diff(wanted, got, equalValues); d != "" {
		tb.Errorf("-want +got\n%s", d)
	}
}

// wantPlayer checks the stored player.
func wantPlayer(t *testing.T, s game.Store, wanted game.Player) {
	t.Helper()
	got, err := s.Player(t.Context(), wanted.Project, wanted.ID)
	must(t, err)
	want(t, got, wanted)
}

// wantSession checks the stored session.
func wantSession(t *testing.T, s game.Store, wanted game.Session) {
	t.Helper()
	got, err := s.Session(t.Context(), wanted.Project, wanted.ID)
	must(t, err)
	want(t, got, wanted)
}

// together calls the function n times concurrently and returns the errors.
func together(n int, call func(i int) error) []error {
	results := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			results[i] = call(i)
		})
	}
	close(start)
	wg.Wait()
	return results
}

// zeroFields returns the paths of exported fields, at any depth, that are zero, which a fixture should have set.
func zeroFields(v reflect.Value, path string) []string {
	if v.IsZero() {
		return []string{path}
	}
	var zero []string
	switch v.Kind() { //nolint:exhaustive // the other kinds have nothing inside
	case reflect.Pointer:
		return zeroFields(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				zero = append(zero, zeroFields(v.Field(i), path+"."+f.Name)...)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			zero = append(zero, zeroFields(v.Index(i), path+"[]")...)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			zero = append(zero, zeroFields(v.MapIndex(k), path+"["+k.String()+"]")...)
		}
	}
	return zero
}
