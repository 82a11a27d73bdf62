package tests_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// lobby is a program of a module of its own, as a game's backend is. README.md shows how it comes by the SDK.
const lobby = `package main

import (
	"context"
	"fmt"
	"os"

	"game-session-manager/client"
)

func main() {
	c, err := client.New(os.Args[1])
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	alice, err := c.Players.Create(ctx, client.Profile{Username: "alice"})
	if err != nil {
		panic(err)
	}
	match, err := c.Sessions.Create(ctx, client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 2, Attributes: client.Attributes{"mmr": client.Number(1200)}},
		HostID:   &alice.ID,
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(match.Status, *match.HostID == alice.ID, match.Attributes["mmr"].Any())
}
`

// TestOtherModule uses the SDK from outside of the module, as README.md says.
func TestOtherModule(t *testing.T) {
	only(t, sqlite)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(lobby), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"mod", "init", "example.com/lobby"},
		{"mod", "edit", "-replace", "game-session-manager=" + root},
		{"get", "game-session-manager/client"},
	} {
		inModule(t, dir, args...)
	}
	s := start(t)
	if got, want := inModule(t, dir, "run", ".", s.url), "open true 1200\n"; got != want {
		t.Errorf("the program printed %q, want %q", got, want)
	}
}

// inModule runs the go tool in a folder and returns what it printed.
func inModule(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
