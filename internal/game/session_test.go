package game_test

import (
	"fmt"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

// full returns settings with every field set.
func full() game.Settings {
	return game.Settings{
		Name: "room", Mode: "ctf", Map: "canyon", Region: "eu-west", Visibility: game.VisibilityPrivate, Locked: true,
		JoinInProgress: true, AllowRematch: true, AutoStart: true, MaxPlayers: 8, MinPlayers: 2,
		Teams:      map[string]int{"red": 4, "blue": 4},
		Attributes: game.Attributes{"rank": game.NumberValue(7)},
	}
}

// timeouts returns those that a new session has by default, with the given empty_timeout.
func timeouts(empty int) game.Timeouts {
	t := game.DefaultTimeouts()
	t.EmptyTimeout = empty
	return t
}

func TestNewSession(t *testing.T) {
	t.Parallel()
	least, err := game.NewSession("id", "p", game.SessionRequest{Settings: game.Settings{MaxPlayers: 1}}, t0)
	ok(t, err)
	equal(t, game.Session{
		ID: "id", Project: "p", Status: "open", Members: []game.Member{}, Version: 1, CreatedAt: t0, UpdatedAt: t0,
		Timeouts: timeouts(0), Bans: []game.Ban{}, WaitList: []game.Waiter{}, Fence: 1, Liveness: game.Live,
		Settings: game.Settings{
			Visibility: "public", MaxPlayers: 1, Teams: map[string]int{}, Attributes: game.Attributes{},
		},
	}, least)

	here := &game.Connection{Address: "::1", Port: 1, Protocol: "tcp"}
	most, err := game.NewSession("id", "p", game.SessionRequest{
		Settings: full(), Status: "pending", HostID: new(player(1)), Connection: here,
	}, t0)
	ok(t, err)
	equal(t, game.Session{
		ID: "id", Project: "p", Settings: full(), Timeouts: timeouts(300), Fence: 1, Liveness: game.Live,
		Bans: []game.Ban{}, WaitList: []game.Waiter{},
		Status: "pending", HostID: new(player(1)), Hosted: true,
		Connection: here,
		Members: []game.Member{{
			PlayerID: player(1), Status: "joined", JoinedAt: t0,
			MemberSettings: game.MemberSettings{Attributes: game.Attributes{}},
		}},
		Version: 1, CreatedAt: t0, UpdatedAt: t0,
	}, most)
}

// A host takes its seat as any other member does.
func TestNewSessionWithHost(t *testing.T) {
	t.Parallel()
	ada := &game.JoinRequest{PlayerID: player(1), Team: "red", Attributes: dressed("fox")}
	for name, id := range map[string]*game.PlayerID{"by host": nil, "by both": &ada.PlayerID} {
		s, err := game.NewSession("id", "p", game.SessionRequest{Settings: full(), HostID: id, Host: ada}, t0)
		ok(t, err)
		equal(t, []game.Member{{
			PlayerID: player(1), Status: "joined", JoinedAt: t0,
			MemberSettings: game.MemberSettings{Team: "red", Attributes: dressed("fox")},
		}}, s.Members)
		if s.HostID == nil || *s.HostID != player(1) || !s.Hosted {
			t.Errorf("%s: the host is %v, hosted is %t", name, s.HostID, s.Hosted)
		}
	}
	for name, tt := range map[string]struct {
		id     *game.PlayerID
		host   game.JoinRequest
		fields []string
	}{
		"another player in host_id": {new(player(2)), *ada, []string{"host_id"}},
		"a team that there is not":  {nil, game.JoinRequest{PlayerID: player(1), Team: "green"}, []string{"host.team"}},
		"everything": {
			new(game.PlayerID("me")),
			game.JoinRequest{Team: "ä", Attributes: game.Attributes{"": game.BoolValue(true)}},
			[]string{"host.attributes", "host.player_id", "host.team", "host_id", "host_id"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			invalid(t, game.SessionRequest{Settings: full(), HostID: tt.id, Host: &tt.host}.Validate(), tt.fields...)
		})
	}
}

func TestSessionRequestValidation(t *testing.T) {
	t.Parallel()
	for _, status := range append(game.SessionStatuses(), "", "paused") {
		r := game.SessionRequest{Settings: full(), Status: status}
		if status == "" || status == "open" || status == "pending" {
			ok(t, r.Validate())
			continue
		}
		invalid(t, r.Validate(), "status")
	}
	everything := game.SessionRequest{
		Settings: game.Settings{
			Name: strings.Repeat("n", 65), Mode: "a\nb", Map: "\x00", Region: "\xff", Visibility: "hidden",
			MinPlayers: -1,
			Teams:      map[string]int{"red": 0, "a b": 1}, Attributes: attributes(33),
		},
		Status: "ended", HostID: new(game.PlayerID("me")), Connection: &game.Connection{Port: 65536},
	}
	_, err := game.NewSession("id", "p", everything, t0)
	invalid(t, err, "attributes", "connection.address", "connection.port", "host_id", "map", "max_players",
		"min_players", "mode", "name", "region", "status", "teams", "teams.red", "visibility")
}

// limitCase is one setting at its limit, and one beyond it.
type limitCase struct {
	name   string
	change func(*game.Settings)
	fields []string // none where it is accepted
}

func settingsLimits() []limitCase {
	manyTeams := func(n int) map[string]int {
		m := map[string]int{}
		for i := range n {
			m[fmt.Sprintf("team-%d", i)] = 1
		}
		return m
	}
	type set = game.Settings
	return []limitCase{
		{"nothing but seats", func(s *set) { *s = set{MaxPlayers: 1} }, nil},
		{"no seat", func(s *set) { *s = set{} }, []string{"max_players"}},
		{"negative seats", func(s *set) { *s = set{MaxPlayers: -1} }, []string{"max_players"}},
		{"most seats", func(s *set) { s.MaxPlayers = 1000 }, nil},
		{"more seats", func(s *set) { s.MaxPlayers = 1001 }, []string{"max_players"}},
		{"all seats needed", func(s *set) { s.MinPlayers = 8 }, nil},
		{"more than all seats needed", func(s *set) { s.MinPlayers = 9 }, []string{"min_players"}},
		{"fewer than none needed", func(s *set) { s.MinPlayers = -1 }, []string{"min_players"}},
		{"longest name, in characters", func(s *set) { s.Name = strings.Repeat("語", 64) }, nil},
		{"longer name", func(s *set) { s.Name = strings.Repeat("n", 65) }, []string{"name"}},
		{"longest mode", func(s *set) { s.Mode = strings.Repeat("m", 64) }, nil},
		{"longer mode", func(s *set) { s.Mode = strings.Repeat("m", 65) }, []string{"mode"}},
		{"longest map", func(s *set) { s.Map = strings.Repeat("m", 64) }, nil},
		{"longer map", func(s *set) { s.Map = strings.Repeat("m", 65) }, []string{"map"}},
		{"longest region", func(s *set) { s.Region = strings.Repeat("r", 64) }, nil},
		{"longer region", func(s *set) { s.Region = strings.Repeat("r", 65) }, []string{"region"}},
		{"name with a line end", func(s *set) { s.Name = "a\nb" }, []string{"name"}},
		{"name with a C1 control", func(s *set) { s.Name = "a\u0085b" }, []string{"name"}},
		{"name that is no UTF-8", func(s *set) { s.Name = "a\xc3" }, []string{"name"}},
		{"unknown visibility", func(s *set) { s.Visibility = "Public" }, []string{"visibility"}},
		{"default visibility", func(s *set) { s.Visibility = "" }, nil},
		{"most teams", func(s *set) { s.Teams = manyTeams(64) }, nil},
		{"more teams", func(s *set) { s.Teams = manyTeams(65) }, []string{"teams"}},
		{"longest team name", func(s *set) { s.Teams = map[string]int{strings.Repeat("t", 64): 1} }, nil},
		{"longer team name", func(s *set) { s.Teams = map[string]int{strings.Repeat("t", 65): 1} }, []string{"teams"}},
		{"empty team name", func(s *set) { s.Teams = map[string]int{"": 1} }, []string{"teams"}},
		{"team name with a dot", func(s *set) { s.Teams = map[string]int{"a.b": 1} }, []string{"teams"}},
		{"largest team", func(s *set) { s.Teams = map[string]int{"red": 1000} }, nil},
		{"larger team", func(s *set) { s.Teams = map[string]int{"red": 1001} }, []string{"teams.red"}},
		{"team of none", func(s *set) { s.Teams = map[string]int{"red": 0} }, []string{"teams.red"}},
		{"many bad teams", func(s *set) { s.Teams = map[string]int{"red": 0, "blue": -1} }, []string{
			"teams.blue", "teams.red",
		}},
		{"most attributes", func(s *set) { s.Attributes = attributes(32) }, nil},
		{"more attributes", func(s *set) { s.Attributes = attributes(33) }, []string{"attributes"}},
		{"largest attributes", func(s *set) { s.Attributes = sized(16 << 10) }, nil},
		{"larger attributes", func(s *set) { s.Attributes = sized(16<<10 + 1) }, []string{"attributes"}},
	}
}

func TestSettingsLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range settingsLimits() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			settings := full()
			tt.change(&settings)
			s := newSession(t, maxPlayers(20))
			before := snapshot(s)
			changed, err := did(s.Edit(edit(settings)))
			if tt.fields != nil {
				invalid(t, err, tt.fields...)
				invalid(t, settings.Validate(), tt.fields...)
				equal(t, before, s)
				return
			}
			ok(t, err)
			if !changed {
				t.Error("an edit that changes something reports nothing")
			}
		})
	}
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		connection game.Connection
		fields     []string
	}{
		{"IPv4", game.Connection{Address: "203.0.113.7", Port: 1}, nil},
		{"IPv6", game.Connection{Address: "2001:db8::7", Port: 65535, Protocol: "udp"}, nil},
		{"host name", game.Connection{Address: "eu-1.example.com", Port: 1, Protocol: "web+socket_1.0-x"}, nil},
		{"longest name", game.Connection{
			Address: strings.Repeat("a", 253), Port: 1, Protocol: strings.Repeat("p", 16),
		}, nil},
		{"longer name", game.Connection{
			Address: strings.Repeat("a", 254), Port: 1, Protocol: strings.Repeat("p", 17),
		}, []string{"connection.address", "connection.protocol"}},
		{"nothing", game.Connection{}, []string{"connection.address", "connection.port"}},
		{"no port", game.Connection{Address: "a"}, []string{"connection.port"}},
		{"port beyond the last", game.Connection{Address: "a", Port: 65536}, []string{"connection.port"}},
		{"negative port", game.Connection{Address: "a", Port: -1}, []string{"connection.port"}},
		{"name with a space", game.Connection{Address: "a b", Port: 1}, []string{"connection.address"}},
		{"address with a port", game.Connection{Address: "203.0.113.7:80", Port: 1}, []string{"connection.address"}},
		{"URL", game.Connection{Address: "http://a", Port: 1}, []string{"connection.address"}},
		{"protocol with a slash", game.Connection{
			Address: "a", Port: 1, Protocol: "tcp/ip",
		}, []string{"connection.protocol"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := game.SessionRequest{Settings: full(), Connection: &tt.connection}.Validate()
			if tt.fields == nil {
				ok(t, err)
			} else {
				invalid(t, err, tt.fields...)
			}
		})
	}
}

