package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// grafana stands in for Grafana, whose binary comes only in images. It is healthy if the files that Grafana reads are
// in place, its disk is writable, and the Prometheus of its data source responds. It does not show that Grafana
// accepts the files.
func grafana(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, r *http.Request) {
		if err := provisioned(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		writeLine(w, `{"database":"ok","version":"a stand-in"}`)
	})
	return serve(ctx, ":3000", mux)
}

// writeLine writes a line. The caller may be gone.
func writeLine(w http.ResponseWriter, line string) { _, _ = fmt.Fprintln(w, line) }

// serve serves HTTP until the context ends.
func serve(ctx context.Context, address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func provisioned(ctx context.Context) error {
	for folder, content := range map[string]string{
		"datasources": "GSM_PROMETHEUS_URL", "dashboards": "GSM_DASHBOARDS",
	} {
		name := filepath.Join("/etc/grafana/provisioning", folder, "gsm.yml")
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), content) {
			return fmt.Errorf("%s does not mention %s", name, content)
		}
	}
	dashboards, err := filepath.Glob(filepath.Join(os.Getenv("GSM_DASHBOARDS"), "*.json"))
	if err != nil {
		return err
	}
	if len(dashboards) < 4 {
		return fmt.Errorf("there are %d dashboards", len(dashboards))
	}
	for _, name := range dashboards {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !json.Valid(text) {
			return fmt.Errorf("%s is not JSON", name)
		}
	}
	if os.Getenv("GF_SECURITY_ADMIN_PASSWORD") == "" {
		return errors.New("there is no password")
	}
	if err := os.WriteFile("/var/lib/grafana/stand-in", nil, 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("GSM_PROMETHEUS_URL")+"/-/ready", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the data source answers %s", resp.Status)
	}
	return nil
}
