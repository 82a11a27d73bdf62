package game_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// inspect returns the findings of an inspection, one on each line.
func (p process) inspect(tb testing.TB, repair bool) []string {
	tb.Helper()
	lines := []string{}
	i := game.Inspection{
		Deps:   game.Deps{Store: p.store, Now: p.clock.Now, NewID: func() string { return "" }, MaxRequest: maxRequest},
		Repair: repair,
		Tell: func(f game.Finding) {
			line := fmt.Sprint(f.Collection, " ", f.ID, " ", f.Problem)
			if f.Repaired {
				line += " (repaired)"
			}
			lines = append(lines, line)
		},
	}
	ok(tb, i.Run(p.ctx))
	return lines
}

// wantFindings reports findings that are not those wanted, each by its beginning.
func wantFindings(tb testing.TB, got []string, want ...string) {
	tb.Helper()
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		tb.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What the rules make is sound, at every step of an erasure too.
func TestInspectionOfWhatIsSound(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	wantFindings(t, p.inspect(t, true))
	a, b := p.register(t, p.ctx, "alice"), p.register(t, p.ctx, "bob")
	p.register(t, as(t.Context(), "q"), "alice")
	live, over := p.open(t, 2, a.ID), p.open(t, 2, a.ID)
	p.join(t, live.ID, b.ID)
	known := game.JoinRequest{PlayerID: b.ID, Attributes: game.Attributes{"town": game.StringValue("Ulm")}}
	_, _, err := p.sessions.Join(p.ctx, over.ID, nil, known)
	ok(t, err)
	for _, m := range []game.Move{
		{Status: game.StatusInProgress}, {Status: game.StatusEnded, Result: `{"winner":"bob"}`},
	} {
		_, err = p.sessions.Move(p.ctx, over.ID, nil, m)
		ok(t, err)
	}
	_, err = p.players.Create(p.ctx, game.Profile{Username: "carol"}, game.Idempotency{Key: "k"})
	ok(t, err)
	wantFindings(t, p.inspect(t, true))

	ok(t, p.players.Erase(p.ctx, b.ID, nil))
	for range 4 {
		wantFindings(t, p.inspect(t, true))
		p.clock.add(maxRequest * 2)
		ok(t, p.players.Tend(p.ctx))
	}
	p.clock.add(2 * game.IdempotencyTTL)
	ok(t, p.players.Tend(p.ctx))
	wantFindings(t, p.inspect(t, true))
}

// Players that do not exist are removed, and a session without its host gets another.
func TestInspectionRepairs(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	a, b := p.register(t, p.ctx, "alice"), p.register(t, p.ctx, "bob")
	hosted, joined, over, lost := p.open(t, 3, a.ID), p.open(t, 3, b.ID), p.open(t, 3, b.ID), p.open(t, 3, b.ID)
	none := p.open(t, 3, b.ID)
	p.join(t, hosted.ID, b.ID)
	p.join(t, joined.ID, a.ID)
	_, _, err := p.sessions.Join(
		p.ctx, over.ID, nil,
		game.JoinRequest{PlayerID: a.ID, Attributes: game.Attributes{"town": game.StringValue("Ulm")}},
	)
	ok(t, err)
	_, err = p.sessions.Move(p.ctx, over.ID, nil, game.Move{Status: game.StatusCancelled})
	ok(t, err)
	ok(t, p.store.DeletePlayer(p.ctx, a)) // without an erasure
	next := lost
	next.HostID = new(player(999))
	ok(t, p.store.ReplaceSession(p.ctx, lost, next))
	next = none
	next.HostID = nil
	ok(t, p.store.ReplaceSession(p.ctx, none, next))

	stranger := " who do not exist: " + string(a.ID)
	want := []string{
		"sessions " + string(hosted.ID) + " has members" + stranger,
		"sessions " + string(joined.ID) + " has members" + stranger,
		"sessions " + string(over.ID) + " has attributes of players" + stranger,
		"sessions " + string(lost.ID) + " has a host who is not a member",
		"sessions " + string(none.ID) + " has a joined member, but no host that has joined",
	}
	wantFindings(t, p.inspect(t, false), want...)
	for i := range want {
		want[i] += " (repaired)"
	}
	wantFindings(t, p.inspect(t, true), want...)
	wantFindings(t, p.inspect(t, true))

	got, err := p.sessions.Get(p.ctx, hosted.ID)
	ok(t, err)
	if len(got.Members) != 1 || got.HostID == nil || *got.HostID != b.ID {
		t.Errorf("not handed over: %+v", got)
	}
	got, err = p.sessions.Get(p.ctx, none.ID)
	if ok(t, err); got.HostID == nil || *got.HostID != b.ID {
		t.Errorf("the host is %v", got.HostID)
	}
	got, err = p.sessions.Get(p.ctx, over.ID)
	ok(t, err)
	if len(got.Members) != 2 || len(got.Members[1].Attributes) != 0 {
		t.Errorf("the record is not as it should be: %+v", got)
	}
}

// What cannot be repaired is reported, without personal data.
func TestInspectionTells(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	const secret = "Zaphod"
	bad := p.register(t, p.ctx, "alice")
	next := bad
	next.Username, next.Status = secret+" ", "asleep"
	next.Identities = map[string]string{secret: ""}
	next.Attributes = game.Attributes{secret: game.StringValue("\x00" + secret), "a b": game.BoolValue(true)}
	ok(t, p.store.ReplacePlayer(p.ctx, bad, next))
	zero := p.register(t, p.ctx, "nought")
	next = zero
	next.Version = 0
	ok(t, p.store.ReplacePlayer(p.ctx, zero, next))
	mark := p.register(t, p.ctx, "gone")
	next = mark
	next.ErasingSince = new(t0)
	ok(t, p.store.ReplacePlayer(p.ctx, mark, next))

	v := p.open(t, 2, "")
	full := v
	full.MinPlayers, full.Visibility, full.Teams = 9, "", map[string]int{"red": 1}
	full.EndReason, full.EndedAt, full.Result = game.ReasonCompleted, new(t0), `{}`
	other := p.register(t, p.ctx, "bob")
	for i := range 3 {
		full.Members = append(full.Members, game.Member{
			PlayerID: other.ID, Status: "asleep",
			MemberSettings: game.MemberSettings{Team: []string{"red", "red", secret}[i]},
		})
	}
	ok(t, p.store.ReplaceSession(p.ctx, v, full))
	_, err := p.store.Claim(p.ctx, game.Claim{Key: "k", ExpiresAt: t0.AddDate(9, 0, 0)}, t0)
	ok(t, err)

	p.clock.add(48 * time.Hour)
	for _, repair := range []bool{false, true} {
		lines := p.inspect(t, repair)
		wantFindings(t, lines,
			"players "+string(bad.ID)+" breaks the rules: attributes keys must have 1 to 64 characters of A-Z a-z "+
				"0-9 _ -; "+
				"attributes must be valid UTF-8 without U+0000; identities must have 1 to 255 bytes and no control "+
				"characters; status must be one of [active suspended]; username must have",
			"players "+string(zero.ID)+" breaks the rules: version must be 1 or more",
			"players "+string(mark.ID)+" breaks the rules: erasing_since is set, but personal data is left",
			"players "+string(mark.ID)+" is the mark of an erasure that is overdue",
			"sessions "+string(v.ID)+" breaks the rules: end_reason must be set if and only if the session has "+
				"ended; ended_at must be set if and only if the session has ended; "+
				"members are in an unknown team; members exceed the seats of their team; members have an unknown "+
				"status; "+
				"members hold 3 seats of 2; members must hold one seat each; min_players must be 0 to max_players; "+
				"result is allowed with status ended only; visibility is missing",
			"idempotency k breaks the rules: expires_at is later than it can be; key fingerprint and document must "+
				"be set",
		)
		if all := strings.Join(lines, "\n"); strings.Contains(all, secret) || strings.Contains(all, "a b") {
			t.Errorf("tells too much:\n%s", all)
		}
	}
}

// A live session with heartbeats and without a lease would never end. Leases without a session are removed in time.
func TestInspectionOfLeases(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	lost, kept, never, over := p.open(t, 2, ""), p.open(t, 2, ""), p.open(t, 2, ""), p.open(t, 2, "")
	for _, v := range []game.Session{lost, kept, over} {
		next := v
		next.Leased = true
		ok(t, p.store.ReplaceSession(p.ctx, v, next))
	}
	_, err := p.sessions.Move(p.ctx, over.ID, nil, game.Move{Status: game.StatusCancelled})
	ok(t, err)
	lease := func(id game.SessionID) game.Lease {
		return game.Lease{Project: kept.Project, Session: id, State: game.LeaseLive, Fence: 1, BeatAt: t0, DueAt: t0}
	}
	broken, member := lease("nowhere"), lease(lost.ID)
	broken.State, broken.Fence = "asleep", 0
	member.Player = player(999)
	_, err = p.store.RenewLeases(p.ctx, []game.Lease{lease(kept.ID), lease("gone"), broken, member})
	ok(t, err)
	rules := "leases nowhere breaks the rules: fence must be at least 1; state must be one of [live stale expired]"
	missing := "sessions " + string(lost.ID) + " has had heartbeats, but has no lease and never expires"
	wantFindings(t, p.inspect(t, false), rules, missing)
	wantFindings(t, p.inspect(t, true), rules, missing+" (repaired)")
	wantFindings(t, p.inspect(t, true), rules)
	found, err := p.store.Leases(p.ctx, []game.LeaseID{
		game.LeaseIDOf(lost.ID, ""), game.LeaseIDOf(never.ID, ""), game.LeaseIDOf(over.ID, ""),
	})
	ok(t, err)
	want := lease(lost.ID)
	want.BeatAt, want.DueAt = p.clock.Now(), p.clock.Now()
	if !slices.Equal(found, []game.Lease{want}) {
		t.Errorf("the leases are %+v, want %+v", found, want)
	}
}

// twins is a store in which names are not unique.
type twins struct {
	game.Store
	players []game.Player
}

func TestInspectionFindsTwins(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	a, b := p.register(t, p.ctx, "alice"), p.register(t, p.ctx, "bob")
	c := p.register(t, as(t.Context(), "q"), "ALICE")
	a.Identities = map[string]string{"steam": "1", "epic": "2"}
	b.Username, b.Identities = "Alice", map[string]string{"steam": "1"}
	c.Identities = a.Identities
	p.store = &twins{p.store, []game.Player{a, b, c}}
	wantFindings(
		t, p.inspect(t, true), "players "+string(b.ID)+" has the same username, identity as player "+string(a.ID),
	)
}

func (s *twins) ExportPlayers(_ context.Context, after game.PlayerID, _ int) ([]game.Player, error) {
	if after != "" {
		return []game.Player{}, nil
	}
	return s.players, nil
}

func (s *twins) Player(_ context.Context, project game.ProjectID, id game.PlayerID) (game.Player, error) {
	for _, p := range s.players {
		if p.Project == project && p.ID == id {
			return p, nil
		}
	}
	return game.Player{}, game.PlayerNotFound(id)
}

// signingKey is that of RFC 8037, appendix A, with its thumbprint there.
func signingKey() game.SigningKey {
	return game.SigningKey{
		ID: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", PublicKey: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
		Sealed:    "c2VhbGVk",
		CreatedAt: t0, ExpiresAt: later(60),
	}
}

func TestInspectionOfKeys(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	_, secret := p.issue(t, nil)
	used, _ := p.issue(t, new(later(60)))
	ok(t, p.keys().Used(t.Context(), used))
	_, err := p.keys().Revoke(p.ctx, used.ID)
	ok(t, err)
	_, _, err = p.keys().Rotate(p.ctx, secret.ID, time.Minute)
	ok(t, err)
	ok(t, p.store.CreateSigningKey(p.ctx, signingKey()))
	p.clock.add(time.Hour)
	wantFindings(t, p.inspect(t, true))

	const private = "Zaphod"
	good := game.Key{
		ID: "good", Project: "p", Name: "a key", Scope: game.ScopeRead, Hash: used.Hash, Version: 1, CreatedAt: t0,
	}
	for id, spoil := range map[game.KeyID]func(*game.Key){
		"a1": func(k *game.Key) { k.Project = "P 1" },
		"a2": func(k *game.Key) { k.Scope = game.ScopePlayer },
		"a3": func(k *game.Key) { k.Hash = private },
		"a4": func(k *game.Key) { k.Version = 0 },
		"a5": func(k *game.Key) { k.Name = private + "\n" },
		"A6": func(k *game.Key) { k.CreatedAt = time.Time{} },
	} {
		k := good
		k.ID = id
		spoil(&k)
		ok(t, p.store.CreateKey(p.ctx, k))
	}
	for id, spoil := range map[string]func(*game.SigningKey){
		"b1": func(*game.SigningKey) {},
		"b2": func(k *game.SigningKey) { k.PublicKey, k.Sealed, k.ExpiresAt = private, "", t0 },
	} {
		k := signingKey()
		k.ID = id
		spoil(&k)
		ok(t, p.store.CreateSigningKey(p.ctx, k))
	}
	for _, repair := range []bool{false, true} {
		lines := p.inspect(t, repair)
		wantFindings(t, lines,
			"api_keys A6 breaks the rules: created_at is missing; id must have 1 to 32 characters of a-z 0-9",
			"api_keys a1 breaks the rules: project must have 1 to 64 characters of a-z 0-9 -",
			"api_keys a2 breaks the rules: scope must be one of [admin server read]",
			"api_keys a3 breaks the rules: hash must be a SHA-256 in base64url",
			"api_keys a4 breaks the rules: version must be 1 or more",
			"api_keys a5 breaks the rules: name must not contain control characters",
			"signing_keys b1 breaks the rules: id must be the thumbprint of public_key",
			"signing_keys b2 breaks the rules: expires_at must be later than created_at; id must be the thumbprint "+
				"of public_key; "+
				"public_key must be an Ed25519 key in base64url; sealed is missing",
		)
		if all := strings.Join(lines, "\n"); strings.Contains(all, private) || strings.Contains(all, used.Hash) {
			t.Errorf("tells too much:\n%s", all)
		}
	}
}

// Each damage of the events is found.
func TestInspectionOfEvents(t *testing.T) {
	t.Parallel()
	subject := game.Subject{Kind: game.SubjectSession, ID: "0198f0e2-0000-7000-8000-000000000001"}
	event := func(version, seq int64) game.Event {
		return game.Event{
			Project: "q", Subject: subject, Version: version, Seq: seq, At: t0,
			Actor:   game.Actor{Kind: game.ActorSystem, ID: "x"},
			Changes: game.Changes{game.SessionCreated{Status: "open"}},
		}
	}
	bare := event(1, 1)
	bare.Changes, bare.Actor, bare.Subject.Kind = game.Changes{}, game.Actor{Kind: "x"}, "x"
	for name, tt := range map[string]struct {
		events []game.Event
		want   []string
	}{
		"begins late": {[]game.Event{event(4, 70), event(5, 71)}, nil},
		"a version is missing": {
			[]game.Event{event(1, 1), event(2, 2), event(4, 3)},
			[]string{"events session/0198f0e2-0000-7000-8000-000000000001/000000000000004 comes after version 2: the " +
				"events between are missing"},
		},
		"places are missing": {
			[]game.Event{event(1, 1), event(2, 4), event(3, 5)},
			[]string{"events  have none at the places 2 to 3 of the feed of project q"},
		},
		"nothing in it": {
			[]game.Event{bare}, []string{"events x/0198f0e2-0000-7000-8000-000000000001/000000000000001 "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newWorld(t).start()
			p.register(t, p.ctx, "alice")
			ok(t, p.store.PutEvents(p.ctx, tt.events))
			wantFindings(t, p.inspect(t, false), tt.want...)
		})
	}
}

// Events of a version that the document does not have, and documents without the events of their last versions.
func TestInspectionOfLastEvents(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	a := p.register(t, p.ctx, "alice")
	v := p.open(t, 2, a.ID)
	wantFindings(t, p.inspect(t, false))
	ahead := game.Event{
		Project: "p", Subject: game.Subject{Kind: game.SubjectPlayer, ID: string(a.ID)}, Version: 2, Seq: 3, At: t0,
		Actor: game.Actor{Kind: game.ActorSystem, ID: "x"}, Changes: game.Changes{game.PlayerErased{}},
	}
	ok(t, p.store.PutEvents(p.ctx, []game.Event{ahead}))
	next := v
	next.Version++
	ok(t, p.store.ReplaceSession(p.ctx, v, next))
	wantFindings(t, p.inspect(t, false),
		"events "+ahead.ID()+" is of a version that its document does not have, which is at 1",
		"events "+game.EventID(game.Subject{Kind: game.SubjectSession, ID: string(v.ID)}, 1)+
			" is the last of a document that is at version 2: the events since are missing",
	)
}
