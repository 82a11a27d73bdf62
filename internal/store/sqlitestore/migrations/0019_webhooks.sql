-- Webhooks and the records of their deliveries: whole, as JSON, in doc.

CREATE TABLE webhooks (
	id       TEXT    NOT NULL PRIMARY KEY,
	project  TEXT    NOT NULL GENERATED ALWAYS AS (doc ->> '$.project') VIRTUAL,
	version  INTEGER NOT NULL GENERATED ALWAYS AS (doc ->> '$.version') VIRTUAL,
	revision INTEGER NOT NULL GENERATED ALWAYS AS (doc ->> '$.progress.revision') VIRTUAL,
	doc      TEXT    NOT NULL
) STRICT;

CREATE INDEX webhooks_by_project ON webhooks (project, id);

CREATE TABLE deliveries (
	id         TEXT    NOT NULL PRIMARY KEY, -- begins with the webhook's
	at         INTEGER NOT NULL, -- Unix time in milliseconds
	webhook_id TEXT    NOT NULL GENERATED ALWAYS AS (doc ->> '$.webhook_id') VIRTUAL,
	status     TEXT    NOT NULL GENERATED ALWAYS AS (doc ->> '$.status') VIRTUAL,
	doc        TEXT    NOT NULL
) STRICT;

CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_by_status ON deliveries (webhook_id, status, id);
CREATE INDEX deliveries_by_time ON deliveries (at);

-- For the planner, as in the first migration.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('webhooks', 'sqlite_autoindex_webhooks_1', '100 1'),
	('webhooks', 'webhooks_by_project', '100 20 1'),
	('deliveries', 'sqlite_autoindex_deliveries_1', '20000 1'),
	('deliveries', 'deliveries_by_webhook', '20000 2000 1'),
	('deliveries', 'deliveries_by_status', '20000 2000 700 1'),
	('deliveries', 'deliveries_by_time', '20000 2');
