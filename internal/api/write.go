package api

import (
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"game-session-manager/internal/game"
)

// The JSON package writes by reflection, which took 4 to 8 % of the CPU time of a request that reads a document. Players and
// sessions, which most answers are, are written by hand, in a third of that and to the same bytes. What has no place here is
// left to the package.

// marshal writes an answer. That its caller is gone or does not take it is no failure: huma would panic, as over a fault of
// ours, and nobody is left to be told.
func marshal(w io.Writer, v any) error {
	if b, ok := written(w, v); ok {
		_, _ = w.Write(b)
		return nil
	}
	to := &taker{Writer: w}
	if err := jsonv2.MarshalWrite(to, v, asWritten); err != nil && !to.gone {
		return err //nolint:wrapcheck // the package's own
	}
	return nil
}

// taker notes that what is written to it is not taken.
type taker struct {
	io.Writer
	gone bool
}

func (t *taker) Write(b []byte) (int, error) {
	n, err := t.Writer.Write(b)
	t.gone = t.gone || err != nil
	return n, err //nolint:wrapcheck // a writer passes errors on as they are
}

// asWritten has names in their order.
var asWritten = jsonv2.Deterministic(true)

// written returns the JSON of what is written by hand, or what is left of it: what is large is written in pieces.
func written(to io.Writer, v any) ([]byte, bool) {
	w := writer{to: to}
	switch v := v.(type) {
	case game.Player:
		w.grow(1)
		w.player(&v)
	case game.Session:
		w.grow(1 + min(len(v.Members)/8, piece/usualSize))
		membersFull.write(&w, &v)
	case sessionBody:
		w.grow(1 + min(len(v.Members)/8, piece/usualSize))
		v.show.write(&w, &v.Session)
	case joinedSession:
		w.grow(1 + min(len(v.Members)/8, piece/usualSize))
		v.show.write(&w, &v.Session)
		if v.Ticket != "" {
			w.b = w.b[:len(w.b)-1]
			w.text("ticket", v.Ticket)
			w.close('}')
		}
	case page[game.Player]:
		return v.written, v.written != nil
	case page[game.Session]:
		return v.written, v.written != nil
	default:
		return nil, false
	}
	return w.b, !w.failed
}

// writer writes JSON.
type writer struct {
	b      []byte
	to     io.Writer // what takes pieces of what is large; nil where it must be whole
	failed bool      // there was something that JSON cannot say
}

// piece is the size, in bytes, from which on something is written before the whole is there.
const piece = 64 << 10

// flush writes what is there, if it is much, but for its last byte, which tells what may follow.
func (w *writer) flush() {
	last := len(w.b) - 1
	if w.to == nil || last < piece || w.failed {
		return
	}
	_, _ = w.to.Write(w.b[:last]) // a caller who is gone is no failure
	w.b = append(w.b[:0], w.b[last])
}

// usualSize is what most documents fit into, in bytes.
const usualSize = 1 << 10

func (w *writer) grow(documents int) { w.b = slices.Grow(w.b, documents*usualSize) }

func (w *writer) player(p *game.Player) {
	w.open('{')
	w.text("id", string(p.ID))
	w.text("project", string(p.Project))
	w.text("username", p.Username)
	w.text("display_name", p.DisplayName)
	object(w, "identities", p.Identities, (*writer).text)
	object(w, "attributes", p.Attributes, (*writer).value)
	w.text("status", string(p.Status))
	w.time("suspended_until", p.SuspendedUntil)
	w.text("suspension_reason", p.SuspensionReason)
	w.number("version", p.Version)
	w.time("created_at", &p.CreatedAt)
	w.time("updated_at", &p.UpdatedAt)
	if p.ErasingSince != nil {
		w.time("erasing_since", p.ErasingSince)
	}
	if p.SweepSince != nil {
		w.time("sweep_since", p.SweepSince)
	}
	w.close('}')
}

