package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

// route is one line of the table below.
type route struct {
	method  string
	path    string
	id      string // the operation's id in the OpenAPI document
	summary string
	success []int // the statuses of success, the usual one first
	body    *huma.Schema
	errors  []*game.Error // what the rules may answer; what any route may answer is added
}

// routes is the whole surface of the API, in the order in which the contract shows it.
func (a *API) routes() {
	s := newSchemas(a.huma.OpenAPI().Components.Schemas)
	a.playerRoutes(s)
	a.sessionRoutes(s)
	a.serviceRoutes(s)
}

// What several routes may answer.
func reads() []*game.Error { return []*game.Error{game.ErrForbidden, game.ErrStoreUnavailable} }

func takers() []*game.Error   { return []*game.Error{game.ErrPlayerNotFound, game.ErrPlayerSuspended} }
func versions() []*game.Error { return []*game.Error{game.ErrVersionMismatch} }
func reuse() []*game.Error    { return []*game.Error{game.ErrIdempotencyKeyReuse} }

func (a *API) playerRoutes(s *schemas) {
	var (
		player = append([]*game.Error{game.ErrPlayerNotFound}, reads()...)
		names  = []*game.Error{game.ErrUsernameTaken, game.ErrIdentityTaken}
		tokens = []*game.Error{game.ErrNoTokens}
	)
	register(a, route{
		http.MethodPost, basePath + "/players", "createPlayer", "Register a player",
		codes(201), s.profile, errs(names, reuse(), player),
	}, a.createPlayer)
	register(a, route{
		http.MethodGet, basePath + "/players", "listPlayers", "List players, newest first",
		codes(200), nil, reads(),
	}, a.listPlayers)
	register(a, route{
		http.MethodGet, basePath + "/players/{player_id}", "getPlayer", "Read a player",
		codes(200, 304), nil, player,
	}, a.getPlayer)
	register(a, route{
		http.MethodPut, basePath + "/players/{player_id}", "replacePlayer", "Replace a player's profile",
		codes(200), s.player, errs(player, names, versions()),
	}, a.replacePlayer)
	register(a, route{
		http.MethodPatch, basePath + "/players/{player_id}", "patchPlayer", "Change a player's profile (RFC 7396)",
		codes(200), s.profilePatch, errs(player, names, versions()),
	}, a.patchPlayer)
	register(a, route{
		http.MethodDelete, basePath + "/players/{player_id}", "erasePlayer", "Erase a player everywhere",
		codes(204), nil, errs(player, versions()),
	}, a.erasePlayer)
	register(a, route{
		http.MethodPost, basePath + "/players/{player_id}/tokens", "mintToken",
		"Make a token by which a player acts for itself",
		codes(201), s.token, errs(player, []*game.Error{game.ErrPlayerSuspended}, tokens),
	}, a.mintToken)
	register(a, route{
		http.MethodGet, "/.well-known/jwks.json", "getJwks", "Read the keys by which tokens and tickets are verified",
		codes(200), nil, errs(tokens, reads()),
	}, a.getJWKS)
}

