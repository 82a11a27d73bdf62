package game

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// This file normalises and validates text for people: names of players, sessions, modes, maps, regions and API keys. It
// implements the Nickname profile of PRECIS (RFC 8266) with these differences, so that names that players write are not
// rejected:
//
//   - Joiners and variation selectors are allowed inside emoji and in scripts that need them. RFC 8264 allows joiners
//     only after a virama and between joining letters, and no emoji that contain them.
//   - Hangul compatibility letters, which Koreans write on their own, are kept. NFKC would turn them into conjoining
//     letters, which the profile rejects.
//   - Characters that this version of Unicode does not know are allowed, so that new emoji need no new server.
//
// Package precis of golang.org/x/text rejects all of these and is therefore not used.

// FormError says what is wrong with the form of a value. It never contains the value.
type FormError string

func (e FormError) Error() string { return string(e) }

// At returns "": the error is about the whole value.
func (FormError) At() string { return "" }

// Form errors of text for people.
const (
	errNotUTF8      FormError = "must be valid UTF-8"
	errControl      FormError = "must not contain control characters"
	errBidi         FormError = "must not contain bidirectional control characters, such as U+202E"
	errNoCharacter  FormError = "must not contain noncharacters or private-use characters"
	errInvisible    FormError = "must not contain invisible characters, other than joiners inside emoji and words"
	errNothingShown FormError = "must contain something visible"
)

// maxNormalPasses is the maximum number of times that normalisation is applied until nothing changes (RFC 8264, section
// 7).
const maxNormalPasses = 4

// normalName returns a name in the form in which it is stored: without spaces at the ends, with each run of spaces
// inside replaced by one U+0020, and in NFKC. If the name is not valid, it is returned unchanged with the reason. The
// empty name is valid.
func normalName(s string) (string, error) {
	if s == "" {
		return s, nil
	}
	if !utf8.ValidString(s) {
		return s, errNotUTF8
	}
	name := s
	for range maxNormalPasses {
		next := compatible(spaced(name))
		if next == name {
			break
		}
		name = next
	}
	if err := checkName(name); err != nil {
		return s, err
	}
	return name, nil
}

// storedName returns the normal form of a valid name, and other names unchanged.
func storedName(s string) string {
	s, _ = normalName(s)
	return s
}

// NameKey returns a name, or a prefix of one, in the form by which names are found: normalised and with its case folded
// (Unicode, section 3.13), so that Straße, STRASSE and a fullwidth ｓｔｒａｓｓｅ are equal.
func NameKey(s string) string {
	key := storedName(s)
	for range maxNormalPasses { // what is folded may have another normal form, and the other way round
		next := compatible(cases.Fold().String(key))
		if next == key {
			break
		}
		key = next
	}
	return key
}

// checkName adds what is wrong with a name, which may be empty.
func (p *problems) checkName(field, s string, limit int) {
	name, err := normalName(s)
	if err != nil {
		p.add(field, "%s", err)
		return
	}
	p.check(utf8.RuneCountInString(name) <= limit, field, "must have at most %d characters", limit)
}

// checkProse adds what is wrong with a text that may have several lines and is stored unchanged.
func (p *problems) checkProse(field, s string, limit int) {
	p.check(utf8.RuneCountInString(s) <= limit, field, "must have at most %d characters", limit)
	p.check(validText(s), field, "must be valid UTF-8 without U+0000")
	p.check(!strings.ContainsFunc(s, isBidiControl), field, "%s", errBidi)
	p.check(!strings.ContainsFunc(s, isNoCharacter), field, "%s", errNoCharacter)
}

// spaced trims spaces and replaces each run of them by one U+0020 (RFC 8266, section 2.1). Other white space is
// rejected as control characters.
func spaced(s string) string {
	isSpace := func(r rune) bool { return unicode.Is(unicode.Zs, r) }
	if !strings.ContainsFunc(s, isSpace) {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, isSpace), " ")
}