func TestSessionEdit(t *testing.T) {
	t.Parallel()
	held := []func(*game.Session){
		teams, maxPlayers(5), seat(2, "joined", "red", 1), seat(3, "reserved", "red", 2),
		seat(4, "disconnected", "", 3),
	}
	tests := []struct {
		name   string
		change func(*game.Settings)
		field  string // of seats taken; empty where the edit is made
		held   int
	}{
		{"as many seats as are held", func(s *game.Settings) { s.MaxPlayers = 4 }, "", 0},
		{"fewer seats than are held", func(s *game.Settings) { s.MaxPlayers = 3 }, "max_players", 4},
		{"team as large as held", func(s *game.Settings) { s.Teams = map[string]int{"red": 2} }, "", 0},
		{"team smaller than held", func(s *game.Settings) {
			s.Teams = map[string]int{
				"red": 1, "blue": 2,
			}
		}, "teams.red", 2},
		{"team gone that is held", func(s *game.Settings) { s.Teams = map[string]int{"blue": 2} }, "teams.red", 2},
		{"all teams gone", func(s *game.Settings) { s.Teams = nil }, "teams.red", 2},
		{"empty team gone", func(s *game.Settings) { delete(s.Teams, "blue") }, "", 0},
		{
			"both too small, the session first", func(s *game.Settings) { s.MaxPlayers, s.Teams = 3, nil },
			"max_players", 4,
		},
	}
	for _, status := range []game.SessionStatus{"pending", "open", "starting", "in_progress"} {
		for _, tt := range tests {
			t.Run(string(status)+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				s := newSession(t, append(held, in(status))...)
				before, settings := snapshot(s), snapshot(s).Settings
				tt.change(&settings)
				changed, err := did(s.Edit(edit(settings)))
				if tt.field != "" {
					e := rejected(t, err, game.ErrSeatsTaken)
					equal(t, map[string]any{"field": tt.field, "held": tt.held}, e.Extras)
					equal(t, before, s)
					return
				}
				ok(t, err)
				before.Settings = settings
				equal(t, before, s)
				if !changed {
					t.Error("an edit that changes something reports nothing")
				}
			})
		}
	}
}

