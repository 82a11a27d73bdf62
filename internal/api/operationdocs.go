package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// about is the description of the contract.
const about = `Players and game sessions (lobbies, matches, rooms) of online games.

Register players, open sessions, have players find and join them, move a session through its life, and read how it
ended. Game servers and back ends call with an API key, a player's own device with a token that they create for it. A
server without authentication accepts requests from its own machine without a credential.

Errors are problem documents (RFC 9457) of one form, with a stable ` + "`code`" + ` for programs. Documents have a ` +
	"`version`" + `, which is their entity tag: If-Match makes a change only at that version.`

// tags are the groups of operations, in the order in which clients use them.
func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "players", Description: "Who plays: profiles, suspension, erasure, and the tokens of players."},
		{
			Name:        "sessions",
			Description: "Lobbies, matches, rooms: which are open, who holds a seat, what state they are in.",
		},
		{Name: "events", Description: "What happens in the project. For API keys."},
		{Name: "api-keys", Description: "Who may call: keys for game servers and back ends. For admins."},
		{Name: "webhooks", Description: "Where the events of the project are sent. For admins."},
		{Name: "limits", Description: "The limits that callers must keep to."},
		{Name: "metrics", Description: "Stored metrics of the service. For admins."},
		{Name: "health", Description: "Health reports for people, and probes for orchestrators."},
	}
}

