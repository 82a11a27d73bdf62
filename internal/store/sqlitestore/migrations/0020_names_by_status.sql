-- Lists by a mode, map or region walk the sessions of one status, and tell the other names and the visibility from the
-- index. It has nothing that joins change.
DROP INDEX IF EXISTS sessions_by_mode;
DROP INDEX IF EXISTS sessions_by_map;
DROP INDEX IF EXISTS sessions_by_region;
CREATE INDEX sessions_by_mode ON sessions (project, mode, status, id, map, region, visibility) WHERE mode <> '';
CREATE INDEX sessions_by_map ON sessions (project, map, status, id, mode, region, visibility) WHERE map <> '';
CREATE INDEX sessions_by_region ON sessions (project, region, status, id, mode, map, visibility) WHERE region <> '';

-- For the planner, as in the first migration.
DELETE FROM sqlite_stat1 WHERE idx IN ('sessions_by_mode', 'sessions_by_map', 'sessions_by_region');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('sessions', 'sessions_by_mode', '100000 50000 8000 1000 1 1 1 1'),
	('sessions', 'sessions_by_map', '100000 50000 4000 500 1 1 1 1'),
	('sessions', 'sessions_by_region', '100000 50000 6000 750 1 1 1 1');
