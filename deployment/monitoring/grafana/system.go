package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// system is the dashboard of gsm's processes, their hosts, and Prometheus.
func system() board {
	return board{
		uid: "gsm-system", title: "gsm: system",
		description: "The replicas of gsm: memory, processor, group commit, background work, disk.",
		rows: []row{
			{"Replicas", []panel{
				{
					title: "What runs", kind: "table", unit: units.Short, description: "Version and engine of each " +
						"replica.",
					queries: []query{
						{`max by (namespace, instance, version, go_version, engine) (gsm_build_info{GSM})`, ""},
					}, runbooks: []string{"GsmVersionsDiffer"},
				},
				{
					title: "Up", unit: units.Short, description: "1 for a replica that answers Prometheus.",
					queries:  []query{{`up{GSM}`, "{{instance}}"}},
					runbooks: []string{"GsmDown", "GsmReplicaDown", "GsmTargetsMissing"},
				},
				{
					title: "Time since the start", unit: units.Seconds, description: "A line that drops is a restart.",
					queries:  []query{{`time() - process_start_time_seconds{GSM}`, "{{instance}}"}},
					runbooks: []string{"GsmRestartsOften"},
				},
				{
					title: "Log lines left out", unit: units.CountsPerSecond, description: "Warnings and errors a " +
						"second that said the same as others, and were counted instead of written.",
					queries: []query{{
						`sum by (instance) (rate(gsm_log_lines_suppressed_total{GSM}[$__rate_interval]))`,
						"{{instance}}",
					}}, runbooks: []string{"GsmErrorsRepeated"},
				},
			}},
			{"Memory and processor", []panel{
				{title: "Memory", unit: units.BytesIEC, bad: 2 << 30, description: "Memory of the process, and of it " +
					"the Go heap in use.", queries: []query{
					{`process_resident_memory_bytes{GSM}`, "process {{instance}}"},
					{`go_memstats_heap_inuse_bytes{GSM}`, "heap {{instance}}"},
				}, runbooks: []string{"GsmMemoryHigh"}},
				{title: "Processor", unit: units.Short, description: "Cores in use.", queries: []query{
					{`rate(process_cpu_seconds_total{GSM}[$__rate_interval])`, "{{instance}}"},
				}},
				{
					title: "Goroutines", unit: units.Short, bad: 5000,
					description: "About two for each open connection.",
					queries:     []query{{`go_goroutines{GSM}`, "{{instance}}"}},
					runbooks:    []string{"GsmGoroutinesHigh"},
				},
				{title: "Garbage collection", unit: units.Seconds, description: "The longest pause, and half of the " +
					"pauses are no longer than the other.", queries: []query{
					{`go_gc_duration_seconds{GSM,quantile=~"1|1.0"}`, "longest {{instance}}"},
					{`go_gc_duration_seconds{GSM,quantile="0.5"}`, "median {{instance}}"},
				}},
				{
					title: "Collections", unit: units.OpsPerSecond, description: "Garbage collections a second.",
					queries: []query{{`rate(go_gc_duration_seconds_count{GSM}[$__rate_interval])`, "{{instance}}"}},
				},
				{
					title: "Open files", unit: units.PercentUnit, warn: .7, bad: .9,
					description: "Open files and connections, of those that the system allows.",
					queries:     []query{{`process_open_fds{GSM} / process_max_fds{GSM}`, "{{instance}}"}},
				},
				{title: "Concurrency limit", width: 24, unit: units.Short, description: "How many requests may be " +
					"processed at once (GSM_MAX_IN_FLIGHT), and how many others are queued.", queries: []query{
					{`gsm_http_requests_queued{GSM}`, "queued {{instance}}"},
					{`gsm_http_concurrency_limit{GSM}`, "limit {{instance}}"},
				}, runbooks: []string{"GsmAvailabilityBurnFast", "GsmLatencyBurnFast"}},
			}},
			{"Group commit (embedded database)", []panel{
				{title: "Commits", unit: units.OpsPerSecond, description: "Commits a second, and the writes that " +
					"were made by them.", queries: []query{
					{`rate(gsm_store_commit_size_count{GSM}[$__rate_interval])`, "commits {{instance}}"},
					{`rate(gsm_store_commit_size_sum{GSM}[$__rate_interval])`, "writes {{instance}}"},
				}},
				{title: "Writes in a commit", unit: units.Short, description: "On average. It grows with the load, " +
					"which is how the disk keeps up.", queries: []query{
					{`rate(gsm_store_commit_size_sum{GSM}[$__rate_interval]) / (rate(gsm_store_commit_size_count{GSM}[$__rate_interval]) > 0)`, "{{instance}}"},
				}},
				{
					title: "Response times of commits", unit: units.Seconds, bad: .1, exemplars: true,
					description: "With the time that the disk takes to keep what was written.",
					queries: []query{
						{quantile("0.5", "gsm_store_commit_duration_seconds", "", "instance"), "p50 {{instance}}"},
						{quantile("0.99", "gsm_store_commit_duration_seconds", "", "instance"), "p99 {{instance}}"},
					}, runbooks: []string{"GsmCommitsSlow"},
				},
				{
					title: "Free space", unit: units.BytesIEC, warn: 1 << 30, bad: 128 << 20,
					description: "On the disk of the database.",
					queries:     []query{{`gsm_store_disk_free_bytes{GSM}`, "{{instance}}"}},
					runbooks:    []string{"GsmDiskFull", "GsmDiskFillingUp"},
				},
				{
					title: "Size of the database", width: 24, unit: units.BytesIEC,
					description: "The file, and its log, which grows while something reads for long, such as a backup.",
					queries:     []query{{`gsm_store_size_bytes{GSM}`, "{{file}} {{instance}}"}},
				},
			}},
			{"Background work", []panel{
				{
					title: "Time since the last success", unit: units.Seconds, bad: 1800,
					description: "The rarest task runs every ten minutes.",
					queries: []query{
						{`time() - gsm_background_last_success_timestamp_seconds{GSM}`, "{{task}} {{instance}}"},
					}, runbooks: []string{"GsmBackgroundStalled"},
				},
				{
					title: "Runs", unit: units.OpsPerSecond, description: "Runs a second, by how they ended.",
					queries: []query{{`sum by (task, result) (rate(gsm_background_run_duration_seconds_count{GSM}[$__rate_interval]))`, "{{task}} {{result}}"}}, runbooks: []string{"GsmBackgroundStalled"},
				},
				{
					title: "How long runs take", width: 24, unit: units.Seconds, description: "On average.",
					queries: []query{
						{`sum by (task) (rate(gsm_background_run_duration_seconds_sum{GSM}[$__rate_interval])) / (sum by (task) (rate(gsm_background_run_duration_seconds_count{GSM}[$__rate_interval])) > 0)`, "{{task}}"},
					},
				},
			}},
		},
	}
}
