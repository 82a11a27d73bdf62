-- What time does to sessions, and the leases of those who send heartbeats.

-- Sessions that are live get the settings about time that new ones have by default. A document that is no JSON stays as
-- it is.
UPDATE sessions SET doc = json_set(doc,
		'$.reservation_timeout', 60, '$.disconnect_grace', 120, '$.host_grace', 30,
		'$.empty_timeout', iif(host_id IS NOT NULL OR doc ->> '$.hosted' IS 1, 300, 0), '$.activation_timeout', 60,
		'$.max_duration', 0, '$.idle_timeout', 86400, '$.stale_after', 30, '$.expire_after', 3600,
		'$.fence', 1, '$.liveness', 'live', '$.leased', json('false'))
	WHERE status NOT IN ('ended', 'cancelled', 'expired', 'failed') AND json_valid(doc);

-- The new columns stand before the document, so that they are read without the pages over which a large one continues.
CREATE TABLE sessions_in_time (
	id         TEXT    NOT NULL PRIMARY KEY,
	project    TEXT    NOT NULL,
	version    INTEGER NOT NULL,
	status     TEXT    NOT NULL,
	mode       TEXT    NOT NULL,
	map        TEXT    NOT NULL,
	region     TEXT    NOT NULL,
	visibility TEXT    NOT NULL,
	host_id    TEXT,
	free_seats INTEGER NOT NULL,
	seats_held INTEGER NOT NULL,
	updated_at INTEGER NOT NULL, -- Unix time in milliseconds, as the next two
	due_at     INTEGER,          -- when time changes the session; NULL for never
	ended_at   INTEGER,          -- NULL while it is live
	pulse      TEXT    NOT NULL, -- what heartbeats need of the document, as JSON
	doc        TEXT    NOT NULL
) STRICT;

WITH stored AS (
	SELECT *, status IN ('ended', 'cancelled', 'expired', 'failed') AS over, iif(json_valid(doc), doc, '{}') AS json
	FROM sessions
), timed AS (
	SELECT *,
		coalesce(CAST(round(unixepoch(json ->> '$.created_at', 'subsec') * 1000) AS INTEGER), 0) AS created,
		coalesce(CAST(round(unixepoch(json ->> '$.updated_at', 'subsec') * 1000) AS INTEGER), 0) AS updated,
		CAST(round(unixepoch(json ->> '$.ended_at', 'subsec') * 1000) AS INTEGER) AS ended
	FROM stored
), idle AS (
	-- The idle timeout counts from the end of a sixtieth of it.
	SELECT *, (updated + 1439999) / 1440000 * 1440000 + 86400000 AS idle FROM timed
)
INSERT INTO sessions_in_time
	SELECT id, project, version, status, mode, map, region, visibility, host_id, free_seats, seats_held, updated,
		CASE WHEN over OR NOT json_valid(doc) THEN NULL WHEN status = 'pending' THEN min(idle, created + 60000) ELSE idle END,
		iif(over, ended, NULL),
		json_object('status', status, 'end_reason', json ->> '$.end_reason', 'host_id', host_id,
			'fence', coalesce(json ->> '$.fence', 0), 'host_lost_at', NULL, 'liveness', coalesce(json ->> '$.liveness', ''),
			'leased', json('false'), 'idle_timeout', coalesce(json ->> '$.idle_timeout', 0),
			'stale_after', coalesce(json ->> '$.stale_after', 0), 'expire_after', coalesce(json ->> '$.expire_after', 0)),
		doc
	FROM idle ORDER BY id;
DROP TABLE sessions;
ALTER TABLE sessions_in_time RENAME TO sessions;

CREATE INDEX sessions_by_project ON sessions (project, id, free_seats);
CREATE INDEX sessions_by_status
	ON sessions (status, project, id, free_seats, seats_held, mode, map, region, visibility);
CREATE INDEX sessions_by_mode ON sessions (project, mode, id, status) WHERE mode <> '';
CREATE INDEX sessions_by_map ON sessions (project, map, id, status) WHERE map <> '';
CREATE INDEX sessions_by_region ON sessions (project, region, id, status) WHERE region <> '';
CREATE INDEX sessions_by_host ON sessions (project, host_id, id, status) WHERE host_id IS NOT NULL;
CREATE INDEX sessions_not_public ON sessions (project, visibility, id, status) WHERE visibility <> 'public';
CREATE INDEX sessions_by_due ON sessions (due_at, id, project) WHERE due_at IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (ended_at, id) WHERE ended_at IS NOT NULL;

CREATE TABLE leases (
	id      TEXT    NOT NULL PRIMARY KEY, -- the session's id, for members followed by / and the player's id
	project TEXT    NOT NULL,
	state   TEXT    NOT NULL,
	fence   INTEGER NOT NULL,
	beat_at INTEGER NOT NULL, -- Unix time in milliseconds
	due_at  INTEGER NOT NULL  -- as beat_at
) STRICT, WITHOUT ROWID;

CREATE INDEX leases_by_due ON leases (due_at, id);

-- For the planner, as in the first migration.
DELETE FROM sqlite_stat1 WHERE tbl = 'sessions';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('sessions', 'sqlite_autoindex_sessions_1', '100000 1'),
	('sessions', 'sessions_by_project', '100000 50000 1 1'),
	('sessions', 'sessions_by_status', '100000 12000 6000 1 1 1 1 1 1 1'),
	('sessions', 'sessions_by_mode', '100000 50000 8000 1 1'),
	('sessions', 'sessions_by_map', '100000 50000 4000 1 1'),
	('sessions', 'sessions_by_region', '100000 50000 6000 1 1'),
	('sessions', 'sessions_by_host', '100000 50000 4 1 1'),
	('sessions', 'sessions_not_public', '20000 10000 10000 1 1'),
	('sessions', 'sessions_by_due', '100000 1 1 1'),
	('sessions', 'sessions_by_end', '100000 1 1'),
	('leases', 'leases', '100000 1'),
	('leases', 'leases_by_due', '100000 1 1');
