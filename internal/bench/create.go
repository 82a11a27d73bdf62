package bench

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// The requests of creations.
const (
	createPlayer  = "create player"
	createSession = "create session"
)

// mostReadBack bounds how many documents are read for a check after a load.
const mostReadBack = 500

// created are the documents that a run created and the server acknowledged.
type created struct {
	mu  sync.Mutex
	ids map[string]bool
	all []document
}

// add adds a document, whose id must be new.
func (c *created) add(f *findings, d document) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.check(d.ID != "" && !c.ids[d.ID], "each creation makes a document of its own", "a new id", d.ID)
	if len(c.all) < mostKept {
		c.ids[d.ID] = true
		c.all = append(c.all, d)
	}
}

// sample returns some of the documents, spread over the whole load, with the last.
func (c *created) sample() (some []document) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.all)
	k := min(n, mostReadBack)
	for i := range k {
		some = append(some, c.all[n-1-i*n/k])
	}
	return some
}

// prepareCreate creates players, and sessions that one of a few players hosts, by turns.
func prepareCreate(ctx context.Context, b *bench) (workload, error) {
	hosts, err := b.newPlayers(ctx, min(b.Stock, mostHosts))
	if err != nil {
		return workload{}, err
	}
	players, sessions := &created{ids: map[string]bool{}}, &created{ids: map[string]bool{}}
	visit := func(v *visit) {
		if v.n%2 == 0 {
			username := v.newUsername()
			v.create(createPlayer, post("/players", playerBody(username)), func(d document) {
				v.left.player(d.ID)
				same(v.found, createPlayer+" stores the username", username, d.Username)
				players.add(v.found, d)
			})
			return
		}
		host := hosts[v.random.IntN(len(hosts))].ID
		v.create(createSession, post("/sessions", v.sessionBody(usualSeats, host)), func(d document) {
			v.left.session(d.ID)
			same(v.found, createSession+" stores the host", host, d.HostID)
			sessions.add(v.found, d)
		})
	}
	return workload{visit: visit, check: func(ctx context.Context) {
		b.readBack(ctx, "/players/", players.sample())
		b.readBack(ctx, "/sessions/", sessions.sample())
	}}, nil
}

// mostHosts bounds how many players host the sessions that are created.
const mostHosts = 100

// create creates a document.
func (v *visit) create(operation string, q request, made func(document)) (ok bool) {
	r := v.call(operation, q)
	if !r.ok() {
		return false
	}
	var d document
	if err := r.into(&d); err != nil || r.status != http.StatusCreated {
		v.found.wrong(operation+" returns the document", "201 and JSON", fmt.Sprint(r.status, " ", err))
		return false
	}
	made(d)
	return true
}

// readBack compares documents with what was acknowledged.
func (b *bench) readBack(ctx context.Context, path string, want []document) {
	_ = together(preparers, len(want), func(i int) error {
		got, found := b.look(ctx, path+want[i].ID)
		if found {
			same(b.found, "what was created is stored", want[i].Username+want[i].HostID, got.Username+got.HostID)
		}
		return ctx.Err()
	})
}
