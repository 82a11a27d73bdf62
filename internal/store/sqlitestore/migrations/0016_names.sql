-- Players are found by the beginning of their display names, whatever their case. gsm_name_key is a function of the engine.
ALTER TABLE players ADD COLUMN name_key TEXT; -- NULL for none

-- A document that is no JSON stays as it is.
UPDATE players SET name_key = gsm_name_key(doc ->> '$.display_name')
	WHERE json_valid(doc) AND doc ->> '$.display_name' <> '';

CREATE INDEX players_by_name ON players (project, name_key) WHERE name_key IS NOT NULL;

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('players', 'players_by_name', '100000 50000 2');
