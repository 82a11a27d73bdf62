package mongostore

import (
	"context"
	"reflect"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// idTaken returns the error for a document that the index of the ids rejects, by the name of the index.
func idTaken() map[string]error { return map[string]error{idIndex: game.ErrExists} }

// sessionTaken returns the error for a session that is rejected by a unique index, by the name of the index.
func sessionTaken() map[string]error {
	return map[string]error{
		idIndex: game.ErrExists, sessionsExclusive: game.ErrPlayerInOtherSession, sessionsByCode: game.ErrJoinCodeTaken,
	}
}

func sessionAddress(v game.Session) address { return address{string(v.ID), v.Project} }

// CreateSession implements [game.SessionStore].
func (s *Store) CreateSession(ctx context.Context, v game.Session, events ...game.Event) error {
	release, err := s.lockPlaces(ctx, v.Project, v.ExclusivePlaces())
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	defer release()
	err = insert(ctx, s, s.sessions, sessionAddress(v), storedSession(v), events, sessionTaken())
	return s.refusedNewSession(ctx, err, v.ID)
}

// Session implements [game.SessionStore].
func (s *Store) Session(ctx context.Context, project game.ProjectID, id game.SessionID) (game.Session, error) {
	at := address{string(id), project}
	v, found, err := getAt[game.Session](ctx, s, s.sessions, at, bson.E{Key: "many_players", Value: nil})
	if err == nil && !found {
		v, found, err = s.largeSession(ctx, at)
	}
	switch {
	case err != nil:
		return game.Session{}, err
	case !found:
		return game.Session{}, game.SessionNotFound(id)
	}
	return v, nil
}

// fewPlayers is the number of members and players who wait up to which a session is read without reserving memory for
// it. Each takes up to [game.LargestMember] bytes.
const fewPlayers = 32

// manyPlayers returns how many are members of a session or wait, or nil if they are few. It is stored for reads, which
// tell such sessions by one condition: each condition takes a server 2 to 4 % longer.
func manyPlayers(s *game.Session) *int {
	if n := len(s.Members) + len(s.WaitList); n > fewPlayers {
		return &n
	}
	return nil
}

// largeSession reads a session with many players once memory for it is reserved. The size of a document is not known
// before it is read, so it is estimated from their number.
func (s *Store) largeSession(ctx context.Context, at address) (v game.Session, found bool, err error) {
	players, found, err := get[struct {
		Many int `json:"many_players"`
	}](ctx, s, s.sessions, at.filter(), options.FindOne().SetProjection(keys("many_players")))
	if err != nil || !found {
		return v, false, err
	}
	// Others may join before it is read.
	room := game.LargeFrom + (players.Many+fewPlayers)*game.LargestMember
	if err := game.TakeRoom(ctx, room); err != nil {
		return v, false, err
	}
	return getAt[game.Session](ctx, s, s.sessions, at)
}

// ReplaceSession implements [game.SessionStore].
func (s *Store) ReplaceSession(ctx context.Context, old, next game.Session, events ...game.Event) error {
	release, err := s.lockPlaces(ctx, next.Project, next.ExclusivePlacesBeside(&old))
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	defer release()
	before := storedSession(old)
	// Always write the field: in a document without it, decode derived it from the host, who may be gone in next.
	before.omit = "hosted"
	return s.replace(ctx, s.sessions, sessionAddress(old), replacement{
		version: old.Version, events: events, old: before, next: storedSession(next),
		notFound: game.SessionNotFound(old.ID), taken: sessionTaken(),
	})
}

// SessionByJoinCode implements [game.SessionStore].
func (s *Store) SessionByJoinCode(
	ctx context.Context, project game.ProjectID, code string,
) (game.SessionID, error) {
	found, err := one[sessionID](ctx, s, s.sessions, codeFilter(project, code), game.ErrInvalidJoinCode,
		options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}}))
	return found.ID, err
}

func codeFilter(project game.ProjectID, code string) bson.D {
	return bson.D{{Key: "project", Value: project}, {Key: "join_code.code", Value: code}}
}

// sessionID is the part of a session that is read where only its id is needed.
type sessionID struct {
	ID game.SessionID `json:"id" bson:"_id"`
}

// Sessions implements [game.SessionStore].
func (s *Store) Sessions(ctx context.Context, q game.SessionQuery) (game.Found[game.Session], error) {
	cost := fullSize[game.Session]
	if q.Brief {
		cost = game.BriefCost
	}
	return list(ctx, s, s.sessions, sessionsPage(q), cost)
}

