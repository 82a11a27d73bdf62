package helm

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"game-session-manager/internal/config"
)

const chart = "../../helm/gsm"

var update = flag.Bool("update", false, "write the generated parts of the chart anew")

// value is a row of the README's table: a value with a comment that starts with "--".
type value struct {
	path        string
	def         any
	description string
}

// values returns the values of values.yaml in order.
func values(t *testing.T) []value {
	t.Helper()
	var document yaml.Node
	readYAML(t, filepath.Join(chart, "values.yaml"), &document)
	return rows(t, document.Content[0], "")
}

func rows(t *testing.T, mapping *yaml.Node, prefix string) []value {
	t.Helper()
	var found []value
	for i := 0; i < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		path := prefix + key.Value
		_, comment, described := strings.Cut(key.HeadComment, "# -- ")
		switch {
		case described:
			var def any
			if err := node.Decode(&def); err != nil {
				t.Fatal(err)
			}
			found = append(found, value{path, def, strings.ReplaceAll(comment, "\n# ", " ")})
		case node.Kind == yaml.MappingNode && len(node.Content) > 0:
			found = append(found, rows(t, node, path+".")...)
		default:
			t.Errorf("values.yaml: %s has no comment that begins with `# -- `", path)
		}
	}
	return found
}

// TestGeneratedSchema compares values.schema.json with values.yaml and gsm's configuration.
func TestGeneratedSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(chart, "values.schema.json")
	text := read(t, path)
	var schema map[string]any
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		t.Fatal(err)
	}
	property(t, schema, "config")["properties"] = settings(t)
	described := map[string]bool{}
	for _, v := range values(t) {
		described[v.path] = true
		if p := property(t, schema, v.path); p != nil {
			p["description"] = v.description
		}
	}
	for _, path := range leaves(t, schema, "", described) {
		if !described[path] && path != "global" {
			t.Errorf("values.schema.json has %s, and values.yaml does not", path)
		}
	}
	generated(t, path, text, encode(t, schema))
}

// property returns the schema of a value.
func property(t *testing.T, schema map[string]any, path string) map[string]any {
	t.Helper()
	for name := range strings.SplitSeq(path, ".") {
		properties, _ := schema["properties"].(map[string]any)
		next, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("values.schema.json does not have %s", path)
			return nil
		}
		schema = next
	}
	return schema
}

// leaves returns the paths of the schema, down to those that values.yaml describes, and checks that objects reject
// other properties.
func leaves(t *testing.T, schema map[string]any, prefix string, described map[string]bool) []string {
	t.Helper()
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return []string{strings.TrimSuffix(prefix, ".")}
	}
	if schema["additionalProperties"] != false {
		t.Errorf("values.schema.json: %q takes any property", prefix)
	}
	if described[strings.TrimSuffix(prefix, ".")] {
		return nil
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		next, _ := properties[name].(map[string]any)
		found = append(found, leaves(t, next, prefix+name+".", described)...)
	}
	return found
}

var (
	variable = regexp.MustCompile(`\bGSM_[A-Z0-9_]*[A-Z0-9]\b`)
	// each differs between pods, so the chart has no value for it.
	each = []string{"GSM_REPLICA"}
)

// settings returns the schemas of the variables that are neither set by the templates nor secret.
func settings(t *testing.T) map[string]any {
	t.Helper()
	own := slices.Clone(each)
	for _, file := range glob(t, filepath.Join(chart, "templates", "*.tpl")) {
		own = append(own, variable.FindAllString(read(t, file), -1)...)
	}
	found := map[string]any{}
	for _, field := range variables() {
		name := field.Tag.Get("env")
		if field.Tag.Get("secret") != "" || slices.Contains(own, name) {
			continue
		}
		found[name] = setting(field)
	}
	return found
}

func setting(field reflect.StructField) map[string]any {
	schema := map[string]any{"type": "string", "description": field.Tag.Get("help")}
	enum := field.Tag.Get("enum")
	switch {
	case enum != "":
		schema["enum"] = strings.Split(enum, ",")
	case field.Type == reflect.TypeFor[time.Duration]():
		schema["pattern"] = `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	case field.Type.Kind() == reflect.Int:
		schema["type"] = []string{"integer", "string"}
		schema["pattern"] = "^[0-9]+$"
	case field.Type.Kind() == reflect.Bool:
		schema["type"] = []string{"boolean", "string"}
		schema["pattern"] = "^(true|false)$"
	}
	return schema
}

// variables returns the fields of gsm's configuration.
func variables() []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(reflect.TypeFor[config.Server]()), func(f reflect.StructField) bool {
		return f.Tag.Get("env") == ""
	})
}

// TestVariables checks that gsm has every variable that the chart sets.
func TestVariables(t *testing.T) {
	t.Parallel()
	var known []string
	for _, field := range variables() {
		known = append(known, field.Tag.Get("env"))
	}
	files := glob(t, filepath.Join(chart, "*.yaml"))
	for _, pattern := range []string{"*.md", "*.json", "templates/*", "templates/tests/*", "ci/*"} {
		files = append(files, glob(t, filepath.Join(chart, pattern))...)
	}
	for _, file := range files {
		for _, name := range variable.FindAllString(read(t, file), -1) {
			if !slices.Contains(known, name) {
				t.Errorf("%s has %s, which is no variable of gsm", file, name)
			}
		}
	}
}

// TestGeneratedReadme compares the table of values with values.yaml.
func TestGeneratedReadme(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- values: `make docs` writes them -->\n", "<!-- end of values -->\n"
	path := filepath.Join(chart, "README.md")
	text := read(t, path)
	before, rest, found := strings.Cut(text, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no marks of the table", path)
	}
	var table strings.Builder
	table.WriteString("| value | default | what |\n|---|---|---|\n")
	for _, v := range values(t) {
		fmt.Fprintf(&table, "| `%s` | `%s` | %s |\n", v.path, strings.TrimSpace(encodeLine(t, v.def)), v.description)
	}
	generated(t, path, text, before+begin+table.String()+end+after)
}

var release = regexp.MustCompile(`(?m)^## \[?([0-9]+\.[0-9]+\.[0-9]+[^\s\]]*)`)

// TestAppVersion compares the version of the image with the newest release, if there is one.
func TestAppVersion(t *testing.T) {
	t.Parallel()
	var about struct {
		AppVersion string `yaml:"appVersion"`
	}
	readYAML(t, filepath.Join(chart, "Chart.yaml"), &about)
	newest := release.FindStringSubmatch(read(t, "../../../CHANGELOG.md"))
	if newest != nil && newest[1] != about.AppVersion {
		t.Errorf("Chart.yaml has appVersion %s, and CHANGELOG.md %s", about.AppVersion, newest[1])
	}
}

// generated compares a file with its expected content, or writes it.
func generated(t *testing.T, path, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	if !*update {
		t.Errorf("%s is not what it is generated from: run `make docs`", path)
		return
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Error(err)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func encodeLine(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(encode(t, v))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(file string) bool {
		info, err := os.Stat(file)
		return err != nil || info.IsDir()
	})
	if len(files) == 0 {
		t.Fatalf("there is no %s", pattern)
	}
	return files
}
