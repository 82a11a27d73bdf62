-- Members and attributes of live sessions stand together, so that a list by a live status does not walk past the rows of
-- sessions that have ended. A host's list reads the status from its index.

CREATE TABLE members_by_life (
	player_id  TEXT    NOT NULL,
	live       INTEGER NOT NULL, -- 1 until the session has ended, then 0
	session_id TEXT    NOT NULL,
	PRIMARY KEY (player_id, live, session_id)
) STRICT, WITHOUT ROWID;

INSERT INTO members_by_life
	SELECT m.player_id, s.status NOT IN ('ended', 'cancelled', 'expired', 'failed'), m.session_id
	FROM members m CROSS JOIN sessions s ON s.id = m.session_id;
DROP TABLE members;
ALTER TABLE members_by_life RENAME TO members;

-- A value is a REAL, a TEXT or, for false and true, the BLOB 00 or 01: they never equal each other, and have an order.
CREATE TABLE attributes_by_life (
	project    TEXT    NOT NULL,
	key        TEXT    NOT NULL,
	value      ANY     NOT NULL,
	live       INTEGER NOT NULL, -- as in members
	session_id TEXT    NOT NULL,
	PRIMARY KEY (project, key, value, live, session_id)
) STRICT, WITHOUT ROWID;

INSERT INTO attributes_by_life
	SELECT a.project, a.key, a.value, s.status NOT IN ('ended', 'cancelled', 'expired', 'failed'), a.session_id
	FROM attributes a CROSS JOIN sessions s ON s.id = a.session_id;
DROP TABLE attributes;
ALTER TABLE attributes_by_life RENAME TO attributes;

DROP INDEX sessions_by_host;
CREATE INDEX sessions_by_host ON sessions (project, host_id, id, status) WHERE host_id IS NOT NULL;

-- For the planner, as in the first migration.
DELETE FROM sqlite_stat1 WHERE tbl IN ('members', 'attributes') OR idx = 'sessions_by_host';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('members', 'members', '400000 20 10 1'),
	('attributes', 'attributes', '300000 150000 50000 500 250 1'),
	('sessions', 'sessions_by_host', '100000 50000 4 1 1');
