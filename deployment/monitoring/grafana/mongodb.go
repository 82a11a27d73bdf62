package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// mongodb is the dashboard of the database, as seen from gsm and from the mongodb_exporter of each member.
func mongodb() board {
	const commands = "gsm_store_command_duration_seconds"
	return board{
		uid: "gsm-mongodb", mongodb: true, title: "gsm: MongoDB",
		description: "The database as gsm's driver sees it, and as its exporter does. What gsm sees of an embedded " +
			"database is in the first row too.",
		rows: []row{
			{"Now", []panel{
				number("Replicas that reach it", units.PercentUnit,
					"Replicas of gsm whose database answered within the last ten seconds.",
					query{`avg(gsm_store_up{GSM})`, "reached"},
				).limits(.999, .5).wide(6).explained("GsmDatabaseUnavailable"),
				number("Members that answer", units.Short, "Members of the replica set whose exporter reaches them.",
					query{`sum(mongodb_up{MONGODB})`, "members"},
				).wide(6).explained("MongoDBDown", "MongoDBExporterDown"),
				number("Primaries", units.Short, "One for each replica set.",
					query{`sum(max by (namespace, rs_nm) (mongodb_rs_members_state{MONGODB} == bool 1))`, "primaries"},
				).limits(1, .5).wide(6).explained("MongoDBNoPrimary"),
				number("Calls that wait", units.Short, "Calls that wait for a connection of the pool.",
					query{`sum(gsm_store_pool_connections{GSM,state="waiting"})`, "waiting"},
				).limits(1, 10).wide(6).explained("GsmPoolExhausted"),
			}},
			{"What gsm sees: operations", []panel{
				graph("Operations", units.OpsPerSecond,
					"Operations of the store a second. One may be several commands.",
					query{`sum by (operation) (rate(gsm_store_operation_duration_seconds_count{GSM}[$__rate_interval]))`, "{{operation}}"},
				).stack(),
				graph("p99 of operations", units.Seconds, "One operation in a hundred takes longer.",
					query{quantile("0.99", "gsm_store_operation_duration_seconds", "", "operation"), "{{operation}}"},
				).limits(0, .25).traced().explained("GsmStoreSlow"),
				graph("Operations by result", units.OpsPerSecond,
					"Operations a second. stale, exists, not_found and conflict are answers; unavailable and error "+
						"are failures.",
					query{`sum by (result) (rate(gsm_store_operation_duration_seconds_count{GSM}[$__rate_interval]))`, "{{result}}"},
				).stack().explained("GsmDatabaseUnavailable"),
				graph("Connections of the pools", units.Short,
					"Connections that are in use and idle, and calls that wait for one. 100 connections is the limit "+
						"of a replica (maxPoolSize).",
					query{`sum by (instance, state) (gsm_store_pool_connections{GSM})`, "{{state}} {{instance}}"},
				).explained("GsmPoolExhausted"),
			}},
			{"What gsm sees: commands", []panel{
				graph("Commands", units.OpsPerSecond, "Commands to MongoDB a second.",
					query{`sum by (command) (rate(` + commands + `_count{GSM}[$__rate_interval]))`, "{{command}}"},
				).stack(),
				graph("Response times of commands", units.Seconds, "With the way there and back.",
					query{quantile("0.5", commands, "", ""), "p50"},
					query{quantile("0.95", commands, "", ""), "p95"},
					query{quantile("0.99", commands, "", ""), "p99"}).traced().explained("GsmStoreSlow"),
				graph("Commands by result", units.OpsPerSecond,
					"timeout and network are commands without an answer; numbers are codes of the server, 11000 for "+
						"a name that is taken.",
					query{`sum by (result) (rate(` + commands + `_count{GSM}[$__rate_interval]))`, "{{result}}"},
				).stack().explained("MongoDBCommandsFailing"),
				graph("p99 by command", units.Seconds, "One command in a hundred takes longer.",
					query{quantile("0.99", commands, "", "command"), "{{command}}"}).traced(),
			}},
			{"What the exporter sees", []panel{
				graph("Connections", units.Short, "Connections that are open, and how many more the server would take.",
					query{`mongodb_ss_connections{MONGODB,conn_type=~"current|available"}`, "{{conn_type}} {{instance}}"},
				).explained("MongoDBConnectionsHigh"),
				graph("Operations of the server", units.OpsPerSecond,
					"Operations a second, with those of others than gsm.",
					query{`sum by (legacy_op_type) (rate(mongodb_ss_opcounters{MONGODB}[$__rate_interval]))`, "{{legacy_op_type}}"},
				).stack(),
				graph("Replication lag", units.Seconds, "How far each secondary is behind the primary.",
					query{`(max by (namespace, rs_nm) (mongodb_rs_members_optimeDate{MONGODB,member_state="PRIMARY"})` + ` - on (namespace, rs_nm) group_right () max by (namespace, rs_nm, member_idx) (mongodb_rs_members_optimeDate{MONGODB,member_state="SECONDARY"})) / 1000`, "{{member_idx}}"},
				).limits(2, 10).explained("MongoDBReplicationLag"),
				graph("Cache", units.BytesIEC,
					"What WiredTiger has in its cache, and how much it may have. Full all the time, with pages read "+
						"in, is too little memory.",
					query{`mongodb_ss_wt_cache_bytes_currently_in_the_cache{MONGODB}`, "in use {{instance}}"},
					query{`mongodb_ss_wt_cache_maximum_bytes_configured{MONGODB}`, "limit {{instance}}"}),
				graph("Read into the cache", units.BytesPerSecondSI,
					"What was not in the cache and had to be read from the disk.",
					query{`rate(mongodb_ss_wt_cache_bytes_read_into_cache{MONGODB}[$__rate_interval])`, "{{instance}}"}),
				graph("State of the members", units.Short,
					"1 is the primary, 2 a secondary; others are MongoDB's states of a member that is not well.",
					query{`max by (rs_nm, member_idx) (mongodb_rs_members_state{MONGODB})`, "{{member_idx}}"},
				).explained("MongoDBNoPrimary", "MongoDBDown"),
			}},
		},
	}
}
