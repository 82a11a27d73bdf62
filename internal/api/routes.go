package api

import (
	"net/http"
	"slices"

	"game-session-manager/internal/game"
)

// route describes one route.
type route struct {
	method  string
	path    string
	id      string // the operationId in the OpenAPI document
	tag     string // its tag there
	summary string
	success []int // the success statuses, the usual one first
	body    *body
	errors  []*game.Error // errors of the rules; those of every route are added
	traits
}

// traits say how the layers around the handler treat requests to a route.
type traits struct {
	open   bool // it needs no credential
	actsAs bool // a server may call it on behalf of a player
	// exempt excludes the route from the concurrency limit: health checks must respond under overload, and static
	// pages cost nothing, except for the first request of an OpenAPI document, which makes it.
	exempt bool
	probe  bool // it is polled: its successes are logged at debug level
	// guesses says that the rate of wrong guesses at a secret is limited.
	guesses bool
	// streams excludes the route from the request timeout and the concurrency limit.
	streams bool
	// tickets says that a ticket in the query is a credential.
	tickets bool
}

// body describes the request body of a route.
type body struct {
	schema         string // the name of its component in the OpenAPI document
	optional       bool
	max            int // in bytes: see [web.Bodies]
	maxWithIgnored int
}

// routes registers all routes, in the order of the contract.
func (a *API) routes() {
	addSchemas(a.huma.OpenAPI().Components.Schemas)
	a.playerRoutes()
	a.sessionRoutes()
	a.webhookRoutes()
	a.serviceRoutes()
	a.huma.OpenAPI().Webhooks = webhookItems(a.huma.OpenAPI().Components.Schemas)
}

// commonErrors are errors of almost every route.
func commonErrors() []*game.Error { return []*game.Error{game.ErrForbidden, game.ErrStoreUnavailable} }

// seatErrors are errors of routes that give a player a seat.
func seatErrors() []*game.Error {
	return []*game.Error{game.ErrPlayerNotFound, game.ErrPlayerSuspended}
}

func versionErrors() []*game.Error { return []*game.Error{game.ErrVersionMismatch} }

func keyReuseErrors() []*game.Error { return []*game.Error{game.ErrIdempotencyKeyReuse} }

func (a *API) playerRoutes() {
	var (
		player = append([]*game.Error{game.ErrPlayerNotFound}, commonErrors()...)
		names  = []*game.Error{game.ErrUsernameTaken, game.ErrIdentityTaken}
		tokens = []*game.Error{game.ErrNoTokens}

		playing = traits{actsAs: true}
	)
	register(a, route{
		http.MethodPost, basePath + "/players", "createPlayer", "players",
		"Register a player",
		codes(201), requiredBody("Profile"), errs(names, keyReuseErrors(), player),
		traits{},
	}, a.createPlayer)
	register(a, route{
		http.MethodGet, basePath + "/players", "listPlayers", "players",
		"List players, newest first",
		codes(200, 304), nil, commonErrors(), playing,
	}, a.listPlayers)
	register(a, route{
		http.MethodGet, basePath + "/players/{player_id}", "getPlayer", "players",
		"Read a player",
		codes(200, 304), nil, player, playing,
	}, a.getPlayer)
	register(a, route{
		http.MethodPut, basePath + "/players/{player_id}", "replacePlayer", "players",
		"Replace a player's profile",
		codes(200), requiredBody("PlayerReplacement"), errs(player, names, versionErrors()), playing,
	}, a.replacePlayer)
	register(a, route{
		http.MethodPatch, basePath + "/players/{player_id}", "patchPlayer", "players",
		"Change a player's profile (RFC 7396)",
		codes(200), requiredBody("ProfilePatch"), errs(player, names, versionErrors()), playing,
	}, a.patchPlayer)
	register(a, route{
		http.MethodDelete, basePath + "/players/{player_id}", "erasePlayer", "players",
		"Erase a player everywhere",
		codes(204), nil, errs(player, versionErrors()), playing,
	}, a.erasePlayer)
	register(a, route{
		http.MethodGet, basePath + "/players/by-identity/{provider}/{subject}", "getPlayerByIdentity", "players",
		"Find a player by an account elsewhere",
		codes(200, 304), nil, player,
		traits{},
	}, a.getPlayerByIdentity)
	register(a, route{
		http.MethodPut, basePath + "/players/by-identity/{provider}/{subject}", "enterPlayer", "players",
		"Find a player by an account elsewhere, or create it",
		codes(200, 201), optionalBody("Newcomer"), errs(names, commonErrors()),
		traits{},
	}, a.enterPlayer)
	register(a, route{
		http.MethodGet, basePath + "/players/{player_id}/sessions", "listPlayerSessions", "players",
		"List the sessions of a player, live and past, newest first",
		codes(200, 304), nil, player, playing,
	}, a.listPlayerSessions)
	register(a, route{
		http.MethodGet, basePath + "/players/{player_id}" + exportSuffix, "exportPlayer", "players",
		"Export everything that is stored about a player",
		codes(200), nil, player, playing,
	}, a.exportPlayer)
	register(a, route{
		http.MethodPost, basePath + "/players/{player_id}/tokens", "mintToken", "players",
		"Create a token for a player",
		codes(201), optionalBody("TokenRequest"), errs(player, []*game.Error{game.ErrPlayerSuspended}, tokens),
		traits{},
	}, a.mintToken)
	register(a, route{
		http.MethodGet, "/.well-known/jwks.json", "getJwks", "players",
		"Read the keys that verify tokens and tickets",
		codes(200), nil, errs(tokens, []*game.Error{game.ErrStoreUnavailable}),
		traits{open: true},
	}, a.getJWKS)
}

