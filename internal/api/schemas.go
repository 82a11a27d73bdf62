package api

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// schemas are the bodies that the API takes. huma derives them from the types of package game, and the limits come from
// that package's constants, so that the contract cannot promise other limits than the rules keep.
type schemas struct {
	profile, player, profilePatch *huma.Schema
	request, session              *huma.Schema
	settingsPatch, memberPatch    *huma.Schema
	host                          *huma.Schema
	join, key, token, rotation    *huma.Schema
}

func newSchemas(r huma.Registry) *schemas {
	r.RegisterTypeAlias(reflect.TypeFor[game.Value](), reflect.TypeFor[attributeValue]())
	r.RegisterTypeAlias(reflect.TypeFor[game.Result](), reflect.TypeFor[anyObject]())
	r.RegisterTypeAlias(reflect.TypeFor[game.Changes](), reflect.TypeFor[changeList]())
	r.RegisterTypeAlias(reflect.TypeFor[sessionBody](), reflect.TypeFor[game.Session]())
	answers(r)
	metricsAnswer(r)
	describeEvents(r)
	s := new(schemas)
	s.players(r)
	s.sessions(r)
	s.credentials(r)
	return s
}

func (s *schemas) players(r huma.Registry) {
	profile := limitProfile(schemaOf[game.Profile](r))
	profile.Required = []string{"username"}
	s.profile = named(r, "Profile", profile)

	player := limitProfile(schemaOf[game.Player](r))
	player.Required = []string{"username"}
	hideMark(player)
	readOnly(player, "Player", "id", "project", "version", "created_at", "updated_at")
	s.player = named(r, "PlayerReplacement", player)

	profilePatch := limitProfile(schemaOf[game.Profile](r))
	profilePatch.Required = nil
	nullable(profilePatch, "username", "status")
	s.profilePatch = named(r, "ProfilePatch", profilePatch)
}

func (s *schemas) sessions(r huma.Registry) {
	request := limitSettings(schemaOf[game.SessionRequest](r))
	request.Required = []string{"max_players"}
	request.Properties["status"].Enum = enum([]game.SessionStatus{game.StatusPending, game.StatusOpen})
	identifier(request.Properties["host_id"])
	s.request = named(r, "SessionRequest", request)

	session := limitSettings(schemaOf[game.Session](r))
	session.Required = []string{"status"}
	session.Properties["status"].Enum = enum(game.SessionStatuses())
	session.Properties["end_reason"].Enum = enum(game.EndReasons())
	session.Properties["connection"] = objectOrNone(r, "Connection")
	readOnly(session, "Session", "id", "project", "host_id", "hosted", "members", "version", "created_at", "updated_at",
		"started_at", "ended_at", "seats_held", "free_seats", "member_ids")
	session.Properties["end_reason"].Nullable = true
	s.session = named(r, "SessionMove", session)

	settingsPatch := limitSettings(schemaOf[game.SessionEdit](r))
	settingsPatch.Required = nil
	nullable(settingsPatch, "max_players")
	connection := objectOrNone(r, "Connection")
	connection.Title, connection.Properties = "ConnectionPatch", maps.Clone(connection.Properties)
	protocol := *connection.Properties["protocol"]
	protocol.Nullable, connection.Properties["protocol"] = true, &protocol
	connection.Required = nil // a patch changes what it names
	connection.PrecomputeMessages()
	settingsPatch.Properties["connection"] = connection
	s.settingsPatch = named(r, "SettingsPatch", settingsPatch)

	join := limitMember(schemaOf[game.JoinRequest](r))
	join.Required = []string{"player_id"}
	identifier(join.Properties["player_id"])
	join.Properties["team"].Description = "One of the session's teams, or empty for none. " +
		"A member that joins again without a team or with the same team keeps its team; another team is 409 already_member."
	join.Properties["attributes"].Description = "Custom data. " +
		"A member that joins again without them or with the same keeps its own; others are 409 already_member."
	s.join = named(r, "JoinRequest", join)

	memberPatch := limitMember(schemaOf[game.MemberSettings](r))
	memberPatch.Required = nil
	nullable(memberPatch)
	s.memberPatch = named(r, "MemberPatch", memberPatch)

	host := schemaOf[game.HostRequest](r)
	host.Required = []string{"player_id"}
	identifier(host.Properties["player_id"])
	s.host = named(r, "HostRequest", host)
}

