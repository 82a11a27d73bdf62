package bench

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// preparers is how many requests of the preparation are sent at once.
const preparers = 16

// usualSeats are the seats of a session that is not filled.
const usualSeats = 10

// document is the part of a player or a session that scenarios look at.
type document struct {
	ID         string `json:"id"`
	Username   string `json:"username"`
	Mode       string `json:"mode"`
	Status     string `json:"status"`
	Version    int64  `json:"version"`
	Fence      int64  `json:"fence"`
	HostID     string `json:"host_id"`
	MaxPlayers int    `json:"max_players"`
	FreeSeats  int    `json:"free_seats"`
	Liveness   string `json:"liveness"`
	Attributes struct {
		Write float64 `json:"write"` // a number of JSON
	} `json:"attributes"`
	Members []struct {
		PlayerID string `json:"player_id"`
	} `json:"members"`
}

// newUsername returns a username that nobody has.
func (b *bench) newUsername() string { return b.name(strconv.FormatInt(b.named.Add(1), 10)) }

func playerBody(username string) string {
	return `{"username":"` + username + `","display_name":"A player","attributes":{"mmr":1200,"country":"nl"}}`
}

// sessionBody returns a new session, of a server if there is no host.
func (b *bench) sessionBody(seats int, host string) string {
	hosted := ""
	if host != "" {
		hosted = `,"host_id":"` + host + `"`
	}
	return fmt.Sprintf(`{"name":"A session","mode":%q,"map":"dust","region":"eu-west","max_players":%d,`+
		`"attributes":{"level":3,"ranked":true}%s}`, b.name("mode"), seats, hosted)
}

// newPlayers creates players.
func (b *bench) newPlayers(ctx context.Context, n int) ([]document, error) {
	return b.newDocuments(ctx, n, b.left.player, func(int) request {
		return post("/players", playerBody(b.newUsername()))
	})
}

// newSessions creates sessions.
func (b *bench) newSessions(ctx context.Context, n int, body func(i int) string) ([]document, error) {
	return b.newDocuments(ctx, n, b.left.session, func(i int) request { return post("/sessions", body(i)) })
}

func (b *bench) newDocuments(
	ctx context.Context, n int, created func(id string), ask func(i int) request,
) ([]document, error) {
	all := make([]document, n)
	err := together(preparers, n, func(i int) error {
		r, err := b.api.must(ctx, ask(i), http.StatusCreated)
		if err == nil {
			err = r.into(&all[i])
		}
		if err == nil {
			created(all[i].ID)
		}
		return err
	})
	return all, err
}

// look reads a document for a check. It returns false, and warns, if that fails for another reason than that the
// document is not there, which is a finding.
func (b *bench) look(ctx context.Context, path string) (d document, found bool) {
	r, err := b.api.must(ctx, get(path), http.StatusOK, http.StatusNotFound)
	if err == nil && r.status == http.StatusNotFound {
		b.found.check(false, "what was acknowledged is stored", "GET "+path+" returns it", "404 "+r.code)
		return d, false
	}
	if err == nil {
		err := r.into(&d)
		b.found.check(err == nil, "a read returns a document", "JSON", string(r.body))
		return d, err == nil
	}
	if ctx.Err() == nil {
		b.warn("a check could not be made: %v", err)
	}
	return d, false
}
