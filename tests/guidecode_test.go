package tests_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
)

// This file has the Go code of the guides, and runs it.

// hostLobby opens a lobby and keeps it alive until ctx ends.
func hostLobby(ctx context.Context, c *client.Client, me client.PlayerID, show func(client.Session)) error {
	lobby, err := c.Sessions.Create(ctx, client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 4, Mode: "coop"},
		HostID:   &me,
	})
	if err != nil {
		return err
	}
	err = c.Sessions.KeepAlive(ctx, lobby.Session, client.OnChange(show), client.OnContact(func(lost error) {
		if lost != nil { // or nil when a heartbeat gets through again
			log.Print("others see the lobby as stale: ", lost)
		}
	}))
	switch {
	case errors.Is(err, client.ErrNotHost), errors.Is(err, client.ErrStaleFence):
		log.Print("another player hosts the lobby: go on as a member")
	case errors.Is(err, client.ErrSessionEnded):
		log.Print("the lobby is over: ", err)
	}
	return err
}

// webhookHandler returns a handler that passes on each message once. Seen reports whether an id was seen before, and
// remembers it: in production a table with a unique key, which is written in the transaction that uses the message.
func webhookHandler(seen func(id string) bool, use func(client.WebhookMessage), secrets ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		m, err := client.VerifyWebhook(r.Header, body, secrets...)
		if err != nil {
			http.Error(w, "the message is not signed", http.StatusUnauthorized)
			return
		}
		if !seen(m.ID) {
			use(m)
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// runMatch runs the match of a session on this server. It returns an error that matches client.ErrStaleFence if another
// server has taken over, and client.ErrSessionEnded if somebody has ended the session.
func runMatch(ctx context.Context, c *client.Client, id client.SessionID, g match) error {
	v, err := c.Sessions.AttachServer(ctx, id, client.ServerRequest{Connection: g.Address()})
	if err != nil {
		return err
	}
	mine := client.IfFence(v.Fence)
	if v.Status == client.StatusPending { // not if it takes over
		if v, err = c.Sessions.SetStatus(ctx, id, client.Move{Status: client.StatusOpen}, mine); err != nil {
			return err
		}
	}
	playing, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		stop(c.Sessions.KeepAlive(playing, v, client.WithPlayers(g.Connected)))
	}()
	result, err := g.Play(playing) // returns when the match is over or its context ends
	if err != nil {
		return errors.Join(err, context.Cause(playing))
	}
	_, err = c.Sessions.SetStatus(ctx, id, client.Move{Status: client.StatusEnded, Result: result}, mine)
	return err
}

// stayIn keeps the player's seat until ctx ends, and shows the session when it has changed. It returns an error that
// matches client.ErrMemberNotFound if the seat is lost, and client.ErrSessionEnded if the session is over.
func stayIn(
	ctx context.Context, c *client.Client, v client.Session, me client.PlayerID, show func(client.Session),
) error {
	every := time.NewTicker(time.Duration(v.StaleAfter) * time.Second / 3)
	defer every.Stop()
	for {
		beat, err := c.Sessions.MemberHeartbeat(ctx, v.ID, me)
		switch {
		case errors.Is(err, client.ErrMemberNotFound), errors.Is(err, client.ErrSessionNotFound),
			errors.Is(err, client.ErrSessionEnded):
			return err
		case err != nil:
			log.Print("reconnecting: ", err) // the next heartbeat may get through
		case beat.Version != v.Version:
			if changed, err := c.Sessions.Get(ctx, v.ID); err == nil {
				v = changed
				show(v)
			}
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// joinWhenFree gets the player a seat, and shows its position while it waits. If ctx ends first, the player leaves the
// wait list.
func joinWhenFree(
	ctx context.Context, c *client.Client, id client.SessionID, me client.PlayerID, show func(position int),
) (client.Joined, error) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		joined, err := c.Sessions.JoinOrWait(ctx, id, client.JoinRequest{PlayerID: me})
		if err != nil || joined.Position == 0 {
			return joined, err
		}
		show(joined.Position)
		select {
		case <-every.C:
		case <-ctx.Done():
			err := c.Sessions.Leave(context.WithoutCancel(ctx), id, me)
			return joined, errors.Join(context.Cause(ctx), err)
		}
	}
}

// joinTogether seats a party in one team of a session, and returns the tickets of its players.
func joinTogether(
	ctx context.Context, c *client.Client, id client.SessionID, players []client.PlayerID,
) (map[client.PlayerID]string, error) {
	var p client.Party
	for _, player := range players {
		p.Players = append(p.Players, client.JoinRequest{PlayerID: player, Team: client.TeamAuto})
	}
	joined, err := c.Sessions.JoinParty(ctx, id, p)
	if e := (*client.Error)(nil); errors.As(err, &e) && e.Extras["player_id"] != nil {
		log.Printf("nobody joins, because of player %v: %s", e.Extras["player_id"], e.Code)
	}
	return joined.Tickets, err
}

// changeOver joins a session, and first leaves the exclusive session that the player is in.
func changeOver(
	ctx context.Context, c *client.Client, id client.SessionID, me client.PlayerID,
) (client.Joined, error) {
	for {
		joined, err := c.Sessions.Join(ctx, id, client.JoinRequest{PlayerID: me})
		e := (*client.Error)(nil)
		if !errors.Is(err, client.ErrPlayerInOtherSession) || !errors.As(err, &e) {
			return joined, err
		}
		other, _ := e.Extras["session_id"].(string)
		if err := c.Sessions.Leave(ctx, client.SessionID(other), me); err != nil {
			return client.Joined{}, err
		}
	}
}

// joinFriends joins the lobby of a friend with a party, whom the code lets in too.
func joinFriends(
	ctx context.Context, c *client.Client, code string, players []client.JoinRequest,
) (client.JoinedParty, error) {
	joined, err := c.Sessions.JoinPartyByCode(ctx, client.Party{Players: players, Code: code})
	if errors.Is(err, client.ErrInvalidJoinCode) {
		return joined, fmt.Errorf("ask your friend for a new code: %w", err)
	}
	return joined, err
}

// kickGriefer removes a player from the session, who may come back in an hour.
func kickGriefer(ctx context.Context, c *client.Client, id client.SessionID, griefer client.PlayerID) error {
	err := c.Sessions.Kick(ctx, id, griefer, client.Kick{Reason: "griefing", BanSeconds: 3600})
	if errors.Is(err, client.ErrTooManyBans) { // then at least remove it
		return c.Sessions.Kick(ctx, id, griefer, client.Kick{Reason: "griefing"})
	}
	return err
}

// nearest returns up to ten lobbies that a player with a rating can join, the nearest first.
func nearest(ctx context.Context, c *client.Client, mode string, rating float64) ([]client.Session, error) {
	var found []client.Session
	query := client.SearchQuery{
		Where: []client.Condition{
			client.Where("mode").Eq(mode),
			client.Any(client.Where("region").In("eu", "us"), client.Where("attributes.voice").Eq(true)),
		},
		Order: []client.Order{client.Nearest("attributes.mmr", rating), client.Ascending("created_at")},
	}
	for session, err := range c.Sessions.SearchAll(ctx, query) {
		if err != nil {
			return nil, err
		}
		if found = append(found, session); len(found) == 10 {
			break
		}
	}
	return found, nil
}

// play returns a lobby in which the player has a seat.
func play(ctx context.Context, c *client.Client, player client.PlayerID, mode string) (client.Session, error) {
	joined, err := c.Sessions.QuickJoin(ctx, client.QuickJoin{
		Players: []client.JoinRequest{{PlayerID: player}},
		Where:   []client.Condition{client.Where("mode").Eq(mode)},
		Create:  &client.SessionTemplate{Settings: client.Settings{Mode: mode, MaxPlayers: 4}},
	})
	return joined.Session, err
}

// match is what the guide's runMatch needs of a game.
type match interface {
	Address() *client.Connection
	Connected() []client.PlayerID
	Play(ctx context.Context) (client.Result, error)
}

// TestGuideCode: the code in the guides is that of this file.
func TestGuideCode(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	here, err := os.ReadFile("guidecode_test.go")
	must(t, err)
	for _, path := range guides(t) {
		for _, b := range blocks(t, path, "go") {
			if !strings.Contains(string(here), "\n\n"+b.commands) {
				t.Errorf("%s: guidecode_test.go does not have\n%s", path, b.commands)
			}
		}
	}
}

// duel is a match that ends when its result is there.
type duel struct {
	port    int
	players []client.PlayerID
	result  chan client.Result
}

func (d duel) Address() *client.Connection {
	return &client.Connection{Address: "203.0.113.7", Port: d.port}
}
func (d duel) Connected() []client.PlayerID { return d.players }

func (d duel) Play(ctx context.Context) (client.Result, error) {
	select {
	case r := <-d.result:
		return r, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// begun runs a function, and returns a channel with its error.
func begun(f func() error) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- f() }()
	return ended
}

// endsAs waits for the error of a function that was begun.
func endsAs(t *testing.T, what string, ended <-chan error, want error) {
	t.Helper()
	select {
	case err := <-ended:
		if !errors.Is(err, want) {
			t.Errorf("%s ended with %v, want %v", what, err, want)
		}
	case <-time.After(patience):
		t.Fatalf("%s does not end", what)
	}
}

func TestGuideHostLobby(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--stale-after=5s"))
	p := s.newPlayers(t, "guide", 2)
	var seats atomic.Int64
	alice := s.api.ActAs(p[0].ID)
	ended := begun(func() error {
		return hostLobby(t.Context(), alice, p[0].ID, func(v client.Session) { seats.Store(int64(v.SeatsHeld)) })
	})
	var lobby client.Session
	eventually(t, "the lobby has its heartbeats", func() bool {
		for v, err := range s.api.Sessions.All(t.Context(), client.SessionFilter{HostID: p[0].ID}) {
			must(t, err)
			lobby = v
		}
		return lobby.Leased
	})
	_, err := s.api.Sessions.Join(t.Context(), lobby.ID, client.JoinRequest{PlayerID: p[1].ID})
	must(t, err)
	eventually(t, "the host hears of the new member", func() bool { return seats.Load() == 2 })
	_, err = s.api.Sessions.SetHost(t.Context(), lobby.ID, p[1].ID)
	must(t, err)
	endsAs(t, "hosting", ended, client.ErrNotHost)
}

func TestGuideRunMatch(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--stale-after=5s"))
	v, err := s.api.Sessions.Create(t.Context(), client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 2}, Status: client.StatusPending,
	})
	must(t, err)
	p := s.newPlayer(t, "guide")
	at := func(port int) (duel, <-chan error) {
		d := duel{port, []client.PlayerID{p.ID}, make(chan client.Result, 1)}
		ended := begun(func() error { return runMatch(t.Context(), s.api, v.ID, d) })
		eventually(t, "the server runs the match", func() bool {
			got, err := s.api.Sessions.Get(t.Context(), v.ID)
			must(t, err)
			return got.Status == client.StatusOpen && got.Leased && got.Connection.Port == port
		})
		return d, ended
	}
	_, first := at(7777)
	_, err = s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p.ID})
	must(t, err)
	second, winner := at(7778)
	endsAs(t, "the first server", first, client.ErrStaleFence)
	_, err = s.api.Sessions.SetStatus(t.Context(), v.ID, client.Move{Status: client.StatusInProgress})
	must(t, err)
	second.result <- `{"winner":"alice"}`
	endsAs(t, "the second server", winner, nil)
	got, err := s.api.Sessions.Get(t.Context(), v.ID)
	if err != nil || got.Status != client.StatusEnded || got.Result != `{"winner":"alice"}` {
		t.Errorf("the match is %+v, %v", got, err)
	}
}

