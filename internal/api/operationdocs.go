package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// about is what readers of the contract are told first.
const about = `Players and game sessions (lobbies, matches, rooms) of online games.

Register players, open sessions, have players find and join them, move a session through its life, and read how it
ended. Game servers and back ends call with an API key, a player's own device with a token that they make for it; a
server that runs without authentication takes requests from its own machine without either.

Errors are problem documents (RFC 9457) of one form, with a stable ` + "`code`" + ` for programs. Documents have a ` +
	"`version`" + `, which is their entity tag: If-Match makes a change only at that version.`

// tags group the operations, in the order in which they are used.
func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "players", Description: "Who plays: profiles, suspension, erasure, and the tokens of players."},
		{Name: "sessions", Description: "Lobbies, matches, rooms: what is open, who holds a seat, what state it is in."},
		{Name: "api-keys", Description: "Who may call: keys for game servers and back ends. For admins."},
		{Name: "limits", Description: "What callers must keep to."},
		{Name: "metrics", Description: "What the service did, and how things stood. For admins."},
		{Name: "health", Description: "How the service is: for people, and probes for those who run it."},
	}
}

// operationDocs tells what the summary of an operation leaves out, by its id.
var operationDocs = map[string]string{ //nolint:gosec // it tells of tokens, and has none
	"createPlayer": "The username is unique in the project, whatever its case. With an Idempotency-Key a retry creates " +
		"nothing new.",
	"listPlayers": "Filters are combined. Continue with next_cursor.",
	"getPlayer":   "With If-None-Match it returns 304 while the player is unchanged.",
	"replacePlayer": "Takes the body of a GET with what shall be different. What is left out gets its default; a " +
		"suspension stays without `status`.",
	"patchPlayer": "A JSON merge patch: what is left out stays, and null gives a field its default or removes a key.",
	"erasePlayer": "Removes everything personal for good, frees the player's seats and ends what it hosts alone.",
	"mintToken":   "For a player's own device, which sends it as Authorization: Bearer.",
	"getJwks":     "An Ed25519 key set (RFC 8037).",

	"createSession": "With `host_id` or `host` that player is host and first member. Without them the session is a " +
		"server's. With an Idempotency-Key a retry creates nothing new.",
	"listSessions": "Filters are combined. Continue with next_cursor. `attributes` and `attribute` are two ways to " +
		"write the same filter.",
	"getSession": "With If-None-Match it returns 304 while the session is unchanged.",
	"moveSession": "Moves the session to a status, with `end_reason` and `result` where that ends it. Takes the body " +
		"of a GET; its settings must be as they are.",
	"patchSession":  "A JSON merge patch: what is left out stays, and null gives a field its default or removes a key.",
	"cancelSession": "Ends a session that has not begun. The session stays to be read.",
	"joinSession":   "Joining again is no error: it returns 200 with the seat that the player has.",
	"getMember":     "The entity tag is that of the session.",
	"patchMember":   "A JSON merge patch. Seat, order and host stay.",
	"leaveSession":  "Also removes another member, for hosts and servers. Leaving again is no error.",
	"getTimeline": "Who changed what, when and why: a kick, a leave, a suspension and an erasure differ in it. For the host, " +
		"API keys and admins. Events are kept for 30 days unless the operator says otherwise.",
	"setHost": "A member who has joined becomes host, in a session without one too.",

	"createApiKey": "The key is shown once, in this response.",
	"listApiKeys":  "Newest first, without their secrets.",
	"getApiKey":    "Without its secret.",
	"revokeApiKey": "At once, and for good.",
	"rotateApiKey": "Creates a key with the same name and scope. The old one goes on for a while.",

	"getLimits":        "What is configured here, so that clients need not find out by errors.",
	"getSystemMetrics": "Points in time, oldest first.",

	"getHealth":         "Cheap, and without the store.",
	"getHealthDetailed": "Looks at the store and the other components; 503 if one is down.",
	"getLivez":          "Whether the process shall go on.",
	"getReadyz":         "Whether requests shall be sent here.",
}

