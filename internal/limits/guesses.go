package limits

import "time"

// JoinCodeRate returns the rate of wrong join codes of one caller: a burst of 10, and one every 15 minutes.
//
// There are 32^6 = 1,073,741,824 codes. If 10,000 of them are live, a guess finds one with a probability of
// 10,000 / 32^6 = 9.31e-6. In a day one process checks at most 10 + 24*4 = 106 guesses of a caller, and ten processes,
// as many as the manifests run, 1,060. The probability that one of these finds a session is at most
// 1,060 * 9.31e-6 = 0.987 %.
func JoinCodeRate() Rate { return Rate{1.0 / (15 * 60), 10} }

// PasswordRate returns the rate of wrong passwords of one caller for one session: a burst of 5, and one every minute.
func PasswordRate() Rate { return Rate{1.0 / 60, 5} }

// maxGuessers is how many callers are remembered for wrong guesses.
const maxGuessers = 100_000

// Guesses limits wrong guesses of each caller at a short secret. Right ones are not limited, except that those of a
// caller whose wrong guesses have used up the limit are not checked. It is safe for concurrent use.
type Guesses struct {
	now     func() time.Time
	class   class
	callers *buckets[string]
}

// NewGuesses returns a Guesses with the rate of wrong guesses.
func NewGuesses(of Class, r Rate, now func() time.Time) *Guesses {
	return &Guesses{now: now, class: newClass(of, r), callers: newBuckets[string](maxGuessers)}
}

// Begin counts a guess of a caller before it is checked, so that guesses at the same time do not exceed the limit. The
// caller calls Forgive unless the guess was wrong. It returns a *RefusedError, and counts nothing, if the limit is used
// up.
func (g *Guesses) Begin(caller string) error {
	return checkBucket(g.callers, caller, g.class, g.now(), (*bucket).take)
}

// Forgive no longer counts a guess for which Begin returned nil.
func (g *Guesses) Forgive(caller string) {
	g.callers.with(caller, g.class.rate, g.now(), func(b *bucket) { b.tokens++ })
}
