package tests_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// The bare server is the baseline of gsm on MongoDB: net/http handlers that make plain driver calls on gsm's own
// collections. Its documents have the fields of gsm's, without which indexes would cost it less, but it has no rules,
// events, contract, log or metrics, except for a count of commands.

// bareVariable is the environment variable that makes this program the bare server on the database that it names.
const bareVariable = "GSM_TEST_BARE"

// bareCommands counts the commands to the database, with their names as a label.
const bareCommands = "bare_commands_total"

// serveBare writes its address to standard output and serves until standard input ends.
func serveBare(url string) error {
	reg := prometheus.NewRegistry()
	commands := prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: bareCommands, Help: "Commands."}, []string{"command"},
	)
	reg.MustRegister(commands, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	db, err := connectBare(url, &event.CommandMonitor{
		Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) {
			commands.WithLabelValues(e.CommandName).Inc()
		},
		Failed: func(_ context.Context, e *event.CommandFailedEvent) {
			commands.WithLabelValues(e.CommandName).Inc()
		},
	})
	if err != nil {
		return err
	}
	b := bare{db.Collection("players"), db.Collection("sessions")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/players/{id}", answering(http.StatusOK, b.getPlayer))
	mux.HandleFunc("GET /api/v1/sessions/{id}", answering(http.StatusOK, b.getSession))
	mux.HandleFunc("POST /api/v1/players", answering(http.StatusCreated, b.createPlayer))
	mux.HandleFunc("POST /api/v1/sessions", answering(http.StatusCreated, b.createSession))
	mux.HandleFunc("POST /api/v1/sessions/{id}/members", answering(http.StatusCreated, b.join))
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = l.Close()
	}()
	if err := http.Serve(l, mux); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// connectBare returns the database that a URL names, with the promises that gsm asks of it.
func connectBare(url string, monitor *event.CommandMonitor) (*mongo.Database, error) {
	_, name, _ := strings.Cut(url, "://")
	_, name, _ = strings.Cut(name, "/")
	name, _, _ = strings.Cut(name, "?")
	majority, journal := writeconcern.Majority(), true
	majority.Journal = &journal
	o := options.Client().ApplyURI(url).SetMonitor(monitor)
	client, err := mongo.Connect(o.SetWriteConcern(majority).SetReadConcern(readconcern.Majority()))
	if err != nil {
		return nil, err
	}
	return client.Database(name), nil
}

type bare struct{ players, sessions *mongo.Collection }

type barePlayer struct {
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

type bareSession struct {
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
	Members        []bareMember    `bson:"members"          json:"members"`
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

type bareMember struct {
	PlayerID   string    `bson:"player_id"  json:"player_id"`
	Team       string    `bson:"team,omitempty"       json:"team"`
	Status     string    `bson:"status"     json:"status"`
	JoinedAt   time.Time `bson:"joined_at"  json:"joined_at"`
	Attributes bson.M    `bson:"attributes" json:"attributes"`
}

// bareProject is the project of every document.
const bareProject = "default"

func bareKey(id string) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "project", Value: bareProject}}
}

// prepare fills in what a new player has beside its profile.
func (p *barePlayer) prepare() {
	now := time.Now().UTC().Truncate(time.Millisecond)
	p.ID, p.Project, p.Status, p.Version, p.CreatedAt, p.UpdatedAt = uuid.Must(uuid.NewV7()).String(), bareProject,
		"active", 1, now, now
	p.Key, p.Identities, p.Writes = strings.ToLower(p.Username), bson.M{}, []bson.ObjectID{bson.NewObjectID()}
	p.Name, p.SeenAt = strings.ToLower(p.DisplayName), now
	p.Prefixes, p.Beginnings = bareBeginnings(p.Key, 16), bareBeginnings(p.Name, 32)
}

// bareBeginnings returns the first 1, 2, 4 … characters of an ASCII text, and at most so many.
func bareBeginnings(text string, most int) (all []string) {
	for n := 1; n <= min(most, len(text)); n *= 2 {
		all = append(all, text[:n])
	}
	return all
}

// prepare fills in what a new session has beside its settings.
func (v *bareSession) prepare() {
	now := time.Now().UTC().Truncate(time.Millisecond)
	v.ID, v.Project, v.Status, v.Visibility = uuid.Must(uuid.NewV7()).String(), bareProject, "open", "public"
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

// seat gives a player a seat.
func (v *bareSession) seat(player string, now time.Time) {
	v.Members = append(v.Members, bareMember{PlayerID: player, Status: "joined", JoinedAt: now, Attributes: bson.M{}})
	v.SeatsHeld, v.FreeSeats = len(v.Members), v.MaxPlayers-len(v.Members)
}

// answering returns a handler that responds with a document.
func answering[D any](status int, call func(*http.Request) (D, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d, err := call(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(d)
	}
}

func (b bare) getPlayer(r *http.Request) (p barePlayer, err error) {
	return p, b.players.FindOne(r.Context(), bareKey(r.PathValue("id"))).Decode(&p)
}

func (b bare) getSession(r *http.Request) (v bareSession, err error) {
	return v, b.sessions.FindOne(r.Context(), bareKey(r.PathValue("id"))).Decode(&v)
}

func (b bare) createPlayer(r *http.Request) (p barePlayer, err error) {
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		return p, err
	}
	p.prepare()
	_, err = b.players.InsertOne(r.Context(), p)
	return p, err
}

func (b bare) createSession(r *http.Request) (v bareSession, err error) {
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		return v, err
	}
	var host barePlayer
	if err := b.players.FindOne(r.Context(), bareKey(v.HostID)).Decode(&host); err != nil {
		return v, err
	}
	v.prepare()
	_, err = b.sessions.InsertOne(r.Context(), v)
	return v, err
}

func (b bare) join(r *http.Request) (v bareSession, err error) {
	var m bareMember
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		return v, err
	}
	var p barePlayer
	if err := b.players.FindOne(r.Context(), bareKey(m.PlayerID)).Decode(&p); err != nil {
		return v, err
	}
	if v, err = b.getSession(r); err != nil {
		return v, err
	}
	condition := append(bareKey(v.ID), bson.E{Key: "version", Value: v.Version})
	now := time.Now().UTC().Truncate(time.Millisecond)
	v.seat(m.PlayerID, now)
	v.Version++
	v.UpdatedAt = now
	v.Writes = append(v.Writes, bson.NewObjectID())
	result, err := b.sessions.ReplaceOne(r.Context(), condition, v)
	if err == nil && result.MatchedCount == 0 {
		err = errors.New("another change was faster")
	}
	return v, err
}
