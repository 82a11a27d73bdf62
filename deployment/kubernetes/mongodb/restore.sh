#!/bin/bash
# Puts the database back as it was in the dump BACKUP of /backup, or in the latest one. What is there now is replaced.
set -euo pipefail
: "${URI:?the URI of the replica set, with a user who has the role restore}"

cd /backup
name=${BACKUP:-$(printf '%s\n' gsm-*.archive.gz | tail -n 1)}
gzip --test "$name"
printf 'uri: "%s"\n' "$URI" >/tmp/mongorestore.yaml
# Users stay as they are: they belong to the cluster's Secret, not to the dump.
mongorestore --config=/tmp/mongorestore.yaml --gzip --archive="$name" --drop --oplogReplay --nsExclude='admin.*' --nsExclude='config.*'
printf 'restored %s\n' "$name"