// compatible returns s in NFKC, except for Hangul compatibility letters. These compose with nothing, so that the text
// between them can be normalised on its own.
func compatible(s string) string {
	isLetter := func(r rune) bool { return 0x3131 <= r && r <= 0x318e }
	if !strings.ContainsFunc(s, isLetter) {
		return norm.NFKC.String(s)
	}
	var out strings.Builder
	for s != "" {
		i := strings.IndexFunc(s, isLetter)
		if i < 0 {
			i = len(s)
		}
		out.WriteString(norm.NFKC.String(s[:i]))
		s = s[i:]
		if s != "" {
			_, size := utf8.DecodeRuneInString(s)
			out.WriteString(s[:size])
			s = s[size:]
		}
	}
	return out.String()
}

// checkName returns what is wrong with a name in its normal form.
func checkName(s string) error {
	visible := false
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp):
			return errControl
		case isBidiControl(r):
			return errBidi
		case isNoCharacter(r):
			return errNoCharacter
		case r == blackFlag && tagged(runes[i+1:]) > 0:
			i += tagged(runes[i+1:])
			visible = true
		case isInvisible(r):
			if !joins(runes, i) {
				return errInvisible
			}
		default:
			visible = visible || isVisible(r)
		}
	}
	if !visible {
		return errNothingShown
	}
	return nil
}

func isBidiControl(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }

func isNoCharacter(r rune) bool {
	return unicode.Is(unicode.Noncharacter_Code_Point, r) || unicode.Is(unicode.Co, r)
}

// isInvisible reports whether r shows nothing on its own and only affects other characters:
// Default_Ignorable_Code_Point of Unicode, and format characters other than signs of numbers.
func isInvisible(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// isVisible reports whether r shows something on its own, unlike spaces, marks and blank symbols.
func isVisible(r rune) bool {
	switch r {
	case '\u2800', '\U0001d159', '\ufffc': // a Braille cell without dots, a null notehead, an object replacement
		return false
	}
	return !unicode.In(r, unicode.Zs, unicode.M)
}

const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
	blackFlag = '\U0001f3f4' // begins the flags of regions
	cancelTag = '\U000e007f' // ends them
	maxTags   = 6            // letters and digits of a region's code
)

// joins reports whether the invisible character at i is where it belongs.
func joins(s []rune, i int) bool {
	if i == 0 {
		return false
	}
	var next rune
	if i+1 < len(s) {
		next = s[i+1]
	}
	switch s[i] {
	case joiner:
		return usesJoiners(base(s[:i])) || isPictograph(base(s[:i])) && isPictograph(next)
	case nonJoiner:
		return usesJoiners(base(s[:i])) && usesJoiners(next)
	}
	return unicode.Is(unicode.Variation_Selector, s[i]) && !unicode.Is(unicode.Zs, s[i-1]) && !isInvisible(s[i-1])
}

// base returns the last character of s, which is not empty, before any characters that modify it: Arabic vowel signs,
// variation selectors and skin tones.
func base(s []rune) rune {
	i := len(s) - 1
	for i > 0 && (unicode.Is(unicode.Inherited, s[i]) && unicode.Is(unicode.Mn, s[i]) || isSkinTone(s[i])) {
		i--
	}
	return s[i]
}

// usesJoiners reports whether r belongs to a script in which joiners select the forms of letters: scripts with joining
// letters or a virama.
func usesJoiners(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M) && !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic,
		unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hebrew,
		unicode.Armenian, unicode.Georgian, unicode.Common, unicode.Inherited) && !isInvisible(r)
}

func isSkinTone(r rune) bool { return 0x1f3fb <= r && r <= 0x1f3ff }

// isPictograph reports whether r may be part of an emoji, including those that this version of Unicode does not know.
func isPictograph(r rune) bool {
	return 0x1f000 <= r && r <= 0x1faff || 0x2190 <= r && r <= 0x3299 && unicode.Is(unicode.S, r) || r == '\u20e3'
}

// tagged returns the number of tag characters after a black flag that make it the flag of a region, or 0.
func tagged(s []rune) int {
	for i, r := range s {
		switch {
		case r == cancelTag && i > 0:
			return i + 1
		case i == maxTags, (r < 0xe0061 || r > 0xe007a) && (r < 0xe0030 || r > 0xe0039):
			return 0
		}
	}
	return 0
}
