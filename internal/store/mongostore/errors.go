package mongostore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"game-session-manager/internal/game"
)

// Errors of Open. Each is wrapped in an error that says what to do.
var (
	// ErrBadURL is returned for a URL that is malformed, or that weakens the guarantees of writes.
	ErrBadURL = errors.New("not a URL of MongoDB")
	// ErrUnreachable is returned if no server could be reached.
	ErrUnreachable = errors.New("the database does not respond")
	// ErrRefused is returned if the user cannot log in or lacks permissions.
	ErrRefused = errors.New("the database rejects the user")
	// ErrNewerSchema is returned for a database that a newer version of gsm has migrated.
	ErrNewerSchema = errors.New("the database is of a newer version")
	// ErrOlderSchema is returned if Beside is set and the database needs a migration.
	ErrOlderSchema = errors.New("the database is of an older version")
	// ErrMissing is returned if the database must exist and does not.
	ErrMissing = errors.New("the database does not exist")
	// ErrUnfit is returned for a server that does not enforce unique indexes.
	ErrUnfit = errors.New("the server cannot be used")
)

// errLogin is the ErrRefused of a failed login. On a first start the user may not have been created yet.
var errLogin = fmt.Errorf("%w", ErrRefused)

var (
	errClosed        = errors.New("the store is closed")
	errNoPlace       = errors.New("a document has no place in the order")
	errEncoding      = errors.New("the document cannot be encoded")
	errInvisible     = errors.New("the write is not on a majority of the members yet")
	errTooManyWrites = errors.New("the document had too many later writes to tell whether this one was made")
)

// Error codes of the server: https://www.mongodb.com/docs/manual/reference/error-codes/.
const (
	codeInternal       = 1 // FerretDB also returns it if its engine has crashed
	codeUnauthorized   = 13
	codeAuthentication = 18
	codeBadValue       = 2
	codeNoNamespace    = 26
	codeNoIndex        = 27
	codeTimeLimit      = 50
)

// unknownOutcomeCodes are the error codes after which a command may or may not have been executed: [codeInternal],
// and those that the retryable writes specification lists as retryable.
var unknownOutcomeCodes = []int{
	codeInternal, 6, 7, 8, 50, 64, 79, 89, 91, 100, 112, 133, 134, 189, 217, 225, 234, 262, 9001, 10107, 11600, 11601,
	11602, 13388, 13435, 13436,
}

// unknownOutcomeClasses are the classes of PostgreSQL error codes for the same condition, or for a transaction that
// was rolled back in favour of another. FerretDB passes them on from its engine:
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
var unknownOutcomeClasses = []string{"08", "40", "57", "58", "XX"}

// codeOutcomeUnknown reports whether a command that failed with the code may have been executed.
func codeOutcomeUnknown(code int) bool {
	return slices.Contains(unknownOutcomeCodes, code) || slices.Contains(unknownOutcomeClasses, sqlClass(code))
}

// sqlClass returns the class of a PostgreSQL error code, which packs five characters of six bits each, or "" for a
// code of MongoDB.
func sqlClass(code int) string {
	const bits, mask = 6, 1<<6 - 1
	if code < 1<<16 {
		return ""
	}
	return string([]byte{byte(code&mask) + '0', byte(code>>bits&mask) + '0'})
}

// serverError is an error of the server without the stored values that MongoDB may include in its message.
type serverError struct {
	code    int
	message string
}

func (e serverError) Error() string {
	return fmt.Sprintf("the server returned %d: %s", e.code, e.message)
}

// bulkError converts the error of a bulk write to that of a single write.
func bulkError(err error) error {
	e := mongo.BulkWriteException{}
	if !errors.As(err, &e) {
		return err
	}
	one := mongo.WriteException{WriteConcernError: e.WriteConcernError, Labels: e.Labels}
	for _, w := range e.WriteErrors {
		one.WriteErrors = append(one.WriteErrors, w.WriteError)
	}
	return one
}

// outcomeUnknown reports whether a command that was sent and failed with err may have been executed.
func outcomeUnknown(err error) bool {
	err = bulkError(err)
	if e := (mongo.WriteException{}); errors.As(err, &e) {
		return e.WriteConcernError != nil || len(e.WriteErrors) == 0 || codeOutcomeUnknown(e.WriteErrors[0].Code)
	}
	if e := (mongo.CommandError{}); errors.As(err, &e) {
		return e.Code == 0 || codeOutcomeUnknown(int(e.Code)) || e.HasErrorLabel("NetworkError")
	}
	return true
}

// redacted returns the cause of a failure in a form that may be logged.
func redacted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = bulkError(err)
	if e := (mongo.WriteException{}); errors.As(err, &e) {
		switch {
		case len(e.WriteErrors) > 0:
			return serverError{e.WriteErrors[0].Code, clean(e.WriteErrors[0].Message)}
		case e.WriteConcernError != nil:
			return serverError{e.WriteConcernError.Code, e.WriteConcernError.Name}
		}
	}
	if e := (mongo.CommandError{}); errors.As(err, &e) && e.Code != 0 {
		return serverError{int(e.Code), clean(e.Message)}
	}
	return err
}

// clean removes the duplicate key from a message of MongoDB.
func clean(message string) string { return dupKey.ReplaceAllString(message, "") }

var (
	dupKey    = regexp.MustCompile(`(?s) dup key: .*`)
	indexName = regexp.MustCompile(`(?:index: |Index ')([\w.]+)`) // the forms of MongoDB and DocumentDB
)

// takenIndex returns the name of the unique index that rejected a write, and reports whether one did.
func takenIndex(err error) (string, bool) {
	err = bulkError(err)
	if e := (mongo.WriteException{}); errors.As(err, &e) && mongo.IsDuplicateKeyError(err) && len(e.WriteErrors) > 0 {
		if m := indexName.FindStringSubmatch(clean(e.WriteErrors[0].Message)); m != nil {
			return m[1], true
		}
	}
	return "", false
}

// readError returns the error for a read that failed, nil for nil.
func readError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return game.ErrStoreUnavailable.Because(redacted(ctx, err))
}
