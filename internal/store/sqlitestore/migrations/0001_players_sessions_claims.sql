-- Documents are whole, as JSON, in doc. The other columns are copies of what is searched or counted.

CREATE TABLE players (
	id           TEXT    NOT NULL PRIMARY KEY,
	project      TEXT    NOT NULL,
	version      INTEGER NOT NULL,
	status       TEXT    NOT NULL,
	username_key TEXT,             -- NULL for none
	erasing      INTEGER NOT NULL, -- 1 while the erasure is under way
	doc          TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX players_by_username ON players (project, username_key) WHERE username_key IS NOT NULL;
CREATE INDEX players_by_project ON players (project, id) WHERE erasing = 0;
-- Nearly all players are active: an index of the others finds them, and costs nothing where there are none.
CREATE INDEX players_not_active ON players (project, status, id) WHERE erasing = 0 AND status <> 'active';
CREATE INDEX players_erasing ON players (id) WHERE erasing = 1;

CREATE TABLE identities (
	project   TEXT NOT NULL,
	provider  TEXT NOT NULL,
	subject   TEXT NOT NULL,
	player_id TEXT NOT NULL,
	PRIMARY KEY (project, provider, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
	id         TEXT    NOT NULL PRIMARY KEY,
	project    TEXT    NOT NULL,
	version    INTEGER NOT NULL,
	status     TEXT    NOT NULL,
	mode       TEXT    NOT NULL,
	map        TEXT    NOT NULL,
	region     TEXT    NOT NULL,
	visibility TEXT    NOT NULL,
	host_id    TEXT,
	free_seats INTEGER NOT NULL,
	seats_held INTEGER NOT NULL,
	doc        TEXT    NOT NULL
) STRICT;

-- Lists are by id: each index gives one equality filter in that order. What follows the id is filtered or counted in
-- the index, without reading the document's row. Seats change most often and so stand in two indexes only.
CREATE INDEX sessions_by_project ON sessions (project, id, free_seats);
CREATE INDEX sessions_by_status ON sessions (project, status, id, free_seats, seats_held);
CREATE INDEX sessions_by_mode ON sessions (project, mode, id, status) WHERE mode <> '';
CREATE INDEX sessions_by_map ON sessions (project, map, id, status) WHERE map <> '';
CREATE INDEX sessions_by_region ON sessions (project, region, id, status) WHERE region <> '';
CREATE INDEX sessions_by_host ON sessions (project, host_id, id) WHERE host_id IS NOT NULL;
CREATE INDEX sessions_not_public ON sessions (project, visibility, id, status) WHERE visibility <> 'public';

CREATE TABLE members (
	player_id  TEXT NOT NULL,
	session_id TEXT NOT NULL,
	PRIMARY KEY (player_id, session_id)
) STRICT, WITHOUT ROWID;

-- A value is a REAL, a TEXT or, for false and true, the BLOB 00 or 01: they never equal each other, and have an order.
CREATE TABLE attributes (
	project    TEXT NOT NULL,
	key        TEXT NOT NULL,
	value      ANY  NOT NULL,
	session_id TEXT NOT NULL,
	PRIMARY KEY (project, key, value, session_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE claims (
	key         TEXT    NOT NULL PRIMARY KEY,
	fingerprint TEXT    NOT NULL,
	document_id TEXT    NOT NULL,
	expires_at  INTEGER NOT NULL -- Unix time in milliseconds
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_by_expiry ON claims (expires_at);

-- What the planner is told instead of measuring, so that plans are the same in every database: of 100,000 rows, how many
-- have the same value in the first column of the index, in the first two, and so on.
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('players', 'sqlite_autoindex_players_1', '100000 1'),
	('players', 'players_by_username', '100000 50000 1'),
	('players', 'players_by_project', '100000 50000 1'),
	('players', 'players_not_active', '1000 500 500 1'),
	('players', 'players_erasing', '10 1'),
	('identities', 'identities', '100000 50000 25000 1'),
	('sessions', 'sqlite_autoindex_sessions_1', '100000 1'),
	('sessions', 'sessions_by_project', '100000 50000 1 1'),
	('sessions', 'sessions_by_status', '100000 50000 12000 1 1 1'),
	('sessions', 'sessions_by_mode', '100000 50000 8000 1 1'),
	('sessions', 'sessions_by_map', '100000 50000 4000 1 1'),
	('sessions', 'sessions_by_region', '100000 50000 6000 1 1'),
	('sessions', 'sessions_by_host', '100000 50000 4 1'),
	('sessions', 'sessions_not_public', '20000 10000 10000 1 1'),
	('members', 'members', '400000 20 1'),
	('attributes', 'attributes', '300000 150000 50000 500 1'),
	('claims', 'claims', '100000 1'),
	('claims', 'claims_by_expiry', '100000 1');
