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
		},
	}
}