// settingChanges changes each field of the settings of newSession, by its name.
func settingChanges() map[string]func(*game.Settings) {
	return map[string]func(*game.Settings){
		"Name":           func(s *game.Settings) { s.Name = "x" },
		"Mode":           func(s *game.Settings) { s.Mode = "x" },
		"Map":            func(s *game.Settings) { s.Map = "x" },
		"Region":         func(s *game.Settings) { s.Region = "x" },
		"Visibility":     func(s *game.Settings) { s.Visibility = "private" },
		"Locked":         func(s *game.Settings) { s.Locked = true },
		"JoinInProgress": func(s *game.Settings) { s.JoinInProgress = true },
		"AllowRematch":   func(s *game.Settings) { s.AllowRematch = true },
		"AutoStart":      func(s *game.Settings) { s.AutoStart = true },
		"MaxPlayers":     func(s *game.Settings) { s.MaxPlayers = 11 },
		"MinPlayers":     func(s *game.Settings) { s.MinPlayers = 1 },
		"Teams":          func(s *game.Settings) { s.Teams = map[string]int{"red": 1} },
		"Attributes":     func(s *game.Settings) { s.Attributes = game.Attributes{"a": game.BoolValue(false)} },
	}
}

// Every field of the settings is edited and compared: a new one that is forgotten in either place fails here.
func TestSessionEditEveryField(t *testing.T) {
	t.Parallel()
	for _, field := range fieldsOf[game.Settings]() {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			change := settingChanges()[field]
			if change == nil {
				t.Fatal("this test does not know the field")
			}
			s := newSession(t)
			if changed, err := did(s.Edit(edit(snapshot(s).Settings))); changed || err != nil {
				t.Errorf("the same settings: changed is %t, error %v", changed, err)
			}
			settings := snapshot(s).Settings
			change(&settings)
			want := settings
			changed, err := did(s.Edit(edit(settings)))
			if ok(t, err); !changed {
				t.Error("the edit reports no change")
			}
			equal(t, want, s.Settings)

			over := newSession(t, in("ended"))
			before := snapshot(over)
			_, err = over.Edit(edit(settings))
			rejected(t, err, game.ErrSessionEnded)
			equal(t, before, over)
		})
	}
}

