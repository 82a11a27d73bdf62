package tests_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"
)

// BenchmarkMembers measures requests to one session by how many members it has.
func BenchmarkMembers(b *testing.B) {
	s := gsmSide(b, gsm, freshDatabase(b))
	rows := [][]string{{"p50 / p99 in ms, and the server's CPU in µs"}}
	for i, n := range []int{2, 10, 100, 990} {
		rows[0] = append(rows[0], fmt.Sprint(n))
		for j, r := range requestsTo(b, s, n) {
			if i == 0 {
				rows = append(rows, []string{r.name})
			}
			rows[j+1] = append(rows[j+1], costOf(b, s, r))
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	reportTable(b, "members-"+underTest.name, "Requests to a session, by its members, "+underTest.name, rows)
}

// requestsTo creates a session with members and returns requests to it.
func requestsTo(b *testing.B, s *side, members int) []scaleRequest {
	b.Helper()
	players := fill(b, members+scaleClients, func(ctx context.Context, _ int) (string, error) {
		return s.created(ctx, "/players", newScalePlayer())
	})
	settings := fmt.Sprintf(`{"name":"A session","max_players":%d}`, members+scaleClients)
	id, err := s.created(b.Context(), "/sessions", settings)
	must(b, err)
	at := "/sessions/" + id
	for party := range slices.Chunk(players[:members], 64) {
		var list []map[string]string
		for _, player := range party {
			list = append(list, map[string]string{"player_id": player})
		}
		body, err := json.Marshal(map[string]any{"players": list})
		must(b, err)
		must(b, s.do(b.Context(), sent{http.MethodPost, at + "/members", string(body), http.StatusCreated}))
	}
	read := func(name, target string) scaleRequest {
		return reads(name, func(int, int) string { return target })
	}
	return []scaleRequest{
		read("read", at),
		read("read, with all that is known of members", at+"?members=full"),
		read("read, without members", at+"?members=none"),
		read("read a member", at+"/members/"+players[0]),
		{"change a member", func(client, n int) sent {
			target := at + "/members/" + players[client%members]
			return sent{http.MethodPatch, target, fmt.Sprintf(`{"attributes":{"turn":%d}}`, n), http.StatusOK}
		}},
		{"change the session", func(client, n int) sent {
			return sent{http.MethodPatch, at, fmt.Sprintf(`{"map":"map-%d-%d"}`, client, n), http.StatusOK}
		}},
		{"join, and leave", func(client, n int) sent {
			player := players[members+client]
			if n%2 == 1 {
				return sent{http.MethodDelete, at + "/members/" + player, "", http.StatusNoContent}
			}
			return sent{http.MethodPost, at + "/members", fmt.Sprintf(`{"player_id":%q}`, player), http.StatusCreated}
		}},
	}
}

// sent returns a request of the load, or none when there are no more.
func (l load) sent(client, n int) sent {
	target, body, ok := l.request(client, n)
	switch {
	case !ok:
		return sent{}
	case body == "":
		return sent{http.MethodGet, target, "", l.status}
	}
	return sent{http.MethodPost, target, body, l.status}
}

// BenchmarkProcesses measures one to three processes on one MongoDB, with as many clients together.
func BenchmarkProcesses(b *testing.B) {
	server := os.Getenv("GSM_TEST_MONGODB_URI")
	if server == "" {
		b.Skip("GSM_TEST_MONGODB_URI is not set")
	}
	const most = 3
	db := speedDatabase(b, server)
	var sides []*side
	for range most {
		sides = append(sides, gsmSide(b, gsm, db))
	}
	stock := newStock(b, db)
	rows := [][]string{{"processes", "requests/s", "of one", "p99 in ms"}}
	for _, l := range stock.loads() {
		var one float64
		for n := 1; n <= most; n++ {
			l.refill()
			begin := time.Now()
			took := latencies(b, sides[:n], speedClients, scaleRequest{l.name, l.sent})
			rate := float64(len(took)) / time.Since(begin).Seconds()
			if n == 1 {
				one = rate
			}
			rows = append(rows, []string{
				fmt.Sprintf("%s, %d", l.name, n), fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.2f", rate/one),
				fmt.Sprintf("%.1f", took[len(took)*99/100].Seconds()*1000),
			})
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	reportTable(b, "processes", "Processes on one MongoDB, which runs on the same machine", rows)
}