func (w *writer) session(s *game.Session, show shown) {
	w.open('{')
	w.text("id", string(s.ID))
	w.text("project", string(s.Project))
	w.text("name", s.Name)
	w.text("mode", s.Mode)
	w.text("map", s.Map)
	w.text("region", s.Region)
	w.text("visibility", string(s.Visibility))
	w.flag("locked", s.Locked)
	w.flag("join_in_progress", s.JoinInProgress)
	w.flag("allow_rematch", s.AllowRematch)
	w.number("max_players", int64(s.MaxPlayers))
	w.number("min_players", int64(s.MinPlayers))
	object(w, "teams", s.Teams, (*writer).count)
	object(w, "attributes", s.Attributes, (*writer).value)
	w.text("status", string(s.Status))
	if s.EndReason != "" {
		w.text("end_reason", string(s.EndReason))
	} else {
		w.null("end_reason")
	}
	if s.HostID != nil {
		w.text("host_id", string(*s.HostID))
	} else {
		w.null("host_id")
	}
	w.flag("hosted", s.Hosted)
	if show == membersFull {
		w.name("members")
		w.open('[')
		for i := range s.Members {
			w.member(&s.Members[i])
			w.flush()
		}
		w.close(']')
	}
	w.connection(s.Connection)
	w.result(s.Result)
	w.number("version", s.Version)
	w.time("created_at", &s.CreatedAt)
	w.time("updated_at", &s.UpdatedAt)
	w.time("started_at", s.StartedAt)
	w.time("ended_at", s.EndedAt)
	w.count("seats_held", len(s.Members))
	w.count("free_seats", s.FreeSeats())
	if show == membersIDs {
		w.name("member_ids")
		w.open('[')
		for i := range s.Members {
			w.next()
			w.quote(string(s.Members[i].PlayerID))
		}
		w.close(']')
	}
	w.close('}')
}

func (w *writer) member(m *game.Member) {
	w.next()
	w.open('{')
	w.text("player_id", string(m.PlayerID))
	w.text("team", m.Team)
	object(w, "attributes", m.Attributes, (*writer).value)
	w.text("status", string(m.Status))
	w.time("joined_at", &m.JoinedAt)
	w.close('}')
}

func (w *writer) connection(c *game.Connection) {
	if c == nil {
		w.null("connection")
		return
	}
	w.name("connection")
	w.open('{')
	w.text("address", c.Address)
	w.number("port", int64(c.Port))
	w.text("protocol", c.Protocol)
	w.close('}')
}

func (w *writer) result(r game.Result) {
	if r == "" {
		w.null("result")
		return
	}
	w.name("result")
	b, err := jsonv2.Marshal(r, asWritten) // in the package's own form of it
	w.failed = w.failed || err != nil
	w.b = append(w.b, b...)
}

// object writes a map, with its names in order.
func object[M ~map[string]V, V any](w *writer, name string, m M, member func(*writer, string, V)) {
	w.name(name)
	w.open('{')
	names := make([]string, 0, len(m)) // not by slices.Sorted, which makes room again and again
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		member(w, k, m[k])
	}
	w.close('}')
}

func (w *writer) open(bracket byte)  { w.b = append(w.b, bracket) }
func (w *writer) close(bracket byte) { w.b = append(w.b, bracket) }

// next separates what comes from what came before it, if anything did.
func (w *writer) next() {
	if last := w.b[len(w.b)-1]; last != '{' && last != '[' {
		w.b = append(w.b, ',')
	}
}

func (w *writer) name(name string) {
	w.next()
	w.quote(name)
	w.b = append(w.b, ':')
}

func (w *writer) null(name string) {
	w.name(name)
	w.b = append(w.b, "null"...)
}

func (w *writer) text(name, s string) {
	w.name(name)
	w.quote(s)
}

// optionalText writes a text, or null for none.
func (w *writer) optionalText(name string, s *string) {
	if s == nil {
		w.null(name)
		return
	}
	w.text(name, *s)
}

func (w *writer) flag(name string, b bool) {
	w.name(name)
	w.b = strconv.AppendBool(w.b, b)
}

func (w *writer) number(name string, n int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) count(name string, n int) { w.number(name, int64(n)) }

// time writes a time, or null for none. Years of more than four digits fail.
func (w *writer) time(name string, t *time.Time) {
	if t == nil {
		w.null(name)
		return
	}
	w.name(name)
	w.b = append(w.b, '"')
	b, err := t.AppendText(w.b)
	w.b = append(b, '"')
	w.failed = w.failed || err != nil
}

// value writes an attribute.
func (w *writer) value(name string, v game.Value) {
	switch x := v.Any().(type) {
	case string:
		w.text(name, x)
	case bool:
		w.flag(name, x)
	case float64:
		w.float(name, x)
	}
}

// exactInteger bounds the integers that JSON writes without an exponent, and int64 holds.
const exactInteger = 1e15

func (w *writer) float(name string, f float64) {
	if f == math.Trunc(f) && math.Abs(f) < exactInteger && (f != 0 || !math.Signbit(f)) {
		w.number(name, int64(f))
		return
	}
	w.name(name)
	b, err := jsonv2.Marshal(f)
	w.failed = w.failed || err != nil
	w.b = append(w.b, b...)
}

// quote writes a string, which must be UTF-8.
func (w *writer) quote(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x80 || c == '"' || c == '\\' {
			b, err := jsontext.AppendQuote(w.b, s)
			w.b = b
			w.failed = w.failed || err != nil
			return
		}
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"')
}
