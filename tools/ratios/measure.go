package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// ratio is what was measured of one kind of request in relation to a bare server: of both, 1 means that gsm costs
// nothing. Each measurement is a run of its own.
type ratio struct {
	Database  string    `json:"database"`
	Operation string    `json:"operation"`
	To        string    `json:"to"`        // the bare server
	Rate      []float64 `json:"rate"`      // gsm's requests a second to those of the bare server
	Processor []float64 `json:"processor"` // the bare server's processor time for a request to gsm's
}

func (r *ratio) is(other ratio) bool {
	return r.Database == other.Database && r.Operation == other.Operation && r.To == other.To
}

// ratios is a list that measurements are added to.
type ratios []ratio

func (all *ratios) add(one ratio) {
	i := slices.IndexFunc(*all, one.is)
	if i < 0 {
		*all = append(*all, one)
		return
	}
	at := &(*all)[i]
	at.Rate, at.Processor = append(at.Rate, one.Rate...), append(at.Processor, one.Processor...)
}

// find returns the ratio of the same database, operation and bare server.
func (all ratios) find(one ratio) (ratio, bool) {
	i := slices.IndexFunc(all, one.is)
	if i < 0 {
		return ratio{}, false
	}
	return all[i], true
}

// job is a run of gsm bench.
type job struct{ database, scenario string }

const (
	embedded = "embedded"
	mongoDB  = "MongoDB"
)

// jobs returns the runs of one measurement: on MongoDB, too, if GSM_TEST_MONGODB_URI names a server.
func jobs() (all []job) {
	databases := []string{embedded}
	if os.Getenv("GSM_TEST_MONGODB_URI") != "" {
		databases = append(databases, mongoDB)
	}
	for _, d := range databases {
		for _, s := range []string{"read", "create", "put", "join", "heartbeat"} {
			all = append(all, job{d, s})
		}
	}
	return all
}

// output is what gsm bench --json prints, as far as it is needed here.
type output struct {
	Floor []struct {
		Operation string `json:"operation"`
		Sides     []struct {
			Name      string  `json:"name"`
			Rate      float64 `json:"rate_ratio"`
			Processor float64 `json:"cpu_ratio"`
		} `json:"sides"`
	} `json:"floor"`
}

// measure runs gsm bench once, and adds its ratios.
func (s *settings) measure(ctx context.Context, j job, to *ratios) (output, error) {
	fmt.Fprintf(os.Stderr, "%s, %s\n", j.database, j.scenario)
	//nolint:gosec // The caller names the program.
	cmd := exec.CommandContext(ctx, s.gsm, "bench", j.scenario, "--floor", "--json",
		"--duration", strconv.Itoa(s.seconds)+"s")
	if j.database == mongoDB {
		at, err := databaseURL(os.Getenv("GSM_TEST_MONGODB_URI"))
		if err != nil {
			return output{}, err
		}
		cmd.Env = append(os.Environ(), "GSM_BENCH_DATABASE_URL="+at)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return output{}, fmt.Errorf("gsm bench %s: %w: %s", j.scenario, err, strings.TrimSpace(stderr.String()))
	}
	var t output
	if err := json.Unmarshal(out, &t); err != nil {
		return output{}, fmt.Errorf("what gsm bench prints: %w", err)
	}
	for _, f := range t.Floor {
		for _, side := range f.Sides[1:] {
			to.add(ratio{j.database, f.Operation, side.Name, []float64{side.Rate}, []float64{side.Processor}})
		}
	}
	return t, nil
}

// databaseURL returns the URL of a database for benchmarks on a server.
func databaseURL(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", fmt.Errorf("GSM_TEST_MONGODB_URI: %w", err)
	}
	u.Path = "/gsm-test-ratios"
	if q := u.Query(); u.User != nil && !q.Has("authSource") {
		q.Set("authSource", "admin")
		u.RawQuery = q.Encode()
	}
	return u.String(), nil
}
