package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// memberPath returns the path of a member, for the Location header.
func memberPath(s game.SessionID, p game.PlayerID) string {
	return basePath + "/sessions/" + string(s) + "/members/" + string(p)
}

// memberOut is a response with a member, which has the entity tag of its session.
type memberOut struct {
	Status int
	ETag   string `header:"ETag"`
	Body   game.Member
}

// memberResponse returns the response to a call that read or changed a member.
func memberResponse(p game.PlayerID, s game.Session, err error) (*memberOut, error) {
	if err != nil {
		return nil, err
	}
	m, err := s.Member(p)
	return &memberOut{Status: http.StatusOK, ETag: web.ETag(s.Version), Body: m}, err
}

type getMemberIn struct {
	SessionPath
	PlayerPath
	IfNoneMatchHeader
}

func (a *API) getMember(ctx context.Context, in *getMemberIn) (*memberOut, error) {
	s, err := a.Sessions.Get(ctx, in.SessionID)
	out, err := memberResponse(in.PlayerID, s, err)
	if err == nil && web.IfNoneMatch(in.IfNoneMatch, web.ETag(s.Version)) {
		out.Status = http.StatusNotModified
	}
	return out, err
}

type patchMemberIn struct {
	SessionChange
	PlayerPath
	Sent Patch[game.MemberEdit]
}

// Resolve implements [huma.Resolver].
func (in *patchMemberIn) Resolve(ctx huma.Context) []error {
	return in.Sent.resolve(ctx, game.MemberEdit{})
}

func (a *API) patchMember(ctx context.Context, in *patchMemberIn) (*memberOut, error) {
	s, err := a.Sessions.EditMember(ctx, in.SessionID, in.conditions(), in.PlayerID,
		func(e game.MemberEdit) (game.MemberEdit, error) { return in.Sent.MergedInto(e), nil })
	return memberResponse(in.PlayerID, s, err)
}

type setHostIn struct {
	SessionChange
	PreferHeader
	Sent Body[game.HostRequest]
}

func (a *API) setHost(ctx context.Context, in *setHostIn) (*sessionOut, error) {
	return in.changed(a.Sessions.SetHost(ctx, in.SessionID, in.conditions(), in.Sent.Value().PlayerID))
}

type attachServerIn struct {
	SessionChange
	PreferHeader
	Sent Body[game.ServerRequest]
}

func (a *API) attachServer(ctx context.Context, in *attachServerIn) (*sessionOut, error) {
	return in.changed(a.Sessions.AttachServer(ctx, in.SessionID, in.conditions(), in.Sent.Value()))
}
