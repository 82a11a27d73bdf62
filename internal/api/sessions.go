package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

type createSessionIn struct {
	IdempotencyHeader
	PreferHeader
	Sent Body[game.SessionRequest]
}

type createSessionOut struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotent-Replayed"`
	Applied  string `header:"Preference-Applied"`
	Body     joinedSession
}

func (a *API) createSession(ctx context.Context, in *createSessionIn) (*createSessionOut, error) {
	r := in.Sent.Value()
	i, err := in.idempotency("create-session", withoutPassword(r))
	if err != nil {
		return nil, err
	}
	out, err := createdResponse(a.Sessions.Create(ctx, r, i))
	if err != nil {
		return nil, err
	}
	members, applied := in.preferred()
	body := joinedSession{Session: members.of(out.Body)}
	// In a retry, the host may have left, or the session may have ended.
	if _, err := out.Body.Member(r.FirstMember()); err == nil && !out.Body.Status.Terminal() {
		body.Ticket = a.ticket(ctx, out.Body, r.FirstMember())
	}
	return &createSessionOut{out.ETag, out.Location, out.Replayed, applied, body}, nil
}

// withoutPassword returns the request with a mark in place of its password: what identifies a request is kept as a fast
// hash.
func withoutPassword(r game.SessionRequest) game.SessionRequest {
	if r.Password != "" {
		r.Password = "set"
	}
	return r
}

type getSessionIn struct {
	SessionPath
	IfNoneMatchHeader
	Members MembersQuery `query:"members" enum:"none,ids,full" default:"full" doc:"What is returned of the members: members (full), member_ids (ids) or neither (none)."`
	Include []string     `query:"include" enum:"players" maxItems:"1" doc:"players adds the names of the members. They are not part of the session's version, so that such a response has no ETag, and is returned whatever If-None-Match says."`
}

func (a *API) getSession(ctx context.Context, in *getSessionIn) (*sessionOut, error) {
	s, err := a.Sessions.Get(ctx, in.SessionID)
	if len(in.Include) == 0 {
		out, err := conditionalResponse(in.IfNoneMatch, s, err)
		return sessionResponse(out, err, in.Members.detail(), "")
	}
	if err != nil {
		return nil, err
	}
	ids := make([]game.PlayerID, len(s.Members))
	for i := range s.Members {
		ids[i] = s.Members[i].PlayerID
	}
	names, err := a.Players.Names(ctx, ids)
	if err != nil {
		return nil, err
	}
	body := in.Members.detail().of(s)
	body.Players = names
	return &sessionOut{Status: http.StatusOK, Body: &body}, nil
}

type listSessionsIn struct {
	Paging
	SessionFilters
	Members    MembersQuery      `query:"members" enum:"none,ids,full" default:"ids" doc:"What is returned of the members: members (full), member_ids (ids) or neither (none)."`
	Attributes map[string]string `query:"attributes,deepObject,explode" doc:"Sessions with all of these attributes: attributes[mmr]=1200 finds the number 1200 and the string 1200, attributes[mmr]==1200 the number only, attributes[mmr]=\"1200\" the string only."`
	Attribute  []string          `query:"attribute,explode" maxItems:"32" doc:"As attributes, for tools that do not send deepObject: attribute=mmr:1200, once for each attribute."`
}

// Resolve implements [huma.Resolver].
func (in *listSessionsIn) Resolve(huma.Context) []error {
	_, wrong := parseAttributes(in.Attributes, in.Attribute)
	return wrong
}

