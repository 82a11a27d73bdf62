package tests_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What code generators choke on: types that JSON Schema does not have, references to nothing, enums that leave out a type
// they allow.
func TestSchemasAreSound(t *testing.T) {
	t.Parallel()
	doc := start(t).do(t, "GET /openapi.json", "").is(http.StatusOK).json()
	components := doc["components"].(map[string]any)["schemas"].(map[string]any)
	types := []string{"array", "boolean", "integer", "null", "number", "object", "string"}
	seen := 0
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(at, x)
			}
		case map[string]any:
			for name, x := range v {
				walk(at+"/"+name, x)
			}
			if ref, ok := v["$ref"].(string); ok && components[strings.TrimPrefix(ref, "#/components/schemas/")] == nil {
				t.Errorf("%s refers to %s, which is not there", at, ref)
			}
			allowed, ok := v["type"]
			if !ok || strings.HasSuffix(at, "/properties") || strings.Contains(at, "/securitySchemes/") {
				return // of a property named type, or of no schema
			}
			seen++
			names, isList := allowed.([]any)
			if !isList {
				names = []any{allowed}
			}
			for _, name := range names {
				if s, _ := name.(string); !slices.Contains(types, s) {
					t.Errorf("%s has the type %v", at, allowed)
				}
			}
			if values, ok := v["enum"].([]any); ok && slices.Contains(names, "null") && !slices.Contains(values, nil) {
				t.Errorf("%s may be null, and its enum may not", at)
			}
		}
	}
	walk("", map[string]any(doc))
	if seen < 100 {
		t.Errorf("only %d types in the document", seen)
	}
}
