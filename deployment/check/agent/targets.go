package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const prometheusURL = "http://prometheus.monitoring-namespace.svc.cluster.local:9090"

// targets waits until Prometheus has targets for each of the jobs, all of its targets are up, and the MongoDB
// exporter, if there is one, reaches its server.
func targets(ctx context.Context, jobs []string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := scraped(ctx, jobs)
		if err == nil && slices.Contains(jobs, "mongodb") {
			err = reached(ctx)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

// reached returns an error unless each exporter reaches its MongoDB.
func reached(ctx context.Context) error {
	var response struct {
		Data struct{ Result []json.RawMessage }
	}
	const query = `count(mongodb_up{job="mongodb"} == 1) == count(up{job="mongodb"})`
	err := ask(ctx, "/api/v1/query?query="+url.QueryEscape(query), &response)
	if err == nil && len(response.Data.Result) == 0 {
		err = errors.New("the exporter does not reach MongoDB")
	}
	return err
}

// ask sends a request to Prometheus and decodes the response.
func ask(ctx context.Context, path string, response any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, prometheusURL+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	err = json.NewDecoder(resp.Body).Decode(response)
	return errors.Join(err, resp.Body.Close())
}

func scraped(ctx context.Context, jobs []string) error {
	var response struct {
		Data struct {
			ActiveTargets []struct {
				Labels    map[string]string
				Health    string
				LastError string
			}
		}
	}
	if err := ask(ctx, "/api/v1/targets?state=active", &response); err != nil {
		return err
	}
	found := map[string]int{}
	for _, target := range response.Data.ActiveTargets {
		if target.Health != "up" {
			return fmt.Errorf("%v is %s: %s", target.Labels, target.Health, target.LastError)
		}
		for _, label := range []string{"namespace", "pod", "instance"} {
			if target.Labels[label] == "" {
				return fmt.Errorf("%v has no label %s", target.Labels, label)
			}
		}
		found[target.Labels["job"]]++
	}
	for _, job := range jobs {
		if found[job] == 0 {
			return fmt.Errorf("the job %s has no target", job)
		}
	}
	fmt.Printf("up: %v\n", found)
	return nil
}
