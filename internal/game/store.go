package game

import (
	"context"
	"time"
)

// Store keeps documents. Engines implement it; package storetest is the same promises as tests.
//
// What every method promises:
//
//   - It may be called by many goroutines at once.
//   - A write that answers nil is durable, and seen by every later read of this process. Another process's reads may be
//     as old as the longest request, and so may lists where the operator has them read from copies, and any read while the
//     database puts one of its members in the place of another. Replace and Delete never work on something old, nor do lists of
//     a member's sessions, of erasures, of sweeps and of suspensions that have ended.
//   - A document is stored with the events that are handed over with it, one for each version from old's to its own, in
//     one atomic write: no version is there without its event, and no event without its version. A write that makes no
//     version has none.
//   - A write happens whole or not at all. If it answers a named error, or ErrStoreUnavailable with OutcomeNone, it did
//     not happen; with OutcomeUnknown it may have.
//   - It returns promptly when its context ends, with ErrStoreUnavailable, or with ErrOverloaded and OutcomeNone where
//     it was not begun and others were served meanwhile. A call after Close returns ErrStoreUnavailable too.
//   - Documents keep every field, empty maps and slices for none, and times to the millisecond in UTC. They are never
//     shared: changing a value that was stored or read changes nothing in the store.
//   - A document of another project does not exist.
//   - Whatever the server or the file says that has no name here is answered as ErrStoreUnavailable with its cause.
//
// Engines hold no rules, no clock and no log, and do not retry conflicts; what a single method promises may take them
// more than one statement.
type Store interface {
	PlayerStore
	SessionStore
	ClaimStore
	KeyStore
	SigningKeyStore
	MetricsStore
	EventStore
	TaskStore
	ExportStore
	Inspector

	// Ping tells whether the store answers and takes writes, and its facts for an operator: names and values are the
	// engine's own. Facts may come with an error.
	Ping(ctx context.Context) (Facts, error)
	// Stats counts players and live sessions of all projects. It counts no more than limit of each, which is above
	// zero, so that it takes no longer the more there are. Sessions that are over cost nothing.
	Stats(ctx context.Context, limit int) (Stats, error)
	// Sizes returns about how many players and sessions there are to export. It is for tools: it may take as long as it
	// takes to count them.
	Sizes(ctx context.Context) (Sizes, error)
	// Close waits for writes under way and gives back what Open acquired. It may be called twice.
	Close() error
}

// PlayerStore keeps players.
type PlayerStore interface {
	// CreatePlayer stores a new player. It returns, the first that is true in this order, ErrExists for its id in
	// whatever project, ErrUsernameTaken or ErrIdentityTaken. A player without a username or identities claims none.
	CreatePlayer(ctx context.Context, p Player, events ...Event) error
	// Player answers ErrPlayerNotFound.
	Player(ctx context.Context, project ProjectID, id PlayerID) (Player, error)
	// PlayerByIdentity answers the player who has an identity, the subject at a provider, or ErrPlayerNotFound.
	PlayerByIdentity(ctx context.Context, project ProjectID, i Identity) (Player, error)
	// ReplacePlayer stores next if the stored player is still at the version of old, which is what was read of it.
	// Next may have that version too, where nothing has changed but [Player.SweepSince]. It returns, the first that is
	// true in this order, ErrPlayerNotFound, ErrStale if it is not, ErrUsernameTaken or ErrIdentityTaken.
	ReplacePlayer(ctx context.Context, old, next Player, events ...Event) error
	// DeletePlayer removes the player for good if the stored one is still at the version of old, which is what was read
	// of it. It answers ErrStale if it is not; removing one that is not there is a success.
	DeletePlayer(ctx context.Context, old Player) error
	// Players lists players by id, newest first.
	Players(ctx context.Context, q PlayerQuery) (Found[Player], error)
	// EndedSuspensions returns players of all projects whose suspension has ended at the time or before and who are
	// suspended yet: at most limit of them, which is above zero, in any order. Fewer are all that there are.
	EndedSuspensions(ctx context.Context, now time.Time, limit int) ([]Player, error)
}

