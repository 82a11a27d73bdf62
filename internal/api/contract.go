package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/yaml"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// contract is the OpenAPI document as it is published. huma derives it from the schemas that it validates with. Here it
// gets the form that generators of clients support best: see docs/decisions/0023-generated-clients.md. What is valid
// stays the same, except for what the rules of package game check.
type contract struct {
	doc        map[string]any
	schemas    map[string]any // its components
	parameters map[string]any
}

// replaces is the extension of a PUT's schema that names the schema of the document that a GET returns.
const replaces = "x-replaces"

// publish returns the document as JSON, with the operations in the given order.
func publish(o *huma.OpenAPI, operations []string) ([]byte, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encoding the OpenAPI document: %w", err)
	}
	var c contract
	if err := json.Unmarshal(b, &c.doc); err != nil {
		return nil, fmt.Errorf("decoding the OpenAPI document: %w", err)
	}
	c.schemas = objectAt(c.doc, "components", "schemas")
	c.parameters = map[string]any{}
	objectAt(c.doc, "components")["parameters"] = c.parameters
	c.shareSchemas()
	c.shareParameters()
	asJSON, err := json.Marshal(c.inOrder(operations))
	if err != nil {
		return nil, fmt.Errorf("encoding the contract: %w", err)
	}
	return asJSON, nil
}

// inYAML returns a document in JSON as YAML.
func inYAML(asJSON []byte) ([]byte, error) {
	var y bytes.Buffer
	if err := yaml.Convert(&y, bytes.NewReader(asJSON)); err != nil {
		return nil, fmt.Errorf("writing the contract as YAML: %w", err)
	}
	return y.Bytes(), nil
}

// objectAt returns the object at a path of names, or nil if there is none.
func objectAt(o map[string]any, names ...string) map[string]any {
	for _, name := range names {
		o, _ = o[name].(map[string]any)
	}
	return o
}

// shareSchemas converts the schemas of all components, parameters, headers and bodies to their published form.
func (c *contract) shareSchemas() {
	for name, values := range enumerations() {
		c.schemas[name] = map[string]any{"type": "string", "enum": values, "description": enumerationDocs[name]}
	}
	for _, name := range slices.Sorted(maps.Keys(c.schemas)) {
		if s := objectAt(c.schemas, name); enumerations()[name] == nil {
			c.typeReadOnly(s)
			c.tidy(s)
		}
	}
	c.eachOperation(func(op map[string]any) {
		parameters, _ := op["parameters"].([]any)
		slices.SortStableFunc(parameters, func(p, q any) int { return parameterRank(p) - parameterRank(q) })
		for _, p := range objects(parameters) {
			c.tidyParameter(p)
		}
		for _, media := range objectAt(op, "requestBody", "content") {
			media.(map[string]any)["example"] = bodyExamples[fmt.Sprint(op["operationId"])]
		}
		for _, response := range objectAt(op, "responses") {
			for name, header := range objectAt(response.(map[string]any), "headers") {
				header.(map[string]any)["description"] = headerDocs[name]
			}
		}
	})
}

func (c *contract) eachOperation(do func(op map[string]any)) {
	paths := objectAt(c.doc, "paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for _, method := range slices.Sorted(maps.Keys(objectAt(paths, path))) {
			do(objectAt(paths, path, method))
		}
	}
}

func objects(v any) []map[string]any {
	items, _ := v.([]any)
	all := make([]map[string]any, 0, len(items))
	for _, item := range items {
		if o, ok := item.(map[string]any); ok {
			all = append(all, o)
		}
	}
	return all
}

// typeReadOnly gives the read-only fields of a PUT, which accepts and ignores any value, the type that they have in the
// document that a GET returns.
func (c *contract) typeReadOnly(s map[string]any) {
	name, _ := s[replaces].(string)
	delete(s, replaces)
	for field, p := range objectAt(s, "properties") {
		p := p.(map[string]any)
		if p["readOnly"] != true || p["type"] != nil {
			continue
		}
		description := p["description"]
		maps.Copy(p, clone(objectAt(c.schemas, name, "properties", field)))
		p["description"] = description
	}
}

