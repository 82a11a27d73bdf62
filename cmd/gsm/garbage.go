package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"game-session-manager/internal/keeper"
)

const (
	// heapBytes is how much memory may be in use or garbage before garbage is collected, within the bounds below. It
	// decides what a process takes that uses only a few megabytes: docs/decisions/0044-memory.md has the figures.
	heapBytes = 32 << 20
	// mostGarbage and leastGarbage are GOGC, the garbage in percent of what is in use. leastGarbage is Go's default.
	mostGarbage, leastGarbage = 400, 100
	// garbageStep is the change in percent below which GOGC is left alone, because setting it stops the program.
	garbageStep = 10
)

// garbage sets GOGC by what is in use: a process that tens of thousands follow would otherwise hold gigabytes of
// garbage.
type garbage struct {
	percent int
	tidied  bool // what only the start needed was given back to the system
}

// garbageTasks sets GOGC and returns the task that adapts it, or none if the operator has set it.
func garbageTasks() []keeper.Task {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	debug.SetGCPercent(mostGarbage)
	g := &garbage{percent: mostGarbage}
	return []keeper.Task{{Name: "bound_garbage", Every: time.Second, Timeout: time.Second, Run: g.bound}}
}

func (g *garbage) bound(context.Context) error {
	if !g.tidied { // in the background, so that the start does not wait for it
		debug.FreeOSMemory()
		g.tidied = true
	}
	inUse := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	metrics.Read(inUse)
	wanted := garbagePercent(inUse[0].Value.Uint64() + inUse[1].Value.Uint64())
	if wanted != g.percent && max(wanted-g.percent, g.percent-wanted) >= g.percent*garbageStep/100 {
		debug.SetGCPercent(wanted)
		g.percent = wanted
	}
	return nil
}

// garbagePercent returns GOGC for the bytes in use.
func garbagePercent(inUse uint64) int {
	room := heapBytes - min(inUse, heapBytes)
	return int(min(max(room*100/max(inUse, 1), leastGarbage), mostGarbage))
}
