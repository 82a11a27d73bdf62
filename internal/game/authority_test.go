package game_test

import (
	"context"
	"testing"

	"game-session-manager/internal/game"
)

// scene is a session with a host and a member, another player, and what each caller may try on them.
type scene struct {
	process
	host, member, other game.PlayerID
	room                game.SessionID
}

func (s *scene) set(t *testing.T, p process, name string) {
	t.Helper()
	*s = scene{process: p}
	s.host, s.member, s.other = p.register(t, p.ctx, name+".host").ID, p.register(t, p.ctx, name+".member").ID,
		p.register(t, p.ctx, name+".other").ID
	v := p.open(t, 3, s.host)
	s.room = p.join(t, v.ID, s.member).ID
}

// callers are everybody there is, in the project of the scene.
func (s *scene) callers() map[string]game.Caller {
	as := func(scope game.Scope, p game.PlayerID) game.Caller {
		return game.Caller{Project: "p", Scope: scope, Name: "test", Player: p}
	}
	return map[string]game.Caller{
		"nobody": {Project: "p"}, "unknown": as("root", ""), "read": as(game.ScopeRead, ""),
		"server": as(game.ScopeServer, ""), "admin": as(game.ScopeAdmin, ""),
		"host": as(game.ScopePlayer, s.host), "member": as(game.ScopePlayer, s.member),
		"other": as(game.ScopePlayer, s.other),
	}
}

