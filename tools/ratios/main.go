// Command ratios records how gsm compares with bare servers, by gsm bench --floor, and finds out whether a change has
// made it slower than what is recorded. Ratios of one run mean something on a machine with neighbours, where rates do
// not.
//
//	ratios record -gsm bin/gsm -file docs/benchmark-ratios.json
//	ratios guard  -gsm bin/gsm -file docs/benchmark-ratios.json
//	ratios report -gsm bin/gsm -file docs/benchmark-ratios.json -tables DIR -to docs/benchmark-results.md
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

// settings are the flags.
type settings struct {
	gsm, file, tables, to string
	samples, most         int
	seconds               int
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var s settings
	f := flag.NewFlagSet("ratios record|guard|report", flag.ContinueOnError)
	f.StringVar(&s.gsm, "gsm", "bin/gsm", "the gsm to measure")
	f.StringVar(&s.file, "file", "docs/benchmark-ratios.json", "the recorded ratios")
	f.StringVar(&s.tables, "tables", "", "a directory with tables of other benchmarks, for report")
	f.StringVar(&s.to, "to", "docs/benchmark-results.md", "the page to write, for report")
	f.IntVar(&s.samples, "samples", 7, "how often to measure each ratio; guard begins with half as many")
	f.IntVar(&s.most, "most", 14, "how often guard measures a ratio that is in doubt")
	f.IntVar(&s.seconds, "seconds", 4, "how long each measurement takes")
	if len(args) == 0 {
		f.Usage()
		return flag.ErrHelp
	}
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch args[0] {
	case "record":
		return s.record(ctx)
	case "guard":
		return s.guard(ctx)
	case "report":
		return s.report(ctx)
	}
	f.Usage()
	return fmt.Errorf("%q is none of record, guard and report", args[0])
}
