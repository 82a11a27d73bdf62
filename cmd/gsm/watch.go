package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"game-session-manager/client"
	"game-session-manager/internal/game"
)

type watchCmd struct {
	Session string   `arg:"" optional:"" placeholder:"SESSION" help:"The id of the session to follow."`
	All     bool     `help:"Follow everything that happens in the project: sessions, players, API keys and webhooks."`
	Type    []string `placeholder:"TYPE" help:"With --all: events with a change of one of these types, such as member_removed; several with commas."`
	Player  string   `placeholder:"ID" help:"With --all: events that name this player."`
	After   string   `placeholder:"POSITION" help:"Continue after this position, as --json prints it; 0 begins with the first event. Without it, what happens from now on."`
	JSON    bool     `name:"json" help:"Print each event as JSON, in one line."`
	URL     string   `env:"GSM_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server."`
	Token   string   `env:"GSM_TOKEN,GSM_ADMIN_KEY" placeholder:"KEY" help:"An API key of any scope, or for a session the token of a player in it. Set it by the environment: other users of the machine can see flags."`
}

// Help implements [kong.HelpProvider].
func (c *watchCmd) Help() string {
	return `Goes on through lost connections and restarts of the server, and ends with the session, or by Ctrl-C.

Examples:
  gsm watch 01980000-0000-7000-8000-000000000000
  gsm watch --all --type player_banned,member_removed
  gsm watch --all --json --after 0 | jq .changes`
}

// Validate checks the flags.
func (c *watchCmd) Validate() error {
	isID := regexp.MustCompile(game.IDPattern).MatchString
	var err error
	switch {
	case c.All && c.Session != "":
		err = errors.New("a SESSION and --all exclude each other")
	case !c.All && c.Session == "":
		err = errors.New("name the SESSION to watch, or use --all")
	case !c.All && !isID(c.Session):
		err = fmt.Errorf("SESSION: %q is not the id of a session", c.Session)
	case !c.All && (len(c.Type) > 0 || c.Player != ""):
		err = errors.New("--type and --player need --all")
	case c.Player != "" && !isID(c.Player):
		err = fmt.Errorf("--player: %q is not the id of a player", c.Player)
	}
	for _, t := range c.Type {
		if !slices.Contains(game.ChangeTypes(), game.ChangeType(t)) {
			err = errors.Join(err, fmt.Errorf("--type: there is no type %q", t))
		}
	}
	return err
}

// Run prints events until the session ends, an error, or the end of the program.
func (c *watchCmd) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	var options []client.Option
	if c.Token != "" {
		options = append(options, client.WithToken(c.Token))
	}
	api, err := client.New(c.URL, options...)
	if err != nil {
		return failed(exitUsage, "--url (GSM_URL): %w", err)
	}
	err = c.print(ctx, api, s.out)
	switch {
	case err == nil, ctx.Err() != nil:
		return nil // Ctrl-C is how it is meant to end
	case errors.Is(err, client.ErrFeedGap):
		return fmt.Errorf("events after the position are no longer kept: continue without --after: %w", err)
	}
	return err
}

// print prints events. Following would try again for ever at a server that cannot be reached, so that the position is
// looked up before.
func (c *watchCmd) print(ctx context.Context, api *client.Client, to io.Writer) error {
	filter := client.EventFilter{PlayerID: client.PlayerID(c.Player)}
	for _, t := range c.Type {
		filter.Type = append(filter.Type, client.ChangeType(t))
	}
	events := func(position string) iter.Seq2[client.Event, error] {
		if c.All {
			return api.Events.Follow(ctx, position, filter)
		}
		return api.Sessions.Follow(ctx, client.SessionID(c.Session), position)
	}
	first := client.EventRead{After: c.After, Limit: 1}
	var page client.EventPage
	var err error
	if c.All {
		page, err = api.Events.Page(ctx, first, filter)
	} else {
		page, err = api.Sessions.Events(ctx, client.SessionID(c.Session), first)
	}
	if err != nil {
		return err
	}
	for e, err := range events(cmp.Or(c.After, page.Position)) {
		if err == nil {
			err = c.printEvent(to, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *watchCmd) printEvent(to io.Writer, e client.Event) error {
	line := []byte(c.line(e))
	if c.JSON {
		var err error
		if line, err = json.Marshal(e); err != nil {
			return err
		}
	}
	_, err := to.Write(append(line, '\n'))
	return err
}

// line returns an event as a line of text.
func (c *watchCmd) line(e client.Event) string {
	var b strings.Builder
	b.WriteString(e.At.UTC().Format(time.RFC3339))
	if c.All {
		fmt.Fprintf(&b, "  %s %s", e.Subject.Kind, e.Subject.ID)
	}
	fmt.Fprintf(&b, "  v%d", e.Version)
	if e.Actor.Kind != "" {
		fmt.Fprintf(&b, "  %s %s", e.Actor.Kind, e.Actor.ID)
	}
	for i, change := range e.Changes {
		separator := ";"
		if i == 0 {
			separator = " "
		}
		b.WriteString(separator + " " + changeText(change))
	}
	return b.String()
}

// changeText returns a change as its type and its fields, such as "member_left player_id=…".
func changeText(c client.Change) string {
	encoded, err := json.Marshal(c)
	if err != nil {
		return c.Type
	}
	var text strings.Builder
	text.WriteString(c.Type)
	var fields map[string]any
	_ = json.Unmarshal(encoded, &fields) // it was encoded just now
	delete(fields, "type")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := fmt.Sprint(fields[name])
		if list, is := fields[name].([]any); is {
			value = strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]")
		}
		if quoted := strconv.Quote(value); strings.Contains(value, " ") || quoted != `"`+value+`"` {
			value = quoted // so that it controls no terminal
		}
		text.WriteString(" " + name + "=" + value)
	}
	return text.String()
}
