package tests_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"game-session-manager/client"
)

// authTarget is the least share of the requests that may be left with authentication on.
const authTarget = 0.95

// BenchmarkAuthentication compares gsm without authentication with the same gsm to which callers send an API key, and a
// player's token, on the embedded database, where the rest of a request costs least. Callers have rates, which they do not
// reach. It fails below its target.
func BenchmarkAuthentication(b *testing.B) {
	on := []string{"--auth=on", "--admin-key=" + adminKey, "--secret-key=" + secretKey, "--rate-server=1000000:1000000", "--rate-player=1000000:1000000"}
	names := []string{"off", "key", "player"}
	sides := make([]*side, len(names))
	for i, args := range [][]string{{"--auth=off"}, on, on} {
		sides[i] = gsmSide(b, gsm, "sqlite:"+filepath.Join(b.TempDir(), "gsm.db"), args...)
	}
	for i, s := range sides {
		c, err := client.New(s.url, client.WithHTTPClient(newHTTP(b)), client.WithToken(adminKey))
		must(b, err)
		p, err := c.Players.Create(b.Context(), client.Profile{Username: "first"})
		must(b, err)
		switch names[i] {
		case "key":
			k, err := c.Keys.Create(b.Context(), client.KeyRequest{Name: "eu", Scope: client.ScopeServer})
			must(b, err)
			s.credential = k.Token
		case "player":
			t, err := c.Players.MintToken(b.Context(), p.ID, client.TokenRequest{})
			must(b, err)
			s.credential = t.Token
		}
	}
	b.ResetTimer()
	rows := [][]string{{"", "key/off", "player/off", "target"}}
	for _, name := range names {
		rows[0] = append(rows[0], name+" req/s", "CPU µs/req")
	}
	for _, l := range []load{
		{"list a player", authTarget, http.StatusOK, func(int, int) (string, string, bool) { return "/players?limit=1", "", true }, func() {}},
		{"create a player", authTarget, http.StatusCreated, func(int, int) (string, string, bool) {
			return "/players", fmt.Sprintf(`{"username":%q}`, speedName()), true
		}, func() {}},
	} {
		measured := sides
		if l.status == http.StatusCreated { // which players may not
			measured = sides[:2]
		}
		results := measure(b, l, measured)
		row := []string{l.name, fmt.Sprintf("%.3f", ratio(results[1], results[0])), "", fmt.Sprint(l.target)}
		if len(results) > 2 {
			row[2] = fmt.Sprintf("%.3f", ratio(results[2], results[0]))
		}
		for i, r := range results {
			if i > 0 {
				l.meets(b, names[i], ratio(r, results[0]))
			}
			row = append(row, fmt.Sprintf("%.0f", median(r.rates)), fmt.Sprintf("%.0f", r.cpu/r.requests*1e6))
		}
		rows = append(rows, row)
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	b.Logf("%d clients, %d rounds of %v by turns:\n%s", speedClients, speedRounds, speedRound, table(b, rows))
}
