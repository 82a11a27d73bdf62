package game

import (
	"math"
	"strconv"
)

// MaxExactNumber is the largest integer below which every integer has its own float64: 2^53 - 1 (RFC 7493, section
// 2.2). All larger float64 are integers, so this bounds every number.
const MaxExactNumber = 1<<53 - 1

// ParseNumber returns the float64 of a JSON number. It returns ErrInexactNumber if a reader would get another number:
// for magnitudes beyond 2^53 - 1, and for numbers such as 1e-400 that would become 0. Fractions such as 0.1 are rounded
// to the nearest float64.
func ParseNumber(literal string) (float64, error) {
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil || math.Abs(f) > MaxExactNumber || f == 0 && !isZero(literal) {
		return 0, ErrInexactNumber
	}
	return f + 0, nil // + 0 makes -0 the 0 that it equals
}

// isZero reports whether a JSON number is zero: whether all digits before the exponent are.
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
