-- Leases of background tasks.

CREATE TABLE tasks (
	name       TEXT    NOT NULL PRIMARY KEY,
	holder     TEXT    NOT NULL, -- empty for none
	generation INTEGER NOT NULL,
	until      INTEGER NOT NULL  -- Unix time in milliseconds
) STRICT, WITHOUT ROWID;

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('tasks', 'tasks', '10 1');
