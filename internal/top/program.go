package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"game-session-manager/internal/game"
)

// Top watches one gsm.
type Top struct {
	Addr     string        // HOST:PORT of the ops listener
	Interval time.Duration // between two requests
	Sort     Sort
	Palette  Palette
	Now      func() time.Time
}

// Once writes the figures of one interval as plain text.
func (t Top) Once(ctx context.Context, w io.Writer) error {
	source := NewSource(t.Addr, t.Now)
	first, err := source.Look(ctx)
	if err != nil {
		return err
	}
	if err := game.Sleep(ctx, t.Interval); err != nil {
		return err
	}
	second, err := source.Look(ctx)
	if err != nil {
		return err
	}
	s := t.screen(second)
	s.Figures = Between(&first.Moment, second.Moment)
	_, err = io.WriteString(w, s.Text())
	return err
}

// Live draws on the terminal until the user quits, SIGINT or SIGTERM arrives, or ctx is cancelled. It returns an error
// if gsm does not respond at the start; later it waits for gsm to come back.
func (t Top) Live(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	source := NewSource(t.Addr, t.Now)
	first, err := source.Look(ctx)
	if err != nil {
		return err
	}
	v := view{screen: t.screen(first), last: first, look: func() tea.Msg {
		l, err := source.Look(ctx)
		return looked{l, err}
	}, now: t.Now}
	_, err = tea.NewProgram(v, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out)).Run()
	switch {
	case errors.Is(err, tea.ErrInterrupted), ctx.Err() != nil && errors.Is(err, tea.ErrProgramKilled):
		return nil // the user quit
	case err != nil:
		return fmt.Errorf("drawing on the terminal: %w", err)
	}
	return nil
}

func (t Top) screen(first Look) Screen {
	return Screen{
		Addr: t.Addr, Interval: t.Interval, Sort: t.Sort, Palette: t.Palette,
		Now: first.Moment.At, Figures: Between(nil, first.Moment), Groups: first.Groups,
	}
}

// view is the model of the terminal library: a value that messages change.
type view struct {
	screen        Screen // current
	held          Screen // when it was paused
	last          Look
	look          func() tea.Msg
	looking       bool
	now           func() time.Time
	width, height int
}

// looked is the message with the result of a look.
type looked struct {
	Look
	err error
}

// tick is the message at the end of an interval.
type tick struct{}

// Init implements [tea.Model].
func (v view) Init() tea.Cmd { return v.wait() }

func (v view) wait() tea.Cmd {
	return tea.Tick(v.screen.Interval, func(time.Time) tea.Msg { return tick{} })
}

// Update implements [tea.Model].
func (v view) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		v.width, v.height = msg.Width, msg.Height
		return v.scroll(0), nil
	case tea.KeyPressMsg:
		return v.key(msg.String())
	case tick:
		v.screen.Now = v.now()
		if v.looking { // gsm has not responded to the last request yet
			return v, v.wait()
		}
		v.looking = true
		return v, tea.Batch(v.look, v.wait())
	case looked:
		v.looking = false
		v.screen.Now = v.now()
		if msg.err != nil {
			v.screen.Problem = msg.err.Error()
			return v, nil
		}
		v.screen.Problem, v.screen.Groups = "", msg.Groups
		v.screen.Figures = Between(&v.last.Moment, msg.Moment)
		v.screen.history.add(v.screen.Figures)
		v.last = msg.Look
	}
	return v, nil
}

func (v view) key(name string) (tea.Model, tea.Cmd) {
	page := max(v.shown().room(v.width, v.height)-1, 1)
	switch name {
	case "q", "ctrl+c":
		return v, tea.Quit
	case "ctrl+z":
		return v, tea.Suspend
	case "p", "space":
		v.screen.Paused = !v.screen.Paused
		v.held = v.screen
	case "s":
		v.screen.Sort = v.screen.Sort.Next()
	case "?":
		v.screen.Help, v.screen.Offset = !v.screen.Help, 0
	case "esc":
		v.screen.Help, v.screen.Offset = false, 0
	case "up", "k":
		return v.scroll(-1), nil
	case "down", "j":
		return v.scroll(1), nil
	case "pgup":
		return v.scroll(-page), nil
	case "pgdown":
		return v.scroll(page), nil
	case "home":
		return v.scroll(-v.screen.Offset), nil
	case "end":
		return v.scroll(1 << 20), nil
	}
	return v, nil
}

func (v view) scroll(by int) view {
	v.screen.Offset = v.shown().Scroll(by, v.width, v.height).Offset
	return v
}

// shown returns the screen to draw. A pause freezes the figures, but not the scrolling and sorting.
func (v view) shown() Screen {
	if !v.screen.Paused {
		return v.screen
	}
	s := v.held
	s.Sort, s.Help, s.Offset = v.screen.Sort, v.screen.Help, v.screen.Offset
	return s
}

// View implements [tea.Model].
func (v view) View() tea.View {
	if v.width == 0 { // the terminal has not reported its size yet
		return tea.NewView("")
	}
	page := tea.NewView(v.shown().Draw(v.width, v.height))
	page.AltScreen = true
	page.WindowTitle = "gsm top " + v.screen.Addr
	return page
}
