package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"game-session-manager/internal/game"
)

// changeGroup is the types of changes of one kind of subject.
type changeGroup struct {
	Title string
	Types []changeType
}

// changeType describes a type of change in docs/events.md.
type changeType struct {
	Name, Doc, Example string
	Fields             []changeField
}

type changeField struct{ Name, Values string }

// changeGroups returns all types of changes as package game declares them: what they mean is in their comments.
func changeGroups(root string) (groups []changeGroup, err error) {
	file, err := parser.ParseFile(token.NewFileSet(),
		filepath.Join(root, "internal", "game", "changed.go"), nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	types := map[string]game.Change{}
	for _, c := range game.AllChanges() {
		types[reflect.TypeOf(c).Name()] = c
	}
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			continue
		}
		g := changeGroup{Title: headline(decl.Doc.Text())}
		for _, s := range decl.Specs {
			spec, _ := s.(*ast.TypeSpec)
			c, ok := types[spec.Name.Name]
			if !ok {
				continue
			}
			delete(types, spec.Name.Name)
			t, err := changeTypeOf(c, spec.Doc.Text())
			if err != nil {
				return nil, err
			}
			g.Types = append(g.Types, t)
		}
		if len(g.Types) > 0 {
			groups = append(groups, g)
		}
	}
	if len(types) > 0 {
		return nil, fmt.Errorf("changed.go does not declare %v in a group of types", types)
	}
	return groups, nil
}

// headline converts "The changes of players, which are …" to "Changes of players".
func headline(doc string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(doc), ",")
	first = strings.TrimSuffix(strings.TrimPrefix(first, "The "), ".")
	return strings.ToUpper(first[:1]) + first[1:]
}

func changeTypeOf(c game.Change, doc string) (changeType, error) {
	t := reflect.TypeOf(c)
	filled := reflect.New(t).Elem()
	described := changeType{Name: string(game.TypeOf(c))}
	names := []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		values, example := describe(f.Type)
		if options != "" {
			values += "; may be absent"
		}
		described.Fields = append(described.Fields, changeField{tag, values})
		filled.Field(i).Set(example)
		names = append(names, f.Name, "`"+tag+"`")
	}
	changed, _ := filled.Interface().(game.Change)
	switch changed.(type) { // whose fields depend on each other
	case game.StatusChanged:
		changed = game.StatusChanged{From: game.StatusInProgress, To: game.StatusEnded, Reason: game.ReasonCompleted}
	case game.SessionCreated:
		changed = game.SessionCreated{Status: game.StatusOpen}
	case game.LivenessChanged:
		changed = game.LivenessChanged{From: game.Live, To: game.Stale}
	}
	example, err := json.Marshal(game.Changes{changed})
	described.Example = strings.Trim(string(example), "[]")
	described.Doc = sentence(t.Name(), doc, names)
	return described, err
}

// sentence converts the comment of a type to what it means: "MemberLeft says that a player gave up its seat." to "A
// player gave up its seat." names are fields and what replaces them.
func sentence(name, doc string, names []string) string {
	doc = strings.Join(strings.Fields(doc), " ")
	doc = strings.TrimPrefix(doc, name+" ")
	for _, before := range []string{"says that ", "is "} {
		doc = strings.TrimPrefix(doc, before)
	}
	words := strings.Fields(doc)
	replace := strings.NewReplacer(names...)
	for i, w := range words {
		if i > 0 { // a field does not begin the comment
			words[i] = replace.Replace(w)
		}
	}
	doc = strings.Join(words, " ")
	return strings.ToUpper(doc[:1]) + doc[1:]
}

// describe returns which values a field has, and one of them.
func describe(t reflect.Type) (values string, example reflect.Value) {
	const id = "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b"
	at := time.Date(2026, 7, 14, 18, 30, 0, 0, time.UTC)
	switch t {
	case reflect.TypeFor[game.PlayerID]():
		return "the id of a player", reflect.ValueOf(game.PlayerID(id))
	case reflect.TypeFor[time.Time]():
		return "a time", reflect.ValueOf(at)
	case reflect.TypeFor[*time.Time]():
		return "a time", reflect.ValueOf(&at)
	case reflect.TypeFor[int64]():
		return "a whole number", reflect.ValueOf(int64(2))
	case reflect.TypeFor[[]string]():
		return "a list of names of fields", reflect.ValueOf([]string{"region"})
	case reflect.TypeFor[string]():
		return "a word", reflect.ValueOf("afk")
	}
	all := enumerations()[t]
	if len(all) == 0 {
		return "text", reflect.ValueOf("text").Convert(t)
	}
	return "`" + strings.Join(all, "`, `") + "`", reflect.ValueOf(all[0]).Convert(t)
}

// enumerations are the values of the types that changes have.
func enumerations() map[reflect.Type][]string {
	return map[reflect.Type][]string{
		reflect.TypeFor[game.SessionStatus](): texts(game.SessionStatuses()),
		reflect.TypeFor[game.EndReason]():     texts(game.EndReasons()),
		reflect.TypeFor[game.RemovalReason](): texts(game.RemovalReasons()),
		reflect.TypeFor[game.WaitEnd]():       texts(game.WaitEnds()),
		reflect.TypeFor[game.HostReason]():    texts(game.HostReasons()),
		reflect.TypeFor[game.LiftReason]():    texts(game.LiftReasons()),
		reflect.TypeFor[game.Liveness]():      texts(game.Livenesses()),
		reflect.TypeFor[game.Scope]():         texts(game.KeyScopes()),
	}
}

func texts[S ~string](values []S) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// exampleEvent is the example of a whole event.
func exampleEvent() (string, error) {
	const session, player = "019a2b3c-1111-7f60-8a9b-0c1d2e3f4a5b", "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b"
	b, err := json.MarshalIndent(game.Event{
		Project: game.DefaultProject, Subject: game.Subject{Kind: game.SubjectSession, ID: session}, Version: 5,
		Seq: 1042, At: time.Date(2026, 7, 14, 18, 30, 0, 0, time.UTC),
		Actor: game.Actor{Kind: game.ActorKey, ID: "4x7jq2w6hs"}, RequestID: "019a2b3c-2222-7f60-8a9b-0c1d2e3f4a5b",
		Changes: game.Changes{game.MemberRemoved{PlayerID: player, Reason: game.RemovedKicked, Why: "afk"}},
	}, "", "  ")
	return string(b), err
}

// catalogue is what docs/events.md has.
type catalogue struct {
	Event, Kinds, Actors string
	Groups               []changeGroup
}

func eventCatalogue(root string) (c catalogue, err error) {
	if c.Groups, err = changeGroups(root); err != nil {
		return c, err
	}
	listed := func(values []string) string { return "`" + strings.Join(values, "`, `") + "`" }
	c.Kinds, c.Actors = listed(texts(game.SubjectKinds())), listed(texts(game.ActorKinds()))
	c.Event, err = exampleEvent()
	return c, err
}
