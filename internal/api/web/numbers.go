package web

import (
	"strconv"
	"strings"
)

// maxWholeDigits bounds what [WholeNumber] writes out. It holds every int64.
const maxWholeDigits = 20

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
