package web_test

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"game-session-manager/internal/api/web"
)

// JSON Schema 2020-12, section 6.1.1: a number with a fraction of zero is an integer.
func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	for literal, want := range map[string]string{
		"4": "4", "4.0": "4", "4.000": "4", "4e0": "4", "4E+0": "4", "4e-0": "4", "40e-1": "4", "0.4e1": "4",
		"400.0e-2": "4",
		"-4.0":     "-4", "0": "0", "-0": "0", "0.0": "0", "-0.0e7": "0", "0e99999999999999999999": "0", "1e3": "1000",
		"1.50e1":             "15",
		"9007199254740993.0": "9007199254740993", "1e19": "10000000000000000000",
		"4.5": "", "4e-1": "", "45e-1": "", "0.1": "", "1e20": "", "1e400": "", "1e1000000": "",
		"1e99999999999999999999": "", "1e-99999999999999999999": "",
		"4.0000000000000000000000000000001": "",
	} {
		if got, ok := web.WholeNumber(literal); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %t, want %q", literal, got, ok, want)
		}
	}
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// FuzzWholeNumber compares with arithmetic of any precision.
func FuzzWholeNumber(f *testing.F) {
	for _, s := range []string{"4.0", "40e-1", "-0.0", "1e19", "4.5", "1e-400", "100.10e1", "0e7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, literal string) {
		if _, exponent, ok := strings.Cut(strings.ToLower(literal), "e"); ok {
			if e, err := strconv.Atoi(exponent); err != nil || e > 1000 || e < -1000 {
				return // more than the arithmetic can take
			}
		}
		if !jsonNumber.MatchString(literal) {
			return
		}
		exact, ok := new(big.Rat).SetString(literal)
		if !ok {
			return
		}
		got, ok := web.WholeNumber(literal)
		if want := exact.IsInt() && len(strings.TrimPrefix(exact.Num().String(), "-")) <= 20; ok != want {
			t.Fatalf("%s: got %q, %t", literal, got, ok)
		}
		if ok && got != exact.Num().String() {
			t.Fatalf("%s: got %s, want %s", literal, got, exact.Num())
		}
	})
}
