-- Players whom sessions name beside their members, so that what names a player is found when the player is erased.
CREATE TABLE named (
	player_id  TEXT    NOT NULL,
	live       INTEGER NOT NULL, -- as in members
	session_id TEXT    NOT NULL,
	PRIMARY KEY (player_id, live, session_id)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO named
	SELECT b.value ->> '$.player_id', s.status NOT IN ('ended', 'cancelled', 'expired', 'failed'), s.id
	FROM sessions s, json_each(iif(json_valid(s.doc), s.doc, '{}'), '$.bans') b
	WHERE b.value ->> '$.player_id' IS NOT NULL;

-- The end of a ban is a time at which a live session changes.
UPDATE sessions SET due_at = min(coalesce(due_at, bans.until), bans.until)
FROM (
	SELECT s.id, min(CAST(round(unixepoch(b.value ->> '$.until', 'subsec') * 1000) AS INTEGER)) AS until
	FROM sessions s, json_each(iif(json_valid(s.doc), s.doc, '{}'), '$.bans') b
	WHERE b.value ->> '$.until' IS NOT NULL AND s.status NOT IN ('ended', 'cancelled', 'expired', 'failed')
	GROUP BY s.id
) bans WHERE sessions.id = bans.id;

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('named', 'named', '100000 20 10 1');
