-- Searches compare and order by more fields, read the attributes of a session by its id, and walk the values of an
-- attribute among live sessions alone.
ALTER TABLE sessions ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0; -- Unix time in milliseconds
ALTER TABLE sessions ADD COLUMN max_players INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN locked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN has_password INTEGER NOT NULL DEFAULT 0;
-- Why no newcomer can join, a bit for each reason: 1 full, 2 locked, 4 stale, 8 closed, 16 ended, 32 private, 64 password.
ALTER TABLE sessions ADD COLUMN obstacles INTEGER NOT NULL DEFAULT 0;

-- A document that is no JSON stays as it is.
UPDATE sessions SET
	name = coalesce(doc ->> '$.name', ''),
	created_at = coalesce(CAST(round(unixepoch(doc ->> '$.created_at', 'subsec') * 1000) AS INTEGER), 0),
	max_players = free_seats + seats_held,
	locked = coalesce(doc ->> '$.locked', 0),
	has_password = coalesce(doc ->> '$.has_password', 0),
	obstacles = iif(status IN ('ended', 'cancelled', 'expired', 'failed'), 16,
		iif(free_seats <= 0 OR EXISTS (
			SELECT 1 FROM json_each(doc, '$.wait_list') AS w WHERE w.type = 'object' AND (
				coalesce(w.value ->> '$.team', '') = '' OR
				w.value ->> '$.team' = 'auto' AND NOT EXISTS (SELECT 1 FROM json_each(doc, '$.teams') AS t WHERE t.key <> '')
			)
		), 1, 0) + iif(doc ->> '$.locked' IS 1, 2, 0) +
		iif(liveness = 'stale' AND (host_id IS NOT NULL OR doc ->> '$.hosted' IS NOT 1), 4, 0) +
		iif(status = 'open' OR status = 'in_progress' AND doc ->> '$.join_in_progress' IS 1, 0, 8) +
		iif(doc ->> '$.has_password' IS 1, 64, iif(visibility = 'private', 32, 0)))
	WHERE json_valid(doc);

DROP INDEX sessions_by_status;
CREATE INDEX sessions_by_status ON sessions (
	status, project, id, free_seats, seats_held, mode, map, region, visibility, obstacles, max_players, created_at,
	updated_at, name
);

-- A value is a REAL, a TEXT or, for false and true, the BLOB 00 or 01: they never equal each other, and have an order.
CREATE TABLE attributes_by_value (
	project    TEXT    NOT NULL,
	key        TEXT    NOT NULL,
	live       INTEGER NOT NULL, -- as in members
	value      ANY     NOT NULL,
	session_id TEXT    NOT NULL,
	PRIMARY KEY (project, key, live, value, session_id)
) STRICT, WITHOUT ROWID;

INSERT INTO attributes_by_value
	SELECT project, key, live, value, session_id FROM attributes ORDER BY project, key, live, value, session_id;
DROP TABLE attributes;
ALTER TABLE attributes_by_value RENAME TO attributes;
CREATE INDEX attributes_by_session ON attributes (session_id, key);

-- For the planner, as in the first migration.
DELETE FROM sqlite_stat1 WHERE tbl = 'attributes' OR idx = 'sessions_by_status';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('attributes', 'attributes', '300000 150000 50000 25000 250 1'),
	('attributes', 'attributes_by_session', '300000 3 1'),
	('sessions', 'sessions_by_status', '100000 12000 6000 1 1 1 1 1 1 1 1 1 1 1 1');
