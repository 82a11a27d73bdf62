package mongostore

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"game-session-manager/internal/game"
)

const (
	// renewParts is into how many commands a batch of renewals is divided, which are sent at the same time: a server
	// processes a command on one core.
	renewParts = 4
	// renewPart is how many renewals are sent together in any case.
	renewPart = 50
	// renewRounds is how often renewals are sent without a pause if they lose to leases inserted at the same time.
	renewRounds = 3
)

// RenewLeases implements [game.LeaseStore].
//
// A renewal may be sent again after a lost reply: the beat never decreases, and of two renewals at the same time it is
// open which the server executes last.
func (s *Store) RenewLeases(ctx context.Context, leases []game.Lease) ([]bool, error) {
	renewed := make([]bool, len(leases))
	all := make([]int, len(leases))
	for i := range leases {
		all[i] = i
	}
	// A server may execute a command in one transaction, which locks its documents. In the order of the ids, no two
	// wait for each other.
	slices.SortFunc(all, func(a, b int) int { return cmp.Compare(leases[a].ID(), leases[b].ID()) })
	var parts []*renewals
	for some := range slices.Chunk(all, max(renewPart, (len(all)+renewParts-1)/renewParts)) {
		parts = append(parts, &renewals{leases: leases, renewed: renewed, pending: some})
	}
	errs := make([]error, len(parts))
	var g errgroup.Group
	for n, r := range parts {
		g.Go(func() error {
			errs[n] = s.do(ctx, write{
				send: func(ctx context.Context) error {
					if err := r.sendTogether(ctx, s.leases, s.renewsTogether); err != nil {
						return err
					}
					return r.send(ctx, s.leases)
				},
				refusal: func(error) error { return nil },
			})
			if errs[n] == nil && r.failure != nil {
				errs[n] = game.Unanswered(game.OutcomeUnknown, r.failure)
			}
			return nil
		})
	}
	_ = g.Wait() // its functions keep their errors
	return renewed, ofParts(errs)
}

// ofParts returns the error of a batch, given those of its parts. Its outcome is none only if no part was made.
func ofParts(errs []error) error {
	failed := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	if len(failed) == 0 {
		return nil
	}
	for _, err := range failed {
		if len(failed) < len(errs) || mayBeStored(err) {
			return game.Unanswered(game.OutcomeUnknown, errors.Unwrap(err))
		}
	}
	return failed[0]
}

// renewals are renewals that are sent by one command.
type renewals struct {
	leases  []game.Lease
	renewed []bool
	pending []int // indexes of those whose result is unknown, in the order of the ids
	again   bool  // they may have been made before
	made    bool  // others of the same leases have been made
	failure error // of one that the server rejects for another reason than its condition
}

// errContended reports that other writes changed the leases between the rounds.
var errContended = errors.New("other writes changed the leases at the same time")

// send makes the renewals that are pending. Where it returns an error, the rest is sent again.
func (r *renewals) send(ctx context.Context, c collection) error {
	for round := range renewRounds {
		if len(r.pending) == 0 {
			return nil
		}
		models := make([]mongo.WriteModel, len(r.pending))
		for n, i := range r.pending {
			models[n] = renewal(&r.leases[i])
		}
		_, err := c.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		var e mongo.BulkWriteException
		if err != nil && (!errors.As(err, &e) || e.WriteConcernError != nil || len(e.WriteErrors) == 0) {
			if r.again = true; round > 0 || r.made {
				err = redacted(ctx, err) // as below
			}
			return err
		}
		if err := r.settle(ctx, c, e.WriteErrors); err != nil {
			return redacted(ctx, err) // not that of a command that changed nothing: some renewals have been made
		}
	}
	if len(r.pending) > 0 {
		return errContended
	}
	return nil
}

// sendTogether makes the renewals that are pending by an update of many documents for those that set the same, where
// that saves commands. It inserts no lease and does not learn which were refused: what it leaves pending is to be sent
// one by one. On DocumentDB, such an update costs a quarter of as many updates of one document.
//
// allowed is false if the collection has a validator. DocumentDB then computes the documents before it locks them, so
// that it would undo what others write at the same time, such as the end of a lease.
func (r *renewals) sendTogether(ctx context.Context, c collection, allowed bool) error {
	alike := r.alike()
	if !allowed || len(alike) > len(r.pending)/2 {
		return nil
	}
	models := make([]mongo.WriteModel, len(alike))
	for n, some := range alike {
		models[n] = renewalOfMany(r.leases, some)
	}
	done, err := c.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	var e mongo.BulkWriteException
	if err != nil && (!errors.As(err, &e) || e.WriteConcernError != nil || len(e.WriteErrors) == 0) {
		r.again = true
		return err
	}
	for _, f := range e.WriteErrors {
		r.again = r.again || codeOutcomeUnknown(f.Code)
	}
	if err == nil && int(done.MatchedCount) == len(r.pending) {
		for _, i := range r.pending {
			r.renewed[i] = true
		}
		r.pending = nil
		return nil
	}
	stored, err := storedLeases(ctx, c, r.ids(r.pending))
	if err != nil {
		return redacted(ctx, err) // as in send
	}
	var rest []int
	for _, i := range r.pending {
		l := &r.leases[i]
		if r.renewed[i] = stored[l.ID()].follows(l); !r.renewed[i] {
			rest = append(rest, i)
		}
	}
	r.pending, r.made = rest, r.made || len(rest) < len(r.pending)
	return nil
}

