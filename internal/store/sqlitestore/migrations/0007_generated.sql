-- What is searched of API keys is generated from their documents, so that it cannot be anything else. Players and sessions
-- keep copies: docs/decisions/0027-filters-and-generated-columns.md says what generated columns would cost them.

CREATE TABLE generated (
	id      TEXT    NOT NULL PRIMARY KEY,
	project TEXT    NOT NULL GENERATED ALWAYS AS (doc ->> '$.project') VIRTUAL,
	version INTEGER NOT NULL GENERATED ALWAYS AS (doc ->> '$.version') VIRTUAL,
	doc     TEXT    NOT NULL
) STRICT;

INSERT INTO generated (id, doc) SELECT id, doc FROM api_keys;
DROP TABLE api_keys;
ALTER TABLE generated RENAME TO api_keys;

CREATE INDEX api_keys_by_project ON api_keys (project, id);

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('api_keys', 'sqlite_autoindex_api_keys_1', '1000 1'),
	('api_keys', 'api_keys_by_project', '1000 100 1');
