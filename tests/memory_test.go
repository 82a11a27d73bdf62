package tests_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"game-session-manager/internal/game"
)

// How memory is tested.
const (
	memoryClients  = 64
	memorySessions = 4  // of the largest that there can be
	memoryMargin   = 95 // percent of the container's limit that may be used
)

// shipped returns a number of mebibytes in the manifests, which both of them have the same.
func shipped(t *testing.T, kubernetes, kubernetesForm, composeForm string) int {
	t.Helper()
	var found []int
	for path, form := range map[string]string{
		kubernetes: kubernetesForm, "../deployment/docker/compose.yaml": composeForm,
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(form).FindStringSubmatch(string(text))
		if m == nil {
			t.Fatalf("%s has no %s", path, form)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, n)
	}
	if found[0] != found[1] {
		t.Fatalf("the manifests have %v", found)
	}
	return found[0]
}

// TestMemory has many clients at once ask for the largest documents that there can be, of a server with the memory
// limit that is shipped. It stays inside it, and says that it has too much to do where it has.
func TestMemory(t *testing.T) { //nolint:paralleltest // it needs the machine to itself
	if os.Getenv("GSM_TEST_MEMORY") == "" {
		t.Skip("make test-memory runs it")
	}
	goLimit := shipped(t, "../deployment/kubernetes/base/gsm.env", `GOMEMLIMIT=(\d+)MiB`, `GOMEMLIMIT: (\d+)MiB`)
	most := shipped(t, "../deployment/kubernetes/base/api.yaml", `limits:\n +cpu: "\d+"\n +memory: (\d+)Mi`,
		`GOMEMLIMIT:(?s:.*?)limits:\n +cpus: "\d+"\n +memory: (\d+)M\n`)
	database := freshDatabase(t)
	sessions := seedSessions(t, database, memorySessions, game.MaxPlayers)
	for name, asks := range map[string]func(m *memoryClient, i int){
		"lists":         func(m *memoryClient, _ int) { m.list("?limit=100") },
		"full lists":    func(m *memoryClient, _ int) { m.list("?limit=100&members=full") },
		"whole":         func(m *memoryClient, i int) { m.ask(http.MethodGet, "/"+sessions[i%len(sessions)], nil) },
		"patched":       func(m *memoryClient, i int) { m.patch("/"+sessions[i%len(sessions)], i, false) },
		"patched short": func(m *memoryClient, i int) { m.patch("/"+sessions[i%len(sessions)], i, true) },
		"large bodies": func(m *memoryClient, i int) {
			one := `{"player_id":"x","attributes":{"a":"` + strings.Repeat("x", 4000) + `"}},`
			m.ask(http.MethodPut, "/"+sessions[i%len(sessions)], io.MultiReader(
				strings.NewReader(
					`{"status":"open","members":[`,
				), strings.NewReader(strings.Repeat(one, 2000)), strings.NewReader(`{}]}`)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, onDatabase(database), func(o *setup) {
				o.env = append(o.env, "GSM_READ_TIMEOUT=1m", fmt.Sprintf("GOMEMLIMIT=%dMiB", goLimit))
			})
			m := &memoryClient{t: t, s: s, statuses: map[string]int{}}
			var all sync.WaitGroup
			begin := time.Now()
			for i := range memoryClients {
				all.Go(func() {
					asks(m, i)
				})
			}
			all.Wait()
			p, err := procfs.NewProc(s.cmd.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			status, err := p.NewStatus()
			if err != nil {
				t.Fatal(err)
			}
			peak := int(status.VmHWM >> 20)
			t.Logf("%v in %v; %d MiB of %d at most", m.statuses, time.Since(begin).Round(time.Millisecond), peak, most)
			if peak > most*memoryMargin/100 {
				t.Errorf("the server took %d MiB of the %d that it has", peak, most)
			}
			if m.statuses["200"] == 0 {
				t.Error("nobody was served")
			}
		})
	}
}

// memoryClient asks and counts what it gets. It is many clients at once.
type memoryClient struct {
	t        *testing.T
	s        *server
	mu       sync.Mutex
	statuses map[string]int
}

// ask sends a request about sessions, and returns the cursor of the page that it gets.
func (m *memoryClient) ask(method, path string, body io.Reader, headers ...string) (cursor string) {
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, m.s.url+"/api/v1/sessions"+path, body)
	if err != nil {
		m.t.Error(err)
		return ""
	}
	r.Header.Set("Content-Type", "application/json")
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		m.t.Error(err)
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Error(err)
	}
	got := strconv.Itoa(res.StatusCode)
	if res.StatusCode != http.StatusOK {
		var p struct{ Code string }
		_ = json.Unmarshal(text, &p)
		// Writes of so much may take longer than a request may.
		slow := method == http.MethodPatch && p.Code == game.ErrStoreUnavailable.Code
		if got += " " + p.Code; got != "503 overloaded" && !slow {
			m.t.Errorf("%s %s: got %s: %.300s", method, path, got, text)
		}
	}
	m.mu.Lock()
	m.statuses[got]++
	m.mu.Unlock()
	end := text[max(0, len(text)-200):]
	if found := regexp.MustCompile(`"next_cursor":"([^"]+)"\}$`).FindSubmatch(end); found != nil {
		return string(found[1])
	}
	return ""
}

// list goes through all pages.
func (m *memoryClient) list(query string) {
	next := query
	for {
		cursor := m.ask(http.MethodGet, next, nil)
		if cursor == "" {
			return
		}
		next = query + "&cursor=" + cursor
	}
}

func (m *memoryClient) patch(path string, i int, short bool) {
	var headers []string
	if short {
		headers = []string{"Prefer", "return=minimal"}
	}
	m.ask(http.MethodPatch, path, strings.NewReader(fmt.Sprintf(`{"name":"room %d"}`, i)), headers...)
}
