-- The events of the audit log: few among many, in the order of the feed.
CREATE TABLE audited (
	project TEXT    NOT NULL,
	seq     INTEGER NOT NULL, -- of the event
	PRIMARY KEY (project, seq)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO audited
	SELECT e.project, e.seq
	FROM (SELECT project, seq, iif(json_valid(doc), doc, '{}') doc FROM events) e
	WHERE e.doc ->> '$.subject.kind' NOT IN ('session', 'player')
		OR e.doc ->> '$.actor.kind' IN ('admin', 'key') AND coalesce(e.doc ->> '$.acting_as', '') = '' AND EXISTS (
			SELECT 1 FROM json_each(e.doc, '$.changes') c
			WHERE c.value ->> '$.type' IN ('player_banned', 'ban_lifted', 'session_purged', 'suspension_set',
					'suspension_lifted', 'player_erased')
				OR c.value ->> '$.type' = 'status_changed'
					AND c.value ->> '$.reason' IN ('cancelled_by_admin', 'force_terminated'));

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('audited', 'audited', '10000 5000 1');
