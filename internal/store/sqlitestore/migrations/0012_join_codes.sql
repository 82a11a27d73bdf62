-- A join code is unique among the sessions of a project that have one. A session that ends has none.
ALTER TABLE sessions ADD COLUMN join_code TEXT;

CREATE UNIQUE INDEX sessions_by_join_code ON sessions (project, join_code) WHERE join_code IS NOT NULL;

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('sessions', 'sessions_by_join_code', '10000 5000 1');