// operationDocs are the descriptions of operations by their ids: what the summary leaves out.
var operationDocs = map[string]string{ //nolint:gosec // no credentials, just text about them
	"createPlayer": "The username is unique in the project, whatever its case. With an Idempotency-Key a retry " +
		"creates nothing new.",
	"listPlayers": "Filters are combined. Continue with next_cursor.",
	"getPlayer":   "With If-None-Match it returns 304 while the player is unchanged.",
	"replacePlayer": "Accepts the body of a GET with your changes. Fields that are left out get their default; a " +
		"suspension stays if `status` is left out.",
	"patchPlayer": "A JSON merge patch: fields that are left out stay, and null gives a field its default or removes " +
		"a key.",
	"erasePlayer": "Removes all personal data for good and frees the player's seats.",
	"getPlayerByIdentity": "The provider and the subject are those in the player's `identities`; encode the subject, " +
		"as %2F for a slash. For API keys only: a player must not learn whose an account elsewhere is.",
	"enterPlayer": "Returns the player who has the identity as it is, whatever the body says, with 200. If there is " +
		"none, it creates one with the identity and what the body says, with 201. However many send it at once, one " +
		"player is made. The body may be left out, and `username` in it: then one is chosen.",
	"listPlayerSessions": "Those in which the player holds a seat, or held one when they ended, and those that it " +
		"left or was removed from, for as long as their events are kept (30 days by default). A session that the " +
		"player has just left may be missing for a second or two. A page may have fewer items than `limit`, even " +
		"none: continue while there is a next_cursor. For the player itself and API keys.",
	"exportPlayer": "The player, then what sessions have about it, then what happened to it and what it did. The " +
		"pages together are the answer to a request for one's personal data: continue while there is a next_cursor. " +
		"Other people appear in it only as the id 00000000-0000-0000-0000-000000000000. What happened in the last " +
		"second or two may be missing, and events are kept for 30 days by default. For admins and the player itself, " +
		"also while it is suspended.",
	"mintToken": "For a player's own device, which sends it as Authorization: Bearer.",
	"getJwks":   "An Ed25519 key set (RFC 8037).",

	"createSession": "With `host_id` or `host` that player becomes host and first member. Without them the session " +
		"is a server's. With an Idempotency-Key a retry creates nothing new.",
	"listSessions": "Filters are combined. Continue with next_cursor. `attributes` and `attribute` are two ways to " +
		"write the same filter.",
	"searchSessions": "Finds sessions that a newcomer can join, and with `include` others. `where` is a list of " +
		"conditions that all must hold; `any`, `all` and `not` combine conditions. Players find public sessions and " +
		"their own. Continue with next_cursor and the same body.",
	"quickJoin": "Gives a player or a party seats in the first session that meets `where`, in `order`, and has room. " +
		"Where none has, `create` is created with the players in it, and 201 returned. Equal requests at the same " +
		"time fill sessions before they create new ones. A player who has a seat in a session that meets `where` " +
		"gets it again. Only public sessions that need no password are found.",
	"explainSession": "Returns all reasons, each with the field that decides, what is wanted of it and what the " +
		"session has. A join is explained for a player without a code.",
	"getSession": "With If-None-Match it returns 304 while the session is unchanged.",
	"moveSession": "Moves the session to a status, with `end_reason` and `result` if that ends it. Accepts the body " +
		"of a GET; its settings must be unchanged.",
	"patchSession": "A JSON merge patch: fields that are left out stay, and null gives a field its default or " +
		"removes a key.",
	"cancelSession": "Ends a session that has not started. The session can still be read. With purge=true an admin " +
		"removes a session in any state for good, and removing it again is not an error.",
	"joinSession": "Give either `player_id` or `players`, who get their seats in one step: all of them or, with " +
		"`partial`, those who can be seated. Joining again is not an error: it returns 200 with the seat that the " +
		"player has. A player joins itself; for others it reserves seats. With `wait`, one player who finds no free " +
		"seat gets 202 with its `position` on the wait list; seats that become free are reserved for those who wait.",
	"joinByCode": "As a join of the session that has the `code`. An unknown code, one that has expired and one that " +
		"is used up are the same error. Wrong codes of one caller are limited.",
	"rotateJoinCode": "Replaces the code that the session has. For the host and servers; members see it in the " +
		"session.",
	"removeJoinCode": "Removing a code that does not exist is not an error. For the host and servers.",
	"getMember":      "The entity tag is that of the session.",
	"patchMember": "A JSON merge patch. The seat and its order do not change. A member whose `status` becomes " +
		"disconnected has disconnect_grace to return.",
	"leaveSession": "Also leaves the wait list. Hosts and servers can kick others, with a `reason` and a `ban`. " +
		"Leaving again is not an error.",
	"invitePlayer": "Reserves a seat for the player, who confirms it by joining, without a code and whoever else may " +
		"join. Inviting again sets another deadline; for a player who has joined it changes nothing. DELETE of the " +
		"member withdraws the invitation. For the host and servers.",
	"listBans": "The bans that have not ended, at most 256. For the host, API keys and admins.",
	"banPlayer": "The player loses its seat, if it has one, and cannot join until the ban ends. Replaces an earlier " +
		"ban of the player. For the host and servers.",
	"unbanPlayer": "Lifting a ban that does not exist is not an error. For the host and servers.",
	"attachServer": "Raises the fence, so that the server before and its heartbeats are rejected from then on. A " +
		"session that waits for its server has `activation_timeout` from now. For servers.",
	"sendHeartbeat": "For the host and for servers. From the first heartbeat on, the session turns stale without " +
		"another for stale_after, and expires without one for expire_after. `players` sets who is connected.",
	"sendMemberHeartbeat": "From the first heartbeat on, the member is disconnected without another for stale_after. " +
		"A disconnected member reconnects.",
	"sendHeartbeats": "One heartbeat for each of up to 1,000 sessions, in a body of at most 1 MiB. Each has a result " +
		"of its own, with the error that it would have alone: one that is rejected does not affect the others.",
	"getTimeline": "Who changed what, when and why: it distinguishes a kick, a leave, a suspension and an erasure. " +
		"For the host, API keys and admins. Events are kept for 30 days by default.",
	"getSessionEvents": "The events of the session, the oldest first, each version once. In which form depends on " +
		"the request. By default it is one JSON response, which waits for the next event up to `wait` seconds. " +
		"With `Accept: text/event-stream` it is a stream of server-sent events, with `Upgrade: websocket` a " +
		"WebSocket: messages with a `type` (`snapshot`, `event`, `end`), a `position` and the session or the " +
		"event. A stream goes on until the session ends or the player is removed from it; after any other end " +
		"connect again with the last position. A player who does not host the session does not see bans and " +
		"who else waits, so that an event may have no changes. 204 says that the session has ended and that " +
		"all its events were read. For those who hold a seat or wait for one, API keys and admins.",
	"getEvents": "The events of all sessions, players, API keys and webhooks, the oldest first, in the order of " +
		"`seq` and without gaps, in the same forms as the events of a session. It never ends by itself. Filters " +
		"select events; a message `position`, and the `position` of a response, says how far they were looked at, so " +
		"that a response may have no items although more follow at once: continue at its `position`. An event may " +
		"come again after a failure: drop those whose `seq` is not above the last one. For API keys.",
	"listAudit": "The events of API keys, and bans, suspensions, erasures, removals and forced ends of sessions that " +
		"admins and servers made in their own name, each with its actor and request id. A page may have fewer items " +
		"than `limit`, and none, although more follow: continue with `next_cursor`. Events are kept for 30 days by " +
		"default. For admins.",
	"createEventTicket": "For an EventSource or a WebSocket of a web page, which cannot send the header " +
		"Authorization: give it as the parameter " +
		"`ticket` of the event stream. It opens streams of this session for 60 seconds, at " +
		"any replica, with the rights of the caller; that of an API key can only read. For those who may " +
		"follow the session.",
	"setHost": "The member must have joined. The session need not have a host before.",

	"createApiKey": "The key is shown once, in this response.",
	"listApiKeys":  "Newest first, without their secrets.",
	"getApiKey":    "Without its secret.",
	"revokeApiKey": "Takes effect at once, and cannot be undone.",
	"rotateApiKey": "Creates a key with the same name and scope. The old key stays valid for the overlap.",

	"createWebhook": "The events of the project from now on are sent to the URL, at least once, and those of one " +
		"session in order. The secret that verifies them is shown once, in this response.",
	"listWebhooks": "Newest first, without their secrets.",
	"getWebhook":   "Without its secret, with how its deliveries go.",
	"patchWebhook": "A JSON merge patch: fields that are left out stay, and null gives a field its default. With " +
		"`disabled` set to false, a webhook that was disabled continues where it stopped, as far as events are kept.",
	"deleteWebhook": "What has not been delivered is not delivered.",
	"rotateWebhook": "The new secret is shown once, in this response. For the overlap each message is signed by " +
		"both, so that receivers can be changed one after the other. Those of earlier rotations sign as long as they " +
		"were to, three old ones in all. Without an overlap none does.",
	"testWebhook": "Sends a message of the type webhook.test, once and at once, and returns what came of it. It " +
		"works while the webhook is disabled, too.",
	"listDeliveries": "The newest 1,000 of each status are kept, at most 30 days.",
	"replayWebhook": "Sends the named events again, or the newest dead letters, without regard to the order of " +
		"others. They have the same webhook-id as before, unless the database was restored in between.",

	"getLimits":        "The configured limits, so that clients need not discover them by errors.",
	"getSystemMetrics": "Points in time, oldest first.",

	"getHealth":         "Does not use the database.",
	"getHealthDetailed": "Checks the database and the other components; 503 if one is down.",
	"getLivez":          "Whether the process is alive.",
	"getReadyz":         "Whether the process accepts requests.",
}

