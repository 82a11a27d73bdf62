-- What background work looks for among players: seats to sweep, and suspensions that have ended.

ALTER TABLE players ADD COLUMN sweeping INTEGER NOT NULL DEFAULT 0; -- 1 while seats are swept
ALTER TABLE players ADD COLUMN suspended_until INTEGER; -- Unix time in milliseconds; NULL for none

UPDATE players SET suspended_until = CAST(round(unixepoch(doc ->> '$.suspended_until', 'subsec') * 1000) AS INTEGER)
	WHERE status = 'suspended' AND doc ->> '$.suspended_until' IS NOT NULL;
-- Who was suspended before suspensions freed seats may hold some, and so may who is being erased and was not swept yet.
UPDATE players SET sweeping = 1, doc = json_set(doc, '$.sweep_since', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
	WHERE status = 'suspended' OR erasing = 1 AND doc ->> '$.seats_swept' IS NULL;
UPDATE players SET doc = json_remove(doc, '$.seats_swept') WHERE erasing = 1;

CREATE INDEX players_sweeping ON players (id) WHERE sweeping = 1;
CREATE INDEX players_suspended_until ON players (suspended_until) WHERE suspended_until IS NOT NULL;

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('players', 'players_sweeping', '10 1'),
	('players', 'players_suspended_until', '1000 1');