func TestGuideStayIn(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--stale-after=5s"))
	v, p := s.lobby(t, "guide", 2, client.Settings{MaxPlayers: 2})
	var seen atomic.Int64
	bob := s.api.ActAs(p[1].ID)
	ended := begun(func() error {
		return stayIn(t.Context(), bob, v, p[1].ID, func(v client.Session) { seen.Store(v.Version) })
	})
	gone, err := s.api.Sessions.PatchMember(t.Context(), v.ID, p[1].ID, client.Patch{"status": client.SeatDisconnected})
	must(t, err)
	if gone.Status != client.SeatDisconnected {
		t.Errorf("the member is %s", gone.Status)
	}
	eventually(t, "the member is back", func() bool {
		m, err := s.api.Sessions.Member(t.Context(), v.ID, p[1].ID)
		must(t, err)
		return m.Status == client.SeatJoined && seen.Load() > v.Version
	})
	must(t, s.api.Sessions.Leave(t.Context(), v.ID, p[1].ID))
	endsAs(t, "staying", ended, client.ErrMemberNotFound)
}

func TestGuideJoinTogether(t *testing.T) {
	t.Parallel()
	s := start(t)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{
		MaxPlayers: 4, Teams: map[string]int{"red": 2, "blue": 2},
	}})
	p := s.newPlayers(t, "guide", 5)
	together := func(players ...client.Player) (map[client.PlayerID]string, error) {
		var ids []client.PlayerID
		for _, one := range players {
			ids = append(ids, one.ID)
		}
		return joinTogether(t.Context(), s.api, v.ID, ids)
	}
	if tickets, err := together(p[:3]...); !errors.Is(err, client.ErrTeamFull) || len(tickets) != 0 {
		t.Errorf("three in a team of two: %d tickets, %v", len(tickets), err)
	}
	for _, pair := range [][]client.Player{p[:2], p[2:4]} {
		if tickets, err := together(pair...); err != nil || len(tickets) != 2 {
			t.Errorf("a pair: %d tickets, %v", len(tickets), err)
		}
	}
	if _, err := together(p[4]); !errors.Is(err, client.ErrSessionFull) {
		t.Errorf("one too many: %v", err)
	}
}

