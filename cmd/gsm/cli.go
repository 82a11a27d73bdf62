package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"game-session-manager/internal/config"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/sqlitestore"
)

// Exit codes.
const (
	exitOK       = 0
	exitFailure  = 1 // something else went wrong
	exitUsage    = 2 // the command line or the configuration is wrong
	exitAddress  = 3 // an address to listen on is taken or not on this machine
	exitLocked   = 4 // another gsm serves the database
	exitDatabase = 5 // the database cannot be used
	exitFindings = 6 // the database can be used, but has errors
)

const description = `The game session manager: keeps the players and game sessions of online games.

Start it with "gsm serve"; every flag has an environment variable. Exit codes: 0 done, 1 failed, 2 wrong usage or
configuration, 3 address taken, 4 database in use by another gsm, 5 database cannot be used, 6 findings or
differences in a database.`

// cli defines the command line.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Serve the API until SIGINT or SIGTERM."`
	DB      dbCmd      `cmd:"" name:"db" help:"Prepare, check, copy and back up databases."`
	Keys    keysCmd    `cmd:"" help:"Create, list, revoke and rotate API keys."`
	Top     topCmd     `cmd:"" help:"Show live what a running server does."`
	Watch   watchCmd   `cmd:"" help:"Print what happens to a session, or in the whole project, as it happens."`
	Bench   benchCmd   `cmd:"" help:"Put load on a server, check its responses, and print how long they took."`
	Health  healthCmd  `cmd:"" help:"Check whether the server on this machine accepts requests."`
	Config  configCmd  `cmd:"" help:"Print the effective configuration of serve as environment variables, with secrets masked."`
	Version versionCmd `cmd:"" help:"Print the version."`

	BenchServe benchServeCmd `cmd:"" hidden:""`
	BenchFloor benchFloorCmd `cmd:"" hidden:""`
}

type serveCmd struct{ config.Server }

type configCmd struct{ config.Server }

type versionCmd struct{}

// streams are the outputs of a command.
type streams struct{ out, err io.Writer }

// failure is an error with the exit code that it leads to.
type failure struct {
	error
	code int
}

func (f *failure) Unwrap() error { return f.error }

// failed returns a failure with a message as [fmt.Errorf] makes it.
func failed(code int, format string, args ...any) error {
	return &failure{fmt.Errorf(format, args...), code}
}

// exited carries the exit code of a command line that printed help.
type exited int

// run runs one command and returns its exit code.
func run(args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			c, ok := r.(exited)
			if !ok {
				panic(r)
			}
			code = int(c)
		}
	}()
	var c cli
	parser, err := kong.New(&c, kong.Name("gsm"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Exit(func(code int) { panic(exited(code)) })) // kong would continue if Exit returned
	if err != nil {
		return explain(stderr, err)
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return explain(stderr, failed(exitUsage, "%w; see %s --help", err, commandOf(err)))
	}
	return explain(stderr, ctx.Run(streams{stdout, stderr}))
}

// commandOf returns the command that a parse error is about, as far as the parser recognised it.
func commandOf(err error) string {
	if e := (*kong.ParseError)(nil); errors.As(err, &e) && e.Context.Selected() != nil {
		return e.Context.Selected().FullPath()
	}
	return "gsm"
}

// explain writes what went wrong and returns the exit code for it.
func explain(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintln(w, "gsm:", strings.TrimSuffix(line, "\n")) // there is nowhere to report a write error
	}
	return exitCode(err)
}

// exitCode returns the exit code for an error.
func exitCode(err error) int {
	switch f := (*failure)(nil); {
	case errors.Is(err, store.ErrUnknownScheme), errors.Is(err, store.ErrBadURL), errors.Is(err, store.ErrNoBackup),
		errors.Is(err, observe.ErrBadEnvironment):
		return exitUsage
	case errors.Is(err, sqlitestore.ErrLocked):
		return exitLocked
	case errors.Is(err, store.ErrDiffers):
		return exitFindings
	case errors.As(err, &f):
		return f.code
	}
	return exitFailure
}

// Run prints the configuration.
func (c *configCmd) Run(s streams) error {
	for _, line := range c.Lines() {
		if _, err := fmt.Fprintln(s.out, line); err != nil {
			return fmt.Errorf("printing the configuration: %w", err)
		}
	}
	return nil
}

// Run prints the version.
func (c *versionCmd) Run(s streams) error {
	text := "gsm " + version()
	if commit != "" {
		text += " (" + commit + ")"
	}
	_, err := fmt.Fprintln(s.out, text)
	return err
}

// Set by the linker: -X main.stamped=1.2.3 -X main.commit=0123abc.
var stamped, commit string

// version returns the stamped version, or the module's version from the build information.
func version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}