func clone(o map[string]any) map[string]any {
	c := make(map[string]any, len(o))
	for name, v := range o {
		if inner, ok := v.(map[string]any); ok {
			v = clone(inner)
		}
		c[name] = v
	}
	return c
}

// tidy converts a schema, and all schemas within it, to the published form.
func (c *contract) tidy(s map[string]any) {
	delete(s, "patternDescription") // used by huma for messages
	for _, p := range objectAt(s, "properties") {
		c.tidy(p.(map[string]any))
	}
	for _, name := range []string{"items", "additionalProperties"} {
		if inner := objectAt(s, name); inner != nil {
			c.tidy(inner)
		}
	}
	openAttributes(s)
	if values, ok := s["enum"].([]any); ok {
		c.refer(s, enumerationOf(values))
	}
	if name, ok := s["title"].(string); ok {
		c.component(s, name)
		c.refer(s, name)
	}
}

// openAttributes moves the alternatives of attribute values from additionalProperties to patternProperties, together
// with the pattern of the keys. Generators turn alternatives in additionalProperties into a class that cannot decode
// any value, but treat patternProperties as a free-form object.
func openAttributes(s map[string]any) {
	values := objectAt(s, "additionalProperties")
	if values["anyOf"] == nil {
		return
	}
	if first := objects(values["anyOf"])[0]; slices.Equal(types(first), []string{"string", "null"}) {
		first["type"] = "string"
		values["anyOf"] = append(values["anyOf"].([]any), map[string]any{"type": "null"})
	}
	delete(s, "additionalProperties")
	s["patternProperties"] = map[string]any{fmt.Sprint(objectAt(s, "propertyNames")["pattern"]): values}
}

func types(s map[string]any) []string {
	switch t := s["type"].(type) {
	case string:
		return []string{t}
	case []any:
		names := make([]string, 0, len(t))
		for _, name := range t {
			names = append(names, fmt.Sprint(name))
		}
		return names
	}
	return nil
}

// component makes an inline schema a component, unless there is one of that name.
func (c *contract) component(s map[string]any, name string) {
	if c.schemas[name] != nil {
		return
	}
	shared := maps.Clone(s)
	delete(shared, "title")
	shared["type"] = types(s)[0]
	c.schemas[name] = shared
}

// refer replaces a schema with a reference to a component. A nullable one becomes anyOf the component and null, which
// generators turn into an optional value of the component's type. An enumeration that includes null would be a type of
// its own.
func (c *contract) refer(s map[string]any, name string) {
	if name == "" {
		return
	}
	description, readOnly, null := s["description"], s["readOnly"], slices.Contains(types(s), "null")
	clear(s)
	if ref := "#/components/schemas/" + name; null {
		s["anyOf"] = []any{map[string]any{"$ref": ref}, map[string]any{"type": "null"}}
	} else {
		s["$ref"] = ref
	}
	if description != nil {
		s["description"] = description
	}
	if readOnly != nil {
		s["readOnly"] = readOnly
	}
}

// enumerations returns the enumerations that have a type of their own in generated clients.
func enumerations() map[string][]any {
	return map[string][]any{
		"SessionStatus": enum(game.SessionStatuses()),
		"EndReason":     enum(game.EndReasons()),
		"Visibility":    enum(game.Visibilities()),
		"Liveness":      enum(game.Livenesses()),
		"PlayerStatus":  enum(game.PlayerStatuses()),
		"KeyScope":      enum(game.KeyScopes()),
	}
}

// enumerationOf returns the name of an enumeration, or "" if it has none.
func enumerationOf(values []any) string {
	values = slices.DeleteFunc(slices.Clone(values), func(v any) bool { return v == nil })
	for name, all := range enumerations() {
		if slices.Equal(values, all) {
			return name
		}
	}
	return ""
}

