package limits

import "sync"

// PlayerStreams is how many event streams one player may have open at a process.
const PlayerStreams = 10

// Streams limits how many event streams are open at once, in all and by each caller. It is safe for concurrent use.
type Streams struct {
	limit int

	mu   sync.Mutex
	open int
	of   map[caller]int
}

// NewStreams returns a limit on all streams; 0 is no limit.
func NewStreams(limit int) *Streams { return &Streams{limit: limit, of: map[caller]int{}} }

// Of returns how many streams one caller of a class may have; 0 for no limit.
func (s *Streams) Of(c Class) int {
	switch {
	case c == "":
		return s.limit
	case c == Player:
		return PlayerStreams
	case s.limit == 0:
		return 0
	}
	return max(s.limit/2, 1)
}

// StreamRefusal says whose limit is reached.
type StreamRefusal int

// The refusals.
const (
	StreamAdmitted StreamRefusal = iota
	StreamsOfAll
	StreamsOfCaller
)

// Enter counts a stream of a caller, or says why there must not be one more. The caller must call leave once.
func (s *Streams) Enter(of Class, name string) (leave func(), refused StreamRefusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := caller{of, name}
	if s.limit > 0 && s.open >= s.limit {
		return nil, StreamsOfAll
	}
	if most := s.Of(of); most > 0 && s.of[c] >= most {
		return nil, StreamsOfCaller
	}
	s.open++
	s.of[c]++
	return func() { s.leave(c) }, StreamAdmitted
}

// Open returns how many streams are open.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *Streams) leave(c caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.of[c]--; s.of[c] == 0 {
		delete(s.of, c)
	}
}
