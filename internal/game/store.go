package game

import (
	"context"
	"time"
)

// Store stores documents. Engines implement it; package storetest tests these promises.
//
// Every method promises:
//
//   - It is safe for concurrent use.
//   - A write that returns nil is durable, and every later read of this process sees it. Reads may be outdated by up to
//     the longest request in another process, for lists if the operator lets them be read from replicas, and for any
//     read during a failover of the database. Replace and Delete never work on outdated documents, and neither do lists
//     of a member's sessions, of erasures, of sweeps and of suspensions that have ended.
//   - A document is written together with its events, one for each version after old's up to its own, in one atomic
//     write: no version is stored without its event, and no event without its version. A write that makes no version
//     has no events.
//   - A write is atomic. If it returns a named error, or ErrStoreUnavailable with OutcomeNone, it did not happen; with
//     OutcomeUnknown it may have happened.
//   - It returns soon after its context ends, with ErrStoreUnavailable, or with ErrOverloaded and OutcomeNone if it had
//     not begun while others were processed. After Close it returns ErrStoreUnavailable.
//   - Documents keep every field, with empty maps and slices for nil ones, and times in milliseconds in UTC. Changing a
//     value that was stored or read does not change the store.
//   - A document of another project does not exist.
//   - Any other error of the server or the file is returned as ErrStoreUnavailable with its cause.
//
// Engines have no rules, no clock and no log, and do not retry conflicts. A method may take several statements.
type Store interface {
	PlayerStore
	SessionStore
	LeaseStore
	ClaimStore
	KeyStore
	SigningKeyStore
	WebhookStore
	MetricsStore
	EventStore
	TaskStore
	ExportStore
	Inspector

	// Ping checks that the store responds and accepts writes. It returns facts for operators, whose names and values
	// depend on the engine, even together with an error.
	Ping(ctx context.Context) (Facts, error)
	// Stats counts players and live sessions of all projects. It stops counting each at limit, which is above zero, so
	// that its duration is bounded. Sessions that have ended do not slow it down.
	Stats(ctx context.Context, limit int) (Stats, error)
	// Sizes returns approximately how many players and sessions an export has. It is for tools: its duration is not
	// bounded.
	Sizes(ctx context.Context) (Sizes, error)
	// Epoch identifies the history of the database: versions of two epochs cannot be compared. It is made with the
	// database, has 1 to [MaxEpoch] characters of a-z and 0-9, and changes by RenewEpoch and when a server first opens
	// a backup, as far as the engine can tell that it is one.
	Epoch(ctx context.Context) (string, error)
	// RenewEpoch begins a new epoch. It is for databases that were restored by other means.
	RenewEpoch(ctx context.Context) error
	// Close waits for writes under way and releases all resources. It may be called twice.
	Close() error
}

// Nouns returns the kinds of documents that every store has and that belong to its users, at the given time. Checks and
// copies of whole databases go through them in this order: events come after the documents that they are about. Leases
// of tasks are not among them: see [TaskStore].
func Nouns(now time.Time) []Noun {
	return []Noun{
		playerNoun(),
		leaseNoun(), // before the sessions, so that an inspection knows which have one
		sessionNoun(),
		claimNoun(now),
		keyNoun(),
		signingKeyNoun(),
		webhookNoun(),
		deliveryNoun(),
		eventNoun(),
		sampleNoun(now),
	}
}

