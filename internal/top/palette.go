package top

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Palette decides how text is drawn: with the terminal's own 16 colours, which suit its background, or without
// colours.
type Palette int

// Palettes.
const (
	Plain   Palette = iota // text only
	Mono                   // bold and reverse
	Colours                // bold, reverse and colours
)

func (p Palette) styled(s string, style ansi.Style, colour ansi.BasicColor) string {
	switch {
	case p == Plain || s == "":
		return s
	case p == Colours && colour != noColour:
		style = style.ForegroundColor(colour)
	}
	if len(style) == 0 {
		return s
	}
	return style.Styled(s)
}

const noColour = ansi.BasicColor(255)

func (p Palette) bold(s string) string  { return p.styled(s, ansi.Style{}.Bold(), noColour) }
func (p Palette) title(s string) string { return p.styled(s, ansi.Style{}.Bold(), ansi.Cyan) }
func (p Palette) bar(s string) string   { return p.styled(s, ansi.Style{}.Reverse(true), noColour) }
func (p Palette) spark(s string) string { return p.styled(s, nil, ansi.Green) }

// tint draws a value according to its mood.
func (p Palette) tint(s string, m mood) string {
	switch m {
	case bad:
		return p.styled(s, ansi.Style{}.Bold(), ansi.Red)
	case odd:
		return p.styled(s, nil, ansi.Yellow)
	case calm:
	}
	return s
}

// mood says whether a value needs attention.
type mood int

const (
	calm mood = iota
	odd
	bad
)

// badIf returns m for a number that should be zero but is not.
func badIf(v float64, m mood) mood {
	if v > 0 {
		return m
	}
	return calm
}

// left and right pad a text to width columns, aligned to that side. Longer text is cut.
func left(s string, width int) string {
	s = fit(s, width)
	return s + strings.Repeat(" ", max(width-ansi.StringWidth(s), 0))
}

func right(s string, width int) string {
	s = fit(s, width)
	return strings.Repeat(" ", max(width-ansi.StringWidth(s), 0)) + s
}

func fit(s string, width int) string { return ansi.Truncate(s, max(width, 0), "…") }

// justify writes two texts at both ends of a line. If there is not enough room, the first one is cut.
func justify(a, b string, width int) string {
	return fit(left(a, width-ansi.StringWidth(b)-2)+"  "+b, width)
}
