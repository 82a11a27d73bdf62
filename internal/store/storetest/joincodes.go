package storetest

import (
	"errors"
	"testing"

	"game-session-manager/internal/game"
)

func joinCodes() []check {
	return []check{
		{"find", findByJoinCode},
		{"one session has it", joinCodeTaken},
		{"only one of many gets it", joinCodeRace},
	}
}

// withCode returns an open session with a join code, "" for none.
func withCode(of game.ProjectID, code string) game.Session {
	v := openSession(4)
	v.Project = of
	if v.JoinCode.Code = code; code == "" {
		v.JoinCode = nil
	}
	return v
}

func wantCode(t *testing.T, s game.Store, of game.ProjectID, code string, wanted game.SessionID) {
	t.Helper()
	got, err := s.SessionByJoinCode(t.Context(), of, code)
	if wanted == "" {
		wantError(t, err, game.ErrInvalidJoinCode)
		return
	}
	must(t, err)
	want(t, got, wanted)
}

func findByJoinCode(t *testing.T, s game.Store) {
	v := withCode(project, "7KQ2MX")
	must(t, s.CreateSession(t.Context(), v))
	must(t, s.CreateSession(t.Context(), withCode(project, "")))
	must(t, s.CreateSession(t.Context(), withCode(project, "")))
	wantCode(t, s, project, "7KQ2MX", v.ID)
	wantCode(t, s, project, "7kq2mx", "") // it is stored in upper case
	wantCode(t, s, project, "7KQ2M", "")
	wantCode(t, s, project, "", "")
	wantCode(t, s, "elsewhere", "7KQ2MX", "")

	next := v
	next.Version, next.JoinCode = 2, &game.JoinCode{Code: "000000"}
	must(t, s.ReplaceSession(t.Context(), v, next))
	wantSession(t, s, next)
	wantCode(t, s, project, "7KQ2MX", "")
	wantCode(t, s, project, "000000", v.ID)

	last := next
	last.Version, last.JoinCode = 3, nil
	must(t, s.ReplaceSession(t.Context(), next, last))
	wantSession(t, s, last)
	wantCode(t, s, project, "000000", "")
	must(t, s.ReplaceSession(t.Context(), last, revised(v, 4)))
	wantCode(t, s, project, "7KQ2MX", v.ID)
	must(t, s.DeleteSession(t.Context(), revised(v, 4)))
	wantCode(t, s, project, "7KQ2MX", "")
}

func revised(v game.Session, version int64) game.Session {
	v.Version = version
	return v
}

func joinCodeTaken(t *testing.T, s game.Store) {
	holder, other, far := withCode(project, "AAAAAA"), withCode(project, "BBBBBB"), withCode("elsewhere", "AAAAAA")
	for _, v := range []game.Session{holder, other, far} {
		must(t, s.CreateSession(t.Context(), v))
	}
	wantCode(t, s, "elsewhere", "AAAAAA", far.ID)

	late := withCode(project, "AAAAAA")
	wantError(t, s.CreateSession(t.Context(), late), game.ErrJoinCodeTaken)
	_, err := s.Session(t.Context(), project, late.ID)
	wantError(t, err, game.ErrSessionNotFound)
	late.ID = other.ID
	wantError(t, s.CreateSession(t.Context(), late), game.ErrExists)

	next := revised(other, 2)
	next.JoinCode = holder.JoinCode
	wantError(t, s.ReplaceSession(t.Context(), other, next), game.ErrJoinCodeTaken)
	wantError(t, s.ReplaceSession(t.Context(), revised(other, 7), revised(next, 8)), game.ErrStale)
	wantSession(t, s, other)

	// It is free again for others once its session has another one, or has ended.
	freed := revised(holder, 2)
	freed.JoinCode = nil
	must(t, s.ReplaceSession(t.Context(), holder, freed))
	must(t, s.ReplaceSession(t.Context(), other, next))
	wantCode(t, s, project, "AAAAAA", other.ID)
	wantCode(t, s, project, "BBBBBB", "")
}

// joinCodeRace has many sessions, new and old ones, ask for one code.
func joinCodeRace(t *testing.T, s game.Store) {
	const rivals = 16
	all := make([]game.Session, rivals)
	for i := range all {
		if all[i] = withCode(project, "CCCCCC"); i%2 == 0 {
			old := all[i]
			old.JoinCode = nil
			must(t, s.CreateSession(t.Context(), old))
		}
	}
	var winner game.SessionID
	for i, err := range together(rivals, func(i int) error {
		if i%2 == 1 {
			return s.CreateSession(t.Context(), all[i])
		}
		old := all[i]
		old.JoinCode = nil
		return s.ReplaceSession(t.Context(), old, revised(all[i], 2))
	}) {
		switch {
		case errors.Is(err, game.ErrJoinCodeTaken):
		case winner != "":
			t.Errorf("sessions %s and %s have the same join code, %v", winner, all[i].ID, err)
		default:
			must(t, err)
			winner = all[i].ID
		}
	}
	wantCode(t, s, project, "CCCCCC", winner)
}
