package api

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// componentPath is the prefix of a reference to a component.
const componentPath = "#/components/schemas/"

// addSchemas makes components of the schemas of documents and of request bodies. They are derived from the types of
// package game and their tags, which that package's tests compare with its rules, so that the contract and the rules
// have the same limits.
func addSchemas(r huma.Registry) {
	r.RegisterTypeAlias(reflect.TypeFor[game.Value](), reflect.TypeFor[attributeValue]())
	r.RegisterTypeAlias(reflect.TypeFor[game.Result](), reflect.TypeFor[anyObject]())
	r.RegisterTypeAlias(reflect.TypeFor[game.Changes](), reflect.TypeFor[changeList]())
	responses(r)
	playerSchemas(r)
	sessionSchemas(r)
	livenessSchemas(r)
	searchSchemas(r)
	quickJoinSchemas(r)
	explanationSchemas(r)
	credentialSchemas(r)
	webhookSchemas(r)
}

func playerSchemas(r huma.Registry) {
	named(r, "Profile", requestOf[game.Profile](r, "username"))

	newcomer := requestOf[game.Newcomer](r)
	newcomer.Properties["username"].Description = "Unique in the project, whatever its case. Left out, it is chosen."
	named(r, "Newcomer", newcomer)

	player := requestOf[game.Player](r, "username")
	replacement[game.Player](player, "Player")
	named(r, "PlayerReplacement", player)

	profilePatch := requestOf[game.Profile](r)
	nullable(profilePatch, "username", "status")
	named(r, "ProfilePatch", profilePatch)
}

func sessionSchemas(r huma.Registry) {
	named(r, "SessionRequest", requestOf[game.SessionRequest](r, "max_players"))

	session := requestOf[game.Session](r, "status")
	session.Properties["connection"] = objectOrNone(r, session.Properties["connection"])
	replacement[game.Session](session, "Session")
	for name := range r.Map()["Session"].Properties {
		if session.Properties[name] == nil { // computed and not stored
			session.Properties[name] = ignored()
		}
	}
	named(r, "SessionMove", session)

	settingsPatch := requestOf[sessionPatch](r)
	nullable(settingsPatch, "max_players")
	connection := objectOrNone(r, settingsPatch.Properties["connection"])
	connection.Title, connection.Properties = "ConnectionPatch", maps.Clone(connection.Properties)
	protocol := *connection.Properties["protocol"]
	protocol.Nullable, connection.Properties["protocol"] = true, &protocol
	connection.Required = nil // a patch changes what it names
	connection.PrecomputeMessages()
	settingsPatch.Properties["connection"] = connection
	named(r, "SettingsPatch", settingsPatch)

	named(r, "JoinRequest", requestOf[game.JoinRequest](r, "player_id"))
	named(r, "JoinSessionRequest", requestOf[joinSessionRequest](r))
	named(r, "JoinByCodeRequest", requestOf[joinByCodeRequest](r, "code"))
	named(r, "JoinCodeRequest", requestOf[game.JoinCodeRequest](r))
	named(r, "InviteRequest", requestOf[game.InviteRequest](r))
	named(r, "BanRequest", requestOf[game.BanRequest](r))

	memberPatch := requestOf[game.MemberEdit](r)
	nullable(memberPatch, "status")
	named(r, "MemberPatch", memberPatch)

	named(r, "HostRequest", requestOf[game.HostRequest](r, "player_id"))

	server := requestOf[game.ServerRequest](r)
	server.Properties["connection"] = objectOrNone(r, server.Properties["connection"])
	named(r, "ServerRequest", server)
}

func livenessSchemas(r huma.Registry) {
	one := requestOf[oneHeartbeat](r)
	delete(one.Properties, "session_id") // it is in the path
	named(r, "HeartbeatRequest", one)
	named(r, "HeartbeatsRequest", requestOf[heartbeats](r, "sessions"))
	named(r, "Heartbeat", requestOf[game.Heartbeat](r, "session_id"))

	r.Schema(reflect.TypeFor[heartbeatResults](), true, "")
	reply := r.Map()["HeartbeatReply"]
	result := r.Map()["HeartbeatResult"]
	maps.Copy(result.Properties, reply.Properties)
	result.Properties["error"] = &huma.Schema{
		Ref: problemSchema(r).Ref, Description: "Why the heartbeat was rejected; absent if it was accepted.",
	}
	result.Required = []string{"session_id"}
}

