package check

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// nobody is an id that does not exist.
const nobody = "00000000-0000-7000-8000-000000000000"

// loadUntilTheEnd puts load on each server until the test ends.
func (s *stack) loadUntilTheEnd(t *testing.T, apis []string) {
	t.Helper()
	var done sync.WaitGroup
	t.Cleanup(done.Wait)
	for _, api := range apis {
		done.Go(func() {
			tick := time.NewTicker(250 * time.Millisecond)
			defer tick.Stop()
			for turn := 1; ; turn++ {
				s.load(t, api, turn)
				select {
				case <-t.Context().Done():
					return
				case <-tick.C:
				}
			}
		})
	}
}

// load sends a server typical requests of players, including mistakes.
func (s *stack) load(t *testing.T, api string, turn int) {
	t.Helper()
	post := func(path, body string) string {
		res, err := s.http.Post(api+"/api/v1"+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return nobody
		}
		defer func() { _ = res.Body.Close() }()
		var made struct{ ID string }
		_ = json.NewDecoder(res.Body).Decode(&made) // a problem has no id
		return cmp.Or(made.ID, nobody)
	}
	get := func(path string) {
		if res, err := s.http.Get(api + path); err != nil {
			t.Error(err)
		} else {
			_ = res.Body.Close()
		}
	}
	player := func(name string) string { return post("/players", fmt.Sprintf(`{"username":"%s-%d"}`, name, turn)) }
	host, guest, late := player("host"), player("guest"), player("late")
	session := post("/sessions", fmt.Sprintf(`{"max_players":2,"mode":"ranked","host_id":%q}`, host))
	post("/sessions/"+session+"/members", fmt.Sprintf(`{"player_id":%q}`, guest))
	post("/sessions/"+session+"/members", fmt.Sprintf(`{"player_id":%q}`, late)) // the session is full
	post("/sessions/"+session+"/heartbeat", `{}`)
	player("host") // the name is taken
	post("/players", `{"username":""}`)
	get("/api/v1/players/" + host)
	get("/api/v1/players/" + nobody)
	get("/api/v1/sessions?status=open")
	get("/api/v1/nothing")
	get("/health/detailed")
}
