package bench

import (
	"context"
	"slices"
)

const (
	rampName = "ramp" // the scenario that repeats another one
	feedName = "feed"
)

// scenario is one kind of load.
type scenario struct {
	name string
	does string // for the help
	// prepare makes what the load needs, and returns the load. It is nil for a ramp.
	prepare func(context.Context, *bench) (workload, error)
	// floor are the requests by which it is compared with bare servers.
	floor []string
}

// scenarios are all of them.
func scenarios() []scenario {
	return []scenario{
		{"read", "reads players and sessions", prepareRead, []string{readPlayer, readSession}},
		{"create", "creates players and sessions", prepareCreate, []string{createPlayer, createSession}},
		{"put", "changes players and sessions, each by many clients at once", preparePut, []string{putPlayer}},
		{"join", "joins sessions of --seats seats, one after the other", prepareJoin, []string{joinSession}},
		{
			"join-storm", "has all players of --stock ask for the seats of one session at once, again and again",
			prepareStorm, nil,
		},
		{
			"lobby", "visits as people make them, with --think between requests: hosts create lobbies, players " +
				"search, join, ready, play and leave, hosts beat and end", prepareLobby, nil,
		},
		{
			"heartbeat", "renews the leases of --stock sessions, and of no fewer than each client needs, --batch in " +
				"a request", prepareHeartbeat, []string{sendHeartbeats},
		},
		{"search", "searches among --stock sessions, and walks all pages of some searches", prepareSearch, nil},
		{
			feedName, "changes sessions that --followers follow each, and measures when they hear of it", prepareFeed,
			nil,
		},
		{
			rampName, "repeats --of at growing rates, from --rate on, until the 99th percentile passes --p99 or " +
				"requests fail", nil, nil,
		},
	}
}

func scenarioOf(name string) (scenario, bool) {
	all := scenarios()
	i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
	if i < 0 {
		return scenario{}, false
	}
	return all[i], true
}

// Scenarios returns the names of all scenarios, and what each does.
func Scenarios() (all [][2]string) {
	for _, s := range scenarios() {
		all = append(all, [2]string{s.name, s.does})
	}
	return all
}

func names() (all []string) {
	for _, s := range scenarios() {
		all = append(all, s.name)
	}
	return all
}

func withFloor() (all []string) {
	for _, s := range scenarios() {
		if len(s.floor) > 0 {
			all = append(all, s.name)
		}
	}
	return all
}
