// Command filtergen generates what follows from the fields by which documents are found (package game, fields.go): the
// parameters of the API's lists, the filters of the SDK, and the table in docs/api.md; and from the types of changes
// the page docs/events.md. `make docs` runs it.
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
	Type             string // in the SDK
	APIType          string
	Set, Value       string // in the API: whether the parameter f.X was sent, and its value
	Constructor      string // of package game, for the clause
	Query            string // in the SDK: the text of f.X in a query, or "" if it is not set
	Tags, Values     string // its limits: as struct tags, and in docs/api.md
}

func lists() []list {
	return []list{
		{"Player", "players", paramsOf(game.PlayerFields())},
		{"Session", "sessions", paramsOf(game.SessionFields())},
		{"Event", "events", paramsOf(game.EventFields())},
	}
}

func paramsOf[D any](fields []game.Field[D]) (all []param) {
	for _, f := range fields {
		for _, p := range f.Params {
			all = append(all, paramOf(f, p))
		}
	}
	return all
}

func paramOf[D any](f game.Field[D], of game.Param) param {
	constructors := map[game.Op]string{
		game.OpEqual: "Is", game.OpAtLeast: "AtLeast", game.OpPrefix: "Prefix", game.OpIn: "In", game.OpLess: "Before",
	}
	p := param{
		Name: of.Name, Field: f.Name, Doc: of.Doc, GoName: goName(of.Name), Constructor: constructors[of.Op],
		Type: "string", APIType: "string", Set: `%s != ""`, Value: "%s", Query: "%s",
		Tags:   fmt.Sprintf(`maxLength:"%d"`, f.Max),
		Values: fmt.Sprintf("text of at most %d characters", f.Max),
	}
	switch f.Kind {
	case game.KindEnum:
		p.Type, p.APIType, p.Tags = f.Type, "game."+f.Type, fmt.Sprintf("enum:%q", strings.Join(f.Enum, ","))
		p.Values = "`" + strings.Join(f.Enum, "`, `") + "`"
		p.several(of.Op, len(f.Enum))
	case game.KindID:
		p.Type, p.APIType = f.Type, "game."+f.Type
		p.Tags = fmt.Sprintf(`pattern:%q patternDescription:"a UUID"`, game.IDPattern)
		p.Values = "a " + strings.ToLower(strings.TrimSuffix(f.Type, "ID")) + "'s id"
		if p.several(of.Op, f.Max) {
			p.Values = fmt.Sprintf("up to %d players' ids"+commas, f.Max)
		}
	case game.KindCount:
		p.Type, p.APIType, p.Tags = "int", "int", fmt.Sprintf(`minimum:"0" maximum:"%d"`, f.Max)
		p.Set, p.Query = "%s != 0", "number(%s)"
		p.Values = fmt.Sprintf("0 to %d", f.Max)
	case game.KindFlag:
		p.Type, p.APIType, p.Tags = "*bool", "Optional[bool]", ""
		p.Set, p.Value, p.Query, p.Constructor = "%s.sent", "%s.v", "flag(%s)", "Flag"
		p.Values = "`true` or `false`"
	case game.KindTime:
		p.Type, p.APIType, p.Tags = "time.Time", "Optional[time.Time]", ""
		p.Set, p.Value, p.Query = "%s.sent", "%s.v", "instant(%s)"
		if of.Op == game.OpAtLeast {
			p.Constructor = "Since"
		}
		p.Values = "a time as RFC 3339 writes it"
	case game.KindText, game.KindUsername, game.KindFolded, game.KindAttributes:
	}
	for _, code := range []*string{&p.Set, &p.Value, &p.Query} {
		*code = fmt.Sprintf(*code, "f."+p.GoName)
	}
	return p
}

// several makes the parameter a list if the comparison is with several values, and reports whether it is.
func (p *param) several(op game.Op, most int) bool {
	if op != game.OpIn {
		return false
	}
	p.Type, p.APIType = "[]"+p.Type, "[]"+p.APIType
	p.Set, p.Value, p.Query = "len(%s) > 0", "%s...", "joined(%s)"
	p.Tags += fmt.Sprintf(` maxItems:"%d"`, most)
	p.Values = "one or several of " + p.Values + commas
	return true
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
	catalogue, err := eventCatalogue(root)
	if err != nil {
		return nil, err
	}
	for _, t := range all.Templates() {
		var b bytes.Buffer
		var data any = lists()
		if t.Name() == "events.md.tmpl" {
			data = catalogue
		}
		if err := t.Execute(&b, data); err != nil {
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
	guide = slices.Concat(before, []byte(tableBegins), written["api.md.tmpl"], []byte(tableEnds), after)
	return map[string][]byte{
		filepath.Join(root, "internal", "api", "filters.go"): api,
		filepath.Join(root, "client", "filters.go"):          sdk,
		filepath.Join(root, "docs", "events.md"):             written["events.md.tmpl"],
		page:                                                 guide,
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

// commas is what lists in Go are not.
const commas = ", separated by commas"

// comment converts a sentence to the text of a trailing comment.
func comment(doc string) string {
	return strings.ToLower(doc[:1]) + strings.TrimSuffix(strings.ReplaceAll(doc[1:], commas, ""), ".")
}
