package main

import (
	"bytes"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strings"
	"testing"
)

func TestMethodsAreFresh(t *testing.T) {
	t.Parallel()
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../methods.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("methods.go is stale: run go generate ./internal/store/wrap")
	}
}

// Dashboards, alerts and logs depend on these names.
func TestLabels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		iface, method, label, collection string
	}{
		{"PlayerStore", "Player(ctx context.Context, id PlayerID) (Player, error)", "get_player", "players"},
		{
			"PlayerStore", "PlayerByIdentity(ctx context.Context, i Identity) (Player, error)",
			"get_player_by_identity", "players",
		},
		{
			"PlayerStore", "Players(ctx context.Context, q PlayerQuery) (Found[Player], error)", "list_players",
			"players",
		},
		{
			"PlayerStore", "EndedSuspensions(ctx context.Context, now time.Time, limit int) ([]Player, error)",
			"list_ended_suspensions", "players",
		},
		{"SessionStore", "ReplaceSession(ctx context.Context, old, next Session) error", "replace_session", "sessions"},
		{"ClaimStore", "Claim(ctx context.Context, c Claim, now time.Time) (Claim, error)", "claim", "idempotency"},
		{"KeyStore", "Keys(ctx context.Context, q KeyQuery) ([]Key, error)", "list_keys", "api_keys"},
		{
			"SigningKeyStore", "DeleteSigningKey(ctx context.Context, id string) error",
			"delete_signing_key", "signing_keys",
		},
		{"MetricsStore", "PurgeMetrics(ctx context.Context, limit int) (int, error)", "purge_metrics", "metrics"},
		{
			"ExportStore", "ExportKeys(ctx context.Context, after KeyID, limit int) ([]Key, error)",
			"export_keys", "api_keys",
		},
		{"Inspector", "Inspect(ctx context.Context, tell func(Finding)) error", "inspect", ""},
		{"ThingStore", "Ping(ctx context.Context) (Facts, error)", "ping", "things"},
	} {
		got := generated(t, test.iface, test.method)
		if want := `Label: "` + test.label + `", Collection: "` + test.collection + `"`; !strings.Contains(got, want) {
			t.Errorf("%s: want %s in\n%s", test.method, want, got)
		}
	}
}

func TestTypesAreQualified(t *testing.T) {
	t.Parallel()
	got := generated(t, "ThingStore",
		"Do(ctx context.Context, at time.Time, old *Thing, tell func(Finding) Found[Thing]) error")
	const want = "Do(ctx context.Context, at time.Time, old *game.Thing, " +
		"tell func(game.Finding) game.Found[game.Thing]) error"
	if !strings.Contains(got, want) {
		t.Errorf("want %s in\n%s", want, got)
	}
}

func TestMethodsThatCannotBeWrapped(t *testing.T) {
	t.Parallel()
	for _, method := range []string{
		"Do()", "Do() error", "Do(ctx context.Context)", "Do(ctx context.Context) (int, int, error)",
	} {
		if _, err := generateFor(declaring(t, "ThingStore", method)); err == nil {
			t.Errorf("%s: no error", method)
		}
	}
}

func generated(t *testing.T, iface, method string) string {
	t.Helper()
	out, err := generateFor(declaring(t, iface, method))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// declaring returns a package whose interface Store has one method.
func declaring(t *testing.T, iface, method string) *types.Package {
	t.Helper()
	text := "package game\nimport (\"context\"; \"time\")\ntype Store interface { " + iface + " }\ntype " + iface +
		" interface { " + method + " }\nvar _ context.Context\nvar _ time.Time\ntype Found[T any] struct{ Items []T }\n"
	for _, name := range []string{
		"Player", "PlayerID", "PlayerQuery", "Identity", "Session", "Claim", "Key", "KeyID", "KeyQuery", "Finding",
		"Facts", "Thing",
	} {
		text += "type " + name + " struct{}\n"
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "store.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	check := types.Config{Importer: importer.Default()}
	game, err := check.Check("game", files, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return game
}
