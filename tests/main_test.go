// Package tests_test tests gsm from the outside: the real binary, over HTTP, on a database of its own for each test.
//
// It owns the promises that only the whole keeps: the wire, what survives a crash, how the process starts and ends, and
// who may import whom. Rules are tested in package game, and engines in package storetest.
//
// All tests run on each engine that can be had: see engines.
package tests_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// gsm is the path of the binary, which TestMain builds.
var gsm string

func TestMain(m *testing.M) {
	if os.Getenv(readersVariable) != "" {
		if err := serveReaders(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gsm-tests-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()

	gsm = filepath.Join(dir, "gsm")
	args := []string{"build", "-buildvcs=false", "-o", gsm} // so that its version is the same everywhere
	if raceDetector {
		args = append(args, "-race", "-gcflags=modernc.org/sqlite/lib=-race=false") // as make race does
	}
	if measured() {
		args = append(args, "-pgo=../cmd/gsm/lobby.pgo") // as it is shipped
	}
	build := exec.Command("go", append(args, "../cmd/gsm")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
		return 1
	}
	code := onEachEngine(m)
	if err := mongodbs.Drop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	for _, wrong := range allTraces.told() {
		fmt.Println(wrong)
		code = max(code, 1)
	}
	return code
}

// measured reports whether benchmarks run.
func measured() bool {
	flag.Parse()
	f := flag.Lookup("test.bench")
	return f != nil && f.Value.String() != ""
}

// onEachEngine runs the tests on one engine after the other, so that every test is one of every engine without a word
// of its own about it.
func onEachEngine(m *testing.M) (code int) {
	chosen, err := chosenEngines()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	flag.Parse()
	// Most of these tests wait for a server more than they compute, so more of them than there are processors run at
	// once, unless the command says otherwise.
	if f := flag.Lookup("test.parallel"); f != nil && f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		if err := f.Value.Set(strconv.Itoa(3 * runtime.GOMAXPROCS(0))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
	}
	if f := flag.Lookup("test.list"); f != nil && f.Value.String() != "" {
		chosen = chosen[:1]
	}
	for _, underTest = range chosen {
		sources = new(sync.Once)
		fmt.Printf("engine: %s\n", underTest.name) // which the go tool shows with -v, and if a test fails
		code = max(code, m.Run())
	}
	return code
}

// sources is done once the tests on an engine have looked at what gsm is made of.
var sources *sync.Once

// lookAtSources is called by each test that runs gsm. The go tool keeps the result of tests for as long as the files
// and settings that the tests looked at stay as they are. It sees neither what TestMain looks at nor what the binary is
// made of, so that a few tests by their names would have the result that they had on another engine or before a change.
func lookAtSources(t testing.TB) {
	t.Helper()
	sources.Do(func() {
		if _, err := chosenEngines(); err != nil {
			t.Error(err)
		}
		looked := 0
		for _, dir := range []string{"../cmd", "../internal", "../go.mod", "../go.sum"} {
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				looked++
				_, err = os.Stat(path)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		if looked < 50 {
			t.Errorf("only %d files", looked)
		}
	})
}