func (a *API) sessionRoutes() {
	var (
		session  = append([]*game.Error{game.ErrSessionNotFound}, commonErrors()...)
		host     = []*game.Error{game.ErrNotHost}
		member   = []*game.Error{game.ErrMemberNotFound}
		ended    = []*game.Error{game.ErrSessionEnded}
		settings = []*game.Error{game.ErrSeatsTaken, game.ErrSessionEnded}
		moves    = []*game.Error{game.ErrInvalidTransition, game.ErrNotEnoughPlayers, game.ErrSessionEnded}
		fence    = []*game.Error{game.ErrStaleFence}
		joined   = []*game.Error{game.ErrMemberNotJoined}
		joins    = []*game.Error{
			game.ErrSessionFull, game.ErrTeamFull, game.ErrSessionLocked, game.ErrSessionNotJoinable,
			game.ErrAlreadyMember, game.ErrPlayerBanned, game.ErrSessionEnded, game.ErrInvalidJoinCode,
			game.ErrJoinCodeRequired, game.ErrWrongPassword, game.ErrWaitListFull,
		}
		elsewhere = []*game.Error{game.ErrPlayerInOtherSession}
		bans      = []*game.Error{game.ErrPlayerNotFound, game.ErrTooManyBans}

		playing  = traits{actsAs: true}
		guessing = traits{actsAs: true, guesses: true}
	)
	register(a, route{
		http.MethodPost, basePath + "/sessions", "createSession", "sessions",
		"Create a session",
		codes(201), requiredBody("SessionRequest"),
		errs(seatErrors(), elsewhere, keyReuseErrors(), commonErrors()), playing,
	}, a.createSession)
	register(a, route{
		http.MethodGet, basePath + "/sessions", "listSessions", "sessions",
		"List sessions, newest first",
		codes(200, 304), nil, errs([]*game.Error{game.ErrTooBroad}, commonErrors()), playing,
	}, a.listSessions)
	register(a, route{
		http.MethodPost, basePath + "/sessions/search", "searchSessions", "sessions",
		"Search sessions by any conditions, in any order",
		codes(200), requiredBody("SearchRequest"), errs([]*game.Error{game.ErrTooBroad}, commonErrors()), playing,
	}, a.searchSessions)
	register(a, route{
		http.MethodGet, basePath + "/sessions/{session_id}", "getSession", "sessions",
		"Read a session",
		codes(200, 304), nil, session, playing,
	}, a.getSession)
	register(a, route{
		http.MethodPut, basePath + "/sessions/{session_id}", "moveSession", "sessions",
		"Change a session's status",
		codes(200), bodyWithMembers("SessionMove"), errs(session, host, moves, fence, versionErrors()), playing,
	}, a.moveSession)
	register(a, route{
		http.MethodPatch, basePath + "/sessions/{session_id}", "patchSession", "sessions",
		"Change a session's settings (RFC 7396)",
		codes(200), requiredBody("SettingsPatch"), errs(session, host, settings, fence, versionErrors()), playing,
	}, a.patchSession)
	register(a, route{
		http.MethodDelete, basePath + "/sessions/{session_id}", "cancelSession", "sessions",
		"Cancel a session, or remove it",
		codes(204), nil, errs(session, host, []*game.Error{game.ErrInvalidTransition}, fence, versionErrors()), playing,
	}, a.cancelSession)
	register(a, route{
		http.MethodPost, basePath + "/sessions/{session_id}/members", "joinSession", "sessions",
		"Join a session, alone or as a party",
		codes(201, 200, 202), &body{schema: "JoinSessionRequest", max: maxJoinBody},
		errs(session, seatErrors(), joins, elsewhere, fence), guessing,
	}, a.joinSession)
	register(a, route{
		http.MethodPost, basePath + "/sessions/join-by-code", "joinByCode", "sessions",
		"Join the session with a join code",
		codes(201, 200, 202), &body{schema: "JoinByCodeRequest", max: maxJoinBody},
		errs(seatErrors(), joins, commonErrors()), guessing,
	}, a.joinByCode)
	register(a, route{
		http.MethodPost, basePath + "/sessions/quick-join", "quickJoin", "sessions",
		"Join any session that matches, or create one",
		codes(200, 201), &body{schema: "QuickJoinRequest", max: maxJoinBody},
		errs(seatErrors(), elsewhere, []*game.Error{
			game.ErrNoSessionAvailable, game.ErrAlreadyMember, game.ErrTooBroad,
		}, keyReuseErrors(), commonErrors()), playing,
	}, a.quickJoin)
	register(a, route{
		http.MethodPost, basePath + "/sessions/{session_id}/explain", "explainSession", "sessions",
		"Explain why a search does not find a session, and why a player cannot join it",
		codes(200), optionalBody("ExplainRequest"), session, playing,
	}, a.explainSession)
	register(a, route{
		http.MethodPost, basePath + "/sessions/{session_id}/code", "rotateJoinCode", "sessions",
		"Give a session a new join code",
		codes(200), optionalBody("JoinCodeRequest"), errs(session, host, versionErrors(), ended, fence), playing,
	}, a.rotateJoinCode)
	register(a, route{
		http.MethodDelete, basePath + "/sessions/{session_id}/code", "removeJoinCode", "sessions",
		"Remove the join code of a session",
		codes(204), nil, errs(session, host, versionErrors(), fence), playing,
	}, a.removeJoinCode)
	register(a, route{
		http.MethodGet, basePath + "/sessions/{session_id}/members/{player_id}", "getMember", "sessions",
		"Read a member",
		codes(200, 304), nil, errs(session, member), playing,
	}, a.getMember)
	register(a, route{
		http.MethodPatch, basePath + "/sessions/{session_id}/members/{player_id}", "patchMember", "sessions",
		"Change a member's team, attributes, readiness and status (RFC 7396)",
		codes(200), requiredBody("MemberPatch"),
		errs(session, member, host, versionErrors(), ended, fence, elsewhere, []*game.Error{game.ErrTeamFull}), playing,
	}, a.patchMember)
	register(a, route{
		http.MethodDelete, basePath + "/sessions/{session_id}/members/{player_id}", "leaveSession", "sessions",
		"Leave a session or its wait list, or kick a player",
		codes(204), nil, errs(session, host, versionErrors(), ended, fence, bans), playing,
	}, a.leaveSession)
	register(a, route{
		http.MethodPut, basePath + "/sessions/{session_id}/invites/{player_id}", "invitePlayer", "sessions",
		"Invite a player to a session",
		codes(201, 200), optionalBody("InviteRequest"), errs(session, seatErrors(), host, []*game.Error{
			game.ErrSessionFull, game.ErrSessionLocked, game.ErrSessionNotJoinable, game.ErrPlayerBanned,
		}, versionErrors(), ended, fence), playing,
	}, a.invitePlayer)
	register(a, route{
		http.MethodGet, basePath + "/sessions/{session_id}/bans", "listBans", "sessions",
		"List the players who may not join",
		codes(200), nil, errs(session, host), playing,
	}, a.listBans)
	register(a, route{
		http.MethodPut, basePath + "/sessions/{session_id}/bans/{player_id}", "banPlayer", "sessions",
		"Ban a player from a session",
		codes(200), optionalBody("BanRequest"), errs(session, host, versionErrors(), ended, fence, bans), playing,
	}, a.banPlayer)
	register(a, route{
		http.MethodDelete, basePath + "/sessions/{session_id}/bans/{player_id}", "unbanPlayer", "sessions",
		"Lift the ban of a player",
		codes(204), nil, errs(session, host, versionErrors(), ended, fence), playing,
	}, a.unbanPlayer)
	register(a, route{
		http.MethodPut, basePath + "/sessions/{session_id}/host", "setHost", "sessions",
		"Make a member the host",
		codes(200), requiredBody("HostRequest"),
		errs(session, member, seatErrors(), host, versionErrors(), ended, fence, joined), playing,
	}, a.setHost)
	register(a, route{
		http.MethodPut, basePath + "/sessions/{session_id}/server", "attachServer", "sessions",
		"Take over a session as its server",
		codes(200), requiredBody("ServerRequest"), errs(session, versionErrors(), ended, fence), playing,
	}, a.attachServer)
	register(a, route{
		http.MethodPost, basePath + "/sessions/{session_id}/heartbeat", "sendHeartbeat", "sessions",
		"Report that a session is alive",
		codes(200), optionalBody("HeartbeatRequest"), errs(session, host, ended, fence), playing,
	}, a.sendHeartbeat)
	register(a, route{
		http.MethodPost, basePath + "/sessions/{session_id}/members/{player_id}/heartbeat", "sendMemberHeartbeat",
		"sessions", "Report that a member is connected",
		codes(200), nil, errs(session, member, host, ended, fence, joined), playing,
	}, a.sendMemberHeartbeat)
	register(a, route{
		http.MethodPost, sendHeartbeatsRoute, "sendHeartbeats", "sessions",
		"Report that several sessions are alive",
		codes(200), &body{schema: "HeartbeatsRequest", max: maxHeartbeatsBody}, commonErrors(), playing,
	}, a.sendHeartbeats)
	register(a, route{
		http.MethodGet, basePath + "/sessions/{session_id}/timeline", "getTimeline", "sessions",
		"Read what happened to a session, newest first",
		codes(200, 304), nil, errs(session, host), playing,
	}, a.getTimeline)
	register(a, route{
		http.MethodGet, basePath + "/sessions/{session_id}/events", "getSessionEvents", "sessions",
		"Follow what happens to a session, as it happens",
		codes(200, 204), nil, errs(session, []*game.Error{game.ErrFeedGap}),
		traits{actsAs: true, streams: true, tickets: true},
	}, a.getSessionEvents)
	register(a, route{
		http.MethodGet, basePath + "/events", "getEvents", "events",
		"Follow what happens in the project, as it happens",
		codes(200), nil, errs(commonErrors(), []*game.Error{game.ErrFeedGap}),
		traits{streams: true},
	}, a.getEvents)
	register(a, route{
		http.MethodGet, basePath + "/audit", "listAudit", "events",
		"List what admins and servers did to keys, webhooks, players and sessions, newest first",
		codes(200, 304), nil, commonErrors(),
		traits{},
	}, a.listAudit)
	register(a, route{
		http.MethodPost, basePath + "/sessions/{session_id}/events/ticket", "createEventTicket", "sessions",
		"Create a ticket with which a web page can follow a session",
		codes(200), nil, errs(session, []*game.Error{game.ErrNoTokens}), playing,
	}, a.createEventTicket)
}

