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
	// overdue is how much later than it could a mark may go: background work looks every minute, and a server may be
	// down for a while.
	overdue = time.Hour
	// maxTold bounds the ids in one finding.
	maxTold = 10
)

// Inspection checks everything that is stored: that what the engine keeps agrees with the documents (see [Inspector]),
// and that the documents keep the rules' promises, those that span documents above all. It may run beside servers: what
// looks wrong for being read at two times is read again before it is told.
//
// In memory it keeps hashes of each player, and a hash and an id for each username and identity, some 400 bytes a
// player, and a hash and a version of each other document, some 50 bytes a session; everything else is read by pages.
type Inspection struct {
	Deps   Deps
	Repair bool
	Tell   func(Finding)
	// Progress is told, after each page, how many documents of a collection were read. It may be nil.
	Progress func(collection string, n int)

	players  *Players
	sessions *Sessions
	now      time.Time
	seed     maphash.Seed
	live     map[uint64]struct{}      // players who exist
	names    map[uint64]PlayerID      // whose a username or an identity is
	told     map[[2]PlayerID]struct{} // pairs who have a name in common
	events   eventsSeen
}

// Run answers an error where the inspection could not go on.
func (i *Inspection) Run(ctx context.Context) error {
	if err := i.Deps.Store.Inspect(ctx, i.Repair, i.Tell); err != nil {
		return err
	}
	i.sessions = NewSessions(i.Deps)
	i.players = NewPlayers(i.Deps, i.sessions)
	i.now, i.seed = i.sessions.rules.now(), maphash.MakeSeed()
	i.live, i.names, i.told = map[uint64]struct{}{}, map[uint64]PlayerID{}, map[[2]PlayerID]struct{}{}
	i.events = eventsSeen{versions: map[uint64]int64{}, feeds: map[ProjectID]*feedSeen{}}
	store := i.Deps.Store
	err := everything(ctx, i.counted("players"), store.ExportPlayers, func(p Player) PlayerID { return p.ID }, i.player)
	if err != nil {
		return err
	}
	err = everything(
		ctx, i.counted("sessions"), store.ExportSessions, func(v Session) SessionID { return v.ID }, i.session,
	)
	if err != nil {
		return err
	}
	err = everything(ctx, i.counted("idempotency"), store.ExportClaims, func(c Claim) string { return c.Key }, i.claim)
	if err != nil {
		return err
	}
	err = everything(ctx, i.counted("api_keys"), store.ExportKeys, func(k Key) KeyID { return k.ID }, i.key)
	if err != nil {
		return err
	}
	if err := i.signingKeys(ctx); err != nil {
		return err
	}
	err = everything(ctx, i.counted("events"), store.ExportEvents, func(e Event) string { return e.ID() }, i.event)
	if err != nil {
		return err
	}
	return i.feedsSeen(ctx)
}

// everything calls the function with each document of an export.
func everything[D any, I ~string](ctx context.Context, count func(int), page func(
	context.Context, I, int,
) ([]D, error), id func(D) I,
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

func (i *Inspection) counted(collection string) func(int) {
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
		i.Tell(Finding{Collection: "players", ID: string(p.ID), Problem: sentence(wrong)})
	}
	if p.ErasingSince != nil {
		if i.now.After(i.players.markEnds(p).Add(overdue)) {
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
		if err := i.rivals(ctx, p, first); err != nil {
			return err
		}
	}
	return nil
}

func (i *Inspection) hash(parts ...string) uint64 {
	return maphash.String(i.seed, strings.Join(parts, "\x00"))
}

// rivals tells of two players who have a name in common, unless that is over or was chance.
func (i *Inspection) rivals(ctx context.Context, p Player, first PlayerID) error {
	pair := [2]PlayerID{first, p.ID}
	if _, told := i.told[pair]; told || first == p.ID {
		return nil
	}
	a, err := i.Deps.Store.Player(ctx, p.Project, first)
	if err == nil {
		p, err = i.Deps.Store.Player(ctx, p.Project, p.ID)
	}
	switch {
	case errors.Is(err, ErrPlayerNotFound): // since
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
		i.told[pair] = struct{}{}
		i.Tell(Finding{Collection: "players", ID: string(p.ID), Problem: fmt.Sprintf(
			"has the same %s as player %s", strings.Join(common, ", "), first,
		)})
	}
	return nil
}

// names returns what is unique of the player: the project, "username" or "identity", and what it is.
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
	if wrong := v.brokenRules(); len(wrong) > 0 {
		i.Tell(Finding{Collection: "sessions", ID: string(v.ID), Problem: sentence(wrong)})
	}
	strangers, err := i.strangers(ctx, v)
	if err != nil {
		return err
	}
	lost := v.hostless()
	if len(strangers) == 0 && lost == "" {
		return nil
	}
	mended, err := i.mend(ctx, v, strangers)
	if err != nil {
		return err
	}
	if len(strangers) > 0 {
		knows := "members"
		if v.Status.Terminal() {
			knows = "attributes of players"
		}
		i.Tell(Finding{
			Collection: "sessions", ID: string(v.ID), Repaired: mended,
			Problem: fmt.Sprintf("has %s who do not exist: %s", knows, someOf(strangers)),
		})
	}
	if lost != "" {
		i.Tell(
			Finding{Collection: "sessions", ID: string(v.ID), Problem: lost, Repaired: mended && !v.Status.Terminal()},
		)
	}
	return nil
}