// A connection is changed beside the settings, and taken away.
func TestSessionEditConnection(t *testing.T) {
	t.Parallel()
	here := &game.Connection{Address: "203.0.113.7", Port: 7777, Protocol: "udp"}
	with := func(s game.Session, c *game.Connection) game.SessionEdit {
		return game.SessionEdit{Settings: snapshot(s).Settings, Timeouts: s.Timeouts, Connection: c}
	}
	for _, status := range []game.SessionStatus{"pending", "open", "starting", "in_progress"} {
		s := newSession(t, in(status))
		for _, step := range []struct {
			to      *game.Connection
			changes bool
		}{
			{nil, false},
			{here, true},
			{new(*here), false},
			{&game.Connection{Address: "::1", Port: 1}, true},
			{nil, true},
			{nil, false},
		} {
			changed, err := did(s.Edit(with(s, step.to)))
			if ok(t, err); changed != step.changes {
				t.Errorf("%s: to %v: changed is %t", status, step.to, changed)
			}
			equal(t, step.to, s.Connection)
		}
		_, err := s.Edit(with(s, &game.Connection{Address: "not a host"}))
		invalid(t, err, "connection.address", "connection.port")
	}
	over := newSession(t, in("ended"), func(s *game.Session) { s.Connection = here })
	changed, err := did(over.Edit(with(over, new(*here))))
	if ok(t, err); changed {
		t.Error("the same connection is a change")
	}
	_, err = over.Edit(with(over, nil))
	rejected(t, err, game.ErrSessionEnded)
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	names := map[string]string{
		"JoinInProgress": "join_in_progress", "AllowRematch": "allow_rematch", "AutoStart": "auto_start",
		"MaxPlayers": "max_players", "MinPlayers": "min_players",
	}
	s := newSession(t)
	none := []string(nil)
	equal(t, none, s.Differences(snapshot(s).Settings))
	equal(t, none, s.Differences(game.Settings{Name: "room", MaxPlayers: 10})) // what is left out is its default
	both := snapshot(s).Settings
	for field, change := range settingChanges() {
		settings := snapshot(s).Settings
		change(&settings)
		change(&both)
		name := names[field]
		if name == "" {
			name = strings.ToLower(field)
		}
		equal(t, []string{name}, s.Differences(settings))
	}
	equal(t, []string{
		"name", "mode", "map", "region", "visibility", "locked", "join_in_progress", "allow_rematch", "auto_start",
		"max_players", "min_players",
		"teams", "attributes",
	}, s.Differences(both))
}

