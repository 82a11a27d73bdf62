// Package floor has the servers that gsm bench compares gsm with: net/http and nothing that is not necessary. They have
// no rules, events, contract, log or limits, so that what gsm takes beyond them is what all of that costs.
//
// One of them stores nothing: it decodes what it is sent and returns as many bytes as gsm does. The other one makes the
// calls of MongoDB's driver that gsm cannot do without, on gsm's own collections.
package floor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Config is what a server reads from its standard input.
type Config struct {
	// DatabaseURL names a database of MongoDB. The server without one stores nothing.
	DatabaseURL string `json:"database_url"`
	// Responses are what the server that stores nothing returns, by the pattern of the route.
	Responses map[string]Response `json:"responses"`
}

// Response is the response to all requests of a route.
type Response struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

// readHeaderTimeout is that of gsm.
const readHeaderTimeout = 5 * time.Second

// Serve reads a [Config], writes its address as a line, and serves until in ends.
func Serve(in io.Reader, out io.Writer) error {
	requests := json.NewDecoder(in)
	var config Config
	if err := requests.Decode(&config); err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	handler := config.handler()
	if config.DatabaseURL != "" {
		var err error
		if handler, err = driver(config.DatabaseURL); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with in
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = l.Close()
	}()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout}
	if err := server.Serve(l); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// handler returns the server that stores nothing.
func (c Config) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, r := range c.Responses {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, q *http.Request) {
			if q.Method != http.MethodGet {
				var sent body
				if err := json.NewDecoder(q.Body).Decode(&sent); err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(r.Status)
			_, _ = io.WriteString(w, r.Body) // the client may have gone
		})
	}
	return mux
}

// body has the fields of all bodies that are sent.
type body struct {
	Username    string         `json:"username"`
	DisplayName string         `json:"display_name"`
	Name        string         `json:"name"`
	Mode        string         `json:"mode"`
	Map         string         `json:"map"`
	Region      string         `json:"region"`
	MaxPlayers  int            `json:"max_players"`
	HostID      string         `json:"host_id"`
	PlayerID    string         `json:"player_id"`
	Attributes  map[string]any `json:"attributes"`
	Sessions    []struct {
		SessionID string `json:"session_id"`
		Fence     int64  `json:"fence"`
	} `json:"sessions"`
}