func credentialSchemas(r huma.Registry) {
	named(r, "KeyRequest", requestOf[game.KeyRequest](r, "name", "scope"))
	named(r, "TokenRequest", requestOf[game.TokenRequest](r))
	r.Schema(reflect.TypeFor[RotateKeyInBody](), true, "")
}

func webhookSchemas(r huma.Registry) {
	named(r, "WebhookSettings", requestOf[game.WebhookSettings](r, "url"))
	patch := requestOf[game.WebhookSettings](r)
	nullable(patch, "url")
	named(r, "WebhookPatch", patch)
	named(r, "ReplayRequest", requestOf[game.ReplayRequest](r))
	r.Schema(reflect.TypeFor[RotateWebhookBody](), true, "")
}

// responses completes the schemas of the documents that the API returns.
func responses(r huma.Registry) {
	for name, t := range map[string]reflect.Type{
		"Player": reflect.TypeFor[game.Player](), "Session": reflect.TypeFor[Session](),
		"FoundSession":  reflect.TypeFor[foundSession](),
		"JoinedSession": reflect.TypeFor[joinedSession](), "JoinCode": reflect.TypeFor[game.JoinCode](),
		"Member": reflect.TypeFor[game.Member](), "Ban": reflect.TypeFor[game.Ban](),
		"Waiter":         reflect.TypeFor[game.Waiter](),
		"HeartbeatReply": reflect.TypeFor[game.HeartbeatReply](),
		"PlayerExport":   reflect.TypeFor[game.PlayerExport](), "SessionRecord": reflect.TypeFor[game.SessionRecord](),
		"Event": reflect.TypeFor[game.Event](), "Subject": reflect.TypeFor[game.Subject](),
		"Delivery":      reflect.TypeFor[game.Delivery](),
		"Actor":         reflect.TypeFor[game.Actor](),
		"SystemMetrics": reflect.TypeFor[game.SystemMetrics](), "MetricsPoint": reflect.TypeFor[game.MetricsPoint](),
	} {
		r.Schema(t, true, "")
		s := r.Map()[name]
		complete(s, t)
		for _, f := range game.Properties(t) {
			if p := s.Properties[f.Name]; p != nil && p.Ref != "" && f.Type.Kind() == reflect.Pointer {
				s.Properties[f.Name] = &huma.Schema{
					AnyOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}, Description: p.Description,
				}
			}
		}
	}
	r.Map()["Connection"].Required = []string{"address", "port"}
	r.Map()["Connection"].PrecomputeMessages()
}

// requestOf returns the schema of a request body, with the names of its required fields.
func requestOf[T any](r huma.Registry, required ...string) *huma.Schema {
	s := schemaOf[T](r)
	complete(s, reflect.TypeFor[T]())
	s.Required = required
	for _, f := range game.Properties(reflect.TypeFor[T]()) {
		if t := f.Type; t == reflect.TypeFor[game.PlayerID]() || t == reflect.TypeFor[*game.PlayerID]() {
			s.Properties[f.Name].Pattern, s.Properties[f.Name].PatternDescription = game.IDPattern, "a UUID"
		}
	}
	return s
}

// complete adds to the schema of a struct what huma does not derive from its [game.Properties]: the values of
// enumerated types, and limits of maps.
func complete(s *huma.Schema, t reflect.Type) {
	for _, f := range game.Properties(t) {
		p := s.Properties[f.Name]
		if f.Tag.Get("hidden") == "true" {
			delete(s.Properties, f.Name)
			continue
		}
		p.ReadOnly = false // it concerns requests only
		if values := valuesOf(f.Type); values != nil && p.Enum == nil {
			p.Enum = values
		}
		p.Nullable = p.Nullable || f.Type == reflect.TypeFor[game.EndReason]()
		if pattern := f.Tag.Get("keys"); pattern != "" {
			p.Extensions = map[string]any{"propertyNames": map[string]any{"pattern": pattern}}
		}
		if limits := f.Tag.Get("values"); limits != "" {
			limit(p.AdditionalProperties.(*huma.Schema), limits)
		}
	}
}

