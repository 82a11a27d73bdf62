package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Screen is everything that is drawn.
type Screen struct {
	Addr     string
	Interval time.Duration
	Figures  Figures
	Groups   []Group // of errors; nil if unknown
	Now      time.Time

	// Problem says why gsm does not respond, empty if it does. The figures are then the last ones.
	Problem      string
	Paused, Help bool
	Sort         Sort
	Offset       int // number of lines that the body is scrolled by
	Palette      Palette

	history history
}

// Draw returns the screen with at most width columns and height lines, as far as there is room.
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

// Scroll returns the screen with its body scrolled by a number of lines, limited to its ends.
func (s Screen) Scroll(by, width, height int) Screen {
	end := max(len(joined(s.body(width, height)))-s.room(width, height), 0)
	s.Offset = max(min(s.Offset+by, end), 0)
	return s
}

// room returns the number of lines of the body.
func (s Screen) room(width, height int) int { return max(height-len(s.head(width, height))-1, 0) }

// joined returns the lines of sections, separated by empty lines.
func joined(sections [][]string) (lines []string) {
	for i, section := range sections {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, section...)
	}
	return lines
}

// scrolled returns the lines in view. The title of the first section always stays in view.
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

// Text returns all sections of [Screen.Draw] as plain text, without a limit of height.
func (s Screen) Text() string {
	const width = 116 // fits the longest route
	f := s.Figures
	s.Palette = Plain
	when := fmt.Sprintf("up %s, over %.1f s until %s", s.uptime(), f.Seconds, f.At.UTC().Format(time.RFC3339))
	first := justify(s.name(), when, width)
	sections := append([][]string{{first}}, drawPanels(Plain, f.panels(), width, everything)...)
	lines := joined(append(sections, s.tables(width)...))
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// everything is more lines than any panel has.
const everything = 1000

// lowScreen is the height below which the whole screen scrolls.
const lowScreen = 10

// panelLines returns the number of panel lines above the body, 0 on a very low screen.
func panelLines(height int) int {
	if height < lowScreen {
		return 0
	}
	return min(max((height-3)/3, 3), 12)
}

// head returns the part that does not scroll.
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
		columns, _, _ := panelLayout(width, len(all))
		lines = append(append(lines, drawPanels(s.Palette, all[:columns], width, most)[0]...), "")
	}
	return lines
}

// body returns the part that scrolls: the tables, and the panel lines that do not fit above.
func (s Screen) body(width, height int) [][]string {
	if s.Help {
		return [][]string{strings.Split(ansi.Wordwrap(help, width, ""), "\n")}
	}
	all := s.Figures.panels()
	columns, _, _ := panelLayout(width, len(all))
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
	return justify(s.name(), state, width)
}

// state returns a word or two about what needs attention.
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

// name returns the title of the screen: the identity of the gsm.
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

// sparks draws the latest rates and latencies in one line, half of it each.
func (s Screen) sparks(width int) string {
	half := (width - 2) / 2
	draw := func(title string, values []float64, write func(float64) string) string {
		const words = 9 // columns of the largest value
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
	return justify(keys, place, width)
}

// help is written for a width of 60, and wrapped on narrower screens.
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