func (a *API) sessionRoutes(s *schemas) {
	var (
		session  = append([]*game.Error{game.ErrSessionNotFound}, reads()...)
		host     = []*game.Error{game.ErrNotHost}
		member   = []*game.Error{game.ErrMemberNotFound}
		over     = []*game.Error{game.ErrSessionEnded}
		settings = []*game.Error{game.ErrSeatsTaken, game.ErrSessionEnded}
		moves    = []*game.Error{game.ErrInvalidTransition, game.ErrNotEnoughPlayers, game.ErrSessionEnded}
		joins    = []*game.Error{
			game.ErrSessionFull, game.ErrTeamFull, game.ErrSessionLocked, game.ErrSessionNotJoinable,
			game.ErrAlreadyMember, game.ErrSessionEnded,
		}
	)
	register(a, route{
		http.MethodPost, basePath + "/sessions", "createSession", "Open a session",
		codes(201), s.request, errs(takers(), reuse(), reads()),
	}, a.createSession)
	register(a, route{
		http.MethodGet, basePath + "/sessions", "listSessions", "List sessions, newest first",
		codes(200), nil, reads(),
	}, a.listSessions)
	register(a, route{
		http.MethodGet, basePath + "/sessions/{session_id}", "getSession", "Read a session",
		codes(200, 304), nil, session,
	}, a.getSession)
	register(a, route{
		http.MethodPut, basePath + "/sessions/{session_id}", "moveSession", "Change a session's status",
		codes(200), s.session, errs(session, host, moves, versions()),
	}, a.moveSession, a.leaveOutMembers)
	register(a, route{
		http.MethodPatch, basePath + "/sessions/{session_id}", "patchSession", "Change a session's settings (RFC 7396)",
		codes(200), s.settingsPatch, errs(session, host, settings, versions()),
	}, a.patchSession)
	register(a, route{
		http.MethodDelete, basePath + "/sessions/{session_id}", "cancelSession", "Cancel a session",
		codes(204), nil, errs(session, host, []*game.Error{game.ErrInvalidTransition}, versions()),
	}, a.cancelSession)
	register(a, route{
		http.MethodPost, basePath + "/sessions/{session_id}/members", "joinSession", "Take a seat",
		codes(201, 200), s.join, errs(session, takers(), joins),
	}, a.joinSession)
	register(a, route{
		http.MethodGet, basePath + "/sessions/{session_id}/members/{player_id}", "getMember", "Read a member",
		codes(200, 304), nil, errs(session, member),
	}, a.getMember)
	register(a, route{
		http.MethodPatch, basePath + "/sessions/{session_id}/members/{player_id}", "patchMember",
		"Change a member's team and attributes (RFC 7396)",
		codes(200), s.memberPatch, errs(session, member, host, versions(), over, []*game.Error{game.ErrTeamFull}),
	}, a.patchMember)
	register(a, route{
		http.MethodDelete, basePath + "/sessions/{session_id}/members/{player_id}", "leaveSession", "Leave a seat",
		codes(204), nil, errs(session, host, versions(), over),
	}, a.leaveSession)
	register(a, route{
		http.MethodPut, basePath + "/sessions/{session_id}/host", "setHost", "Name a member as host",
		codes(200), s.host, errs(session, member, takers(), host, versions(), over, []*game.Error{game.ErrMemberNotJoined}),
	}, a.setHost)
}

func (a *API) serviceRoutes(s *schemas) {
	key := []*game.Error{game.ErrKeyNotFound}
	register(a, route{
		http.MethodPost, basePath + "/api-keys", "createApiKey", "Create an API key",
		codes(201), s.key, reads(),
	}, a.createKey)
	register(a, route{
		http.MethodGet, basePath + "/api-keys", "listApiKeys", "List API keys",
		codes(200), nil, reads(),
	}, a.listKeys)
	register(a, route{
		http.MethodGet, basePath + "/api-keys/{key_id}", "getApiKey", "Read an API key",
		codes(200), nil, errs(key, reads()),
	}, a.getKey)
	register(a, route{
		http.MethodDelete, basePath + "/api-keys/{key_id}", "revokeApiKey", "Revoke an API key",
		codes(204), nil, errs(key, reads()),
	}, a.revokeKey)
	register(a, route{
		http.MethodPost, basePath + "/api-keys/{key_id}/rotate", "rotateApiKey", "Replace an API key by another",
		codes(201), nil, errs(key, reads(), []*game.Error{game.ErrKeyOver}),
	}, a.rotateKey)
	register(a, route{
		http.MethodGet, basePath + "/limits", "getLimits", "Read what callers must keep to",
		codes(200), nil, nil,
	}, a.getLimits)
	register(a, route{
		http.MethodGet, basePath + "/metrics/system", "getSystemMetrics", "Read the stored metrics of the service",
		codes(200), nil, reads(),
	}, a.getSystemMetrics)
	register(a, route{
		http.MethodGet, "/health", "getHealth", "Is the service there?",
		codes(200), nil, nil,
	}, a.getHealth)
	register(a, route{
		http.MethodGet, "/health/detailed", "getHealthDetailed", "How is each component?",
		codes(200, 503), nil, errs([]*game.Error{game.ErrForbidden}),
	}, a.getHealthDetailed)
	register(a, route{
		http.MethodGet, "/livez", "getLivez", "Liveness probe",
		codes(200), nil, nil,
	}, a.getLivez)
	register(a, route{
		http.MethodGet, "/readyz", "getReadyz", "Readiness probe",
		codes(200, 503), nil, nil,
	}, a.getReadyz)
}

func codes(c ...int) []int { return c }

