package mongostore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"game-session-manager/internal/game"
)

const (
	defaultDatabase = "gsm"
	defaultPoolSize = 100 // the driver's default
	// selectionTimeout is how long a call waits for a suitable server, unless the URL sets it. It is shorter than a
	// request, so that clients get an error when the database is unavailable, and longer than most elections.
	selectionTimeout = 5 * time.Second
	waitPause        = time.Second
	maxDatabaseName  = 63 // characters, the limit of MongoDB
)

// settings is the content of a URL.
type settings struct {
	client   *options.ClientOptions
	database string
	hosts    string
	user     string
	lists    *readpref.ReadPref
}

// parse parses a URL and adds the settings that gsm depends on. Its errors do not contain the password.
func parse(raw string) (settings, error) {
	c, err := connstring.ParseAndValidate(raw)
	if e := (*net.DNSError)(nil); errors.As(err, &e) { // only for mongodb+srv
		return settings{}, fmt.Errorf("%w: the servers of the URL cannot be looked up: %w", ErrUnreachable, e)
	}
	if err != nil {
		return settings{}, fmt.Errorf(
			"%w: %s: it looks like mongodb://user:password@host:27017/gsm?authSource=admin",
			ErrBadURL, redactURL(raw, err),
		)
	}
	if c.WNumberSet || c.WString != "" && c.WString != "majority" || c.JSet && !c.J || c.ReadConcernLevel != "" &&
		c.ReadConcernLevel != "majority" {
		return settings{}, fmt.Errorf("%w: w, journal and readConcernLevel are always majority, true and majority, "+
			"because an acknowledged write must not be lost: leave them out", ErrBadURL)
	}
	o := options.Client().ApplyURI(raw)
	if err := o.Validate(); err != nil {
		return settings{}, fmt.Errorf("%w: %s", ErrBadURL, redactURL(raw, err))
	}
	s := settings{
		client: o, database: c.Database, hosts: strings.Join(c.Hosts, ", "), user: c.Username, lists: o.ReadPreference,
	}
	if s.database == "" {
		s.database = defaultDatabase
	}
	if len(s.database) > maxDatabaseName || strings.ContainsAny(s.database, `/\. "$*<>:|?`) ||
		slices.Contains([]string{"admin", "config", "local"}, s.database) {
		return settings{},
			fmt.Errorf("%w: the name of the database, which follows the hosts, must have at most %d characters, "+
				"none of them of /\\. \"$*<>:|? and must not be admin, config or local", ErrBadURL, maxDatabaseName)
	}
	if s.lists == nil {
		s.lists = readpref.Primary()
	}
	if o.ServerSelectionTimeout == nil {
		o.SetServerSelectionTimeout(selectionTimeout)
	}
	if o.MaxPoolSize == nil {
		o.SetMaxPoolSize(defaultPoolSize)
	}
	if o.AppName == nil {
		o.SetAppName("gsm")
	}
	majority, journal := writeconcern.Majority(), true
	majority.Journal = &journal
	// Only lists use the read preference of the URL: changes must be based on current documents.
	o.SetWriteConcern(majority).SetReadConcern(readconcern.Majority()).SetReadPreference(readpref.Primary())
	return s, nil
}

// quoted matches the parts of a URL in the errors of the driver.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// redactURL returns the text of an error about a URL without anything that may be secret.
func redactURL(raw string, err error) string {
	text := quoted.ReplaceAllString(err.Error(), "…")
	_, rest, _ := strings.Cut(raw, "://")
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		text = strings.ReplaceAll(text, rest[:i], "xxxxx")
		_, password, _ := strings.Cut(rest[:i], ":")
		for _, secret := range []string{password, unescaped(password)} {
			if secret != "" {
				text = strings.ReplaceAll(text, secret, "xxxxx")
			}
		}
	}
	return text
}

func unescaped(s string) string {
	plain, err := url.PathUnescape(s)
	if err != nil {
		return ""
	}
	return plain
}

// connect creates the client. The driver connects when it is first used.
func (s *Store) connect(set settings, o Options) error {
	set.client.SetPoolMonitor(s.pool.monitor()).SetMonitor(commandMonitor(o.OnCommand))
	s.pool.limit = *set.client.MaxPoolSize
	client, err := mongo.Connect(set.client)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadURL, err)
	}
	s.client, s.database = client, client.Database(set.database)
	for name := range designs() {
		s.collections[name] = s.collection(name, set.lists)
	}
	s.players, s.sessions = s.collections[playersCollection], s.collections[sessionsCollection]
	s.leases = s.collections[leasesCollection]
	s.claims, s.metrics = s.collections[claimsCollection], s.collections[metricsCollection]
	s.keys, s.signing = s.collections[keysCollection], s.collections[signingCollection]
	s.webhooks, s.deliveries = s.collections[webhooksCollection], s.collections[deliveriesCollection]
	s.events, s.notices = s.collections[eventsCollection], s.collections[noticesCollection].Collection
	s.writers = s.collections[writersCollection].Collection
	s.feedEnds, s.meta = s.collections[feedsCollection].Collection, s.collections[metaCollection].Collection
	s.players.subject, s.sessions.subject, s.keys.subject = game.SubjectPlayer, game.SubjectSession, game.SubjectKey
	s.webhooks.subject = game.SubjectWebhook
	return nil
}

func (s *Store) collection(name string, lists *readpref.ReadPref) collection {
	return collection{
		Collection: s.database.Collection(name),
		lists:      s.database.Collection(name, options.Collection().SetReadPreference(lists)),
		newest:     s.database.Collection(name, options.Collection().SetReadConcern(readconcern.Local())),
	}
}

// explain returns an error for the operator: what failed when the database was opened, and what to do about it.
func (set settings) explain(err error) error {
	switch {
	case errors.Is(err, ErrNewerSchema), errors.Is(err, ErrOlderSchema), errors.Is(err, ErrMissing),
		errors.Is(err, ErrUnfit), errors.Is(err, context.Canceled):
		return err // already explained
	case hasCode(err, codeAuthentication):
		return fmt.Errorf("%w: user %q cannot log in at %s: check the name, the password and authSource, the "+
			"database that knows the user (often authSource=admin)",
			errLogin, set.user, set.hosts)
	case hasCode(err, codeUnauthorized):
		return fmt.Errorf("%w: user %q lacks permissions in database %s: grant it the role readWrite there, and run "+
			"gsm db init once with one who has dbAdmin too: %w",
			ErrRefused, set.user, set.database, redacted(context.Background(), err))
	}
	if e := (topology.ServerSelectionError{}); errors.As(err, &e) {
		return fmt.Errorf("%w: no server at %s accepted the connection within %s: %s: start it, correct the URL, or "+
			"have gsm serve wait for it with --database-wait",
			ErrUnreachable, set.hosts, set.client.ServerSelectionTimeout, lastErrors(e))
	}
	if mongo.IsNetworkError(err) || mongo.IsTimeout(err) ||
		errors.As(err, new(mongo.ServerError)) && outcomeUnknown(err) {
		return fmt.Errorf("%w: %s: %w", ErrUnreachable, set.hosts, redacted(context.Background(), err))
	}
	return fmt.Errorf("open database %s at %s: %w", set.database, set.hosts, redacted(context.Background(), err))
}

// lastErrors returns why each server could not be reached.
func lastErrors(e topology.ServerSelectionError) string {
	var causes []string
	for _, d := range e.Desc.Servers {
		if d.LastError != nil {
			causes = append(causes, d.LastError.Error())
		}
	}
	if len(causes) == 0 {
		return "none of them is a primary"
	}
	return strings.Join(causes, "; ")
}
