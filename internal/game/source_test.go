package game_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

// source parses the package without its tests.
func source(tb testing.TB) []*ast.File {
	tb.Helper()
	entries, err := os.ReadDir(".")
	ok(tb, err)
	var files []*ast.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		ok(tb, err)
		files = append(files, f)
	}
	return files
}

// values calls do with every constant or variable of the package that is given a value.
func values(files []*ast.File, do func(kind token.Token, name string, typ, value ast.Expr)) {
	for _, f := range files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST && g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i := range v.Values {
					do(g.Tok, v.Names[i].Name, v.Type, v.Values[i])
				}
			}
		}
	}
}

// literal returns the value of a string literal, which may be split over lines with +, and "" for other expressions.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, _ := strconv.Unquote(e.Value)
			return s
		}
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	}
	return ""
}

func texts[T ~string](list []T) []string {
	var s []string
	for _, v := range list {
		s = append(s, string(v))
	}
	return s
}

// A constant of a closed list that its list forgets would be rejected by every validation.
func TestListsOfConstants(t *testing.T) {
	t.Parallel()
	lists := map[string][]string{
		"SessionStatus":  texts(game.SessionStatuses()),
		"EndReason":      texts(game.EndReasons()),
		"PlayerStatus":   texts(game.PlayerStatuses()),
		"KeyStatus":      texts(game.KeyStatuses()),
		"WebhookReason":  texts(game.WebhookReasons()),
		"WebhookFailure": texts(game.WebhookFailures()),
		"DeliveryStatus": texts(game.DeliveryStatuses()),
		"Visibility":     texts(game.Visibilities()),
		"Scope":          append(texts(game.KeyScopes()), string(game.ScopePlayer)), // which tokens have
		"SubjectKind":    texts(game.SubjectKinds()),
		"ActorKind":      texts(game.ActorKinds()),
		"RemovalReason":  texts(game.RemovalReasons()),
		"HostReason":     texts(game.HostReasons()),
		"LiftReason":     texts(game.LiftReasons()),
		"WaitEnd":        texts(game.WaitEnds()),
		"MemberStatus":   texts(game.MemberStatuses()),
		"Liveness":       texts(game.Livenesses()),
		"LeaseState":     texts(game.LeaseStates()),
		// So it is with what fields are described by.
		"FieldKind": {"text", "username", "folded", "enum", "id", "count", "flag", "time", "attributes"},
		"Op":        append(texts(game.Ops()), string(game.OpWithin)), // which no request can make
		"Obstacle":  texts(game.Obstacles()),
		// Other reasons have the names of obstacles and of errors.
		"ReasonCode":  {"condition_not_met", "condition_met", "hidden"},
		"ReasonAbout": texts(game.ReasonsAbout()),
		"FollowEnd":   {"session_ended", "removed"},
	}
	open := []string{"ProjectID", "PlayerID", "FormError"} // not closed lists

	found := map[string][]string{}
	values(source(t), func(kind token.Token, name string, typ, value ast.Expr) {
		id, ok := typ.(*ast.Ident)
		if kind != token.CONST || !ok || !ast.IsExported(id.Name) || slices.Contains(open, id.Name) ||
			literal(value) == "" {
			return
		}
		found[id.Name] = append(found[id.Name], literal(value))
	})
	for name := range found {
		slices.Sort(found[name])
	}
	for name := range lists {
		slices.Sort(lists[name])
	}
	equal(t, lists, found)
}

func TestCodes(t *testing.T) {
	t.Parallel()
	snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	codes := map[string]string{} // to the variable that has it
	values(source(t), func(_ token.Token, name string, _, value ast.Expr) {
		u, ok := value.(*ast.UnaryExpr)
		if !ok {
			return
		}
		lit, ok := u.X.(*ast.CompositeLit)
		if !ok {
			return
		}
		if id, ok := lit.Type.(*ast.Ident); !ok || id.Name != "Error" {
			return
		}
		fields := map[string]string{}
		for _, e := range lit.Elts {
			kv := e.(*ast.KeyValueExpr)
			fields[kv.Key.(*ast.Ident).Name] = literal(kv.Value)
		}
		code, message := fields["Code"], fields["Message"]
		if _, named := fields["Kind"]; !named {
			t.Errorf("%s does not say its kind", name)
		}
		if !snake.MatchString(code) {
			t.Errorf("%s has the code %q, which is not in snake_case", name, code)
		}
		if other := codes[code]; other != "" {
			t.Errorf("%s and %s share the code %s", name, other, code)
		}
		if !strings.HasPrefix(name, "Err") || !strings.HasSuffix(message, ".") {
			t.Errorf("%s has the message %q", name, message)
		}
		codes[code] = name
	})
	if len(codes) < 15 {
		t.Errorf("only %d named failures were found", len(codes))
	}
}

