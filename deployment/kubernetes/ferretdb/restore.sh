#!/bin/bash
# Restores the database from the copy BACKUP in /backup, or from the latest one. PostgreSQL must be stopped. The
# replaced data is kept beside it, under a name that says so.
set -euo pipefail

data=/var/lib/postgresql/data
cd /backup
name=${BACKUP:-$(printf '%s\n' gsm-*Z | tail -n 1)}
gzip --test "$name/base.tar.gz"
rm -rf "$data/restored"
mkdir -m 0700 "$data/restored"
tar --extract --gzip --file="$name/base.tar.gz" --directory="$data/restored"
[ ! -e "$data/pgdata" ] || mv "$data/pgdata" "$data/before-$(date -u +%Y%m%dT%H%M%SZ)"
mv "$data/restored" "$data/pgdata"
sync "$data"
printf 'restored %s\n' "$name"
