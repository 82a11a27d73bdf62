#!/bin/bash
# Dumps a consistent snapshot of the database into /backup, and keeps the KEEP latest dumps. A file with the final name
# is complete.
set -euo pipefail
: "${KEEP:?how many dumps to keep}" "${URI:?the URI of the replica set, with a user who has the role backup}"

cd /backup
rm -f ./*.partial
name=gsm-$(date -u +%Y%m%dT%H%M%SZ).archive.gz
# --oplog adds the writes during the dump. Passwords do not belong on a command line.
printf 'uri: "%s"\n' "$URI" >/tmp/mongodump.yaml
mongodump --config=/tmp/mongodump.yaml --oplog --gzip --archive="$name.partial" --quiet
gzip --test "$name.partial"
sync "$name.partial"
mv "$name.partial" "$name"
sync .
printf 'made %s, %s bytes\n' "$name" "$(stat -c %s "$name")"

printf '%s\n' gsm-*.archive.gz | sort -r | tail -n "+$((KEEP + 1))" | while read -r old; do
  rm -- "$old"
  printf 'removed %s\n' "$old"
done
