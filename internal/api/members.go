package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

// memberPath is the path of a member, for the Location of a new one.
func memberPath(s game.SessionID, p game.PlayerID) string {
	return basePath + "/sessions/" + string(s) + "/members/" + string(p)
}

// memberOut returns a member. It has no version of its own: the entity tag is that of its session.
type memberOut struct {
	Status int
	ETag   string `header:"ETag"`
	Body   game.Member
}

// memberOf is the answer to a call that read or changed a member.
func memberOf(p game.PlayerID, s game.Session, err error) (*memberOut, error) {
	if err != nil {
		return nil, err
	}
	m, err := s.Member(p)
	if err != nil {
		return nil, err
	}
	return &memberOut{Status: http.StatusOK, ETag: etag(s.Version), Body: m}, nil
}

type getMemberIn struct {
	SessionPath
	PlayerPath
	IfNoneMatchHeader
}

func (a *API) getMember(ctx context.Context, in *getMemberIn) (*memberOut, error) {
	s, err := a.Sessions.Get(ctx, in.SessionID)
	out, err := memberOf(in.PlayerID, s, err)
	if err == nil && notModified(in.IfNoneMatch, s.Version) {
		out.Status = http.StatusNotModified
	}
	return out, err
}

type patchMemberIn struct {
	SessionPath
	PlayerPath
	IfMatchHeader
	Body json.RawMessage
}

// Resolve implements [huma.Resolver]. It looks at the patch alone, on settings on which nothing else is wrong.
func (in *patchMemberIn) Resolve(huma.Context) []error {
	return tellAll(game.MemberSettings{}, in.Body, mergePatch)
}

func (a *API) patchMember(ctx context.Context, in *patchMemberIn) (*memberOut, error) {
	s, err := a.Sessions.EditMember(ctx, in.SessionID, ifMatch[game.Session](in.IfMatch), in.PlayerID,
		func(t game.MemberSettings) (game.MemberSettings, error) { return mergePatch(t, in.Body) })
	return memberOf(in.PlayerID, s, err)
}

type setHostIn struct {
	SessionPath
	IfMatchHeader
	PreferHeader
	Body json.RawMessage
}

// Resolve implements [huma.Resolver].
func (in *setHostIn) Resolve(huma.Context) []error {
	return tellAll(game.HostRequest{}, in.Body, decode)
}

func (a *API) setHost(ctx context.Context, in *setHostIn) (*sessionOut, error) {
	r, err := decode(game.HostRequest{}, in.Body)
	if err != nil {
		return nil, err
	}
	out, err := answer(a.Sessions.SetHost(ctx, in.SessionID, ifMatch[game.Session](in.IfMatch), r.PlayerID))
	show, applied := in.preferred()
	return showing(out, err, show, applied)
}
