// Command agent runs inside the cluster during the check of the manifests: as a client of the API, as a probe of
// network policies, and as a stand-in for Grafana and mongosh. It is not shipped.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	args := os.Args[1:]
	if name := filepath.Base(os.Args[0]); name != "agent" { // under another name it is a stand-in for that program
		args = append([]string{name}, args...)
	}
	if err := run(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: agent probe|player|load|targets|crash|grafana|mongosh|chown [ARGUMENT]…")
	}
	switch command, rest := args[0], args[1:]; command {
	case "probe":
		return probe(ctx, rest)
	case "player":
		return player(ctx, rest)
	case "load":
		return load(ctx)
	case "targets":
		return targets(ctx, rest)
	case "crash":
		return crash(rest)
	case "chown":
		return chown(rest)
	case "grafana":
		if len(rest) > 0 && rest[0] == "cli" {
			return grafanaCLI(rest[1:], os.Stdin)
		}
		return grafana(ctx)
	case "mongosh":
		return mongosh(ctx, rest)
	default:
		return fmt.Errorf("there is no %s", command)
	}
}