func (s *schemas) credentials(r huma.Registry) {
	key := schemaOf[game.KeyRequest](r)
	key.Required = []string{"name", "scope"}
	key.Properties["name"].MinLength, key.Properties["name"].MaxLength = ptr(1), ptr(game.MaxKeyName)
	key.Properties["scope"].Enum = enum(game.KeyScopes())
	s.key = named(r, "KeyRequest", key)

	token := schemaOf[game.TokenRequest](r)
	token.Required = nil
	token.Properties["expires_in"].Minimum = ptr(game.MinTokenLife.Seconds())
	token.Properties["expires_in"].Maximum = ptr(game.MaxTokenLife.Seconds())
	// Not as the default: some generators have callers give what has one.
	token.Properties["expires_in"].Description = fmt.Sprintf(
		"Seconds for which the token is valid; %.0f if left out.", game.DefaultTokenLife.Seconds())
	s.token = named(r, "TokenRequest", token)
	s.rotation = r.Schema(reflect.TypeFor[RotateKeyInBody](), true, "")
}

// answers completes the documents that the API gives.
func answers(r huma.Registry) {
	for _, t := range []reflect.Type{reflect.TypeFor[game.Player](), reflect.TypeFor[game.Session]()} {
		r.Schema(t, true, "")
	}
	player := limitProfile(r.Map()["Player"])
	hideMark(player)

	session := limitSettings(r.Map()["Session"])
	session.Properties["status"].Enum = enum(game.SessionStatuses())
	session.Properties["end_reason"].Enum = enum(game.EndReasons())
	session.Properties["end_reason"].Nullable = true
	session.Properties["members"].Nullable = false
	derived(session)
	session.Properties["connection"] = &huma.Schema{
		AnyOf: []*huma.Schema{{Ref: session.Properties["connection"].Ref}, {Type: "null"}},
	}
	r.Map()["Member"].Properties["status"].Enum = enum([]game.MemberStatus{game.SeatReserved, game.SeatJoined, game.SeatDisconnected})
	connection := r.Map()["Connection"]
	connection.Required = []string{"address", "port"}
	connection.Properties["address"].MinLength, connection.Properties["address"].MaxLength = ptr(1), ptr(game.MaxAddress)
	connection.Properties["port"].Minimum, connection.Properties["port"].Maximum = ptr(1.0), ptr(65535.0)
	connection.Properties["protocol"].MaxLength = ptr(game.MaxProtocol)
	connection.PrecomputeMessages()
	for _, t := range []reflect.Type{reflect.TypeFor[joinedSession](), reflect.TypeFor[game.Token](), reflect.TypeFor[game.JWKS]()} {
		r.Schema(t, true, "")
	}
	joined := r.Map()["JoinedSession"]
	ticket := joined.Properties["ticket"]
	joined.Properties = maps.Clone(session.Properties)
	joined.Properties["ticket"] = ticket
	joined.Required = session.Required
	r.Map()["JWKS"].Properties["keys"].Nullable = false
	for _, name := range []string{"Player", "Session", "JoinedSession", "Member", "Connection", "Token", "JWK"} {
		describe(r.Map()[name])
	}
}

// derived adds what sessions show that is not stored, and lets members, of which there is as much as was asked for,
// be absent.
func derived(session *huma.Schema) {
	session.Properties["seats_held"] = &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
	session.Properties["free_seats"] = &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
	session.Properties["member_ids"] = &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}
	session.Required = append(slices.DeleteFunc(session.Required, func(name string) bool { return name == "members" }), "seats_held", "free_seats")
}

// hideMark leaves out what only players have that no caller sees.
func hideMark(player *huma.Schema) {
	delete(player.Properties, "erasing_since")
	delete(player.Properties, "sweep_since")
}

// describe adds the sentences of [fieldDocs] to a schema's fields.
func describe(s *huma.Schema) {
	for name, p := range s.Properties {
		if p.Ref == "" && p.Description == "" {
			p.Description = fieldDocs[name]
		}
	}
}

func limitProfile(s *huma.Schema) *huma.Schema {
	p := s.Properties
	p["username"].MinLength, p["username"].MaxLength = ptr(game.MinUsername), ptr(game.MaxUsername)
	p["username"].Pattern, p["username"].PatternDescription = "^[A-Za-z0-9_.-]*$", "of A-Z a-z 0-9 _ . -"
	p["display_name"].MaxLength = ptr(game.MaxDisplayName)
	p["identities"].MaxProperties = ptr(game.MaxIdentities)
	keys(p["identities"], game.MaxProvider, map[string]any{"minLength": 1, "maxLength": game.MaxSubject})
	p["attributes"].MaxProperties = ptr(game.MaxPlayerAttributes)
	keys(p["attributes"], game.MaxAttributeKey, nil)
	p["status"].Enum = enum(game.PlayerStatuses())
	p["suspension_reason"].MaxLength = ptr(game.MaxSuspensionReason)
	return s
}