func (a *API) listSessions(ctx context.Context, in *listSessionsIn) (*pageOut[Session], error) {
	attributes, _ := parseAttributes(in.Attributes, in.Attribute)
	members := in.Members.detail()
	l, err := a.Sessions.List(ctx, game.SessionQuery{
		Where: append(in.where(), attributes.Where()...), Brief: members != membersFull,
	}, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	p, err := boundedPage(ctx, l, nil, members.of)
	return pageResponse(in.IfNoneMatch, p, err)
}

// moveSessionIn has a whole session, so that the body of a GET can be sent back with another status.
type moveSessionIn struct {
	SessionChange
	PreferHeader
	Sent Body[sessionMove]
}

// sessionMove is the part of a session that a move reads: the change of status, and the settings, which must be
// unchanged.
type sessionMove struct {
	game.Move
	game.Settings
	game.Fixed
	game.Timeouts
}

// Validate returns ErrValidation with everything that is wrong with the move. Settings need no rules: they are
// compared.
func (m sessionMove) Validate() error { return m.Move.Validate() }

func (a *API) moveSession(ctx context.Context, in *moveSessionIn) (*sessionOut, error) {
	c := allOf(in.conditions(), in.sameSettings)
	return in.changed(a.Sessions.Move(ctx, in.SessionID, c, in.Sent.Value().Move))
}

// sameSettings rejects a body that would change settings, because a PUT of a session changes its status only. Settings
// that the body leaves out are unchanged.
func (in *moveSessionIn) sameSettings(s game.Session) error {
	asked := in.Sent.Over(sessionMove{Settings: s.Settings, Fixed: s.Fixed, Timeouts: s.Timeouts})
	return rejectChanges(append(
		asked.Differences(s.Settings), game.DifferentTimeouts(asked.Timeouts, s.Timeouts)...,
	), s.Keep(asked.Fixed))
}

// rejectChanges returns the error of a move that changes settings, given their names, and fixed fields.
func rejectChanges(names []string, fixed error) error {
	if len(names) == 0 {
		return fixed
	}
	e := *game.ErrValidation
	if f := (*game.Error)(nil); errors.As(fixed, &f) {
		e.Fields = slices.Clone(f.Fields)
	}
	for _, name := range names {
		e.Fields = append(e.Fields, game.FieldError{Field: name, Message: "is a setting: change it with PATCH"})
	}
	return &e
}

type patchSessionIn struct {
	SessionChange
	PreferHeader
	Sent Patch[sessionPatch]
}

// sessionPatch is a [game.SessionEdit] in which timeouts may be nil, for their defaults.
type sessionPatch struct {
	game.Settings
	game.Fixed
	game.TimeoutRequest
	Connection *game.Connection `json:"connection" doc:"Where the session's server is."`
	Password   string           `json:"password" maxLength:"128" doc:"What new members must know, if they have neither a join code nor an invitation. It is never returned. Null or empty removes it."`
}

// patchOf returns what a patch is merged into.
func patchOf(e game.SessionEdit) sessionPatch {
	return sessionPatch{
		Settings: e.Settings, Fixed: e.Fixed, TimeoutRequest: e.Timeouts.Request(), Connection: e.Connection,
	}
}

// edit returns the edit without the password, given the defaults of timeouts.
func (p sessionPatch) edit(defaults game.Timeouts) game.SessionEdit {
	return game.SessionEdit{
		Settings: p.Settings, Fixed: p.Fixed, Timeouts: p.TimeoutRequest.Or(defaults), Connection: p.Connection,
	}
}

// Validate returns ErrValidation with everything that is wrong regardless of the session.
func (p sessionPatch) Validate() error {
	// Whether expire_after is above stale_after is known only with both.
	edit := p.edit(game.Timeouts{ReservationTimeout: 60, IdleTimeout: 60, StaleAfter: 5, ExpireAfter: 604800})
	err := edit.Validate()
	wrong, password := (*game.Error)(nil), (*game.Error)(nil)
	if !errors.As(game.ValidPassword(p.Password), &password) {
		return err
	}
	if errors.As(err, &wrong) {
		password.Fields = append(password.Fields, wrong.Fields...)
	}
	return password
}

// Resolve implements [huma.Resolver].
func (in *patchSessionIn) Resolve(ctx huma.Context) []error {
	return in.Sent.resolve(ctx, sessionPatch{
		Settings:   game.Settings{MaxPlayers: game.MaxPlayers},
		Connection: &game.Connection{Address: "localhost", Port: 1},
	})
}

func (a *API) patchSession(ctx context.Context, in *patchSessionIn) (*sessionOut, error) {
	hosted := false // which defaults depend on
	c := allOf(in.conditions(), func(s game.Session) error {
		hosted = s.Hosted
		return nil
	})
	password, sent := in.password()
	hash, err := a.Sessions.NewPassword(ctx, in.SessionID, c, password)
	if err != nil {
		return nil, err
	}
	edit := func(e game.SessionEdit) (game.SessionEdit, error) {
		next := in.Sent.MergedInto(patchOf(e)).edit(a.Sessions.Timeouts(hosted))
		if next.PasswordHash = e.PasswordHash; sent {
			next.PasswordHash = hash
		}
		return next, nil
	}
	return in.changed(a.Sessions.Edit(ctx, in.SessionID, c, edit))
}

// password returns the password of the patch, and whether it has one. Null is the empty password.
func (in *patchSessionIn) password() (password string, sent bool) {
	one, other := sessionPatch{Password: "1"}, sessionPatch{Password: "2"}
	password = in.Sent.MergedInto(one).Password
	if password != in.Sent.MergedInto(other).Password {
		return "", false
	}
	return password, true
}

type cancelSessionIn struct {
	SessionChange
	Purge bool `query:"purge" doc:"Remove the session for good, in whatever state it is. For admins."`
}

type cancelSessionOut struct {
	ETag string `header:"ETag"`
}

func (a *API) cancelSession(ctx context.Context, in *cancelSessionIn) (*cancelSessionOut, error) {
	if in.Purge {
		return &cancelSessionOut{}, a.Sessions.Purge(ctx, in.SessionID, in.conditions())
	}
	s, err := a.Sessions.Move(ctx, in.SessionID, in.conditions(), game.Move{Status: game.StatusCancelled})
	return &cancelSessionOut{ETag: web.ETag(s.Version)}, err
}

type leaveSessionIn struct {
	SessionChange
	PlayerPath
	PreferHeader
	Reason string          `query:"reason" maxLength:"64" pattern:"^[a-z0-9_]+$" patternDescription:"a word of a-z 0-9 _" doc:"Why the member is kicked, for programs, such as afk. For the host and servers."`
	Ban    Optional[int64] `query:"ban" minimum:"1" maximum:"2592000" doc:"Also ban the player from the session, for this many seconds. For the host and servers."`
}

// leaveSessionOut has no body, so return=minimal always applies.
type leaveSessionOut struct {
	Applied string `header:"Preference-Applied"`
}

func (a *API) leaveSession(ctx context.Context, in *leaveSessionIn) (*leaveSessionOut, error) {
	var seconds *int
	if n := in.Ban.value(); n != nil {
		seconds = new(int(*n))
	}
	_, err := a.Sessions.Kick(ctx, in.SessionID, in.conditions(), in.PlayerID, in.Reason, seconds)
	_, applied := in.preferred()
	return &leaveSessionOut{applied}, err
}
