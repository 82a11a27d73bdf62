#!/bin/bash
# Copies a consistent snapshot of the database into /backup, and keeps the KEEP latest copies. A folder with the final
# name is complete. pg_dump cannot be used: it leaves out DocumentDB's catalog of collections.
set -euo pipefail
: "${KEEP:?how many copies to keep}"

cd /backup
rm -rf ./*.partial
name=gsm-$(date -u +%Y%m%dT%H%M%SZ)
pg_basebackup --pgdata="$name.partial" --format=tar --gzip --wal-method=fetch --checkpoint=fast --no-password
gzip --test "$name.partial/base.tar.gz"
mv "$name.partial" "$name"
sync .
printf 'made %s, %s bytes\n' "$name" "$(stat -c %s "$name/base.tar.gz")"

printf '%s\n' gsm-*Z | sort -r | tail -n "+$((KEEP + 1))" | while read -r old; do
  rm -r -- "$old"
  printf 'removed %s\n' "$old"
done
