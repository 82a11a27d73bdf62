package game_test

import (
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

// What players write in their languages is kept, and the same name is stored as the same characters.
func TestNamesAreNormalised(t *testing.T) {
	t.Parallel()
	const england = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
	for name, want := range map[string]string{
		"Alice":                    "Alice",
		"  Alice   B  ":            "Alice B",
		"\u00a0Alice\u3000\u2003B": "Alice B",
		"Zoe\u0308":                "Zoë",
		"Ａｌｉｃｅ":                    "Alice",
		"\ufb01ne x²":              "fine x2",
		"ｱﾘｽ":                      "アリス",
		"아리":                       "아리",
		"\u110b\u1161\u1105\u1175": "아리",
		"ㅋㅋ 아리 ㅠㅠ":                 "ㅋㅋ 아리 ㅠㅠ",
		"علی\u200cرضا":             "علی\u200cرضا", // two words written as one
		"مُ\u200cک":                "مُ\u200cک",
		"ه\u200d":                  "ه\u200d", // an initial form, as in abbreviations
		"क्\u200dष क्\u200cष":      "क्\u200dष क्\u200cष",
		"ශ්\u200dරී":               "ශ්\u200dරී",
		"র\u200d্যাব":              "র\u200d্যাব",
		"👨\u200d👩\u200d👧\u200d👦":   "👨\u200d👩\u200d👧\u200d👦",
		"👩🏽\u200d💻":                "👩🏽\u200d💻",
		"🏳\ufe0f\u200d🌈":           "🏳\ufe0f\u200d🌈",
		"👁\ufe0f\u200d🗨\ufe0f":     "👁\ufe0f\u200d🗨\ufe0f",
		"❤\ufe0f\u200d🔥":           "❤\ufe0f\u200d🔥",
		"🙂\u200d↔\ufe0f":           "🙂\u200d↔\ufe0f",
		"1\ufe0f\u20e3":            "1\ufe0f\u20e3",
		"\U0001f1e9\U0001f1ea":     "\U0001f1e9\U0001f1ea",
		"\U0001fae9\U0001faff x":   "\U0001fae9\U0001faff x", // newer than these tables
		england:                    england,
		"葛\U000e0100城":             "葛\U000e0100城",
		"⠓⠊⠀⠗":                     "⠓⠊⠀⠗",
		"?":                        "?",
	} {
		_, err := stored(t, name, want)
		if err != nil {
			t.Errorf("%+q: %v", name, err)
		}
	}
}

// stored registers, opens and changes documents under a name, and compares with what it must have become on each way.
func stored(t *testing.T, name, want string) (game.Player, error) {
	t.Helper()
	p, err := game.NewPlayer(player(1), "p", game.Profile{Username: "alice", DisplayName: name}, t0)
	if err != nil {
		return p, err
	}
	if p.DisplayName != want {
		t.Errorf("%+q became %+q, want %+q", name, p.DisplayName, want)
	}
	if changed, err := did(p.Edit(game.Profile{Username: "alice", DisplayName: want}, t0)); changed || err != nil {
		t.Errorf("%+q changes once it is stored: %t, %v", want, changed, err)
	}
	settings := game.Settings{Name: name, Mode: name, Map: name, Region: name, MaxPlayers: 2}
	s, err := game.NewSession(game.SessionID(testID(1000)), "p", game.SessionRequest{Settings: settings}, t0)
	if err != nil {
		return p, err
	}
	for _, got := range []string{s.Name, s.Mode, s.Map, s.Region} {
		if got != want {
			t.Errorf("%+q became %+q in a session, want %+q", name, got, want)
		}
	}
	changed, err := did(s.Edit(game.SessionEdit{Settings: settings, Timeouts: s.Timeouts}))
	if changed || err != nil || s.Settings.Differences(settings) != nil {
		t.Errorf("%+q changes a session that has it: %t, %v", name, changed, err)
	}
	return p, nil
}

// Names that show nothing, another name than they are, or what is no text are rejected in every field for people.
func TestNamesThatMislead(t *testing.T) {
	t.Parallel()
	for name, reason := range map[string]string{
		" ": "visible", "\u00a0\u00a0": "visible", "\u3000": "visible", "\u2800\u2800": "visible", "\u0301": "visible",
		"\ufffc": "visible", "\U0001d159": "visible",
		"\u200b\u200b": "invisible", "\u3164": "invisible", "\uffa0": "invisible", "\u115f": "invisible",
		"\u1160": "invisible", "\u00ad": "invisible", "\u034f": "invisible",
		"\u2060": "invisible", "\ufeff": "invisible", "\u180e": "invisible", "\u17b4": "invisible",
		"\U000e0041": "invisible", "\U000e0001": "invisible", "\U0001d173": "invisible",
		"\ufe0f": "invisible", "a\ufe0f\ufe0f": "invisible", "\u200d": "invisible", "\u200c": "invisible",
		"Al\u200bice": "invisible", "Alice\u3164": "invisible",
		"ad\u200dmin": "invisible", "ad\u200cmin": "invisible", "админ\u200d": "invisible", "علی\u200c": "invisible",
		"👨\u200d": "invisible", "👨\u200da": "invisible", "क\u200d\u200dष": "invisible",
		"🏴\U000e0067": "invisible", "🏴\U000e007f": "invisible", "a\U000e0067\U000e007f": "invisible",
		"\u202enimda": "direction", "a\u202a": "direction", "\u202b": "direction", "\u202c": "direction",
		"\u202d": "direction", "a\u2066b": "direction", "\u2067": "direction",
		"\u2068": "direction", "\u2069": "direction", "a\u200e": "direction", "a\u200f": "direction",
		"\u061c":  "direction",
		"a\ufffe": "noncharacters", "a\uffff": "noncharacters", "a\ufdd0": "noncharacters", "a\ufdef": "noncharacters",
		"a\U0001ffff": "noncharacters", "a\U0010fffe": "noncharacters", "\ue000": "noncharacters",
		"a\x00": "control", "a\tb": "control", "a\n": "control", "a\u2028b": "control", "a\u0085": "control",
		"\xff": "UTF-8",
	} {
		_, err := game.NewPlayer(player(1), "p", game.Profile{Username: "alice", DisplayName: name}, t0)
		e := rejected(t, err, game.ErrValidation)
		if len(e.Fields) != 1 || e.Fields[0].Field != "display_name" || !strings.Contains(e.Fields[0].Message, reason) {
			t.Errorf("%+q: got %v, want a reason with %q", name, e.Fields, reason)
		}
		invalid(t, game.Settings{
			Name: name, Mode: name, Map: name, Region: name, MaxPlayers: 2,
		}.Validate(), "map", "mode",
			"name", "region")
		invalid(t, game.KeyRequest{Name: name, Scope: game.ScopeRead}.Validate(), "name")
		s := newSession(t)
		if _, err := s.Edit(edit(game.Settings{Name: name, MaxPlayers: 2})); err == nil {
			t.Errorf("%+q: an edit took it", name)
		}
	}
	invalid(t, game.Profile{
		Username: "alice", Status: game.PlayerSuspended, SuspensionReason: "\u202enimda",
	}.Validate(),
		"suspension_reason")
	if err := (game.Profile{
		Username: "alice", Status: game.PlayerSuspended,
		SuspensionReason: "cheats\n- aim bot",
	}).Validate(); err != nil {
		t.Errorf("lines of a reason: %v", err)
	}
}

// The limit counts characters of what is stored.
func TestLongNames(t *testing.T) {
	t.Parallel()
	if _, err := stored(t, " "+strings.Repeat("é", 64)+" ", strings.Repeat("é", 64)); err != nil {
		t.Error(err)
	}
	// which is 18 characters in NFKC
	for _, name := range []string{strings.Repeat("a", 65), strings.Repeat("\ufdfa", 4)} {
		invalid(t, game.Profile{Username: "alice", DisplayName: name}.Validate(), "display_name")
	}
}

// FuzzName holds that a stored name is stored as it is when it comes again.
func FuzzName(f *testing.F) {
	for _, s := range []string{
		"Alice", " a  b", "\u00a8", "ㅋㅋ", "علی\u200cرضا", "🏳\ufe0f\u200d🌈", "\ufdfa",
		"\u1e9b\u0323", "\u0344",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p, err := game.NewPlayer(player(1), "p", game.Profile{Username: "alice", DisplayName: name}, t0)
		if err != nil {
			return
		}
		if _, err := stored(t, p.DisplayName, p.DisplayName); err != nil {
			t.Errorf("%+q was stored of %+q: %v", p.DisplayName, name, err)
		}
	})
}
