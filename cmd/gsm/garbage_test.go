package main

import (
	"runtime/debug"
	"testing"
)

func TestGarbagePercent(t *testing.T) {
	t.Parallel()
	for inUse, want := range map[uint64]int{
		0: 400, 4 << 20: 400, 8 << 20: 300, 12 << 20: 166, 16 << 20: 100, 32 << 20: 100, 1 << 30: 100,
	} {
		if got := garbagePercent(inUse); got != want {
			t.Errorf("with %d MiB in use: %d %%, not %d", inUse>>20, got, want)
		}
	}
}

// It changes GOGC of the whole process, so that it does not run beside others.
func TestGarbageIsBounded(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	tasks := garbageTasks()
	if len(tasks) != 1 {
		t.Fatalf("%d tasks", len(tasks))
	}
	ballast := make([][]byte, 256)
	for i := range ballast {
		ballast[i] = make([]byte, 1<<20)
	}
	debug.FreeOSMemory() // so that what is in use is known
	if err := tasks[0].Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("with 256 MiB in use: %d %%, not 100", got)
	}
	if len(ballast[0]) == 0 { // keeps it in use
		t.Fatal()
	}
	t.Setenv("GOGC", "50")
	if tasks := garbageTasks(); len(tasks) != 0 {
		t.Errorf("%d tasks though the operator has set GOGC", len(tasks))
	}
}
