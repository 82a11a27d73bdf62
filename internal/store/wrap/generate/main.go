// Command generate generates the methods of package wrap.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: generate DIRECTORY FILE: the directory of package game and the file to write")
	}
	source, err := generate(os.Args[1])
	if err == nil {
		err = os.WriteFile(os.Args[2], source, 0o644) //nolint:gosec // source files are readable for all users
	}
	if err != nil {
		log.Fatal(err)
	}
}

// generate returns the source of the methods for the interface Store of the package in dir.
func generate(dir string) ([]byte, error) {
	interfaces, err := parse(dir)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := write(&body, interfaces, "Store"); err != nil {
		return nil, err
	}
	imports := "\"context\"\n"
	if bytes.Contains(body.Bytes(), []byte("time.")) {
		imports += "\"time\"\n"
	}
	return format.Source(fmt.Appendf(nil, "// Code generated from package game by go generate. DO NOT EDIT.\n\n"+
		"package wrap\n\nimport (\n%s\n\"game-session-manager/internal/game\"\n)\n%s", imports, body.Bytes()))
}

// parse returns the interfaces that the package in dir declares, by name.
func parse(dir string) (map[string]*ast.InterfaceType, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	interfaces := make(map[string]*ast.InterfaceType)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if i, ok := spec.Type.(*ast.InterfaceType); ok {
					interfaces[spec.Name.Name] = i
				}
			}
			return true
		})
	}
	return interfaces, nil
}

// write writes the methods of an interface, including those of embedded interfaces.
func write(to *bytes.Buffer, interfaces map[string]*ast.InterfaceType, name string) error {
	declared, ok := interfaces[name]
	if !ok {
		return fmt.Errorf("no interface %s", name)
	}
	for _, m := range declared.Methods.List {
		switch t := m.Type.(type) {
		case *ast.Ident:
			if err := write(to, interfaces, t.Name); err != nil {
				return err
			}
		case *ast.FuncType:
			if err := writeMethod(to, name, m.Names[0].Name, t); err != nil {
				return err
			}
		default:
			return fmt.Errorf("interface %s: embeds a type of another package", name)
		}
	}
	return nil
}

func writeMethod(to *bytes.Buffer, declarer, name string, f *ast.FuncType) error {
	if name == "Close" {
		fmt.Fprint(to, "\nfunc (st *store) Close() error { return st.inner.Close() }\n")
		return nil
	}
	var params, arguments []string
	for _, p := range f.Params.List {
		var names []string
		for _, n := range p.Names {
			names = append(names, n.Name)
		}
		if _, variadic := p.Type.(*ast.Ellipsis); variadic {
			names[0] += "..."
		}
		arguments = append(arguments, names...)
		params = append(params, strings.TrimSuffix(strings.Join(names, ", "), "...")+" "+typeText(p.Type))
	}
	var results []string
	if f.Results != nil {
		for _, r := range f.Results.List {
			results = append(results, typeText(r.Type))
		}
	}
	count := len(results)
	if len(params) == 0 || params[0] != "ctx context.Context" || count == 0 || count > 2 ||
		results[count-1] != "error" {
		return fmt.Errorf("method %s of %s: want a context as its first parameter, at most one result and an error",
			name, declarer)
	}
	returned, perform := "error", "st.around(ctx, "
	if count == 2 {
		returned, perform = "("+strings.Join(results, ", ")+")", "read(ctx, st, "
	}
	fmt.Fprintf(to, "\nfunc (st *store) %[1]s(%[2]s) %[3]s {\n"+
		"operation := Operation{Method: %[1]q, Label: %[4]q, Collection: %[5]q}\n"+
		"return %[6]soperation, func(ctx context.Context) %[3]s {\nreturn st.inner.%[1]s(%[7]s)\n})\n}\n",
		name, strings.Join(params, ", "), returned, label(name, params, results), collection(declarer, name), perform,
		strings.Join(arguments, ", "))
	return nil
}

// typeText returns a type of package game as it is written outside that package.
func typeText(t ast.Expr) string {
	ast.Inspect(t, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr: // of another package
			return false
		case *ast.Ident:
			if n.IsExported() {
				n.Name = "game." + n.Name
			}
		}
		return true
	})
	var text strings.Builder
	_ = printer.Fprint(&text, token.NewFileSet(), t) // cannot fail: the expression was parsed
	return text.String()
}

// label returns the label of a method in metrics. Methods that are named after what they return get the prefix get_
// or list_.
func label(method string, params, results []string) string {
	name := snake(method)
	if len(results) < 2 {
		return name
	}
	if strings.HasPrefix(results[0], "[]game.") || strings.HasPrefix(results[0], "game.Found[") {
		if strings.HasPrefix(method, "Export") {
			return name
		}
		return "list_" + name
	}
	document, is := strings.CutPrefix(results[0], "game.")
	for _, p := range params { // a method that takes the document does not read it
		is = is && !strings.HasSuffix(p, " "+results[0])
	}
	if is && strings.HasPrefix(method, document) {
		return "get_" + name
	}
	return name
}

// collection returns the name of the collection that a method works on, derived from the interface that declares it.
func collection(declarer, method string) string {
	noun, is := strings.CutSuffix(declarer, "Store")
	if !is {
		return ""
	}
	if noun == "Export" {
		noun = strings.TrimSuffix(strings.TrimPrefix(method, "Export"), "s")
	}
	switch noun {
	case "":
		return ""
	case "Claim":
		return "idempotency"
	case "Key":
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
