package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
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
	return &memberOut{Status: http.StatusOK, ETag: web.ETag(s.Version), Body: m}, nil
}

type getMemberIn struct {
	SessionPath
	PlayerPath
	IfNoneMatchHeader
}

func (a *API) getMember(ctx context.Context, in *getMemberIn) (*memberOut, error) {
	s, err := a.Sessions.Get(ctx, in.SessionID)
	out, err := memberOf(in.PlayerID, s, err)
	if err == nil && web.IfNoneMatch(in.IfNoneMatch, s.Version) {
		out.Status = http.StatusNotModified
	}
	return out, err
}

type patchMemberIn struct {
	SessionPath
	PlayerPath
	IfMatchHeader
	Sent Patch[game.MemberSettings]
}

// Resolve implements [huma.Resolver].
func (in *patchMemberIn) Resolve(ctx huma.Context) []error {
	return in.Sent.resolve(ctx, game.MemberSettings{})
}

func (a *API) patchMember(ctx context.Context, in *patchMemberIn) (*memberOut, error) {
	s, err := a.Sessions.EditMember(ctx, in.SessionID, ifMatch[game.Session](in.IfMatch), in.PlayerID,
		func(t game.MemberSettings) (game.MemberSettings, error) { return in.Sent.MergedInto(t), nil })
	return memberOf(in.PlayerID, s, err)
}

type setHostIn struct {
	SessionPath
	IfMatchHeader
	PreferHeader
	Sent Body[game.HostRequest]
}

func (a *API) setHost(ctx context.Context, in *setHostIn) (*sessionOut, error) {
	out, err := answer(
		a.Sessions.SetHost(ctx, in.SessionID, ifMatch[game.Session](in.IfMatch), in.Sent.Value().PlayerID),
	)
	show, applied := in.preferred()
	return showing(out, err, show, applied)
}
