// Command filtergen generates what follows from the fields by which documents are found (package game, fields.go): the
// parameters of the API's lists, the filters of the SDK, and the table in docs/api.md. `make docs` runs it.
package main

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"game-session-manager/internal/game"
)

func main() {
	log.SetFlags(0)
	files, err := generate("../..") // go generate runs it in the directory of package game
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(name, content, 0o644); err != nil { //nolint:gosec // source files are world-readable
			log.Fatal(err)
		}
	}
}

// list describes one list of the API.
type list struct {
	Noun   string // in Go names
	Plural string
	Params []param
}

// param is a query parameter that filters by a field.
type param struct {
	Name, Field, Doc string
	GoName           string
	Type             string // "string", "int" or the name of a type of package game
	Constructor      string // of package game, for the clause
	List             bool   // whether it has several values
	Tags, Values     string // its limits: as struct tags, and in docs/api.md
}

func lists() []list {
	return []list{
		{"Player", "players", paramsOf(game.PlayerFields())},
		{"Session", "sessions", paramsOf(game.SessionFields())},
	}
}

func paramsOf[D any](fields []game.Field[D]) (all []param) {
	constructors := map[game.Op]string{
		game.OpEqual: "Is", game.OpAtLeast: "AtLeast", game.OpPrefix: "Prefix", game.OpIn: "In",
	}
	for _, f := range fields {
		if f.Param == "" {
			continue
		}
		p := param{
			Name: f.Param, Field: f.Name, Doc: f.Doc, GoName: goName(f.Param), Type: "string",
			Constructor: constructors[f.Ops[0]],
			Tags:        fmt.Sprintf(`maxLength:"%d"`, f.Max),
			Values:      fmt.Sprintf("text of at most %d characters", f.Max),
		}
		switch f.Kind {
		case game.KindEnum:
			p.Type, p.Tags = f.Type, fmt.Sprintf("enum:%q", strings.Join(f.Enum, ","))
			p.Values = "`" + strings.Join(f.Enum, "`, `") + "`"
		case game.KindID:
			p.Type, p.Tags = f.Type, fmt.Sprintf(`pattern:%q patternDescription:"a UUID"`, game.IDPattern)
			p.Values = "a player's id"
			if p.List = f.Ops[0] == game.OpIn; p.List {
				p.Tags += fmt.Sprintf(` maxItems:"%d"`, f.Max)
				p.Values = fmt.Sprintf("up to %d players' ids", f.Max)
			}
		case game.KindCount:
			p.Type, p.Tags = "int", fmt.Sprintf(`minimum:"0" maximum:"%d"`, f.Max)
			p.Values = fmt.Sprintf("0 to %d", f.Max)
		case game.KindText, game.KindUsername, game.KindFolded, game.KindAttributes:
		}
		all = append(all, p)
	}
	return all
}

//go:embed *.tmpl
var templates embed.FS

const (
	tableBegins = "<!-- filters: written by `make docs` -->\n"
	tableEnds   = "<!-- end of filters -->\n"
)

// generate returns the generated files by their paths. root is the path of the repository.
func generate(root string) (map[string][]byte, error) {
	all, err := template.New("").Funcs(template.FuncMap{"comment": comment}).ParseFS(templates, "*.tmpl")
	if err != nil {
		return nil, err
	}
	written := make(map[string][]byte)
	for _, t := range all.Templates() {
		var b bytes.Buffer
		if err := t.Execute(&b, lists()); err != nil {
			return nil, err
		}
		written[t.Name()] = b.Bytes()
	}
	api, err := format.Source(written["api.go.tmpl"])
	if err != nil {
		return nil, err
	}
	sdk, err := format.Source(written["client.go.tmpl"])
	if err != nil {
		return nil, err
	}
	page := filepath.Join(root, "docs", "api.md")
	guide, err := os.ReadFile(page) //nolint:gosec // a file of this repository
	if err != nil {
		return nil, err
	}
	before, rest, begins := bytes.Cut(guide, []byte(tableBegins))
	_, after, ends := bytes.Cut(rest, []byte(tableEnds))
	if !begins || !ends {
		return nil, fmt.Errorf("%s has no markers for the table of filters: %s … %s", page, tableBegins, tableEnds)
	}
	return map[string][]byte{
		filepath.Join(root, "internal", "api", "filters.go"): api,
		filepath.Join(root, "client", "filters.go"):          sdk,
		page: slices.Concat(before, []byte(tableBegins), written["api.md.tmpl"], []byte(tableEnds), after),
	}, nil
}

// goName converts a name like host_id to HostID.
func goName(param string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(param, "_") {
		switch word {
		case "id":
			b.WriteString("ID")
			continue
		case "ids":
			b.WriteString("IDs")
			continue
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// comment converts a sentence to the text of a trailing comment.
func comment(doc string) string {
	return strings.ToLower(doc[:1]) + strings.TrimSuffix(doc[1:], ".")
}