func (a *API) serviceRoutes() {
	var (
		key   = []*game.Error{game.ErrKeyNotFound}
		probe = traits{open: true, exempt: true, probe: true}
	)
	register(a, route{
		http.MethodPost, basePath + "/api-keys", "createApiKey", "api-keys",
		"Create an API key",
		codes(201), requiredBody("KeyRequest"), commonErrors(),
		traits{},
	}, a.createKey)
	register(a, route{
		http.MethodGet, basePath + "/api-keys", "listApiKeys", "api-keys",
		"List API keys",
		codes(200, 304), nil, commonErrors(),
		traits{},
	}, a.listKeys)
	register(a, route{
		http.MethodGet, basePath + "/api-keys/{key_id}", "getApiKey", "api-keys",
		"Read an API key",
		codes(200), nil, errs(key, commonErrors()),
		traits{},
	}, a.getKey)
	register(a, route{
		http.MethodDelete, basePath + "/api-keys/{key_id}", "revokeApiKey", "api-keys",
		"Revoke an API key",
		codes(204), nil, errs(key, commonErrors()),
		traits{},
	}, a.revokeKey)
	register(a, route{
		http.MethodPost, basePath + "/api-keys/{key_id}/rotate", "rotateApiKey", "api-keys",
		"Replace an API key with a new one",
		codes(201), optionalBody("RotateKeyInBody"), errs(key, commonErrors(), []*game.Error{game.ErrKeyInactive}),
		traits{},
	}, a.rotateKey)
	register(a, route{
		http.MethodGet, basePath + "/limits", "getLimits", "limits",
		"Read the limits of the service",
		codes(200), nil, nil,
		traits{},
	}, a.getLimits)
	register(a, route{
		http.MethodGet, basePath + "/metrics/system", "getSystemMetrics", "metrics",
		"Read the stored metrics of the service",
		codes(200), nil, commonErrors(),
		traits{},
	}, a.getSystemMetrics)
	register(a, route{
		http.MethodGet, "/health", "getHealth", "health",
		"Health of the process",
		codes(200), nil, nil, probe,
	}, a.getHealth)
	register(a, route{
		http.MethodGet, "/health/detailed", "getHealthDetailed", "health",
		"Health of each component",
		codes(200, 503), nil, errs([]*game.Error{game.ErrForbidden}),
		traits{exempt: true},
	}, a.getHealthDetailed)
	register(a, route{
		http.MethodGet, "/livez", "getLivez", "health",
		"Liveness probe",
		codes(200), nil, nil, probe,
	}, a.getLivez)
	register(a, route{
		http.MethodGet, "/readyz", "getReadyz", "health",
		"Readiness probe",
		codes(200, 503), nil, nil, probe,
	}, a.getReadyz)
}