// bodyExamples are valid bodies by operation id, except that the ids of players are made up.
var bodyExamples = map[string]any{
	"createPlayer": map[string]any{
		"username": "alice", "display_name": "Alice", "attributes": map[string]any{"mmr": 1200},
	},
	"replacePlayer": map[string]any{
		"username": "alice", "display_name": "Alice II", "attributes": map[string]any{"mmr": 1250},
	},
	"patchPlayer": map[string]any{"attributes": map[string]any{"mmr": 1300, "clan": "owls"}},
	"mintToken":   map[string]any{"expires_in": 900},
	"enterPlayer": map[string]any{"display_name": "Alice"},
	"createSession": map[string]any{
		"name": "Friday night", "mode": "duel", "max_players": 2, "attributes": map[string]any{"mmr": 1200},
	},
	"searchSessions": map[string]any{
		"where": []any{
			map[string]any{"field": "mode", "op": "eq", "value": "duel"},
			map[string]any{"any": []any{
				map[string]any{"field": "region", "op": "in", "value": []any{"eu", "us"}},
				map[string]any{"not": map[string]any{"field": "map", "op": "prefix", "value": "test-"}},
			}},
		},
		"order": []any{map[string]any{"by": "attributes.mmr", "near": 1200}},
		"limit": 20,
	},
	"quickJoin": map[string]any{
		"player_id": examplePlayer,
		"where":     []any{map[string]any{"field": "mode", "op": "eq", "value": "duel"}},
		"create":    map[string]any{"mode": "duel", "max_players": 2},
	},
	"explainSession": map[string]any{
		"player_id": examplePlayer, "where": []any{map[string]any{"field": "mode", "op": "eq", "value": "duel"}},
	},
	"moveSession":  map[string]any{"status": "in_progress"},
	"patchSession": map[string]any{"locked": true, "region": nil, "attributes": map[string]any{"mmr": 1300}},
	"joinByCode": map[string]any{
		"code": "7KQ2MX", "player_id": examplePlayer,
	},
	"rotateJoinCode": map[string]any{"expires_in": 3600, "max_uses": 3},
	"joinSession":    map[string]any{"player_id": examplePlayer},
	"patchMember":    map[string]any{"attributes": map[string]any{"skin": "owl"}},
	"invitePlayer":   map[string]any{"expires_in": 3600},
	"banPlayer":      map[string]any{"seconds": 3600, "reason": "griefing"},
	"setHost":        map[string]any{"player_id": examplePlayer},
	"attachServer": map[string]any{
		"connection": map[string]any{"address": "203.0.113.7", "port": 7777, "protocol": "udp"},
	},
	"sendHeartbeat": map[string]any{"players": []any{examplePlayer}},
	"sendHeartbeats": map[string]any{
		"sessions": []any{map[string]any{"session_id": exampleSession, "fence": 1}},
	},
	"createApiKey": map[string]any{"name": "match servers", "scope": "server"},
	"rotateApiKey": map[string]any{"overlap_seconds": 3600},
	"createWebhook": map[string]any{
		"url": "https://game.example/hooks/gsm", "subjects": []any{"session"}, "types": []any{"member_joined"},
	},
	"patchWebhook":  map[string]any{"disabled": false},
	"rotateWebhook": map[string]any{"overlap_seconds": 86400},
	"replayWebhook": map[string]any{"deliveries": []any{}},
}

