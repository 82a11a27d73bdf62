#!/bin/bash
# Puts the database back as it was in the dump BACKUP of /backup, or in the latest one. What is there now is replaced.
set -euo pipefail
: "${URI:?the URI of the replica set, with the user root}"

cd /backup
name=${BACKUP:-$(printf '%s\n' gsm-*.archive.gz | tail -n 1)}
gzip --test "$name"
printf 'uri: "%s"\n' "$URI" >/tmp/mongorestore.yaml
# Only root may replay the oplog: the role restore lacks updates and removals.
# All or nothing: with --oplogReplay no namespace can be left out, so users and passwords come back too, and `up` sets them anew.
mongorestore --config=/tmp/mongorestore.yaml --gzip --archive="$name" --drop --oplogReplay
printf 'restored %s\n' "$name"