// Each operation is tried by every caller. Who is not named is rejected, by ErrNotHost where the operation is the
// host's.
func TestAuthority(t *testing.T) {
	t.Parallel()
	everybody := []string{"read", "server", "admin", "host", "member", "other"}
	servers := []string{"server", "admin"}
	hosts := append([]string{"host"}, servers...)
	for name, test := range map[string]struct {
		may []string
		do  func(context.Context, *scene) error
	}{
		"register a player": {servers, func(ctx context.Context, s *scene) error {
			_, err := s.players.Create(ctx, game.Profile{Username: "newcomer"}, game.Idempotency{})
			return err
		}},
		"read a player": {everybody, func(ctx context.Context, s *scene) error {
			_, err := s.players.Get(ctx, s.member)
			return err
		}},
		"list players": {everybody, func(ctx context.Context, s *scene) error {
			_, err := s.players.List(ctx, game.PlayerQuery{}, "", 0)
			return err
		}},
		"list suspended players": {append([]string{"read"}, servers...), func(ctx context.Context, s *scene) error {
			suspended := game.Where{game.Is(game.FieldStatus, game.PlayerSuspended)}
			_, err := s.players.List(ctx, game.PlayerQuery{Where: suspended}, "", 0)
			return err
		}},
		"rename the member": {append([]string{"member"}, servers...), func(ctx context.Context, s *scene) error {
			_, err := s.players.Edit(ctx, s.member, nil, named("another"))
			return err
		}},
		"suspend the member": {servers, func(ctx context.Context, s *scene) error {
			_, err := s.players.Edit(ctx, s.member, nil, func(f game.Profile) (game.Profile, error) {
				f.Status = game.PlayerSuspended
				return f, nil
			})
			return err
		}},
		"change the member's attributes": {servers, func(ctx context.Context, s *scene) error {
			_, err := s.players.Edit(ctx, s.member, nil, func(f game.Profile) (game.Profile, error) {
				f.Attributes = game.Attributes{"mmr": game.NumberValue(3000)}
				return f, nil
			})
			return err
		}},
		"change the member's identities": {servers, func(ctx context.Context, s *scene) error {
			_, err := s.players.Edit(ctx, s.member, nil, func(f game.Profile) (game.Profile, error) {
				f.Identities = map[string]string{"steam": "1"}
				return f, nil
			})
			return err
		}},
		"erase the member": {append([]string{"member"}, servers...), func(ctx context.Context, s *scene) error {
			return s.players.Erase(ctx, s.member, nil)
		}},
		"open a session of a server": {servers, func(ctx context.Context, s *scene) error {
			_, err := s.sessions.Create(
				ctx, game.SessionRequest{Settings: game.Settings{MaxPlayers: 2}}, game.Idempotency{},
			)
			return err
		}},
		"open a session of the member": {append(
			[]string{"member"}, servers...,
		), func(ctx context.Context, s *scene) error {
			_, err := s.sessions.Create(
				ctx, game.SessionRequest{Settings: game.Settings{MaxPlayers: 2}, HostID: &s.member}, game.Idempotency{},
			)
			return err
		}},
		"read a session": {everybody, func(ctx context.Context, s *scene) error {
			_, err := s.sessions.Get(ctx, s.room)
			return err
		}},
		"list sessions": {everybody, func(ctx context.Context, s *scene) error {
			_, err := s.sessions.List(ctx, game.SessionQuery{}, "", 0)
			return err
		}},
		"list private sessions": {append([]string{"read"}, servers...), func(ctx context.Context, s *scene) error {
			private := game.Where{game.Is(game.FieldVisibility, game.VisibilityPrivate)}
			_, err := s.sessions.List(ctx, game.SessionQuery{Where: private}, "", 0)
			return err
		}},
		"list the member's private sessions": {append(
			[]string{"read", "member"}, servers...,
		), func(ctx context.Context, s *scene) error {
			own := game.Where{
				game.Is(game.FieldVisibility, game.VisibilityPrivate), game.Is(game.FieldMember, s.member),
			}
			_, err := s.sessions.List(ctx, game.SessionQuery{Where: own}, "", 0)
			return err
		}},
		"open a session of the member in a team": {append(
			[]string{"member"}, servers...,
		), func(ctx context.Context, s *scene) error {
			_, err := s.sessions.Create(ctx, game.SessionRequest{
				Settings: game.Settings{MaxPlayers: 2},
				Host:     &game.JoinRequest{PlayerID: s.member, Attributes: dressed("fox")},
			}, game.Idempotency{})
			return err
		}},
		"change settings": {hosts, func(ctx context.Context, s *scene) error {
			_, err := s.sessions.Edit(ctx, s.room, nil, func(t game.SessionEdit) (game.SessionEdit, error) {
				t.Locked = true
				return t, nil
			})
			return err
		}},
		"start": {hosts, func(ctx context.Context, s *scene) error {
			_, err := s.sessions.Move(ctx, s.room, nil, game.Move{Status: game.StatusInProgress})
			return err
		}},
		"cancel": {hosts, func(ctx context.Context, s *scene) error {
			_, err := s.sessions.Move(ctx, s.room, nil, game.Move{Status: game.StatusCancelled})
			return err
		}},
		"cancel by an admin": {servers, func(ctx context.Context, s *scene) error {
			_, err := s.sessions.Move(
				ctx, s.room, nil, game.Move{Status: game.StatusCancelled, EndReason: game.ReasonCancelledByAdmin},
			)
			return err
		}},
		"the other joins": {append([]string{"other"}, servers...), func(ctx context.Context, s *scene) error {
			_, _, err := s.sessions.Join(ctx, s.room, nil, game.JoinRequest{PlayerID: s.other})
			return err
		}},
		"change the member's place": {append([]string{"member"}, hosts...), func(ctx context.Context, s *scene) error {
			_, err := s.sessions.EditMember(ctx, s.room, nil, s.member, func(
				t game.MemberEdit,
			) (game.MemberEdit, error) {
				t.Attributes = dressed("fox")
				return t, nil
			})
			return err
		}},
		"make the member host": {hosts, func(ctx context.Context, s *scene) error {
			_, err := s.sessions.SetHost(ctx, s.room, nil, s.member)
			return err
		}},
		"the member leaves": {append([]string{"member"}, hosts...), func(ctx context.Context, s *scene) error {
			_, err := s.sessions.Leave(ctx, s.room, nil, s.member)
			return err
		}},
		"read the metrics": {[]string{"admin"}, func(ctx context.Context, s *scene) error {
			_, err := game.NewMetrics(game.Deps{Store: s.store, Now: s.clock.Now}).System(ctx, game.MetricsRange{})
			return err
		}},
		"create a key": {[]string{"admin"}, func(ctx context.Context, s *scene) error {
			_, _, err := game.NewKeys(
				game.Deps{Store: s.store, Now: s.clock.Now},
			).Create(ctx, game.KeyRequest{Name: "k", Scope: game.ScopeRead})
			return err
		}},
		"list keys": {[]string{"admin"}, func(ctx context.Context, s *scene) error {
			_, err := game.NewKeys(game.Deps{Store: s.store, Now: s.clock.Now}).List(ctx, "", 0)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, caller := range []string{"nobody", "unknown", "read", "server", "admin", "host", "member", "other"} {
				var s scene
				s.set(t, newWorld(t).start(), caller)
				allowed := false
				for _, m := range test.may {
					allowed = allowed || m == caller
				}
				err := test.do(game.WithCaller(t.Context(), s.callers()[caller]), &s)
				switch {
				case allowed && err != nil:
					t.Errorf("%s may not: %v", caller, err)
				case !allowed && game.KindOf(err) != game.Forbidden:
					t.Errorf("%s: %v, want a rejection", caller, err)
				}
			}
		})
	}
}