// examplePlayer stands for the id in the response to createPlayer.
const examplePlayer = "01990a5c-6f0e-7c3a-9d52-2f1c5b7a8e90"

// exampleSession stands for the id in the response to createSession.
const exampleSession = "01990a5c-8b1d-7f04-8a6e-93d7f0c2b145"

// parameterExamples keep the documentation pages from filling in values that match nothing.
var parameterExamples = map[string]any{
	"attributes": map[string]any{},
}

// headerDocs are the descriptions of response headers.
var headerDocs = map[string]string{
	"Cache-Control": "How long the response may be cached; no-store if it contains a secret.",
	"ETag": "The entity tag in double quotes: of a document its version, for If-Match and If-None-Match; of a " +
		"list a hash of the response, for If-None-Match.",
	"Idempotent-Replayed": "true if an earlier request with the same Idempotency-Key created the document.",
	"Location":            "The path of the created document.",
	"Preference-Applied":  "The preference of the Prefer header that was followed.",
	"Retry-After":         "Seconds to wait before a retry.",
}

// enumerationDocs are the descriptions of the named enumerations.
var enumerationDocs = map[string]string{
	"SessionStatus": "The state of a session. ended, cancelled, expired and failed are terminal.",
	"EndReason":     "Why a session ended.",
	"Visibility":    "Public, or private for a session that other players' lists do not show.",
	"Liveness": "A stale session has missed its heartbeats and accepts no new members until the next one, unless it " +
		"needs a host.",
	"PlayerStatus": "A suspended player cannot join sessions.",
	"KeyScope": "What a key may do: admin everything, server everything with players and sessions, read " +
		"only reads.",
}

