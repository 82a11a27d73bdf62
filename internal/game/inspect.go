package game

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	exportPage = 500
	// overdue is how late a mark may be removed before it is reported. Background work runs every minute, and servers
	// may be down for a while.
	overdue = time.Hour
	// maxListedIDs bounds the ids in one finding.
	maxListedIDs = 10
)

// Inspection checks everything in a store: that the engine's indexes agree with the documents (see [Inspector]), and
// that the documents obey the rules, especially those that span documents. Servers may run meanwhile: a problem that
// may come from reads at different times is read again before it is reported.
//
// Memory grows with the store: about 400 bytes for each player, 70 more for each in an exclusive session, and 50 bytes
// for each other document. Documents are read in pages.
type Inspection struct {
	Deps   Deps
	Repair bool
	Tell   func(Finding)
	// Progress is called after each page with the number of documents read of a collection so far. It may be nil.
	Progress func(collection string, n int)

	players  *Players
	sessions *Sessions
	now      time.Time
	seed     maphash.Seed
	leases   map[uint64]struct{}      // sessions that have leases
	live     map[uint64]struct{}      // players that exist
	names    map[uint64]PlayerID      // owners of usernames and identities
	reported map[[2]PlayerID]struct{} // pairs of players with the same name
	places   map[uint64]SessionID     // the exclusive sessions of players
	events   eventsSeen
}

// Run inspects the store and reports every finding to Tell. It returns an error if it cannot continue.
func (i *Inspection) Run(ctx context.Context) error {
	if err := i.Deps.Store.Inspect(ctx, i.Repair, i.Tell); err != nil {
		return err
	}
	i.sessions = NewSessions(i.Deps)
	i.players = NewPlayers(i.Deps, i.sessions)
	i.now, i.seed = i.sessions.rules.now(), maphash.MakeSeed()
	i.live, i.names, i.reported = map[uint64]struct{}{}, map[uint64]PlayerID{}, map[[2]PlayerID]struct{}{}
	i.events = eventsSeen{versions: map[uint64]int64{}, feeds: map[ProjectID]*feedSeen{}}
	i.leases, i.places = map[uint64]struct{}{}, map[uint64]SessionID{}
	for _, n := range Nouns(i.now) {
		if err := n.inspect(ctx, i); err != nil {
			return err
		}
	}
	return i.checkFeeds(ctx)
}

// tell reports a finding about a document.
func (i *Inspection) tell(collection, id string, repaired bool, format string, args ...any) {
	i.Tell(Finding{Collection: collection, ID: id, Repaired: repaired, Problem: fmt.Sprintf(format, args...)})
}

func (i *Inspection) player(ctx context.Context, p Player) error {
	i.versionSeen(p.current())
	if p.ErasingSince != nil {
		if i.now.After(i.players.markRemovableAt(p).Add(overdue)) {
			i.tell("players", string(p.ID), false,
				"is the mark of an erasure that is overdue: a running server finishes it within minutes")
		}
	} else {
		i.live[i.hash(string(p.Project), string(p.ID))] = struct{}{}
	}
	for _, key := range p.names() {
		h := i.hash(key...)
		first, taken := i.names[h]
		if !taken {
			i.names[h] = p.ID
			continue
		}
		if err := i.reportDuplicate(ctx, p, first); err != nil {
			return err
		}
	}
	return nil
}

func (i *Inspection) hash(parts ...string) uint64 {
	return maphash.String(i.seed, strings.Join(parts, "\x00"))
}

// reportDuplicate reports two players with the same username or identity, after reading both again: hashes may collide,
// and the players may have changed.
func (i *Inspection) reportDuplicate(ctx context.Context, p Player, first PlayerID) error {
	pair := [2]PlayerID{first, p.ID}
	if _, known := i.reported[pair]; known || first == p.ID {
		return nil
	}
	a, err := i.Deps.Store.Player(ctx, p.Project, first)
	if err == nil {
		p, err = i.Deps.Store.Player(ctx, p.Project, p.ID)
	}
	switch {
	case errors.Is(err, ErrPlayerNotFound): // erased meanwhile
		return nil
	case err != nil:
		return err
	}
	var common []string
	for _, key := range p.names() {
		if slices.ContainsFunc(a.names(), func(other []string) bool { return slices.Equal(key, other) }) {
			common = append(common, key[1])
		}
	}
	if common = slices.Compact(common); len(common) > 0 {
		i.reported[pair] = struct{}{}
		i.tell("players", string(p.ID), false, "has the same %s as player %s", strings.Join(common, ", "), first)
	}
	return nil
}