func TestSessionEditOfNothing(t *testing.T) {
	t.Parallel()
	for _, status := range game.SessionStatuses() {
		s := newSession(t, in(status))
		before := snapshot(s)
		// What is left out and its default are the same.
		settings := before.Settings
		settings.Visibility, settings.Teams, settings.Attributes = "", nil, nil
		if changed, err := did(s.Edit(edit(settings))); changed || err != nil {
			t.Errorf("%s: changed is %t, error %v", status, changed, err)
		}
		equal(t, before, s)
	}
}

func TestSessionEditKeepsNothingOfTheRequest(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	settings := full()
	_, err := s.Edit(edit(settings))
	ok(t, err)
	settings.Teams["red"], settings.Attributes["rank"] = 1, game.BoolValue(true)
	equal(t, full(), s.Settings)
}

func TestClone(t *testing.T) {
	t.Parallel()
	s := newSession(t, teams, seat(2, "reserved", "red", 1), seat(3, "joined", "", 2), waits(4, "red"), waits(5, "red"))
	s.Members[1].Attributes["a"] = game.BoolValue(true)
	s.AllowRematch = true
	before := snapshot(s)
	rules := map[string]func(*game.Session) (bool, error){
		"join": func(c *game.Session) (bool, error) {
			return did(c.Join(game.JoinRequest{PlayerID: player(9)}, later(9)))
		},
		"rejoin": func(c *game.Session) (bool, error) {
			return did(c.Join(game.JoinRequest{PlayerID: player(2)}, later(9)))
		},
		"leave":            func(c *game.Session) (bool, error) { return did(c.Leave(player(1), t0)) },
		"stop waiting":     func(c *game.Session) (bool, error) { return did(c.Leave(player(4), t0)) },
		"move up":          func(c *game.Session) (bool, error) { return len(c.MoveUp(later(9))) > 0, nil },
		"the end of waits": func(c *game.Session) (bool, error) { return did(c.Ban(player(5), game.BanRequest{}, t0)) },
		"forget": func(c *game.Session) (bool, error) {
			return len(c.Forget(player(2), game.RemovedErased, t0)) > 0, nil
		},
		"forget after the end": func(c *game.Session) (bool, error) {
			in("ended")(c)
			return len(c.Forget(player(2), game.RemovedErased, t0)) > 0, nil
		},
		"edit": func(c *game.Session) (bool, error) {
			settings := full()
			return did(c.Edit(edit(settings)))
		},
		"move": func(c *game.Session) (bool, error) {
			return did(c.Move(game.Move{Status: "in_progress"}, later(9)))
		},
		"expire": func(c *game.Session) (bool, error) { return did(c.Expire("max_duration", later(9))) },
	}
	for name, rule := range rules {
		c := s.Clone()
		equal(t, before, c)
		if changed, err := rule(&c); !changed || err != nil {
			t.Errorf("%s: changed is %t, error %v", name, changed, err)
		}
		equal(t, before, s)
	}
}