// successDocs returns the description of a success status of a route.
func successDocs(r route, status int) string {
	switch {
	case status == http.StatusNotModified:
		return "The response would have an entity tag that If-None-Match lists."
	case status == http.StatusNoContent:
		return "Done."
	case status == http.StatusCreated:
		return "Created."
	case status == http.StatusServiceUnavailable:
		return "Not available. The body says what is wrong."
	case status == http.StatusAccepted:
		return "No seat is free, and the player waits for one."
	case r.id == "quickJoin":
		return "The session in which the players have their seats."
	case r.success[0] == http.StatusCreated:
		return "It existed already and is unchanged."
	case r.method == http.MethodGet, r.id == "searchSessions", r.id == "explainSession":
		return "The requested data."
	}
	return "The document after the change."
}

// problemExtras returns the schemas of the extra members that some problems have.
func problemExtras() map[string]*huma.Schema {
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	whole := func(doc string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeInteger, Format: "int64", Description: doc}
	}
	suspended := text("Of player_suspended: when the suspension ends.")
	banned := text("Of player_banned: when the ban ends; absent for as long as the session lives.")
	suspended.Format, banned.Format = "date-time", "date-time"
	return map[string]*huma.Schema{
		"allowed": {
			Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString},
			Description: "Of invalid_state_transition: the statuses to which the session can move.",
		},
		"capacity":      whole("Of team_full: how many seats the team has."),
		"end_reason":    text("Of session_ended: why the session ended."),
		"field":         text("Of seats_taken and already_member: the field whose requested value is not possible."),
		"from":          text("Of invalid_state_transition: the status that the session has."),
		"fence":         whole("Of stale_fence: the fence that the session has."),
		"held":          whole("Of seats_taken: how many seats are held."),
		"liveness":      text("Of session_not_joinable: stale if that is the reason."),
		"max_bans":      whole("Of too_many_bans: how many bans the session may have."),
		"max_waiting":   whole("Of wait_list_full: how many players may wait."),
		"max_bytes":     whole("Of payload_too_large and uri_too_long: the maximum."),
		"max_players":   whole("Of session_full: how many seats the session has."),
		"member_status": text("Of member_not_joined: the status that the member has."),
		"members":       whole("Of not_enough_players: how many members there are."),
		"min_players":   whole("Of not_enough_players: how many members a start needs."),
		"needs":         text("Of forbidden: the API key scope that allows it."),
		"outcome":       text("Of 503: none if the request had no effect, unknown if it may have had one."),
		"player_id": text(
			"Of player_banned, player_in_other_session, and of a join of several players: who cannot be seated.",
		),
		"provider":        text("Of player_unknown: the provider of the token's identity."),
		"session_id":      text("Of player_in_other_session: the exclusive session that the player is in."),
		"session_status":  text("Of session_ended and session_not_joinable: the status that the session has."),
		"suspended_until": suspended,
		"team":            text("Of team_full: the team."),
		"to":              text("Of invalid_state_transition: the requested status."),
		"until":           banned,
		"version":         whole("Of version_mismatch: the version that the document has."),
	}
}
