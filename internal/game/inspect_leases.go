package game

import (
	"context"
	"errors"
	"slices"
)

// brokenRules returns the rules that the lease breaks.
func (l *Lease) brokenRules() problems {
	var wrong problems
	wrong.check(l.Project != "", "project", "is missing")
	wrong.check(slices.Contains(LeaseStates(), l.State), "state", "must be one of %v", LeaseStates())
	wrong.check(l.Fence >= 1 || l.Player != "", "fence", "must be at least 1")
	return wrong
}

// lease is called before sessions are read. A lease without a session is harmless: background work removes it.
func (i *Inspection) lease(_ context.Context, l Lease) error {
	if l.Player == "" {
		i.leases[i.hash(string(l.Session))] = struct{}{}
	}
	return nil
}

// missingLease reports a session that has had heartbeats and has no lease: it would never expire. The repair begins a
// lease with a heartbeat now.
func (i *Inspection) missingLease(ctx context.Context, v Session) error {
	if _, ok := i.leases[i.hash(string(v.ID))]; ok || !v.mustHaveLease() {
		return nil
	}
	// The first heartbeat may have come, or the session may have ended, meanwhile. The session is read first, because
	// it ends before its lease is removed.
	v, err := i.Deps.Store.Session(ctx, v.Project, v.ID)
	if errors.Is(err, ErrSessionNotFound) || err == nil && !v.mustHaveLease() {
		return nil
	}
	if err != nil {
		return err
	}
	l := Lease{Project: v.Project, Session: v.ID, State: LeaseLive, Fence: v.Fence, BeatAt: i.now, DueAt: i.now}
	found, err := i.Deps.Store.Leases(ctx, []LeaseID{l.ID()})
	if err != nil || len(found) > 0 {
		return err
	}
	repaired := []bool{false}
	if i.Repair {
		if repaired, err = i.Deps.Store.RenewLeases(ctx, []Lease{l}); err != nil {
			return err
		}
	}
	i.tell("sessions", string(v.ID), repaired[0], "has had heartbeats, but has no lease and never expires")
	return nil
}

func (s *Session) mustHaveLease() bool { return s.Leased && !s.Status.Terminal() }
