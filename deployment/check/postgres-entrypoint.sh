#!/bin/bash
# The entrypoint of the stand-in for the image postgres. It does the part of the real one that ../kubernetes/ferretdb
# uses.
set -euo pipefail
: "${PGDATA:?}" "${POSTGRES_USER:?}" "${POSTGRES_PASSWORD:?}" "${POSTGRES_DB:?}"
[ "${1:-}" = postgres ] || exec "$@"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA"
  initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --encoding=UTF8 --locale=C.UTF-8
  cat >>"$PGDATA/postgresql.conf" <<CONF
listen_addresses = '*'
unix_socket_directories = '${PGHOST:-/var/run/postgresql}'
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
CONF
  pg_ctl --pgdata="$PGDATA" --options='-c listen_addresses=' --wait start
  psql --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --no-psqlrc --set=ON_ERROR_STOP=1 --command='CREATE EXTENSION documentdb CASCADE'
  pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
fi
exec "$@"