func limitSettings(s *huma.Schema) *huma.Schema {
	p := s.Properties
	for _, name := range []string{"name", "mode", "map", "region"} {
		p[name].MaxLength = ptr(game.MaxSessionText)
	}
	p["visibility"].Enum = enum(game.Visibilities())
	p["max_players"].Minimum, p["max_players"].Maximum = ptr(1.0), ptr(float64(game.MaxPlayers))
	p["min_players"].Minimum, p["min_players"].Maximum = ptr(0.0), ptr(float64(game.MaxPlayers))
	p["teams"].MaxProperties = ptr(game.MaxTeams)
	keys(p["teams"], game.MaxAttributeKey, map[string]any{"minimum": 1, "maximum": game.MaxPlayers})
	p["attributes"].MaxProperties = ptr(game.MaxSessionAttributes)
	keys(p["attributes"], game.MaxAttributeKey, nil)
	return s
}

func limitMember(s *huma.Schema) *huma.Schema {
	s.Properties["team"].MaxLength = ptr(game.MaxAttributeKey)
	s.Properties["attributes"].MaxProperties = ptr(game.MaxMemberAttributes)
	keys(s.Properties["attributes"], game.MaxAttributeKey, nil)
	return s
}

// objectOrNone returns a component with null for none. A reference beside null would be told as alternatives, of which
// an object that is wrong is none, and not by what is wrong with it.
func objectOrNone(r huma.Registry, name string) *huma.Schema {
	s := *r.Map()[name]
	s.Title, s.Nullable = name, true
	return &s
}

// keys tells what a map takes, which package game checks: keys of at most so many characters, and values.
func keys(s *huma.Schema, length int, values map[string]any) {
	s.Extensions = map[string]any{"propertyNames": map[string]any{"pattern": fmt.Sprintf("^[A-Za-z0-9_-]{1,%d}$", length)}}
	if v, ok := s.AdditionalProperties.(*huma.Schema); ok && values != nil {
		v.Extensions = values
	}
}

func identifier(s *huma.Schema) {
	s.Pattern, s.PatternDescription = game.IDPattern, "a UUID"
}

// readOnly marks what only the server sets. It is taken, so that the body of a GET can be sent back, and ignored,
// whatever it is. The contract gives it the type that it has in the document that the GET returns.
func readOnly(s *huma.Schema, document string, names ...string) {
	s.Extensions = map[string]any{replaces: document}
	for _, name := range names {
		s.Properties[name] = &huma.Schema{Description: "Set by the server; ignored here.", ReadOnly: true}
	}
}

// nullable lets the members of a merge patch be null, which gives them their default, but for those that have none, and
// the values of maps, which removes them.
func nullable(s *huma.Schema, but ...string) {
	for name, p := range s.Properties {
		p.Nullable = !slices.Contains(but, name)
		values, ok := p.AdditionalProperties.(*huma.Schema)
		if !ok {
			continue
		}
		if len(values.AnyOf) > 0 {
			values.AnyOf[0].Nullable = true
		} else {
			values.Nullable = true
		}
	}
}

// schemaOf returns a schema of T of its own, with everything in place and nothing shared but what T refers to.
func schemaOf[T any](r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[T]())
}

// named puts a schema among the document's components and returns a reference to it.
func named(r huma.Registry, name string, s *huma.Schema) *huma.Schema {
	describe(s)
	s.PrecomputeMessages()
	r.Map()[name] = s
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

func problemSchema(r huma.Registry) *huma.Schema {
	const name = "Problem"
	if r.Map()[name] == nil {
		s := schemaOf[web.Problem](r)
		delete(s.Properties, "Extras") // they are members of the document itself
		for extra, schema := range problemExtras() {
			s.Properties[extra] = schema
		}
		s.AdditionalProperties = true
		s.Required = []string{"title", "status", "code", "detail", "request_id"}
		return named(r, name, s)
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

// attributeValue is how the contract shows a [game.Value].
type attributeValue struct{}

// Schema implements [huma.SchemaProvider].
func (attributeValue) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "A string, a number of at most 2^53 - 1, or a boolean.",
		AnyOf: []*huma.Schema{
			{Type: huma.TypeString}, {Type: huma.TypeNumber}, {Type: huma.TypeBoolean},
		},
	}
}

// anyObject is how the contract shows a [game.Result].
type anyObject struct{}

// Schema implements [huma.SchemaProvider].
func (anyObject) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Nullable: true}
}

func ptr[T any](v T) *T { return &v }

func enum[T ~string](values []T) []any {
	all := make([]any, 0, len(values))
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}
