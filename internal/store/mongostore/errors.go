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

// Reasons for which Open refuses. Each comes with a sentence that says what to do.
var (
	// ErrBadURL says that the URL makes no sense, or asks for less than the promises need.
	ErrBadURL = errors.New("not a URL of MongoDB")
	// ErrUnreachable says that no server answered.
	ErrUnreachable = errors.New("the database does not respond")
	// ErrRefused says that the server does not let this user in, or not far enough.
	ErrRefused = errors.New("the database rejects the user")
	// ErrNewerSchema says that a newer gsm has prepared the database.
	ErrNewerSchema = errors.New("the database is of a newer version")
	// ErrOlderSchema says that an older gsm has prepared the database, and that it was to be opened as it is.
	ErrOlderSchema = errors.New("the database is of an older version")
	// ErrMissing says that the database was to be there and is not.
	ErrMissing = errors.New("the database does not exist")
	// ErrUnfit says that the server cannot keep the promises.
	ErrUnfit = errors.New("the server cannot be used")
)

// errLogin is ErrRefused of a name or a password that the server does not take. On a first start it may be that nobody
// has made the user yet.
var errLogin = fmt.Errorf("%w", ErrRefused)

var (
	errClosed        = errors.New("the store is closed")
	errEncoding      = errors.New("the document cannot be encoded")
	errDecoding      = errors.New("the stored document cannot be decoded")
	errInvisible     = errors.New("the write is not on a majority of the members yet")
	errTooManyWrites = errors.New("too many later writes hide what became of this one")
)

// Codes of the server's errors: https://www.mongodb.com/docs/manual/reference/error-codes/.
const (
	codeInternal       = 1 // also how FerretDB tells that its engine has died
	codeUnauthorized   = 13
	codeAuthentication = 18
	codeBadValue       = 2
	codeNoNamespace    = 26
	codeNoIndex        = 27
	codeTimeLimit      = 50
)

// unknownOutcomeCodes are the codes that do not tell whether the command was executed: besides [codeInternal], those after
// which the retryable writes specification has a write sent again.
var unknownOutcomeCodes = []int{
	codeInternal, 6, 7, 8, 50, 64, 79, 89, 91, 100, 112, 133, 134, 189, 217, 225, 234, 262, 9001, 10107, 11600, 11601,
	11602, 13388, 13435, 13436,
}

// unknownOutcomeClasses are the classes of PostgreSQL's error codes that do not tell it either, or that tell of a transaction
// that gave way to another. FerretDB passes on such codes of its engine:
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
var unknownOutcomeClasses = []string{"08", "40", "57", "58", "XX"}

// codeOutcomeUnknown reports whether a code does not tell whether the command was executed for good.
func codeOutcomeUnknown(code int) bool {
	return slices.Contains(unknownOutcomeCodes, code) || slices.Contains(unknownOutcomeClasses, sqlClass(code))
}

// sqlClass returns the class of a code of PostgreSQL, which packs each of five characters into six bits, and nothing
// for a code of MongoDB.
func sqlClass(code int) string {
	const bits, mask = 6, 1<<6 - 1
	if code < 1<<16 {
		return ""
	}
	return string([]byte{byte(code&mask) + '0', byte(code>>bits&mask) + '0'})
}

// serverError is what the server said, without the values that MongoDB's own text may repeat.
type serverError struct {
	code    int
	message string
}

func (e serverError) Error() string {
	return fmt.Sprintf("the server returned %d: %s", e.code, e.message)
}

// bulkError returns the error of a command with several documents as that of one.
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

// lost reports whether an error of a command that was sent leaves open what became of it.
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

// private returns the cause of a failure as it may be logged.
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

// clean cuts off the key that MongoDB repeats when it is taken.
func clean(message string) string { return dupKey.ReplaceAllString(message, "") }

var (
	dupKey    = regexp.MustCompile(`(?s) dup key: .*`)
	indexName = regexp.MustCompile(`(?:index: |Index ')([\w.]+)`) // of MongoDB, and of DocumentDB
)

// takenIndex returns the name of the unique index that refused a write, and whether one did.
func takenIndex(err error) (string, bool) {
	err = bulkError(err)
	if e := (mongo.WriteException{}); errors.As(err, &e) && mongo.IsDuplicateKeyError(err) && len(e.WriteErrors) > 0 {
		if m := indexName.FindStringSubmatch(clean(e.WriteErrors[0].Message)); m != nil {
			return m[1], true
		}
	}
	return "", false
}

// unread is the answer of a read that failed.
func readError(ctx context.Context, err error) error {
	return game.ErrStoreUnavailable.Because(redacted(ctx, err))
}