// alike divides what is pending into renewals that set the same, in the order of their first ids.
func (r *renewals) alike() (all [][]int) {
	type fields struct {
		state         game.LeaseState
		fence         int64
		beatAt, dueAt int64 // in milliseconds, as they are stored
	}
	places := map[fields]int{}
	for _, i := range r.pending {
		l := &r.leases[i]
		set := fields{l.State, l.Fence, l.BeatAt.UnixMilli(), l.DueAt.UnixMilli()}
		n, known := places[set]
		if !known {
			n = len(all)
			places[set], all = n, append(all, nil)
		}
		all[n] = append(all[n], i)
	}
	return all
}

// ids returns the ids of some of the leases.
func (r *renewals) ids(some []int) []game.LeaseID {
	ids := make([]game.LeaseID, len(some))
	for n, i := range some {
		ids[n] = r.leases[i].ID()
	}
	return ids
}

// settle notes the results of what was pending, given those that failed. What remains is to be sent again.
func (r *renewals) settle(ctx context.Context, c collection, failures []mongo.BulkWriteError) error {
	var rest, duplicates []int
	failed := make(map[int]bool, len(failures))
	for _, f := range failures {
		i := r.pending[f.Index]
		failed[i] = true
		switch {
		case mongo.IsDuplicateKeyError(f.WriteError):
			duplicates = append(duplicates, i)
		case codeOutcomeUnknown(f.Code):
			rest, r.again = append(rest, i), true
		default:
			r.failure = redacted(ctx, mongo.WriteException{WriteErrors: mongo.WriteErrors{f.WriteError}})
		}
	}
	for _, i := range r.pending {
		r.renewed[i] = r.renewed[i] || !failed[i]
	}
	r.pending = append(rest, duplicates...) // in case the read fails
	if len(duplicates) > 0 {
		// The renewal of a lease is refused, or another inserted the lease at the same time.
		stored, err := storedLeases(ctx, c, r.ids(duplicates))
		if err != nil {
			return err
		}
		for _, i := range duplicates {
			if l := &r.leases[i]; !stored[l.ID()].refuses(l) {
				rest = append(rest, i)
			} else if r.again {
				r.renewed[i] = stored[l.ID()].closedBy(l)
			}
		}
	}
	slices.SortFunc(rest, func(a, b int) int { return cmp.Compare(r.leases[a].ID(), r.leases[b].ID()) })
	r.pending = rest
	return nil
}

// storedLeases reads leases.
func storedLeases(ctx context.Context, c collection, ids []game.LeaseID) (map[game.LeaseID]leaseFound, error) {
	cursor, err := c.Find(ctx, byIDs(ids), options.Find().SetHint(idIndex))
	if err != nil {
		return nil, err
	}
	var all []bson.Raw
	if err := cursor.All(ctx, &all); err != nil {
		return nil, err
	}
	found := make(map[game.LeaseID]leaseFound, len(all))
	for _, raw := range all {
		id, _ := raw.Lookup("_id").StringValueOK()
		f := leaseFound{there: true, least: math.MaxInt64}
		if least, ok := raw.Lookup("least_fence").AsInt64OK(); ok && decode(raw, &f.lease) == nil {
			f.least = least
		}
		found[game.LeaseID(id)] = f
	}
	return found, nil
}

// leaseFound is a lease as it is stored. The zero value stands for none.
type leaseFound struct {
	there bool
	lease game.Lease
	least int64 // fence that a renewal may have; above all if the lease cannot be read, which Inspect reports
}

// refuses reports whether the lease cannot be renewed.
func (f leaseFound) refuses(l *game.Lease) bool { return f.there && f.least > l.Fence }

// closedBy reports whether the lease is closed as an attempt of the renewal leaves it whose reply was lost.
func (f leaseFound) closedBy(l *game.Lease) bool {
	return f.lease.State == l.State && f.lease.Fence == l.Fence
}

// follows reports whether the lease is as the renewal, or a later one like it, leaves it.
func (f leaseFound) follows(l *game.Lease) bool {
	return f.lease.State == l.State && f.lease.Fence == l.Fence && !f.lease.BeatAt.Before(stored(l.BeatAt))
}

// renewal returns the update of a lease, which inserts it if there is none. If its condition is not fulfilled, the
// insert is a duplicate.
func renewal(l *game.Lease) mongo.WriteModel {
	set := append(renewedFields(l), bson.E{Key: "project", Value: l.Project}, bson.E{Key: "session", Value: l.Session})
	if l.Player != "" {
		set = append(set, bson.E{Key: "player", Value: l.Player})
	}
	return mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: l.ID()}, renewable(l)}).
		SetUpdate(bson.D{latestBeat(l), {Key: "$set", Value: set}}).SetUpsert(true)
}

// renewalOfMany returns the update of those of some leases that are stored, all of which it changes alike.
func renewalOfMany(leases []game.Lease, some []int) mongo.WriteModel {
	ids := make([]game.LeaseID, len(some))
	for n, i := range some {
		ids[n] = leases[i].ID()
	}
	l := &leases[some[0]]
	return mongo.NewUpdateManyModel().
		SetFilter(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}, renewable(l)}).
		SetUpdate(bson.D{latestBeat(l), {Key: "$set", Value: renewedFields(l)}})
}

// renewable is the condition of a renewal.
func renewable(l *game.Lease) bson.E {
	return bson.E{Key: "least_fence", Value: bson.D{{Key: "$lte", Value: l.Fence}}}
}

func latestBeat(l *game.Lease) bson.E {
	return bson.E{Key: "$max", Value: bson.D{{Key: "beat_at", Value: l.BeatAt}}}
}

// renewedFields returns the fields that every renewal sets.
func renewedFields(l *game.Lease) bson.D {
	return bson.D{
		{Key: "state", Value: l.State},
		{Key: "fence", Value: l.Fence},
		{Key: "due_at", Value: l.DueAt},
		{Key: "least_fence", Value: leastFence(l)},
	}
}