// SessionStore keeps sessions.
type SessionStore interface {
	// CreateSession stores a new session. It returns ErrExists for its id in whatever project.
	CreateSession(ctx context.Context, s Session, events ...Event) error
	// Session answers ErrSessionNotFound. A session with a host is read as Hosted, as it also is by the other methods:
	// the field is younger than some that are stored.
	Session(ctx context.Context, project ProjectID, id SessionID) (Session, error)
	// ReplaceSession stores next if the stored session is still at the version of old, which is what was read of it. It
	// answers ErrStale if it is not, and ErrSessionNotFound.
	ReplaceSession(ctx context.Context, old, next Session, events ...Event) error
	// Sessions lists sessions by id, newest first.
	Sessions(ctx context.Context, q SessionQuery) (Found[Session], error)
}

// ClaimStore keeps what was claimed by idempotency keys.
type ClaimStore interface {
	// Claim stores c unless a claim with its key is stored that has not expired at the time (one expires at its
	// ExpiresAt), and answers the one that holds from then on: c or the other.
	Claim(ctx context.Context, c Claim, now time.Time) (Claim, error)
	// PurgeClaims removes claims that have expired at the time, at most limit of them, and answers how many.
	PurgeClaims(ctx context.Context, now time.Time, limit int) (int, error)
}

// KeyStore keeps API keys. Unlike other documents they are read without their project: a key says which one it is of.
// They are replaced and deleted in the project of old, which never changes.
type KeyStore interface {
	// CreateKey stores a new key. It returns ErrExists for its id in whatever project.
	CreateKey(ctx context.Context, k Key, events ...Event) error
	// Key answers ErrKeyNotFound.
	Key(ctx context.Context, id KeyID) (Key, error)
	// ReplaceKey stores next if the stored key is still at the version of old, which is what was read of it. Next may
	// have that version too, where nothing has changed but LastUsedAt. It returns ErrStale if it is not, and
	// ErrKeyNotFound.
	ReplaceKey(ctx context.Context, old, next Key, events ...Event) error
	// DeleteKey removes the key if the stored one is still at the version of old, which is what was read of it. It
	// answers ErrStale if it is not; removing one that is not there is a success.
	DeleteKey(ctx context.Context, old Key) error
	// Keys lists the keys of a project by id, the last in the order of bytes first.
	Keys(ctx context.Context, q KeyQuery) ([]Key, error)
}

// SigningKeyStore keeps the keys that sign tokens. They belong to no project and are never changed.
type SigningKeyStore interface {
	// CreateSigningKey stores a new key. If one with its id is stored, that is a success and changes nothing.
	CreateSigningKey(ctx context.Context, k SigningKey) error
	// SigningKeys answers all keys in the order of their ids as bytes, at most [MaxSigningKeys].
	SigningKeys(ctx context.Context) ([]SigningKey, error)
	// DeleteSigningKey removes a key; removing one that is not there is a success.
	DeleteSigningKey(ctx context.Context, id string) error
}

// MetricsStore keeps samples of the system's metrics. They belong to no project, are never changed, and one that has
// expired may be gone at any time, whoever removed it.
type MetricsStore interface {
	// AppendMetrics stores a sample. If one of its replica and its time is stored, whatever it holds, that is a success
	// and changes nothing: a sample can be sent again.
	AppendMetrics(ctx context.Context, m MetricsSample) error
	// Metrics lists samples by time, the oldest first, and those of one time by the bytes of their replica. It answers
	// fewer than the query's limit only where the range ends.
	Metrics(ctx context.Context, q MetricsQuery) ([]MetricsSample, error)
	// PurgeMetrics removes samples that have expired at the time (one expires at its ExpiresAt), at most limit of them,
	// and answers how many.
	PurgeMetrics(ctx context.Context, now time.Time, limit int) (int, error)
}

