package mongostore

import (
	"slices"
	"testing"

	"game-session-manager/internal/game"
)

// TestDocumentsToTellOf has a mover and new events while others are told: nothing is hidden from the mover meanwhile,
// and what was stored meanwhile is told next.
func TestDocumentsToTellOf(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	subject := func(id string) game.Subject { return game.Subject{Kind: game.SubjectPlayer, ID: id} }
	wantUntold := func(want ...string) {
		t.Helper()
		var got []string
		for _, u := range o.toTell() {
			got = append(got, u.subject.ID)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("documents to tell of are %v, want %v", got, want)
		}
	}
	for _, id := range []string{"a", "b", "c"} {
		o.add(subject(id))
	}
	telling := o.toTell()
	wantUntold("a", "b", "c")
	o.add(subject("b"))
	o.told(telling)
	wantUntold("b")

	telling = o.toTell()
	if moving := o.take(10); len(moving) != 1 || moving[0].ID != "b" {
		t.Errorf("the mover takes %v, want b", moving)
	}
	o.told(telling)
	wantUntold()
	o.putBack([]game.Subject{subject("b")})
	o.told(telling)
	wantUntold("b")
}
