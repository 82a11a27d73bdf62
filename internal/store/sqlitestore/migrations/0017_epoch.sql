-- The epoch of the database, one row, which is made with it. A backup has the mark renew: a server that opens it begins a
-- new epoch, because it may use versions again that clients have seen.
CREATE TABLE epoch (
	id    INTEGER PRIMARY KEY CHECK (id = 1),
	value TEXT    NOT NULL,
	renew INTEGER NOT NULL
) STRICT;

INSERT INTO epoch (id, value, renew) VALUES (1, lower(hex(randomblob(8))), 0);
