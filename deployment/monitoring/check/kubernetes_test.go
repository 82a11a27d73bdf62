package check

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// In a cluster, Prometheus has another configuration, because its targets are pods. Everything else must be equal.
func TestKubernetesHasTheSameConfiguration(t *testing.T) {
	var machine, cluster map[string]any
	readYAML(t, filepath.Join(root, "prometheus", "prometheus.yml"), &machine)
	readYAML(t, filepath.Join(root, "prometheus", "kubernetes.yml"), &cluster)
	if got, want := jobs(t, cluster), jobs(t, machine); !slices.Equal(got, want) {
		t.Errorf("the jobs are %v, those of prometheus.yml %v", got, want)
	}
	maps.DeleteFunc(machine, func(name string, _ any) bool { return name == "scrape_configs" })
	maps.DeleteFunc(cluster, func(name string, _ any) bool { return name == "scrape_configs" })
	if !reflect.DeepEqual(machine, cluster) {
		t.Errorf("prometheus.yml has %v, kubernetes.yml %v", machine, cluster)
	}
}

// Clusters lack every rule or dashboard that kustomization.yaml does not list.
func TestKubernetesHasEveryFile(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(root, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{
		"prometheus/rules/*.yml", "grafana/dashboards/*.json", "grafana/provisioning/*/*.yml",
	} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			relative, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(list), "- "+filepath.ToSlash(relative)+"\n") {
				t.Errorf("kustomization.yaml does not list %s", relative)
			}
		}
	}
}

func jobs(t *testing.T, config map[string]any) []string {
	t.Helper()
	var names []string
	scrapes, _ := config["scrape_configs"].([]any)
	for _, scrape := range scrapes {
		job, _ := scrape.(map[string]any)
		name, ok := job["job_name"].(string)
		if !ok {
			t.Fatalf("a job has no name: %v", scrape)
		}
		names = append(names, name)
	}
	return names
}