// A state that can never be left or reached, and a reason that no move has, would be dead words.
func TestEveryStateAndReasonIsReached(t *testing.T) {
	t.Parallel()
	reached := map[game.SessionStatus]bool{"pending": true, "open": true}
	used := map[game.EndReason]bool{}
	for _, from := range game.SessionStatuses() {
		if over := len(allowedMoves(from, true)) == 0; over != from.Terminal() {
			t.Errorf("%s is terminal: %t, and cannot be left: %t", from, from.Terminal(), over)
		}
		for _, to := range game.SessionStatuses() {
			for _, reason := range append([]game.EndReason{""}, game.EndReasons()...) {
				s := newSession(t, in(from), func(s *game.Session) { s.AllowRematch = true })
				if changed, err := did(s.Move(game.Move{Status: to, EndReason: reason}, later(60))); changed &&
					err == nil {
					reached[to], used[reason] = true, true
				}
				if changed, err := did(s.Expire(reason, later(60))); changed && err == nil {
					reached["expired"], used[reason] = true, true
				}
			}
		}
	}
	for _, status := range game.SessionStatuses() {
		if !reached[status] {
			t.Errorf("no move reaches %s", status)
		}
	}
	for _, reason := range game.EndReasons() {
		if !used[reason] {
			t.Errorf("no session ends for %s", reason)
		}
	}
}

// Every limit of the package that concerns callers is in DocumentLimits.
func TestLimitsAreTold(t *testing.T) {
	t.Parallel()
	files := source(t)
	told := make(map[string]bool)
	for _, f := range files {
		for _, d := range f.Decls {
			if d, is := d.(*ast.FuncDecl); is && d.Name.Name == "DocumentLimits" {
				ast.Inspect(d.Body, func(n ast.Node) bool {
					if id, is := n.(*ast.Ident); is {
						told[id.Name] = true
					}
					return true
				})
			}
		}
	}
	limit := regexp.MustCompile(`^(Max|Min|Default)[A-Z]`)
	forms := []string{
		// of what the service or its operator makes
		"MaxKeyID", "MinKeySecret", "MaxKeySecret", "MaxProjectID", "DefaultProject",
		"MaxExactNumber",                     // of JSON
		"MaxSigningKeys", "MaxDeliveryBatch", // which callers do not have
		"MaxCounted", "MaxClockSkew", "MaxEpoch", // of the service itself
		"MaxIdempotencyKey", "MaxCredential", // of headers, which package api tells
	}
	limits := 0
	values(files, func(kind token.Token, name string, _, _ ast.Expr) {
		if kind == token.CONST && limit.MatchString(name) && !slices.Contains(forms, name) {
			limits++
			if !told[name] {
				t.Errorf("%s is missing from DocumentLimits", name)
			}
		}
	})
	if limits < 20 {
		t.Errorf("only %d limits", limits)
	}
}

// What is kept of a secret is compared in constant time: an early end of a comparison would tell how much of it was
// right. Other packages cannot compare it, because they do not see that of a [game.Secret]. The test reads the source,
// since no clock of a test could tell; that a wrong key costs the same reads and steps as a right one, package auth
// tests.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, f := range source(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if called(n) == "subtle.ConstantTimeCompare" {
					compared++
					return false
				}
				if name := called(n); secretOperand(n.Args...) && name != "byte" &&
					!slices.Contains(hashReaders(), name) {
					t.Errorf("%s is given what is kept of a secret", name)
				}
			case *ast.BinaryExpr:
				if secretOperand(n.X, n.Y) && n.Op != token.ADD && !isEmptyText(n.X) && !isEmptyText(n.Y) {
					t.Errorf("what is kept of a secret is compared by %s", n.Op)
				}
			}
			return true
		})
	}
	if compared != 1 {
		t.Errorf("%d comparisons in constant time, want the one of Key.Opens", compared)
	}
}

// hashReaders are functions that do not compare: one that checks a stored hash's form.
func hashReaders() []string { return []string{"RawURLEncoding.DecodeString"} }

// called is the name of the function that is called, with what stands before its dot, and byte for a conversion to
// []byte.
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		switch x := f.X.(type) {
		case *ast.Ident:
			return x.Name + "." + f.Sel.Name
		case *ast.SelectorExpr:
			return x.Sel.Name + "." + f.Sel.Name
		}
	case *ast.ArrayType:
		if e, ok := f.Elt.(*ast.Ident); ok {
			return e.Name
		}
	}
	return ""
}

// secretOperand reports whether one of the expressions is a secret, its hash, or either converted.
func secretOperand(list ...ast.Expr) bool {
	return slices.ContainsFunc(list, func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.SelectorExpr:
			return slices.Contains([]string{"secret", "hash", "Hash"}, e.Sel.Name)
		case *ast.CallExpr:
			if f, ok := e.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "hashOrNone" {
				return true
			}
			return called(e) == "byte" && secretOperand(e.Args...)
		case *ast.ParenExpr:
			return secretOperand(e.X)
		}
		return false
	})
}

func isEmptyText(e ast.Expr) bool {
	l, ok := e.(*ast.BasicLit)
	return ok && l.Value == `""`
}
