package game_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// profile returns a profile with every field set.
func profile() game.Profile {
	return game.Profile{
		Username: "Ada.L", DisplayName: "Ada 語", Identities: map[string]string{"steam": "7656"},
		Attributes: game.Attributes{"mmr": game.NumberValue(1500)}, Status: game.PlayerSuspended,
		SuspendedUntil: new(later(3600)), SuspensionReason: "spam",
	}
}

func newPlayer(tb testing.TB, f game.Profile) game.Player {
	tb.Helper()
	p, err := game.NewPlayer(player(1), "p", f, t0)
	ok(tb, err)
	return p
}

// fieldsOf lists the names of a struct's fields.
func fieldsOf[T any]() []string {
	var names []string
	for f := range reflect.TypeFor[T]().Fields() {
		names = append(names, f.Name)
	}
	return names
}

func TestNewPlayer(t *testing.T) {
	t.Parallel()
	equal(t, game.Player{
		ID: player(1), Project: "p", Version: 1, CreatedAt: t0, UpdatedAt: t0, LastSeenAt: &t0,
		Profile: game.Profile{
			Username: "Ada", DisplayName: "Ada", Status: "active", Identities: map[string]string{},
			Attributes: game.Attributes{},
		},
	}, newPlayer(t, game.Profile{Username: "Ada"}))
	equal(t, game.Player{
		ID: player(1), Project: "p", Version: 1, CreatedAt: t0, UpdatedAt: t0, LastSeenAt: &t0, Profile: profile(),
	}, newPlayer(t, profile()))
	_, err := game.NewPlayer(player(1), "p", game.Profile{}, t0)
	invalid(t, err, "username")
}

