-- Events: whole but for their place in the feed, as JSON, in doc. A row is as it was written until it is removed.

CREATE TABLE events (
	project TEXT    NOT NULL,
	seq     INTEGER NOT NULL, -- the place in the feed of the project
	id      TEXT    NOT NULL, -- kind and id of the subject, and the version: in order for each subject
	at      INTEGER NOT NULL, -- Unix time in milliseconds
	doc     TEXT    NOT NULL,
	PRIMARY KEY (project, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX events_by_subject ON events (id);

-- Whom an event names.
CREATE TABLE event_players (
	project   TEXT    NOT NULL,
	player_id TEXT    NOT NULL,
	seq       INTEGER NOT NULL,
	PRIMARY KEY (project, player_id, seq)
) STRICT, WITHOUT ROWID;

-- The last place that was given in the feed of each project, which stays when its event is removed.
CREATE TABLE feeds (
	project TEXT    NOT NULL PRIMARY KEY,
	seq     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('events', 'events', '1000000 500000 1'),
	('events', 'events_by_subject', '1000000 1'),
	('event_players', 'event_players', '2000000 1000000 20 1'),
	('feeds', 'feeds', '10 1');
