-- Sessions that have missed their heartbeats are found by their liveness.
ALTER TABLE sessions ADD COLUMN liveness TEXT NOT NULL DEFAULT 'live';
UPDATE sessions SET liveness = 'stale' WHERE pulse ->> '$.liveness' = 'stale';

CREATE INDEX sessions_stale ON sessions (project, liveness, id, status) WHERE liveness <> 'live';

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('sessions', 'sessions_stale', '1000 500 500 1 1');