func TestProfileLimits(t *testing.T) {
	t.Parallel()
	identities := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprintf("p-%d", i)] = "s"
		}
		return m
	}
	one := func(provider, subject string) func(*game.Profile) {
		return func(f *game.Profile) { f.Identities = map[string]string{provider: subject} }
	}
	name := func(s string) func(*game.Profile) { return func(f *game.Profile) { f.Username = s } }
	shown := func(s string) func(*game.Profile) { return func(f *game.Profile) { f.DisplayName = s } }
	until := func(s string) func(*game.Profile) {
		return func(f *game.Profile) {
			at, err := time.Parse(time.RFC3339, s)
			ok(t, err)
			f.SuspendedUntil = &at
		}
	}
	tests := []struct {
		name   string
		change func(*game.Profile)
		fields []string
	}{
		{"shortest name", name("a-_"), nil},
		{"shorter name", name("ab"), []string{"username"}},
		{"longest name", name(strings.Repeat("Z", 32)), nil},
		{"longer name", name(strings.Repeat("Z", 33)), []string{"username"}},
		{"all marks", name("a.b_c-9"), nil},
		{"name with a space", name("a b c"), []string{"username"}},
		{"name in another script", name("ädä"), []string{"username"}},
		{"name with a letter that folds to ASCII", name("\u212aelvin"), []string{"username"}},
		{"no name", name(""), []string{"username"}},

		{"longest shown name, in characters", shown(strings.Repeat("語", 64)), nil},
		{"longer shown name", shown(strings.Repeat("語", 65)), []string{"display_name"}},
		{"shown name with a tab", shown("a\tb"), []string{"display_name"}},
		{"shown name that is no UTF-8", shown("\xff"), []string{"display_name"}},

		{"most identities", func(f *game.Profile) { f.Identities = identities(16) }, nil},
		{"more identities", func(f *game.Profile) { f.Identities = identities(17) }, []string{"identities"}},
		{"longest identity", one(strings.Repeat("p", 32), strings.Repeat("s", 255)), nil},
		{"longer provider", one(strings.Repeat("p", 33), "s"), []string{"identities"}},
		{"no provider", one("", "s"), []string{"identities"}},
		{"provider with a dot", one("a.b", "s"), []string{"identities"}},
		{"longer subject", one("steam", strings.Repeat("s", 256)), []string{"identities.steam"}},
		{"longer subject, in bytes", one("steam", strings.Repeat("ä", 128)), []string{"identities.steam"}},
		{"no subject", one("steam", ""), []string{"identities.steam"}},
		{"subject with a control", one("steam", "a\x00"), []string{"identities.steam"}},

		{"most attributes", func(f *game.Profile) { f.Attributes = attributes(64) }, nil},
		{"more attributes", func(f *game.Profile) { f.Attributes = attributes(65) }, []string{"attributes"}},
		{"largest attributes", func(f *game.Profile) { f.Attributes = sized(16 << 10) }, nil},
		{"larger attributes", func(f *game.Profile) { f.Attributes = sized(16<<10 + 1) }, []string{"attributes"}},

		{"unknown status", func(f *game.Profile) { f.Status = "banned" }, []string{"status"}},
		{"active with a suspension", func(f *game.Profile) { f.Status = "active" }, []string{
			"suspended_until", "suspension_reason",
		}},
		{"no status with a suspension", func(f *game.Profile) { f.Status = "" }, []string{
			"suspended_until", "suspension_reason",
		}},
		{
			"suspended without end or reason", func(f *game.Profile) { f.SuspendedUntil, f.SuspensionReason = nil, "" },
			nil,
		},
		{"longest reason", func(f *game.Profile) { f.SuspensionReason = strings.Repeat("語", 256) }, nil},
		{"longer reason", func(f *game.Profile) { f.SuspensionReason = strings.Repeat("r", 257) }, []string{
			"suspension_reason",
		}},
		{"reason with lines", func(f *game.Profile) { f.SuspensionReason = "a\nb" }, nil},
		{"reason with U+0000", func(f *game.Profile) { f.SuspensionReason = "a\x00" }, []string{"suspension_reason"}},
		// RFC 3339 has four digits for a year, and an offset can carry a time across both ends.
		{"last time", until("9999-12-31T23:59:59Z"), nil},
		{"time beyond the last", until("9999-12-31T23:59:59-01:00"), []string{"suspended_until"}},
		{"time before the first", until("0000-01-01T00:00:00+01:00"), []string{"suspended_until"}},

		{"everything at once", func(f *game.Profile) {
			*f = game.Profile{
				DisplayName: "\n", Identities: map[string]string{"": "", "steam": ""},
				Attributes: game.Attributes{"ä": {}},
				Status:     "x", SuspendedUntil: new(t0), SuspensionReason: strings.Repeat("r", 257),
			}
		}, []string{
			"attributes", "display_name", "identities", "identities.steam", "status", "suspension_reason", "username",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := profile()
			tt.change(&f)
			p := newPlayer(t, game.Profile{Username: "before"})
			before := p
			changed, err := did(p.Edit(f, t0))
			if tt.fields != nil {
				invalid(t, err, tt.fields...)
				equal(t, before, p)
				return
			}
			ok(t, err)
			if !changed {
				t.Error("an edit that changes something reports nothing")
			}
		})
	}
}

// Every field of a profile is edited and compared: a new one that is forgotten in either place fails here.
func TestPlayerEditEveryField(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*game.Profile){
		"Username":    func(f *game.Profile) { f.Username = "ada.l" }, // the case alone is a change
		"DisplayName": func(f *game.Profile) { f.DisplayName = "x" },
		"Identities":  func(f *game.Profile) { f.Identities = map[string]string{"steam": "1"} },
		"Attributes":  func(f *game.Profile) { f.Attributes = nil },
		"Status": func(f *game.Profile) {
			f.Status, f.SuspendedUntil, f.SuspensionReason = "active", nil, ""
		},
		"SuspendedUntil":   func(f *game.Profile) { f.SuspendedUntil = nil },
		"SuspensionReason": func(f *game.Profile) { f.SuspensionReason = "" },
	}
	for _, field := range fieldsOf[game.Profile]() {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			change := changes[field]
			if change == nil {
				t.Fatal("this test does not know the field")
			}
			p := newPlayer(t, profile())
			if changed, err := did(p.Edit(profile(), t0)); changed || err != nil {
				t.Errorf("the same profile: changed is %t, error %v", changed, err)
			}
			f := profile()
			change(&f)
			want := f
			if want.Attributes == nil {
				want.Attributes = game.Attributes{}
			}
			changed, err := did(p.Edit(f, t0))
			if ok(t, err); !changed {
				t.Error("the edit reports no change")
			}
			equal(t, want, p.Profile)
		})
	}
}