// EventStore reads the events that were stored with documents, and keeps their order. Events do not end with their
// subjects.
//
// The feed of a project is the order of its events: each has a place from 1, without gaps, and those of one subject are
// in the order of their versions. An event may get its place some time after it was stored.
type EventStore interface {
	// Timeline lists the events of a subject, the newest version first: all that have been stored, with a place in the
	// feed or without.
	Timeline(ctx context.Context, q TimelineQuery) ([]Event, error)
	// Feed lists the events of a project that have places between two others, by their places.
	Feed(ctx context.Context, q FeedQuery) ([]Event, error)
	// OrderEvents gives places to events that have none, to as many as the limit or somewhat more, and returns to how
	// many. Those whose process has died before it could tell of them are found some minutes later by the time. It
	// returns ErrStale where another process does the same at the same time: nothing is lost by that.
	OrderEvents(ctx context.Context, now time.Time, limit int) (int, error)
	// PurgeEvents removes events from the beginning of each feed, up to the first that did not happen before the time:
	// at most limit of them, which is above zero. It returns how many. The places that are left have no gaps, and the
	// next event's place is the one that it would have been.
	PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error)
	// PutEvents stores events of another store, with their places. Those that are stored already are left as they are.
	// It returns ErrExists where another event has the place of one; some of the others may be stored then.
	PutEvents(ctx context.Context, events []Event) error
}

// TaskStore keeps the leases of background tasks. They belong to no project, and are neither exported nor copied:
// another database has processes of its own.
type TaskStore interface {
	// TaskLease returns the lease of a task; one without a holder, of generation 0, if nobody has ever taken it. It may
	// be one that another process has replaced since, which the condition of PutTaskLease finds out.
	TaskLease(ctx context.Context, name string) (TaskLease, error)
	// PutTaskLease stores next, which has the name of old, if the stored lease is still old, which is what was read or
	// stored last, in every field. It returns ErrStale if it is not.
	PutTaskLease(ctx context.Context, old, next TaskLease) error
}

// ExportStore reads everything that is stored, for copies and checks: of all projects, with the marks of erasures and
// the claims that have expired. Every document that was there before the first page was asked for and is there after
// the last one is on exactly one page; what is written meanwhile may be on one.
//
// A page has the documents that come next after an id, the empty one for the first page: at most limit of them, which
// is above zero, in the order of their ids as bytes, which is that of their creation. One that has fewer is the last.
type ExportStore interface {
	ExportPlayers(ctx context.Context, after PlayerID, limit int) ([]Player, error)
	ExportSessions(ctx context.Context, after SessionID, limit int) ([]Session, error)
	// ExportClaims pages by the claims' keys.
	ExportClaims(ctx context.Context, after string, limit int) ([]Claim, error)
	// ExportKeys pages by the keys' ids as bytes, which say nothing of when they were made.
	ExportKeys(ctx context.Context, after KeyID, limit int) ([]Key, error)
	// ExportEvents pages by the events' ids, and has those only that have a place: see [EventStore].
	ExportEvents(ctx context.Context, after string, limit int) ([]Event, error)
}

// Inspector finds what an engine keeps beside documents, to search them or to hold them unique, and does not agree with
// them: a copy of a field that is another, an entry too few or too many. It finds documents that cannot be read, too.
type Inspector interface {
	// Inspect tells every finding, in the caller's goroutine, and repairs it first if it is told to and can: the
	// documents are what is true, and stay as they are. It may be called while others use the store, in this process
	// and in others, and then tells nothing that is only under way. Its error says that it could not go on.
	Inspect(ctx context.Context, repair bool, tell func(Finding)) error
}

// Finding is a promise that what is stored does not keep.
type Finding struct {
	// "players", "sessions", "idempotency", "api_keys", "signing_keys", "events"; "database" for the whole
	Collection string
	ID         string // of the document, empty for none
	Problem    string // what follows the id in a sentence, such as "cannot be read"; of the document it has ids only
	Repaired   bool
}