// limit adds limits such as minLength=1,maxLength=255, which package game checks, to the schema of a map's values.
func limit(s *huma.Schema, limits string) {
	s.Extensions = make(map[string]any)
	for one := range strings.SplitSeq(limits, ",") {
		name, value, _ := strings.Cut(one, "=")
		s.Extensions[name] = json.Number(value)
	}
}

// valuesOf returns the values of an enumerated type, nil for any other type.
func valuesOf(t reflect.Type) []any {
	return map[reflect.Type][]any{
		reflect.TypeFor[game.PlayerStatus]():   enum(game.PlayerStatuses()),
		reflect.TypeFor[game.SessionStatus]():  enum(game.SessionStatuses()),
		reflect.TypeFor[game.MemberStatus]():   enum(game.MemberStatuses()),
		reflect.TypeFor[game.EndReason]():      enum(game.EndReasons()),
		reflect.TypeFor[game.Visibility]():     enum(game.Visibilities()),
		reflect.TypeFor[game.Liveness]():       enum(game.Livenesses()),
		reflect.TypeFor[game.Scope]():          enum(game.KeyScopes()),
		reflect.TypeFor[game.SubjectKind]():    enum(game.SubjectKinds()),
		reflect.TypeFor[game.ChangeType]():     enum(game.ChangeTypes()),
		reflect.TypeFor[game.WebhookReason]():  enum(game.WebhookReasons()),
		reflect.TypeFor[game.WebhookFailure](): enum(game.WebhookFailures()),
		reflect.TypeFor[game.DeliveryStatus](): enum(game.DeliveryStatuses()),
		reflect.TypeFor[game.ActorKind]():      enum(game.ActorKinds()),
		reflect.TypeFor[game.RemovalReason]():  enum(game.RemovalReasons()),
		reflect.TypeFor[game.WaitEnd]():        enum(game.WaitEnds()),
		reflect.TypeFor[game.HostReason]():     enum(game.HostReasons()),
		reflect.TypeFor[game.LiftReason]():     enum(game.LiftReasons()),
	}[t]
}

// objectOrNone returns a nullable copy of a component. It is not anyOf a reference and null, because validation would
// then report that an invalid object matches no alternative, instead of what is wrong with it.
func objectOrNone(r huma.Registry, p *huma.Schema) *huma.Schema {
	name := strings.TrimPrefix(p.Ref, componentPath)
	s := *r.Map()[name]
	s.Title, s.Nullable, s.Description = name, true, p.Description
	return &s
}

// replacement turns a schema into that of the body of a PUT. Fields that only the server sets are accepted, so that the
// body of a GET can be sent back, and ignored, whatever their value. The contract gives them the type that they have in
// the document that the GET returns.
func replacement[T any](s *huma.Schema, document string) {
	s.Extensions = map[string]any{replaces: document}
	for _, f := range game.Properties(reflect.TypeFor[T]()) {
		if f.Tag.Get("readOnly") == "true" {
			s.Properties[f.Name] = ignored()
		}
	}
}

// ignored returns the schema of a field that is accepted and ignored.
func ignored() *huma.Schema {
	return &huma.Schema{Description: "Set by the server; ignored here.", ReadOnly: true}
}

// nullable allows null for the members of a merge patch, where it resets them to their defaults, except for those that
// have none, and for the values of maps, where it removes them.
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
	s.PrecomputeMessages()
	r.Map()[name] = s
	return &huma.Schema{Ref: componentPath + name}
}

func problemSchema(r huma.Registry) *huma.Schema {
	const name = "Problem"
	if s := r.Map()[name]; s == nil || s.AdditionalProperties != true { // not made, or by huma
		s := schemaOf[web.Problem](r)
		delete(s.Properties, "Extras") // they are members of the document itself
		for extra, schema := range problemExtras() {
			s.Properties[extra] = schema
		}
		s.AdditionalProperties = true
		s.Required = []string{"title", "status", "code", "detail", "request_id"}
		return named(r, name, s)
	}
	return &huma.Schema{Ref: componentPath + name}
}

// attributeValue has the schema of a [game.Value].
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

// anyObject has the schema of a [game.Result].
type anyObject struct{}

// Schema implements [huma.SchemaProvider].
func (anyObject) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Nullable: true}
}

func enum[T ~string](values []T) []any {
	all := make([]any, 0, len(values))
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}
