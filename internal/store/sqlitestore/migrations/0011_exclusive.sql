-- In which exclusive session a player is. No session that is stored is exclusive yet.
CREATE TABLE exclusive_places (
	project    TEXT NOT NULL,
	player_id  TEXT NOT NULL,
	session_id TEXT NOT NULL,
	PRIMARY KEY (project, player_id)
) STRICT, WITHOUT ROWID;

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('exclusive_places', 'exclusive_places', '100000 50000 1');