// DueSessions implements [game.SessionStore]. The index has all that is read.
func (s *Store) DueSessions(
	ctx context.Context, now time.Time, after game.DueSession, limit int,
) ([]game.DueSession, error) {
	p := dueSessions(now, limit)
	p.after, p.id = after.DueAt, string(after.ID)
	found := []game.DueSession{}
	_, _, err := s.byTime(ctx, s.sessions, p, func(raw bson.Raw) error {
		var d struct {
			ID      game.SessionID `bson:"_id"`
			Project game.ProjectID `bson:"project"`
			DueAt   time.Time      `bson:"due_at"`
		}
		if err := bson.Unmarshal(raw, &d); err != nil {
			return err
		}
		found = append(found, game.DueSession{Project: d.Project, ID: d.ID, DueAt: d.DueAt.UTC()})
		return nil
	})
	return found, err
}

func dueSessions(now time.Time, limit int) timePage {
	return timePage{
		field: "due_at", until: bson.E{Key: "$lte", Value: now}, index: sessionsDue, limit: limit,
		fields: bson.D{{Key: "_id", Value: 1}, {Key: "project", Value: 1}, {Key: "due_at", Value: 1}},
	}
}

// Pulses implements [game.SessionStore]. A session that cannot be read is left out, and Inspect reports it.
//
// The project is compared here: on DocumentDB, a condition besides the ids doubles the cost.
func (s *Store) Pulses(ctx context.Context, project game.ProjectID, ids []game.SessionID) ([]game.Pulse, error) {
	fields := append(fieldsOf(reflect.TypeFor[game.Pulse]()), bson.E{Key: "project", Value: 1})
	o := options.Find().SetProjection(fields).
		SetBatchSize(int32(len(ids) + 1)) //nolint:gosec // at most MaxHeartbeats: all in the first reply
	pulses := make([]game.Pulse, 0, len(ids))
	err := s.each(ctx, s.sessions.Collection, byIDs(ids), o, func(cursor *mongo.Cursor) (bool, error) {
		var p game.Pulse
		in, _ := cursor.Current.Lookup("project").StringValueOK()
		if in == string(project) && decode(cursor.Current, &p) == nil {
			pulses = append(pulses, p)
		}
		return true, nil
	})
	return pulses, err
}

// fieldsOf is the projection to the fields of a type.
func fieldsOf(t reflect.Type) bson.D {
	var d bson.D
	for _, f := range layoutOf(t).fields {
		d = append(d, bson.E{Key: f.key, Value: 1})
	}
	return d
}

// memberDetails is the projection that excludes all fields of members except their ids, and the wait list.
func memberDetails() bson.D {
	fields := bson.D{{Key: "wait_list", Value: 0}}
	for _, f := range layoutOf(reflect.TypeFor[game.Member]()).fields {
		if f.key != "player_id" {
			fields = append(fields, bson.E{Key: "members." + f.key, Value: 0})
		}
	}
	return fields
}

// attributeClauses returns the conditions for clauses on attributes.
func attributeClauses(clauses []game.Clause) bson.D {
	var all []string
	var anyOf bson.A
	for _, c := range clauses {
		name, _ := c.Attribute()
		keys := mapped(c.Values, func(v game.Value) string { return attributeKey(name, v) })
		if len(keys) == 1 {
			all = append(all, keys[0])
			continue
		}
		anyOf = append(anyOf, bson.D{{Key: "attribute_keys", Value: bson.D{{Key: "$in", Value: keys}}}})
	}
	var d bson.D
	if len(all) > 0 {
		d = append(d, bson.E{Key: "attribute_keys", Value: bson.D{{Key: "$all", Value: all}}})
	}
	if len(anyOf) > 0 {
		d = append(d, bson.E{Key: "$and", Value: anyOf})
	}
	return d
}

// sessionsPage returns the page that a query asks for.
func sessionsPage(q game.SessionQuery) page {
	p := page{
		index: sessionsByProject, after: string(q.After), limit: q.Limit, bytes: q.Bytes,
		large: !q.Brief && q.Bytes > 0, work: q.Work,
	}
	if q.Brief {
		p.exclude = memberDetails()
	}
	p.where("project", q.Project)
	where := q.Where
	if statuses := where.Statuses(); len(statuses) < len(game.SessionStatuses()) {
		if _, ok := where.On(game.FieldStatus); !ok { // only the obstacles say so, which have no index
			where = append(slices.Clip(where), game.In(game.FieldStatus, statuses...))
		}
	}
	p.whereFields(sessionsSearched(), where)
	if !p.walks {
		p.work = 0 // indexes serve all conditions, so it ends soon
	}
	_, seated := q.Where.On(game.FieldMember)
	_, named := q.Where.On(game.FieldNamed)
	p.current = seated || named // an erasure must find every session with the player
	return p
}
