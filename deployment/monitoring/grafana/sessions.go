package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// sessions is the dashboard of players and sessions. Each replica counts the whole database, at most ten seconds ago,
// so panels show the maximum of the replicas, not their sum.
func sessions() board {
	const join = `route="/api/v1/sessions/{session_id}/members"`
	operations := func(names string) string {
		return `sum by (operation) (rate(gsm_store_operation_duration_seconds_count{GSM,operation=~"` + names + `",result="ok"}[$__rate_interval]))`
	}
	return board{
		uid: "gsm-sessions", title: "gsm: sessions and players",
		description: "Players, sessions and seats, and what happens to them.",
		rows: []row{
			{"Now", []panel{
				number("Players", units.Short, "Players stored.", query{`max(gsm_players{GSM})`, "players"}).wide(6),
				number("Open sessions", units.Short, "Sessions that can be joined.",
					query{`max(gsm_sessions{GSM,status="open"})`, "open"}).wide(6),
				number("Sessions in progress", units.Short, "Sessions that are played.",
					query{`max(gsm_sessions{GSM,status="in_progress"})`, "in progress"}).wide(6),
				number("Seats taken", units.Short, "Seats that players hold in live sessions.",
					query{`max(gsm_members{GSM})`, "seats"}).wide(6),
			}},
			{"What is stored", []panel{
				graph("Players stored", units.Short,
					"Players that are registered and not erased. The embedded database counts to 1,000,000.",
					query{`max by (namespace) (gsm_players{GSM})`, "players {{namespace}}"}),
				graph("Live sessions by status", units.Short,
					"Sessions that are not over, of each status up to 1,000,000.",
					query{`max by (namespace, status) (gsm_sessions{GSM})`, "{{status}} {{namespace}}"}),
				graph("Seats held", units.Short, "Seats that players hold in live sessions.",
					query{`max by (namespace) (gsm_members{GSM})`, "seats {{namespace}}"}),
				graph("Players in a session", units.Short, "Seats that are held, for each live session.",
					query{`max by (namespace) (gsm_members{GSM}) / (sum by (namespace) (max by (namespace, status) (gsm_sessions{GSM,status=~"open|in_progress"})) > 0)`, "players a session {{namespace}}"}),
			}},
			{"What happens", []panel{
				graph("Sessions opened and changed", units.OpsPerSecond,
					"Writes to sessions that were made, a second, by what was written.",
					query{operations(".*_session"), "{{operation}}"}),
				graph("Players registered and changed", units.OpsPerSecond,
					"Reads and writes of players that were made, a second.",
					query{operations(".*_players?"), "{{operation}}"}),
				graph("Joins", units.RequestsPerSecond,
					"Requests to join a session, a second, by how they were answered.",
					query{`sum by (status) (rate(gsm_http_request_duration_seconds_count{GSM,method="POST",` + join + `}[$__rate_interval]))`, "{{status}}"},
				).stack().explained("GsmJoinsRefused"),
				graph("Joins refused by reason", units.RequestsPerSecond,
					"Joins that got a problem document, a second. A race for the last seat refuses some.",
					query{`sum by (code) (rate(gsm_http_problems_total{GSM,` + join + `}[$__rate_interval]))`, "{{code}}"},
				).stack().explained("GsmJoinsRefused"),
				graph("Changes that lost a race", units.OpsPerSecond,
					"Writes refused because another came between, a second. gsm makes them again on the newer "+
						"document; many are a session that everybody wants.",
					query{`sum by (operation) (rate(gsm_store_operation_duration_seconds_count{GSM,result="stale"}[$__rate_interval])) or 0 * sum by (operation) (rate(gsm_store_operation_duration_seconds_count{GSM}[$__rate_interval]))`, "{{operation}}"},
				).wide(24),
			}},
			{"Heartbeats and what time does", []panel{
				graph("Heartbeats", units.OpsPerSecond,
					"Leases that were renewed, a second, of sessions and of members.",
					query{`sum by (of) (rate(gsm_leases_renewed_total{GSM}[$__rate_interval]))`, "{{of}}"},
				).explained("GsmSessionsTurnStale"),
				graph("Sessions that turn stale and expire", units.Short,
					"Sessions in five minutes whose heartbeats stopped, and those that expired because their "+
						"heartbeats did not come back.",
					query{`sum(increase(gsm_sessions_turned_stale_total{GSM}[5m]))`, "turned stale"},
					query{`sum(increase(gsm_sessions_lease_expired_total{GSM}[5m]))`, "expired"},
				).explained("GsmSessionsTurnStale"),
				graph("Delay of what time does", units.Seconds,
					"By how much the earliest session or lease was overdue when a replica looked, which it does every "+
						"second.",
					query{quantile("0.5", "gsm_elapse_lag_seconds", "", "instance"), "p50 {{instance}}"},
					query{quantile("0.99", "gsm_elapse_lag_seconds", "", "instance"), "p99 {{instance}}"},
				).limits(0, 10).explained("GsmKeeperLags"),
				graph("Sessions and leases that were due", units.OpsPerSecond,
					"A second. What several replicas find at the same time counts in each.",
					query{`sum by (of) (rate(gsm_elapse_due_total{GSM}[$__rate_interval]))`, "{{of}}"},
				).explained("GsmKeeperLags"),
				graph("Sessions purged", units.OpsPerSecond,
					"Sessions a second that were removed because they ended long ago.",
					query{`sum by (namespace) (rate(gsm_sessions_purged_total{GSM}[$__rate_interval]))`, "purged {{namespace}}"}),
				graph("Documents that cannot be read", units.Short,
					"How often lists left out a document in five minutes.",
					query{`sum by (collection) (increase(gsm_store_unreadable_documents_total{GSM}[5m]))`, "{{collection}}"},
				).explained("GsmDocumentsUnreadable"),
			}},
		},
	}
}