func (c *contract) tidyParameter(p map[string]any) {
	s := objectAt(p, "schema")
	delete(s, "description") // the parameter has the same
	c.tidy(s)
	if t := types(s); len(t) == 2 && t[1] == "null" {
		s["type"] = t[0] // a parameter cannot be null
	}
	if e := parameterExamples[fmt.Sprint(p["name"])]; e != nil {
		p["example"] = e
	}
	if p["in"] == "query" && p["name"] != "cursor" && s["type"] == "string" && s["enum"] == nil && s["format"] == nil {
		s["minLength"] = 1 // see checkQuery
	}
	if name := fmt.Sprint(p["name"]); name == "If-Match" || name == "If-None-Match" {
		s["pattern"] = web.EntityTagList
	}
}

// parameterRank orders parameters for generators that make positional arguments of them: the least used come last.
func parameterRank(p any) int {
	parameter := p.(map[string]any)
	if parameter["name"] == actAsHeader {
		return len(parameterPlaces)
	}
	return slices.Index(parameterPlaces, fmt.Sprint(parameter["in"]))
}

var parameterPlaces = []string{"path", "query", "header"}

// shareParameters makes components of the parameters that several operations have.
func (c *contract) shareParameters() {
	uses := map[string]int{}
	c.eachOperation(func(op map[string]any) {
		for _, p := range objects(op["parameters"]) {
			uses[text(p)]++
		}
	})
	c.eachOperation(func(op map[string]any) {
		for _, p := range objects(op["parameters"]) {
			if p["$ref"] != nil || uses[text(p)] < 2 {
				continue
			}
			name := componentName(fmt.Sprint(p["name"]))
			if c.schemas[name] != nil {
				name += "Parameter" // generators make a type of either
			}
			if other := c.parameters[name]; other != nil && text(other) != text(p) {
				continue // each operation keeps its own
			}
			c.parameters[name] = maps.Clone(p)
			clear(p)
			p["$ref"] = "#/components/parameters/" + name
		}
	})
}

func text(v any) string {
	b, _ := json.Marshal(v) //nolint:errchkjson // it was made from JSON
	return string(b)
}

// componentName converts player_id, If-Match and X-Act-As-Player to PlayerId, IfMatch and ActAsPlayer.
func componentName(name string) string {
	var b strings.Builder
	mark := func(r rune) bool { return r == '_' || r == '-' }
	for _, word := range strings.FieldsFunc(strings.TrimPrefix(name, "X-"), mark) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// inOrder returns the document with its members in the order in which people read them.
func (c *contract) inOrder(operations []string) ordered {
	paths := objectAt(c.doc, "paths")
	inPaths := make([]string, 0, len(paths))
	for _, operation := range operations {
		method, path, _ := strings.Cut(operation, " ")
		all, seen := paths[path].(ordered)
		if !seen {
			all = ordered{all: paths[path].(map[string]any)}
			inPaths = append(inPaths, path)
		}
		method = strings.ToLower(method)
		all.first = append(all.first, method)
		all.all[method] = ordered{
			[]string{
				"tags", "summary", "description", "operationId", "parameters", "requestBody", "responses", "security",
			},
			all.all[method].(map[string]any),
		}
		paths[path] = all
	}
	c.doc["paths"] = ordered{inPaths, paths}
	c.doc["info"] = ordered{[]string{"title", "version", "description", "contact", "license"}, objectAt(c.doc, "info")}
	return ordered{[]string{"openapi", "info", "servers", "security", "tags", "paths", "components"}, c.doc}
}

// ordered is an object with some members first, and the others sorted by name.
type ordered struct {
	first []string
	all   map[string]any
}

// MarshalJSON implements [json.Marshaler].
func (o ordered) MarshalJSON() ([]byte, error) {
	names := slices.Clone(o.first)
	for _, name := range slices.Sorted(maps.Keys(o.all)) {
		if !slices.Contains(o.first, name) {
			names = append(names, name)
		}
	}
	var members []string
	for _, name := range names {
		v, ok := o.all[name]
		if !ok {
			continue
		}
		value, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", name, err)
		}
		members = append(members, text(name)+":"+string(value))
	}
	return []byte("{" + strings.Join(members, ",") + "}"), nil
}