func errs(groups ...[]*game.Error) []*game.Error {
	var all []*game.Error
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// operation is the route as the OpenAPI document has it.
func (a *API) operation(r route) huma.Operation {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, DefaultStatus: r.success[0],
		Summary: r.summary, Description: operationDocs[r.id],
		Tags: []string{tagOf(r.path)},
		// huma counts a body of exactly the limit as too large.
		MaxBodyBytes: maxBody + 1, BodyReadTimeout: a.Limits.ReadTimeout,
		Responses: make(map[string]*huma.Response),
	}
	if r.body != nil {
		media := &huma.MediaType{Schema: r.body}
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{jsonType: media}}
		if r.method == http.MethodPatch {
			op.RequestBody.Content[patchType] = media
		}
	}
	if isOpen(r.path) {
		op.Security = []map[string][]string{} // none
	}
	if actsAs(r) {
		op.Parameters = append(op.Parameters, actAsParameter())
	}
	a.documentErrors(&op, r)
	return op
}

// actsAs reports whether a server may call the route as a player: whether it may do anything for players.
func actsAs(r route) bool {
	return !isOpen(r.path) && r.id != "createPlayer" && r.id != "mintToken" &&
		(tagOf(r.path) == "players" || tagOf(r.path) == "sessions")
}

// actAsParameter documents the header that [API.guard] reads.
func actAsParameter() *huma.Param {
	return &huma.Param{
		Name: actAsHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, Pattern: game.IDPattern},
		Description: "The player for whom a server asks: the request has that player's rights, and no others. " +
			"For API keys of scope server or admin.",
	}
}

// documentSuccess gives the other statuses of success the body of the usual one.
func documentSuccess(op huma.Operation, r route) {
	usual := op.Responses[strconv.Itoa(r.success[0])]
	usual.Description = successDocs(r, r.success[0])
	for _, status := range r.success[1:] {
		other := &huma.Response{Description: successDocs(r, status), Headers: usual.Headers}
		if status != http.StatusNotModified {
			other.Content = usual.Content
		}
		op.Responses[strconv.Itoa(status)] = other
	}
}

// tagOf groups operations on the documentation pages by their noun.
func tagOf(path string) string {
	if strings.HasPrefix(path, "/.well-known/") {
		return "players"
	}
	noun, ok := strings.CutPrefix(path, basePath+"/")
	if !ok {
		return "health"
	}
	noun, _, _ = strings.Cut(noun, "/")
	return noun
}

// documentErrors adds a response for every status with which the route may fail, with the codes that go with it.
func (a *API) documentErrors(op *huma.Operation, r route) {
	byStatus := map[int]string{
		http.StatusInternalServerError: game.ErrInternal.Code,
		http.StatusBadRequest:          "malformed_url, malformed_host",
		http.StatusUnprocessableEntity: game.ErrValidation.Code,
	}
	if r.body != nil {
		byStatus[http.StatusBadRequest] += ", malformed_json"
		byStatus[http.StatusRequestTimeout] = "request_timeout"
		byStatus[http.StatusRequestEntityTooLarge] = "payload_too_large"
		byStatus[http.StatusUnsupportedMediaType] = "unsupported_media_type"
	}
	byStatus[http.StatusForbidden] = "cross_origin"
	byStatus[http.StatusRequestURITooLong] = "uri_too_long"
	byStatus[http.StatusRequestHeaderFieldsTooLarge] = "too_many_headers"
	if !exempt(r.path) {
		byStatus[http.StatusServiceUnavailable] = game.ErrOverloaded.Code
	}
	if !isOpen(r.path) {
		byStatus[http.StatusForbidden] += ", " + game.ErrPlayerSuspended.Code + ", " + game.ErrPlayerUnknown.Code
		byStatus[http.StatusUnauthorized] = game.ErrUnauthenticated.Code
		byStatus[http.StatusTooManyRequests] = "rate_limited, too_many_failures"
	}
	for _, e := range r.errors {
		status := statusOf(e.Kind)
		if slices.Contains(strings.Split(byStatus[status], ", "), e.Code) {
			continue
		}
		if byStatus[status] != "" {
			byStatus[status] += ", "
		}
		byStatus[status] += e.Code
	}
	schema := problemSchema(a.huma.OpenAPI().Components.Schemas)
	for status, codes := range byStatus {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status) + ": " + codes,
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
}
