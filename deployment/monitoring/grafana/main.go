// Command grafana writes the dashboards of gsm, as Grafana provisions them, into the folder that it is told:
//
//	go run ./grafana grafana/dashboards
//
// Each dashboard has its own file: api.go, sessions.go, mongodb.go and system.go. Their types are in build.go.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: name the folder to write the dashboards to")
	}
	base, err := runbooks()
	if err != nil {
		return err
	}
	for _, d := range []board{api(), sessions(), mongodb(), system()} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		built, err := d.build(base)
		if err != nil {
			return err
		}
		if err := e.Encode(built); err != nil {
			return err
		}
		file := filepath.Join(args[0], d.uid+".json")
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil { //nolint:gosec // Grafana is another user
			return err
		}
	}
	return nil
}

const configuration = "prometheus/prometheus.yml"

// runbooks returns the URL of the runbooks, which the configuration of Prometheus defines.
func runbooks() (string, error) {
	text, err := os.ReadFile(configuration)
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^ +runbooks: (\S+)$`).FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%s: no external label runbooks", configuration)
	}
	return string(found[1]), nil
}