// PlayerStore stores players.
type PlayerStore interface {
	// CreatePlayer stores a new player. It returns the first that applies of ErrExists if any project has its id,
	// ErrUsernameTaken and ErrIdentityTaken. Players without a username or identities conflict with nobody.
	CreatePlayer(ctx context.Context, p Player, events ...Event) error
	// Player returns ErrPlayerNotFound if there is no such player.
	Player(ctx context.Context, project ProjectID, id PlayerID) (Player, error)
	// PlayerByIdentity returns the player with an identity, or ErrPlayerNotFound.
	PlayerByIdentity(ctx context.Context, project ProjectID, i Identity) (Player, error)
	// ReplacePlayer stores next if the stored player still has the version and the [Player.LastSeenAt] of old, which
	// the caller has read. If nothing but LastSeenAt and [Player.SweepSince] differs, next has the same version. It
	// returns the first that applies of ErrPlayerNotFound, ErrStale, ErrUsernameTaken and ErrIdentityTaken.
	ReplacePlayer(ctx context.Context, old, next Player, events ...Event) error
	// DeletePlayer removes the player if the stored one still has the version of old, which the caller has read, and
	// otherwise returns ErrStale. It succeeds if the player does not exist.
	DeletePlayer(ctx context.Context, old Player) error
	// Players lists players by id, newest first. A document that cannot be decoded is in Unreadable and does not fail
	// the list.
	Players(ctx context.Context, q PlayerQuery) (Found[Player], error)
	// EndedSuspensions returns players of all projects that are still suspended although their suspension has ended at
	// the given time, in any order: at most limit, which is above zero, and fewer only if there are no more.
	EndedSuspensions(ctx context.Context, now time.Time, limit int) ([]Player, error)
}

// SessionStore stores sessions.
type SessionStore interface {
	// CreateSession stores a new session. It returns ErrExists if any project has its id, and
	// otherwise one of ErrPlayerInOtherSession if another session of the project has one of its
	// [Session.ExclusivePlaces], and ErrJoinCodeTaken if another one has its join code. Sessions without one conflict
	// with nobody.
	CreateSession(ctx context.Context, s Session, events ...Event) error
	// Session returns ErrSessionNotFound if there is no such session. All methods that read sessions
	// restore them: see [Session.Restore].
	Session(ctx context.Context, project ProjectID, id SessionID) (Session, error)
	// ReplaceSession stores next if the stored session still has the version of old, which the caller has read. It
	// returns the first that applies of ErrSessionNotFound and ErrStale, and otherwise one of ErrPlayerInOtherSession
	// if another session of the project has one of next's [Session.ExclusivePlaces], and ErrJoinCodeTaken if another
	// one has its join code.
	ReplaceSession(ctx context.Context, old, next Session, events ...Event) error
	// SessionByJoinCode returns the session of the project that has the join code, or ErrInvalidJoinCode.
	SessionByJoinCode(ctx context.Context, project ProjectID, code string) (SessionID, error)
	// ExclusivePlaces returns the places of those of the players who have one, in any order. There are at most
	// [MaxPlayers] players. It is never outdated.
	ExclusivePlaces(ctx context.Context, project ProjectID, players []PlayerID) ([]ExclusivePlace, error)
	// Sessions lists sessions by id, newest first. It returns ErrTooBroad if the list would take longer than its Work.
	// A document that cannot be decoded is in Unreadable and does not fail the list.
	Sessions(ctx context.Context, q SessionQuery) (Found[Session], error)
	// SearchSessions returns a page of the sessions that a query finds, with only the ids of their members. It returns
	// ErrTooBroad if a part would take longer than its Work. A document that cannot be decoded is in Unreadable and
	// does not fail the search.
	SearchSessions(ctx context.Context, q SearchQuery) (Hits, error)
	// DueSessions lists the live sessions of all projects for which [Session.NextDue] is not after the time, by that
	// time and the id, in ascending order: those that follow after, the zero value standing before all, and at most
	// limit, which is above zero. A page with fewer is the last.
	DueSessions(ctx context.Context, now time.Time, after DueSession, limit int) ([]DueSession, error)
	// Pulses returns the pulses of those of the sessions that exist and can be decoded, in any order. There are at most
	// [MaxHeartbeats] ids.
	Pulses(ctx context.Context, project ProjectID, ids []SessionID) ([]Pulse, error)
	// PurgeSessions removes sessions of all projects that ended before the time, the earliest first, at most limit of
	// them, which is above zero. It returns how many. Their leases are removed too; their events remain.
	PurgeSessions(ctx context.Context, before time.Time, limit int) (int, error)
	// DeleteSession removes the session if the stored one still has the version of old, which the caller has read, and
	// otherwise returns ErrStale. It succeeds if the session does not exist. Its leases are removed too; its events
	// remain.
	DeleteSession(ctx context.Context, old Session) error
}

