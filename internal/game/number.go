package game

import (
	"math"
	"strconv"
	"strings"
)

// MaxExactNumber is the largest integer up to which every integer is a float64: 2^53 - 1 (RFC 7493, section 2.2).
// Beyond it all floats are integers, so that it bounds every number.
const MaxExactNumber = 1<<53 - 1

// maxWholeDigits bounds what [WholeNumber] writes out. It holds every int64.
const maxWholeDigits = 20

// ParseNumber returns the float64 of a JSON number. It returns ErrInexactNumber for a number that is meant to be exact
// and would become another one: an integer beyond 2^53 - 1, however it is written, and any number that is out of the
// range of a float64, 1e400 as well as 1e-400. The nearest float64 stands for a number with a fraction, such as 0.1.
func ParseNumber(literal string) (float64, error) {
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil || math.Abs(f) > MaxExactNumber || f == 0 && !isZero(literal) {
		return 0, ErrInexactNumber
	}
	return f + 0, nil // + 0 makes -0 the 0 that it equals
}

// isZero reports whether a JSON number is zero: its digits before the exponent are.
func isZero(literal string) bool {
	for _, c := range []byte(literal) {
		switch {
		case c == 'e' || c == 'E':
			return true
		case '1' <= c && c <= '9':
			return false
		}
	}
	return true
}

// WholeNumber returns a JSON number without a fraction as an integer without exponent: 4 for 4.0, 4e0 and 40e-1, which
// are integers by JSON Schema (2020-12, section 6.1.1). It reports false, and does no more work than to read the
// literal, for numbers that have a fraction or more than 20 digits.
func WholeNumber(literal string) (integer string, ok bool) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(literal), "e")
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	before, after, _ := strings.Cut(mantissa, ".")
	after = strings.TrimRight(after, "0")
	digits := strings.TrimLeft(before+after, "0")
	if digits == "" {
		return "0", true
	}
	shift := -len(after)
	if exponent != "" {
		e, err := strconv.ParseInt(exponent, 10, 32)
		if err != nil {
			return "", false
		}
		shift += int(e)
	}
	if trimmed := strings.TrimRight(digits, "0"); shift < 0 {
		shift += len(digits) - len(trimmed)
		if shift < 0 {
			return "", false
		}
		digits = trimmed
	}
	if len(digits)+shift > maxWholeDigits {
		return "", false
	}
	return sign + digits + strings.Repeat("0", shift), true
}
