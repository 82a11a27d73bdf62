-- Samples of the system's metrics: whole, as JSON, in doc.

CREATE TABLE metrics (
	at         INTEGER NOT NULL, -- Unix time in milliseconds
	replica    TEXT    NOT NULL,
	expires_at INTEGER NOT NULL, -- as at
	doc        TEXT    NOT NULL,
	PRIMARY KEY (at, replica)
) STRICT, WITHOUT ROWID;

CREATE INDEX metrics_by_expiry ON metrics (expires_at);

-- For the planner, as in the first migration: samples of a week, of one replica.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('metrics', 'metrics', '40000 1 1'),
	('metrics', 'metrics_by_expiry', '40000 1');
