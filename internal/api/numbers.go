package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"game-session-manager/internal/game"
)

// wholeNumbers returns JSON with each number that has no fraction written as an integer, so that whatever is decoded
// from it takes 4.0 and 4e0 where it takes 4. JSON that is not valid is returned as far as it could be read, for the
// decoder to reject.
func wholeNumbers(data []byte) []byte {
	if !mayHaveFraction(data) {
		return data
	}
	var out bytes.Buffer
	d := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true))
	copied := 0 // bytes of data that are in out
	for {
		token, err := d.ReadToken()
		if err != nil {
			if copied == 0 || !errors.Is(err, io.EOF) {
				return data
			}
			out.Write(data[copied:])
			return out.Bytes()
		}
		if token.Kind() != jsontext.KindNumber {
			continue
		}
		literal := token.String()
		if integer, ok := game.WholeNumber(literal); ok && integer != literal {
			end := int(d.InputOffset())
			out.Write(data[copied : end-len(literal)])
			out.WriteString(integer)
			copied = end
		}
	}
}

// mayHaveFraction reports whether JSON may have a number that is not written as an integer: whether a digit stands
// before a point or an exponent. Few bodies have that, in texts or elsewhere.
func mayHaveFraction(data []byte) bool {
	for i, c := range data {
		if i > 0 && (c == '.' || c == 'e' || c == 'E') && '0' <= data[i-1] && data[i-1] <= '9' {
			return true
		}
	}
	return false
}

// anyNumber reads numbers of any size where the type is open, so that one out of range is told with all else that is
// wrong. One that is no float64 is read as infinite.
var anyNumber = jsonv2.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
	if d.PeekKind() != jsontext.KindNumber {
		return errors.ErrUnsupported // leaves the value to the package
	}
	text, err := d.ReadValue()
	if err != nil {
		return fmt.Errorf("reading a number: %w", err)
	}
	if f, err := game.ParseNumber(string(text)); err == nil {
		*v = f
	} else {
		*v = math.Inf(1)
	}
	return nil
})
