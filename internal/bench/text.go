package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes the report for people.
func (r Report) WriteText(w io.Writer) error {
	var t strings.Builder
	r.writeHeader(&t)
	switch {
	case len(r.Floor) > 0:
		writeFloor(&t, r.Floor)
	case r.Ramp != nil:
		r.Ramp.write(&t)
	default:
		r.writeOperations(&t)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Figures)) {
		fmt.Fprintf(&t, "%s: %s\n", strings.ReplaceAll(name, "_", " "), count(r.Figures[name]))
	}
	r.writeEnd(&t)
	_, err := io.WriteString(w, t.String())
	return err
}

func (r Report) writeHeader(t *strings.Builder) {
	fmt.Fprintf(t, "%s", r.Scenario)
	if r.Of != "" {
		fmt.Fprintf(t, " of %s", r.Of)
	}
	switch {
	case len(r.Floor) > 0:
		fmt.Fprintf(t, " beside bare servers, %d clients, rounds of %v by turns", r.Clients, roundTime)
	case r.Ramp != nil:
		fmt.Fprintf(t, ", open model from %s visits a second, at most %d at once", count(r.Rate), r.Clients)
	case r.Model == "open":
		fmt.Fprintf(t, ", open model, %s visits a second, at most %d at once", count(r.Rate), r.Clients)
	default:
		fmt.Fprintf(t, ", closed model, %d clients", r.Clients)
	}
	where := "server at " + r.Server.URL
	if r.Server.Own {
		where = "server and load"
	}
	fmt.Fprintf(t, ", %.1f s\ngsm %s, %s; %s on %d CPUs, %s/%s\n\n", r.Seconds, r.Server.Version,
		orUnknown(r.Server.Database), where, r.Machine.CPUs, r.Machine.OS, r.Machine.Arch)
}

func orUnknown(database string) string {
	if database == "" {
		return "unknown database"
	}
	return database
}

// columns writes rows whose first column is text and whose others are figures.
func columns(t *strings.Builder, rows [][]string) {
	var aligned strings.Builder
	w := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', tabwriter.AlignRight)
	width := 0
	for _, row := range rows {
		width = max(width, len(row[0]))
	}
	for _, row := range rows {
		row[0] = fmt.Sprintf("%-*s", width, row[0])
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t")+"\t") // a builder does not fail
	}
	_ = w.Flush()
	for line := range strings.Lines(aligned.String()) {
		t.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}

func (r Report) writeOperations(t *strings.Builder) {
	rows := [][]string{{"OPERATION", "REQUESTS", "RATE", "ERRORS", "P50", "P90", "P99", "P99.9", "MAX"}}
	for _, o := range r.Operations {
		failed := int64(0)
		for _, n := range o.Errors {
			failed += n
		}
		l := o.Latency
		rows = append(rows, []string{
			o.Name, count(float64(o.Requests)), count(o.PerSecond) + "/s", count(float64(failed)), micros(l.P50),
			micros(l.P90), micros(l.P99), micros(l.P999), micros(l.Max),
		})
	}
	columns(t, rows)
	fmt.Fprintf(t, "\n%s requests, %s a second", count(float64(r.Requests)), count(r.PerSecond))
	writeCPU(t, r.CPU)
	t.WriteString("\n")
	for _, o := range r.Operations {
		writeCodes(t, o.Name+" failed: ", o.Errors)
		writeCodes(t, o.Name+" was rejected, as it should be: ", o.Rejected)
	}
}

func writeCPU(t *strings.Builder, c CPU) {
	if c.Server > 0 {
		fmt.Fprintf(t, "; CPU per request: server %.0f µs, load %.0f µs", c.Server, c.Client)
	}
}

func writeCodes(t *strings.Builder, what string, codes map[string]int64) {
	if len(codes) == 0 {
		return
	}
	var all []string
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		all = append(all, fmt.Sprintf("%s %s", count(float64(codes[code])), code))
	}
	fmt.Fprintf(t, "%s%s\n", what, strings.Join(all, ", "))
}

func writeFloor(t *strings.Builder, all []Comparison) {
	rows := [][]string{{"OPERATION", "SERVER", "RATE", "P99", "CPU", "GSM'S RATE TO IT", "ITS CPU TO GSM'S"}}
	for _, c := range all {
		name := c.Operation
		for i, s := range c.Sides {
			row := []string{name, s.Name, count(s.PerSecond) + "/s", micros(s.P99), fmt.Sprintf("%.0f µs", s.CPU)}
			if i > 0 {
				row = append(row, fmt.Sprintf("%.2f", s.RateRatio), fmt.Sprintf("%.2f", s.CPURatio))
			} else {
				row = append(row, "", "")
			}
			rows, name = append(rows, row), ""
		}
	}
	columns(t, rows)
}

func (r *Ramp) write(t *strings.Builder) {
	rows := [][]string{{"RATE", "SERVED", "P50", "P99", "P99.9", "MAX", "CPU"}}
	why := ""
	for _, s := range r.Steps {
		if !s.Good {
			why = fmt.Sprintf("%s a second is not good: %s\n", count(s.Rate), s.Why)
		}
		rows = append(rows, []string{
			count(s.Rate) + "/s", count(s.PerSecond) + "/s", micros(s.Latency.P50), micros(s.Latency.P99),
			micros(s.Latency.P999), micros(s.Latency.Max), fmt.Sprintf("%.0f µs", s.CPU.Server),
		})
	}
	columns(t, rows)
	fmt.Fprintf(t, "\n%shighest good rate: %s visits a second (99th percentile of at most %s, no errors)\n", why,
		count(r.HighGood), micros(int64(r.Bound)))
}

func (r Report) writeEnd(t *strings.Builder) {
	if r.Interrupted {
		t.WriteString("interrupted: these are the figures until then\n")
	}
	for _, text := range r.Warnings {
		t.WriteString("warning: " + text + "\n")
	}
	if r.Checks.Made > 0 {
		fmt.Fprintf(t, "%s checks, %s failed\n", count(float64(r.Checks.Made)),
			count(float64(r.Checks.WrongTotal)))
	}
	if text := r.Left.Text(); text != "" {
		t.WriteString(text + "\n")
	}
}

// Text returns what is left in one line; nothing if that is nothing.
func (l *Left) Text() string {
	if l == nil || l.Players+l.Sessions+l.Ended == 0 {
		return ""
	}
	return fmt.Sprintf("left behind: %d players (usernames %s…), %d sessions, and %d that have ended", l.Players,
		l.Prefix, l.Sessions, l.Ended)
}

// Err returns what fails the run: wrong responses, or that no request succeeded.
func (r Report) Err() error {
	var p problems
	for _, f := range r.Checks.Wrong {
		p.check(false, "wrong response: %s: expected %s, found %s", f.What, f.Expected, f.Found)
	}
	if more := r.Checks.WrongTotal - int64(len(r.Checks.Wrong)); more > 0 {
		p.check(false, "and %d more wrong responses", more)
	}
	failed := int64(0)
	for _, n := range r.Errors {
		failed += n
	}
	p.check(r.Interrupted || r.Requests > failed, "no request succeeded: %s", strings.Join(r.Warnings, "; "))
	return p.err()
}

// count returns a number with its thousands apart.
func count(v float64) string {
	if v > 0 && v < 10 && v != float64(int64(v)) {
		return fmt.Sprintf("%.1f", v)
	}
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// micros returns a time with three digits.
func micros(v int64) string {
	d := time.Duration(v) * time.Microsecond
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", v)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
