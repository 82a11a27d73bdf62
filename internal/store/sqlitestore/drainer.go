package sqlitestore

import "time"

const (
	logBound   = 32 << 20               // bytes: beyond it the log is drained
	lookEvery  = 256                    // writes from one look at the size of the log to the next
	drainWait  = 100 * time.Millisecond // for reads under way
	minBackoff = time.Second
	maxBackoff = 10 * time.Second
)

// drainer keeps the log short. SQLite begins the log anew only when nobody reads in it, which under steady reads is
// never: every read holds on to what was written before it. The drainer lets no read begin for that moment.
type drainer struct {
	file    *file
	readers *readers
	bound   int64
	every   int
	written int // since the last look
	backoff time.Duration
	next    time.Time // not before it; after a failure
}

func newDrainer(f *file, r *readers) *drainer {
	return &drainer{file: f, readers: r, bound: logBound, every: lookEvery}
}

// wrote is told of each batch, outside of a transaction, and drains the log if it is time to.
func (d *drainer) wrote(c *conn, n int) {
	d.written += n
	if d.written < d.every {
		return
	}
	d.written = 0
	if time.Now().Before(d.next) || d.file.size(log) <= d.bound {
		return
	}
	if d.drain(c) {
		d.backoff = 0
		return
	}
	// Who reads for long, here or in another program, will do so for a while. Reads must not stop for it at every look.
	d.backoff = min(max(2*d.backoff, minBackoff), maxBackoff)
	d.next = time.Now().Add(d.backoff)
}

func (d *drainer) drain(c *conn) bool {
	quiet, release := d.readers.pause(drainWait)
	defer release()
	done := quiet && c.truncateLog()
	if done {
		d.file.shrunk(log)
	}
	return done
}

// truncateLog copies the log into the file and empties it, and reports whether it did. It waits for no other program.
func (c *conn) truncateLog() bool {
	// These take effect when they are compiled: as kept statements they would do so once.
	if c.script("PRAGMA busy_timeout = 0") != nil {
		return false
	}
	busy, err := c.row("PRAGMA wal_checkpoint(TRUNCATE)")
	if e := c.script("PRAGMA busy_timeout = " + busyTimeout); err == nil {
		err = e
	}
	return err == nil && busy == int64(0)
}
