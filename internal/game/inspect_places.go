package game

import (
	"context"
	"errors"
	"slices"
)

// exclusivePlaces reports players who are in two exclusive sessions. Which of the seats is wrong is for people to say.
func (i *Inspection) exclusivePlaces(ctx context.Context, v Session) error {
	for _, id := range v.ExclusivePlaces() {
		h := i.hash(string(v.Project), string(id))
		first, taken := i.places[h]
		i.places[h] = v.ID
		if !taken || first == v.ID {
			continue
		}
		both, err := i.inBoth(ctx, v.Project, id, [2]SessionID{first, v.ID})
		if err != nil {
			return err
		}
		if both {
			i.tell("sessions", string(v.ID), false,
				"is exclusive and has player %s, who is also in exclusive session %s: remove the player from one",
				id, first)
		}
	}
	return nil
}

// inBoth reports whether the player has its exclusive place in both sessions at the same time. Hashes may collide, and
// the player may have moved on while the sessions were read.
func (i *Inspection) inBoth(ctx context.Context, project ProjectID, id PlayerID, in [2]SessionID) (bool, error) {
	var versions []int64
	for _, session := range []SessionID{in[0], in[1], in[0]} {
		v, err := i.Deps.Store.Session(ctx, project, session)
		switch {
		case errors.Is(err, ErrSessionNotFound):
			return false, nil
		case err != nil:
			return false, err
		case !slices.Contains(v.ExclusivePlaces(), id):
			return false, nil
		}
		versions = append(versions, v.Version)
	}
	return versions[0] == versions[2], nil
}
