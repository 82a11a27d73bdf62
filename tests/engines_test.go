package tests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"game-session-manager/internal/store/mongostore/mongotest"
)

// engineSetting names the environment variable that chooses one engine, where all would run.
const engineSetting = "GSM_TEST_ENGINE"

// The engines by their names.
const (
	sqlite  = "sqlite"
	mongodb = "mongodb"
)

// engine is a kind of database.
type engine struct {
	name string
	// fresh returns the URL of an empty database that is gone after the test.
	fresh func(t testing.TB) string
}

// underTest is the engine that the tests run on now. TestMain sets it.
var underTest engine

// mongodbs are the databases of the tests on MongoDB. TestMain drops them.
var mongodbs mongotest.Pool

// engines are those that the tests can run on here: MongoDB needs a server, which GSM_TEST_MONGODB_URI names.
func engines() []engine {
	all := []engine{
		{sqlite, func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "gsm.db") }},
	}
	if mongotest.There() {
		all = append(all, engine{mongodb, mongodbs.Database})
	}
	return all
}

// chosenEngines are the one that GSM_TEST_ENGINE names, or all.
func chosenEngines() ([]engine, error) {
	name := os.Getenv(engineSetting)
	if name == "" {
		return engines(), nil
	}
	i := slices.IndexFunc(engines(), func(e engine) bool { return e.name == name })
	if i < 0 {
		return nil, fmt.Errorf(
			"%s is %q, and the engines that can be had are sqlite and, if GSM_TEST_MONGODB_URI is set, mongodb",
			engineSetting, name,
		)
	}
	return engines()[i : i+1], nil
}

// freshDatabase returns the URL of an empty database of the engine under test.
func freshDatabase(t testing.TB) string {
	t.Helper()
	return underTest.fresh(t)
}

// eachCopy runs a test with an empty database of each engine to copy from and one of each to copy to.
func eachCopy(t *testing.T, test func(t *testing.T, source, target string)) {
	t.Helper()
	for _, from := range engines() {
		for _, to := range engines() {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				t.Parallel()
				test(t, from.fresh(t), to.fresh(t))
			})
		}
	}
}

// once skips a test that chooses its engines itself, unless this is the last engine, so that it runs whichever engine
// GSM_TEST_ENGINE selects.
func once(t testing.TB) {
	t.Helper()
	chosen, err := chosenEngines()
	if err != nil {
		t.Fatal(err)
	}
	only(t, chosen[len(chosen)-1].name)
}

// only skips a test that is about another engine, or that no engine makes a difference to and that has run on the
// first.
func only(t testing.TB, name string) {
	t.Helper()
	if name != underTest.name {
		t.Skipf("is run on %s only", name)
	}
}
