package top

import (
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// column is a column of numbers in the tables of routes and operations.
type column struct {
	title string
	wide  int // width, including the gap before it
	from  int // smallest width of the screen that shows it
	cell  func(Figures, Row) (string, mood)
}

// numberColumns returns the columns of a table. The arguments are the titles for refused and failed ones.
func numberColumns(refused, failed string) []column {
	quantile := func(q float64) func(Figures, Row) (string, mood) {
		return func(_ Figures, r Row) (string, mood) { return r.quantile(q), calm }
	}
	often := func(of func(Row) int64, m mood) func(Figures, Row) (string, mood) {
		return func(f Figures, r Row) (string, mood) {
			if of(r) == 0 && f.Seconds > 0 {
				return "0", calm // less to read than 0.0
			}
			return rate(f.Rate(of(r))), badIf(float64(of(r)), m)
		}
	}
	return []column{
		{"RATE", 9, 0, often(func(r Row) int64 { return r.Done }, calm)},
		{refused, 9, 72, often(func(r Row) int64 { return r.Refused }, odd)},
		{failed, 9, 0, often(func(r Row) int64 { return r.Failed }, bad)},
		{"P50", 8, 64, quantile(.50)},
		{"P95", 8, 100, quantile(.95)},
		{"P99", 8, 0, quantile(.99)},
		{"TOTAL", 9, 100, func(_ Figures, r Row) (string, mood) { return count(float64(r.Total)), calm }},
	}
}

// table draws rows under their titles, cut to the width. It returns nil without rows.
func (s Screen) table(title, refused, failed string, rows []Row, width int) []string {
	if len(rows) == 0 {
		return nil
	}
	columns := slices.DeleteFunc(numberColumns(refused, failed), func(c column) bool { return width < c.from })
	room := width
	for _, c := range columns {
		room -= c.wide
	}
	cells := []string{left(title, room)}
	for _, c := range columns {
		cells = append(cells, right(c.title, c.wide))
	}
	lines := []string{s.Palette.bar(strings.Join(cells, ""))}
	rows = s.Sort.apply(rows)
	names := namesOf(rows, room)
	for i, r := range rows {
		cells = []string{left(names[i], room)}
		for _, c := range columns {
			value, m := c.cell(s.Figures, r)
			cells = append(cells, s.Palette.tint(right(value, c.wide), m))
		}
		lines = append(lines, strings.Join(cells, ""))
	}
	return lines
}

// namesOf returns the names of rows. If one is too long, all are shortened in the same way.
func namesOf(rows []Row, room int) []string {
	method, shorten := 0, func(s string) string { return s }
	for _, r := range rows {
		method = max(method, len(r.Method))
	}
	if method > 0 {
		method++
	}
	fits := func() bool {
		return !slices.ContainsFunc(rows, func(r Row) bool {
			return method+ansi.StringWidth(shorten(r.Name)) > room
		})
	}
	for _, shorter := range []func(string) string{
		func(s string) string { return strings.TrimPrefix(s, "/api/v1") },
		func(s string) string {
			return strings.NewReplacer("/api/v1", "", "{player_id}", "{id}", "{session_id}", "{id}").Replace(s)
		},
	} {
		if fits() {
			break
		}
		shorten = shorter
	}
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = left(r.Method, method) + shorten(r.Name)
	}
	return names
}

// errorTable draws the groups of errors, the latest first.
func (s Screen) errorTable(width int) []string {
	if s.Groups == nil {
		return nil
	}
	const code, seen, times = 20, 9, 8
	lines := []string{s.Palette.bar(left(left("ERROR", code)+right("AGO", seen)+right("COUNT", times)+"  WHAT", width))}
	for _, g := range s.Groups {
		line := left(g.Code, code) + right(
			age(s.Figures.At.Sub(g.LastSeen)), seen,
		) + right(count(float64(g.Count)), times)
		m := calm
		if s.Figures.At.Sub(g.LastSeen) < recent {
			m = bad
		}
		lines = append(lines, s.Palette.tint(line, m)+"  "+strings.TrimPrefix(g.Where+": "+g.Message, ": "))
	}
	if len(s.Groups) == 0 {
		lines = append(lines, "none since gsm started")
	}
	return lines
}

// recent is the age below which an error is drawn as new.
const recent = time.Minute