// LeaseStore stores the leases of sessions and members. They are written often and in batches. A lease has no version
// and no events.
type LeaseStore interface {
	// Leases returns those of the leases that exist, in any order. There are at most [MaxHeartbeats] ids. It is never
	// outdated.
	Leases(ctx context.Context, ids []LeaseID) ([]Lease, error)
	// RenewLeases stores leases, at most [MaxHeartbeats] with different ids, in one batch. Each is written atomically
	// by itself: it is not stored, and its result is false, if the stored lease is expired or has a greater fence. The
	// stored BeatAt is the later of both. The other fields are replaced. If it returns an error, some may be stored.
	RenewLeases(ctx context.Context, leases []Lease) (renewed []bool, err error)
	// ReplaceLease stores next if the stored lease still has the state, the fence and the BeatAt of old, which the
	// caller has read. Otherwise, or if there is none, it returns ErrStale.
	ReplaceLease(ctx context.Context, old, next Lease) error
	// DeleteLease removes the lease on the same condition as ReplaceLease, and otherwise returns ErrStale. It succeeds
	// if the lease does not exist.
	DeleteLease(ctx context.Context, old Lease) error
	// DueLeases lists the leases of all projects whose DueAt is not after the time, by DueAt and id as bytes, in
	// ascending order: those that follow after, of which only DueAt and the id count and the zero value stands before
	// all, and at most limit, which is above zero. A page with fewer is the last.
	DueLeases(ctx context.Context, now time.Time, after Lease, limit int) ([]Lease, error)
}

// MaxHeartbeats is the maximum number of sessions in one request with heartbeats.
const MaxHeartbeats = 1000

// ClaimStore stores the claims of idempotency keys.
type ClaimStore interface {
	// Claim stores c unless there is a claim with its key that has not expired at the given time (a claim expires at
	// its ExpiresAt). It returns the claim that is stored afterwards.
	Claim(ctx context.Context, c Claim, now time.Time) (Claim, error)
	// PurgeClaims removes claims that have expired at the time, at most limit of them, and returns how many.
	PurgeClaims(ctx context.Context, now time.Time, limit int) (int, error)
}

// KeyStore stores API keys. They are read without their project, which is a field of the key, and replaced and deleted
// in the project of old, which never changes.
type KeyStore interface {
	// CreateKey stores a new key. It returns ErrExists if any project has its id.
	CreateKey(ctx context.Context, k Key, events ...Event) error
	// Key returns ErrKeyNotFound if there is no such key.
	Key(ctx context.Context, id KeyID) (Key, error)
	// ReplaceKey stores next if the stored key still has the version of old, which the caller has read. If only
	// LastUsedAt differs, next has the same version. It returns ErrKeyNotFound or ErrStale.
	ReplaceKey(ctx context.Context, old, next Key, events ...Event) error
	// DeleteKey removes the key if the stored one still has the version of old, which the caller has read, and
	// otherwise returns ErrStale. It succeeds if the key does not exist.
	DeleteKey(ctx context.Context, old Key) error
	// Keys lists the keys of a project by id as bytes, in descending order.
	Keys(ctx context.Context, q KeyQuery) ([]Key, error)
}

// SigningKeyStore stores the keys that sign tokens. They belong to no project and never change.
type SigningKeyStore interface {
	// CreateSigningKey stores a new key. It succeeds and changes nothing if a key with its id is stored.
	CreateSigningKey(ctx context.Context, k SigningKey) error
	// SigningKeys returns all keys in the order of their ids as bytes, at most [MaxSigningKeys].
	SigningKeys(ctx context.Context) ([]SigningKey, error)
	// DeleteSigningKey removes a key. It succeeds if the key does not exist.
	DeleteSigningKey(ctx context.Context, id string) error
}