func TestGuideChangeOver(t *testing.T) {
	t.Parallel()
	s := start(t)
	me := s.newPlayer(t, "guide").ID
	for range 3 {
		id := s.newExclusive(t, 2).ID
		for range 2 {
			joined, err := changeOver(t.Context(), s.api.ActAs(me), id, me)
			if must(t, err); joined.ID != id || joined.SeatsHeld != 1 {
				t.Errorf("in session %s with %d seats held, want %s", joined.ID, joined.SeatsHeld, id)
			}
		}
	}
}

func TestGuideKickGriefer(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, p := s.lobby(t, "guide", 2, client.Settings{MaxPlayers: 4})
	host := s.api.ActAs(p[0].ID)
	back := func() error {
		_, err := s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p[1].ID})
		return err
	}
	must(t, kickGriefer(t.Context(), host, v.ID, p[1].ID))
	if err := back(); !errors.Is(err, client.ErrPlayerBanned) {
		t.Errorf("the griefer comes back: %v", err)
	}
	must(t, host.Sessions.Unban(t.Context(), v.ID, p[1].ID))
	must(t, back())
	for _, other := range s.newPlayers(t, "other", client.MaxBans) {
		_, err := host.Sessions.Ban(t.Context(), v.ID, other.ID, client.BanRequest{})
		must(t, err)
	}
	must(t, kickGriefer(t.Context(), host, v.ID, p[1].ID))
	if now, err := host.Sessions.Get(t.Context(), v.ID); err != nil || now.SeatsHeld != 1 {
		t.Errorf("%d seats are held, %v", now.SeatsHeld, err)
	}
}

