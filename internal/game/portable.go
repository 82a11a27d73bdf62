package game

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PlayerExport is a page of everything that is stored about a player, and of nobody else.
type PlayerExport struct {
	Player   *Player         `json:"player" doc:"The player; null on all pages but the first."`
	Sessions []SessionRecord `json:"sessions" nullable:"false" doc:"What sessions have about the player, newest first: those in which it has or had a seat, waits or is banned."`
	Events   []Event         `json:"events" nullable:"false" doc:"What happened to the player and what it did, oldest first, after all sessions. Of others there are no ids."`

	NextCursor *string `json:"next_cursor" doc:"Continues the export; null on the last page."`
}

// SessionRecord is what a session has about one player.
type SessionRecord struct {
	SessionID SessionID     `json:"session_id" doc:"The session's id."`
	Mode      string        `json:"mode" doc:"Which game is played."`
	Map       string        `json:"map" doc:"Where it is played."`
	Region    string        `json:"region" doc:"Where the session runs."`
	Status    SessionStatus `json:"status" doc:"The state of the session."`
	CreatedAt time.Time     `json:"created_at" doc:"When the session was created."`
	EndedAt   *time.Time    `json:"ended_at" doc:"When it ended; null while it lives."`
	Hosts     bool          `json:"hosts" doc:"Whether the player is the host."`
	Member    *Member       `json:"member" doc:"The player's seat; null if it has none, as after it has left."`
	Waiter    *Waiter       `json:"waiter" doc:"The player's place on the wait list; null if it has none."`
	Ban       *Ban          `json:"ban" doc:"The player's ban from the session; null for none."`
}

// somebody stands for other players in an export. No player has this id.
const somebody = newcomer

// Sections of an export, in cursors.
const (
	exportSessions = "s"
	exportEvents   = "e"
)

// Export returns a page of everything that is stored about a player. It is for admins, and for the player itself, also
// while it is suspended. The pages together have what a list of pages has: what was there throughout is on one of them.
// It returns ErrPlayerNotFound, also for players who were erased, ErrValidation or ErrForbidden.
func (s *Players) Export(ctx context.Context, id PlayerID, cursor string) (PlayerExport, error) {
	c := CallerFrom(ctx)
	if err := c.mayExport(id); err != nil {
		return PlayerExport{}, err
	}
	id = PlayerID(NormalID(string(id)))
	filters := []any{"export", c.Project, id}
	position, err := decodeTextCursor(cursor, filters)
	if err != nil {
		return PlayerExport{}, err
	}
	p, err := s.get(ctx, id)
	if err != nil {
		return PlayerExport{}, err
	}
	page := PlayerExport{Sessions: []SessionRecord{}, Events: []Event{}}
	if cursor == "" {
		p = c.visiblePlayer(p)
		page.Player, position = &p, exportSessions
	}
	if after, ok := strings.CutPrefix(position, exportSessions); ok {
		if position, err = s.exportSessions(ctx, &page, id, SessionID(after)); err != nil {
			return PlayerExport{}, err
		}
	}
	if after, ok := strings.CutPrefix(position, exportEvents); ok {
		if position, err = s.exportEvents(ctx, &page, id, positionAfter(after)); err != nil {
			return PlayerExport{}, err
		}
	}
	if position != "" {
		page.NextCursor = new(encodeTextCursor(position, filters))
	}
	return page, nil
}

// exportSessions adds a page of sessions and returns the position of the next page.
func (s *Players) exportSessions(
	ctx context.Context, page *PlayerExport, id PlayerID, after SessionID,
) (next string, err error) {
	h := history{store: s.store, project: CallerFrom(ctx).Project, player: id, named: true}
	found, last, err := h.page(ctx, after, MaxLimit)
	if err != nil {
		return "", err
	}
	for i := range found {
		page.Sessions = append(page.Sessions, found[i].recordOf(id))
	}
	KeepRoom(ctx, briefPageRoom)
	if last == "" {
		return exportEvents, nil
	}
	return exportSessions + string(last), nil
}

// recordOf returns what the session has about a player.
func (s *Session) recordOf(id PlayerID) SessionRecord {
	r := SessionRecord{
		SessionID: s.ID, Mode: s.Mode, Map: s.Map, Region: s.Region, Status: s.Status,
		CreatedAt: s.CreatedAt, EndedAt: s.EndedAt, Hosts: s.host() == id,
	}
	if i := s.member(id); i >= 0 {
		r.Member = &s.Members[i]
	}
	if i := s.waiter(id); i >= 0 {
		w := s.WaitList[i]
		w.Position = i + 1
		r.Waiter = &w
	}
	if i := slices.IndexFunc(s.Bans, func(b Ban) bool { return b.PlayerID == id }); i >= 0 {
		r.Ban = &s.Bans[i]
	}
	return r
}

// exportEvents adds a page of events and returns the position of the next page, "" if there is none.
func (s *Players) exportEvents(
	ctx context.Context, page *PlayerExport, id PlayerID, after int64,
) (next string, err error) {
	if err := TakeRoom(ctx, briefPageRoom+2*MaxPageBytes); err != nil {
		return "", err
	}
	found, err := s.store.Feed(ctx, FeedQuery{
		Project: CallerFrom(ctx).Project, After: after, Player: id, Limit: MaxLimit,
	})
	if err != nil {
		return "", err
	}
	for i := range found {
		if !found[i].Unreadable {
			page.Events = append(page.Events, found[i].about(id))
		}
	}
	if len(found) < MaxLimit {
		return "", nil
	}
	return exportEvents + strconv.FormatInt(found[len(found)-1].Seq, 10), nil
}

// positionAfter parses the position of the last event in a cursor, which is 0 for the first page of events.
func positionAfter(text string) int64 {
	seq, err := strconv.ParseInt(text, 10, 64)
	if err != nil { // the first page
		return 0
	}
	return seq
}

// about returns what the event says about a player, without anything about others: [somebody] stands for their ids, and
// what happened to them is left out, unless the player did it.
func (e Event) about(id PlayerID) Event {
	hide := func(other PlayerID) PlayerID {
		if other == id || other == "" {
			return other
		}
		return somebody
	}
	did := e.Actor.Kind == ActorPlayer && e.Actor.ID == string(id) || e.ActingAs == id
	e.Seq, e.RequestID, e.RunID, e.ActingAs = 0, "", "", hide(e.ActingAs)
	if e.Subject.Kind == SubjectPlayer {
		e.Subject.ID = string(hide(PlayerID(e.Subject.ID)))
	}
	if e.Actor.ID = ""; e.Actor.Kind == ActorPlayer {
		e.Actor.ID = string(somebody)
		if did && e.ActingAs == "" {
			e.Actor.ID = string(id)
		}
	}
	var own Changes
	for _, c := range e.Changes {
		named := playersIn(c)
		if !did && len(named) > 0 && !slices.Contains(named, id) {
			continue
		}
		shown := reflect.New(reflect.TypeOf(c)).Elem()
		shown.Set(reflect.ValueOf(c))
		for _, f := range shown.Fields() {
			if other, ok := f.Interface().(PlayerID); ok {
				f.Set(reflect.ValueOf(hide(other)))
			}
		}
		change := shown.Interface().(Change)
		// What the player did to many others is told once.
		if !slices.ContainsFunc(own, func(o Change) bool { return reflect.DeepEqual(o, change) }) {
			own = append(own, change)
		}
	}
	e.Changes = own
	return e
}
