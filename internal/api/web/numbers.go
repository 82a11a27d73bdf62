package web

import (
	"strconv"
	"strings"
)

// maxWholeDigits bounds the result of [WholeNumber]. Every int64 has fewer digits.
const maxWholeDigits = 20

// WholeNumber converts a JSON number without a fraction to an integer without exponent: 4.0, 4e0 and 40e-1 become 4.
// JSON Schema defines them as integers (2020-12, section 6.1.1). It returns false for numbers with a fraction or more
// than 20 digits, without expanding them.
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