func TestGuideJoinWhenFree(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, p := s.lobby(t, "guide", 2, client.Settings{MaxPlayers: 2})
	late := s.newPlayers(t, "late", 2)
	giving, giveUp := context.WithCancel(t.Context())
	waits := func(ctx context.Context, who client.Player, shown func(int)) (client.Joined, error) {
		return joinWhenFree(ctx, s.api.ActAs(who.ID), v.ID, who.ID, shown)
	}
	got, err := waits(giving, late[0], func(int) { giveUp() })
	if !errors.Is(err, context.Canceled) || got.Position != 1 {
		t.Errorf("who gives up is number %d, %v", got.Position, err)
	}
	if now, err := s.api.Sessions.Get(t.Context(), v.ID); err != nil || len(now.WaitList) != 0 {
		t.Errorf("who gave up waits: %+v, %v", now.WaitList, err)
	}
	got, err = waits(t.Context(), late[1], func(int) { must(t, s.api.Sessions.Leave(t.Context(), v.ID, p[1].ID)) })
	if m, missing := got.Member(late[1].ID); err != nil || missing != nil || m.Status != client.SeatJoined {
		t.Errorf("who waits gets %+v, %v, %v", m, missing, err)
	}
}

func TestGuideNearest(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, mmr := range []float64{900, 1310, 1180} {
		s.newSession(t, client.SessionRequest{Settings: client.Settings{
			MaxPlayers: 2, Mode: "duel", Region: "eu", Attributes: client.Attributes{"mmr": client.Number(mmr)},
		}})
	}
	found, err := nearest(t.Context(), s.api, "duel", 1200)
	must(t, err)
	var order []client.Value
	for _, v := range found {
		order = append(order, v.Attributes["mmr"])
	}
	if !slices.Equal(order, []client.Value{client.Number(1180), client.Number(1310), client.Number(900)}) {
		t.Errorf("found ratings %v", order)
	}
}

