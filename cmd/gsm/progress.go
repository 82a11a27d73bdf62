package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// meterParts is the number of lines that show the progress of a task without a terminal.
const meterParts = 10

// meter shows the progress of a command: a bar on a terminal, lines elsewhere. It writes to standard error, so that
// the output of the command can be piped.
type meter struct {
	out      io.Writer
	terminal bool
	task     string
	part     int // shown last
	bar      *progressbar.ProgressBar
}

func newMeter(s streams) *meter {
	return &meter{out: s.err, terminal: isTerminal(s.err)}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// at shows that done of about total documents of a task are finished. It ignores write errors: they are no reason to
// fail the task.
func (m *meter) at(task string, done, total int) {
	total = max(done, total)
	if m.task != task {
		m.end()
		m.task, m.part = task, 0
	}
	if !m.terminal {
		if part := done * meterParts / max(total, 1); part > m.part && done < total {
			m.part = part
			_, _ = fmt.Fprintf(m.out, "%s: %d of about %d\n", task, done, total)
		}
		return
	}
	if m.bar == nil {
		m.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(m.out), progressbar.OptionSetDescription(task), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish())
	}
	if total != m.bar.GetMax() {
		m.bar.ChangeMax(total)
	}
	_ = m.bar.Set(done)
}

// line shows a line in place of the one before, on a terminal only: what it says is out of date a moment later. An
// empty one removes it.
func (m *meter) line(text string) {
	if m.terminal {
		_, _ = fmt.Fprint(m.out, "\r\x1b[K"+text)
	}
}

// clear removes the bar so that another line can be written.
func (m *meter) clear() {
	if m.bar != nil {
		_ = m.bar.Clear()
	}
}

// end removes the bar.
func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Finish()
		m.bar = nil
	}
}
