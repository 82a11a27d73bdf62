package tests_test

import (
	"errors"
	"io"
	"regexp"
	"strconv"
	"testing"

	"game-session-manager/client"
)

// A stream that waits has a small stack, which is most of what it costs: see docs/decisions/0037-following.md.
func TestStreamsHaveSmallStacks(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	if raceDetector {
		t.Skip("the detector makes stacks larger")
	}
	const streams, most = 300, 24 << 10
	s := start(t)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	inUse := regexp.MustCompile(`(?m)^go_memstats_stack_inuse_bytes (.*)$`)
	stacks := func() float64 {
		t.Helper()
		res, err := s.http.Get(s.ops + "/debug/pprof/heap?gc=1") // a collection halves stacks that are hardly used
		must(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		must(t, errors.Join(err, res.Body.Close()))
		n, err := strconv.ParseFloat(inUse.FindStringSubmatch(s.metrics(t, "go_memstats_stack_inuse_bytes"))[1], 64)
		must(t, err)
		return n
	}
	before := stacks()
	for range streams {
		s.sse(t, eventsOf(v.ID, ""))
	}
	each := 0.0
	for range 4 {
		each = (stacks() - before) / streams
	}
	if each > most {
		t.Errorf("a stream has %.0f bytes of stacks, want at most %d", each, most)
	}
}