func TestGuidePlay(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "plays", 2)
	first, err := play(t.Context(), s.api, p[0].ID, "duel")
	must(t, err)
	second, err := play(t.Context(), s.api, p[1].ID, "duel")
	if err != nil || second.ID != first.ID || len(second.Members) != 2 {
		t.Errorf("got %+v, %v, want a seat in %s", second, err, first.ID)
	}
}

func TestGuideLiveLobby(t *testing.T) {
	t.Parallel()
	s := start(t)
	host, err := s.api.Players.Create(t.Context(), client.Profile{Username: "alice"})
	must(t, err)
	lobby, err := s.api.Sessions.Create(t.Context(), client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 2}, HostID: &host.ID,
	})
	must(t, err)
	must(t, s.api.Sessions.Cancel(t.Context(), lobby.ID))
	var shown []string
	must(t, showChanges(t.Context(), s.api, lobby.ID, func(c client.Change) { shown = append(shown, c.Type) }))
	if got := strings.Join(shown, " "); got != "session_created member_joined host_changed status_changed" {
		t.Errorf("shown is %s", got)
	}
}

// showChanges shows what happens to a lobby from its first version on, through lost connections, until its end.
func showChanges(ctx context.Context, c *client.Client, lobby client.SessionID, show func(client.Change)) error {
	for event, err := range c.Sessions.Follow(ctx, lobby, "0") {
		if err != nil {
			return err
		}
		for _, change := range event.Changes {
			show(change)
		}
	}
	return nil
}

func TestGuideWebhooks(t *testing.T) {
	t.Parallel()
	s := start(t, withWebhooks)
	r := newReceiver(t)
	w := s.newWebhook(t, r, client.WebhookSettings{})
	used := make(chan client.WebhookMessage, 9)
	first := true
	r.serve(webhookHandler(
		func(string) bool { defer func() { first = false }(); return !first },
		func(m client.WebhookMessage) { used <- m }, "whsec_"+strings.Repeat("b2xk", 8), w.Secret,
	))
	for range 2 {
		if tried, err := s.api.Webhooks.Test(t.Context(), w.ID); err != nil || !tried.Delivered {
			t.Errorf("the test: %+v, %v", tried, err)
		}
	}
	if len(used) != 1 {
		t.Fatalf("used %d messages, want the first", len(used))
	}
	if m := <-used; m.Type != "webhook.test" {
		t.Errorf("received %+v", m)
	}
}
