package tests_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"game-session-manager/client"
	"game-session-manager/tests/linear"
)

// told adds to the history which requests made which versions, by the events of the sessions. It returns an error
// unless each version has one event, and each request made at most one version, and none if it was not served.
//
// So the history says for every request what it did, whether it had a response or not, and can be checked in
// milliseconds. This only adds to what must be explained: a fault cannot hide behind an event that is wrong, because
// clients have seen something else.
func (s *lineage) told() error {
	s.readAt = int64(time.Since(s.begin))
	made := map[string]int64{}
	for i := range s.ids {
		if err := s.toldOf(i, made); err != nil {
			return fmt.Errorf("session %s: %w", s.ids[i], err)
		}
	}
	var all []porcupine.Operation
	for _, o := range s.history.Operations {
		result := o.Output.(linear.Result)
		if result.Made = made[o.Metadata.(string)]; result.Made == 0 {
			result.Made = linear.Nothing
		}
		if o.Output = result; !result.Unknown || result.Made > 0 {
			all = append(all, o)
		}
	}
	s.history.Operations = all
	s.nameCodes()
	return nil
}

// toldOf adds what the events of a session tell.
func (s *lineage) toldOf(session int, made map[string]int64) error {
	events, version, err := s.events(s.ids[session])
	if err != nil {
		return err
	}
	for i, e := range events {
		if want := events[0].Version - int64(i); e.Version != want {
			return fmt.Errorf("event %d is of version %d, want %d", i, e.Version, want)
		}
		if e.Actor.Kind == "system" { // in the name of the request that it came before
			continue
		}
		if made[e.RequestID] != 0 || s.refused[e.RequestID] {
			return fmt.Errorf("request %s made version %d, and also version %d or nothing",
				e.RequestID, e.Version, made[e.RequestID])
		}
		made[e.RequestID] = e.Version
	}
	if len(events) == 0 || events[len(events)-1].Version != 1 || events[0].Version < version {
		return fmt.Errorf("%d events of the versions up to %d", len(events), version)
	}
	s.changes.Add(int64(len(events)))
	invited := map[int64]client.PlayerID{} // by versions
	for _, o := range s.history.Operations {
		in := o.Input.(linear.Operation)
		if v := made[o.Metadata.(string)]; in.Kind == linear.Invite && in.Session == session && v > 0 {
			invited[v] = s.players[in.Players[0]].ID
		}
	}
	s.expired[session] = map[int64]int64{}
	reservations := map[client.PlayerID]int64{}
	for _, e := range slices.Backward(events) {
		reserved := invited[e.Version] != ""
		reservations[invited[e.Version]] = e.Version
		for _, c := range e.Changes {
			switch {
			case c.Type == "seat_reserved":
				reserved = true
				reservations[c.PlayerID] = e.Version
			case c.Type == "wait_list_left" && c.Reason == "seated":
				s.promoted.Add(1)
			case c.Reason == "timed_out":
				s.expired[session][reservations[c.PlayerID]] = e.Version
			}
		}
		if reserved {
			s.reserved[session] = append(s.reserved[session], e.Version)
		}
	}
	s.expiries.Add(int64(len(s.expired[session])))
	return nil
}

// nameCodes gives the join codes in the history the versions that made them: the last before they were seen that made
// one.
func (s *lineage) nameCodes() {
	names := make([]int64, len(s.codes)+1)
	for i, c := range s.codes {
		names[i+1] = 1
		for _, o := range s.history.Operations {
			in, made := o.Input.(linear.Operation), o.Output.(linear.Result).Made
			if in.Kind == linear.Rotate && in.Session == c.session && made <= c.version {
				names[i+1] = max(names[i+1], made)
			}
		}
	}
	for i := range s.history.Operations {
		o := &s.history.Operations[i]
		in, out := o.Input.(linear.Operation), o.Output.(linear.Result)
		if in.Code != linear.WrongCode {
			in.Code = names[in.Code]
		}
		if out.Lobby != nil {
			out.Lobby = new(*out.Lobby)
			out.Lobby.Code.Made = names[out.Lobby.Code.Made]
		}
		if out.JoinCode != nil {
			out.JoinCode = new(*out.JoinCode)
			out.JoinCode.Made = names[out.JoinCode.Made]
		}
		o.Input, o.Output = in, out
	}
}

// events returns the timeline of a session, newest first, and the version that the session had before.
func (s *lineage) events(id client.SessionID) (all []client.Event, version int64, err error) {
	for {
		p := s.processes[0].Load()
		v, err := p.api.Sessions.Get(s.ctx, id)
		filter := client.TimelineFilter{Limit: 100}
		for all = nil; err == nil; {
			var page client.Page[client.Event]
			page, err = p.api.Sessions.Timeline(s.ctx, id, filter)
			all = append(all, page.Items...)
			if filter.Cursor = page.NextCursor; filter.Cursor == "" {
				break
			}
		}
		if err == nil || !pause(s.ctx, linearRetry) {
			return all, v.Version, err
		}
	}
}
