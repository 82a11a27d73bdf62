package game

import (
	"context"
	"errors"
	"slices"
	"strconv"
)

// ExplainRequest asks why a search does not find a session, and why a player cannot join it.
type ExplainRequest struct {
	PlayerID PlayerID    `json:"player_id,omitempty" doc:"Who would join: the caller where that is a player, and otherwise, if left out, a newcomer of whom nothing is known."`
	Team     string      `json:"team,omitempty" maxLength:"64" doc:"The team that the player would ask for, as in a join."`
	Where    SearchWhere `json:"where,omitempty" maxItems:"32" nullable:"false" doc:"The conditions of the search."`
	Include  []Obstacle  `json:"include,omitempty" maxItems:"7" nullable:"false" doc:"What the search includes."`
}

// Validate returns ErrValidation with everything that is wrong.
func (r ExplainRequest) Validate() error {
	var p problems
	p.check(r.PlayerID == "" || validID(string(r.PlayerID)), "player_id", "must be a player's id")
	p.include(MemberSettings{Team: r.Team}.Validate())
	p.include(r.search().Validate())
	return p.err()
}

func (r ExplainRequest) search() SearchRequest {
	return SearchRequest{Where: r.Where, Include: r.Include}
}

// Explanation says why a search does not find a session, and why a player cannot join it.
type Explanation struct {
	SessionID SessionID `json:"session_id" doc:"The session's id."`
	Version   int64     `json:"version" doc:"The version of the session that is explained."`
	Found     bool      `json:"found" doc:"Whether the search finds the session."`
	Joinable  bool      `json:"joinable" doc:"Whether the player can join, or has a seat already."`
	Reasons   []Reason  `json:"reasons" nullable:"false" doc:"All reasons why not; none if it is found and joinable."`
}

// Explain returns why a search does not find a session, and why a player, by itself and without a code, cannot join it.
// A player asks for itself. It returns ErrValidation, ErrSessionNotFound or ErrForbidden.
func (s *Sessions) Explain(ctx context.Context, id SessionID, r ExplainRequest) (Explanation, error) {
	c := CallerFrom(ctx)
	if err := c.mayRead(); err != nil {
		return Explanation{}, err
	}
	if c.Scope == ScopePlayer {
		if r.PlayerID == "" {
			r.PlayerID = c.Player
		}
		if err := c.mayActFor(r.PlayerID); err != nil {
			return Explanation{}, err
		}
	}
	if err := r.Validate(); err != nil {
		return Explanation{}, err
	}
	v, err := s.get(ctx, id)
	if err != nil {
		return Explanation{}, err
	}
	found, err := r.search().Reasons(&v, c)
	if err != nil {
		return Explanation{}, err
	}
	j := JoinRequest{PlayerID: r.PlayerID, Team: r.Team}
	unable := []error(nil)
	if j.PlayerID == "" {
		j.PlayerID = newcomer
	} else if unable, err = s.unableFor(ctx, &v, j.PlayerID); err != nil {
		return Explanation{}, err
	}
	joined := v.JoinReasons(j, unable, s.now())
	return Explanation{
		SessionID: v.ID, Version: v.Version, Found: len(found) == 0, Joinable: len(joined) == 0,
		Reasons: slices.Concat([]Reason{}, found, joined),
	}, nil
}

// unableFor returns why a player may not join the session that the session itself does not know: it may not play, or is
// in another exclusive session.
func (s *Sessions) unableFor(ctx context.Context, v *Session, id PlayerID) (all []error, _ error) {
	switch err := s.canPlay(ctx, id, s.now()); {
	case KindOf(err) == Unavailable:
		return nil, err
	case err != nil:
		all = append(all, err)
	}
	if !v.Exclusive {
		return all, nil
	}
	places, err := s.store.ExclusivePlaces(ctx, v.Project, []PlayerID{id})
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		if p.Session != v.ID {
			all = append(all, p.error())
		}
	}
	return all, nil
}

// SearchReason is a part of a search with what the search would find without it.
type SearchReason struct {
	Reason
	// Found is how many sessions the search would find, up to [MaxCount]. It is nil if counting took too long.
	Found      *int  `json:"found" doc:"How many sessions the search would find without this condition, or with the obstacle included: at most 1000; null if counting takes too long."`
	FoundExact *bool `json:"found_exact" doc:"Whether it would find no more than found."`
}

// whatIf returns for each condition of where, and each obstacle that is not included, what the search would find
// without it. All of it takes no longer than one search may.
func (s *Sessions) whatIf(ctx context.Context, r SearchRequest, q SearchQuery) ([]SearchReason, error) {
	limited, cancel := context.WithTimeout(ctx, SearchTime)
	defer cancel()
	q.Limit, q.Count, q.After, q.Order = 1, MaxCount, nil, nil
	all := []SearchReason{}
	count := func(reason Reason, at int, instead Where) error {
		one := SearchReason{Reason: reason}
		without := q
		without.Where = slices.Replace(slices.Clone(q.Where), at, at+1, instead...)
		hits, err := s.store.SearchSessions(limited, without)
		switch {
		case err == nil:
			one.Found, one.FoundExact = &hits.Count, &hits.Counted
		case ctx.Err() != nil, limited.Err() == nil && !errors.Is(err, ErrTooBroad):
			return err
		}
		all = append(all, one)
		return nil
	}
	for i, c := range r.Where {
		at := "where." + strconv.Itoa(i)
		err := count(Reason{
			About: AboutSearch, Code: ReasonConditionFalse, At: at, Field: c.Field, Op: c.Op, Wanted: c.Value,
			Detail: "What the search finds without the condition at " + at + ".",
		}, i, nil)
		if err != nil {
			return nil, err
		}
	}
	for _, o := range Obstacles() {
		if slices.Contains(r.Include, o) {
			continue
		}
		reason := Reason{
			About: AboutSearch, Code: ReasonCode(o), Detail: "What the search finds if it includes " + string(o) + ".",
		}
		with := WithObstacles(append(slices.Clip(r.Include), o)...)
		if err := count(reason, len(r.Where), Where{with}); err != nil {
			return nil, err
		}
	}
	return all, nil
}
