package top

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

func TestPictures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		width, height int
		change        func(*Screen)
	}{
		"80x24":  {80, 24, func(*Screen) {}},
		"120x40": {120, 40, func(*Screen) {}},
		"60x15":  {60, 15, func(*Screen) {}},
		"30x8":   {30, 8, func(*Screen) {}},
		"away": {80, 24, func(s *Screen) {
			s.Problem, s.Now = "connection refused", noon().Add(90*time.Second)
		}},
		"first": {80, 24, func(s *Screen) {
			s.Figures, s.history, s.Groups = Between(nil, s.Figures.Moment), history{}, nil
		}},
		"help":     {60, 24, func(s *Screen) { s.Help = true }},
		"scrolled": {60, 15, func(s *Screen) { *s = s.Scroll(3, 60, 15) }},
		"end":      {60, 15, func(s *Screen) { *s = s.Scroll(1000, 60, 15) }},
		"empty": {
			80, 24, func(s *Screen) { *s = Screen{Addr: "127.0.0.1:8081", Interval: time.Second, Groups: []Group{}} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := picture(t)
			c.change(&s)
			golden(t, name, s.Draw(c.width, c.height))
		})
	}
	golden(t, "text", picture(t).Text())
}

// The drawing has the size of the terminal, and palettes differ only in escape sequences.
func TestSizes(t *testing.T) {
	t.Parallel()
	s := picture(t)
	for width := 0; width < 130; width += 3 {
		for height := 1; height < 50; height += 5 {
			s.Palette = Plain
			plain := s.Draw(width, height)
			lines := strings.Split(plain, "\n")
			if len(lines) != height {
				t.Fatalf("%dx%d: %d lines", width, height, len(lines))
			}
			for _, line := range lines {
				if ansi.StringWidth(line) > width {
					t.Fatalf("%dx%d: %q is too long", width, height, line)
				}
			}
			for _, palette := range []Palette{Mono, Colours} {
				s.Palette = palette
				if got := ansi.Strip(s.Draw(width, height)); got != plain {
					t.Fatalf("%dx%d: palette %d differs: %s", width, height, palette, cmp.Diff(plain, got))
				}
			}
		}
	}
}

func TestInks(t *testing.T) {
	t.Parallel()
	s := picture(t)
	const red, yellow, reverse = "\x1b[1;31m", "\x1b[33m", "\x1b[7m"
	for palette, want := range map[Palette][]bool{
		Plain: {false, false, false}, Mono: {false, false, true}, Colours: {true, true, true},
	} {
		s.Palette = palette
		drawn := s.Draw(80, 24)
		for i, code := range []string{red, yellow, reverse} {
			if strings.Contains(drawn, code) != want[i] {
				t.Errorf("palette %d: %q is %v, want %v", palette, code, !want[i], want[i])
			}
		}
	}
}

func TestScrollStaysWithinTheBody(t *testing.T) {
	t.Parallel()
	s := picture(t)
	if got := s.Scroll(-5, 60, 15).Offset; got != 0 {
		t.Errorf("above the top: %d", got)
	}
	end := s.Scroll(1000, 60, 15)
	if got := end.Scroll(1, 60, 15).Offset; got != end.Offset || got == 0 {
		t.Errorf("below the end: %d, want %d", got, end.Offset)
	}
	if got := end.Scroll(0, 60, 200).Offset; got != 0 {
		t.Errorf("on a screen that has become high: %d", got)
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Screen){
		"live":          func(s *Screen) { s.Groups = nil },
		"new errors":    func(*Screen) {},
		"paused":        func(s *Screen) { s.Paused = true },
		"away":          func(s *Screen) { s.Paused, s.Problem = true, "refused" },
		"database down": func(s *Screen) { s.Figures.values[series{storeUp, ""}] = 0 },
	} {
		s := picture(t)
		change(&s)
		if got := s.state(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	is := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for v, want := range map[float64]string{
		0: "0/s", .004: "<0.01/s", .5: "0.50/s", .994: "0.99/s", .996: "1.0/s", 3.14: "3.1/s", 9.96: "10/s",
		412.4: "412/s", 1412: "1,412/s",
		9999.4: "9,999/s", 12345: "12.3k/s", 99960: "100k/s", 2.5e6: "2.5M/s", -1: none,
	} {
		is(rate(v), want)
	}
	is(rate(math.NaN()), none)
	is(rate(math.Inf(1)), "999G+/s")
	for v, want := range map[float64]string{0: "0", 7: "7", 12345: "12,345", 999999: "999,999", 1234567: "1.2M"} {
		is(count(v), want)
	}
	for v, want := range map[float64]string{
		0: "0 µs", 250e-6: "250 µs", .00099951: "1.0 ms", .00123: "1.2 ms", .0123: "12 ms", .9996: "1.0 s",
		2.5: "2.5 s", 10: "10 s", -1: none,
	} {
		is(seconds(v), want)
	}
	for v, want := range map[float64]string{
		0: "0 B", 512: "512 B", 2048: "2.0 KiB", 47185920: "45 MiB", 1 << 31: "2.0 GiB", 1 << 42: "4.0 TiB", -1: none,
	} {
		is(size(v), want)
	}
	is(percent(.125), "13 %")
	is(percent(math.NaN()), none)
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m 1s", 3*time.Hour + 12*time.Minute: "3h 12m",
		49 * time.Hour: "2d 1h",
	} {
		is(age(d), want)
	}
}

// No value is wider than its column.
func TestUnitsAreNarrow(t *testing.T) {
	t.Parallel()
	for v := 1e-7; v < 1e12; v *= 1.01 {
		for name, text := range map[string]string{
			"rate": rate(v), "count": count(v), "seconds": seconds(min(v, 9999)), "size": size(v),
			"percent": percent(v),
		} {
			if n := ansi.StringWidth(text); n > 7 {
				t.Fatalf("%s of %g is %q", name, v, text)
			}
		}
	}
}

func TestSparkline(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for i, c := range []struct {
		values []float64
		width  int
		line   string
		most   float64
	}{
		{nil, 3, "   ", 0},
		{[]float64{0, 0}, 3, " ▁▁", 0},
		{[]float64{9, 0, 1, 2, 4}, 4, "▁▃▅█", 4},
		{[]float64{1, nan, 1}, 3, "█ █", 1},
		{[]float64{1}, -1, "", 0},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			if line, most := sparkline(c.values, c.width); line != c.line || most != c.most {
				t.Errorf("got %q and %v, want %q and %v", line, most, c.line, c.most)
			}
		})
	}
}
