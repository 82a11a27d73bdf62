// Command panels runs the queries of every panel and variable of a Grafana's dashboards through its API, as a browser
// does.
//
//	GRAFANA_PASSWORD=… go run ./panels [-wait 1m] http://127.0.0.1:3000
//
// It fails if a query fails, or if no panel of a dashboard has data. Single panels without data are only listed,
// because those that count failures have none normally.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "panels:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("panels", flag.ContinueOnError)
	user := flags.String("user", "admin", "the user; GRAFANA_PASSWORD has the password")
	wait := flags.Duration(
		"wait", time.Minute, "how long to ask again while something fails or a dashboard has no data",
	)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || os.Getenv("GRAFANA_PASSWORD") == "" {
		return errors.New("usage: GRAFANA_PASSWORD=… panels [-user admin] [-wait 1m] URL")
	}
	g := newGrafana(flags.Arg(0), *user, os.Getenv("GRAFANA_PASSWORD"))
	end := time.Now().Add(*wait)
	for {
		reports, err := g.askAll(ctx)
		if err == nil || time.Now().After(end) {
			for _, r := range reports {
				_, _ = fmt.Fprintln(out, r)
			}
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(2 * time.Second):
		}
	}
}
