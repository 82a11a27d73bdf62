package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Screen is all that is drawn, and how.
type Screen struct {
	Addr     string
	Interval time.Duration
	Figures  Figures
	Groups   []Group // of errors; nil if gsm does not tell
	Now      time.Time

	// Problem says why gsm does not answer, empty if it does. The figures are as old as they are.
	Problem      string
	Paused, Help bool
	Sort         Sort
	Offset       int // lines that the body is scrolled by
	Palette      Palette

	history history
}

// Draw returns the screen as lines of at most so many columns. It draws what there is room for.
func (s Screen) Draw(width, height int) string {
	head, body := s.head(width, height), s.body(width, height)
	room, all := s.room(width, height), len(joined(body))
	from := min(s.Offset, max(all-room, 0))
	to := min(from+room, all)
	lines := append(head, scrolled(body, from, to)...)
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	lines = append(lines, s.footer(width, from, to, all))
	for i := range lines {
		lines[i] = fit(lines[i], width)
	}
	return strings.Join(lines[max(len(lines)-height, 0):], "\n")
}

// Scroll returns the screen with its body so many lines further, within its ends.
func (s Screen) Scroll(by, width, height int) Screen {
	end := max(len(joined(s.body(width, height)))-s.room(width, height), 0)
	s.Offset = max(min(s.Offset+by, end), 0)
	return s
}

// room is how many lines the body has.
func (s Screen) room(width, height int) int { return max(height-len(s.head(width, height))-1, 0) }

// joined returns the lines of sections, with an empty one between them.
func joined(sections [][]string) (lines []string) {
	for i, section := range sections {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, section...)
	}
	return lines
}

// scrolled returns some of the lines. The title of the first section stays in view.
func scrolled(sections [][]string, from, to int) []string {
	lines := joined(sections)[from:to]
	begin := 0
	for _, section := range sections {
		if from > begin && from < begin+len(section) && to > from {
			lines[0] = section[0]
		}
		begin += len(section) + 1
	}
	return lines
}

// Text returns everything as plain text: what [Screen.Draw] shows, without an end and without what a terminal needs.
func (s Screen) Text() string {
	const width = 116 // the longest route whole
	f := s.Figures
	s.Palette = Plain
	when := fmt.Sprintf("up %s, over %.1f s until %s", s.uptime(), f.Seconds, f.At.UTC().Format(time.RFC3339))
	first := apart(s.name(), when, width)
	sections := append([][]string{{first}}, drawPanels(Plain, f.panels(), width, everything)...)
	lines := joined(append(sections, s.tables(width)...))
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// everything is more lines than a panel has.
const everything = 1000

// lowScreen is a height below which everything scrolls.
const lowScreen = 10

// panelLines is how many lines of panels stay above the body: none on a screen that is very low.
func panelLines(height int) int {
	if height < lowScreen {
		return 0
	}
	return min(max((height-3)/3, 3), 12)
}

// head is what does not scroll.
func (s Screen) head(width, height int) []string {
	lines := []string{s.header(width)}
	switch {
	case s.Problem != "":
		problem := fmt.Sprintf("No response for %s: %s", age(s.Now.Sub(s.Figures.At)), s.Problem)
		lines = append(lines, s.Palette.tint(fit(problem, width), bad))
	case height >= lowScreen:
		lines = append(lines, s.sparks(width))
	}
	if most := panelLines(height); most > 0 {
		all := s.Figures.panels()
		columns, _, _ := beside(width, len(all))
		lines = append(append(lines, drawPanels(s.Palette, all[:columns], width, most)[0]...), "")
	}
	return lines
}

// body is what scrolls: the tables, and what the panels above have no room for.
func (s Screen) body(width, height int) [][]string {
	if s.Help {
		return [][]string{strings.Split(ansi.Wordwrap(help, width, ""), "\n")}
	}
	all := s.Figures.panels()
	columns, _, _ := beside(width, len(all))
	most := panelLines(height)
	if most == 0 {
		return append(drawPanels(s.Palette, all, width, everything), s.tables(width)...)
	}
	return append(s.tables(width), drawPanels(s.Palette, rest(all, columns, most), width, everything)...)
}

func (s Screen) tables(width int) [][]string {
	return slices.DeleteFunc([][]string{
		s.table("ROUTE", "4XX", "5XX", s.Figures.Routes, width),
		s.errorTable(width),
		s.table("STORE OPERATION", "REFUSED", "FAILED", s.Figures.Operations, width),
		s.table("MONGODB COMMAND", "REFUSED", "FAILED", s.Figures.Commands, width),
	}, func(lines []string) bool { return len(lines) == 0 })
}

func (s Screen) header(width int) string {
	state := "up " + s.uptime() + " · " + s.state()
	if width >= 72 {
		state = "every " + s.Interval.String() + " · " + state
	}
	return apart(s.name(), state, width)
}

// state says in a word or two what there is to be seen at once.
func (s Screen) state() string {
	fresh := 0
	for _, g := range s.Groups {
		if s.Figures.At.Sub(g.LastSeen) < recent {
			fresh++
		}
	}
	up, known := s.Figures.value(storeUp)
	switch {
	case s.Problem != "":
		return s.Palette.tint("away", bad)
	case s.Paused:
		return s.Palette.tint("paused", odd)
	case known && up == 0:
		return s.Palette.tint("database down", bad)
	case fresh > 0:
		return s.Palette.tint("new errors", bad)
	}
	return "live"
}

// name says which gsm it is.
func (s Screen) name() string {
	parts := []string{s.Palette.bold("gsm " + s.Figures.build["version"]), s.Figures.build["engine"], s.Addr}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " · ")
}

func (s Screen) uptime() string {
	if up := s.Figures.Uptime(); up > 0 {
		return age(up)
	}
	return none
}

// sparks draws the last rates and latencies, half of the line each.
func (s Screen) sparks(width int) string {
	half := (width - 2) / 2
	draw := func(title string, values []float64, write func(float64) string) string {
		const words = 9 // what the greatest value may take
		line, most := sparkline(values, half-len(title)-2-words)
		return title + " " + s.Palette.spark(line) + " " + left("≤ "+write(most), words)
	}
	return draw("rate", s.history.rates, rate) + "  " + draw("p99", s.history.p99s, seconds)
}

func (s Screen) footer(width, from, to, all int) string {
	b := s.Palette.bold
	keys := strings.Join([]string{
		b("q") + " quit", b("p") + " pause", b("s") + " sort: " + string(s.Sort), b("↑↓") + " scroll", b("?") + " help",
	}, "   ")
	place := fmt.Sprintf("%d–%d of %d", min(from+1, to), to, all)
	if ansi.StringWidth(keys)+ansi.StringWidth(place)+2 > width {
		return keys
	}
	return apart(keys, place, width)
}

// help is written for a width of 60 and wrapped below that.
const help = `KEYS
q, ctrl+c     quit
p, space      pause, and resume
s             sort by rate, errors, p99 or route
↑ ↓ j k       scroll, as do pgup, pgdown, home and end
?, esc        show this help, and close it

Rates and latencies are those of the last interval. REQUESTS
counts requests to the API, without probes and pages.
Latencies are estimates from buckets, as in Prometheus.
100 % CPU is one processor.
4xx counts rejected requests, 5xx failures of gsm. REFUSED
counts store operations that were rejected, such as a write
to a version that is not the latest; FAILED counts failures
of the store. TOTAL counts since gsm started. Sessions are
live sessions.`
