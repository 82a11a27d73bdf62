package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// targets waits until Prometheus has targets for each of the jobs, and all of its targets are up.
func targets(ctx context.Context, jobs []string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := scraped(ctx, jobs)
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

func scraped(ctx context.Context, jobs []string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://prometheus.monitoring-namespace.svc.cluster.local:9090/api/v1/targets?state=active", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	var answer struct {
		Data struct {
			ActiveTargets []struct {
				Labels    map[string]string
				Health    string
				LastError string
			}
		}
	}
	err = json.NewDecoder(resp.Body).Decode(&answer)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	found := map[string]int{}
	for _, target := range answer.Data.ActiveTargets {
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
