-- Leases of background tasks, and counts and lists of live sessions that do not walk those that are over.

CREATE TABLE tasks (
	name       TEXT    NOT NULL PRIMARY KEY,
	holder     TEXT    NOT NULL, -- empty for none
	generation INTEGER NOT NULL,
	until      INTEGER NOT NULL  -- Unix time in milliseconds
) STRICT, WITHOUT ROWID;

-- The status comes first, so that sessions of all projects are counted by it. What follows the id is filtered or counted in
-- the index, without reading the document's row.
DROP INDEX sessions_by_status;
CREATE INDEX sessions_by_status
	ON sessions (status, project, id, free_seats, seats_held, mode, map, region, visibility);

-- For the planner, as in the first migration.
DELETE FROM sqlite_stat1 WHERE idx = 'sessions_by_status';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('sessions', 'sessions_by_status', '100000 12000 6000 1 1 1 1 1 1 1'),
	('tasks', 'tasks', '10 1');
