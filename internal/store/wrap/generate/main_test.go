package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMethodsAreFresh(t *testing.T) {
	t.Parallel()
	want, err := generate("../../../game")
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
		"Do(ctx context.Context, at time.Time, old, next *Thing, tell func(Finding) Found[Thing]) error")
	const want = "Do(ctx context.Context, at time.Time, old, next *game.Thing, " +
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
		if _, err := generate(source(t, "ThingStore", method)); err == nil {
			t.Errorf("%s: no error", method)
		}
	}
}

func generated(t *testing.T, iface, method string) string {
	t.Helper()
	out, err := generate(source(t, iface, method))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// source writes a package whose interface Store has one method, and returns its directory.
func source(t *testing.T, iface, method string) string {
	t.Helper()
	dir := t.TempDir()
	text := "package game\ntype Store interface { " + iface + " }\ntype " + iface + " interface { " + method + " }\n"
	if err := os.WriteFile(filepath.Join(dir, "store.go"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