// bodyExamples are bodies that can be sent as they are, but for the ids of players.
var bodyExamples = map[string]any{
	"createPlayer": map[string]any{
		"username": "alice", "display_name": "Alice", "attributes": map[string]any{"mmr": 1200},
	},
	"replacePlayer": map[string]any{
		"username": "alice", "display_name": "Alice II", "attributes": map[string]any{"mmr": 1250},
	},
	"patchPlayer": map[string]any{"attributes": map[string]any{"mmr": 1300, "clan": "owls"}},
	"mintToken":   map[string]any{"expires_in": 900},
	"createSession": map[string]any{
		"name": "Friday night", "mode": "duel", "max_players": 2, "attributes": map[string]any{"mmr": 1200},
	},
	"moveSession":  map[string]any{"status": "in_progress"},
	"patchSession": map[string]any{"locked": true, "region": nil, "attributes": map[string]any{"mmr": 1300}},
	"joinSession":  map[string]any{"player_id": examplePlayer},
	"patchMember":  map[string]any{"attributes": map[string]any{"skin": "owl"}},
	"setHost":      map[string]any{"player_id": examplePlayer},
	"createApiKey": map[string]any{"name": "match servers", "scope": "server"},
	"rotateApiKey": map[string]any{"overlap_seconds": 3600},
}

// examplePlayer stands for the id that the response to createPlayer has.
const examplePlayer = "01990a5c-6f0e-7c3a-9d52-2f1c5b7a8e90"

// parameterExamples keep the pages of the documentation from filling in what finds nothing.
var parameterExamples = map[string]any{
	"attributes": map[string]any{},
}

// headerDocs tells what the headers of responses are.
var headerDocs = map[string]string{
	"Cache-Control":       "Always no-store: the body holds a secret.",
	"ETag":                "The entity tag of the document: its version in double quotes, for If-Match and If-None-Match.",
	"Idempotent-Replayed": "true where an earlier request with the same Idempotency-Key created the document.",
	"Location":            "The path of what was created.",
	"Preference-Applied":  "The preference of the Prefer header that was followed.",
	"Retry-After":         "Seconds to wait before another try.",
}

// enumerationDocs tells what the named enumerations are.
var enumerationDocs = map[string]string{
	"SessionStatus": "Where a session is in its life. ended, cancelled, expired and failed are the end of it.",
	"EndReason":     "Why a session is over.",
	"Visibility":    "Public, or private for a session that is not for browsing.",
	"PlayerStatus":  "A suspended player takes no seat.",
	"KeyScope":      "What a key may do: admin everything, server all that the game needs, read nothing but reads.",
}

// successDocs tells what a success of the route means.
func successDocs(r route, status int) string {
	switch {
	case status == http.StatusNotModified:
		return "The document has an entity tag that If-None-Match lists."
	case status == http.StatusNoContent:
		return "Done."
	case status == http.StatusCreated:
		return "It was created."
	case status == http.StatusServiceUnavailable:
		return "Not now. The body says what is wrong."
	case r.success[0] == http.StatusCreated:
		return "It was there already, and is as it was."
	case r.method == http.MethodGet:
		return "What was asked for."
	}
	return "As it is after the change."
}

// problemExtras are the members that some problem documents have besides the usual ones.
func problemExtras() map[string]*huma.Schema {
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	whole := func(doc string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeInteger, Format: "int64", Description: doc}
	}
	until := text("Of player_suspended: when the suspension ends.")
	until.Format = "date-time"
	return map[string]*huma.Schema{
		"allowed": {
			Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString},
			Description: "Of invalid_transition: the statuses to which the session can move.",
		},
		"capacity":        whole("Of team_full: how many seats the team has."),
		"end_reason":      text("Of session_ended: why the session is over."),
		"field":           text("Of seats_taken and already_member: the field that cannot be as it was asked for."),
		"from":            text("Of invalid_transition: the status that the session has."),
		"held":            whole("Of seats_taken: how many seats are held."),
		"max_bytes":       whole("Of payload_too_large and uri_too_long: how much there may be."),
		"max_players":     whole("Of session_full: how many seats the session has."),
		"member_status":   text("Of member_not_joined: the status that the member has."),
		"members":         whole("Of not_enough_players: how many members there are."),
		"min_players":     whole("Of not_enough_players: how many members it takes."),
		"needs":           text("Of forbidden: the scope of key that may do it."),
		"outcome":         text("Of 503: none if nothing was done of the request, unknown if it may have been done."),
		"provider":        text("Of player_not_found: the provider of the identity that is not known."),
		"session_status":  text("Of session_ended and session_not_joinable: the status that the session has."),
		"suspended_until": until,
		"team":            text("Of team_full: the team."),
		"to":              text("Of invalid_transition: the status that was asked for."),
		"version":         whole("Of version_mismatch: the version that the document has."),
	}
}
