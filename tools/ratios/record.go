package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"golang.org/x/perf/benchmath"
)

// record measures all ratios and writes the file.
func (s *settings) record(ctx context.Context) error {
	var all ratios
	for range s.samples {
		for _, j := range jobs() {
			if _, err := s.measure(ctx, j, &all); err != nil {
				return err
			}
		}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.file, append(text, '\n'), 0o600)
}

func (s *settings) recorded() (all ratios, err error) {
	text, err := os.ReadFile(s.file)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("the recorded ratios (make bench-report records them): %w", err)
	}
	return all, nil
}

// slower is the change of a ratio that guard reports, if it is sure of it.
const slower = 0.05

// verdict is what is known of a ratio.
type verdict struct {
	before, now, p float64
}

func (v verdict) change() float64 { return v.now/v.before - 1 }
func (v verdict) lower() bool     { return v.change() < -slower }
func (v verdict) sure() bool      { return v.p < benchmath.DefaultThresholds.CompareAlpha }

// compare compares what was measured with what is recorded, assuming nothing of their distributions (Mann-Whitney).
func compare(before, now []float64) verdict {
	a := benchmath.NewSample(before, &benchmath.DefaultThresholds)
	b := benchmath.NewSample(now, &benchmath.DefaultThresholds)
	return verdict{
		median(before), median(now), benchmath.AssumeNothing.Compare(a, b).P,
	}
}

func median(values []float64) float64 {
	s := benchmath.NewSample(append([]float64{}, values...), &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Summary(s, 0.95).Center //nolint:misspell // the library's
}

// guard measures until it is sure of each ratio, and returns an error if one is lower than recorded. It compares the
// processor time, which neighbours disturb less than the rate.
func (s *settings) guard(ctx context.Context) error {
	before, err := s.recorded()
	if err != nil {
		return err
	}
	var now ratios
	pending := jobs()
	for n := 1; len(pending) > 0 && n <= s.most; n++ {
		var doubtful []job
		for _, j := range pending {
			t, err := s.measure(ctx, j, &now)
			if err != nil {
				return err
			}
			if n < (s.samples+1)/2 || inDoubt(before, now, j, t) && n < s.most {
				doubtful = append(doubtful, j)
			}
		}
		pending = doubtful
	}
	return printAll(before, now)
}

// inDoubt reports whether a ratio of a run seems lower than recorded without being so for sure.
func inDoubt(before, now ratios, j job, t output) bool {
	for _, f := range t.Floor {
		for _, side := range f.Sides[1:] {
			one := ratio{Database: j.database, Operation: f.Operation, To: side.Name}
			a, known := before.find(one)
			b, _ := now.find(one)
			if known {
				if v := compare(a.Processor, b.Processor); v.lower() && !v.sure() {
					return true
				}
			}
		}
	}
	return false
}

// printAll prints all ratios, and returns an error if one is lower than recorded.
func printAll(before, now ratios) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "DATABASE\tOPERATION\tTO\tRECORDED\tNOW\tCHANGE\tP\t")
	worse := 0
	for _, b := range now {
		a, known := before.find(b)
		if !known {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t\t%.2f\t\t\tnot recorded\n",
				b.Database, b.Operation, b.To, median(b.Processor))
			continue
		}
		v, what := compare(a.Processor, b.Processor), ""
		switch {
		case v.lower() && v.sure():
			what = "SLOWER"
			worse++
		case v.lower():
			what = "in doubt"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%.2f\t%+.0f %%\t%.3f (%d+%d)\t%s\n", b.Database, b.Operation, b.To,
			v.before, v.now, 100*v.change(), v.p, len(a.Processor), len(b.Processor), what)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println("Processor time of the bare server for a request to gsm's; medians. P is how probable such a " +
		"difference is by chance.")
	if worse > 0 {
		return errors.New("gsm is slower than recorded; if that is meant, make bench-report records it")
	}
	return nil
}
