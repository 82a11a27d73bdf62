-- The sessions that players have left or were removed from, by the events that say so: from which a player's list has the
-- sessions in which it no longer has a seat. In the order of that list.
CREATE TABLE departures (
	project    TEXT    NOT NULL,
	player_id  TEXT    NOT NULL,
	session_id TEXT    NOT NULL,
	seq        INTEGER NOT NULL, -- of the event
	PRIMARY KEY (project, player_id, session_id, seq)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO departures
	SELECT e.project, c.value ->> '$.player_id', e.doc ->> '$.subject.id', e.seq
	FROM events e, json_each(iif(json_valid(e.doc), e.doc, '{}'), '$.changes') c
	WHERE c.value ->> '$.type' IN ('member_left', 'member_removed') AND c.value ->> '$.player_id' IS NOT NULL;

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('departures', 'departures', '1000000 500000 20 2 1');
