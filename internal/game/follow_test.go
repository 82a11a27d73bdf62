package game_test

import (
	"slices"
	"testing"

	"game-session-manager/internal/game"
)

// What a player sees of events, and which one is its last.
func TestFollowingShows(t *testing.T) {
	t.Parallel()
	const me, other, host = game.PlayerID("me"), game.PlayerID("other"), game.PlayerID("host")
	all := game.AllChanges()
	for i, c := range all { // of another player
		switch c.(type) {
		case game.PlayerBanned:
			all[i] = game.PlayerBanned{PlayerID: other, Why: "x"}
		case game.BanLifted:
			all[i] = game.BanLifted{PlayerID: other}
		case game.WaitListJoined:
			all[i] = game.WaitListJoined{PlayerID: other}
		case game.WaitListLeft:
			all[i] = game.WaitListLeft{PlayerID: other, Why: "x"}
		case game.MemberRemoved:
			all[i] = game.MemberRemoved{PlayerID: other, Why: "x"}
		}
	}
	hosted := slices.DeleteFunc(slices.Clone(all), func(c game.Change) bool {
		_, is := c.(game.HostChanged)
		return is
	})
	for name, tt := range map[string]struct {
		hosts   bool
		version int64 // of the event; the session was read at version 5
		changes game.Changes
		shown   int // of the changes
		end     game.FollowEnd
		ended   game.FollowEnd
	}{
		"everything of others": {false, 6, all, len(all) - 4, "", game.FollowSessionEnded},
		"everything to a host": {true, 6, hosted, len(hosted), "", game.FollowSessionEnded},
		"leaves":               {false, 6, game.Changes{game.MemberLeft{me}}, 1, game.FollowRemoved, ""},
		"is kicked":            {false, 6, game.Changes{game.MemberRemoved{PlayerID: me}}, 1, game.FollowRemoved, ""},
		"left before":          {false, 5, game.Changes{game.MemberLeft{me}}, 1, "", ""},
		"comes back":           {false, 6, game.Changes{game.MemberLeft{me}, game.MemberJoined{me}}, 2, "", ""},
		"gets a seat": {
			false, 6,
			game.Changes{game.WaitListLeft{PlayerID: me, Reason: game.WaitSeated}, game.SeatReservedFor{me}},
			2, "", "",
		},
		"waits no more": {
			false, 6, game.Changes{game.WaitListLeft{PlayerID: me, Reason: game.WaitKicked}}, 1, game.FollowRemoved, "",
		},
		"is banned":       {false, 6, game.Changes{game.PlayerBanned{PlayerID: me}}, 1, "", ""},
		"becomes host":    {false, 6, game.Changes{game.HostChanged{To: me}, game.BanLifted{other}}, 2, "", ""},
		"is host no more": {true, 6, game.Changes{game.HostChanged{To: other}, game.BanLifted{other}}, 1, "", ""},
		"the session ends": {
			false, 6, game.Changes{game.StatusChanged{To: game.StatusExpired}}, 1, "", game.FollowSessionEnded,
		},
		"the session starts": {false, 6, game.Changes{game.StatusChanged{To: game.StatusInProgress}}, 1, "", ""},
		"is removed":         {false, 6, game.Changes{game.SessionPurged{}}, 1, "", game.FollowSessionEnded},
		"a ban":              {false, 6, game.Changes{game.PlayerBanned{PlayerID: other}}, 0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := game.FollowingOf(me, 5, tt.hosts)
			e := game.Event{
				Version: tt.version, Actor: game.Actor{Kind: game.ActorPlayer, ID: string(host)}, ActingAs: other,
				RequestID: "r", Changes: tt.changes,
			}
			shown, end := f.Show(e)
			equal(t, len(shown.Changes), tt.shown)
			equal(t, end, tt.end)
			equal(t, f.Ended(), tt.ended)
			equal(t, shown.RequestID, "")
			hidden := tt.shown == 0
			equal(t, shown.Actor.ID == "", hidden)
			equal(t, shown.ActingAs == "", hidden)
			for _, c := range shown.Changes {
				if c, is := c.(game.MemberRemoved); is && !tt.hosts {
					equal(t, c.Why, "")
				}
			}
			equal(t, len(e.Changes), len(tt.changes))
			equal(t, e.RequestID, "r")
		})
	}
}
