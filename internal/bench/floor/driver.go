package floor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// Commands is the metric, at /metrics, that counts the commands to the database, with their names as a label.
const Commands = "bare_commands_total"

// driver returns the server that makes plain calls of MongoDB's driver on gsm's own collections, which gsm has
// prepared. Its documents have the fields of gsm's, without which indexes would cost it less, and its calls a deadline,
// which the driver passes on to the server.
func driver(url string) (http.Handler, error) {
	reg := prometheus.NewRegistry()
	commands := prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: Commands, Help: "Commands."}, []string{"command"},
	)
	reg.MustRegister(commands)
	db, err := Connect(url, &event.CommandMonitor{
		Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) {
			commands.WithLabelValues(e.CommandName).Inc()
		},
		Failed: func(_ context.Context, e *event.CommandFailedEvent) {
			commands.WithLabelValues(e.CommandName).Inc()
		},
	})
	if err != nil {
		return nil, err
	}
	b := bare{db.Collection("players"), db.Collection("sessions")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/players/{id}", responding(http.StatusOK, b.getPlayer))
	mux.HandleFunc("GET /api/v1/sessions/{id}", responding(http.StatusOK, b.getSession))
	mux.HandleFunc("POST /api/v1/players", responding(http.StatusCreated, b.createPlayer))
	mux.HandleFunc("PUT /api/v1/players/{id}", responding(http.StatusOK, b.putPlayer))
	mux.HandleFunc("POST /api/v1/sessions", responding(http.StatusCreated, b.createSession))
	mux.HandleFunc("POST /api/v1/sessions/{id}/members", responding(http.StatusCreated, b.join))
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	return mux, nil
}

// Connect returns the database that a URL names, with the promises that gsm asks of it. The monitor may be nil.
func Connect(url string, monitor *event.CommandMonitor) (*mongo.Database, error) {
	_, name, _ := strings.Cut(url, "://")
	_, name, _ = strings.Cut(name, "/")
	name, _, _ = strings.Cut(name, "?")
	if name == "" {
		name = "gsm"
	}
	majority, journal := writeconcern.Majority(), true
	majority.Journal = &journal
	o := options.Client().ApplyURI(url).SetMonitor(monitor)
	client, err := mongo.Connect(o.SetWriteConcern(majority).SetReadConcern(readconcern.Majority()))
	if err != nil {
		return nil, err
	}
	return client.Database(name), nil
}

// bare are the collections of gsm.
type bare struct{ players, sessions *mongo.Collection }

// Player is a player as gsm stores it, without its events.
type Player struct {
	ID          string          `bson:"_id"                    json:"id"`
	Project     string          `bson:"project"                json:"project"`
	Username    string          `bson:"username"               json:"username"`
	Key         string          `bson:"username_key"           json:"-"`
	Prefixes    []string        `bson:"username_prefixes"      json:"-"`
	DisplayName string          `bson:"display_name"           json:"display_name"`
	Name        string          `bson:"display_name_key"       json:"-"`
	Beginnings  []string        `bson:"display_name_prefixes"  json:"-"`
	Identities  bson.M          `bson:"identities"             json:"identities"`
	Attributes  bson.M          `bson:"attributes"             json:"attributes"`
	Status      string          `bson:"status"                 json:"status"`
	Until       *time.Time      `bson:"suspended_until,omitempty"        json:"suspended_until"`
	Reason      string          `bson:"suspension_reason,omitempty"      json:"suspension_reason"`
	Version     int64           `bson:"version"                json:"version"`
	CreatedAt   time.Time       `bson:"created_at"             json:"created_at"`
	UpdatedAt   time.Time       `bson:"updated_at"             json:"updated_at"`
	SeenAt      time.Time       `bson:"last_seen_at"           json:"last_seen_at"`
	Writes      []bson.ObjectID `bson:"writes"                 json:"-"`
}

