package observe

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"strconv"
	"time"
)

// jsonHandler writes lines as a [slog.JSONHandler] does, in a fraction of the time, if they hold nothing but numbers and strings that
// need no escapes, as those of requests do. They are made when they are written, many in a row: in the middle of a request, its code and
// data are far from the processor, and it takes several times as long. It leaves other lines to the JSONHandler.
type jsonHandler struct {
	slog.Handler // for what is not plain, and for what was before
	out          *lines
	common       []byte // the attributes of all lines, as a JSONHandler writes them: each with a comma before it
}

func newJSONHandler(out *lines, o *slog.HandlerOptions) jsonHandler {
	return jsonHandler{slog.NewJSONHandler(out, o), out, nil}
}

// Handle implements [slog.Handler].
func (h jsonHandler) Handle(ctx context.Context, r slog.Record) error {
	if !isPlainRecord(&r) {
		return h.Handler.Handle(ctx, r) //nolint:wrapcheck // a handler passes errors on as they are
	}
	return h.out.add(plainLine{h.common, r})
}

// WithAttrs implements [slog.Handler].
func (h jsonHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	inner := h.Handler.WithAttrs(attrs)
	common := bytes.Clone(h.common)
	for _, a := range attrs {
		if !isPlainAttr(a) {
			return inner
		}
		common = appendAttr(common, a)
	}
	return jsonHandler{inner, h.out, common}
}

// WithGroup implements [slog.Handler]. No line that is written often has a group.
func (h jsonHandler) WithGroup(name string) slog.Handler { return h.Handler.WithGroup(name) }

// plainLine is a line that is made when it is written. Nothing that it refers to changes.
type plainLine struct {
	common []byte
	record slog.Record
}

func (l *plainLine) append(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = l.record.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, l.record.Level.String()...)
	b = append(b, `","msg":"`...)
	b = append(b, l.record.Message...)
	b = append(b, '"')
	b = append(b, l.common...)
	l.record.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, a)
		return true
	})
	return append(b, "}\n"...)
}

func appendAttr(b []byte, a slog.Attr) []byte {
	b = append(b, `,"`...)
	b = append(b, a.Key...)
	b = append(b, `":`...)
	switch a.Value.Kind() { //nolint:exhaustive // the others are not plain
	case slog.KindInt64:
		return strconv.AppendInt(b, a.Value.Int64(), 10)
	case slog.KindFloat64:
		return strconv.AppendFloat(b, a.Value.Float64(), 'f', -1, 64)
	}
	b = append(b, '"')
	b = append(b, a.Value.String()...)
	return append(b, '"')
}

func isPlainRecord(r *slog.Record) (plain bool) {
	if year := r.Time.Year(); r.Time.IsZero() || year < 0 || year > 9999 || !isPlain(r.Message) {
		return false
	}
	plain = true
	r.Attrs(func(a slog.Attr) bool {
		plain = isPlainAttr(a)
		return plain
	})
	return plain
}

func isPlainAttr(a slog.Attr) bool {
	if a.Key == "" || !isPlain(a.Key) {
		return false
	}
	switch a.Value.Kind() { //nolint:exhaustive // the others are not plain
	case slog.KindString:
		return isPlain(a.Value.String())
	case slog.KindInt64:
		return true
	case slog.KindFloat64:
		return isShort(a.Value.Float64())
	}
	return false
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
