package mongostore

import (
	"slices"
	"testing"

	"game-session-manager/internal/game"
)

// TestDocumentsToTellOf has new events while others are told or events are moved: nothing is hidden meanwhile, and what
// was stored meanwhile is next.
func TestDocumentsToTellOf(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	subject := func(id string) game.Subject { return game.Subject{Kind: game.SubjectPlayer, ID: id} }
	wantUntold := func(want ...string) {
		t.Helper()
		var got []string
		for _, u := range o.toTell(10) {
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
	telling := o.toTell(10)
	wantUntold("a", "b", "c")
	o.add(subject("b"))
	o.told(telling)
	wantUntold("b")
	o.told(telling)
	wantUntold("b")
	o.told(o.toTell(10))
	wantUntold()

	o.add(subject("b"))
	o.told(telling)
	wantUntold("b")
	o.add(subject("a"))
	if some := o.toTell(1); len(some) != 1 {
		t.Errorf("got %v, want one of two documents", some)
	}
}
