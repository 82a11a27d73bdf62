package observe

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"strconv"
	"time"
)

// jsonHandler writes lines as a [slog.JSONHandler] does, in a third of the time, if they hold nothing but numbers and strings that need
// no escapes, as those of requests do. It leaves the others to the JSONHandler.
type jsonHandler struct {
	slog.Handler // for what is not plain, and for what was before
	out          *lines
	common       []byte // the attributes of all lines, as a JSONHandler writes them: each with a comma before it
}

func newJSONHandler(out *lines, o *slog.HandlerOptions) jsonHandler {
	return jsonHandler{slog.NewJSONHandler(out, o), out, nil}
}

// usualLine is how many bytes of a line find room without an allocation.
const usualLine = 512

// Handle implements [slog.Handler].
func (h jsonHandler) Handle(ctx context.Context, r slog.Record) error {
	var room [usualLine]byte
	line, plain := appendRecord(room[:0], r, h.common)
	if !plain {
		return h.Handler.Handle(ctx, r) //nolint:wrapcheck // a handler passes errors on as they are
	}
	_, err := h.out.Write(line)
	return err
}

// WithAttrs implements [slog.Handler].
func (h jsonHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	inner := h.Handler.WithAttrs(attrs)
	common, ok := appendAttrs(bytes.Clone(h.common), attrs)
	if !ok {
		return inner
	}
	return jsonHandler{inner, h.out, common}
}

// WithGroup implements [slog.Handler]. No line that is written often has a group.
func (h jsonHandler) WithGroup(name string) slog.Handler { return h.Handler.WithGroup(name) }

// appendRecord appends the line of a record, not ok for one that is not plain.
func appendRecord(b []byte, r slog.Record, common []byte) (_ []byte, ok bool) {
	if year := r.Time.Year(); r.Time.IsZero() || year < 0 || year > 9999 || !isPlain(r.Message) {
		return b, false
	}
	b = append(b, `{"time":"`...)
	b = r.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, r.Level.String()...)
	b = append(b, `","msg":"`...)
	b = append(b, r.Message...)
	b = append(b, '"')
	b = append(b, common...)
	ok = true
	r.Attrs(func(a slog.Attr) bool {
		b, ok = appendAttr(b, a)
		return ok
	})
	return append(b, "}\n"...), ok
}

func appendAttrs(b []byte, attrs []slog.Attr) (_ []byte, ok bool) {
	for _, a := range attrs {
		if b, ok = appendAttr(b, a); !ok {
			return b, false
		}
	}
	return b, true
}

func appendAttr(b []byte, a slog.Attr) (_ []byte, ok bool) {
	if a.Key == "" || !isPlain(a.Key) {
		return b, false
	}
	b = append(b, `,"`...)
	b = append(b, a.Key...)
	b = append(b, `":`...)
	switch a.Value.Kind() {
	case slog.KindString:
		s := a.Value.String()
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"'), isPlain(s)
	case slog.KindInt64:
		return strconv.AppendInt(b, a.Value.Int64(), 10), true
	case slog.KindFloat64:
		f := a.Value.Float64()
		return strconv.AppendFloat(b, f, 'f', -1, 64), isShort(f)
	}
	return b, false
}

// isPlain reports whether JSON has a string as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// isShort reports whether package json writes a number without an exponent.
func isShort(f float64) bool {
	size := math.Abs(f)
	return f == 0 || size >= 1e-6 && size < 1e21
}