// WebhookStore stores webhooks and the records of their deliveries. A record has no version and no events.
type WebhookStore interface {
	// CreateWebhook stores a new webhook. It returns ErrExists if any project has its id.
	CreateWebhook(ctx context.Context, w Webhook, events ...Event) error
	// Webhook returns ErrWebhookNotFound if there is no such webhook.
	Webhook(ctx context.Context, project ProjectID, id WebhookID) (Webhook, error)
	// ReplaceWebhook stores next if the stored webhook still has the version and the revision of the progress of old,
	// which the caller has read. If only the progress differs, next has the same version. It returns
	// ErrWebhookNotFound or ErrStale.
	ReplaceWebhook(ctx context.Context, old, next Webhook, events ...Event) error
	// DeleteWebhook removes the webhook if the stored one still has the version of old, which the caller has read, and
	// otherwise returns ErrStale. It succeeds if the webhook does not exist. The records of its deliveries remain.
	DeleteWebhook(ctx context.Context, old Webhook) error
	// Webhooks lists the webhooks of a project by id, newest first. A document that cannot be decoded is in Unreadable
	// and does not fail the list.
	Webhooks(ctx context.Context, q WebhookQuery) (Found[Webhook], error)
	// WebhookMarks lists the marks of the webhooks of all projects that follow an id, or the first ones for the empty
	// id, by id in ascending order: at most limit, which is above zero. A page with fewer is the last. Webhooks that
	// cannot be decoded have marks, too.
	WebhookMarks(ctx context.Context, after WebhookID, limit int) ([]WebhookMark, error)

	// PutDeliveries stores records with different ids, each in the place of one with its id unless that has a later At.
	// There are at most [MaxDeliveryBatch]. If it returns an error, some may be stored.
	PutDeliveries(ctx context.Context, records []Delivery) error
	// Deliveries lists the records of a webhook by id, newest first. A document that cannot be decoded is in Unreadable
	// and does not fail the list.
	Deliveries(ctx context.Context, q DeliveryQuery) (Found[Delivery], error)
	// TrimDeliveries removes the records of a webhook with a status except for the newest ones, of which it keeps as
	// many as keep: at most limit, which is above zero. It returns how many.
	TrimDeliveries(ctx context.Context, q DeliveryQuery, keep int) (int, error)
	// PurgeDeliveries removes records of all webhooks from before the time, the earliest first, at most limit of them,
	// which is above zero. It returns how many.
	PurgeDeliveries(ctx context.Context, before time.Time, limit int) (int, error)
}

// MetricsStore stores samples of the metrics of the system. They belong to no project and never change. An expired
// sample may disappear at any time.
type MetricsStore interface {
	// AppendMetrics stores a sample. It succeeds and changes nothing if a sample of the same replica and time is
	// stored, so that a sample can be sent again.
	AppendMetrics(ctx context.Context, m MetricsSample) error
	// Metrics lists samples by time, the oldest first, and samples of the same time by replica as bytes. It returns
	// fewer than the limit of the query only at the end of the range.
	Metrics(ctx context.Context, q MetricsQuery) ([]MetricsSample, error)
	// PurgeMetrics removes samples that have expired at the time (one expires at its ExpiresAt), at most limit of them,
	// and returns how many.
	PurgeMetrics(ctx context.Context, now time.Time, limit int) (int, error)
}