// names returns the player's unique names: each is the project, "username" or "identity", and the value.
func (p *Player) names() [][]string {
	var names [][]string
	if p.Username != "" {
		names = append(names, []string{string(p.Project), "username", p.UsernameKey()})
	}
	for provider, subject := range p.Identities {
		names = append(names, []string{string(p.Project), "identity", provider, subject})
	}
	return names
}

func (i *Inspection) session(ctx context.Context, v Session) error {
	i.versionSeen(v.current())
	if err := errors.Join(i.missingLease(ctx, v), i.exclusivePlaces(ctx, v)); err != nil {
		return err
	}
	missing, err := i.missingPlayers(ctx, v)
	if err != nil {
		return err
	}
	lost := v.hostProblem()
	if len(missing) == 0 && lost == "" {
		return nil
	}
	repaired, err := i.repairSession(ctx, v, missing)
	if err != nil {
		return err
	}
	members := "has members"
	if v.Status.Terminal() {
		members = "has attributes of players"
	}
	named, lacking := v.Named(), map[string][]PlayerID{}
	for _, id := range missing {
		what := "has bans of players"
		switch {
		case !slices.Contains(named, id):
			what = members
		case v.waiter(id) >= 0:
			what = "has a wait list with players"
		}
		lacking[what] = append(lacking[what], id)
	}
	for _, what := range slices.Sorted(maps.Keys(lacking)) {
		i.tell("sessions", string(v.ID), repaired, "%s who do not exist: %s", what, listIDs(lacking[what]))
	}
	if lost != "" {
		i.tell("sessions", string(v.ID), repaired && !v.Status.Terminal(), "%s", lost)
	}
	return nil
}

// missingPlayers returns the players that do not exist although their erasure should have removed them or their
// attributes from the session.
func (i *Inspection) missingPlayers(ctx context.Context, v Session) ([]PlayerID, error) {
	var missing []PlayerID
	named := v.Named()
	players := slices.Clone(named)
	for _, m := range v.Members {
		if _, is := slices.BinarySearch(named, m.PlayerID); !is {
			players = append(players, m.PlayerID)
		}
	}
	for _, id := range players {
		if _, ok := i.live[i.hash(string(v.Project), string(id))]; ok {
			continue
		}
		if probe := v.clone(); len(probe.Forget(id, RemovedErased, i.now)) == 0 {
			continue
		}
		// The player may have been registered meanwhile. An erased one is only missing if no sweep is under way.
		p, err := i.Deps.Store.Player(ctx, v.Project, id)
		switch {
		case errors.Is(err, ErrPlayerNotFound), err == nil && p.ErasingSince != nil && p.SweepSince == nil:
			missing = append(missing, id)
		case err != nil:
			return nil, err
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	current, err := i.Deps.Store.Session(ctx, v.Project, v.ID)
	if errors.Is(err, ErrSessionNotFound) {
		return nil, nil
	}
	return slices.DeleteFunc(missing, func(id PlayerID) bool {
		return len(current.Forget(id, RemovedErased, i.now)) == 0
	}), err
}

// hostProblem returns what is wrong with the host, or "".
func (s *Session) hostProblem() string {
	probe := s.clone()
	switch {
	case s.HostID != nil && s.member(*s.HostID) < 0:
		return "has a host who is not a member"
	case len(probe.updateHost()) > 0:
		return "has a joined member, but no host that has joined"
	}
	return ""
}

// repairSession removes missing players from the session and chooses a new host if necessary. It reports whether the
// repair succeeded.
func (i *Inspection) repairSession(ctx context.Context, v Session, missing []PlayerID) (bool, error) {
	if !i.Repair {
		return false, nil
	}
	ctx = WithCaller(ctx, Caller{Project: v.Project, Name: "inspection"})
	_, err := i.sessions.change(ctx, v.ID, nil, func(v *Session, _ time.Time) (done []Change, _ error) {
		for _, id := range missing {
			done = append(done, v.Forget(id, RemovedErased, i.now)...)
		}
		return append(done, v.updateHost()...), nil
	})
	return err == nil, err
}

// listIDs formats the first ids of a list.
func listIDs(ids []PlayerID) string {
	list := strings.Join(texts(ids[:min(len(ids), maxListedIDs)]), ", ")
	if more := len(ids) - maxListedIDs; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

func (i *Inspection) webhook(_ context.Context, w Webhook) error {
	i.versionSeen(w.versionAt(w.UpdatedAt))
	return nil
}

func (i *Inspection) key(_ context.Context, k Key) error {
	i.versionSeen(versioned{subject: Subject{SubjectKey, string(k.ID)}, version: k.Version})
	return nil
}
