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
				{
					title: "Replicas that reach it", kind: "stat", unit: units.PercentUnit, width: 6, warn: .999,
					bad: .5, description: "Replicas of gsm whose database answered within the last ten seconds.",
					queries:  []query{{`avg(gsm_store_up{GSM})`, "reached"}},
					runbooks: []string{"GsmDatabaseUnavailable"},
				},
				{
					title: "Members that answer", kind: "stat", unit: units.Short, width: 6,
					description: "Members of the replica set whose exporter reaches them.",
					queries:     []query{{`sum(mongodb_up{MONGODB})`, "members"}},
					runbooks:    []string{"MongoDBDown", "MongoDBExporterDown"},
				},
				{
					title: "Primaries", kind: "stat", unit: units.Short, width: 6, warn: 1, bad: .5,
					description: "One for each replica set.",
					queries: []query{
						{`sum(max by (namespace, rs_nm) (mongodb_rs_members_state{MONGODB} == bool 1))`, "primaries"},
					}, runbooks: []string{"MongoDBNoPrimary"},
				},
				{
					title: "Calls that wait", kind: "stat", unit: units.Short, width: 6, warn: 1, bad: 10,
					description: "Calls that wait for a connection of the pool.",
					queries:     []query{{`sum(gsm_store_pool_connections{GSM,state="waiting"})`, "waiting"}},
					runbooks:    []string{"GsmPoolExhausted"},
				},
			}},
			{"What gsm sees: operations", []panel{
				{
					title: "Operations", unit: units.OpsPerSecond, stacked: true,
					description: "Operations of the store a second. One may be several commands.",
					queries: []query{{
						`sum by (operation) (rate(gsm_store_operation_duration_seconds_count{GSM}[$__rate_interval]))`,
						"{{operation}}",
					}},
				},
				{
					title: "p99 of operations", unit: units.Seconds, bad: .25, exemplars: true,
					description: "One operation in a hundred takes longer.",
					queries: []query{
						{quantile("0.99", "gsm_store_operation_duration_seconds", "", "operation"), "{{operation}}"},
					}, runbooks: []string{"GsmStoreSlow"},
				},
				{
					title: "Operations by result", unit: units.OpsPerSecond, stacked: true,
					description: "Operations a second. stale, exists, not_found and conflict are answers; " +
						"unavailable and error are failures.",
					queries: []query{{
						`sum by (result) (rate(gsm_store_operation_duration_seconds_count{GSM}[$__rate_interval]))`,
						"{{result}}",
					}}, runbooks: []string{"GsmDatabaseUnavailable"},
				},
				{
					title: "Connections of the pools", unit: units.Short, description: "Connections that are in use " +
						"and " +
						"idle, and calls that wait for one. 100 connections is the limit of a replica (maxPoolSize).",
					queries: []query{
						{`sum by (instance, state) (gsm_store_pool_connections{GSM})`, "{{state}} {{instance}}"},
					}, runbooks: []string{"GsmPoolExhausted"},
				},
			}},
			{"What gsm sees: commands", []panel{
				{
					title: "Commands", unit: units.OpsPerSecond, stacked: true,
					description: "Commands to MongoDB a second.",
					queries: []query{
						{`sum by (command) (rate(` + commands + `_count{GSM}[$__rate_interval]))`, "{{command}}"},
					},
				},
				{
					title: "Response times of commands", unit: units.Seconds, exemplars: true,
					description: "With the way there and back.", runbooks: []string{"GsmStoreSlow"},
					queries: []query{{
						quantile("0.5", commands, "", ""), "p50",
					}, {quantile("0.95", commands, "", ""), "p95"}, {quantile("0.99", commands, "", ""), "p99"}},
				},
				{
					title: "Commands by result", unit: units.OpsPerSecond, stacked: true,
					description: "timeout and network are commands without an answer; numbers are codes of the " +
						"server, 11000 for a name that is taken.",
					queries: []query{
						{`sum by (result) (rate(` + commands + `_count{GSM}[$__rate_interval]))`, "{{result}}"},
					}, runbooks: []string{"MongoDBCommandsFailing"},
				},
				{
					title: "p99 by command", unit: units.Seconds, exemplars: true,
					description: "One command in a hundred takes longer.",
					queries:     []query{{quantile("0.99", commands, "", "command"), "{{command}}"}},
				},
			}},
			{"What the exporter sees", []panel{
				{
					title: "Connections", unit: units.Short,
					description: "Connections that are open, and how many more the server would take.",
					runbooks:    []string{"MongoDBConnectionsHigh"},
					queries: []query{{
						`mongodb_ss_connections{MONGODB,conn_type=~"current|available"}`, "{{conn_type}} {{instance}}",
					}},
				},
				{
					title: "Operations of the server", unit: units.OpsPerSecond, stacked: true,
					description: "Operations a second, with those of others than gsm.",
					queries: []query{{
						`sum by (legacy_op_type) (rate(mongodb_ss_opcounters{MONGODB}[$__rate_interval]))`,
						"{{legacy_op_type}}",
					}},
				},
				{
					title: "Replication lag", unit: units.Seconds, warn: 2, bad: 10,
					description: "How far each secondary is behind the primary.",
					runbooks:    []string{"MongoDBReplicationLag"},
					queries: []query{{
						`(max by (namespace, rs_nm) (mongodb_rs_members_optimeDate{MONGODB,member_state="PRIMARY"})` +
							` - on (namespace, rs_nm) group_right () max by (namespace, rs_nm, member_idx) (mongodb_rs_members_optimeDate{MONGODB,member_state="SECONDARY"})) / 1000`, "{{member_idx}}",
					}},
				},
				{title: "Cache", unit: units.BytesIEC, description: "What WiredTiger has in its cache, and how much " +
					"it may have. Full all the time, with pages read in, is too little memory.", queries: []query{
					{`mongodb_ss_wt_cache_bytes_currently_in_the_cache{MONGODB}`, "in use {{instance}}"},
					{`mongodb_ss_wt_cache_maximum_bytes_configured{MONGODB}`, "limit {{instance}}"},
				}},
				{
					title: "Read into the cache", unit: units.BytesPerSecondSI,
					description: "What was not in the cache and had to be read from the disk.",
					queries: []query{
						{`rate(mongodb_ss_wt_cache_bytes_read_into_cache{MONGODB}[$__rate_interval])`, "{{instance}}"},
					},
				},
				{
					title: "State of the members", unit: units.Short, description: "1 is the primary, 2 a secondary; " +
						"others are MongoDB's states of a member that is not well.",
					queries: []query{
						{`max by (rs_nm, member_idx) (mongodb_rs_members_state{MONGODB})`, "{{member_idx}}"},
					}, runbooks: []string{"MongoDBNoPrimary", "MongoDBDown"},
				},
			}},
		},
	}
}