// EventStore reads the events that were stored with documents, and orders them. Events remain when their subjects are
// deleted.
//
// The feed of a project is the order of its events: each has a position from 1 without gaps, and events of one subject
// are in the order of their versions. An event may get its position some time after it was stored.
//
// In the place of an event that cannot be decoded, Timeline and Feed return an [UnreadableEvent]. An event with a
// change of a type that this version of the program does not know fails them with [ErrUnknownChange]: a newer version
// can read it, and nobody may go on without it.
type EventStore interface {
	// Timeline lists the events of a subject in the order of the query, including those without a position.
	Timeline(ctx context.Context, q TimelineQuery) ([]Event, error)
	// Feed lists the events of a project with positions in a range, in the order of the query.
	Feed(ctx context.Context, q FeedQuery) ([]Event, error)
	// FeedEnd returns the last position that was assigned in the feed of a project, or 0 if none was. The event at it
	// may have been removed.
	FeedEnd(ctx context.Context, project ProjectID) (int64, error)
	// Departures lists the sessions that a player has left or was removed from, each once, by id, newest first, as far
	// as events say so. It may leave out those of events without a position. The sessions may no longer exist.
	Departures(ctx context.Context, q DepartureQuery) ([]SessionID, error)
	// OrderEvents assigns positions to events without one, to about as many as the limit, and returns to how many.
	// Events of a process that crashed before it could announce them are found some minutes after they happened, by the
	// given time. It returns ErrStale if another process orders events at the same time, which is harmless.
	OrderEvents(ctx context.Context, now time.Time, limit int) (int, error)
	// PurgeEvents removes events from the beginning of each feed, up to the first that did not happen before the given
	// time: at most limit, which is above zero. It returns how many. The remaining positions have no gaps, and the next
	// position does not change.
	PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error)
	// PutEvents stores events of another store with their positions. It skips events that are already stored. It
	// returns ErrExists if another event has one of the positions; some of the events may be stored then.
	PutEvents(ctx context.Context, events []Event) error
}

// TaskStore stores the leases of background tasks. They belong to no project and are neither exported nor copied,
// because another database has other processes.
type TaskStore interface {
	// TaskLease returns the lease of a task, or one with generation 0 and no holder if the task was never leased. It
	// may be outdated, which PutTaskLease detects.
	TaskLease(ctx context.Context, name string) (TaskLease, error)
	// PutTaskLease stores next, which has the name of old, if the stored lease equals old in every field. Otherwise it
	// returns ErrStale.
	PutTaskLease(ctx context.Context, old, next TaskLease) error
}

// ExportStore reads everything that is stored, for copies and checks: of all projects, including players that are being
// erased and expired claims. Each document that exists during the whole export is on exactly one page; documents
// written meanwhile may be on one.
//
// A page has the documents that follow an id, or the first ones for the empty id: at most limit, which is above zero,
// in the order of their ids as bytes, which is the order of creation. A page with fewer is the last.
type ExportStore interface {
	ExportPlayers(ctx context.Context, after PlayerID, limit int) ([]Player, error)
	ExportSessions(ctx context.Context, after SessionID, limit int) ([]Session, error)
	// ExportClaims pages by the keys of the claims.
	ExportClaims(ctx context.Context, after string, limit int) ([]Claim, error)
	// ExportKeys pages by the ids of the keys as bytes, which is not the order of creation.
	ExportKeys(ctx context.Context, after KeyID, limit int) ([]Key, error)
	// ExportLeases pages by the ids of the leases as bytes.
	ExportLeases(ctx context.Context, after LeaseID, limit int) ([]Lease, error)
	ExportWebhooks(ctx context.Context, after WebhookID, limit int) ([]Webhook, error)
	// ExportDeliveries pages by the ids of the records as bytes.
	ExportDeliveries(ctx context.Context, after string, limit int) ([]Delivery, error)
	// ExportEvents pages by the ids of the events. It omits events without a position: see [EventStore].
	ExportEvents(ctx context.Context, after string, limit int) ([]Event, error)
}

// Inspector finds documents that cannot be read, and disagreements between documents and the engine's own indexes and
// copies of fields.
type Inspector interface {
	// Inspect calls tell for every finding, in the calling goroutine. If repair is true, it first repairs what it can:
	// it adapts the indexes to the documents, which it never changes. Other processes may use the store meanwhile; what
	// they have under way is not reported. It returns an error if it cannot continue.
	Inspect(ctx context.Context, repair bool, tell func(Finding)) error
}

// Finding is a broken promise about what is stored.
type Finding struct {
	Collection string // name of a [Noun] or of another collection; "database" for the whole
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
	// Brief omits everything about members except their ids.
	Brief bool `json:"-"`
	// Bytes ends the result before Limit, with the document that brings the stored size of the documents read to this
	// many bytes. 0 means no bound. Brief documents count as [BriefCost].
	Bytes int `json:"-"`
	// Work limits how long the engine may work, in whole milliseconds. 0 means no limit. Where an index serves all
	// conditions the engine may ignore it.
	Work time.Duration `json:"-"`
}