// PlayerQuery selects players.
type PlayerQuery struct {
	Project  ProjectID // whose players; with Erasing or Sweeping, those of every project
	Where    Where     // on [PlayerFields], with values as they are stored
	Erasing  bool      // those whose erasure is under way, and no others; without it, only others
	Sweeping bool      // those whose seats are being swept, whether or not they are being erased; not with Erasing
	After    PlayerID  // those that the list shows after this one
	Limit    int       // at most this many; above zero
	Bytes    int       `json:"-"` // see [SessionQuery]
}

// SessionQuery selects sessions.
type SessionQuery struct {
	Project ProjectID
	Where   Where     // on [SessionFields], with values as they are stored
	After   SessionID // those that the list shows after this one
	Limit   int       // at most this many; above zero
	// Brief reads of members their ids only.
	Brief bool `json:"-"`
	// Bytes ends what is found before Limit: with the document by which those read have this many bytes, as the engine
	// stores them. 0 is no bound. Of brief documents it counts what is left of them, and an eighth of what had to be
	// read.
	Bytes int `json:"-"`
}

// BriefCost is what a document counts for in the Bytes of a brief query, by how many bytes had to be read of it.
func BriefCost(read int, v *Session) int {
	const member, others = 40, 1 << 10 // bytes
	return max(read/8, others+member*len(v.Members))
}

// KeyQuery selects API keys.
type KeyQuery struct {
	Project ProjectID
	After   KeyID // those that the list shows after this one
	Limit   int   // at most this many; above zero
}

// TimelineQuery selects events of a subject.
type TimelineQuery struct {
	Project ProjectID
	Subject Subject
	Before  int64 // those of versions before this one; 0 for all
	Limit   int   // at most this many; above zero
}

// FeedQuery selects events of a project that have a place in its feed.
type FeedQuery struct {
	Project ProjectID
	After   int64    // those at places after this one
	Before  int64    // those at places before this one; 0 for all
	Player  PlayerID // those that name the player; empty for all
	Newest  bool     // the newest first, and not the oldest
	Limit   int      // at most this many; above zero
}

// MetricsQuery selects samples of metrics. Its times are in whole milliseconds.
type MetricsQuery struct {
	From  time.Time       // those at this time or later
	To    time.Time       // those before this time
	After MetricsPosition // those that the list shows after this one; the zero value stands before all
	Limit int             // at most this many; above zero
}

// MetricsPosition is the place of a sample in a list.
type MetricsPosition struct {
	At      time.Time
	Replica string
}

// Facts is what an engine tells an operator about itself, as JSON values by name.
type Facts map[string]any

// Command is what an engine sent to its server, for logs and metrics.
type Command struct {
	Name       string // as the server names it
	Collection string // empty for none
	Took       time.Duration
	Failure    string // a label from a short list; empty for a success
}

// Pool counts the connections of an engine to its database.
type Pool struct {
	InUse   int64 `json:"in_use" doc:"Working on something."`
	Idle    int64 `json:"idle" doc:"Open and not in use."`
	Waiting int64 `json:"waiting" doc:"Callers who wait for a connection."`
}

// Space is what a database that is a file takes of its disk, in bytes.
type Space struct {
	DatabaseBytes int64 // of the file
	LogBytes      int64 // of what is not in the file yet
	FreeBytes     int64 // of the disk
	TotalBytes    int64 // of the disk
}

// CountBound is where counts for metrics stop: to count so many takes a part of a second.
const CountBound = 1_000_000

// Sizes are numbers of documents.
type Sizes struct{ Players, Sessions int64 }

// Stats counts documents.
type Stats struct {
	Players  int64
	Members  int64                   // seats held in the sessions that were counted
	Sessions map[SessionStatus]int64 // live ones, each status with its count
	// Bounded says that there are more: each count that is the limit is of so many or more, and if one of sessions is,
	// there may be more members too. An engine that knows a number without counting may tell more than the limit.
	Bounded bool
}
