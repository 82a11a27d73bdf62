#!/bin/bash
# Restores the database from the dump BACKUP in /backup, or from the latest one. It replaces the current data.
set -euo pipefail
: "${URI:?the URI of the replica set, with the user root}"

cd /backup
name=${BACKUP:-$(printf '%s\n' gsm-*.archive.gz | tail -n 1)}
gzip --test "$name"
printf 'uri: "%s"\n' "$URI" >/tmp/mongorestore.yaml
# Only root may replay the oplog: the role restore lacks updates and removals.
# With --oplogReplay no namespace can be left out, so users and passwords are restored too, and `up` sets them again.
mongorestore --config=/tmp/mongorestore.yaml --gzip --archive="$name" --drop --oplogReplay
printf 'restored %s\n' "$name"