// strangers returns those of whom the session knows what an erasure would have removed, and who do not exist.
func (i *Inspection) strangers(ctx context.Context, v Session) ([]PlayerID, error) {
	var strangers []PlayerID
	for _, m := range v.Members {
		if _, ok := i.live[i.hash(string(v.Project), string(m.PlayerID))]; ok {
			continue
		}
		if probe := v.clone(); len(probe.Forget(m.PlayerID, RemovedErased)) == 0 {
			continue
		}
		// Registered since, or marked: then a sweep is to come, unless it is over.
		p, err := i.Deps.Store.Player(ctx, v.Project, m.PlayerID)
		switch {
		case errors.Is(err, ErrPlayerNotFound), err == nil && p.ErasingSince != nil && p.SweepSince == nil:
			strangers = append(strangers, m.PlayerID)
		case err != nil:
			return nil, err
		}
	}
	if len(strangers) == 0 {
		return nil, nil
	}
	now, err := i.Deps.Store.Session(ctx, v.Project, v.ID)
	if errors.Is(err, ErrSessionNotFound) {
		return nil, nil
	}
	return slices.DeleteFunc(strangers, func(id PlayerID) bool { return len(now.Forget(id, RemovedErased)) == 0 }), err
}

// hostless tells what is wrong with who is host, empty for nothing.
func (s *Session) hostless() string {
	probe := s.clone()
	switch {
	case s.HostID != nil && s.member(*s.HostID) < 0:
		return "has a host who is not a member"
	case len(probe.settleHost()) > 0:
		return "has a joined member, but no host that has joined"
	}
	return ""
}

// mend has the session forget the strangers, and hands it over where its host is lost.
func (i *Inspection) mend(ctx context.Context, v Session, strangers []PlayerID) (bool, error) {
	if !i.Repair {
		return false, nil
	}
	ctx = WithCaller(ctx, Caller{Project: v.Project, Name: "inspection"})
	_, err := i.sessions.change(ctx, v.ID, nil, func(v *Session, _ time.Time) (done []Change, _ error) {
		for _, id := range strangers {
			done = append(done, v.Forget(id, RemovedErased)...)
		}
		return append(done, v.settleHost()...), nil
	})
	return err == nil, err
}

// someOf writes some of the ids.
func someOf(ids []PlayerID) string {
	var b strings.Builder
	for n, id := range ids {
		if n == maxTold {
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
		i.Tell(Finding{Collection: "idempotency", ID: c.Key, Problem: sentence(p)})
	}
	return nil
}

func (i *Inspection) key(_ context.Context, k Key) error {
	i.versionSeen(versioned{subject: Subject{SubjectKey, string(k.ID)}, version: k.Version})
	if wrong := k.brokenRules(); len(wrong) > 0 {
		i.Tell(Finding{Collection: "api_keys", ID: string(k.ID), Problem: sentence(wrong)})
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
			i.Tell(Finding{Collection: "signing_keys", ID: k.ID, Problem: sentence(wrong)})
		}
	}
	i.counted("signing_keys")(len(found))
	return nil
}
