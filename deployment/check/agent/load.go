package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"
)

// caller is a client of the API without retries.
type caller struct {
	api, key string
	http     *http.Client
}

func newCaller() (*caller, error) {
	c := &caller{api: os.Getenv("API") + "/api/v1", key: os.Getenv("GSM_ADMIN_KEY"), http: &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	if c.key == "" {
		return nil, errors.New("GSM_ADMIN_KEY is not set")
	}
	return c, nil
}

// call returns the response body if the status is the expected one.
func (c *caller) call(ctx context.Context, method, path string, body any, want int) ([]byte, error) {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.api+path, &content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	response, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, response)
	}
	return response, nil
}

// player creates a player with a name, reads the one with an id, or checks that it does not exist. It prints the
// response. Reads are retried while the database recovers.
func player(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: agent player create NAME | read ID | absent ID")
	}
	c, err := newCaller()
	if err != nil {
		return err
	}
	var response []byte
	switch args[0] {
	case "create":
		response, err = c.call(
			ctx, http.MethodPost, "/players", map[string]string{"username": args[1]}, http.StatusCreated,
		)
	case "read":
		response, err = c.read(ctx, args[1], http.StatusOK)
	case "absent":
		response, err = c.read(ctx, args[1], http.StatusNotFound)
	default:
		err = fmt.Errorf("there is no %s", args[0])
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", response)
	return nil
}

func (c *caller) read(ctx context.Context, id string, want int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		response, err := c.call(ctx, http.MethodGet, "/players/"+id, nil, want)
		if err == nil {
			return response, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(time.Second):
		}
	}
}

// load starts RATE requests per second for SECONDS, and fails if one of them is lost. Every fifth request creates a
// player, and every fifteenth also renames and erases it, so that a backup meets writes of every kind. It prints a
// line when it has started.
func load(ctx context.Context) error {
	rate, err := strconv.Atoi(os.Getenv("RATE"))
	if err != nil {
		return fmt.Errorf("RATE: %w", err)
	}
	seconds, err := strconv.Atoi(os.Getenv("SECONDS"))
	if err != nil {
		return fmt.Errorf("SECONDS: %w", err)
	}
	c, err := newCaller()
	if err != nil {
		return err
	}
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	response, err := c.call(
		ctx, http.MethodPost, "/players", map[string]string{"username": "load-" + run}, http.StatusCreated,
	)
	if err != nil {
		return err
	}
	reader, err := playerID(response)
	if err != nil {
		return err
	}

	results := &results{failures: map[string]int{}}
	var requests sync.WaitGroup
	fmt.Println("begun")
	begin := time.Now()
	for i := range rate * seconds {
		select {
		case <-ctx.Done():
			return ctx.Err()
		// An absolute time keeps the rate on a machine that is too busy to be punctual.
		case <-time.After(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate)))):
		}
		requests.Go(func() {
			if i%5 != 0 {
				results.measure(func() error {
					return discard(c.call(ctx, http.MethodGet, "/players/"+reader, nil, http.StatusOK))
				})
				return
			}
			c.write(ctx, results, fmt.Sprintf("load-%s-%d", run, i), i%15 == 0)
		})
	}
	requests.Wait()
	return results.report(time.Since(begin))
}

// write creates a player, and renames and erases it if passing is set.
func (c *caller) write(ctx context.Context, results *results, name string, passing bool) {
	var id string
	results.measure(func() error {
		response, err := c.call(
			ctx, http.MethodPost, "/players", map[string]string{"username": name}, http.StatusCreated,
		)
		if err != nil {
			return err
		}
		id, err = playerID(response)
		return err
	})
	if id == "" || !passing {
		return
	}
	results.measure(func() error {
		return discard(c.call(
			ctx, http.MethodPatch, "/players/"+id, map[string]string{"username": name + "-renamed"}, http.StatusOK,
		))
	})
	results.measure(func() error {
		return discard(c.call(ctx, http.MethodDelete, "/players/"+id, nil, http.StatusNoContent))
	})
}

func discard(_ []byte, err error) error { return err }

func playerID(response []byte) (string, error) {
	var player struct {
		ID string `json:"id"`
	}
	err := json.Unmarshal(response, &player)
	return player.ID, err
}

type results struct {
	mu        sync.Mutex
	durations []time.Duration
	failures  map[string]int
}

// measure makes one request and records its result.
func (r *results) measure(request func() error) {
	start := time.Now()
	err := request()
	d := time.Since(start)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.durations = append(r.durations, d)
	if err != nil {
		r.failures[err.Error()]++
	}
}

func (r *results) report(took time.Duration) error {
	sort.Slice(r.durations, func(i, j int) bool { return r.durations[i] < r.durations[j] })
	n := len(r.durations)
	lost := 0
	for failure, count := range r.failures {
		fmt.Printf("%d x %s\n", count, failure)
		lost += count
	}
	p50, p99 := r.durations[n/2].Round(100*time.Microsecond), r.durations[n*99/100].Round(100*time.Microsecond)
	fmt.Printf("%d requests in %s (%.0f/s), %d lost, p50 %s, p99 %s, max %s\n",
		n, took.Round(time.Second), float64(n)/took.Seconds(), lost, p50, p99, r.durations[n-1].Round(time.Millisecond))
	if lost > 0 {
		return fmt.Errorf("%d requests were lost", lost)
	}
	return nil
}
