package check

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// exporterScript runs the script that builds Percona's mongodb_exporter, and returns the path that it prints.
func exporterScript(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(repository, "deployment/check/exporter"), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	return strings.TrimSpace(string(out))
}

// exporter starts the exporter for a server, and returns its address.
func (s *stack) exporter(t *testing.T, uri string) string {
	t.Helper()
	address := freeAddress(t)
	cmd := exec.Command(exporterScript(t), "--web.listen-address="+address,
		"--collector.diagnosticdata", "--collector.replicasetstatus")
	cmd.Env = append(os.Environ(), "MONGODB_URI="+uri) // not in the arguments, which every user can read
	begin(t, cmd)
	s.eventually(t, "http://"+address+"/metrics")
	return address
}

// learn finds out whether the server provides diagnostics to the exporter. FerretDB does not.
func (s *stack) learn(t *testing.T, uri string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatalf("%s is no URL", uriEnv) // not the value, which may have a password
	}
	defer func() { _ = c.Disconnect(ctx) }()
	admin := c.Database("admin")
	var status struct{ Members []struct{ State int } }
	s.has["mongodb"], s.has["exporter"] = true, true
	s.has["diagnostics"] = admin.RunCommand(ctx, bson.D{{Key: "getDiagnosticData", Value: 1}}).Err() == nil
	s.has["replica set"] = admin.RunCommand(ctx, bson.D{{Key: "replSetGetStatus", Value: 1}}).Decode(&status) == nil
	s.has["secondary"] = slices.ContainsFunc(status.Members, func(m struct{ State int }) bool { return m.State == 2 })
}

// play adds a second exporter, which gets recorded responses where the server has none.
func (s *stack) play(t *testing.T, uri string) {
	t.Helper()
	through := newRecording(t, uri, exporterScript(t, "--recording"))
	s.exporters = append(s.exporters, s.exporter(t, through))
	writeTargets(t, s.targets, "mongodb", s.exporters)
}
