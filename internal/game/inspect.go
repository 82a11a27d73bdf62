package game

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
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
// Memory grows with the store: about 400 bytes for each player, and 50 bytes for each other document. Documents are
// read in pages.
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
	store := i.Deps.Store
	i.leases = map[uint64]struct{}{}
	err := forEachExported(
		ctx, i.countRead("leases"), store.ExportLeases, func(l Lease) LeaseID { return l.ID() }, i.lease,
	)
	if err != nil {
		return err
	}
	err = forEachExported(
		ctx, i.countRead("players"), store.ExportPlayers, func(p Player) PlayerID { return p.ID }, i.player,
	)
	if err != nil {
		return err
	}
	err = forEachExported(
		ctx, i.countRead("sessions"), store.ExportSessions, func(v Session) SessionID { return v.ID }, i.session,
	)
	if err != nil {
		return err
	}
	err = forEachExported(
		ctx, i.countRead("idempotency"), store.ExportClaims, func(c Claim) string { return c.Key }, i.claim,
	)
	if err != nil {
		return err
	}
	err = forEachExported(ctx, i.countRead("api_keys"), store.ExportKeys, func(k Key) KeyID { return k.ID }, i.key)
	if err != nil {
		return err
	}
	if err := i.signingKeys(ctx); err != nil {
		return err
	}
	err = forEachExported(
		ctx, i.countRead("events"), store.ExportEvents, func(e Event) string { return e.ID() }, i.event,
	)
	if err != nil {
		return err
	}
	return i.checkFeeds(ctx)
}

// forEachExported calls do for each document of an export.
func forEachExported[D any, I ~string](
	ctx context.Context, count func(int), page func(context.Context, I, int) ([]D, error), id func(D) I,
	do func(context.Context, D) error,
) error {
	var after I
	for {
		found, err := page(ctx, after, exportPage)
		if err != nil {
			return err
		}
		for _, d := range found {
			if err := do(ctx, d); err != nil {
				return err
			}
		}
		count(len(found))
		if len(found) < exportPage {
			return nil
		}
		after = id(found[len(found)-1])
	}
}

// countRead returns a function that adds to the number of documents read of a collection.
func (i *Inspection) countRead(collection string) func(int) {
	total := 0
	return func(n int) {
		total += n
		if i.Progress != nil {
			i.Progress(collection, total)
		}
	}
}

func (i *Inspection) player(ctx context.Context, p Player) error {
	i.versionSeen(p.current())
	if wrong := p.brokenRules(); len(wrong) > 0 {
		i.Tell(Finding{Collection: "players", ID: string(p.ID), Problem: describeProblems(wrong)})
	}
	if p.ErasingSince != nil {
		if i.now.After(i.players.markRemovableAt(p).Add(overdue)) {
			i.Tell(Finding{
				Collection: "players", ID: string(p.ID),
				Problem: "is the mark of an erasure that is overdue: a running server finishes it within minutes",
			})
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
		i.Tell(Finding{Collection: "players", ID: string(p.ID), Problem: fmt.Sprintf(
			"has the same %s as player %s", strings.Join(common, ", "), first,
		)})
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
	if err := i.missingLease(ctx, v); err != nil {
		return err
	}
	if wrong := v.brokenRules(); len(wrong) > 0 {
		i.Tell(Finding{Collection: "sessions", ID: string(v.ID), Problem: describeProblems(wrong)})
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
	if len(missing) > 0 {
		what := "members"
		if v.Status.Terminal() {
			what = "attributes of players"
		}
		i.Tell(Finding{
			Collection: "sessions", ID: string(v.ID), Repaired: repaired,
			Problem: fmt.Sprintf("has %s who do not exist: %s", what, listIDs(missing)),
		})
	}
	if lost != "" {
		i.Tell(Finding{
			Collection: "sessions", ID: string(v.ID), Problem: lost, Repaired: repaired && !v.Status.Terminal(),
		})
	}
	return nil
}

// missingPlayers returns the members that do not exist although their erasure should have removed them or their
// attributes from the session.
func (i *Inspection) missingPlayers(ctx context.Context, v Session) ([]PlayerID, error) {
	var missing []PlayerID
	for _, m := range v.Members {
		if _, ok := i.live[i.hash(string(v.Project), string(m.PlayerID))]; ok {
			continue
		}
		if probe := v.clone(); len(probe.Forget(m.PlayerID, RemovedErased, i.now)) == 0 {
			continue
		}
		// The player may have been registered meanwhile. An erased one is only missing if no sweep is under way.
		p, err := i.Deps.Store.Player(ctx, v.Project, m.PlayerID)
		switch {
		case errors.Is(err, ErrPlayerNotFound), err == nil && p.ErasingSince != nil && p.SweepSince == nil:
			missing = append(missing, m.PlayerID)
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
	var b strings.Builder
	for n, id := range ids {
		if n == maxListedIDs {
			fmt.Fprintf(&b, " and %d more", len(ids)-n)
			break
		}
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(id))
	}
	return b.String()
}

func (i *Inspection) claim(_ context.Context, c Claim) error {
	var p problems
	p.check(c.Key != "" && c.Fingerprint != "" && c.DocumentID != "", "key", "fingerprint and document must be set")
	p.check(!c.ExpiresAt.After(i.now.Add(IdempotencyTTL+overdue)), "expires_at", "is later than it can be")
	if len(p) > 0 {
		i.Tell(Finding{Collection: "idempotency", ID: c.Key, Problem: describeProblems(p)})
	}
	return nil
}

func (i *Inspection) key(_ context.Context, k Key) error {
	i.versionSeen(versioned{subject: Subject{SubjectKey, string(k.ID)}, version: k.Version})
	if wrong := k.brokenRules(); len(wrong) > 0 {
		i.Tell(Finding{Collection: "api_keys", ID: string(k.ID), Problem: describeProblems(wrong)})
	}
	return nil
}

func (i *Inspection) signingKeys(ctx context.Context) error {
	found, err := i.Deps.Store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range found {
		if wrong := k.brokenRules(); len(wrong) > 0 {
			i.Tell(Finding{Collection: "signing_keys", ID: k.ID, Problem: describeProblems(wrong)})
		}
	}
	i.countRead("signing_keys")(len(found))
	return nil
}
