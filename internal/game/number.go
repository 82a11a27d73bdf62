package game

import (
	"math"
	"strconv"
)

// MaxExactNumber is the largest integer up to which every integer is a float64: 2^53 - 1 (RFC 7493, section 2.2).
// Beyond it all floats are integers, so that it bounds every number.
const MaxExactNumber = 1<<53 - 1

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