func TestPlayerEdit(t *testing.T) {
	t.Parallel()
	t.Run("without a status the suspension stays", func(t *testing.T) {
		t.Parallel()
		p := newPlayer(t, profile())
		changed, err := did(p.Edit(game.Profile{Username: "Eve"}, t0))
		if ok(t, err); !changed {
			t.Error("no change")
		}
		equal(t, game.Profile{
			Username: "Eve", DisplayName: "Eve", Identities: map[string]string{}, Attributes: game.Attributes{},
			Status: "suspended", SuspendedUntil: new(later(3600)), SuspensionReason: "spam",
		}, p.Profile)
	})
	t.Run("times are kept in UTC to the millisecond", func(t *testing.T) {
		t.Parallel()
		f := profile()
		f.SuspendedUntil = new(later(3600).Add(999 * time.Microsecond).In(time.FixedZone("", 3600)))
		p := newPlayer(t, f)
		if changed, err := did(p.Edit(profile(), t0)); changed || err != nil {
			t.Errorf("changed is %t, error %v", changed, err)
		}
		if *p.SuspendedUntil != later(3600) {
			t.Errorf("the time is kept as %v", *p.SuspendedUntil)
		}
	})
	t.Run("nothing is kept of the request", func(t *testing.T) {
		t.Parallel()
		f := profile()
		p := newPlayer(t, f)
		f.Identities["steam"], f.Attributes["mmr"] = "other", game.BoolValue(true)
		*f.SuspendedUntil = t0
		equal(t, profile(), p.Profile)
	})
}

func TestCanPlay(t *testing.T) {
	t.Parallel()
	suspended := func(until *time.Time) game.Player {
		return game.Player{ID: player(1), Profile: game.Profile{Status: "suspended", SuspendedUntil: until}}
	}
	tests := []struct {
		name   string
		player game.Player
		now    time.Time
		can    bool
	}{
		{"active", game.Player{Profile: game.Profile{Status: "active"}}, t0, true},
		{"suspended for good", suspended(nil), later(1 << 30), false},
		{"suspended for a while", suspended(new(later(10))), later(10).Add(-time.Millisecond), false},
		{"at the end of the suspension", suspended(new(later(10))), later(10), true},
		{"after the suspension", suspended(new(later(10))), later(11), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.player.CanPlay(tt.now)
			if tt.can {
				ok(t, err)
				return
			}
			e := rejected(t, err, game.ErrPlayerSuspended)
			var want map[string]any
			if tt.player.SuspendedUntil != nil {
				want = map[string]any{"suspended_until": *tt.player.SuspendedUntil}
			}
			equal(t, want, e.Extras)
		})
	}
}

func TestUsernameKey(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, game.Profile{Username: "Ada_Z.9"})
	if key := p.UsernameKey(); key != "ada_z.9" {
		t.Errorf("the key is %s", key)
	}
}

// Nothing that a client ever set is left in the mark, whatever fields a player gets later.
func TestErase(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, profile())
	p.Version = 7
	p.EraseAt(later(5))
	equal(t, game.Player{
		ID: player(1), Project: "p", Version: 7, CreatedAt: t0, ErasingSince: new(later(5)), SweepSince: new(later(5)),
		Profile: game.Profile{Identities: map[string]string{}, Attributes: game.Attributes{}},
	}, p)
}

func TestValidID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		testID(1):                               true,
		"01890a5d-ac96-774b-bcce-b302099a8057":  true,
		"":                                      false,
		"01890A5D-AC96-774B-BCCE-B302099A8057":  false,
		"01890a5d-ac96-774b-bcce-b302099a805":   false,
		"01890a5d-ac96-774b-bcce-b302099a80577": false,
		"01890a5dac96-774b-bcce-b302099a8057-":  false,
		"01890a5d-ac96-774b-bcceab302099a8057":  false,
		"01890a5d-ac96-774b-bcce-b302099a805g":  false,
		"0189-a5d-ac96-774b-bcce-b302099a8057":  false,
		"01890a5d-ac96-774b-bcce-b302099a80é":   false,
	} {
		if got := game.ValidID(id); got != want {
			t.Errorf("%q: valid is %t, want %t", id, got, want)
		}
	}
}
