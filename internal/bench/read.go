package bench

import (
	"bytes"
	"context"
	"net/http"
)

// The requests of reads.
const (
	readPlayer  = "read player"
	readSession = "read session"
)

// readsCompared is how many reads there are for each whose whole document is compared: to decode all would cost the
// client more than the server.
const readsCompared = 64

// prepareRead reads the players and sessions of the stock by turns.
func prepareRead(ctx context.Context, b *bench) (workload, error) {
	players, err := b.newPlayers(ctx, b.Stock)
	if err != nil {
		return workload{}, err
	}
	sessions, err := b.newSessions(ctx, b.Stock, func(i int) string { return b.sessionBody(usualSeats, players[i].ID) })
	if err != nil {
		return workload{}, err
	}
	return workload{visit: func(v *visit) {
		i := v.random.IntN(b.Stock)
		if v.n%2 == 0 {
			v.read(readPlayer, "/players/", players[i])
		} else {
			v.read(readSession, "/sessions/", sessions[i])
		}
	}}, nil
}

// read reads a document that nobody changes.
func (v *visit) read(operation, path string, want document) {
	r := v.call(operation, get(path+want.ID))
	if !r.ok() {
		if r.status == http.StatusNotFound {
			v.found.wrong("what was acknowledged is stored", operation+" "+want.ID+" returns it", "404 "+r.code)
		}
		return
	}
	if v.n%readsCompared > 1 { // of both kinds
		if !v.found.right(bytes.HasPrefix(r.body, []byte(`{"id":"`+want.ID+`"`))) {
			v.found.wrong(operation+" returns the document", want.ID, string(r.body))
		}
		return
	}
	var got document
	if err := r.into(&got); err != nil {
		v.found.wrong(operation+" returns a document", "JSON", err.Error())
		return
	}
	same(v.found, operation+" returns the document", want.ID, got.ID)
	same(v.found, operation+" returns the version", want.Version, got.Version)
	same(v.found, operation+" returns what was created", want.Username+want.HostID, got.Username+got.HostID)
}
