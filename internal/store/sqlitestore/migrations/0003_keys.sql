-- API keys, and the keys that sign tokens: whole, as JSON, in doc.

CREATE TABLE api_keys (
	id      TEXT    NOT NULL PRIMARY KEY,
	project TEXT    NOT NULL,
	version INTEGER NOT NULL,
	doc     TEXT    NOT NULL
) STRICT;

CREATE INDEX api_keys_by_project ON api_keys (project, id);

CREATE TABLE signing_keys (
	id  TEXT NOT NULL PRIMARY KEY,
	doc TEXT NOT NULL
) STRICT;

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('api_keys', 'sqlite_autoindex_api_keys_1', '1000 1'),
	('api_keys', 'api_keys_by_project', '1000 100 1'),
	('signing_keys', 'sqlite_autoindex_signing_keys_1', '10 1');