// BriefCost returns how many bytes a document counts in a brief query, given its stored size in bytes.
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

// WebhookQuery selects webhooks.
type WebhookQuery struct {
	Project ProjectID
	After   WebhookID // those that the list shows after this one
	Limit   int       // at most this many; above zero
}

// MaxDeliveryBatch is the maximum number of records of deliveries that are stored at once.
const MaxDeliveryBatch = 1000

// DeliveryQuery selects records of the deliveries of a webhook.
type DeliveryQuery struct {
	Project ProjectID
	Webhook WebhookID
	Status  DeliveryStatus // empty for all
	After   string         // those that the list shows after this id
	Limit   int            // at most this many; above zero
}

// TimelineQuery selects events of a subject.
type TimelineQuery struct {
	Project ProjectID
	Subject Subject
	After   int64 // those of versions after this one
	Before  int64 // those of versions before this one; 0 for all
	Oldest  bool  // the oldest first, and not the newest
	Limit   int   // at most this many; above zero
}

// FeedQuery selects events of a project that have a position in its feed.
type FeedQuery struct {
	Project ProjectID
	After   int64    // those at places after this one
	Before  int64    // those at places before this one; 0 for all
	Player  PlayerID // those that name the player; empty for all
	Audited bool     // those of the audit log, see [Event.Audited]; not with Player
	Newest  bool     // the newest first, and not the oldest
	Limit   int      // at most this many; above zero
}

// DepartureQuery selects sessions that a player has left.
type DepartureQuery struct {
	Project ProjectID
	Player  PlayerID
	After   SessionID // those that the list shows after this one
	Limit   int       // at most this many; above zero
}

// MetricsQuery selects samples. Its times are in whole milliseconds.
type MetricsQuery struct {
	From  time.Time       // those at this time or later
	To    time.Time       // those before this time
	After MetricsPosition // those that the list shows after this one; the zero value stands before all
	Limit int             // at most this many; above zero
}

// MetricsPosition is the position of a sample in a list.
type MetricsPosition struct {
	At      time.Time
	Replica string
}

// Facts are what an engine tells operators about itself: JSON values by name.
type Facts map[string]any

// Command describes a command that an engine sent to its server, for logs and metrics.
type Command struct {
	Name       string // as the server names it
	Collection string // empty for none
	Took       time.Duration
	Failure    string // a label from a short list; empty for a success
}

// Pool counts the connections of an engine to its database.
type Pool struct {
	InUse   int64 `json:"in_use" doc:"In use."`
	Idle    int64 `json:"idle" doc:"Open and not in use."`
	Waiting int64 `json:"waiting" doc:"Callers that wait for a connection."`
}

// Recalled is how an engine uses its memory of documents.
type Recalled struct {
	Hits, Misses int64 // reads of documents by id that it served, and that went to the database
	Evicted      int64 // documents that had to make room for others
	Documents    int64
	Bytes, Limit int64 // about
}

// Space is the disk space of a database in a file, in bytes.
type Space struct {
	DatabaseBytes int64 // of the file
	LogBytes      int64 // of what is not in the file yet
	FreeBytes     int64 // of the disk
	TotalBytes    int64 // of the disk
}

// MaxEpoch is the maximum length of an epoch.
const MaxEpoch = 32

// CountBound is where counts for metrics stop. Counting this many takes a fraction of a second.
const CountBound = 1_000_000

// Sizes are approximate numbers of documents.
type Sizes struct{ Players, Sessions int64 }

// Stats are numbers of documents.
type Stats struct {
	Players  int64
	Members  int64                   // seats held in the sessions that were counted
	Sessions map[SessionStatus]int64 // live ones, each status with its count
	// Bounded is set if counting stopped at the limit: then each count that equals the limit is a lower bound, and so
	// is Members if a count of sessions does. An engine that knows a number without counting may return more than the
	// limit.
	Bounded bool
}
