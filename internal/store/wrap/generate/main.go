// Command generate generates the methods of package wrap.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"go/importer"
	"go/token"
	"go/types"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"text/template"
	"unicode"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: generate FILE: the file to write")
	}
	source, err := generate()
	if err == nil {
		err = os.WriteFile(os.Args[1], source, 0o644) //nolint:gosec // source files are readable for all users
	}
	if err != nil {
		log.Fatal(err)
	}
}

// generate returns the source of the methods for the interface Store of package game.
func generate() ([]byte, error) {
	game, err := importer.ForCompiler(token.NewFileSet(), "source", nil).Import("game-session-manager/internal/game")
	if err != nil {
		return nil, err
	}
	return generateFor(game)
}

//go:embed methods.go.tmpl
var source string

func generateFor(game *types.Package) ([]byte, error) {
	g := generator{imports: make(map[string]bool)}
	if err := g.add("Store", game.Scope().Lookup("Store").Type()); err != nil {
		return nil, err
	}
	delete(g.imports, game.Path()) // the template has it
	var b bytes.Buffer
	err := template.Must(template.New("").Parse(source)).Execute(&b, map[string]any{
		"Imports": slices.Sorted(maps.Keys(g.imports)), "Methods": g.methods,
	})
	if err != nil {
		return nil, err
	}
	return format.Source(b.Bytes())
}

// generator collects what the template needs.
type generator struct {
	imports map[string]bool // paths of the packages that the methods mention
	methods []method
}

// method describes a method of the store.
type method struct {
	Name, Label, Collection string
	Signature, Arguments    string
	Results                 string
	Reads                   bool // it has a result besides its error
}

// add adds the methods of an interface and of those that it embeds.
func (g *generator) add(name string, t types.Type) error {
	declared, ok := t.Underlying().(*types.Interface)
	if !ok {
		return fmt.Errorf("%s is not an interface", name)
	}
	for t := range declared.EmbeddedTypes() {
		if err := g.add(types.TypeString(t, func(*types.Package) string { return "" }), t); err != nil {
			return err
		}
	}
	for m := range declared.ExplicitMethods() {
		if m.Name() == "Close" { // the template has it
			continue
		}
		if err := g.addMethod(name, m.Name(), m.Signature()); err != nil {
			return err
		}
	}
	return nil
}

func (g *generator) addMethod(declarer, name string, s *types.Signature) error {
	var arguments []string
	for p := range s.Params().Variables() {
		arguments = append(arguments, p.Name())
	}
	var results []string
	for r := range s.Results().Variables() {
		results = append(results, g.text(r.Type()))
	}
	count := len(results)
	if len(arguments) == 0 || arguments[0] != "ctx" || count == 0 || count > 2 || results[count-1] != "error" {
		return fmt.Errorf("method %s of %s: want a context as its first parameter, at most one result and an error",
			name, declarer)
	}
	m := method{
		Name: name, Label: label(name, s, results), Collection: collection(declarer, name),
		Signature: strings.TrimPrefix(g.text(s), "func"), Arguments: strings.Join(arguments, ", "),
		Results: strings.Join(results, ", "), Reads: count == 2,
	}
	if s.Variadic() {
		m.Arguments += "..."
	}
	g.methods = append(g.methods, m)
	return nil
}

// text returns a type as it is written in package wrap.
func (g *generator) text(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		g.imports[p.Path()] = true
		return p.Name()
	})
}

// label returns the label of a method in metrics. Methods that are named after what they return get the prefix get_
// or list_.
func label(method string, s *types.Signature, results []string) string {
	name := snake(method)
	if len(results) < 2 || strings.HasPrefix(method, "Export") {
		return name
	}
	if strings.HasPrefix(results[0], "[]game.") || strings.HasPrefix(results[0], "game.Found[") {
		return "list_" + name
	}
	document, is := strings.CutPrefix(results[0], "game.")
	for p := range s.Params().Variables() { // a method that takes the document does not read it
		is = is && !types.Identical(p.Type(), s.Results().At(0).Type())
	}
	if is && strings.HasPrefix(method, document) {
		return "get_" + name
	}
	return name
}

// collection returns the name of the collection that a method works on, derived from the interface that declares it.
func collection(declarer, method string) string {
	noun, is := strings.CutSuffix(declarer, "Store")
	if noun == "Export" {
		noun = strings.TrimSuffix(strings.TrimPrefix(method, "Export"), "s")
	}
	switch {
	case !is || noun == "":
		return ""
	case noun == "Claim":
		return "idempotency"
	case noun == "Key":
		return "api_keys"
	}
	return strings.TrimSuffix(snake(noun), "s") + "s"
}

// snake converts a name to snake_case.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