// Session is a session as gsm stores it, without its events.
type Session struct {
	ID             string          `bson:"_id"              json:"id"`
	Project        string          `bson:"project"          json:"project"`
	Name           string          `bson:"name"             json:"name"`
	Mode           string          `bson:"mode"             json:"mode"`
	Map            string          `bson:"map"              json:"map"`
	Region         string          `bson:"region"           json:"region"`
	Visibility     string          `bson:"visibility"       json:"visibility"`
	Locked         bool            `bson:"locked"           json:"locked"`
	JoinInProgress bool            `bson:"join_in_progress" json:"join_in_progress"`
	AllowRematch   bool            `bson:"allow_rematch"    json:"allow_rematch"`
	AutoStart      bool            `bson:"auto_start"       json:"auto_start"`
	MaxPlayers     int             `bson:"max_players"      json:"max_players"`
	MinPlayers     int             `bson:"min_players"      json:"min_players"`
	Teams          bson.M          `bson:"teams"            json:"teams"`
	Attributes     bson.M          `bson:"attributes"       json:"attributes"`
	Keys           []string        `bson:"attribute_keys"   json:"-"`
	Reservation    int             `bson:"reservation_timeout" json:"reservation_timeout"`
	Disconnect     int             `bson:"disconnect_grace"    json:"disconnect_grace"`
	HostGrace      int             `bson:"host_grace"          json:"host_grace"`
	Empty          int             `bson:"empty_timeout"       json:"empty_timeout"`
	Activation     int             `bson:"activation_timeout"  json:"activation_timeout"`
	MaxDuration    int             `bson:"max_duration"        json:"max_duration"`
	Idle           int             `bson:"idle_timeout"        json:"idle_timeout"`
	StaleAfter     int             `bson:"stale_after"         json:"stale_after"`
	ExpireAfter    int             `bson:"expire_after"        json:"expire_after"`
	Status         string          `bson:"status"           json:"status"`
	EndReason      string          `bson:"end_reason,omitempty"       json:"end_reason"`
	HostID         string          `bson:"host_id"          json:"host_id"`
	Hosted         bool            `bson:"hosted"           json:"-"`
	Fence          int64           `bson:"fence"            json:"fence"`
	Liveness       string          `bson:"liveness"         json:"liveness"`
	Leased         bool            `bson:"leased"           json:"leased"`
	AutoStarted    bool            `bson:"auto_started"     json:"-"`
	Bans           []bson.M        `bson:"bans"             json:"-"`
	WaitList       []bson.M        `bson:"wait_list"        json:"-"`
	Members        []Member        `bson:"members"          json:"members"`
	SeatsHeld      int             `bson:"seats_held"       json:"-"`
	FreeSeats      int             `bson:"free_seats"       json:"-"`
	Connection     bson.M          `bson:"connection,omitempty"       json:"connection"`
	Result         bson.M          `bson:"result,omitempty"           json:"result"`
	Version        int64           `bson:"version"          json:"version"`
	CreatedAt      time.Time       `bson:"created_at"       json:"created_at"`
	UpdatedAt      time.Time       `bson:"updated_at"       json:"updated_at"`
	StartedAt      *time.Time      `bson:"started_at,omitempty"       json:"started_at"`
	EndedAt        *time.Time      `bson:"ended_at,omitempty"         json:"ended_at"`
	Live           bool            `bson:"live"             json:"-"`
	DueAt          time.Time       `bson:"due_at"           json:"-"`
	Writes         []bson.ObjectID `bson:"writes"           json:"-"`
}

// Member is a member as gsm stores it.
type Member struct {
	PlayerID   string    `bson:"player_id"  json:"player_id"`
	Team       string    `bson:"team,omitempty"       json:"team"`
	Status     string    `bson:"status"     json:"status"`
	JoinedAt   time.Time `bson:"joined_at"  json:"joined_at"`
	Attributes bson.M    `bson:"attributes" json:"attributes"`
}

// project is the project of every document.
const project = "default"

func key(id string) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "project", Value: project}}
}

// Prepare fills in what a new player has beside its profile.
func (p *Player) Prepare() {
	now := time.Now().UTC().Truncate(time.Millisecond)
	p.ID, p.Project, p.Status, p.Version, p.CreatedAt, p.UpdatedAt = uuid.Must(uuid.NewV7()).String(), project,
		"active", 1, now, now
	p.Key, p.Identities, p.Writes = strings.ToLower(p.Username), bson.M{}, []bson.ObjectID{bson.NewObjectID()}
	p.Name, p.SeenAt = strings.ToLower(p.DisplayName), now
	p.Prefixes, p.Beginnings = beginnings(p.Key, 16), beginnings(p.Name, 32)
}

// beginnings returns the first 1, 2, 4 … characters of an ASCII text, and at most so many.
func beginnings(text string, most int) (all []string) {
	for n := 1; n <= min(most, len(text)); n *= 2 {
		all = append(all, text[:n])
	}
	return all
}