// What players see of others and of sessions that they are not in.
func TestWhatPlayersSee(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	c, err := p.players.Create(p.ctx, game.Profile{
		Username: "Ada", DisplayName: "Ada L.", Identities: map[string]string{"steam": "1"},
		Attributes: game.Attributes{"mmr": game.NumberValue(1)},
		Status:     game.PlayerSuspended, SuspendedUntil: new(later(10)), SuspensionReason: "said things",
	}, game.Idempotency{})
	ok(t, err)
	ada, eve := c.Document, p.register(t, p.ctx, "Eve")
	asEve := game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: game.ScopePlayer, Player: eve.ID})
	asAda := game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: game.ScopePlayer, Player: ada.ID})

	public := ada
	public.Identities, public.Attributes = map[string]string{}, game.Attributes{}
	public.Status, public.SuspendedUntil, public.SuspensionReason = game.PlayerActive, nil, ""
	public.LastSeenAt = nil
	seen, err := p.players.Get(asEve, ada.ID)
	ok(t, err)
	equal(t, public, seen)
	named := game.PlayerQuery{Where: game.Where{game.Prefix(game.FieldUsername, "ada")}}
	listed, err := p.players.List(asEve, named, "", 0)
	ok(t, err)
	equal(t, []game.Player{public}, listed.Items)
	own, err := p.players.Get(asAda, ada.ID)
	ok(t, err)
	equal(t, ada, own)

	open := func(visibility game.Visibility, host *game.PlayerID) game.Session {
		c, err := p.sessions.Create(p.ctx, game.SessionRequest{
			Settings: game.Settings{MaxPlayers: 2, Visibility: visibility}, HostID: host,
			Connection: &game.Connection{Address: "203.0.113.7", Port: 1, Protocol: "udp"},
		}, game.Idempotency{})
		ok(t, err)
		return c.Document
	}
	private, mine, public1 := open(game.VisibilityPrivate, nil), open(game.VisibilityPrivate, &eve.ID),
		open(game.VisibilityPublic, nil)
	found, err := p.sessions.List(asEve, game.SessionQuery{}, "", 0)
	ok(t, err)
	equal(t, []game.SessionID{public1.ID}, ids(found.Items, sessionID))
	if found.Items[0].Connection != nil {
		t.Error("a list shows the connection to a player who is not a member")
	}
	found, err = p.sessions.List(asEve, game.SessionQuery{Where: game.Where{game.Is(game.FieldMember, eve.ID)}}, "", 0)
	ok(t, err)
	equal(t, []game.SessionID{mine.ID}, ids(found.Items, sessionID))
	for id, member := range map[game.SessionID]bool{private.ID: false, public1.ID: false, mine.ID: true} {
		v, err := p.sessions.Get(asEve, id)
		ok(t, err)
		if (v.Connection != nil) != member {
			t.Errorf("a member? %v: the connection is %v", member, v.Connection)
		}
	}
	joined, _, err := p.sessions.Join(asEve, public1.ID, nil, game.JoinRequest{PlayerID: eve.ID})
	ok(t, err)
	if joined.Connection == nil {
		t.Error("a player who joins does not see the connection")
	}
}

func TestHostsCancelAsHosts(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada := p.register(t, p.ctx, "Ada").ID
	asAda := game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: game.ScopePlayer, Player: ada})
	cancel := game.Move{Status: game.StatusCancelled}
	v, err := p.sessions.Move(asAda, p.open(t, 2, ada).ID, nil, cancel)
	ok(t, err)
	equal(t, game.ReasonCancelledByHost, v.EndReason)

	// One that a server has cancelled is in the state that the host asks for.
	v, err = p.sessions.Move(p.ctx, p.open(t, 2, ada).ID, nil, cancel)
	ok(t, err)
	again, err := p.sessions.Move(asAda, v.ID, nil, cancel)
	ok(t, err)
	equal(t, v, again)
	cancel.EndReason = game.ReasonCancelledByHost
	_, err = p.sessions.Move(asAda, v.ID, nil, cancel)
	rejected(t, err, game.ErrSessionEnded)
}

// A player's idempotency keys are its own, though all players have one name in logs.
func TestPlayersDoNotShareIdempotencyKeys(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	for _, name := range []string{"Ada", "Eve"} {
		id := p.register(t, p.ctx, name).ID
		ctx := game.WithCaller(
			t.Context(), game.Caller{Project: "p", Scope: game.ScopePlayer, Name: "player", Player: id},
		)
		c, err := p.sessions.Create(ctx, game.SessionRequest{
			Settings: game.Settings{MaxPlayers: 2}, HostID: &id,
		}, game.Idempotency{Key: "k", Route: "create-session", Body: []byte(name)})
		ok(t, err)
		if c.Replayed {
			t.Error("another player's creation is replayed")
		}
	}
}
