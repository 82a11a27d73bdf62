package helm

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// helm runs the program in GSM_HELM and returns its output.
func helm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	program := os.Getenv("GSM_HELM")
	if program == "" {
		t.Skip("GSM_HELM is not set: `make helm-check` sets it")
	}
	var out, problems strings.Builder
	c := exec.CommandContext(t.Context(), program, args...)
	c.Stdout, c.Stderr = &out, &problems
	err = c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), problems.String(), err
}

type object = map[string]any

// render returns the objects of a release named "games", by kind and name.
func render(t *testing.T, args ...string) map[string]object {
	t.Helper()
	out, problems, err := helm(t, append([]string{"template", "games", chart, "--namespace", "play"}, args...)...)
	if err != nil {
		t.Fatalf("helm template %v: %s", args, problems)
	}
	return objects(t, strings.NewReader(out))
}

func objects(t *testing.T, from io.Reader) map[string]object {
	t.Helper()
	found := map[string]object{}
	for d := yaml.NewDecoder(from); ; {
		var o object
		switch err := d.Decode(&o); {
		case errors.Is(err, io.EOF):
			return found
		case err != nil:
			t.Fatal(err)
		case o != nil:
			found[fmt.Sprintf("%v %v", o["kind"], at(o, "metadata", "name"))] = o
		}
	}
}

// manifests returns the objects of the plain manifests in a file.
func manifests(t *testing.T, file string) map[string]object {
	t.Helper()
	return objects(t, strings.NewReader(read(t, filepath.Join("../../kubernetes", file))))
}

// at looks up a path of map keys and list indexes. It returns nil if the path does not exist.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o, _ := v.(object)
			v = o[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

// variants are the two forms of the chart, with all options of the manifests.
var variants = map[string]struct {
	workload string
	args     []string
}{
	"sqlite": {"StatefulSet games-gsm", []string{"--set", "image.repository=gsm,metrics.enabled=true"}},
	"mongodb": {"Deployment games-gsm", []string{
		"--set", "image.repository=gsm,metrics.enabled=true,database.type=mongodb,database.existingSecret=gsm",
	}},
}

// Fields that must be equal in the chart and in the manifests.
var (
	podFields       = []string{"automountServiceAccountToken", "enableServiceLinks", "terminationGracePeriodSeconds"}
	containerFields = []string{
		"args", "ports", "startupProbe", "livenessProbe", "readinessProbe", "lifecycle", "resources", "securityContext",
	}
)

// TestLikeTheManifests compares the pods of the chart with those of deployment/kubernetes.
func TestLikeTheManifests(t *testing.T) {
	t.Parallel()
	base := manifests(t, "base/api.yaml")
	want := at(base["Deployment gsm"], "spec", "template", "spec")
	for name, variant := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			release := render(t, variant.args...)
			workload := release[variant.workload]
			got := at(workload, "spec", "template", "spec")
			if got == nil {
				t.Fatalf("there is no %s", variant.workload)
			}
			for _, field := range podFields {
				same(t, field, at(got, field), at(want, field))
			}
			context, _ := at(got, "securityContext").(object)
			// fsGroup is for volumes, which the manifests do not have.
			maps.DeleteFunc(context, func(name string, _ any) bool { return strings.HasPrefix(name, "fsGroup") })
			same(t, "securityContext", context, at(want, "securityContext"))
			for _, field := range containerFields {
				container := at(got, "containers", 0, field)
				if probe, ok := at(container, "httpGet").(object); ok && probe["scheme"] == "HTTP" {
					delete(probe, "scheme") // the default
				}
				same(t, field, container, at(want, "containers", 0, field))
			}
			budget := func(o object) any {
				spec, _ := at(o, "spec").(object)
				delete(spec, "selector")
				return spec
			}
			budgets := manifests(t, "base/api.yaml")
			same(t, "PodDisruptionBudget",
				budget(release["PodDisruptionBudget games-gsm"]), budget(budgets["PodDisruptionBudget gsm"]))
		})
	}
	t.Run("spread", func(t *testing.T) {
		t.Parallel()
		// The chart does not know the cluster's nodes. Where production requires one pod per node, the chart prefers
		// it.
		const constraints = "topologySpreadConstraints"
		production := manifests(t, "overlays/production/gsm.yaml")["Deployment gsm"]
		deployment := render(t, variants["mongodb"].args...)["Deployment games-gsm"]
		for _, field := range []string{"maxSkew", "topologyKey", "nodeTaintsPolicy"} {
			same(t, field, at(deployment, "spec", "template", "spec", constraints, 0, field),
				at(production, "spec", "template", "spec", constraints, 0, field))
		}
	})
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if want == nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s is\n%v\nand in deployment/kubernetes\n%v", what, got, want)
	}
}