// Prepare fills in what a new session has beside its settings.
func (v *Session) Prepare() {
	now := time.Now().UTC().Truncate(time.Millisecond)
	v.ID, v.Project, v.Status, v.Visibility = uuid.Must(uuid.NewV7()).String(), project, "open", "public"
	v.Version, v.CreatedAt, v.UpdatedAt, v.Teams, v.Writes = 1, now, now, bson.M{}, []bson.ObjectID{bson.NewObjectID()}
	v.Reservation, v.Disconnect, v.HostGrace, v.Empty, v.Activation = 60, 120, 30, 300, 60
	v.Idle, v.StaleAfter, v.ExpireAfter = 86400, 30, 3600
	v.Hosted, v.Fence, v.Liveness, v.Bans, v.WaitList = true, 1, "live", []bson.M{}, []bson.M{}
	v.Live, v.DueAt = true, now.Add(24*time.Hour)
	for k, a := range v.Attributes {
		v.Keys = append(v.Keys, fmt.Sprint(k, "=", a))
	}
	v.seat(v.HostID, now)
}

func newMember(player string, now time.Time) Member {
	return Member{PlayerID: player, Status: "joined", JoinedAt: now, Attributes: bson.M{}}
}

// seat gives a player a seat.
func (v *Session) seat(player string, now time.Time) {
	v.Members = append(v.Members, newMember(player, now))
	v.SeatsHeld, v.FreeSeats = len(v.Members), v.MaxPlayers-len(v.Members)
}

// timeout bounds a request, as gsm's default does.
const timeout = 10 * time.Second

// responding returns a handler that responds with a document.
func responding[D any](status int, call func(*http.Request) (D, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		d, err := call(r.WithContext(ctx))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(d)
	}
}

func (b bare) getPlayer(r *http.Request) (p Player, err error) {
	return p, b.players.FindOne(r.Context(), key(r.PathValue("id"))).Decode(&p)
}

func (b bare) getSession(r *http.Request) (v Session, err error) {
	return v, b.sessions.FindOne(r.Context(), key(r.PathValue("id"))).Decode(&v)
}

func (b bare) createPlayer(r *http.Request) (p Player, err error) {
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		return p, err
	}
	p.Prepare()
	_, err = b.players.InsertOne(r.Context(), p)
	return p, err
}

func (b bare) createSession(r *http.Request) (v Session, err error) {
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		return v, err
	}
	var host Player
	if err := b.players.FindOne(r.Context(), key(v.HostID)).Decode(&host); err != nil {
		return v, err
	}
	v.Prepare()
	_, err = b.sessions.InsertOne(r.Context(), v)
	return v, err
}

// join reads the player, and gives it a seat in one call, as gsm does in a session that it has just seen.
func (b bare) join(r *http.Request) (v Session, err error) {
	var m Member
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		return v, err
	}
	var p Player
	if err := b.players.FindOne(r.Context(), key(m.PlayerID)).Decode(&p); err != nil {
		return v, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	room := append(key(r.PathValue("id")), bson.E{Key: "free_seats", Value: bson.D{{Key: "$gt", Value: 0}}},
		bson.E{Key: "members.player_id", Value: bson.D{{Key: "$ne", Value: m.PlayerID}}})
	return v, b.sessions.FindOneAndUpdate(r.Context(), room, bson.D{
		{Key: "$push", Value: bson.D{
			{Key: "members", Value: newMember(m.PlayerID, now)}, {Key: "writes", Value: bson.NewObjectID()},
		}},
		{Key: "$inc", Value: bson.D{
			{Key: "seats_held", Value: 1}, {Key: "free_seats", Value: -1}, {Key: "version", Value: 1},
		}},
		{Key: "$set", Value: bson.D{{Key: "updated_at", Value: now}, {Key: "due_at", Value: now.Add(24 * time.Hour)}}},
	}, options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&v)
}

// putPlayer replaces the profile of a player in one call, as gsm does for a player that it has just seen. What it
// returns is what it was sent.
func (b bare) putPlayer(r *http.Request) (p Player, err error) {
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		return p, err
	}
	p.Prepare()
	p.ID = r.PathValue("id")
	result, err := b.players.UpdateOne(r.Context(), key(p.ID), bson.D{
		{Key: "$set", Value: bson.D{
			{Key: "username", Value: p.Username},
			{Key: "username_key", Value: p.Key},
			{Key: "username_prefixes", Value: p.Prefixes},
			{Key: "display_name", Value: p.DisplayName},
			{Key: "display_name_key", Value: p.Name},
			{Key: "display_name_prefixes", Value: p.Beginnings},
			{Key: "attributes", Value: p.Attributes},
			{Key: "updated_at", Value: p.UpdatedAt},
			{Key: "writes", Value: p.Writes},
		}},
		{Key: "$inc", Value: bson.D{{Key: "version", Value: 1}}},
	})
	if err == nil && result.MatchedCount == 0 {
		err = mongo.ErrNoDocuments
	}
	return p, err
}