func (a *API) webhookRoutes() {
	none := []*game.Error{game.ErrNoWebhooks}
	webhook := errs([]*game.Error{game.ErrWebhookNotFound}, none, commonErrors())
	register(a, route{
		http.MethodPost, basePath + "/webhooks", "createWebhook", "webhooks",
		"Create a webhook",
		codes(201), requiredBody("WebhookSettings"),
		errs([]*game.Error{game.ErrTooManyWebhooks}, none, commonErrors()),
		traits{},
	}, a.createWebhook)
	register(a, route{
		http.MethodGet, basePath + "/webhooks", "listWebhooks", "webhooks",
		"List webhooks, newest first",
		codes(200, 304), nil, errs(none, commonErrors()),
		traits{},
	}, a.listWebhooks)
	register(a, route{
		http.MethodGet, basePath + "/webhooks/{webhook_id}", "getWebhook", "webhooks",
		"Read a webhook",
		codes(200), nil, webhook,
		traits{},
	}, a.getWebhook)
	register(a, route{
		http.MethodPatch, basePath + "/webhooks/{webhook_id}", "patchWebhook", "webhooks",
		"Change a webhook's settings (RFC 7396)",
		codes(200), requiredBody("WebhookPatch"), errs(webhook, versionErrors()),
		traits{},
	}, a.patchWebhook)
	register(a, route{
		http.MethodDelete, basePath + "/webhooks/{webhook_id}", "deleteWebhook", "webhooks",
		"Delete a webhook",
		codes(204), nil, errs(webhook, versionErrors()),
		traits{},
	}, a.deleteWebhook)
	register(a, route{
		http.MethodPost, basePath + "/webhooks/{webhook_id}/rotate", "rotateWebhook", "webhooks",
		"Replace the secret of a webhook",
		codes(201), optionalBody("RotateWebhookBody"), webhook,
		traits{},
	}, a.rotateWebhook)
	register(a, route{
		http.MethodPost, basePath + "/webhooks/{webhook_id}/test", "testWebhook", "webhooks",
		"Send a test message to a webhook",
		codes(200), nil, webhook,
		traits{},
	}, a.testWebhook)
	register(a, route{
		http.MethodGet, basePath + "/webhooks/{webhook_id}/deliveries", "listDeliveries", "webhooks",
		"List what was sent to a webhook, newest first",
		codes(200, 304), nil, webhook,
		traits{},
	}, a.listDeliveries)
	register(a, route{
		http.MethodPost, basePath + "/webhooks/{webhook_id}/replay", "replayWebhook", "webhooks",
		"Send events to a webhook again",
		codes(200), optionalBody("ReplayRequest"), errs([]*game.Error{game.ErrWebhookBusy}, webhook),
		traits{},
	}, a.replayWebhook)
}

func codes(c ...int) []int { return c }

func errs(groups ...[]*game.Error) []*game.Error { return slices.Concat(groups...) }

func requiredBody(schema string) *body { return &body{schema: schema} }

func optionalBody(schema string) *body { return &body{schema: schema, optional: true} }

// bodyWithMembers describes a session as a GET returns it, with up to 1,000 members of 4 KiB of attributes each, which
// are ignored.
func bodyWithMembers(schema string) *body {
	return &body{schema: schema, maxWithIgnored: maxSessionBody}
}