// TestLikeTheSettings compares the environment of the container with that of deployment/kubernetes.
func TestLikeTheSettings(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, field := range variables() {
		if name := field.Tag.Get("env"); name == "GSM_SHUTDOWN_TIMEOUT" {
			// The manifests use the default, which is part of the grace period.
			want[name] = field.Tag.Get("default")
		}
	}
	for line := range strings.Lines(read(t, "../../kubernetes/base/gsm.env")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			want[name] = value
		}
	}
	base := manifests(t, "base/api.yaml")["Deployment gsm"]
	maps.Copy(want, environment(base))
	maps.Copy(want, environment(manifests(t, "overlays/production/gsm.yaml")["Deployment gsm"]))
	for name, variant := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := environment(render(t, variant.args...)[variant.workload])
			if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
				t.Errorf("the variables are\n%v\nand in deployment/kubernetes\n%v", g, w)
			}
			delete(got, "GSM_DATABASE_URL")
			for name, value := range got {
				if normal(value) != normal(want[name]) {
					t.Errorf("%s is %s, and in deployment/kubernetes %s", name, value, want[name])
				}
			}
		})
	}
}

// environment returns the variables of the first container. A variable from a Secret has the key as its value.
func environment(workload object) map[string]string {
	found := map[string]string{}
	list, _ := at(workload, "spec", "template", "spec", "containers", 0, "env").([]any)
	for _, v := range list {
		value, ok := at(v, "value").(string)
		if !ok {
			value, _ = at(v, "valueFrom", "secretKeyRef", "key").(string)
		}
		name, _ := at(v, "name").(string)
		found[name] = value
	}
	return found
}

// normal makes durations and addresses comparable: 2m equals 120s, and 0.0.0.0 with IPv4 equals all addresses.
func normal(value string) string {
	if d, err := time.ParseDuration(value); err == nil {
		return d.String()
	}
	return strings.TrimPrefix(value, "0.0.0.0")
}

// TestSelectors checks that every selector matches the serving pods and no others.
func TestSelectors(t *testing.T) {
	t.Parallel()
	for _, file := range glob(t, filepath.Join(chart, "ci", "*-values.yaml")) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			var workload, test object
			selectors := map[string]any{}
			services := []object{}
			for name, o := range render(t, "--values", file) {
				switch o["kind"] {
				case "Deployment", "StatefulSet":
					workload = o
					selectors[name] = at(o, "spec", "selector", "matchLabels")
				case "Service":
					selectors[name] = at(o, "spec", "selector")
					services = append(services, o)
				case "PodDisruptionBudget":
					selectors[name] = at(o, "spec", "selector", "matchLabels")
				case "NetworkPolicy":
					selectors[name] = at(o, "spec", "podSelector", "matchLabels")
				case "Pod":
					test = o
				}
			}
			pod, other := at(workload, "spec", "template", "metadata", "labels"), at(test, "metadata", "labels")
			for name, selector := range selectors {
				if !selects(selector, pod) {
					t.Errorf("%s has the selector %v, and pods have %v", name, selector, pod)
				}
				if selects(selector, other) {
					t.Errorf("%s selects the pod of helm test too: %v", name, selector)
				}
			}
			monitored(t, render(t, "--values", file), services)
		})
	}
}

// monitored checks that a ServiceMonitor selects exactly one Service, and a port that it has.
func monitored(t *testing.T, release map[string]object, services []object) {
	t.Helper()
	for name, monitor := range release {
		if monitor["kind"] != "ServiceMonitor" {
			continue
		}
		ports := []any{}
		for _, service := range services {
			if selects(at(monitor, "spec", "selector", "matchLabels"), at(service, "metadata", "labels")) {
				ports = append(ports, at(service, "spec", "ports", 0, "name"))
			}
		}
		if want := []any{at(monitor, "spec", "endpoints", 0, "port")}; !slices.Equal(ports, want) {
			t.Errorf("%s wants %v, and finds %v", name, want, ports)
		}
	}
}

func selects(selector, labels any) bool {
	wanted, _ := selector.(object)
	has, _ := labels.(object)
	for name, value := range wanted {
		if has[name] != value {
			return false
		}
	}
	return len(wanted) > 0
}

// TestNames checks that long names are cut so that Kubernetes accepts them and the names derived from them.
func TestNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 53) // the longest release name that Helm accepts
	out, problems, err := helm(t, "template", long, chart, "--set", "image.repository=gsm,metrics.enabled=true")
	if err != nil {
		t.Fatal(problems)
	}
	for name := range objects(t, strings.NewReader(out)) {
		if _, name, _ := strings.Cut(name, " "); len(name) > 63 {
			t.Errorf("%s has %d characters", name, len(name))
		}
	}
	short := render(t, "--set", "image.repository=gsm,fullnameOverride=lobby")
	if short["Service lobby"] == nil || short["Secret lobby-keys"] == nil {
		t.Errorf("fullnameOverride does not reach all objects: %v", slices.Sorted(maps.Keys(short)))
	}
	if short = render(t, "--set", "image.repository=gsm,nameOverride=lobby"); short["Service games-lobby"] == nil {
		t.Errorf("nameOverride does not reach all objects: %v", slices.Sorted(maps.Keys(short)))
	}
}

// TestMemoryLimit checks that GOMEMLIMIT is three quarters of the container's memory.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	for memory, want := range map[string]string{
		"256Mi": "192MiB", "1Gi": "768MiB", "1.5Gi": "1152MiB", "500M": "357MiB", "268435456": "192MiB", "1Ti": "",
	} {
		release := render(t, "--set", "image.repository=gsm", "--set-string", "resources.limits.memory="+memory)
		if got := environment(release["StatefulSet games-gsm"])["GOMEMLIMIT"]; got != want {
			t.Errorf("with %s GOMEMLIMIT is %q, not %q", memory, got, want)
		}
	}
}
